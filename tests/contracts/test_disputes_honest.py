"""An honest operator that answers in time, against challengers that do whatever they like (G1, C7).

Whatever they demand and try to prove, nothing is shown, nothing is slashed, and the batch becomes final.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onus.protocol import BatchStatus, DemandKind, FaultKind, Position, Turn, faults
from onus.protocol.ids import BURNED
from onus.trace import EvidenceKind, element_evidence, root_evidence
from tests.contracts.test_disputes_answers import flipped
from tests.contracts.test_disputes_demand import BOND
from tests.support import digits
from tests.support.deployment import UNIT
from tests.support.withheld import LEAF, RECEIPT, REQUEST, Withheld, digits_source
from tests.support.world import Sealed, World

HOUR = 3_600
MOVES = ("challenge", "demand", "demand", "demand", "prove", "timeout", "wait")
EASY: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
}
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Siege:
    """Three challengers, one operator, one batch."""

    def __init__(self, withheld: Withheld) -> None:
        self.withheld, self.world = withheld, withheld.world
        self.challenges: list[Sealed] = []
        self.stake = self.world.operators.stateOf(self.world.op1).stake

    # ---- What challengers do ------------------------------------------------------------------------------

    def challenge(self, draw: Draw) -> None:
        if self.world.now + 1 >= self.world.state_of(self.withheld.batch).windowEndsAt:
            return
        by = getattr(self.world, draw(st.sampled_from(("watcher1", "watcher2", "stranger"))))
        leaf = draw(st.sampled_from((LEAF, LEAF, LEAF, 0, 3)))
        self.challenges.append(self.withheld.challenge(leaf, by=by))

    def demand(self, draw: Draw) -> None:
        if sealed := self._some(draw):
            positions = [RECEIPT, REQUEST, *self.withheld.source.positions()]
            position = draw(st.sampled_from(positions))
            if sealed.opening.leaf_index != LEAF:
                # Of the other leaves there is no execution: an operator has what it serves.
                position = draw(st.sampled_from((RECEIPT, REQUEST)))
            self._try(self.world.disputes.demand, self.withheld.demand_args(sealed, position), sealed)

    def prove(self, draw: Draw) -> None:
        if sealed := self._some(draw):
            kind = draw(st.sampled_from(list(FaultKind)))
            evidence = self._evidence(draw, kind, sealed)
            leaf = min(sealed.opening.leaf_index, 2)
            args = (self.withheld.batch.header, sealed.opening.salt, self.withheld.batch.proof(leaf), kind)
            assert self.world.disputes.prove.revert(*args, evidence, sender=sealed.by) is not None

    def _evidence(self, draw: Draw, kind: FaultKind, sealed: Sealed) -> bytes:
        trace, leaf = digits.run(0), min(sealed.opening.leaf_index, 2)
        match kind:
            case FaultKind.HEADER:
                right = b""
            case FaultKind.REQUEST:
                request_id = self.withheld.batch.receipts[leaf].request_id
                right = faults.request_evidence(self.world.requests[request_id])
            case FaultKind.CLAIM:
                right = faults.claims_evidence(self.withheld.batch.claims)
            case _:
                slot = draw(st.integers(1, 5))
                element = draw(st.integers(0, trace.tensors[slot].size - 1))
                right = draw(
                    st.sampled_from(
                        (
                            element_evidence(trace, slot, element, check=False),
                            root_evidence(trace, EvidenceKind.INPUT),
                            root_evidence(trace, EvidenceKind.OUTPUT),
                        )
                    )
                )
        if right and draw(st.booleans()):
            return flipped(right, draw(st.integers(0, 8 * len(right) - 1)))
        return right

    def timeout(self, draw: Draw) -> None:
        if sealed := self._some(draw):
            self._try(self.world.disputes.timeout, (self.withheld.batch.header, sealed.key), sealed)

    def _some(self, draw: Draw) -> Sealed | None:
        return draw(st.sampled_from(self.challenges)) if self.challenges else None

    def _try(self, method: Any, args: tuple[Any, ...], sealed: Sealed) -> None:
        if method.revert(*args, sender=sealed.by, at=self.world.now + 1) is None:
            method(*args, sender=sealed.by)

    # ---- What the operator does ---------------------------------------------------------------------------

    def wait(self, draw: Draw) -> None:
        """Time passes; before it does, whoever has to be answered by then is answered."""
        then = self.world.now + draw(st.sampled_from((1, HOUR, 10 * HOUR, 26 * HOUR)))
        self.answer(then)
        if then > self.world.now:
            self.world.time_to(then)

    def answer(self, before: int) -> None:
        replies = []
        for sealed in self.challenges:
            state = self.world.disputes.challengeOf(sealed.id)
            if state.status > 3 or not state.demandKind:
                continue
            turn, deadline = self.world.disputes.clockOf(self.withheld.batch.header, sealed.key)
            assert turn == Turn.OPERATOR
            if deadline <= before + 10:
                position = Position(
                    kind=DemandKind(state.demandKind),
                    slot=state.demandSlot,
                    level=state.demandLevel,
                    index=state.demandIndex,
                )
                answer = self.withheld.answer(sealed, position)
                replies.append(self.world.reply(self.withheld.batch, sealed, answer))
        if replies:
            tx = self.world.disputes.revealMany(replies, sender=self.world.op1)
            assert not tx.events("RevealSkipped")


def endure(withheld: Withheld, data: st.DataObject, moves: int) -> None:
    """Moves of all, then everything runs out."""
    world, siege = withheld.world, Siege(withheld)
    for _ in range(moves):
        name = data.draw(st.sampled_from(MOVES))
        getattr(siege, name)(data.draw)
    for _ in range(3):
        # Who still waits is answered; who says nothing more loses.
        siege.answer(2**40)
        world.forward(27 * HOUR)
        for sealed in siege.challenges:
            siege._try(world.disputes.timeout, (withheld.batch.header, sealed.key), sealed)
    world.past_window(withheld.batch)
    world.finalize(withheld.batch)
    assert world.state_of(withheld.batch).status == BatchStatus.FINAL
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.locked, state.faults) == (siege.stake, 0, 0)
    # C1: all bonds are lost; at most half of them pays the answers.
    burned = world.escrow.balanceOf(BURNED)
    fees = 3 * UNIT // 100
    operator_fee = fees - fees * 200 // 10_000 - fees * 1_000 // 10_000
    assert burned + world.free(world.op1) - operator_fee == BOND * len(siege.challenges)
    assert 2 * burned >= BOND * len(siege.challenges)
    assert world.assert_solvent().bonds == {}


@settings(max_examples=6, derandomize=True, **EASY)
@given(data=st.data())
def test_honest_operator__against_any_challengers__loses_nothing(world: World, data: st.DataObject) -> None:
    """G1, C1, C7."""
    mark = world.mark()
    endure(Withheld(world, digits_source()), data, moves=25)
    world.back_to(mark)


@pytest.mark.deep
@settings(max_examples=100, **EASY)
@given(data=st.data())
def test_honest_operator__against_any_challengers__for_long(world: World, data: st.DataObject) -> None:
    """G1, C1, C7."""
    mark = world.mark()
    endure(Withheld(world, digits_source()), data, moves=80)
    world.back_to(mark)
