"""The work behind `onus model …`; apart from the command, so that asking for help loads no engine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from onus.cli._files import FileError, read_array, read_bytes
from onus.trace import Descriptor, Engine, Program, TraceBatch, compile_tosa

__all__ = ["check", "print_check", "print_run", "read_inputs", "run"]

T = TypeVar("T")

_REPETITIONS: Final = 3
_SHOWN: Final = 16


def check(file: Path) -> dict[str, Any]:
    """What is worth knowing of a model, for `print_check` or as JSON.

    Raises:
        FileError: the file cannot be read.
        TosaFileError: it is no model that can be proven.
    """
    return _describe_program(compile_tosa(read_bytes(file)))


def run(file: Path, inputs: list[Path], outputs: list[Path]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Runs a model.

    Args:
        file: the model.
        inputs: an array for each of its inputs.
        outputs: where to write its outputs; none, or one for each.

    Returns:
        what is said of it, and its outputs; without a batch axis if the inputs have none.

    Raises:
        FileError: a file cannot be read or written, or is no array.
        TosaFileError: the model cannot be proven.
        InputError: the arrays are no inputs of the model.
    """
    program = compile_tosa(read_bytes(file))
    arrays, is_single = read_inputs(program, inputs)
    if outputs and len(outputs) != program.outputs:
        raise FileError(outputs[0], f"{len(outputs)} named, the model has {program.outputs} outputs")
    report, results = _execute(program, arrays, is_single=is_single)
    for path, result in zip(outputs, results, strict=False):
        _write(path, result)
    return report, results


def _describe_program(program: Program) -> dict[str, Any]:
    """What is worth knowing of a program.

    Sizes are in bytes; ``gas`` is the compiler's upper bound of a whole transaction that proves one element.
    """
    manifest, slots = program.manifest, program.slots
    first = len(program.inputs)
    dearest = max(range(len(program.costs)), key=lambda index: program.costs[index].gas)
    cost, entry = program.costs[dearest], program.entries[dearest]
    largest = max(program.costs, key=lambda each: each.evidence_bytes)
    return {
        "sourceHash": _hex(manifest.source_hash),
        "programRoot": _hex(manifest.commitment.program_root),
        "weightsRoot": _hex(manifest.commitment.weights_root),
        "manifestHash": _hex(manifest.hash),
        "compilerVersion": manifest.compiler_version,
        "operators": dict(Counter(entry.opcode.name for entry in program.entries).most_common()),
        "parameters": sum(constant.descriptor.count for constant in program.constants),
        "inputs": [_describe(descriptor) for descriptor in program.inputs],
        "outputs": [_describe(slots[slot]) for slot in program.output_slots],
        "inputBytes": manifest.input_bytes,
        "traceBytes": manifest.trace_bytes,
        "tensorsCommitted": len(slots),
        "tensorsRecomputed": len(program.entries) - len(program.materialised),
        "dearestStep": {
            "slot": first + dearest,
            "operator": entry.opcode.name,
            "tensor": _describe(entry.output),
            "gas": cost.gas,
            "evidenceBytes": cost.evidence_bytes,
            "products": cost.products,
            "evaluations": cost.evaluations,
        },
        "largestEvidenceBytes": largest.evidence_bytes,
        "mostReveals": manifest.depth_budget,
    }


def read_inputs(program: Program, files: list[Path]) -> tuple[list[NDArray[Any]], bool]:
    """Inputs with a batch axis, and whether there was none in the files. The engine checks the rest.

    Raises:
        FileError: a file is no array, or has no inference in it.
    """
    arrays = [read_array(path) for path in files]
    for path, array in zip(files, arrays, strict=True):
        if array.size == 0:
            raise FileError(path, f"nothing in it: its shape is {array.shape}")
    is_single = [array.shape for array in arrays] == [descriptor.shape for descriptor in program.inputs]
    return [array[None] for array in arrays] if is_single else arrays, is_single


def _execute(
    program: Program, arrays: list[NDArray[Any]], *, is_single: bool
) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    engine = Engine(program)
    try:
        # The first run loads the compiled kernels, or compiles them.
        engine.run(arrays)
        execution, made = _timed(lambda: engine.execute(arrays))
        whole, traces = _timed(lambda: engine.run(arrays))
    finally:
        engine.close()
    batch: TraceBatch = traces
    results = [array[0] if is_single else array for array in made]
    report = {
        "inferences": len(batch),
        "outputs": [result.tolist() for result in results],
        "inputRoots": [_hex(root) for root in batch.input_roots],
        "outputRoots": [_hex(root) for root in batch.output_roots],
        "traceRoots": [_hex(root) for root in batch.trace_roots],
        "seconds": {
            "execution": round(execution, 6),
            # What the commitment adds: keeping the tensors, and hashing them.
            "trace": round(max(0.0, whole - execution), 6),
        },
        "threads": engine.threads,
    }
    return report, results


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    """The shortest of some runs in seconds, and what it gave."""
    best, result = float("inf"), None
    for _ in range(_REPETITIONS):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    assert result is not None
    return best, result


def _write(path: Path, array: NDArray[Any]) -> None:
    try:
        with path.open("wb") as stream:
            np.save(stream, array)
    except OSError as error:
        raise FileError(path, f"cannot be written: {error.strerror}") from error


def _describe(descriptor: Descriptor) -> str:
    return f"{descriptor.dtype.name}[{', '.join(map(str, descriptor.shape))}]"


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def print_check(file: Path, report: dict[str, Any]) -> None:
    """What `check` found, for people."""
    operators = ", ".join(f"{count} {name}" for name, count in report["operators"].items())
    step = report["dearestStep"]
    for name, value in (
        ("model", f"{file}: every step can be proven"),
        ("manifest", f"{report['manifestHash']} (compiler {report['compilerVersion']})"),
        ("operators", operators),
        ("parameters", f"{report['parameters']:,}"),
        ("inputs", f"{', '.join(report['inputs'])}: {report['inputBytes']:,} bytes"),
        ("outputs", ", ".join(report["outputs"])),
        (
            "trace",
            f"{report['traceBytes']:,} bytes in {report['tensorsCommitted']} tensors; "
            f"{report['tensorsRecomputed']} more are recomputed where they are needed",
        ),
        (
            "dearest step",
            f"at most {step['gas']:,} gas, {step['evidenceBytes']:,} bytes of evidence: "
            f"{step['operator']} making slot {step['slot']}, {step['tensor']}, {step['products']:,} products",
        ),
        ("reveals", f"at most {report['mostReveals']} to prove any element of an operator that withholds"),
    ):
        print(f"{name:<13} {value}")


def print_run(report: dict[str, Any], results: list[NDArray[Any]]) -> None:
    """What `run` made, for people."""
    for number, result in enumerate(results):
        text = np.array2string(result, threshold=_SHOWN, edgeitems=4, prefix=" " * 14)
        print(f"{f'output {number}':<13} {result.dtype} {result.shape}\n{'':<13} {text}")
    for name, key in (
        ("input root", "inputRoots"),
        ("output root", "outputRoots"),
        ("trace root", "traceRoots"),
    ):
        roots = report[key]
        for root in roots[:_SHOWN]:
            print(f"{name:<13} {root}")
        if len(roots) > _SHOWN:
            print(f"{'':<13} and {len(roots) - _SHOWN} more: see --json")
    seconds = report["seconds"]
    print(
        f"{'time':<13} {seconds['execution'] * 1_000:.2f} ms execution, "
        f"{seconds['trace'] * 1_000:.2f} ms trace, "
        f"{report['inferences']} inferences, {report['threads']} threads"
    )
