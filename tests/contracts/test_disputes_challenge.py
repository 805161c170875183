"""Disputes.challenge: a sealed place, a bond, and a batch that waits.

challenge
├── while the batch is pending and its window open
│   ├── the bond is held, the challenge sealed with the next ordinal, the batch waits
│   └── by anyone, the operator and the payer too; any number on one batch, all at the same cost
├── when the window is over, or the batch decided or unknown      the batch's own error
├── when the balance is short                                     Escrow's own error
└── when the seal is zero or was used                             ZeroSeal, Exists
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import Batch, BatchStatus, ChallengeStatus, DemandKind, ModelId, Turn, keccak256
from onus.protocol.ids import account_of
from tests.support.blocks import one_block
from tests.support.chain import Revert, Tx
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused, variants
from tests.support.world import World

BOND = 25 * UNIT
SEAL = keccak256(b"a seal")


@pytest.fixture
def model(world: World) -> ModelId:
    return world.ready()


@pytest.fixture
def batch(world: World, model: ModelId) -> Batch:
    """A batch of three, just committed; watcher1 can pay one bond."""
    batch = world.batch(world.op1, model)
    world.commit(batch)
    world.escrow.deposit(world.watcher1, BOND, sender=world.watcher1)
    return batch


def refuse(
    world: World, expected: Revert, batch: Batch, seal: bytes = SEAL, *, at: int | None = None
) -> None:
    refused(world, expected, world.disputes.challenge, batch.header, seal, sender=world.watcher1, at=at)


def test_challenge__when_window_is_open__holds_the_bond_and_the_batch(world: World, batch: Batch) -> None:
    sealed = world.sealed(batch, 2)
    before = world.buckets()
    id = world.disputes.challenge.call(batch.header, sealed.key.seal, sender=world.watcher1)
    assert id == sealed.id == world.disputes.challengeIdOf(batch.header, sealed.key)

    tx = world.disputes.challenge(batch.header, sealed.key.seal, sender=world.watcher1)

    opened = tx.event("ChallengeOpened")
    assert tuple(opened.values) == (sealed.id, world.id_of(batch), world.watcher1.address, sealed.key.seal, 1)
    held = tx.event("Held")
    assert (held.from_, held.amount) == (world.watcher1.address, BOND)
    assert len(tx.logs) == 2
    stored = world.disputes.challengeOf(sealed.id)
    assert tuple(stored) == (
        world.watcher1.address, tx.timestamp, world.params.challenger_time, 1, ChallengeStatus.SEALED,
        0, 0, 0, 0, 0, DemandKind.NONE, 0, 0, 0, 0, 0,
    )  # fmt: skip
    clock = world.disputes.clockOf(batch.header, sealed.key)
    assert tuple(clock) == (Turn.CHALLENGER, tx.timestamp + world.params.challenger_time)
    state = world.state_of(batch)
    assert (state.status, state.openChallenges, state.challenges) == (BatchStatus.PENDING, 1, 1)
    # The place is nobody's yet, and nobody can read it.
    assert world.disputes.firstOn(world.id_of(batch), 2) == bytes(32)
    assert world.free(world.watcher1) == 0
    after = world.assert_solvent()
    assert after.bonds == {sealed.id: BOND}
    assert (after.stake, after.reserve, after.pots, after.fees) == (
        before.stake,
        before.reserve,
        before.pots,
        before.fees,
    )


def test_challenge__around_the_end_of_the_window(world: World, batch: Batch) -> None:
    """D1."""
    end = world.state_of(batch).windowEndsAt

    def check(at: int, offset: int) -> None:
        revert = world.disputes.challenge.revert(batch.header, SEAL, sender=world.watcher1, at=at)
        assert revert == (None if offset < 0 else Revert("Settlement_WindowClosed", world.id_of(batch), end))

    around(end, check)
    refuse(world, Revert("Settlement_WindowClosed", world.id_of(batch), end), batch, at=end)


def test_challenge__in_the_last_second__has_all_its_time(world: World, batch: Batch) -> None:
    """D2: the batch waits for it beyond its window."""
    end = world.state_of(batch).windowEndsAt
    sealed = world.sealed(batch)
    world.disputes.challenge(batch.header, sealed.key.seal, sender=world.watcher1, at=end - 1)
    deadline = end - 1 + world.params.challenger_time
    assert world.disputes.clockOf(batch.header, sealed.key).deadline == deadline
    assert (
        world.disputes.open.revert(batch.header, sealed.opening, sender=world.watcher1, at=deadline - 1)
        is None
    )
    for at in (end, deadline - 1, deadline, deadline + 10**6):
        revert = world.settlement.finalize.revert([batch.header], sender=world.stranger, at=at)
        assert revert is not None
        assert world.chain.codec.revert(revert.args[0]) == Revert(
            "Settlement_Challenged", world.id_of(batch), 1
        )


@pytest.mark.parametrize("name", ["op1", "alice", "provider", "treasury", "council", "signer1", "stranger"])
def test_challenge__whoever_calls__works(world: World, batch: Batch, name: str) -> None:
    """C13: operator, payer and provider too; what a cheat gets back that way is less than it loses (C2)."""
    someone = getattr(world, name)
    world.escrow.deposit(someone, BOND, sender=world.stranger)
    tx = world.disputes.challenge(batch.header, SEAL, sender=someone)
    assert tx.event("ChallengeOpened").challenger == someone.address
    world.assert_solvent()


def test_challenge__on_a_challenged_batch__works(world: World, batch: Batch) -> None:
    """C3: an accomplice's challenge is no shield; each has its own bond, clock and ordinal."""
    first = world.challenge(batch, 0, by=world.watcher2)
    second = world.challenge(batch, 0, by=world.watcher1)
    third = world.challenge(batch, 0, by=world.watcher1)
    ordinals = [world.disputes.challengeOf(sealed.id).ordinal for sealed in (first, second, third)]
    assert ordinals == [1, 2, 3]
    assert (world.state_of(batch).openChallenges, world.state_of(batch).challenges) == (3, 3)
    assert world.assert_solvent().bonds == dict.fromkeys([first.id, second.id, third.id], BOND)


