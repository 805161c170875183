"""TOSA's test generator, for the operators and types that Onus means.

The generator runs in a process of its own (`python -m scripts.conformance.generate`): it writes to standard
output, and is told to mark its files as TOSA 1.0 and not as a draft of it, which is all that is changed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import tosa_reference_model

from scripts.build import ROOT

__all__ = ["OPERATORS", "Case", "GeneratorFailed", "Question", "generate", "questions_of", "read"]

OPERATORS: Final = tuple(
    """
    ARGMAX AVG_POOL2D CONV2D CONV3D DEPTHWISE_CONV2D MATMUL MAX_POOL2D TRANSPOSE_CONV2D CLAMP ADD
    SUB MUL INTDIV ARITHMETIC_RIGHT_SHIFT LOGICAL_LEFT_SHIFT LOGICAL_RIGHT_SHIFT BITWISE_AND
    BITWISE_OR BITWISE_XOR BITWISE_NOT LOGICAL_AND LOGICAL_OR LOGICAL_XOR LOGICAL_NOT MAXIMUM
    MINIMUM TABLE ABS CLZ NEGATE SELECT EQUAL GREATER GREATER_EQUAL REDUCE_ALL REDUCE_ANY REDUCE_MAX
    REDUCE_MIN REDUCE_SUM CONCAT PAD RESHAPE REVERSE SLICE TILE TRANSPOSE GATHER SCATTER RESIZE CAST
    RESCALE CONST IDENTITY
    """.split()  # noqa: SIM905 -- a list, as in the text of TOSA
)
"""The integer profile without control flow, variables and shapes that are computed."""

_PROFILE: Final = (
    *("--tosa-version", "1.0.0", "--profile", "tosa-pro-int"),
    *("--extension", "tosa-ext-int16", "tosa-ext-int4", "tosa-ext-doubleround"),
)
_PASSES: Final = (
    ("--tensor-dim-range", "1,20"),
    # By itself the generator gives ranks above 3 only to operators that need them.
    ("--tensor-dim-range", "1,6", "--target-rank", "4", "5", "6"),
)
_SMALL_PASSES: Final = (("--tensor-dim-range", "1,6", "--no-special-tests", "--conv-kernel", "2,2", "1,2,1"),)
_MORE: Final = {"RESCALE": 8, "RESIZE": 2, "CAST": 2}
"""Operators whose tests differ in more than type and shape, and how many times as many they get."""
_FEWER: Final = frozenset({"CONV2D", "CONV3D", "DEPTHWISE_CONV2D", "TRANSPOSE_CONV2D"})
"""Operators that the generator takes as several, one for each kernel."""
_NOT_TAKEN: Final = frozenset({"INT4", "INT48"})
"""Types of inputs that the reference model does not take."""
_CLOSINGS: Final = ((4, 2), (1, 17))
"""Multiplier and shift that close a tensor of 48 bits: its value, if that fits 32 bits; its upper part."""


class GeneratorFailed(Exception):
    """It ended with an error; the message is its own."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the reference model is asked, and what the engine has to run to answer the same.

    Attributes:
        engine: file for the engine; it gets the test's inputs.
        reference: file for the reference model.
        is_held: whether that has the inputs inside.
    """

    engine: Path
    reference: Path
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One generated test.

    Attributes:
        name: the generator's.
        operator: the one under test.
        types: of its first operand, of its weights if it has any and they differ, and of its output.
        file: the model.
        inputs: files of its input tensors.
        questions: more than one if the reference model cannot show the output as it is.
    """

    name: str
    operator: str
    types: str
    file: Path
    inputs: tuple[Path, ...]
    questions: tuple[Question, ...]

    def arrays(self) -> list[np.ndarray[Any, Any]]:
        """Its inputs, without a batch axis."""
        return [np.load(path) for path in self.inputs]


