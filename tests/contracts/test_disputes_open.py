"""Disputes.open: the seal is opened, and the place is held against copies.

open
├── by the challenger, in a later block, in time
│   └── the place is whose challenge was sealed first among the opened ones that are alive
├── in the block of the seal, or out of time      SameBlock, OutOfTime
├── with what does not open it                    Unknown, NoLeaf
├── again                                         takes a place that its holder lost, otherwise PlaceHeld
└── when it is over                               WrongStatus
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from onus.protocol import Batch, BatchStatus, ChallengeStatus, ModelId, Opening, keccak256
from tests.support.blocks import one_block
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


def open_(world: World, batch: Batch, sealed: Sealed, *, at: int | None = None) -> Tx:
    return world.disputes.open(batch.header, sealed.opening, sender=sealed.by, at=at)


def refuse(world: World, expected: Revert, batch: Batch, opening: Opening, *, at: int | None = None) -> None:
    refused(world, expected, world.disputes.open, batch.header, opening, sender=world.watcher1, at=at)


# ---- Success --------------------------------------------------------------------------------------------


def test_open__in_a_later_block__shows_the_place_and_holds_it(world: World, batch: Batch) -> None:
    sealed = world.challenge(batch, 2)
    before = world.buckets()
    tx = open_(world, batch, sealed)
    opened = tx.event("SealOpened")
    assert tuple(opened.values) == (sealed.id, 2, sealed.opening.salt)
    assert len(tx.logs) == 1
    stored = world.disputes.challengeOf(sealed.id)
    assert (stored.status, stored.ordinal, stored.movedAt) == (ChallengeStatus.OPENED, 1, 0)
    assert world.disputes.firstOn(world.id_of(batch), 2) == sealed.id
    assert world.disputes.firstOn(world.id_of(batch), 1) == bytes(32)
    assert world.state_of(batch).openChallenges == 1
    assert world.assert_solvent() == before


def test_open__does_not_move_the_clock(world: World, batch: Batch) -> None:
    """D1: the challenger's time runs from the seal."""
    sealed = world.challenge(batch)
    deadline = world.disputes.clockOf(batch.header, sealed.key).deadline
    open_(world, batch, sealed, at=deadline - 1)
    assert world.disputes.clockOf(batch.header, sealed.key).deadline == deadline
    assert world.disputes.timeout.revert(batch.header, sealed.key, sender=world.stranger, at=deadline) is None


def test_open__around_the_deadline__exactly_one_of_open_and_timeout(world: World, batch: Batch) -> None:
    """D1."""
    sealed = world.challenge(batch)
    deadline = world.disputes.clockOf(batch.header, sealed.key).deadline

    def check(at: int, offset: int) -> None:
        opening = world.disputes.open.revert(batch.header, sealed.opening, sender=world.watcher1, at=at)
        ending = world.disputes.timeout.revert(batch.header, sealed.key, sender=world.stranger, at=at)
        if offset < 0:
            assert opening is None
            assert ending == Revert("Disputes_NotOutOfTime", sealed.id, deadline)
        else:
            assert opening == Revert("Disputes_OutOfTime", sealed.id, deadline)
            assert ending is None

    around(deadline, check)


def test_open__after_the_window__works(world: World, batch: Batch) -> None:
    """D2."""
    end = world.state_of(batch).windowEndsAt
    sealed = world.sealed(batch)
    world.escrow.deposit(world.watcher1, BOND, sender=world.watcher1)
    world.disputes.challenge(batch.header, sealed.key.seal, sender=world.watcher1, at=end - 1)
    open_(world, batch, sealed, at=end + 100)
    assert world.disputes.firstOn(world.id_of(batch), 0) == sealed.id


def test_open__in_any_order__the_place_is_whose_seal_was_first(world: World, batch: Batch) -> None:
    """C4, C17: who opens first gains nothing by it."""
    sealed = [world.challenge(batch, 1, by=by) for by in (world.watcher1, world.watcher2, world.stranger)]
    for order in itertools.permutations(range(3)):
        snapshot = world.mark()
        for done, place in enumerate(order, 1):
            open_(world, batch, sealed[place])
            assert world.disputes.firstOn(world.id_of(batch), 1) == sealed[min(order[:done])].id
        world.back_to(snapshot)


