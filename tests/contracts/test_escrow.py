"""Escrow: deposits, free balances, reservations and their thawing."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils import keccak

from onus.protocol import sign
from onus.protocol.ids import BURNED, account_of
from tests.support.actors import Actor
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.world import World

ZERO = "0x" + "00" * 20
MOST = 2**96 - 1


# ---- deposit ---------------------------------------------------------------------------------------------


def test_deposit__for_oneself__is_free_balance(world: World) -> None:
    before = world.token.balanceOf(world.alice)
    event = world.escrow.deposit(world.alice, 70, sender=world.alice).event("Deposited")
    assert (event.to, event.from_, event.amount) == (world.alice.address, world.alice.address, 70)
    assert world.free(world.alice) == 70 == world.escrow.balanceOf(account_of(world.alice.address))
    assert before - world.token.balanceOf(world.alice) == 70
    world.assert_solvent()


def test_deposit__for_somebody_else__gives_it_and_changes_nothing_else(world: World) -> None:
    """A13: it cannot reset timers or states of who gets it. F3: the payer of it is who calls."""
    world.payer_ready(amount=100)
    world.escrow.requestRelease(world.op1, 60, sender=world.alice)
    world.escrow.setVoucherKey(world.signer1, sender=world.alice)
    reservation = world.escrow.reservationOf(world.alice, world.op1)
    key = world.escrow.voucherKeyStateOf(world.alice)
    event = world.escrow.deposit(world.alice, 9, sender=world.bob).event("Deposited")
    assert (event.to, event.from_) == (world.alice.address, world.bob.address)
    assert world.free(world.alice) == 9
    assert world.escrow.reservationOf(world.alice, world.op1) == reservation
    assert world.escrow.voucherKeyStateOf(world.alice) == key
    world.assert_solvent()


def test_deposit__with_bad_arguments__reverts(world: World) -> None:
    """A10, F5"""
    deposit = world.escrow.deposit
    assert deposit.revert(ZERO, 1, sender=world.alice) == Revert("Escrow_ZeroAddress")
    assert deposit.revert(world.alice, 0, sender=world.alice) == Revert("Escrow_ZeroAmount")
    for amount in (MOST + 1, 2**128, 2**256 - 1):
        assert deposit.revert(world.alice, amount, sender=world.alice) == Revert(
            "Escrow_AmountTooLarge", amount
        )
    world.token.mint(world.alice, MOST, sender=world.alice)
    assert deposit.revert(world.alice, MOST, sender=world.alice) is None


def test_deposit__without_tokens_or_allowance__reverts(world: World) -> None:
    held = world.token.balanceOf(world.alice)
    deposit = world.escrow.deposit
    assert deposit.revert(world.alice, held + 1, sender=world.alice) == Revert(
        "ERC20InsufficientBalance", world.alice, held, held + 1
    )
    world.token.approve(world.escrow, 5, sender=world.alice)
    assert deposit.revert(world.alice, 6, sender=world.alice) == Revert(
        "ERC20InsufficientAllowance", world.escrow, 5, 6
    )


def test_tokens_sent_directly__count_for_nobody(world: World) -> None:
    """A12"""
    world.payer_ready(amount=10)
    world.token.transfer(world.escrow, 55, sender=world.stranger)
    assert world.free(world.stranger) == 0
    world.escrow.deposit(world.stranger, 1, sender=world.stranger)
    assert world.free(world.stranger) == 1
    world.assert_solvent()


# ---- depositWithPermit -----------------------------------------------------------------------------------

PERMIT = keccak(text="Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")


def permit(
    world: World, owner: Actor, amount: int, *, deadline: int | None = None, by: Actor | None = None
) -> tuple[Any, ...]:
    """(amount, deadline, v, r, s) of an ERC-2612 permit for Escrow."""
    deadline = world.now + 600 if deadline is None else deadline
    numbers = [amount, world.token.nonces(owner), deadline]
    words = b"".join(bytes(12) + bytes.fromhex(a[2:]) for a in (owner.address, world.escrow.address))
    struct = keccak(PERMIT + words + b"".join(number.to_bytes(32, "big") for number in numbers))
    signature = sign(keccak(b"\x19\x01" + world.token.DOMAIN_SEPARATOR() + struct), (by or owner).key)
    return amount, deadline, signature[64], signature[:32], signature[32:64]


def without_allowance(world: World) -> None:
    world.token.approve(world.escrow, 0, sender=world.alice)


def test_deposit_with_permit__when_signed__deposits(world: World) -> None:
    without_allowance(world)
    event = world.escrow.depositWithPermit(
        world.bob, *permit(world, world.alice, 40), sender=world.alice
    ).event("Deposited")
    assert (event.to, event.from_, event.amount) == (world.bob.address, world.alice.address, 40)
    assert world.free(world.bob) == 40
    assert world.token.allowance(world.alice, world.escrow) == 0
    world.assert_solvent()


def test_deposit_with_permit__when_the_permit_was_used_before__deposits_all_the_same(world: World) -> None:
    """Somebody who copies the permit from the mempool and uses it first blocks nothing."""
    without_allowance(world)
    signed = permit(world, world.alice, 40)
    world.token.permit(world.alice, world.escrow, *signed, sender=world.stranger)
    world.escrow.depositWithPermit(world.alice, *signed, sender=world.alice)
    assert world.free(world.alice) == 40


def test_deposit_with_permit__not_signed_by_the_caller__reverts(world: World) -> None:
    """F3, E14: the owner is who calls; nobody spends another's permit."""
    without_allowance(world)
    refused = Revert("ERC20InsufficientAllowance", world.escrow, 0, 40)
    method = world.escrow.depositWithPermit
    forged = permit(world, world.alice, 40, by=world.stranger)
    assert method.revert(world.alice, *forged, sender=world.alice) == refused
    expired = permit(world, world.alice, 40, deadline=world.now - 1)
    assert method.revert(world.alice, *expired, sender=world.alice) == refused
    signed = permit(world, world.alice, 40)
    world.token.approve(world.escrow, 0, sender=world.stranger)
    assert method.revert(world.stranger, *signed, sender=world.stranger) == refused
    amount, *rest = signed
    assert method.revert(world.alice, amount + 1, *rest, sender=world.alice) == Revert(
        "ERC20InsufficientAllowance", world.escrow, 0, 41
    )