def test_challenge__after_others_ended__ordinals_go_on(world: World, batch: Batch) -> None:
    """C4, C17: a place in the order of seals is given once, whoever has gone since."""
    first = world.challenge(batch, 0, by=world.watcher2)
    world.forward(world.params.challenger_time - 10)
    second = world.challenge(batch, 0)
    world.forward(10)
    world.disputes.timeout(batch.header, first.key, sender=world.stranger)
    third = world.challenge(batch, 0, by=world.watcher2)
    ordinals = [world.disputes.challengeOf(each.id).ordinal for each in (first, second, third)]
    assert ordinals == [1, 2, 3]
    state = world.state_of(batch)
    assert (state.openChallenges, state.challenges) == (2, 3)


def test_challenge__when_many_are_open__costs_the_same(world: World, batch: Batch) -> None:
    """C8, D7: nothing loops over challenges."""
    world.escrow.deposit(world.watcher1, 100 * BOND, sender=world.watcher1)
    costs = []
    for i in range(20):
        seal = keccak256(b"seal %d" % i)
        costs.append(world.disputes.challenge(batch.header, seal, sender=world.watcher1).gas_used)
    assert max(costs[1:]) - min(costs[1:]) < 100
    assert max(costs) <= 130_000


def test_challenge__several_in_one_block__ordinals_say_who_was_first(world: World, batch: Batch) -> None:
    world.escrow.deposit(world.watcher2, BOND, sender=world.watcher2)
    outcome = one_block(
        world.chain,
        (world.disputes.challenge, (batch.header, SEAL), world.watcher2),
        (world.disputes.challenge, (batch.header, SEAL), world.watcher1),
    )
    assert all(isinstance(each, Tx) for each in outcome)
    opened = [each.event("ChallengeOpened") for each in outcome]
    assert [(each.challenger, each.ordinal) for each in opened] == [
        (world.watcher2.address, 1),
        (world.watcher1.address, 2),
    ]
    # The same seal of two people is two challenges.
    assert opened[0].id != opened[1].id


def test_challenge__when_seal_is_a_copy__opens_for_nobody(world: World, batch: Batch) -> None:
    """C4: the challenger is inside the seal, so who copies one cannot open it."""
    honest = world.challenge(batch, 1)
    world.escrow.deposit(world.watcher2, BOND, sender=world.watcher2)
    world.disputes.challenge(batch.header, honest.key.seal, sender=world.watcher2)
    world.disputes.open(batch.header, honest.opening, sender=world.watcher1)
    revert = world.disputes.open.revert(batch.header, honest.opening, sender=world.watcher2)
    assert revert == Revert(
        "Disputes_Unknown", honest.opening.key(world.watcher2.address).id(world.id_of(batch))
    )


