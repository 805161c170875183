"""Speed of the engine on the digits model, into benchmarks/results/engine.json.

    make bench-engine

Every number is the best of several rounds: what the machine can do when nothing else disturbs it. The
reference model runs in a process of its own, one inference at a time, which is all it can do.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from onus.trace import Engine, Program, compile_tosa
from onus.trace._keccak import hash_chunks
from onus.trace._tree import tensor_roots

ROOT = Path(__file__).parents[1]
DIGITS = ROOT / "models" / "digits"
RESULT = Path(__file__).parent / "results" / "engine.json"
BATCH = 256
ROUNDS = 15
_REFERENCE = """
import sys, time, numpy, tosa_reference_model
file = open(sys.argv[1], "rb").read()
images = numpy.load(sys.argv[2])["inputs"].reshape(-1, 1, 1, 8, 8)[:200]
best = float("inf")
for _ in range(3):
    begin = time.perf_counter()
    for image in images:
        tosa_reference_model.run(file, [image])
    best = min(best, (time.perf_counter() - begin) / len(images))
sys.stderr.write(f"\\nseconds={best}")
"""


def best(work: Callable[[], Any], repeat: int, rounds: int = ROUNDS) -> float:
    """Seconds of one call: the best round of some, each of `repeat` calls."""
    work()
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(repeat):
            work()
        seconds.append((time.perf_counter() - begin) / repeat)
    return min(seconds)


def per_second(work: Callable[[], Any]) -> int:
    """Inferences a second of something that runs one batch."""
    return round(BATCH / best(work, repeat=16))


def reference_per_second() -> int:
    """Inferences a second of the reference model."""
    arguments = [sys.executable, "-c", _REFERENCE, str(DIGITS / "digits.tosa"), str(DIGITS / "heldout.npz")]
    answer = subprocess.run(arguments, check=True, capture_output=True, text=True)
    return round(1 / float(answer.stderr.rpartition("seconds=")[2]))


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
    file = (DIGITS / "digits.tosa").read_bytes()
    program = compile_tosa(file)
    images = np.load(DIGITS / "heldout.npz")["inputs"].reshape(-1, 1, 1, 8, 8)
    batch, one = [images[:BATCH]], [images[:1]]
    single, double = Engine(program, threads=1), Engine(program, threads=2)
    return {
        "model": {
            "name": "digits",
            "trace_bytes": program.manifest.trace_bytes,
            "slots": program.commitment.slots,
            "operators": program.commitment.entries,
        },
        "batch": BATCH,
        "inferences_per_second": {
            "traced_two_threads": per_second(lambda: double.run(batch)),
            "traced_one_thread": per_second(lambda: single.run(batch)),
            "untraced_two_threads": per_second(lambda: double.execute(batch)),
            "untraced_one_thread": per_second(lambda: single.execute(batch)),
            "tosa_reference_model": reference_per_second(),
        },
        "one_inference_us": {
            "traced": round(best(lambda: single.run(one), 200) * 1e6, 1),
            "untraced": round(best(lambda: single.execute(one), 200) * 1e6, 1),
        },
        "hashing": hashing(program),
        "compile_ms": round(best(lambda: compile_tosa(file), 3, rounds=5) * 1e3, 1),
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "numba", "llvmlite", "tosa-tools")},
        },
    }


def main() -> None:
    """Measures and writes the result."""
    result = measure()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