def test_deposit_with_permit__with_bad_arguments__reverts(world: World) -> None:
    """F5"""
    method, signed = world.escrow.depositWithPermit, permit(world, world.alice, 40)
    assert method.revert(ZERO, *signed, sender=world.alice) == Revert("Escrow_ZeroAddress")
    assert method.revert(world.alice, 0, *signed[1:], sender=world.alice) == Revert("Escrow_ZeroAmount")
    assert method.revert(world.alice, 2**96, *signed[1:], sender=world.alice) == Revert(
        "Escrow_AmountTooLarge", 2**96
    )


# ---- withdraw --------------------------------------------------------------------------------------------


def test_withdraw__of_free_balance__pays_at_once(world: World) -> None:
    world.escrow.deposit(world.alice, 70, sender=world.alice)
    before = world.token.balanceOf(world.bob)
    event = world.escrow.withdraw(world.bob, 30, sender=world.alice).event("Withdrawn")
    assert (event.owner, event.to, event.amount) == (world.alice.address, world.bob.address, 30)
    assert world.free(world.alice) == 40
    assert world.token.balanceOf(world.bob) - before == 30
    world.assert_solvent()


def test_withdraw__with_bad_arguments_or_too_much__reverts(world: World) -> None:
    """A10, D13, F5; E3: what is reserved is not free."""
    world.escrow.depositAndReserve(world.op1, 50, sender=world.alice)
    world.escrow.deposit(world.alice, 20, sender=world.alice)
    withdraw = world.escrow.withdraw
    assert withdraw.revert(ZERO, 1, sender=world.alice) == Revert("Escrow_ZeroAddress")
    assert withdraw.revert(world.alice, 0, sender=world.alice) == Revert("Escrow_ZeroAmount")
    account = account_of(world.alice.address)
    for amount in (21, 70, 2**256 - 1):
        assert withdraw.revert(world.alice, amount, sender=world.alice) == Revert(
            "Escrow_InsufficientBalance", account, 20, amount
        )
    withdraw(world.alice, 20, sender=world.alice)
    assert withdraw.revert(world.alice, 20, sender=world.alice) == Revert(
        "Escrow_InsufficientBalance", account, 0, 20
    )


