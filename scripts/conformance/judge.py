"""One test: the engine against the reference model, the contract against the engine."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from onus.chain import ContractReverted
from onus.chain.contracts import TraceVerifierReads
from onus.chain.errors import TraceNoFault
from onus.protocol import Execution
from onus.trace import (
    Alteration,
    Engine,
    LimitExceeded,
    Program,
    TosaFileError,
    Trace,
    UnsupportedOperator,
    compile_tosa,
    element_evidence,
)
from scripts.conformance.generate import Case
from scripts.conformance.reference import Reference

__all__ = ["Judge", "Outcome", "Verdict"]


class Outcome(StrEnum):
    """What came of one side of a test."""

    PASSED = "passed"
    FAILED = "failed"
    UNDEFINED = "undefined"
    """TOSA defines no result: nothing to compare with."""
    REFUSED = "refused"
    """The compiler does not take the model, and says why."""
    UNKNOWN = "unknown"
    """The compiler does not know the operator."""


@dataclass(slots=True)
class Verdict:
    """On one test.

    Attributes:
        case: the test.
        engine: the engine against the reference model, on every element of every output.
        chain: the contract against the engine, on a sample of elements, right and wrong.
        notes: what failed, or why there is nothing to compare.
        is_too_dear: whether it was refused for what its proof would cost.
        elements: elements the contract was asked about.
    """

    case: Case
    engine: Outcome = Outcome.PASSED
    chain: Outcome = Outcome.PASSED
    notes: list[str] = field(default_factory=list)
    is_too_dear: bool = False
    elements: int = 0

    @property
    def is_failed(self) -> bool:
        """Whether two of the three disagree, or one broke."""
        return Outcome.FAILED in (self.engine, self.chain)

    @property
    def is_conformant(self) -> bool:
        """Whether it is as it should be: only what one transaction cannot prove may be refused."""
        taken = self.engine not in (Outcome.UNKNOWN, Outcome.REFUSED) or self.is_too_dear
        return taken and not self.is_failed


class Judge:
    """Judges tests.

    Args:
        reference: the reference model.
        verifier: the contract.
        seed: which elements are sampled.
        samples: random elements of each tensor beside the first, the last and the extremes.
    """

    def __init__(
        self, reference: Reference, verifier: TraceVerifierReads, *, seed: int, samples: int = 2
    ) -> None:
        self._reference = reference
        self._verifier = verifier
        self._seed = seed
        self._samples = samples

    def judge(self, case: Case) -> Verdict:
        """Runs a test through everything."""
        verdict = Verdict(case)
        try:
            engine = Engine(compile_tosa(case.file.read_bytes()), threads=1)
        except UnsupportedOperator as error:
            verdict.engine = verdict.chain = Outcome.UNKNOWN
            verdict.notes.append(str(error))
        except TosaFileError as error:
            verdict.engine = verdict.chain = Outcome.REFUSED
            verdict.is_too_dear = isinstance(error, LimitExceeded)
            verdict.notes.append(f"{type(error).__name__}: {error}")
        except Exception as error:
            self._broke(verdict, "compiler", error)
        else:
            self._attempt(verdict, "engine", lambda: self._engine(verdict))
            self._attempt(verdict, "chain", lambda: self._chain(verdict, engine))
        return verdict

    def _attempt(self, verdict: Verdict, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            # A defect of one operator is a finding, and the other tests go on.
            self._broke(verdict, what, error)

    @staticmethod
    def _broke(verdict: Verdict, what: str, error: Exception) -> None:
        if what in ("compiler", "engine"):
            verdict.engine = Outcome.FAILED
        if what in ("compiler", "chain"):
            verdict.chain = Outcome.FAILED
        verdict.notes.append(f"{what} broke: {type(error).__name__}: {error}"[:500])

    def _engine(self, verdict: Verdict) -> None:
        case, compared, statuses = verdict.case, 0, []
        inputs = [array[None] for array in case.arrays()]
        for question in case.questions:
            given = () if question.is_held else case.inputs
            answer = self._reference.run(question.reference, given)
            if not answer.is_valid or not all(output.size for output in answer.outputs):
                statuses.append("shows no such output" if answer.is_valid else answer.status)
                continue
            engine = Engine(compile_tosa(question.engine.read_bytes()), threads=1)
            ours = engine.execute(inputs)
            compared += 1
            for number, (expected, found) in enumerate(zip(answer.outputs, ours, strict=True)):
                if problem := _difference(expected, found[0]):
                    verdict.engine = Outcome.FAILED
                    verdict.notes.append(f"{question.engine.name}, output {number}: {problem}")
        if not compared:
            verdict.engine = Outcome.UNDEFINED
            verdict.notes.append(f"the reference model: {', '.join(sorted(set(statuses)))}")

    def _chain(self, verdict: Verdict, engine: Engine) -> None:
        case, program = verdict.case, engine.program
        # Not `hash`: that differs from process to process.
        choose = random.Random(f"{self._seed} {case.name}")
        inputs = [array[None] for array in case.arrays()]
        own = engine.run(inputs)[0]
        for slot in range(len(program.inputs), len(program.slots)):
            for element in _sample(own.tensors[slot], choose, self._samples):
                verdict.elements += 1
                where = f"slot {slot}, element {element}"
                if problem := self._asked(own, slot, element, is_wrong=False):
                    verdict.chain = Outcome.FAILED
                    verdict.notes.append(f"{where}, as computed: {problem}")
                altered = engine.run(inputs, alter=_alteration(program, own, slot, element, choose))[0]
                if problem := self._asked(altered, slot, element, is_wrong=True):
                    verdict.chain = Outcome.FAILED
                    verdict.notes.append(f"{where}, altered: {problem}")

    def _asked(self, trace: Trace, slot: int, element: int, *, is_wrong: bool) -> str:
        """What is wrong with the contract's answer, empty if nothing is."""
        execution = Execution(
            input_root=trace.input_root, output_root=trace.output_root, trace_root=trace.trace_root
        )
        shown = element_evidence(trace, slot, element, check=False)
        try:
            found = self._verifier.fault(trace.program.commitment, execution=execution, evidence=shown)
        except TraceNoFault:
            return "is no fault" if is_wrong else ""
        except ContractReverted as error:
            return f"reverted: {error}"
        return "" if is_wrong and found == (slot, element) else f"is a fault at {found}"