def test_open__when_sealed_in_one_block__the_place_is_the_lower_ordinals(world: World, batch: Batch) -> None:
    """Ties in one block are decided by order, not by time."""
    people = (world.watcher1, world.watcher2)
    for by in people:
        world.escrow.deposit(by, BOND, sender=by)
    sealed = [world.sealed(batch, 0, by=by) for by in people]
    calls = [(world.disputes.challenge, (batch.header, each.key.seal), each.by) for each in reversed(sealed)]
    outcome = one_block(world.chain, *calls)
    assert all(isinstance(each, Tx) for each in outcome)
    open_(world, batch, sealed[0])
    assert world.disputes.firstOn(world.id_of(batch), 0) == sealed[0].id
    open_(world, batch, sealed[1])
    assert world.disputes.firstOn(world.id_of(batch), 0) == sealed[1].id


def test_open__when_another_place_is_held__holds_its_own(world: World, batch: Batch) -> None:
    sealed = [world.challenge(batch, leaf) for leaf in range(3)]
    for each in sealed:
        open_(world, batch, each)
    assert [world.disputes.firstOn(world.id_of(batch), leaf) for leaf in range(3)] == [
        each.id for each in sealed
    ]


def test_open__when_the_first_is_too_old__the_next_takes_the_place(world: World, batch: Batch) -> None:
    """C18, D1: a place is held for `challengerTime` from the seal, not a second longer."""
    holder = world.challenge(batch, 0, by=world.watcher2)
    open_(world, batch, holder)
    sealed_at = world.disputes.challengeOf(holder.id).sealedAt
    world.time_to(sealed_at + world.params.challenger_time - 100)
    later = world.challenge(batch, 0, by=world.watcher1)

    def check(at: int, offset: int) -> None:
        snapshot = world.mark()
        open_(world, batch, later, at=at)
        expected = holder if offset < 0 else later
        assert world.disputes.firstOn(world.id_of(batch), 0) == expected.id
        world.back_to(snapshot)

    around(sealed_at + world.params.challenger_time, check)


def test_open__when_the_first_has_lost__the_next_takes_the_place(world: World, batch: Batch) -> None:
    """C18."""
    holder = world.challenge(batch, 0, by=world.watcher2)
    open_(world, batch, holder)
    world.forward(world.params.challenger_time - 5)
    later = world.challenge(batch, 0, by=world.watcher1)
    world.forward(10)
    world.disputes.timeout(batch.header, holder.key, sender=world.stranger)
    open_(world, batch, later)
    assert world.disputes.firstOn(world.id_of(batch), 0) == later.id


# ---- Refusals -------------------------------------------------------------------------------------------


def test_open__in_the_block_of_the_seal__reverts(world: World, batch: Batch) -> None:
    """C4: nobody seals what it has just read."""
    world.escrow.deposit(world.watcher1, BOND, sender=world.watcher1)
    sealed = world.sealed(batch)
    outcome = one_block(
        world.chain,
        (world.disputes.challenge, (batch.header, sealed.key.seal), world.watcher1),
        (world.disputes.open, (batch.header, sealed.opening), world.watcher1),
    )
    assert isinstance(outcome[0], Tx)
    assert outcome[1] == Revert("Disputes_SameBlock", sealed.id)
    open_(world, batch, sealed)


def test_open__when_out_of_time__reverts(world: World, batch: Batch) -> None:
    """D1."""
    sealed = world.challenge(batch)
    deadline = world.disputes.clockOf(batch.header, sealed.key).deadline
    for at in (deadline, deadline + 1, deadline + 10**7):
        refuse(world, Revert("Disputes_OutOfTime", sealed.id, deadline), batch, sealed.opening, at=at)


def test_open__with_what_does_not_open_it__reverts(world: World, batch: Batch) -> None:
    """Another leaf, another salt, somebody else's."""
    sealed, others = world.challenge(batch, 1), world.challenge(batch, 1, by=world.watcher2)
    id = world.id_of(batch)
    for opening in (
        *variants(sealed.opening).values(),
        replace(sealed.opening, leaf_index=0),
        others.opening,
    ):
        expected = Revert("Disputes_Unknown", opening.key(world.watcher1.address).id(id))
        refuse(world, expected, batch, opening)
    for someone in (world.watcher2, world.op1, world.stranger):
        expected = Revert("Disputes_Unknown", sealed.opening.key(someone.address).id(id))
        refused(world, expected, world.disputes.open, batch.header, sealed.opening, sender=someone)


