"""Chess clocks: what each side has used, over any number of turns, beside a model in plain Python (D1 to D4).

The model knows two stopwatches. Whose watch runs may move while it has not reached its total; from that
second on anyone may end the challenge, and nobody can move.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onus.protocol import BatchStatus, ChallengeStatus, Turn
from onus.protocol.ids import BURNED
from tests.contracts.test_disputes_demand import BOND
from tests.support.chain import Revert
from tests.support.refusals import refused
from tests.support.withheld import RECEIPT, REQUEST, Withheld, digits_source
from tests.support.world import Sealed, World

HOUR = 3_600
QUICK = settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


@dataclass
class Watches:
    """Seconds used by each side, and whose watch runs since when."""

    total: dict[Turn, int]
    since: int
    turn: Turn = Turn.CHALLENGER
    used: dict[Turn, int] = field(default_factory=lambda: dict.fromkeys(Turn, 0))

    @property
    def deadline(self) -> int:
        return self.since + self.total[self.turn] - self.used[self.turn]

    def press(self, at: int) -> None:
        self.used[self.turn] += at - self.since
        self.since, self.turn = at, Turn(1 - self.turn)


@pytest.fixture
def withheld(world: World) -> Withheld:
    return Withheld(world, digits_source())


@contextmanager
def undone(world: World) -> Iterator[None]:
    mark = world.mark()
    yield
    world.back_to(mark)


def move(withheld: Withheld, sealed: Sealed, turn: Turn, number: int, at: int) -> Revert | None:
    """Whoever's turn it is moves, if it can; why not."""
    world = withheld.world
    position = [RECEIPT, REQUEST, *withheld.source.positions()][number]
    if turn is Turn.CHALLENGER:
        method, args, by = world.disputes.demand, withheld.demand_args(sealed, position), sealed.by
    else:
        method, by = world.disputes.reveal, world.op1
        args = withheld.reveal_args(sealed, withheld.answer(sealed, position))
    revert: Revert | None = method.revert(*args, sender=by, at=at)
    if revert is None:
        method(*args, sender=by, at=at)
    return revert


# Shares of what is left when the turn begins, or seconds around its end.
thoughts = st.lists(
    st.one_of(
        st.floats(0, 0.6).map(lambda share: ("share", share)),
        st.sampled_from([-1, -2]).map(lambda offset: ("end", offset)),
        st.just(("first", 1)),
    ),
    max_size=12,
)
ends = st.sampled_from([-1, 0, 1, 10 * 24 * HOUR])


