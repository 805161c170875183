"""Operators: unbonding and withdrawing, and that nothing leaves which answers for a batch."""

from __future__ import annotations

from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.world import World

ZERO = "0x" + "00" * 20
STAKE = 1_000 * UNIT


def unbond(world: World, amount: int) -> int:
    """Requests and returns the exit time."""
    return int(world.operators.requestUnbond(amount, sender=world.op1).event("UnbondRequested").exitAt)


# ---- requestUnbond, cancelUnbond -------------------------------------------------------------------------


def test_request_unbond__of_active_stake__starts_the_exit(world: World) -> None:
    world.operator_ready(stake=STAKE)
    tx = world.operators.requestUnbond(300, sender=world.op1)
    event = tx.event("UnbondRequested")
    exit_at = tx.timestamp + world.params.unbonding_delay
    assert (event.operator, event.amount, event.exitAt) == (world.op1.address, 300, exit_at)
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.unbonding, state.exitAt) == (STAKE, 300, exit_at)
    assert world.operators.availableOf(world.op1) == STAKE - 300
    world.assert_solvent()


def test_request_unbond__twice__all_of_it_starts_anew(world: World) -> None:
    world.operator_ready(stake=STAKE)
    first = unbond(world, 300)
    world.time_to(first - 5)
    tx = world.operators.requestUnbond(1, sender=world.op1)
    state = world.operators.stateOf(world.op1)
    assert (state.unbonding, state.exitAt) == (301, tx.timestamp + world.params.unbonding_delay)
    assert world.operators.withdraw.revert(world.op1, sender=world.op1, at=first + 1) == Revert(
        "Operators_ExitNotReached", state.exitAt
    )


def test_request_unbond__zero_or_too_much__reverts(world: World) -> None:
    """A10, F5"""
    world.operator_ready(stake=STAKE)
    request = world.operators.requestUnbond
    assert request.revert(0, sender=world.op1) == Revert("Operators_ZeroAmount")
    for amount in (STAKE + 1, 2**96, 2**256 - 1):
        assert request.revert(amount, sender=world.op1) == Revert("Operators_UnbondTooLarge", amount, STAKE)
    unbond(world, STAKE - 5)
    assert request.revert(6, sender=world.op1) == Revert("Operators_UnbondTooLarge", 6, 5)
    assert request.revert(5, sender=world.op1) is None


def test_cancel_unbond__takes_everything_back(world: World) -> None:
    world.operator_ready(stake=STAKE)
    unbond(world, 300)
    event = world.operators.cancelUnbond(sender=world.op1).event("UnbondCancelled")
    assert (event.operator, event.amount) == (world.op1.address, 300)
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.unbonding, state.exitAt) == (STAKE, 0, 0)
    assert world.operators.availableOf(world.op1) == STAKE
    assert world.operators.cancelUnbond.revert(sender=world.op1) == Revert(
        "Operators_NothingUnbonding", world.op1
    )


# ---- withdraw --------------------------------------------------------------------------------------------


def test_withdraw__after_the_exit_time__pays_what_was_unbonding(world: World) -> None:
    """D1: at the end −1 not yet, at 0 and later all of it. D13: once."""
    world.operator_ready(stake=STAKE)
    exit_at = unbond(world, 300)
    withdraw = world.operators.withdraw
    assert withdraw.revert(world.bob, sender=world.op1, at=exit_at - 1) == Revert(
        "Operators_ExitNotReached", exit_at
    )
    assert withdraw.call(world.bob, sender=world.op1, at=exit_at + 1) == 300
    before = world.token.balanceOf(world.bob)
    event = withdraw(world.bob, sender=world.op1, at=exit_at).event("Withdrawn")
    assert (event.operator, event.to, event.amount) == (world.op1.address, world.bob.address, 300)
    assert world.token.balanceOf(world.bob) - before == 300
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.unbonding, state.exitAt) == (STAKE - 300, 0, 0)
    assert withdraw.revert(world.bob, sender=world.op1) == Revert("Operators_NothingUnbonding", world.op1)
    world.assert_solvent()


def test_withdraw__to_nobody__reverts(world: World) -> None:
    """F5"""
    world.operator_ready()
    assert world.operators.withdraw.revert(ZERO, sender=world.op1) == Revert("Operators_ZeroAddress")


