"""Honest operators: whatever is demanded of them, by whomever, they answer, and never lose."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from onus.client import Onus
from onus.protocol import (
    BatchHeader,
    BatchId,
    BatchStatus,
    ChallengeStatus,
    DemandKind,
    Opening,
    Position,
    Turn,
)
from onus.trace import Program, tree_depth, tree_width, witness_of
from tests.nodes.town import DOLLAR, FEE, Town
from tests.nodes.withholding import WithholdingOperator


class Crash(BaseException):
    """The process is gone."""


def positions(program: Program) -> list[Position]:
    """Everything that can be demanded about an inference."""
    return [
        Position(kind=DemandKind.RECEIPT),
        Position(kind=DemandKind.REQUEST),
        *_nodes(DemandKind.TRACE_NODES, 0, len(program.slots)),
        *(each for slot in range(len(program.slots)) for each in _of_tensor(program, slot)),
    ]


def _of_tensor(program: Program, slot: int) -> Iterator[Position]:
    kinds = [(DemandKind.TENSOR_NODES, DemandKind.CHUNKS)]
    if slot < len(program.inputs):
        kinds.append((DemandKind.INPUT_NODES, DemandKind.INPUT_CHUNKS))
    for nodes, chunks in kinds:
        yield from _nodes(nodes, slot, program.slots[slot].chunks)
        yield from (
            Position(kind=chunks, slot=slot, index=first)
            for first in range(0, program.slots[slot].chunks, 64)
        )


def _nodes(kind: DemandKind, slot: int, leaves: int) -> list[Position]:
    return [
        Position(kind=kind, slot=slot, level=level, index=index)
        for level in range(1, tree_depth(leaves) + 1)
        for index in range(tree_width(leaves, level))
    ]


class Nuisance:
    """A challenger that knows nothing, and demands whatever comes to its mind."""

    def __init__(self, town: Town, header: BatchHeader, program: Program, *, leaf: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.client: Onus = town.client()
        self.client.escrow.deposit(town.params.challenge_bond)
        self.header, self.program = header, program
        self.opening = Opening(leaf_index=leaf, salt=self.random.randbytes(32))
        self.id = self.client.disputes.challenge(header, self.opening).value
        self.left = positions(program)
        self.random.shuffle(self.left)

    def demand(self) -> bool:
        """Demands something that is not known yet; whether there was anything left."""
        disputes = self.client.disputes
        state = disputes.challenge_of(self.id)
        if state.turn is not Turn.CHALLENGER or state.status.is_over:
            return False
        if state.status is ChallengeStatus.ENGAGED and state.demands_left == 0:
            return False
        batch_id = BatchId(self.header.id(self.client.domain))
        while self.left:
            position = self.left.pop()
            leaf = self.opening.leaf_index
            if disputes.is_revealed(batch_id, leaf_index=leaf, position=position):
                continue
            plain = position.kind in (DemandKind.RECEIPT, DemandKind.REQUEST, DemandKind.TRACE_NODES)
            witness = None if plain else witness_of(self.program, position.slot)
            disputes.demand(self.header, self.opening, position, witness)
            return True
        return False


def test_challengers_at_random__all_answered__nothing_lost__and_paid_for_it(town: Town) -> None:
    """G1, G3, C1, C7: no strategy of theirs costs it stake; their bonds pay its answers."""
    operator = WithholdingOperator(town)
    program = operator.model.program
    before = operator.client.operators.state_of(operator.address)
    batch_id = operator.commit([town.image() for _ in range(3)])
    header = operator.store.batch(batch_id).header
    # Two of them on one leaf: they compete for what is not revealed.
    crowd = [Nuisance(town, header, program, leaf=leaf, seed=seed) for seed, leaf in enumerate((0, 1, 1))]
    town.chain.advance(1)
    answered = 0
    for _ in range(town.params.max_demands + 1):
        asked = sum(each.demand() for each in crowd)
        response = operator.answer()
        assert len(response.revealed) == asked
        assert not response.unanswerable
        answered += asked
        if not asked:
            break
    states = [operator.client.disputes.challenge_of(each.id) for each in crowd]
    assert sum(state.answers for state in states) == answered > 3 * 8
    assert all(state.turn is Turn.CHALLENGER for state in states)

    window_ends_at = town.reader.settlement.batch_of(batch_id).window_ends_at
    town.chain.advance_to(max(window_ends_at, *(state.deadline for state in states)))
    assert len(operator.answer().ended) == len(crowd)
    operator.committer.step()
    assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.FINAL
    after = operator.client.operators.state_of(operator.address)
    assert (after.stake, after.reserve, after.faults, after.locked) == (before.stake, before.reserve, 0, 0)
    bond, most = town.params.challenge_bond, town.params.max_demands
    shares = sum(bond // 2 * state.answers // most for state in states)
    fees = 3 * FEE * (10_000 - town.params.protocol_fee_bps - 1_000) // 10_000
    assert operator.client.escrow.free_balance_of(operator.address) == shares + fees
    assert [town.reader.disputes.challenge_of(each.id).status for each in crowd] == [ChallengeStatus.LOST] * 3


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_crash_around_an_answer__is_made_good(town: Town, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarted, it finds what is open on chain, and answers nothing twice."""
    operator = WithholdingOperator(town)
    start = town.reader.block_number()
    batch_id = operator.commit([town.image(), town.image()])
    header = operator.store.batch(batch_id).header
    crowd = [Nuisance(town, header, operator.model.program, leaf=leaf, seed=7 + leaf) for leaf in range(2)]
    town.chain.advance(1)
    crowd[0].demand()
    reveal = operator.client.disputes.reveal

    def crash(*args: Any, **kwargs: Any) -> None:
        if at == "after":
            reveal(*args, **kwargs)
        raise Crash

    monkeypatch.setattr(operator.client.disputes, "reveal", crash)
    with pytest.raises(Crash):
        operator.answer()
    crowd[1].demand()
    operator.start()
    # Two open demands are one transaction; the one that arrived is not sent again.
    expected = [each.id for each in (crowd if at == "before" else crowd[1:])]
    assert sorted(operator.answer().revealed) == sorted(expected)
    assert operator.answer().is_idle
    revealed = town.reader.disputes.Revealed.logs(from_block=start, batch_id=batch_id)
    assert sorted(each.event.id for each in revealed) == sorted(each.id for each in crowd)
    if at == "before":
        assert len({each.transaction_hash for each in revealed}) == 1