# ---- reserve ---------------------------------------------------------------------------------------------


def test_reserve__of_free_balance__moves_it(world: World) -> None:
    world.escrow.deposit(world.alice, 70, sender=world.alice)
    event = world.escrow.reserve(world.op1, 30, sender=world.alice).event("Reserved")
    assert (event.payer, event.operator, event.amount) == (world.alice.address, world.op1.address, 30)
    world.escrow.reserve(world.op1, 5, sender=world.alice)
    assert world.escrow.reservationOf(world.alice, world.op1) == (35, 0, 0, 0)
    assert world.escrow.coverOf(world.alice, world.op1) == 35
    assert world.free(world.alice) == 35
    world.assert_solvent()


def test_deposit_and_reserve__in_one_call__reserves(world: World) -> None:
    tx = world.escrow.depositAndReserve(world.op1, 30, sender=world.alice)
    assert tx.event("Deposited").amount == tx.event("Reserved").amount == 30
    assert world.escrow.reservationOf(world.alice, world.op1).reserved == 30
    assert world.free(world.alice) == 0
    world.assert_solvent()


def test_reserve__with_bad_arguments_or_too_much__reverts(world: World) -> None:
    """A10, F5"""
    world.escrow.deposit(world.alice, 10, sender=world.alice)
    for method in (world.escrow.reserve, world.escrow.depositAndReserve):
        assert method.revert(ZERO, 1, sender=world.alice) == Revert("Escrow_ZeroAddress")
        assert method.revert(world.op1, 0, sender=world.alice) == Revert("Escrow_ZeroAmount")
        for amount in (2**96, 2**256 - 1):
            assert method.revert(world.op1, amount, sender=world.alice) == Revert(
                "Escrow_AmountTooLarge", amount
            )
    assert world.escrow.reserve.revert(world.op1, 11, sender=world.alice) == Revert(
        "Escrow_InsufficientBalance", account_of(world.alice.address), 10, 11
    )


def test_reserve__for_several_operators__one_balance_backs_one(world: World) -> None:
    """E3: twenty operators each have their own reservation; what one holds, no other can count on."""
    world.escrow.deposit(world.alice, 100, sender=world.alice)
    operators = ["0x" + f"{0x1000 + n:040x}" for n in range(20)]
    for operator in operators:
        world.escrow.reserve(operator, 5, sender=world.alice)
    assert [world.escrow.coverOf(world.alice, operator) for operator in operators] == [5] * 20
    assert world.escrow.reserve.revert(world.op1, 1, sender=world.alice) == Revert(
        "Escrow_InsufficientBalance", account_of(world.alice.address), 0, 1
    )
    world.assert_solvent()


# ---- requestRelease, cancelRelease, release --------------------------------------------------------------


