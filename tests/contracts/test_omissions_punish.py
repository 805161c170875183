"""Omissions.punish: what an omission costs, and from what it is paid.

punish
├── when nobody answered in time    min(stake, reserve) leaves the reserve
│   ├── half at most to the payer, the rest burns
│   ├── the claimant's bond returns
│   └── the stake, its locks, faults and jail are untouched; no commit until the reserve is full again
├── of a reserve that is partly or wholly gone, or leaving      what is there, and never a revert
└── earlier, twice, unclaimed       NotOutOfTime, WrongStatus
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from onus.protocol import ModelId, OmissionStatus, Receipt, preset
from onus.protocol.ids import BURNED, account_of
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import refused
from tests.support.world import World

BOND = 2 * UNIT
RESERVE = 1_000 * UNIT
STAKE = 10_000 * UNIT


@pytest.fixture
def model(world: World) -> ModelId:
    return world.ready()


def omitted(world: World, model: ModelId, stake: int, count: int = 1) -> list[Receipt]:
    """Receipts of op1 for alice that were claimed and not answered in time."""
    receipts = [world.receipt(world.op1, model, stake=stake) for _ in range(count)]
    world.time_to(receipts[-1].commit_by)
    for receipt in receipts:
        world.claim(receipt)
    world.forward(world.params.operator_time)
    return receipts


# ---- Success --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice", "op1", "stranger"])
def test_punish__of_an_unanswered_claim__the_reserve_pays(world: World, model: ModelId, name: str) -> None:
    """E13: half to the payer whoever calls, half burned, the bond back; nothing else of the operator's."""
    (receipt,) = omitted(world, model, 40 * UNIT)
    before = world.buckets()
    tx = world.omissions.punish(receipt, sender=getattr(world, name))
    assert tuple(tx.event("OmissionPunished").values) == (receipt.struct_hash, 40 * UNIT, 20 * UNIT)
    assert tuple(tx.event("ReserveSlashed").values) == (world.op1.address, 40 * UNIT, 40 * UNIT)
    assert tuple(tx.event("Transfer").values) == (
        world.operators.address,
        world.escrow.address,
        40 * UNIT,
    )
    assert [(e.account, e.amount) for e in tx.events("Credited")] == [
        (account_of(world.alice.address), BOND + 20 * UNIT),
        (BURNED, 20 * UNIT),
    ]
    assert world.omissions.omissionOf(receipt.struct_hash).status == OmissionStatus.PUNISHED
    state = world.operators.stateOf(world.op1)
    assert (state.reserve, state.stake, state.faults) == (RESERVE - 40 * UNIT, STAKE, 0)
    assert state.jailedUntil == 0
    after = world.assert_solvent()
    assert (after.stake, after.bonds) == (before.stake, {})
    assert after.balances[account_of(world.alice.address)] == BOND + 20 * UNIT


@pytest.mark.parametrize(
    ("stake", "reserve"), [(0, 0), (1, 1), (7, 7), (2 * RESERVE, 10**21 + 1), (2**128 - 1, 10**21 + 1)]
)
def test_punish__odd_amounts_and_more_than_there_is__to_the_wei(
    another_world: Callable[..., World], stake: int, reserve: int
) -> None:
    """A3, A4, A10, B10: min(stake, reserve) leaves, half rounded down to the payer, the rest burns."""
    world = another_world(params=replace(preset("op-stack").params, reserve=reserve, omission_bond=5))
    world.operator_ready(reserve=reserve)
    model = world.register_model()
    (receipt,) = omitted(world, model, stake)
    tx = world.omissions.punish(receipt, sender=world.stranger)
    taken = min(stake, reserve)
    assert tx.event("OmissionPunished").penalty == taken
    assert tx.event("ReserveSlashed").asked == stake
    assert world.free(world.alice) == 5 + taken // 2
    assert world.escrow.balanceOf(BURNED) == taken - taken // 2
    assert world.operators.stateOf(world.op1).reserve == reserve - taken
    world.assert_solvent()