@QUICK
@given(thoughts=thoughts, end=ends)
def test_clocks__over_any_turns__are_two_stopwatches(
    withheld: Withheld, thoughts: list[tuple[str, float]], end: int
) -> None:
    """D1: over any number of turns a side's moves and `timeout` exclude each other, to the second."""
    world = withheld.world
    with undone(world):
        sealed = withheld.challenge()
        totals = {Turn.CHALLENGER: world.params.challenger_time, Turn.OPERATOR: world.params.operator_time}
        watches = Watches(totals, since=world.now)
        key, moves = (withheld.batch.header, sealed.key), 0
        for number, (kind, value) in enumerate(thoughts):
            left = watches.deadline - watches.since
            seconds = {"share": int(left * value), "end": left + int(value), "first": 1}[kind]
            if left < 3:
                break
            at = watches.since + max(1, min(seconds, left - 1))
            assert world.disputes.timeout.revert(*key, sender=world.stranger, at=at) == Revert(
                "Disputes_NotOutOfTime", sealed.id, watches.deadline
            )
            assert move(withheld, sealed, watches.turn, number // 2, at) is None
            watches.press(at)
            assert tuple(world.disputes.clockOf(*key)) == (watches.turn, watches.deadline)
            stored = world.disputes.challengeOf(sealed.id)
            assert (stored.challengerLeft, stored.operatorLeft, stored.movedAt) == (
                totals[Turn.CHALLENGER] - watches.used[Turn.CHALLENGER],
                totals[Turn.OPERATOR] - watches.used[Turn.OPERATOR],
                at,
            )
            moves = number + 1
        at = max(watches.deadline + end, world.now + 1)
        moving = _revert(withheld, sealed, watches.turn, moves // 2, at)
        ending = world.disputes.timeout.revert(*key, sender=world.stranger, at=at)
        assert (moving is None) == (at < watches.deadline) == (ending is not None)
        # Never longer than both times together, however often they moved.
        sealed_at = world.disputes.challengeOf(sealed.id).sealedAt
        assert watches.deadline <= sealed_at + sum(totals.values())


def _revert(withheld: Withheld, sealed: Sealed, turn: Turn, number: int, at: int) -> Revert | None:
    with undone(withheld.world):
        return move(withheld, sealed, turn, number, at)


# ---- The last second ------------------------------------------------------------------------------------


def test_challenge__in_the_last_second__leaves_the_operator_all_its_time(withheld: Withheld) -> None:
    """D2: a demand at the very end of the challenger's time, after a seal at the very end of the window."""
    world = withheld.world
    end = world.state_of(withheld.batch).windowEndsAt
    world.escrow.deposit(world.watcher1, BOND, sender=world.watcher1)
    sealed = world.sealed(withheld.batch, 1)
    world.disputes.challenge(withheld.batch.header, sealed.key.seal, sender=sealed.by, at=end - 1)
    asked_at = end - 1 + world.params.challenger_time - 1
    withheld.demand(sealed, RECEIPT, at=asked_at)
    clock = world.disputes.clockOf(withheld.batch.header, sealed.key)
    assert tuple(clock) == (Turn.OPERATOR, asked_at + world.params.operator_time)
    withheld.reveal(sealed, RECEIPT, at=asked_at + world.params.operator_time - 1)
    # Now it is the challenger's last second: it can make no move in it, blocks being a second apart.
    clock = world.disputes.clockOf(withheld.batch.header, sealed.key)
    assert tuple(clock) == (Turn.CHALLENGER, asked_at + world.params.operator_time)
    tx = world.timeout(withheld.batch, sealed, at=clock.deadline)
    assert tx.timestamp - (end - 1) == world.params.challenger_time + world.params.operator_time - 1
    world.finalize(withheld.batch)


def test_operator__that_has_used_its_time__must_answer_later_demands_at_once(withheld: Withheld) -> None:
    """D1: the total is of the whole challenge; so an operator answers early."""
    world = withheld.world
    sealed = withheld.challenge()
    asked = withheld.demand(sealed, RECEIPT).timestamp
    withheld.reveal(sealed, RECEIPT, at=asked + world.params.operator_time - 2)
    asked = withheld.demand(sealed, REQUEST).timestamp
    assert world.disputes.clockOf(withheld.batch.header, sealed.key).deadline == asked + 2
    withheld.reveal(sealed, REQUEST, at=asked + 1)


# ---- Silence ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stranger", "watcher1", "watcher2", "op1", "alice"])
def test_timeout__of_a_silent_operator__convicts_whoever_calls(withheld: Withheld, name: str) -> None:
    """D3: batch faulty, lock slashed, reward of this challenge, also where another holds the place (C5)."""
    world = withheld.world
    holder = withheld.challenge(by=world.watcher2)
    world.disputes.open(withheld.batch.header, holder.opening, sender=holder.by)
    sealed = withheld.challenge()
    withheld.demand(sealed, RECEIPT)
    deadline = world.disputes.clockOf(withheld.batch.header, sealed.key).deadline
    before = world.buckets()
    tx = world.disputes.timeout(withheld.batch.header, sealed.key, sender=getattr(world, name), at=deadline)
    assert [event.name for event in tx.logs] == ["OperatorTimedOut", "Slashed"]
    assert tuple(tx.event("Slashed").values)[:2] == (world.op1.address, 6 * BOND)
    state = world.state_of(withheld.batch)
    assert (state.status, state.endedAt) == (BatchStatus.FAULTY, deadline)
    assert world.disputes.challengeOf(sealed.id).status == ChallengeStatus.WON
    assert world.disputes.challengeOf(holder.id).status == ChallengeStatus.OPENED
    after = world.assert_solvent()
    assert after.pots == {world.id_of(withheld.batch): 6 * BOND}
    assert (after.bonds, after.balances) == (before.bonds, before.balances)
    expected = Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.WON)
    timeout = world.disputes.timeout
    refused(world, expected, timeout, withheld.batch.header, sealed.key, sender=world.stranger)


@pytest.mark.parametrize("answers", [0, 1, 2, 7, 20])
def test_timeout__of_a_silent_challenger__splits_the_bond_by_the_answers(
    withheld: Withheld, answers: int
) -> None:
    """C1, C16, D3: half of the bond times answers / maxDemands to the operator, the rest burned."""
    world = withheld.world
    sealed = withheld.challenge()
    for position in [RECEIPT, REQUEST, *withheld.source.positions()][:answers]:
        withheld.turn(sealed, position)
    deadline = world.disputes.clockOf(withheld.batch.header, sealed.key).deadline
    tx = world.timeout(withheld.batch, sealed, at=deadline)
    paid = BOND // 2 * answers // world.params.max_demands
    assert tuple(tx.event("ChallengeLost").values) == (sealed.id, paid, BOND - paid)
    assert world.free(world.op1) == paid <= BOND // 2
    assert world.escrow.balanceOf(BURNED) == BOND - paid
    state = world.state_of(withheld.batch)
    assert (state.status, state.openChallenges) == (BatchStatus.PENDING, 0)
    world.assert_solvent()
    world.past_window(withheld.batch)
    world.finalize(withheld.batch)


def test_timeout__when_both_were_silent__one_outcome_of_whose_turn_it_was(withheld: Withheld) -> None:
    """D3, D4: years later, two challenges that nobody looked after, one in each turn, in both orders."""
    world = withheld.world
    operators, challengers = withheld.challenge(), withheld.challenge(0, by=world.watcher2)
    withheld.demand(operators, RECEIPT)
    withheld.turn(challengers, RECEIPT)
    world.forward(10 * 365 * 24 * HOUR)
    for first in (operators, challengers):
        with undone(world):
            world.timeout(withheld.batch, first)
            if first is challengers:
                world.timeout(withheld.batch, operators)
            else:
                # Its time was over before the verdict, whoever says so first.
                world.close_challenge(withheld.batch, challengers)
            statuses = [world.disputes.challengeOf(each.id).status for each in (operators, challengers)]
            assert statuses == [ChallengeStatus.WON, ChallengeStatus.LOST]
            assert world.free(world.op1) == BOND // 2 // world.params.max_demands
            world.forward(world.params.earning_delay)
            world.settle(withheld.batch, operators)
            assert world.assert_solvent().bonds == {}
