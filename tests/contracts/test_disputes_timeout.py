"""Disputes.timeout: whose clock has run out loses, and anyone may say so.

timeout
├── when the challenger's time is over     its bond burns, the batch goes on
├── before                                 NotOutOfTime
└── when there is no live challenge        Unknown, WrongStatus; the batch's own error when that was decided
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import Batch, BatchStatus, ChallengeKey, ChallengeStatus, ModelId
from onus.protocol.ids import BURNED
from tests.support.chain import Revert, Tx
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused, variants
from tests.support.world import Sealed, World

BOND = 25 * UNIT


@pytest.fixture
def model(world: World) -> ModelId:
    return world.ready()


@pytest.fixture
def batch(world: World, model: ModelId) -> Batch:
    batch = world.batch(world.op1, model)
    world.commit(batch)
    return batch


def timeout(
    world: World, batch: Batch, sealed: Sealed, *, at: int | None = None, sender: object = None
) -> Tx:
    return world.disputes.timeout(batch.header, sealed.key, sender=sender or world.stranger, at=at)


def refuse(world: World, expected: Revert, batch: Batch, key: ChallengeKey, *, at: int | None = None) -> None:
    refused(world, expected, world.disputes.timeout, batch.header, key, sender=world.stranger, at=at)


@pytest.mark.parametrize("opened", [False, True])
def test_timeout__when_challenger_is_silent__burns_the_bond(world: World, batch: Batch, opened: bool) -> None:
    """C1, C16, D3: no answer was given, so nobody is paid of it; the batch goes on."""
    sealed = world.challenge(batch)
    if opened:
        world.disputes.open(batch.header, sealed.opening, sender=sealed.by)
    before = world.buckets()
    deadline = world.disputes.clockOf(batch.header, sealed.key).deadline

    tx = timeout(world, batch, sealed, at=deadline)

    lost = tx.event("ChallengeLost")
    assert tuple(lost.values) == (sealed.id, 0, BOND)
    assert [(e.account, e.amount) for e in tx.events("Credited")] == [(BURNED, BOND)]
    assert len(tx.logs) == 2
    assert world.disputes.challengeOf(sealed.id).status == ChallengeStatus.LOST
    state = world.state_of(batch)
    assert (state.status, state.openChallenges, state.challenges, state.endedAt) == (
        BatchStatus.PENDING,
        0,
        1,
        0,
    )
    after = world.assert_solvent()
    assert after.bonds == {}
    assert after.balances[BURNED] - before.balances[BURNED] == BOND
    assert world.free(world.watcher1) == world.free(world.op1) == world.free(world.stranger) == 0
    assert (after.stake, after.fees, after.pots) == (before.stake, before.fees, before.pots)


def test_timeout__around_the_deadline(world: World, batch: Batch) -> None:
    """D1."""
    sealed = world.challenge(batch)
    deadline = world.disputes.challengeOf(sealed.id).sealedAt + world.params.challenger_time

    def check(at: int, offset: int) -> None:
        revert = world.disputes.timeout.revert(batch.header, sealed.key, sender=world.stranger, at=at)
        assert revert == (Revert("Disputes_NotOutOfTime", sealed.id, deadline) if offset < 0 else None)

    around(deadline, check)
    refuse(world, Revert("Disputes_NotOutOfTime", sealed.id, deadline), batch, sealed.key, at=deadline - 1)


@pytest.mark.parametrize("name", ["stranger", "watcher1", "op1", "alice"])
def test_timeout__whoever_calls__same_outcome(world: World, batch: Batch, name: str) -> None:
    """D3: nobody has to be there, nobody profits by calling."""
    sealed = world.challenge(batch)
    world.forward(world.params.challenger_time)
    timeout(world, batch, sealed, sender=getattr(world, name))
    assert world.free(getattr(world, name)) == 0
    assert world.escrow.balanceOf(BURNED) == BOND


@pytest.mark.parametrize("years", [1, 10])
def test_timeout__however_late__works(world: World, batch: Batch, years: int) -> None:
    """D3, D4: nothing is locked for ever, also if everybody slept."""
    sealed = world.challenge(batch)
    world.forward(years * 365 * 24 * 3_600)
    timeout(world, batch, sealed)
    world.finalize(batch)
    assert world.operators.stateOf(world.op1).locked == 0
    assert world.assert_solvent().bonds == {}


def test_timeout__one_of_several__the_others_hold_the_batch(world: World, batch: Batch) -> None:
    """C1, C3: finality waits for the last one."""
    first = world.challenge(batch, 0)
    world.time_to(world.state_of(batch).windowEndsAt - 10)
    second = world.challenge(batch, 1, by=world.watcher2)
    timeout(world, batch, first)
    assert world.state_of(batch).openChallenges == 1
    world.past_window(batch)
    revert = world.settlement.finalize.revert([batch.header], sender=world.stranger)
    assert world.chain.codec.revert(revert.args[0]) == Revert("Settlement_Challenged", world.id_of(batch), 1)
    world.forward(world.params.challenger_time)
    timeout(world, batch, second)
    world.finalize(batch)
    assert world.escrow.balanceOf(BURNED) == 2 * BOND
    world.assert_solvent()


def test_timeout__when_set_changed__follows_the_batchs(world: World, batch: Batch) -> None:
    """B8, D6: bond and time of the batch's set."""
    changed = replace(world.params, challenge_bond=1, challenger_time=13 * 3_600)
    world.govern(world.parameters.add, changed)
    sealed = world.challenge(batch)
    world.forward(13 * 3_600)
    deadline = world.disputes.challengeOf(sealed.id).sealedAt + 26 * 3_600
    refuse(world, Revert("Disputes_NotOutOfTime", sealed.id, deadline), batch, sealed.key)
    timeout(world, batch, sealed, at=deadline)
    assert world.escrow.balanceOf(BURNED) == BOND