def _difference(expected: np.ndarray[Any, Any], found: np.ndarray[Any, Any]) -> str:
    if expected.size != found.size:
        return f"{found.shape} instead of {expected.shape}"
    left, right = expected.reshape(-1).astype(np.int64), found.reshape(-1).astype(np.int64)
    wrong = np.flatnonzero(left != right)
    if not len(wrong):
        return ""
    first = int(wrong[0])
    return (
        f"{len(wrong)} of {left.size} elements differ, the first at {first}: "
        f"reference {left[first]}, engine {right[first]}"
    )


def _sample(tensor: np.ndarray[Any, Any], choose: random.Random, count: int) -> Iterator[int]:
    flat = tensor.reshape(-1)
    fixed = (0, len(flat) - 1, int(flat.argmin()), int(flat.argmax()))
    yield from dict.fromkeys((*fixed, *(choose.randrange(len(flat)) for _ in range(count))))


def _alteration(program: Program, own: Trace, slot: int, element: int, choose: random.Random) -> Alteration:
    """Another value of the type: one more or less, or any."""
    dtype = program.slots[slot].dtype
    value = int(own.tensors[slot].reshape(-1)[element])
    other = dtype.wrap(value + choose.choice((1, -1)))
    if choose.random() < 0.5:
        other = choose.randint(dtype.minimum, dtype.maximum)
    if other == value:
        other = dtype.minimum if value != dtype.minimum else dtype.maximum
    return Alteration(slot, element, other)
