"""Operators: registration, signing keys and endpoint, adding stake, the reserve."""

from __future__ import annotations

import pytest

from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.world import World

ZERO = "0x" + "00" * 20
MOST = 2**96 - 1


# ---- register --------------------------------------------------------------------------------------------


def test_register__when_new__is_registered_with_a_key_at_once(world: World) -> None:
    tx = world.operators.register("https://node.example", world.signer1, sender=world.op1)
    event = tx.event("OperatorRegistered")
    assert (event.operator, event.signer, event.endpoint) == (
        world.op1.address,
        world.signer1.address,
        "https://node.example",
    )
    state = world.operators.stateOf(world.op1)
    assert state.registered
    assert (state.stake, state.locked, state.reserve, state.unbonding, state.nextSequence) == (0, 0, 0, 0, 0)
    assert (state.jailedUntil, state.faults, state.reserveLeaving, state.exitAt, state.reserveExitAt) == (
        0,
    ) * 5
    assert world.operators.endpointOf(world.op1) == "https://node.example"
    assert world.operators.signersOf(world.op1) == ((world.signer1.address, tx.timestamp),)
    signer_at = world.operators.signerAt
    assert [signer_at(world.op1, tx.timestamp + step) for step in (-1, 0, 1)] == [
        ZERO,
        world.signer1.address,
        world.signer1.address,
    ]


def test_register__when_registered__reverts(world: World) -> None:
    """D13"""
    world.operator_ready()
    assert world.operators.register.revert("x", world.signer2, sender=world.op1) == Revert(
        "Operators_AlreadyRegistered", world.op1
    )


def test_register__with_bad_arguments__reverts(world: World) -> None:
    """F5"""
    register = world.operators.register
    assert register.revert("", world.signer1, sender=world.op1) == Revert("Operators_EmptyEndpoint")
    assert register.revert("x", ZERO, sender=world.op1) == Revert("Operators_ZeroAddress")


def test_functions__of_an_operator_not_registered__reverts(world: World) -> None:
    """F2: all that need a registration; the rest have nothing to act on."""
    operators, sender = world.operators, world.stranger
    unknown = Revert("Operators_NotRegistered", sender)
    assert operators.setEndpoint.revert("x", sender=sender) == unknown
    assert operators.setSigner.revert(world.signer1, sender=sender) == unknown
    assert operators.stake.revert(1, sender=sender) == unknown
    assert operators.requestUnbond.revert(1, sender=sender) == unknown
    assert operators.fundReserve.revert(1, sender=sender) == unknown
    assert operators.requestReserveExit.revert(sender=sender) == unknown
    assert operators.lock.revert(sender, 1, 0, 0, sender=world.settlement) == unknown
    assert operators.cancelUnbond.revert(sender=sender) == Revert("Operators_NothingUnbonding", sender)
    assert operators.withdraw.revert(sender, sender=sender) == Revert("Operators_NothingUnbonding", sender)
    assert operators.cancelReserveExit.revert(sender=sender) == Revert("Operators_ReserveNotLeaving", sender)
    assert operators.withdrawReserve.revert(sender, sender=sender) == Revert(
        "Operators_ReserveNotLeaving", sender
    )


# ---- Endpoint and keys -----------------------------------------------------------------------------------


def test_set_endpoint__when_registered__changes_it(world: World) -> None:
    world.operator_ready()
    event = world.operators.setEndpoint("https://new.example", sender=world.op1).event("EndpointChanged")
    assert (event.operator, event.endpoint) == (world.op1.address, "https://new.example")
    assert world.operators.endpointOf(world.op1) == "https://new.example"
    assert world.operators.setEndpoint.revert("", sender=world.op1) == Revert("Operators_EmptyEndpoint")


def test_set_signer__holds_after_key_delay_and_the_history_stays(world: World) -> None:
    """B5, D1: at the end −1 the old key, at 0 and +1 the new one; the past stays the old key's."""
    world.operator_ready()
    (first,) = world.operators.signersOf(world.op1)
    tx = world.operators.setSigner(world.signer2, sender=world.op1)
    valid_from = tx.timestamp + world.params.key_delay
    event = tx.event("SignerChanged")
    assert (event.operator, event.signer, event.validFrom) == (
        world.op1.address,
        world.signer2.address,
        valid_from,
    )
    signer_at = world.operators.signerAt
    old, new = world.signer1.address, world.signer2.address
    assert [signer_at(world.op1, valid_from + step) for step in (-1, 0, 1)] == [old, new, new]
    world.time_to(valid_from)
    world.operators.setSigner(world.signer3, sender=world.op1)
    assert world.operators.signersOf(world.op1)[:2] == (first, (new, valid_from))
    assert signer_at(world.op1, first.validFrom) == old
    assert signer_at(world.op1, valid_from) == new
    assert signer_at(world.op1, 2**40 - 1) == world.signer3.address