# ---- Refusals -------------------------------------------------------------------------------------------


def test_timeout__twice__reverts(world: World, batch: Batch) -> None:
    """D13: a bond is lost once."""
    sealed = world.challenge(batch)
    world.forward(world.params.challenger_time)
    timeout(world, batch, sealed)
    refuse(world, Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.LOST), batch, sealed.key)
    world.past_window(batch)
    world.finalize(batch)
    refuse(world, Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.LOST), batch, sealed.key)


def test_timeout__when_unknown__reverts(world: World, batch: Batch) -> None:
    sealed = world.challenge(batch)
    world.forward(world.params.challenger_time)
    for key in variants(sealed.key, challenger=world.watcher2.address).values():
        refuse(world, Revert("Disputes_Unknown", key.id(world.id_of(batch))), batch, key)
    for header in variants(batch.header, operator=world.op2.address).values():
        other = replace(batch, header=header)
        refuse(world, Revert("Disputes_Unknown", sealed.key.id(world.id_of(other))), other, sealed.key)


def test_timeout__when_the_batch_was_decided__reverts(world: World, model: ModelId) -> None:
    """D1: after a verdict there is one outcome for the others, close."""
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    late = world.challenge(bad, 1, by=world.watcher2)
    winner = world.convict(bad)
    world.forward(world.params.challenger_time)
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(bad), BatchStatus.FAULTY), bad, late.key)
    refuse(world, Revert("Disputes_WrongStatus", winner.id, ChallengeStatus.WON), bad, winner.key)
    world.settle(bad, winner)
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(bad), BatchStatus.SETTLED), bad, late.key)
    world.disputes.close(bad.header, late.key, sender=world.stranger)
    refuse(world, Revert("Disputes_WrongStatus", late.id, ChallengeStatus.CLOSED), bad, late.key)


def test_clock_of__when_not_live__reverts(world: World, batch: Batch) -> None:
    """F8: a clock of what is over or was never there has no meaning, and says so."""
    unknown = world.sealed(batch)
    assert world.disputes.clockOf.revert(batch.header, unknown.key) == Revert("Disputes_Unknown", unknown.id)
    sealed = world.challenge(batch)
    world.forward(world.params.challenger_time)
    timeout(world, batch, sealed)
    expected = Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.LOST)
    assert world.disputes.clockOf.revert(batch.header, sealed.key) == expected