def test_request_release__of_cover__starts_to_thaw(world: World) -> None:
    world.payer_ready(amount=100)
    tx = world.escrow.requestRelease(world.op1, 60, sender=world.alice)
    thaws_at = tx.timestamp + world.params.thawing
    event = tx.event("ReleaseRequested")
    assert (event.payer, event.operator, event.amount, event.thawsAt) == (
        world.alice.address,
        world.op1.address,
        60,
        thaws_at,
    )
    assert world.escrow.reservationOf(world.alice, world.op1) == (100, 0, 60, thaws_at)
    assert world.escrow.coverOf(world.alice, world.op1) == 40
    world.assert_solvent()


def test_request_release__twice__all_of_it_starts_anew(world: World) -> None:
    world.payer_ready(amount=100)
    world.escrow.requestRelease(world.op1, 60, sender=world.alice)
    world.forward(1_000)
    tx = world.escrow.requestRelease(world.op1, 5, sender=world.alice)
    thaws_at = tx.timestamp + world.params.thawing
    assert world.escrow.reservationOf(world.alice, world.op1) == (100, 0, 65, thaws_at)


def test_request_release__zero_or_too_much__reverts(world: World) -> None:
    """A10, F5"""
    world.payer_ready(amount=100)
    request = world.escrow.requestRelease
    assert request.revert(world.op1, 0, sender=world.alice) == Revert("Escrow_ZeroAmount")
    world.escrow.requestRelease(world.op1, 60, sender=world.alice)
    for amount in (41, 100, 2**128, 2**256 - 1):
        assert request.revert(world.op1, amount, sender=world.alice) == Revert(
            "Escrow_ReleaseTooLarge", amount, 40
        )
    assert request.revert(world.op2, 1, sender=world.alice) == Revert("Escrow_ReleaseTooLarge", 1, 0)


def test_cancel_release__keeps_it_reserved(world: World) -> None:
    world.payer_ready(amount=100)
    world.escrow.requestRelease(world.op1, 60, sender=world.alice)
    event = world.escrow.cancelRelease(world.op1, sender=world.alice).event("ReleaseCancelled")
    assert (event.payer, event.operator, event.amount) == (world.alice.address, world.op1.address, 60)
    assert world.escrow.reservationOf(world.alice, world.op1) == (100, 0, 0, 0)
    assert world.escrow.cancelRelease.revert(world.op1, sender=world.alice) == Revert(
        "Escrow_NothingThawing", world.alice, world.op1
    )


def test_release__after_thawing__is_free_again(world: World) -> None:
    """D1: at the end −1 not yet, at 0 and later yes. D13: once."""
    world.payer_ready(amount=100)
    world.escrow.requestRelease(world.op1, 60, sender=world.alice)
    thaws_at = world.escrow.reservationOf(world.alice, world.op1).thawsAt
    release = world.escrow.release
    assert release.revert(world.op1, sender=world.alice, at=thaws_at - 1) == Revert(
        "Escrow_StillThawing", thaws_at
    )
    assert release.call(world.op1, sender=world.alice, at=thaws_at + 1) == 60
    event = release(world.op1, sender=world.alice, at=thaws_at).event("Released")
    assert (event.payer, event.operator, event.amount) == (world.alice.address, world.op1.address, 60)
    assert world.escrow.reservationOf(world.alice, world.op1) == (40, 0, 0, 0)
    assert world.free(world.alice) == 60
    nothing = Revert("Escrow_NothingThawing", world.alice, world.op1)
    assert release.revert(world.op1, sender=world.alice) == nothing
    assert release.revert(world.op1, sender=world.bob) == Revert(
        "Escrow_NothingThawing", world.bob, world.op1
    )
    world.assert_solvent()


