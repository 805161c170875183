"""What a watcher demands next, from a program, a right execution and an operator's: no chain, no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from onus.inference import tensors_root
from onus.library import Library
from onus.protocol import Batch, DemandKind, FaultKind, ModelId, Position, Receipt, Request
from onus.protocol.faults import request_evidence, request_of
from onus.store import VerdictKind
from onus.trace import Alteration, Engine, Program, Trace, answer_of
from onus.watcher import Finding, Known, next_move
from scripts.demo.world import MODEL, heldout
from tests.store.people import DOMAIN, FEE, OPERATOR, PAYERS, STAKE

DATA = heldout()[0][5].tobytes()


class Case:
    """One withheld leaf: what its operator committed to, and what a watcher has learnt of it."""

    def __init__(self, *, alter: Alteration | None = None, traced: bytes = DATA, **receipt: object) -> None:
        self.program: Program = Library().add(MODEL.read_bytes())
        self.engine = Engine(self.program, threads=1)
        self.theirs: Trace = self.engine.run_encoded([traced], alter=alter)[0]
        self.request = Request(
            payer=PAYERS[0].address,
            model_id=ModelId(b"\x0a" * 32),
            input_root=tensors_root([DATA]),
            max_fee=FEE,
            min_stake=STAKE,
            nonce=1,
            expires_at=5_000,
        )
        plain = Receipt(
            request_id=self.request.id(DOMAIN),
            model_id=self.request.model_id,
            operator=OPERATOR.address,
            payer=self.request.payer,
            input_root=self.request.input_root,
            output_root=self.theirs.output_root,
            trace_root=self.theirs.trace_root,
            fee=FEE,
            stake=STAKE,
            served_at=100,
            commit_by=102,
        )
        self.receipt = replace(plain, **receipt)  # type: ignore[arg-type]
        self.batch = Batch.build([self.receipt], param_set=1, sequence=0)

    def answer(self, position: Position) -> Known:
        """What a watcher knows from an answer."""
        proof = self.batch.proof(0)
        if position.kind is DemandKind.RECEIPT:
            return Known(proof=proof)
        if position.kind is DemandKind.REQUEST:
            return Known(proof=proof, request=request_of(request_evidence(self.request)))
        honest = self.engine.run_encoded([DATA])[0]
        is_input = position.kind in (DemandKind.INPUT_CHUNKS, DemandKind.INPUT_NODES)
        data = answer_of(honest if is_input else self.theirs, position).data
        return Known(proof=proof, revealed={position: data})

    def move(self, known: Known) -> Position | Finding | None:
        return next_move(
            known,
            leaf_index=0,
            header=self.batch.header,
            claims=self.batch.claims,
            domain=DOMAIN,
            program=self.program,
            run=lambda data: self.engine.run_encoded([data])[0],
        )

    def play(self, known: Known) -> tuple[list[DemandKind], Finding | None]:
        """Everything that is demanded, and what comes out."""
        demanded = []
        while isinstance(move := self.move(known), Position):
            demanded.append(move)
            known = known | self.answer(move)
        assert len(set(demanded)) == len(demanded)
        assert len(demanded) <= self.program.manifest.depth_budget + 1
        return [position.kind for position in demanded], move


RECEIPT, REQUEST, INPUT = DemandKind.RECEIPT, DemandKind.REQUEST, DemandKind.INPUT_CHUNKS
NODES, CHUNKS = DemandKind.TRACE_NODES, DemandKind.CHUNKS
ALTERED = Alteration(slot=2, element=517, value=-128)


def test_nothing_known__a_right_leaf__ends_with_its_request() -> None:
    """G1: what is right shows nothing, whatever is revealed."""
    assert Case().play(Known()) == ([RECEIPT, INPUT, REQUEST], None)


def test_nothing_known__a_wrong_element__needs_no_request() -> None:
    """G2, G5."""
    kinds, found = Case(alter=ALTERED).play(Known())
    assert kinds == [RECEIPT, INPUT, NODES, CHUNKS]
    assert found is not None
    assert (found.verdict, found.slot, found.element) == (VerdictKind.ELEMENT, 2, 517)
    assert found.committed != found.expected


def test_what_was_served__is_not_demanded() -> None:
    case = Case(alter=ALTERED)
    served = Known(proof=case.batch.proof(0), request=case.request, input=DATA)
    assert case.play(served)[0] == [NODES, CHUNKS]
    assert case.play(replace(served, proof=None))[0] == [RECEIPT, NODES, CHUNKS]
    assert case.play(replace(served, input=None))[0] == [INPUT, NODES, CHUNKS]


@pytest.mark.parametrize(
    ("case", "kinds", "verdict", "fault"),
    [
        (
            lambda: Case(traced=bytes(64)),
            [RECEIPT, INPUT, NODES],
            VerdictKind.INPUT_ROOT,
            FaultKind.EXECUTION,
        ),
        (
            lambda: Case(output_root=b"\x05" * 32),
            [RECEIPT, INPUT],
            VerdictKind.OUTPUT_ROOT,
            FaultKind.EXECUTION,
        ),
        (
            lambda: Case(alter=ALTERED, output_root=b"\x05" * 32),
            [RECEIPT, INPUT, NODES],
            VerdictKind.OUTPUT_ROOT,
            FaultKind.EXECUTION,
        ),
        (lambda: Case(served_at=5_001), [RECEIPT, INPUT, REQUEST], VerdictKind.REQUEST, FaultKind.REQUEST),
    ],
    ids=["another input", "another output", "another output of a wrong trace", "served late"],
)
def test_every_other_fault__has_its_way(
    case: Callable[[], Case], kinds: list[DemandKind], verdict: VerdictKind, fault: FaultKind
) -> None:
    """G4."""
    demanded, found = case().play(Known())
    assert found is not None
    assert (demanded, found.verdict, found.kind) == (kinds, verdict, fault)


def test_a_receipt_that_is_not_its_headers__is_all_that_is_needed() -> None:
    case = Case()
    other = replace(case.batch.header, fee=FEE + 1)
    found = next_move(
        Known(proof=case.batch.proof(0)),
        leaf_index=0,
        header=other,
        claims=case.batch.claims,
        domain=DOMAIN,
        program=case.program,
        run=lambda _: pytest.fail("nothing has to be executed"),
    )
    assert isinstance(found, Finding)
    assert found.kind is FaultKind.HEADER
