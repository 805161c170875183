"""TOSA's own tests, a small selection of them (G10); `make conformance` runs many, with any seed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onus.chain.contracts import TraceVerifierReads
from onus.chain.errors import TraceNoFault, TraceTraceRoot
from onus.trace import Opcode
from scripts.conformance.generate import OPERATORS, Case, Question, generate
from scripts.conformance.judge import Judge, Outcome, Verdict
from scripts.conformance.reference import ENDED, Answer, Reference
from scripts.conformance.run import judge_all, verifier
from tests.trace.models import Model

ROOT = Path(__file__).parents[2]
SEED = 20_260_729
KNOWN = [name for name in OPERATORS if name == "CONST" or name in Opcode.__members__]
NOT_SHOWN = ("CONST", "INT4"), ("IDENTITY", "INT4")
"""The reference model has no output of INT4, and nothing turns one into another type."""


def test_selection__every_operator_and_type__conforms(tmp_path: Path) -> None:
    cases = generate(tmp_path, seed=SEED, count=1, operators=KNOWN, small=True)
    assert {case.operator for case in cases} == set(KNOWN)
    verdicts = judge_all(cases, seed=SEED)
    wrong = [f"{v.case.name}: {v.engine}, {v.chain}: {v.notes}" for v in verdicts if not v.is_conformant]
    assert not wrong
    for verdict in verdicts:
        shown = (verdict.case.operator, verdict.case.types) not in NOT_SHOWN
        assert verdict.engine == (Outcome.PASSED if shown else Outcome.UNDEFINED), verdict.case.name
        assert verdict.chain == Outcome.PASSED
        assert verdict.elements >= 1


def test_generate__same_seed__same_tests(tmp_path: Path) -> None:
    made = [
        {
            case.name: (case.file.read_bytes(), [array.tobytes() for array in case.arrays()])
            for case in generate(
                tmp_path / str(k), seed=seed, count=1, operators=["ADD", "CLAMP"], small=True
            )
        }
        for k, seed in enumerate((3, 3, 4))
    ]
    assert made[0] == made[1] != made[2]


# ---- What judges is judged ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contract() -> Iterator[TraceVerifierReads]:
    with verifier() as deployed:
        yield deployed


@pytest.fixture(scope="module")
def reference() -> Iterator[Reference]:
    with Reference() as started:
        yield started


def clamped(folder: Path, low: int) -> Case:
    """CLAMP of some numbers."""
    model = Model()
    model.output(model.clamp(model.input((3, 3)), low, 100))
    file, values = folder / f"{low}.tosa", folder / "x.npy"
    file.write_bytes(model.serialize())
    np.save(values, np.arange(-4, 5, dtype=np.int8).reshape(3, 3))
    return Case("clamp", "CLAMP", "INT8", file, (values,), (Question(file, file),))


def test_judge__when_all_agree__both_pass(
    tmp_path: Path, reference: Reference, contract: TraceVerifierReads
) -> None:
    verdict = Judge(reference, contract, seed=1).judge(clamped(tmp_path, -2))
    assert (verdict.engine, verdict.chain, verdict.notes) == (Outcome.PASSED, Outcome.PASSED, [])
    assert verdict.elements >= 2


def test_judge__when_the_engine_computes_something_else__it_fails(
    tmp_path: Path, reference: Reference, contract: TraceVerifierReads
) -> None:
    case, other = clamped(tmp_path, -2), clamped(tmp_path, -3)
    mixed = dataclasses.replace(case, questions=(Question(case.file, other.file),))
    verdict = Judge(reference, contract, seed=1).judge(mixed)
    assert (verdict.engine, verdict.chain) == (Outcome.FAILED, Outcome.PASSED)
    assert not verdict.is_conformant
    assert "2 of 9 elements differ, the first at 0: reference -3, engine -2" in verdict.notes[0]


class Verifier:
    """A contract that gives one answer to everything."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def fault(self, *_: Any, **__: Any) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (TraceNoFault(), "altered: is no fault"),
        (TraceTraceRoot(computed=bytes(32)), "as computed: reverted"),
        ((1, 0), "as computed: is a fault at (1, 0)"),
    ],
)
def test_judge__when_the_contract_is_wrong__it_fails(
    tmp_path: Path, reference: Reference, answer: Any, said: str
) -> None:
    verdict = Judge(reference, Verifier(answer), seed=1).judge(clamped(tmp_path, -2))  # type: ignore[arg-type]
    assert (verdict.engine, verdict.chain) == (Outcome.PASSED, Outcome.FAILED)
    assert not verdict.is_conformant
    assert any(said in note for note in verdict.notes)


def test_judge__what_is_refused__conforms_only_if_it_is_too_dear(
    tmp_path: Path, reference: Reference, contract: TraceVerifierReads
) -> None:
    def judged(model: Model) -> Verdict:
        file = tmp_path / "refused.tosa"
        file.write_bytes(model.serialize())
        return Judge(reference, contract, seed=1).judge(Case("x", "ADD", "INT8", file, (), ()))

    dear = Model()
    weight = np.ones((1, 1, 1, 60_000), np.int64)
    dear.output(dear.conv2d(dear.input((1, 1, 1, 60_000)), weight, np.zeros(1, np.int64)))
    verdict = judged(dear)
    assert (verdict.engine, verdict.is_conformant) == (Outcome.REFUSED, True)
    assert "LimitExceeded" in verdict.notes[0]
    odd = Model()
    odd.output(odd.add(odd.input((2,)), odd.input((2,))))
    verdict = judged(odd)
    assert (verdict.engine, verdict.is_conformant) == (Outcome.REFUSED, False)
    assert "UnsupportedType" in verdict.notes[0]


def test_reference__when_its_process_ends__says_so_and_goes_on(tmp_path: Path) -> None:
    case = clamped(tmp_path, -2)
    with Reference() as started:
        assert started.run(case.file, case.inputs).is_valid
        process = started._process
        assert process is not None
        process.kill()
        process.wait()
        assert started.run(case.file, case.inputs).is_valid


def test_reference__when_a_question_ends_its_process__says_so(tmp_path: Path) -> None:
    case = clamped(tmp_path, -2)
    with Reference() as started:
        process = started._running()
        # As it is when the model is run: the question has been taken, and nothing will answer.
        os.kill(process.pid, signal.SIGSTOP)
        threading.Timer(0.3, process.kill).start()
        assert started.run(case.file, case.inputs) == Answer(ENDED)
        assert started.run(case.file, case.inputs).is_valid


def test_command__prints_a_document_and_ends_with_0() -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "scripts.conformance", "--seed", "5", "--count", "1", "--json"),
            *("--operators", "add", "RESHAPE"),
        ],
        cwd=ROOT,
        env=dict(os.environ),
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert document["ok"] is True
    assert {row["operator"] for row in document["rows"]} == {"ADD", "RESHAPE"}
    for row in document["rows"]:
        assert row["engine"]["passed"] == row["chain"]["passed"] == row["tests"] > 0