@pytest.mark.parametrize("leaf", [3, 4, 2**32 - 1])
def test_open__when_there_is_no_such_leaf__reverts(world: World, batch: Batch, leaf: int) -> None:
    """E5: a padding leaf or an index beyond the batch; its bond is lost when its time is over."""
    world.escrow.deposit(world.watcher1, BOND, sender=world.watcher1)
    sealed = world.sealed(batch, leaf)
    world.disputes.challenge(batch.header, sealed.key.seal, sender=world.watcher1)
    refuse(world, Revert("Disputes_NoLeaf", leaf, 3), batch, sealed.opening)
    world.forward(world.params.challenger_time)
    world.disputes.timeout(batch.header, sealed.key, sender=world.stranger)
    world.assert_solvent()


def test_open__twice__reverts(world: World, batch: Batch) -> None:
    """D13: unless there is a place to take over."""
    sealed = world.challenge(batch)
    open_(world, batch, sealed)
    refuse(world, Revert("Disputes_PlaceHeld", sealed.id, sealed.id), batch, sealed.opening)


def test_open__again__takes_a_place_that_its_holder_lost(world: World, batch: Batch) -> None:
    """C18, D1: who was opened second is next in line, from the first second on, timed out or not."""
    holder = world.challenge(batch, 0, by=world.watcher2)
    open_(world, batch, holder)
    end = world.disputes.challengeOf(holder.id).sealedAt + world.params.challenger_time
    world.time_to(end - 50)
    second = world.challenge(batch, 0)
    open_(world, batch, second)
    assert world.disputes.firstOn(world.id_of(batch), 0) == holder.id

    def check(at: int, offset: int) -> None:
        revert = world.disputes.open.revert(batch.header, second.opening, sender=second.by, at=at)
        assert revert == (Revert("Disputes_PlaceHeld", second.id, holder.id) if offset < 0 else None)

    around(end, check)
    refuse(world, Revert("Disputes_PlaceHeld", second.id, holder.id), batch, second.opening)
    world.time_to(end)
    third = world.challenge(batch, 0, by=world.stranger)
    open_(world, batch, third)
    assert world.disputes.firstOn(world.id_of(batch), 0) == third.id
    tx = open_(world, batch, second)
    assert tx.event("SealOpened").id == second.id
    assert world.disputes.firstOn(world.id_of(batch), 0) == second.id
    assert world.disputes.challengeOf(second.id).status == ChallengeStatus.OPENED
    revert = world.disputes.open.revert(batch.header, third.opening, sender=third.by)
    assert revert == Revert("Disputes_PlaceHeld", third.id, second.id)


def test_open__when_it_was_lost__reverts(world: World, batch: Batch) -> None:
    sealed = world.challenge(batch)
    world.forward(world.params.challenger_time)
    world.disputes.timeout(batch.header, sealed.key, sender=world.stranger)
    refuse(world, Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.LOST), batch, sealed.opening)


def test_open__when_the_batch_was_decided__reverts(world: World, model: ModelId) -> None:
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    other = world.challenge(bad, 1)
    winner = world.convict(bad, 0, by=world.watcher2)
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(bad), BatchStatus.FAULTY), bad, other.opening)
    expected = Revert("Disputes_WrongStatus", winner.id, ChallengeStatus.WON)
    refused(world, expected, world.disputes.open, bad.header, winner.opening, sender=world.watcher2)


def test_open__with_another_header__reverts(world: World, model: ModelId, batch: Batch) -> None:
    """D10, G6: a seal belongs to one batch, unknown or known."""
    sealed = world.challenge(batch, 0)
    for header in variants(batch.header, operator=world.op2.address).values():
        other = replace(batch, header=header)
        refuse(world, Revert("Disputes_Unknown", sealed.key.id(world.id_of(other))), other, sealed.opening)
    known = world.batch(world.op1, model)
    world.commit(known)
    refuse(world, Revert("Disputes_Unknown", sealed.key.id(world.id_of(known))), known, sealed.opening)


def test_open__with_a_salt_of_zero__works(world: World, batch: Batch) -> None:
    """A weak salt is the challenger's own risk: the seal is its hash all the same."""
    world.escrow.deposit(world.watcher1, BOND, sender=world.watcher1)
    opening = Opening(leaf_index=0, salt=bytes(32))
    assert opening.seal(world.watcher1.address) != keccak256(bytes(64))
    world.disputes.challenge(batch.header, opening.seal(world.watcher1.address), sender=world.watcher1)
    world.disputes.open(batch.header, opening, sender=world.watcher1)
