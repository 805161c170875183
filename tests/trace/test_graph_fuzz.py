"""Random graphs of random operators: contract, engine and reference model agree (G10); damaged ones (G12).

Long: `make test-deep`. `ONUS_FUZZ_SEED=n` takes other graphs.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from onus.trace import DType, Engine, LimitExceeded, Opcode, TosaFileError, compile_tosa
from scripts.conformance.generate import Case, Question, questions_of
from scripts.conformance.judge import Judge, Outcome, Verdict
from scripts.conformance.reference import Reference
from scripts.conformance.run import verifier
from tests.trace.models import RandomModel, random_values

ROOT = Path(__file__).parents[2]
FIRST = 1_000_000 * int(os.environ.get("ONUS_FUZZ_SEED", "0"))
MOST_SECONDS = 20.0
MOST_BYTES = 4 << 30


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with verifier() as contract, Reference(timeout_seconds=20) as reference:
        yield Judge(reference, contract, seed=FIRST)


def written(folder: Path, file: bytes, seed: int, *, is_damaged: bool = False) -> Case:
    """A model as a test, with inputs of every kind."""
    path = folder / f"{seed}.tosa"
    path.write_bytes(file)
    choose = np.random.default_rng([seed, 7])
    inputs = []
    for number, descriptor in enumerate(compile_tosa(file).inputs):
        values = random_values(choose, descriptor.shape, descriptor.dtype).astype(descriptor.dtype.array)
        if descriptor.dtype is DType.BOOL:
            values = values.astype(bool)
        inputs.append(folder / f"{seed}-{number}.npy")
        np.save(inputs[-1], values)
    # What is damaged is for nobody to read but a process of its own.
    questions = (Question(path, path),) if is_damaged else questions_of(path, inputs)
    return Case(str(seed), "graph", "", path, tuple(inputs), questions)


def judged(judge: Judge, folder: Path, seed: int, operators: int) -> Verdict:
    """The verdict on the graph of a seed."""
    return judge.judge(written(folder, RandomModel(seed, operators, whole=True).file, seed))


def check_graphs(judge: Judge, folder: Path, seeds: range, operators: int) -> Counter[Outcome]:
    """All of them agree wherever TOSA defines a result, and the contract everywhere."""
    seen: Counter[Outcome] = Counter()
    for seed in seeds:
        try:
            verdict = judged(judge, folder, seed, operators)
        except LimitExceeded:
            # A graph of random sizes may be too dear to prove; nothing else may be wrong with it.
            seen[Outcome.REFUSED] += 1
            continue
        assert not verdict.is_failed, (seed, verdict.notes)
        assert verdict.chain is Outcome.PASSED, (seed, verdict.notes)
        seen[verdict.engine] += 1
    return seen


def test_random_graphs__a_few__agree(judge: Judge, tmp_path: Path) -> None:
    seen = check_graphs(judge, tmp_path, range(FIRST + 50_000, FIRST + 50_012), 5)
    assert seen[Outcome.PASSED] >= 6


def test_random_graphs__together__have_every_operator() -> None:
    missing = set(Opcode)
    for seed in range(FIRST, FIRST + 600):
        try:
            missing -= {
                entry.opcode for entry in compile_tosa(RandomModel(seed, 12, whole=True).file).entries
            }
        except LimitExceeded:
            continue
        if not missing:
            break
    assert not missing


@pytest.mark.deep
@pytest.mark.parametrize("operators", [2, 6, 14, 30])
def test_random_graphs__many__agree(judge: Judge, tmp_path: Path, operators: int) -> None:
    first = FIRST + 1_000 * operators
    seen = check_graphs(judge, tmp_path, range(first, first + 100), operators)
    assert seen[Outcome.PASSED] >= 40


# ---- Damaged files ----------------------------------------------------------------------------------------


def damaged(seed: int) -> bytes:
    """A file with words or bytes of it changed: mostly still a flatbuffer, with other numbers in it."""
    choose = random.Random(seed)
    data = bytearray(RandomModel(choose.randrange(200), choose.choice((1, 2, 4)), whole=True).file)
    for _ in range(choose.choice((1, 1, 1, 2, 5))):
        if choose.random() < 0.7:
            at = 4 * choose.randrange(len(data) // 4)
            word = choose.choice(
                (0, 1, 2, 3, 7, 31, 255, 65_536, 2**31 - 1, 2**31, 2**32 - 1, choose.getrandbits(32))
            )
            data[at : at + 4] = word.to_bytes(4, "little")
        else:
            data[choose.randrange(len(data))] = choose.randrange(256)
    return bytes(data)


def compile_damaged(seeds: range) -> int:
    """Compiles and runs damaged files within bounds; how many compile. To be run in a process of its own."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    compiled = 0
    for seed in seeds:
        began = time.monotonic()
        try:
            program = compile_tosa(damaged(seed))
        except TosaFileError:
            program = None
        except BaseException as error:
            raise AssertionError(f"seed {seed}") from error
        assert time.monotonic() - began < MOST_SECONDS, seed
        if program is not None and program.manifest.trace_bytes < 1 << 22:
            compiled += 1
            try:
                data = random.Random(seed).randbytes(program.manifest.input_bytes)
                Engine(program, threads=1).run_encoded([data])
            except BaseException as error:
                raise AssertionError(f"seed {seed}") from error
    return compiled


def in_a_process(seeds: range) -> int:
    code = f"from tests.trace.test_graph_fuzz import *; print(compile_damaged({seeds!r}))"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True, timeout=900
    )
    assert ended.returncode == 0, ended.stderr[-3_000:]
    return int(ended.stdout)


def test_damaged_files__some__are_refused_or_run() -> None:
    assert in_a_process(range(FIRST, FIRST + 150)) > 20


@pytest.mark.deep
def test_damaged_files__many__are_refused_or_run() -> None:
    assert in_a_process(range(FIRST + 10_000, FIRST + 16_000)) > 1_000


@pytest.mark.deep
def test_damaged_files__that_compile__are_proven_like_others(judge: Judge, tmp_path: Path) -> None:
    """What damage leaves is a model like any other, if a strange one: the contract agrees with the engine."""
    judged_ones = 0
    for seed in range(FIRST + 20_000, FIRST + 20_400):
        file = damaged(seed)
        try:
            program = compile_tosa(file)
        except TosaFileError:
            continue
        if program.manifest.trace_bytes > 1 << 20:
            continue
        verdict = judge.judge(written(tmp_path, file, seed, is_damaged=True))
        assert verdict.chain is Outcome.PASSED, (seed, verdict.notes)
        # Where the reference model defines a result, it is the engine's.
        assert verdict.engine is not Outcome.FAILED, (seed, verdict.notes)
        judged_ones += 1
    assert judged_ones > 50
