"""Escrow: who may sign vouchers, and what a voucher can draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from onus.protocol import Signed, Voucher, VoucherSignature, sign
from onus.protocol.ids import account_of
from onus.protocol.messages import _ORDER, Domain
from tests.support.chain import Revert
from tests.support.world import World

ZERO = "0x" + "00" * 20


def redeem_revert(world: World, redemptions: Sequence[tuple[Any, Any, int, int]]) -> Revert | None:
    """As Settlement does at a commit: (payer, signer, cumulative, amount)."""
    result: Revert | None = world.escrow.redeem.revert(world.op1, redemptions, sender=world.settlement)
    return result


# ---- setVoucherKey ---------------------------------------------------------------------------------------


def test_set_voucher_key__the_first__holds_at_once(world: World) -> None:
    assert world.escrow.voucherKeyOf(world.alice) == ZERO
    tx = world.escrow.setVoucherKey(world.signer1, sender=world.alice)
    event = tx.event("VoucherKeySet")
    assert (event.payer, event.key, event.validFrom) == (
        world.alice.address,
        world.signer1.address,
        tx.timestamp,
    )
    assert world.escrow.voucherKeyOf(world.alice) == world.signer1.address


def test_set_voucher_key__a_replacement__holds_after_thawing(world: World) -> None:
    """D1: at the end −1 the old key alone, at 0 and +1 the new one alone: no gap and no overlap."""
    world.payer_ready(amount=100)
    world.escrow.setVoucherKey(world.signer1, sender=world.alice)
    tx = world.escrow.setVoucherKey(world.signer2, sender=world.alice)
    valid_from = tx.timestamp + world.params.thawing
    event = tx.event("VoucherKeySet")
    assert (event.key, event.validFrom) == (world.signer2.address, valid_from)
    assert world.escrow.voucherKeyStateOf(world.alice) == (
        world.signer1.address,
        valid_from,
        world.signer2.address,
    )
    old, new = world.signer1.address, world.signer2.address
    times = [valid_from + step for step in (-1, 0, 1)]
    assert [world.escrow.voucherKeyOf(world.alice, at=at) for at in times] == [old, new, new]
    for signer, expected in ((old, [True, False, False]), (new, [False, True, True])):
        found = [
            world.escrow.redeem.revert(
                world.op1, [(world.alice, signer, 10, 10)], sender=world.settlement, at=at
            )
            for at in times
        ]
        wrong = Revert("Escrow_WrongSigner", world.alice, signer)
        assert found == [None if good else wrong for good in expected]


def test_set_voucher_key__while_one_waits__replaces_or_cancels_it(world: World) -> None:
    world.escrow.setVoucherKey(world.signer1, sender=world.alice)
    world.escrow.setVoucherKey(world.signer2, sender=world.alice)
    world.forward(100)
    tx = world.escrow.setVoucherKey(world.signer3, sender=world.alice)
    assert world.escrow.voucherKeyStateOf(world.alice) == (
        world.signer1.address,
        tx.timestamp + world.params.thawing,
        world.signer3.address,
    )
    # Naming the present one: it stays.
    tx = world.escrow.setVoucherKey(world.signer1, sender=world.alice)
    assert tx.event("VoucherKeySet").validFrom == tx.timestamp
    assert world.escrow.voucherKeyStateOf(world.alice) == (world.signer1.address, 0, ZERO)
    world.forward(10 * world.params.thawing)
    assert world.escrow.voucherKeyOf(world.alice) == world.signer1.address


def test_set_voucher_key__after_a_replacement_holds__the_next_one_waits_again(world: World) -> None:
    world.escrow.setVoucherKey(world.signer1, sender=world.alice)
    world.escrow.setVoucherKey(world.signer2, sender=world.alice)
    world.forward(world.params.thawing)
    tx = world.escrow.setVoucherKey(world.signer1, sender=world.alice)
    assert world.escrow.voucherKeyStateOf(world.alice) == (
        world.signer2.address,
        tx.timestamp + world.params.thawing,
        world.signer1.address,
    )


def test_set_voucher_key__zero_or_the_same__reverts(world: World) -> None:
    """F5"""
    key = world.escrow.setVoucherKey
    assert key.revert(ZERO, sender=world.alice) == Revert("Escrow_ZeroAddress")
    key(world.signer1, sender=world.alice)
    assert key.revert(world.signer1, sender=world.alice) == Revert("Escrow_KeyUnchanged", world.signer1)
    key(world.signer2, sender=world.alice)
    assert key.revert(world.signer2, sender=world.alice) == Revert("Escrow_KeyUnchanged", world.signer2)
    world.forward(world.params.thawing)
    assert key.revert(world.signer2, sender=world.alice) == Revert("Escrow_KeyUnchanged", world.signer2)


# ---- redeem ----------------------------------------------------------------------------------------------


def test_redeem__covered_by_the_voucher__draws_and_remembers(world: World) -> None:
    world.payer_ready(amount=100)
    world.payer_ready(world.bob, amount=50)
    redemptions = [
        (world.alice, world.alice, 30, 20),
        (world.bob, world.bob, 50, 50),
        (world.alice, world.alice, 30, 10),
    ]
    world.escrow.redeem(world.op1, redemptions, sender=world.settlement)
    assert world.escrow.reservationOf(world.alice, world.op1)[:2] == (70, 30)
    assert world.escrow.reservationOf(world.bob, world.op1)[:2] == (0, 50)
    assert world.escrow.coverOf(world.alice, world.op2) == 0


def test_redeem__more_than_the_voucher__reverts(world: World) -> None:
    """E4: an old or repeated voucher draws nothing more; a lower cumulative neither."""
    world.payer_ready(amount=100)
    world.escrow.redeem(world.op1, [(world.alice, world.alice, 30, 30)], sender=world.settlement)
    for cumulative, amount in ((30, 1), (29, 1), (0, 1), (0, 0), (59, 30)):
        assert redeem_revert(world, [(world.alice, world.alice, cumulative, amount)]) == Revert(
            "Escrow_VoucherExhausted", world.alice, world.op1, cumulative, 30 + amount
        )
    assert redeem_revert(world, [(world.alice, world.alice, 60, 30)]) is None
    assert redeem_revert(world, [(world.alice, world.alice, 30, 0)]) is None


def test_redeem__more_than_is_reserved__reverts(world: World) -> None:
    """A10, E3"""
    world.payer_ready(amount=100)
    most = 2**128 - 1
    for amount in (101, 2**96, most):
        assert redeem_revert(world, [(world.alice, world.alice, most, amount)]) == Revert(
            "Escrow_InsufficientReservation", world.alice, world.op1, 100, amount
        )
    for amount in (most + 1, 2**255):
        assert redeem_revert(world, [(world.alice, world.alice, most, amount)]) == Revert(
            "Escrow_VoucherExhausted", world.alice, world.op1, most, amount
        )
    # Reserved for another operator, or free, does not count.
    world.payer_ready(world.bob, world.op2)
    world.escrow.deposit(world.bob, 9, sender=world.bob)
    assert redeem_revert(world, [(world.bob, world.bob, 1, 1)]) == Revert(
        "Escrow_InsufficientReservation", world.bob, world.op1, 0, 1
    )


def test_redeem__one_bad_item__nothing_is_drawn(world: World) -> None:
    world.payer_ready(amount=100)
    assert redeem_revert(
        world, [(world.alice, world.alice, 60, 60), (world.alice, world.alice, 120, 60)]
    ) == Revert("Escrow_InsufficientReservation", world.alice, world.op1, 40, 60)


@pytest.mark.parametrize("with_key", [False, True])
def test_redeem__signed_by_another__reverts(world: World, with_key: bool) -> None:
    """E4, E14: nobody but the payer and its key; a failed recovery is nobody."""
    world.payer_ready(amount=100)
    if with_key:
        world.escrow.setVoucherKey(world.signer1, sender=world.alice)
        assert redeem_revert(world, [(world.alice, world.signer1, 1, 1)]) is None
    assert redeem_revert(world, [(world.alice, world.alice, 1, 1)]) is None
    for signer in (world.op1.address, world.bob.address, world.stranger.address, ZERO):
        assert redeem_revert(world, [(world.alice, signer, 1, 1)]) == Revert(
            "Escrow_WrongSigner", world.alice, signer
        )


def test_redeem__for_nobody__reverts(world: World) -> None:
    """E14: no signature can pass for the zero address."""
    assert redeem_revert(world, [(ZERO, ZERO, 0, 0)]) == Revert("Escrow_WrongSigner", ZERO, ZERO)


def test_redeem__by_others__reverts(world: World) -> None:
    """F2"""
    for caller in (world.stranger, world.op1, world.disputes, world.operators, world.council):
        assert world.escrow.redeem.revert(world.op1, [], sender=caller) == Revert("Escrow_OnlyPeer", caller)


# ---- Vouchers through a commit ---------------------------------------------------------------------------


def test_commit__voucher_of_another_place_or_form__reverts(world: World) -> None:
    """E4, E14: other chain, contract, payer, operator, amount; high s, cut, extended, wrong v: by nobody."""
    model = world.ready()
    batch = world.batch(world.op1, model, count=1, fee=10)
    message = Voucher(payer=world.alice.address, operator=world.op1.address, cumulative=10)  # type: ignore[arg-type]
    good = Signed.by(world.alice.key, message, domain=world.domain)
    assert world.commit_revert(batch, [VoucherSignature.of(good)]) is None

    def refused(cumulative: int, signature: bytes) -> bool:
        voucher = VoucherSignature(cumulative=cumulative, signature=signature)
        revert = world.commit_revert(batch, [voucher])
        assert revert is not None
        return revert.name == "Escrow_WrongSigner" and revert.args[0] == world.alice.address

    elsewhere = [
        Domain(chain_id=1, settlement=world.domain.settlement),
        Domain(chain_id=world.domain.chain_id, settlement=world.disputes.address),  # type: ignore[arg-type]
    ]
    for domain in elsewhere:
        assert refused(10, sign(message.digest(domain), world.alice.key))
    other = Voucher(payer=world.alice.address, operator=world.op2.address, cumulative=10)  # type: ignore[arg-type]
    assert refused(10, sign(other.digest(world.domain), world.alice.key))
    assert refused(11, good.signature)
    assert refused(10, sign(message.digest(world.domain), world.bob.key))
    r, s, v = good.signature[:32], int.from_bytes(good.signature[32:64], "big"), good.signature[64]
    assert refused(10, r + (_ORDER - s).to_bytes(32, "big") + bytes([55 - v]))
    for bad in (
        b"",
        good.signature[:64],
        good.signature + b"\0",
        r + good.signature[32:64] + b"\x1d",
        bytes(65),
    ):
        assert refused(10, bad)


def test_commit__voucher_by_the_voucher_key__draws(world: World) -> None:
    """A contract payer cannot sign; its key can."""
    model = world.ready()
    world.escrow.setVoucherKey(world.signer3, sender=world.alice)
    batch = world.batch(world.op1, model, count=2, fee=10)
    world.commit(batch, [world.voucher(world.alice, world.op1, 20, key=world.signer3)])
    assert world.escrow.reservationOf(world.alice, world.op1).redeemed == 20
    world.assert_solvent()


def test_commit__while_the_payer_tries_everything__each_operator_is_paid(world: World) -> None:
    """E3: withdraws, releases, reserves elsewhere, bonds, signs for twenty others: covers stay."""
    model = world.register_model()
    price = 1_000
    batches = []
    for op in (world.op1, world.op2, world.op3):
        world.operator_ready(op)
        world.payer_ready(world.alice, op, price)
        batches.append(world.batch(op, model, count=10, fee=price // 10))
    vouchers = [world.vouchers(batch) for batch in batches]
    world.escrow.deposit(world.alice, price, sender=world.alice)

    # Everything that it can do now, as far as it goes.
    for op in (world.op1, world.op2, world.op3):
        world.escrow.requestRelease(op, price, sender=world.alice)
    world.escrow.reserve("0x" + "99" * 20, price - 1, sender=world.alice)
    world.escrow.withdraw(world.alice, 1, sender=world.alice)
    others = ["0x" + f"{n:040x}" for n in range(1, 21)]
    assert all(world.voucher(world.alice, other, price).signature for other in others)
    world.escrow.setVoucherKey(world.signer1, sender=world.alice)
    account = account_of(world.alice.address)  # type: ignore[arg-type]
    empty = Revert("Escrow_InsufficientBalance", account, 0, 1)
    assert world.escrow.withdraw.revert(world.alice, 1, sender=world.alice) == empty
    assert world.escrow.reserve.revert(world.op2, 1, sender=world.alice) == empty
    assert world.escrow.hold.revert(world.alice, 1, sender=world.disputes) == empty

    last = max(batch.receipts[0].commit_by for batch in batches)
    world.time_to(last)
    for batch, voucher in zip(batches, vouchers, strict=True):
        assert world.escrow.release.revert(batch.header.operator, sender=world.alice) is not None
        world.commit(batch, voucher)
    assert sum(world.assert_solvent().fees.values()) == 3 * price