def generate(
    folder: Path, *, seed: int, count: int, operators: Sequence[str] = OPERATORS, small: bool = False
) -> list[Case]:
    """Makes tests; the same arguments make the same ones.

    Args:
        folder: new or empty; they are written there.
        seed: any.
        count: tests of each operator and type in each range of ranks; for the convolutions, of each kernel
            that the generator tries, a third of it.
        operators: among `OPERATORS`.
        small: a few small ones only: no ranks above 3, no tests of special values, one kernel.

    Raises:
        GeneratorFailed: the generator ended with an error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "selection.json").write_text(json.dumps(_selection(operators, count)))
    common = ["--filter", _filter(operators), "--test-selection-config", str(folder / "selection.json")]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", __name__, *_arguments(folder / str(number), seed, ranks), *common],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number, ranks in enumerate(_SMALL_PASSES if small else _PASSES)
    ]
    said = [process.communicate()[0] for process in running]
    for process, text in zip(running, said, strict=True):
        if process.returncode:
            raise GeneratorFailed(f"tosa_verif_build_tests ended with {process.returncode}:\n{text[-2_000:]}")
    return read(folder)


def read(folder: Path) -> list[Case]:
    """The tests that were generated into a folder."""
    return [_read(path) for path in sorted(folder.glob("*/*/*/case.json"))]


def _read(path: Path) -> Case:
    folder, facts = path.parent, json.loads(path.read_text())
    return Case(
        name=folder.name,
        operator=facts["operator"],
        types=facts["types"],
        file=folder / "test.tosa",
        inputs=tuple(folder / name for name in facts["inputs"]),
        questions=tuple(
            Question(folder / each["engine"], folder / each["reference"], each["is_held"])
            for each in facts["questions"]
        ),
    )


def questions_of(path: Path, inputs: Sequence[Path]) -> tuple[Question, ...]:
    """How the reference model can be asked about a model; writes the files for it beside the model's.

    Args:
        path: the model.
        inputs: files of its inputs.
    """
    from scripts.conformance._files import ModelFile, closed, held

    file = ModelFile(path)
    is_held = any(file.dtype(name) in _NOT_TAKEN for name in file.inputs)

    def write(name: str, data: bytes) -> Path:
        made = path.with_name(f"{path.stem}-{name}.tosa")
        made.write_bytes(data)
        return made

    asked: Iterator[Path] = iter([path])
    if any(file.dtype(name) == "INT48" for name in file.outputs):
        asked = (
            write(f"closed-{shift}", closed(path, multiplier=multiplier, shift=shift))
            for multiplier, shift in _CLOSINGS
        )
    questions = []
    for each in asked:
        reference = each
        if is_held:
            values = [np.load(name).reshape(-1).tolist() for name in inputs]
            reference = write(f"held-{each.stem}", held(each, values))
        questions.append(Question(each, reference, is_held))
    return tuple(questions)


def _arguments(folder: Path, seed: int, ranks: Sequence[str]) -> list[str]:
    library = Path(tosa_reference_model.__file__).parent / "libtosa_reference_generate_lib.so"
    return [
        *("-o", str(folder), "--seed", str(seed), *_PROFILE, *ranks),
        *("--generate-lib-path", str(library.with_suffix(".dylib" if sys.platform == "darwin" else ".so"))),
    ]


def _filter(operators: Sequence[str]) -> str:
    """The names of some are beginnings of others', and convolutions carry their kernel."""
    return f"({'|'.join(map(str.lower, operators))})(_[0-9x]+)?$"


def _selection(operators: Sequence[str], count: int) -> dict[str, Any]:
    def most(operator: str) -> int:
        return max(1, count // 3) if operator in _FEWER else count * _MORE.get(operator, 1)

    return {
        operator.lower(): {"selection": {"default": {"permutes": ["type"], "maximum": most(operator)}}}
        for operator in operators
    }


# ---- In the process of its own ----------------------------------------------------------------------------


def _run_generator(arguments: Sequence[str]) -> int:
    import tosa_serializer

    class Released(tosa_serializer.TosaSerializer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, targetDraft=False, **kwargs)

    tosa_serializer.TosaSerializer = Released
    try:
        from generator.tosa_verif_build_tests import main

        return int(main(list(arguments)))
    finally:
        tosa_serializer.TosaSerializer = Released.__base__


def _prepare(folder: Path) -> None:
    """Writes down what a test is about, and the files that are needed to ask the reference model."""
    from scripts.conformance._files import ModelFile, with_an_input

    path = folder / "test.tosa"
    file = ModelFile(path)
    operator = file.operator()
    inputs = list(json.loads((folder / "desc.json").read_text())["ifm_file"])
    if not inputs:
        path.write_bytes(with_an_input(path))
        np.save(folder / "beside.npy", np.array([7], np.int8))
        inputs, file = ["beside.npy"], ModelFile(path)
    questions = [
        {"engine": each.engine.name, "reference": each.reference.name, "is_held": each.is_held}
        for each in questions_of(path, [folder / name for name in inputs])
    ]
    facts = {
        "operator": operator.op.name,
        "types": _types(file, operator),
        "inputs": inputs,
        "questions": questions,
    }
    (folder / "case.json").write_text(json.dumps(facts, indent=1) + "\n")


def _types(file: Any, operator: Any) -> str:
    tensors = [file.dtype(name) for name in operator.inputs if file.is_tensor(name)]
    made = file.dtype(operator.outputs[0])
    given = tensors[0] if tensors else made
    if operator.op.name in (*_FEWER, "MATMUL") and tensors[1] != given:
        given += f"×{tensors[1]}"
    return given if given == made else f"{given}→{made}"


def main(arguments: Sequence[str], prepare: Callable[[Path], None] = _prepare) -> int:
    """Runs the generator, and prepares what it made."""
    status = _run_generator(arguments)
    if status == 0:
        for path in Path(arguments[arguments.index("-o") + 1]).glob("*/*/test.tosa"):
            prepare(path.parent)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