# ---- Refusals -------------------------------------------------------------------------------------------


def test_challenge__when_seal_is_zero__reverts(world: World, batch: Batch) -> None:
    refuse(world, Revert("Disputes_ZeroSeal"), batch, bytes(32))


def test_challenge__twice__reverts(world: World, batch: Batch) -> None:
    """D13: also after it ended."""
    sealed = world.challenge(batch)
    world.escrow.deposit(world.watcher1, BOND, sender=world.watcher1)
    refuse(world, Revert("Disputes_Exists", sealed.id), batch, sealed.key.seal)
    world.forward(world.params.challenger_time)
    world.disputes.timeout(batch.header, sealed.key, sender=world.stranger)
    refuse(world, Revert("Disputes_Exists", sealed.id), batch, sealed.key.seal)


@pytest.mark.parametrize("short", [1, BOND])
def test_challenge__when_balance_is_short__reverts(world: World, batch: Batch, short: int) -> None:
    """C6: exactly the bond, out of the free balance."""
    world.escrow.withdraw(world.watcher1, short, sender=world.watcher1)
    account = account_of(world.watcher1.address)
    refuse(world, Revert("Escrow_InsufficientBalance", account, BOND - short, BOND), batch)
    world.escrow.deposit(world.watcher1, short, sender=world.watcher1)
    world.disputes.challenge(batch.header, SEAL, sender=world.watcher1)
    assert world.free(world.watcher1) == 0


def test_challenge__when_balance_is_more__takes_exactly_the_bond(world: World, batch: Batch) -> None:
    """C6."""
    world.escrow.deposit(world.watcher1, 7, sender=world.watcher1)
    world.disputes.challenge(batch.header, SEAL, sender=world.watcher1)
    assert world.free(world.watcher1) == 7


def test_challenge__when_set_changed__takes_the_bond_of_the_batchs(world: World, batch: Batch) -> None:
    """B8, D6: a batch is challenged on the terms of its own set."""
    changed = replace(
        world.params, challenge_bond=1 * UNIT, challenger_time=100 * 3_600, max_challenge_window=85 * 3_600
    )
    world.govern(world.parameters.add, changed)
    sealed = world.challenge(batch)
    assert world.free(world.watcher1) == BOND
    clock = world.disputes.clockOf(batch.header, sealed.key)
    assert clock.deadline == world.now + world.params.challenger_time


def test_challenge__when_header_is_another__reverts(world: World, batch: Batch) -> None:
    """D10: a reorganisation cannot redirect a seal."""
    for header in variants(batch.header, operator=world.op2.address).values():
        other = replace(batch, header=header)
        expected = Revert("Settlement_WrongStatus", world.id_of(other), BatchStatus.NULL)
        refuse(world, expected, other)


def test_challenge__when_batch_is_decided__reverts(world: World, model: ModelId, batch: Batch) -> None:
    """D12: final, faulty, settled."""
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    winner = world.convict(bad)
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(bad), BatchStatus.FAULTY), bad)
    world.forward(world.params.earning_delay)
    world.settle(bad, winner)
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(bad), BatchStatus.SETTLED), bad)
    world.past_window(batch)
    refuse(
        world,
        Revert("Settlement_WindowClosed", world.id_of(batch), world.state_of(batch).windowEndsAt),
        batch,
    )
    world.finalize(batch)
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(batch), BatchStatus.FINAL), batch)


def test_challenge__when_commitments_are_closed_or_operator_jailed__works(
    world: World, model: ModelId, batch: Batch
) -> None:
    """F7, B5: what was committed stays disputable."""
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    world.convict(bad)
    world.parameters.closeCommitments(sender=world.guardian)
    world.models.deprecate(model, sender=world.provider)
    world.challenge(batch)
    world.assert_solvent()


@pytest.mark.parametrize("name", ["challengeOpened", "challengeEnded", "convicted"])
def test_settlement__when_not_called_by_disputes__reverts(world: World, batch: Batch, name: str) -> None:
    """F2, F3: nobody else opens, ends or decides anything."""
    method = getattr(world.settlement, name)
    args = (world.id_of(batch),) if name == "challengeEnded" else (world.id_of(batch), world.now)
    for someone in (world.stranger, world.op1, world.council, world.guardian, world.settlement, world.escrow):
        refused(world, Revert("Settlement_OnlyDisputes", someone), method, *args, sender=someone)