def test_records_that_are_lost__are_told_once(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    """A demand that cannot be answered costs the stake: somebody has to hear of it."""
    operator = WithholdingOperator(town)
    batch_id = operator.commit([town.image()])
    header = operator.store.batch(batch_id).header
    challenger = Nuisance(town, header, operator.model.program, leaf=0, seed=1)
    town.chain.advance(1)
    challenger.demand()
    answers = operator.responder._answers
    operator.responder._answers._store = WithholdingOperator(town).store  # another operator's records
    assert operator.answer().unanswerable == (challenger.id,)
    assert operator.answer().unanswerable == (challenger.id,)
    told = [each for each in caplog.records if "UNANSWERED" in each.getMessage()]
    assert len(told) == 1
    answers._store = operator.store
    assert operator.answer().revealed == (challenger.id,)


# ---- omission ---------------------------------------------------------------------------------------------


def claim(town: Town, operator: WithholdingOperator, *, committed: bool) -> tuple[Any, int]:
    """A receipt that its payer claims as omitted, and the payer's balance before."""
    (receipt,) = operator.serve([town.image()])
    if committed:
        operator.commit()
    town.chain.advance_to(receipt.message.commit_by + 1)
    before = operator.payer.escrow.free_balance_of(operator.payer.require_signer().address)
    operator.payer.omissions.claim(receipt)
    return receipt, before


def payer_with_money(operator: WithholdingOperator) -> None:
    operator.payer.escrow.deposit(10 * DOLLAR)


def test_a_claim_about_what_is_in_a_batch__is_answered_from_the_records(town: Town) -> None:
    """E13: the claimant pays, half of it to the operator, and learns where its receipt is."""
    operator = WithholdingOperator(town)
    payer_with_money(operator)
    start = town.reader.block_number()
    receipt, before = claim(town, operator, committed=True)
    payer = operator.payer.require_signer().address
    reserve = operator.client.operators.state_of(operator.address).reserve
    assert operator.answer().shown == (receipt.message.struct_hash,)
    assert operator.answer().is_idle
    (told,) = town.reader.omissions.OmissionAnswered.logs(from_block=start)
    header = operator.store.batch(told.event.batch_id).header
    assert told.event.proof.receipt == receipt.message
    assert told.event.proof.root(header.count) == header.root
    bond = town.params.omission_bond
    assert told.event.paid == bond // 2
    assert operator.payer.escrow.free_balance_of(payer) == before - bond
    assert operator.client.operators.state_of(operator.address).reserve == reserve


def test_a_claim__also_after_a_restart_and_a_late_commit__is_answered(town: Town) -> None:
    operator = WithholdingOperator(town)
    payer_with_money(operator)
    receipt, _ = claim(town, operator, committed=False)
    assert operator.answer().is_idle
    operator.start()
    operator.commit()
    assert operator.answer().shown == (receipt.message.struct_hash,)


def test_a_claim_about_what_was_never_committed__costs_the_reserve(town: Town) -> None:
    """E13: one penalty, from the reserve alone; the payer has its bond back and half of the penalty."""
    operator = WithholdingOperator(town)
    payer_with_money(operator)
    state = operator.client.operators.state_of(operator.address)
    receipt, before = claim(town, operator, committed=False)
    town.chain.advance_to(operator.payer.omissions.of(receipt.message).deadline)
    operator.payer.omissions.punish(receipt.message)
    penalty = min(receipt.message.stake, state.reserve)
    payer = operator.payer.require_signer().address
    assert operator.payer.escrow.free_balance_of(payer) == before + penalty // 2
    after = operator.client.operators.state_of(operator.address)
    assert (after.reserve, after.stake) == (state.reserve - penalty, state.stake)