def test_release__of_what_was_thawing_before_served__still_pays_the_commit(world: World) -> None:
    """E3: who signed against cover is paid: thawing is longer than any receipt waits for its commit."""
    world.operator_ready()
    model = world.register_model()
    world.payer_ready(amount=10 * UNIT)
    batch = world.batch(world.op1, model, count=1, fee=10 * UNIT)
    voucher = world.voucher(world.alice, world.op1, 10 * UNIT)
    served_at = batch.receipts[0].served_at
    world.escrow.requestRelease(world.op1, 10 * UNIT, sender=world.alice)
    last = served_at + world.params.max_commit_delay
    assert world.escrow.release.revert(world.op1, sender=world.alice, at=last + world.params.grace) == Revert(
        "Escrow_StillThawing", world.escrow.reservationOf(world.alice, world.op1).thawsAt
    )
    world.commit(batch, [voucher], at=last)
    assert world.escrow.reservationOf(world.alice, world.op1).reserved == 0
    world.assert_solvent()


def test_release__when_vouchers_drew_on_it__gives_what_is_left(world: World) -> None:
    """E1, E3: nothing is both paid and released."""
    world.operator_ready()
    model = world.register_model()
    world.payer_ready(amount=100)
    world.escrow.requestRelease(world.op1, 60, sender=world.alice)
    world.commit(world.batch(world.op1, model, count=1, fee=70))
    assert world.escrow.coverOf(world.alice, world.op1) == 0
    reservation = world.escrow.reservationOf(world.alice, world.op1)
    assert (reservation.reserved, reservation.redeemed) == (30, 70)
    assert world.escrow.requestRelease.revert(world.op1, 1, sender=world.alice) == Revert(
        "Escrow_ReleaseTooLarge", 1, 0
    )
    world.time_to(reservation.thawsAt)
    assert world.escrow.release(world.op1, sender=world.alice).event("Released").amount == 30
    assert world.escrow.reservationOf(world.alice, world.op1) == (0, 70, 0, 0)
    world.assert_solvent()


@pytest.mark.parametrize("left", [30, 0])
def test_reserve__after_vouchers_drew_on_what_thaws__new_money_does_not_thaw(world: World, left: int) -> None:
    """E3: an operator that sees new cover can rely on all of it."""
    world.operator_ready()
    model = world.register_model()
    world.payer_ready(amount=100)
    world.escrow.requestRelease(world.op1, 60, sender=world.alice)
    world.commit(world.batch(world.op1, model, count=1, fee=100 - left))
    thaws_at = world.escrow.reservationOf(world.alice, world.op1).thawsAt
    world.time_to(thaws_at)
    world.escrow.depositAndReserve(world.op1, 50, sender=world.alice)
    assert world.escrow.coverOf(world.alice, world.op1) == 50
    reverts = world.escrow.release.revert(world.op1, sender=world.alice)
    if left:
        assert world.escrow.release(world.op1, sender=world.alice).event("Released").amount == left
    else:
        assert reverts == Revert("Escrow_NothingThawing", world.alice, world.op1)
    assert world.escrow.reservationOf(world.alice, world.op1).reserved == 50
    world.assert_solvent()


# ---- sweepBurned -----------------------------------------------------------------------------------------


def test_sweep_burned__sends_the_bucket_away(world: World) -> None:
    """D13"""
    assert world.escrow.sweepBurned.revert(sender=world.stranger) == Revert("Escrow_NothingBurned")
    model = world.ready()
    batch = world.batch(world.op1, model)
    world.commit(batch)
    sealed = world.challenge(batch)
    world.forward(world.params.challenger_time)
    world.disputes.timeout(batch.header, sealed.key, sender=world.stranger)
    bond = world.params.challenge_bond
    assert world.escrow.balanceOf(BURNED) == bond
    to = world.escrow.burnAddress()
    before = world.token.balanceOf(to)
    assert world.escrow.sweepBurned.call(sender=world.stranger) == bond
    event = world.escrow.sweepBurned(sender=world.stranger).event("BurnedSwept")
    assert (event.to, event.amount) == (to, bond)
    assert world.token.balanceOf(to) - before == bond
    assert world.escrow.balanceOf(BURNED) == 0
    assert world.escrow.sweepBurned.revert(sender=world.stranger) == Revert("Escrow_NothingBurned")
    world.assert_solvent()
