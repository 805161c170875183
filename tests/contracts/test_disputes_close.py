"""Disputes.close: the bond of a challenge that another one made moot.

close
├── when the batch was decided by another challenge
│   ├── while this one had time                         the bond returns, whoever calls
│   └── when its time was over                          the bond burns
├── while the batch is undecided                        BatchUndecided
└── when there is no live challenge                     Unknown, WrongStatus
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import Batch, BatchStatus, ChallengeKey, ChallengeStatus, ModelId
from onus.protocol.ids import BURNED, account_of
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused, variants
from tests.support.world import Sealed, World

BOND = 25 * UNIT


@pytest.fixture
def model(world: World) -> ModelId:
    return world.ready()


@pytest.fixture
def bad(world: World, model: ModelId) -> Batch:
    """A faulty batch of three, just committed; leaf 0 is wrong."""
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    return bad


def refuse(world: World, expected: Revert, batch: Batch, key: ChallengeKey) -> None:
    refused(world, expected, world.disputes.close, batch.header, key, sender=world.stranger)


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("leaf", [0, 1])
def test_close__when_another_won__returns_the_bond(world: World, bad: Batch, opened: bool, leaf: int) -> None:
    """C16, C17: also of one on a leaf that is right."""
    moot = world.challenge(bad, leaf, by=world.watcher2)
    if opened:
        world.disputes.open(bad.header, moot.opening, sender=moot.by)
    winner = world.challenge(bad, 0)
    world.prove(bad, winner)
    if opened and leaf == 0:
        # It was sealed first and held the place: it is the winner itself.
        refuse(world, Revert("Disputes_WrongStatus", moot.id, ChallengeStatus.WON), bad, moot.key)
        return
    before = world.buckets()
    tx = world.disputes.close(bad.header, moot.key, sender=world.stranger)
    assert tx.event("ChallengeClosed").id == moot.id
    assert [(e.account, e.amount) for e in tx.events("Credited")] == [
        (account_of(world.watcher2.address), BOND)
    ]
    assert len(tx.logs) == 2
    assert world.disputes.challengeOf(moot.id).status == ChallengeStatus.CLOSED
    assert world.free(world.watcher2) == BOND
    after = world.assert_solvent()
    assert (after.pots, after.fees, after.stake) == (before.pots, before.fees, before.stake)


@pytest.mark.parametrize("name", ["stranger", "watcher2", "op1", "alice"])
def test_close__whoever_calls__the_bond_is_the_challengers(world: World, bad: Batch, name: str) -> None:
    """D14."""
    moot = world.challenge(bad, 1, by=world.watcher2)
    world.convict(bad, 0)
    world.disputes.close(bad.header, moot.key, sender=getattr(world, name))
    assert world.free(world.watcher2) == BOND
    if name != "watcher2":
        assert world.free(getattr(world, name)) == 0


def test_close__when_batch_is_settled__still_returns_the_bond(world: World, bad: Batch) -> None:
    """D4: however late."""
    moot = world.challenge(bad, 1, by=world.watcher2)
    winner = world.convict(bad, 0)
    world.forward(365 * 24 * 3_600)
    world.settle(bad, winner)
    assert world.assert_solvent().bonds == {moot.id: BOND}
    world.disputes.close(bad.header, moot.key, sender=world.stranger)
    assert world.assert_solvent().bonds == {}
    assert world.free(world.watcher2) == BOND


def test_close__when_a_challenge_had_lost_before__returns_nothing(world: World, bad: Batch) -> None:
    """C18: a bond that is lost stays lost."""
    lost = world.challenge(bad, 1, by=world.watcher2)
    world.forward(world.params.challenger_time)
    world.disputes.timeout(bad.header, lost.key, sender=world.stranger)
    world.convict(bad, 0)
    refuse(world, Revert("Disputes_WrongStatus", lost.id, ChallengeStatus.LOST), bad, lost.key)
    assert world.escrow.balanceOf(BURNED) == BOND


def test_close__when_its_time_was_over_before_the_verdict__the_bond_is_lost(world: World, bad: Batch) -> None:
    """C16, C18, D1: the outcome does not depend on whether somebody called timeout before the verdict."""
    slow = world.challenge(bad, 1, by=world.watcher2)
    deadline = world.disputes.clockOf(bad.header, slow.key).deadline
    world.time_to(deadline - 50)
    winner = world.challenge(bad, 0)

    def check(at: int, offset: int) -> None:
        snapshot = world.mark()
        world.disputes.prove(*world.prove_args(bad, winner), sender=winner.by, at=at)
        tx = world.disputes.close(bad.header, slow.key, sender=world.stranger)
        lost = offset >= 0
        status = world.disputes.challengeOf(slow.id).status
        assert status == (ChallengeStatus.LOST if lost else ChallengeStatus.CLOSED)
        assert [event.name for event in tx.logs] == [
            "ChallengeLost" if lost else "ChallengeClosed",
            "Credited",
        ]
        money = (world.free(world.watcher2), world.escrow.balanceOf(BURNED))
        assert money == ((0, BOND) if lost else (BOND, 0))
        world.assert_solvent()
        refuse(world, Revert("Disputes_WrongStatus", slow.id, status), bad, slow.key)
        world.back_to(snapshot)

    around(deadline, check)


def test_close__when_many_are_moot__each_costs_the_same(world: World, bad: Batch) -> None:
    """C8: each is closed by itself."""
    moot = [world.challenge(bad, 1, by=world.watcher2) for _ in range(6)]
    world.convict(bad, 0)
    costs = [world.disputes.close(bad.header, each.key, sender=world.stranger).gas_used for each in moot]
    assert max(costs[1:]) - min(costs[1:]) < 100
    assert world.free(world.watcher2) == 6 * BOND
    world.assert_solvent()


# ---- Refusals -------------------------------------------------------------------------------------------


def test_close__while_undecided__reverts(world: World, bad: Batch) -> None:
    """C6: a challenge cannot be taken back, before or after its time."""
    sealed = world.challenge(bad)
    refuse(world, Revert("Disputes_BatchUndecided", sealed.id), bad, sealed.key)
    world.disputes.open(bad.header, sealed.opening, sender=sealed.by)
    refuse(world, Revert("Disputes_BatchUndecided", sealed.id), bad, sealed.key)
    world.forward(world.params.challenger_time)
    refuse(world, Revert("Disputes_BatchUndecided", sealed.id), bad, sealed.key)


def test_close__twice__reverts(world: World, bad: Batch) -> None:
    """D13."""
    moot = world.challenge(bad, 1, by=world.watcher2)
    world.convict(bad, 0)
    world.disputes.close(bad.header, moot.key, sender=world.stranger)
    refuse(world, Revert("Disputes_WrongStatus", moot.id, ChallengeStatus.CLOSED), bad, moot.key)


def test_close__the_winner__reverts(world: World, bad: Batch) -> None:
    """C16, D13: its bond comes with its reward, before and after."""
    winner = world.convict(bad, 0)
    refuse(world, Revert("Disputes_WrongStatus", winner.id, ChallengeStatus.WON), bad, winner.key)
    world.forward(world.params.earning_delay)
    world.settle(bad, winner)
    refuse(world, Revert("Disputes_WrongStatus", winner.id, ChallengeStatus.WON), bad, winner.key)
    assert world.assert_solvent().bonds == {}


@pytest.mark.parametrize("opened", [False, True])
def test_close__a_prover_whose_place_was_held__returns_its_bond(
    world: World, bad: Batch, opened: bool
) -> None:
    """C4, C16: who showed the fault loses nothing, whoever the reward belongs to."""
    first: Sealed = world.challenge(bad, 0, by=world.watcher2)
    prover = world.challenge(bad, 0)
    world.disputes.open(bad.header, first.opening, sender=first.by)
    if opened:
        world.disputes.open(bad.header, prover.opening, sender=prover.by)
    world.prove(bad, prover)
    assert world.disputes.challengeOf(first.id).status == ChallengeStatus.WON
    assert world.assert_solvent().bonds == {first.id: BOND, prover.id: BOND}
    world.disputes.close(bad.header, prover.key, sender=world.stranger)
    assert world.free(world.watcher1) == BOND
    assert world.assert_solvent().bonds == {first.id: BOND}
    refuse(world, Revert("Disputes_WrongStatus", prover.id, ChallengeStatus.CLOSED), bad, prover.key)
    refuse(world, Revert("Disputes_WrongStatus", first.id, ChallengeStatus.WON), bad, first.key)


def test_close__when_unknown__reverts(world: World, bad: Batch) -> None:
    moot = world.challenge(bad, 1, by=world.watcher2)
    world.convict(bad, 0)
    for key in variants(moot.key, challenger=world.watcher1.address).values():
        refuse(world, Revert("Disputes_Unknown", key.id(world.id_of(bad))), bad, key)
    for header in variants(bad.header, operator=world.op2.address).values():
        other = replace(bad, header=header)
        refuse(world, Revert("Disputes_Unknown", moot.key.id(world.id_of(other))), other, moot.key)


def test_close__on_a_final_batch__there_is_nothing_to_close(world: World, model: ModelId) -> None:
    """D12: a batch is final only when no challenge is live."""
    batch = world.batch(world.op1, model)
    world.commit(batch)
    lost = world.challenge(batch)
    world.forward(world.params.challenger_time)
    world.disputes.timeout(batch.header, lost.key, sender=world.stranger)
    world.past_window(batch)
    world.finalize(batch)
    assert world.state_of(batch).status == BatchStatus.FINAL
    refuse(world, Revert("Disputes_WrongStatus", lost.id, ChallengeStatus.LOST), batch, lost.key)
