"""Speed and memory of the engine on every network of models/, into benchmarks/results/engine.json.

    make bench-engine

Every speed is the best of several rounds: what the machine can do when nothing else disturbs it. The
reference model runs in a process of its own, one inference at a time, which is all it can do; so does each
measurement of memory.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onus.trace import Engine, Program, compile_tosa
from onus.trace._keccak import hash_chunks
from onus.trace._tree import tensor_roots

Array = NDArray[Any]
ROOT = Path(__file__).parents[1]
MODELS = ROOT / "models"
FLOORS = {"digits": 15_000, "encoder": 2_500, "mobilenet": 600, "resnet": None}
"""Traced inferences a second on two cores at `BATCH`: what is asked for, and what `PROTOTYPE` reached."""
PROTOTYPE = {"digits": 45_767, "encoder": 5_952, "mobilenet": 1_094, "resnet": None}
RESULT = Path(__file__).parent / "results" / "engine.json"
BATCH = 256
ROUNDS = 15
SECONDS = 1.5  # for one number, at most about
_REFERENCE = """
import sys, time, numpy, tosa_reference_model
file, images = open(sys.argv[1], "rb").read(), numpy.load(sys.argv[2])
best, end = float("inf"), time.perf_counter() + 2
for image in images:
    begin = time.perf_counter()
    tosa_reference_model.run(file, [image])
    best = min(best, time.perf_counter() - begin)
    if begin > end:
        break
sys.stderr.write(f"\\nseconds={best}")
"""
_MEMORY = """
import sys, numpy
from pathlib import Path
from onus.trace import Engine, compile_tosa

def kib(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

images = numpy.load(sys.argv[2])
engine = Engine(compile_tosa(Path(sys.argv[1]).read_bytes()), threads=2)
engine.run([images[:1]])
Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
before = kib("VmRSS")
batch = engine.run([images])
print(kib("VmHWM") - before)
"""


def best(work: Callable[[], Any], repeat: int, rounds: int = ROUNDS) -> float:
    """Seconds of one call: the best round of some, each of `repeat` calls."""
    work()
    seconds = []
    end = time.perf_counter() + SECONDS
    while not seconds or (len(seconds) < rounds and time.perf_counter() < end):
        begin = time.perf_counter()
        for _ in range(repeat):
            work()
        seconds.append((time.perf_counter() - begin) / repeat)
    return min(seconds)


def per_second(work: Callable[[], Any]) -> int:
    """Inferences a second of something that runs one batch."""
    begin = time.perf_counter()
    work()
    return round(BATCH / best(work, repeat=max(1, round(0.1 / (time.perf_counter() - begin)))))


def images_of(program: Program) -> Array:
    """A batch of inputs, shape (BATCH, …), the same every time."""
    shape = (BATCH, *program.inputs[0].shape)
    return np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)


def apart(code: str, name: str, images: Array) -> str:
    """What a process of its own says of a network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, images)
        arguments = [sys.executable, "-c", code, str(MODELS / name / f"{name}.tosa"), str(path)]
        answer = subprocess.run(arguments, check=True, capture_output=True, text=True)
    return answer.stderr.rpartition("seconds=")[2] if code is _REFERENCE else answer.stdout


def network(name: str) -> dict[str, Any]:
    """Everything about one network."""
    file = (MODELS / name / f"{name}.tosa").read_bytes()
    program = compile_tosa(file)
    images = images_of(program)
    single, double = Engine(program, threads=1), Engine(program, threads=2)
    weights = sum(constant.values.nbytes for constant in program.constants)
    bound = 4 * (weights + BATCH * program.manifest.trace_bytes) + 64 * 2**20
    return {
        "trace_bytes": program.manifest.trace_bytes,
        "slots": program.commitment.slots,
        "entries": program.commitment.entries,
        "inferences_per_second": {
            "traced_two_threads": per_second(lambda: double.run([images])),
            "traced_one_thread": per_second(lambda: single.run([images])),
            "untraced_two_threads": per_second(lambda: double.execute([images])),
            "untraced_one_thread": per_second(lambda: single.execute([images])),
            "tosa_reference_model": round(1 / float(apart(_REFERENCE, name, images))),
            "floor": FLOORS[name],
            "prototype": PROTOTYPE[name],
        },
        "one_inference_us": {
            "traced": round(best(lambda: single.run([images[:1]]), 5) * 1e6, 1),
            "untraced": round(best(lambda: single.execute([images[:1]]), 5) * 1e6, 1),
        },
        "memory_mib": {
            "above_baseline": round(int(apart(_MEMORY, name, images)) / 1024, 1),
            "bound": round(bound / 2**20, 1),
        },
        "compile_ms": round(best(lambda: compile_tosa(file), 1, rounds=5) * 1e3, 1),
    }


def hashing(program: Program) -> dict[str, float]:
    """Nanoseconds of one core a byte: of chunks alone, and of whole tensors of the model with their trees."""
    chunks = np.random.default_rng(0).integers(0, 256, 8192 * 128, dtype=np.uint8)
    hashes = np.empty(8192 * 32, np.uint8)
    seconds = best(lambda: hash_chunks(chunks, hashes), repeat=8)
    roots = np.empty((BATCH, 32), np.uint8)
    tensors = [(d.chunks, np.resize(chunks, BATCH * d.chunks * 128)) for d in program.slots]

    def trees() -> None:
        for count, data in tensors:
            tensor_roots(data, count, BATCH, roots)

    return {
        "chunk_ns_per_byte": round(seconds / len(chunks) * 1e9, 3),
        "trace_ns_per_byte": round(best(trees, 4) / BATCH / program.manifest.trace_bytes * 1e9, 3),
    }


def machine() -> dict[str, Any]:
    """What it was measured on."""
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), model)
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.system(), "machine": platform.machine()}


def measure() -> dict[str, Any]:
    """All numbers."""
    digits = compile_tosa((MODELS / "digits" / "digits.tosa").read_bytes())
    return {
        "batch": BATCH,
        "networks": {name: network(name) for name in FLOORS},
        "hashing": hashing(digits),
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "numba", "llvmlite", "tosa-tools")},
        },
    }


def broken(result: dict[str, Any]) -> Iterator[str]:
    """What is below its floor or above its bound."""
    for name, found in result["networks"].items():
        speed, memory = found["inferences_per_second"], found["memory_mib"]
        if speed["floor"] and speed["traced_two_threads"] < speed["floor"]:
            yield f"{name}: {speed['traced_two_threads']} traced inferences a second"
        if memory["above_baseline"] > memory["bound"]:
            yield f"{name}: {memory['above_baseline']} MiB"


def main() -> None:
    """Measures and writes the result."""
    result = measure()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(RESULT.read_text())
    if failures := list(broken(result)):
        sys.exit("not as it should be: " + "; ".join(failures))


if __name__ == "__main__":
    main()
