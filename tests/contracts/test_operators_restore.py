"""Operators.restore and slashReserve: what a peer gives back, and what it takes from the reserve."""

from __future__ import annotations

import pytest

from onus.protocol import BANNED
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import refused
from tests.support.world import World

DAY = 86_400
LOCK = 150 * UNIT
BAN = 3


@pytest.fixture
def slashed(world: World) -> World:
    """op1 with 1,000 staked, after as many verdicts as ban it, and one more."""
    world.operator_ready(stake=1_000 * UNIT)
    for sequence in range(BAN + 1):
        args = (world.op1, LOCK, world.params.reserve, sequence)
        world.operators.lock(*args, sender=world.settlement)
    for _ in range(BAN + 1):
        world.operators.slash(world.op1, LOCK, 7 * DAY, BAN, sender=world.disputes)
    return world


def restore(world: World, faults_to_ban: int = BAN) -> tuple[int, int, int]:
    """Gives one pot back: stake, faults and the end of the jail afterwards."""
    tx = world.operators.restore(world.op1, LOCK, faults_to_ban, sender=world.settlement)
    state = world.operators.stateOf(world.op1)
    assert tuple(tx.event("Restored").values) == (
        world.op1.address,
        LOCK,
        state.faults,
        state.jailedUntil,
    )
    assert len(tx.logs) == 1
    return state.stake, state.faults, state.jailedUntil


def test_restore__one_by_one__the_ban_ends_with_the_fault_that_made_it(slashed: World) -> None:
    """C15: stake grows by each pot, exactly; nothing else changes."""
    world = slashed
    before = world.operators.stateOf(world.op1)
    assert (before.faults, before.jailedUntil) == (BAN + 1, BANNED)
    assert restore(world) == (before.stake + LOCK, BAN, BANNED)
    stake, faults, until = restore(world)
    assert (stake, faults, until) == (before.stake + 2 * LOCK, BAN - 1, world.now)
    # A jail that is over is left as it was.
    assert restore(world) == (before.stake + 3 * LOCK, BAN - 2, until)
    assert restore(world) == (1_000 * UNIT, 0, until)
    after = world.operators.stateOf(world.op1)
    assert (after.locked, after.unbonding, after.reserve, after.nextSequence) == (
        0,
        0,
        before.reserve,
        before.nextSequence,
    )


def test_restore__of_a_jail__leaves_it(world: World) -> None:
    """C15: also when it still lasts for long."""
    world.operator_ready(stake=1_000 * UNIT)
    world.operators.lock(world.op1, LOCK, world.params.reserve, 0, sender=world.settlement)
    world.operators.slash(world.op1, LOCK, 60 * DAY, BAN, sender=world.disputes)
    until = world.now + 60 * DAY
    assert restore(world) == (1_000 * UNIT, 0, until)


def test_restore__what_is_unbonding__waits_no_longer_and_no_shorter(world: World) -> None:
    """A7, B1: the pot comes back as active stake, whatever is leaving."""
    world.operator_ready(stake=LOCK + 10)
    world.operators.lock(world.op1, LOCK, world.params.reserve, 0, sender=world.settlement)
    world.operators.requestUnbond(LOCK + 10, sender=world.op1)
    exit_at = world.operators.stateOf(world.op1).exitAt
    world.operators.slash(world.op1, LOCK, DAY, BAN, sender=world.disputes)
    restore(world)
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.unbonding, state.exitAt) == (LOCK + 10, 10, exit_at)
    assert world.operators.availableOf(world.op1) == LOCK


def test_restore__beyond_the_type__reverts(slashed: World) -> None:
    """A10: a typed error, never a wrap."""
    world = slashed
    most = 2**96 - 1
    world.token.mint(world.op1, most, sender=world.deployer)
    room = most - world.operators.stateOf(world.op1).stake
    world.operators.stake(room - LOCK + 1, sender=world.op1)
    args = (world.op1, LOCK, BAN)
    expected = Revert("Operators_AmountTooLarge", LOCK)
    refused(world, expected, world.operators.restore, *args, sender=world.settlement)


@pytest.mark.parametrize(
    ("asked", "taken"), [(0, 0), (1, 1), (999 * UNIT, 999 * UNIT), (1_001 * UNIT, 1_000 * UNIT)]
)
def test_slash_reserve__takes_what_is_there(world: World, asked: int, taken: int) -> None:
    """A3, B10: never more, never a revert, never from the stake."""
    world.operator_ready(stake=1_000 * UNIT)
    before = world.token.balanceOf(world.escrow)
    assert world.operators.slashReserve.call(world.op1, asked, sender=world.omissions) == taken
    tx = world.operators.slashReserve(world.op1, asked, sender=world.omissions)
    assert tuple(tx.event("ReserveSlashed").values) == (world.op1.address, asked, taken)
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.reserve) == (1_000 * UNIT, 1_000 * UNIT - taken)
    assert (state.faults, state.jailedUntil) == (0, 0)
    assert world.token.balanceOf(world.escrow) - before == taken