def test_set_signer__while_one_is_waiting__reverts(world: World) -> None:
    """D1, E14: one waits at most, so nobody can swap keys under a client."""
    world.operator_ready()
    tx = world.operators.setSigner(world.signer2, sender=world.op1)
    valid_from = tx.timestamp + world.params.key_delay
    set_signer = world.operators.setSigner
    pending = Revert("Operators_SignerPending", valid_from)
    assert [
        set_signer.revert(world.signer3, sender=world.op1, at=at) for at in (tx.timestamp + 1, valid_from - 1)
    ] == [pending, pending]
    assert set_signer.revert(world.signer3, sender=world.op1, at=valid_from) is None


def test_set_signer__zero_or_the_same__reverts(world: World) -> None:
    """F5"""
    world.operator_ready()
    set_signer = world.operators.setSigner
    assert set_signer.revert(ZERO, sender=world.op1) == Revert("Operators_ZeroAddress")
    assert set_signer.revert(world.signer1, sender=world.op1) == Revert(
        "Operators_SignerUnchanged", world.signer1
    )


def test_set_signer_and_endpoint__with_a_batch_under_way__it_stays_slashable(world: World) -> None:
    """B5: neither a key rotation, nor another endpoint, nor leaving changes what answers for a batch."""
    model = world.ready()
    batch = world.faulty_batch(world.op1, model)
    world.commit(batch)
    stake = world.operators.stateOf(world.op1).stake
    world.operators.setSigner(world.signer2, sender=world.op1)
    world.operators.setEndpoint("https://gone.example", sender=world.op1)
    world.operators.requestUnbond(stake, sender=world.op1)
    world.time_to(world.state_of(batch).windowEndsAt - 10)
    world.convict(batch)
    assert world.operators.stateOf(world.op1).stake == stake - world.params.min_batch_stake
    world.assert_solvent()


# ---- stake -----------------------------------------------------------------------------------------------


def test_stake__when_registered__moves_tokens_and_counts(world: World) -> None:
    world.operators.register("x", world.signer1, sender=world.op1)
    before = world.token.balanceOf(world.op1)
    for amount, total in ((5 * UNIT, 5 * UNIT), (1, 5 * UNIT + 1)):
        event = world.operators.stake(amount, sender=world.op1).event("Staked")
        assert (event.operator, event.amount) == (world.op1.address, amount)
        assert world.operators.stateOf(world.op1).stake == world.operators.availableOf(world.op1) == total
    assert before - world.token.balanceOf(world.op1) == total
    world.assert_solvent()


def test_stake__zero_or_more_than_fits__reverts(world: World) -> None:
    """A10, F5: at the type's limits a typed error, never a wrap."""
    world.operator_ready(stake=UNIT)
    stake = world.operators.stake
    assert stake.revert(0, sender=world.op1) == Revert("Operators_ZeroAmount")
    for amount in (MOST - UNIT + 1, MOST, MOST + 1, 2**128, 2**255, 2**256 - 1):
        assert stake.revert(amount, sender=world.op1) == Revert("Operators_AmountTooLarge", amount)
    world.token.mint(world.op1, MOST, sender=world.op1)
    assert stake.revert(MOST - UNIT, sender=world.op1) is None


def test_stake__without_tokens_or_allowance__reverts(world: World) -> None:
    world.operator_ready(stake=0)
    held = world.token.balanceOf(world.op1)
    assert world.operators.stake.revert(held + 1, sender=world.op1) == Revert(
        "ERC20InsufficientBalance", world.op1, held, held + 1
    )
    world.token.approve(world.operators, 5, sender=world.op1)
    assert world.operators.stake.revert(6, sender=world.op1) == Revert(
        "ERC20InsufficientAllowance", world.operators, 5, 6
    )


def test_stake__when_jailed_or_leaving__is_added(world: World) -> None:
    """A13: stake of one's own only, and it restarts nothing."""
    world.operator_ready(stake=100)
    world.operators.requestUnbond(40, sender=world.op1)
    exit_at = world.operators.stateOf(world.op1).exitAt
    world.operators.stake(7, sender=world.op1)
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.unbonding, state.exitAt) == (107, 40, exit_at)
    assert world.operators.availableOf(world.op1) == 67


def test_tokens_sent_directly__count_for_nobody(world: World) -> None:
    """A12"""
    world.operator_ready(stake=100)
    before = world.operators.stateOf(world.op1)
    world.token.transfer(world.operators, 55, sender=world.stranger)
    assert world.operators.stateOf(world.op1) == before
    world.operators.stake(1, sender=world.op1)
    assert world.operators.stateOf(world.op1).stake == 101
    world.assert_solvent()
    assert world.token.balanceOf(world.operators) == 101 + before.reserve + 55


# ---- Reserve ---------------------------------------------------------------------------------------------


def test_fund_reserve__when_registered__moves_tokens_into_a_bucket_of_its_own(world: World) -> None:
    """B14"""
    world.operators.register("x", world.signer1, sender=world.op1)
    event = world.operators.fundReserve(30, sender=world.op1).event("ReserveFunded")
    assert (event.operator, event.amount) == (world.op1.address, 30)
    world.operators.fundReserve(5, sender=world.op1)
    state = world.operators.stateOf(world.op1)
    assert (state.reserve, state.stake) == (35, 0)
    assert world.operators.availableOf(world.op1) == 0
    world.assert_solvent()