def test_punish__several__the_reserve_pays_until_it_is_empty(world: World, model: ModelId) -> None:
    """B6, B10, E14: the last one takes what is left, the next nothing; each bond returns all the same."""
    receipts = omitted(world, model, 400 * UNIT, count=4)
    taken = []
    for receipt in receipts:
        tx = world.omissions.punish(receipt, sender=world.stranger)
        taken.append(tx.event("OmissionPunished").penalty // UNIT)
        world.assert_solvent()
    assert taken == [400, 400, 200, 0]
    assert world.free(world.alice) == 4 * BOND + RESERVE // 2
    assert world.operators.stateOf(world.op1).stake == STAKE


def test_punish__in_every_order__the_same_totals(world: World, model: ModelId) -> None:
    """B6: who is first gets more, together it is the same."""
    world.payer_ready(world.bob)
    sizes = (300 * UNIT, 500 * UNIT, 7 * UNIT + 1, 800 * UNIT)
    receipts = [
        world.receipt(world.op1, model, stake=size, payer=payer)
        for size, payer in zip(sizes, (world.alice, world.bob, world.alice, world.bob), strict=True)
    ]
    world.time_to(receipts[-1].commit_by)
    for receipt in receipts:
        world.claim(receipt)
    world.forward(world.params.operator_time)
    ends = set()
    for order in itertools.permutations(receipts):
        mark = world.mark()
        for receipt in order:
            world.omissions.punish(receipt, sender=world.stranger)
        world.assert_solvent()
        reserve = world.operators.stateOf(world.op1).reserve
        total = world.free(world.alice) + world.free(world.bob) + world.escrow.balanceOf(BURNED)
        ends.add((reserve, total))
        world.back_to(mark)
    assert ends == {(0, RESERVE + 4 * BOND)}


# ---- What the reserve still does ------------------------------------------------------------------------


def test_punish__then_commit__only_when_the_reserve_is_full_again(world: World, model: ModelId) -> None:
    """B14: old batches stay payable; a new one needs the reserve full, to the wei."""
    old = world.batch(world.op1, model)
    world.commit(old)
    (receipt,) = omitted(world, model, 40 * UNIT)
    world.omissions.punish(receipt, sender=world.stranger)
    batch = world.batch(world.op1, model)
    left = RESERVE - 40 * UNIT
    assert world.commit_revert(batch) == Revert("Operators_ReserveNotFull", left, RESERVE)
    world.operators.fundReserve(40 * UNIT - 1, sender=world.op1)
    assert world.commit_revert(batch) == Revert("Operators_ReserveNotFull", RESERVE - 1, RESERVE)
    world.operators.fundReserve(1, sender=world.op1)
    assert world.commit_revert(batch) is None
    world.past_window(old)
    world.finalize(old)
    world.assert_solvent()


def test_punish__while_the_reserve_leaves__it_still_pays(world: World, model: ModelId) -> None:
    """B1, B5, E13: its exit takes longer than the last claim of what was signed before, and its answer."""
    receipt = world.receipt(world.op1, model, stake=40 * UNIT)
    exit_at = world.operators.requestReserveExit(sender=world.op1).event("ReserveExitRequested").exitAt
    latest = receipt.commit_by + world.params.omission_window - 1
    deadline = latest + world.params.operator_time
    assert deadline + world.params.grace <= exit_at
    world.claim(receipt, at=latest)
    early = Revert("Operators_ExitNotReached", exit_at)
    refused(world, early, world.operators.withdrawReserve, world.op1, sender=world.op1, at=deadline)
    world.omissions.punish(receipt, sender=world.stranger, at=deadline)
    tx = world.operators.withdrawReserve(world.op1, sender=world.op1, at=exit_at)
    assert tx.event("ReserveWithdrawn").amount == RESERVE - 40 * UNIT
    world.assert_solvent()


def test_punish__when_the_reserve_has_left__takes_nothing_and_returns_the_bond(world: World) -> None:
    """B10, E13: a client takes no receipt from an operator whose reserve is leaving; here is why."""
    model = world.ready()
    exit_at = world.operators.requestReserveExit(sender=world.op1).event("ReserveExitRequested").exitAt
    receipt = world.receipt(world.op1, model, stake=40 * UNIT, served_at=exit_at, commit_by=exit_at)
    world.time_to(exit_at)
    world.claim(receipt)
    world.operators.withdrawReserve(world.op1, sender=world.op1)
    world.forward(world.params.operator_time)
    tx = world.omissions.punish(receipt, sender=world.stranger)
    assert tuple(tx.event("OmissionPunished").values)[1:] == (0, 0)
    assert not tx.events("Transfer")
    assert (world.free(world.alice), world.escrow.balanceOf(BURNED)) == (BOND, 0)
    world.assert_solvent()


def test_punish__beside_a_slash__each_takes_from_its_own_bucket(world: World, model: ModelId) -> None:
    """B6, B11: the batch's lock pays for the fault, the reserve for the omission."""
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    (receipt,) = omitted(world, model, 40 * UNIT)
    world.convict(bad)
    world.omissions.punish(receipt, sender=world.stranger)
    state = world.operators.stateOf(world.op1)
    least = world.params.min_batch_stake
    assert (state.stake, state.reserve, state.faults) == (STAKE - least, RESERVE - 40 * UNIT, 1)
    world.assert_solvent()


def test_stolen_signing_key__costs_the_reserve_once(world: World, model: ModelId) -> None:
    """E14: a thief that signs and claims what it likes gets half of one reserve, whatever the stakes say."""
    thief, start = world.stranger, world.now
    forged = [
        world.receipt(world.op1, model, payer=thief, stake=stake, served_at=start - n, commit_by=start - n)
        for n, stake in enumerate((RESERVE, 2**128 - 1, 1, RESERVE))
    ]
    world.time_to(start + 1)
    for receipt in forged:
        world.claim(receipt)
    world.forward(world.params.operator_time)
    for receipt in forged:
        world.omissions.punish(receipt, sender=thief)
        world.assert_solvent()
    state = world.operators.stateOf(world.op1)
    assert (state.reserve, state.stake, state.faults, state.jailedUntil) == (0, STAKE, 0, 0)
    assert world.free(thief) == len(forged) * BOND + RESERVE // 2


# ---- Refusals -------------------------------------------------------------------------------------------


def test_punish__twice_or_of_another_receipt__reverts(world: World, model: ModelId) -> None:
    """B11, B12, D13: a receipt of which one field is different was never claimed."""
    (receipt,) = omitted(world, model, 40 * UNIT)
    for other in (replace(receipt, stake=receipt.stake + 1), replace(receipt, payer=world.bob.address)):
        none = Revert("Omissions_WrongStatus", other.struct_hash, OmissionStatus.NULL)
        refused(world, none, world.omissions.punish, other, sender=world.stranger)
    world.omissions.punish(receipt, sender=world.stranger)
    done = Revert("Omissions_WrongStatus", receipt.struct_hash, OmissionStatus.PUNISHED)
    refused(world, done, world.omissions.punish, receipt, sender=world.stranger)
    batch = world.batch(world.op1, receipts=[receipt])
    args = (receipt, batch.header, batch.proof(0))
    refused(world, done, world.omissions.answer, *args, sender=world.op1)


@pytest.mark.parametrize("name", ["settlement", "disputes", "escrow", "models", "op1", "council"])
def test_slash_reserve__by_others__reverts(world: World, model: ModelId, name: str) -> None:
    """F2: of all contracts only Omissions."""
    caller = getattr(world, name)
    expected = Revert("Operators_OnlyOmissions", caller)
    refused(world, expected, world.operators.slashReserve, world.op1, 1, sender=caller)