def test_withdraw__while_batches_need_the_stake__pays_what_is_free_and_the_rest_later(world: World) -> None:
    """B4, B15, D4: a lock holds its stake whatever was requested, until its batch is decided."""
    world.operator_ready(stake=STAKE)
    world.payer_ready()
    model = world.register_model()
    batch = world.batch(world.op1, model)
    world.commit(batch)
    lock = world.params.min_batch_stake
    exit_at = unbond(world, STAKE)
    world.time_to(exit_at)
    # Nobody finalized it: what it locks stays.
    event = world.operators.withdraw(world.op1, sender=world.op1).event("Withdrawn")
    assert event.amount == STAKE - lock
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.locked, state.unbonding, state.exitAt) == (lock, lock, lock, exit_at)
    assert world.operators.withdraw.revert(world.op1, sender=world.op1) == Revert(
        "Operators_StakeLocked", lock
    )
    world.assert_solvent()
    world.finalize(batch)
    assert world.operators.withdraw(world.op1, sender=world.op1).event("Withdrawn").amount == lock
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.locked, state.unbonding, state.exitAt) == (0, 0, 0, 0)
    world.assert_solvent()


def test_withdraw__everything_unbonded_in_the_block_of_the_offence__full_slash_at_the_last_second(
    world: World,
) -> None:
    """B1: a challenge in the window's last second, a proof in the clock's last: nothing has left."""
    world.operator_ready(stake=STAKE)
    world.payer_ready()
    batch = world.faulty_batch(world.op1, world.register_model())
    tx = world.commit(batch)
    world.operators.requestUnbond(STAKE, sender=world.op1)
    exit_at = world.operators.stateOf(world.op1).exitAt
    last = world.state_of(batch).windowEndsAt - 1
    world.time_to(last - 10)
    sealed = world.challenge(batch, at=last)
    deadline = last + world.params.challenger_time
    assert tx.timestamp < deadline < exit_at
    for at in (last, deadline - 1):
        assert world.operators.withdraw.revert(world.op1, sender=world.op1, at=at) == Revert(
            "Operators_ExitNotReached", exit_at
        )
    world.disputes.prove(*world.prove_args(batch, sealed), sender=sealed.by, at=deadline - 1)
    lock = world.params.min_batch_stake
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.locked, state.unbonding) == (STAKE - lock, 0, STAKE - lock)
    world.assert_solvent()


def test_withdraw__matured_but_not_taken__backs_nothing(world: World) -> None:
    """B3: stake that could leave at any second is no collateral, and no free exit option."""
    world.operator_ready(stake=STAKE)
    world.payer_ready()
    model = world.register_model()
    lock = world.params.min_batch_stake
    exit_at = unbond(world, STAKE - lock)
    world.time_to(exit_at)
    world.commit(world.batch(world.op1, model))
    assert world.commit_revert(world.batch(world.op1, model)) == Revert(
        "Operators_InsufficientStake", lock, 0
    )
    assert world.operators.withdraw.call(world.op1, sender=world.op1) == STAKE - lock
    # Taken back, it counts again, and to leave it waits the whole delay.
    world.operators.cancelUnbond(sender=world.op1)
    world.commit(world.batch(world.op1, model))
    assert unbond(world, 1) == world.now + world.params.unbonding_delay
    world.assert_solvent()


def test_withdraw__between_two_slashes__the_second_is_whole(world: World) -> None:
    """B7: what leaves in between is only what nothing needs."""
    lock = world.params.min_batch_stake
    world.operator_ready(stake=2 * lock + 100)
    world.payer_ready()
    model = world.register_model()
    exit_at = unbond(world, 100)
    world.time_to(exit_at - 100)
    batches = []
    for _ in range(2):
        batches.append(world.faulty_batch(world.op1, model))
        world.commit(batches[-1])
    world.convict(batches[0])
    world.time_to(exit_at)
    assert world.operators.withdraw(world.op1, sender=world.op1).event("Withdrawn").amount == 100
    world.assert_solvent()
    event_amounts = world.prove(batches[1], world.challenge(batches[1])).event("Slashed").amount
    assert event_amounts == lock
    assert world.operators.stateOf(world.op1).stake == 0
    assert sum(world.assert_solvent().pots.values()) == 2 * lock