def test_fund_reserve__zero_or_more_than_fits__reverts(world: World) -> None:
    """A10, F5"""
    world.operator_ready(reserve=1)
    fund = world.operators.fundReserve
    assert fund.revert(0, sender=world.op1) == Revert("Operators_ZeroAmount")
    for amount in (MOST, MOST + 1, 2**256 - 1):
        assert fund.revert(amount, sender=world.op1) == Revert("Operators_AmountTooLarge", amount)
    world.token.mint(world.op1, MOST, sender=world.op1)
    assert fund.revert(MOST - 1, sender=world.op1) is None


def test_reserve_exit__leaves_after_the_unbonding_delay(world: World) -> None:
    """D1: at the end −1 not yet, at 0 the whole of it."""
    world.operator_ready(reserve=500)
    tx = world.operators.requestReserveExit(sender=world.op1)
    exit_at = tx.timestamp + world.params.unbonding_delay
    event = tx.event("ReserveExitRequested")
    assert (event.operator, event.exitAt) == (world.op1.address, exit_at)
    state = world.operators.stateOf(world.op1)
    assert (state.reserveLeaving, state.reserveExitAt, state.reserve) == (True, exit_at, 500)
    withdraw = world.operators.withdrawReserve
    assert withdraw.revert(world.bob, sender=world.op1, at=exit_at - 1) == Revert(
        "Operators_ExitNotReached", exit_at
    )
    assert withdraw.call(world.bob, sender=world.op1, at=exit_at + 1) == 500
    before = world.token.balanceOf(world.bob)
    event = withdraw(world.bob, sender=world.op1, at=exit_at).event("ReserveWithdrawn")
    assert (event.operator, event.to, event.amount) == (world.op1.address, world.bob.address, 500)
    assert world.token.balanceOf(world.bob) - before == 500
    state = world.operators.stateOf(world.op1)
    assert (state.reserveLeaving, state.reserveExitAt, state.reserve) == (False, 0, 0)
    assert withdraw.revert(world.bob, sender=world.op1) == Revert("Operators_ReserveNotLeaving", world.op1)
    world.assert_solvent()


def test_reserve_exit__when_leaving__stops_commits_and_refills_until_cancelled(world: World) -> None:
    """B14"""
    model = world.ready()
    tx = world.operators.requestReserveExit(sender=world.op1)
    exit_at = tx.timestamp + world.params.unbonding_delay
    leaving = Revert("Operators_ReserveLeaving", exit_at)
    batch = world.batch(world.op1, model)
    assert world.operators.requestReserveExit.revert(sender=world.op1) == leaving
    assert world.operators.fundReserve.revert(1, sender=world.op1) == leaving
    assert world.commit_revert(batch) == leaving
    # Also when it could have left long ago.
    assert world.commit_revert(batch, at=exit_at + 1) == leaving
    event = world.operators.cancelReserveExit(sender=world.op1).event("ReserveExitCancelled")
    assert event.operator == world.op1.address
    state = world.operators.stateOf(world.op1)
    assert (state.reserveLeaving, state.reserveExitAt, state.reserve) == (False, 0, world.params.reserve)
    world.commit(batch)
    assert world.operators.cancelReserveExit.revert(sender=world.op1) == Revert(
        "Operators_ReserveNotLeaving", world.op1
    )


def test_reserve_exit__while_anything_is_locked__reverts(world: World) -> None:
    """B14: old batches are disputable and payable, and the reserve stays until they are decided."""
    model = world.ready()
    batch = world.batch(world.op1, model)
    world.commit(batch)
    request = world.operators.requestReserveExit
    locked = world.params.min_batch_stake
    assert request.revert(sender=world.op1) == Revert("Operators_StakeLocked", locked)
    world.past_window(batch)
    assert request.revert(sender=world.op1) == Revert("Operators_StakeLocked", locked)
    world.finalize(batch)
    assert request.revert(sender=world.op1) is None


def test_reserve_exit__of_nothing_or_to_nobody__reverts(world: World) -> None:
    """F5"""
    world.operator_ready(reserve=0)
    assert world.operators.requestReserveExit.revert(sender=world.op1) == Revert(
        "Operators_ReserveEmpty", world.op1
    )
    assert world.operators.withdrawReserve.revert(ZERO, sender=world.op1) == Revert("Operators_ZeroAddress")


@pytest.mark.parametrize("missing", [1, None])
def test_commit__when_the_reserve_is_not_full__reverts_until_it_is(world: World, missing: int | None) -> None:
    """B14"""
    full = world.params.reserve
    has = 0 if missing is None else full - missing
    world.operator_ready(reserve=has)
    world.payer_ready()
    batch = world.batch(world.op1, world.register_model())
    assert world.commit_revert(batch) == Revert("Operators_ReserveNotFull", has, full)
    world.operators.fundReserve(full - has, sender=world.op1)
    world.commit(batch)
