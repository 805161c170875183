"""Settlement.commit: who pays for which leaves, and by which signatures.

commit
├── when counts do not add up, or claims are not those of the header     BadClaims, ClaimsMismatch
├── when there are too many                                              TooManyClaims
├── when a voucher does not cover its claim                              Escrow's own error
└── when a signature is another's, another domain's or malleable         Escrow's own error
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import (
    Claim,
    Domain,
    ModelId,
    Signed,
    Voucher,
    VoucherSignature,
)
from onus.protocol.ids import claims_hash
from tests.contracts.test_settlement_commit import refuse
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import around
from tests.support.world import CENT, World

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def model(world: World) -> ModelId:
    return world.ready()


# ---- Claims ---------------------------------------------------------------------------------------------


def test_commit__when_claims_are_not_the_headers__reverts(world: World, model: ModelId) -> None:
    """E12."""
    world.payer_ready(world.bob)
    receipts = [world.receipt(world.op1, model, payer=p) for p in (world.alice, world.bob)]
    batch = world.batch(world.op1, receipts=receipts)
    first, second = batch.claims
    for claims in (
        (),
        (first,),
        (second, first),
        (first, second, second),
        (replace(first, payer=world.bob.address), second),
        (replace(first, receipts=2), second),
        (Claim(payer=first.payer, receipts=2), Claim(payer=second.payer, receipts=0)),
    ):
        refuse(world, Revert("Settlement_ClaimsMismatch", claims_hash(claims)), replace(batch, claims=claims))


@pytest.mark.parametrize("counts", [(), (2,), (4,), (1, 1), (3, 1), (0, 0), (2**32 - 1, 4)])
def test_commit__when_claims_do_not_add_up__reverts(
    world: World, model: ModelId, counts: tuple[int, ...]
) -> None:
    """E12: a count that wraps adds up to nothing either."""
    claims = [Claim(payer=world.alice.address, receipts=count) for count in counts]
    batch = world.batch(world.op1, model, claims=claims)
    vouchers = [world.voucher(world.alice, world.op1, UNIT)] * len(claims)
    refuse(world, Revert("Settlement_BadClaims", sum(counts), 3), batch, vouchers)


def test_commit__when_too_many_claims__reverts(world: World, model: ModelId) -> None:
    claims = [Claim(payer=world.alice.address, receipts=0)] * 256 + [
        Claim(payer=world.alice.address, receipts=3)
    ]
    batch = world.batch(world.op1, model, claims=claims)
    vouchers = [world.voucher(world.alice, world.op1, UNIT)] * 257
    refuse(world, Revert("Settlement_TooManyClaims", 257, 256), batch, vouchers)


@pytest.mark.parametrize("number", [0, 2])
def test_commit__when_a_claim_has_no_voucher_or_two__reverts(
    world: World, model: ModelId, number: int
) -> None:
    """F5: lists of unequal length."""
    batch = world.batch(world.op1, model)
    vouchers = [world.voucher(world.alice, world.op1, UNIT)] * number
    refuse(world, Revert("Settlement_BadClaims", number, 3), batch, vouchers)


# ---- Vouchers -------------------------------------------------------------------------------------------


def signed(world: World, *, domain: Domain | None = None, **fields: object) -> VoucherSignature:
    """Alice's voucher for op1 about 3 cents, with other fields; presented as if it had not been changed."""
    values = {"payer": world.alice.address, "operator": world.op1.address, "cumulative": 3 * CENT}
    voucher = Voucher(**(values | fields))
    return replace(
        VoucherSignature.of(Signed.by(world.alice.key, voucher, domain=domain or world.domain)),
        cumulative=3 * CENT,
    )


def recovered(world: World, signature: bytes) -> str:
    """Who a signature of alice's voucher seems to come from."""
    voucher = Voucher(payer=world.alice.address, operator=world.op1.address, cumulative=3 * CENT)
    return Signed(voucher, signature).signer(world.domain)


def test_commit__when_voucher_says_something_else__reverts(world: World, model: ModelId) -> None:
    """E4: other payer, operator, amount, chain or contract."""
    batch = world.batch(world.op1, model)
    here = world.domain
    for voucher in (
        signed(world, payer=world.bob.address),
        signed(world, operator=world.op2.address),
        signed(world, cumulative=3 * CENT + 1),
        signed(world, domain=Domain(here.chain_id + 1, here.settlement)),
        signed(world, domain=Domain(here.chain_id, world.disputes.address)),
    ):
        expected = Revert("Escrow_WrongSigner", world.alice, recovered(world, voucher.signature))
        refuse(world, expected, batch, [voucher])
    world.commit(batch, [signed(world)])


def test_commit__when_voucher_is_somebody_elses__reverts(world: World, model: ModelId) -> None:
    """E4."""
    batch = world.batch(world.op1, model)
    for key in (world.bob, world.op1, world.signer_of(world.op1)):
        voucher = world.voucher(world.alice, world.op1, 3 * CENT, key=key)
        refuse(world, Revert("Escrow_WrongSigner", world.alice, key), batch, [voucher])


def test_commit__when_signature_is_malformed_or_malleable__reverts(world: World, model: ModelId) -> None:
    """E14: the upper s, compact, cut off, extended, v of 0 or 29, zero: none recovers to anybody."""
    batch = world.batch(world.op1, model)
    good = signed(world).signature
    r, s, v = good[:32], int.from_bytes(good[32:64]), good[64]
    upper = r + (CURVE_ORDER - s).to_bytes(32) + bytes([55 - v])
    compact = r + (s | (v - 27) << 255).to_bytes(32)
    nobody = "0x" + "00" * 20
    for signature in (
        upper,
        compact,
        b"",
        good[:64],
        good + b"\0",
        good[:64] + b"\0",
        good[:64] + bytes([29]),
        bytes(64) + bytes([27]),
        r + bytes(32) + good[64:],
    ):
        voucher = VoucherSignature(cumulative=3 * CENT, signature=signature)
        refuse(world, Revert("Escrow_WrongSigner", world.alice, nobody), batch, [voucher])


def test_commit__when_payer_is_nobody__reverts(world: World, model: ModelId) -> None:
    """E4: a failed recovery is not the zero address's signature."""
    nobody = "0x" + "00" * 20
    batch = world.batch(world.op1, model, claims=[Claim(payer=nobody, receipts=3)], fee=0)
    voucher = VoucherSignature(cumulative=0, signature=bytes(65))
    refuse(world, Revert("Escrow_WrongSigner", nobody, nobody), batch, [voucher])


def test_commit__when_voucher_is_short_by_one__reverts(world: World, model: ModelId) -> None:
    """E4: a lower cumulative than what is due."""
    batch = world.batch(world.op1, model)
    short = [world.voucher(world.alice, world.op1, 3 * CENT - 1)]
    expected = Revert("Escrow_VoucherExhausted", world.alice, world.op1, 3 * CENT - 1, 3 * CENT)
    refuse(world, expected, batch, short)


def test_commit__when_voucher_was_redeemed__reverts(world: World, model: ModelId) -> None:
    """E4: a replay, and an older voucher."""
    older, newer = (world.voucher(world.alice, world.op1, n * CENT) for n in (3, 6))
    world.commit(world.batch(world.op1, model), [newer])
    world.commit(world.batch(world.op1, model), [newer])
    batch = world.batch(world.op1, model)
    for voucher in (older, newer):
        expected = Revert("Escrow_VoucherExhausted", world.alice, world.op1, voucher.cumulative, 9 * CENT)
        refuse(world, expected, batch, [voucher])


def test_commit__when_reservation_is_short_by_one__reverts(world: World) -> None:
    """E3: free balance and other operators' reservations do not back a voucher."""
    model = world.register_model()
    world.operator_ready()
    world.escrow.deposit(world.alice, UNIT, sender=world.alice)
    world.escrow.reserve(world.op1, 3 * CENT - 1, sender=world.alice)
    world.escrow.reserve(world.op2, 10 * CENT, sender=world.alice)
    batch = world.batch(world.op1, model)
    expected = Revert("Escrow_InsufficientReservation", world.alice, world.op1, 3 * CENT - 1, 3 * CENT)
    refuse(world, expected, batch)
    world.escrow.reserve(world.op1, 1, sender=world.alice)
    world.commit(batch)
    assert world.escrow.reservationOf(world.alice, world.op1).reserved == 0
    world.assert_solvent()


def test_commit__when_reservation_is_thawing__still_draws(world: World, model: ModelId) -> None:
    """E3: a payer that is leaving pays for what it was served."""
    world.escrow.requestRelease(world.op1, 100 * UNIT, sender=world.alice)
    batch = world.batch(world.op1, model)
    world.forward(world.params.thawing - 10)
    world.commit(batch)
    world.forward(10)
    assert world.escrow.release.call(world.op1, sender=world.alice) == 100 * UNIT - 3 * CENT
    world.escrow.release(world.op1, sender=world.alice)
    refuse_batch = world.batch(world.op1, model)
    expected = Revert("Escrow_InsufficientReservation", world.alice, world.op1, 0, 3 * CENT)
    refuse(world, expected, refuse_batch)
    world.assert_solvent()


def test_commit__when_a_contract_pays__its_voucher_key_signs(world: World, model: ModelId) -> None:
    """A contract cannot sign: the key it named does, and a replacement only when `thawing` is over (D1)."""
    wallet = world.chain.deploy("TypesHarness", sender=world.deployer)
    world.chain.fund(wallet.address)
    world.escrow.deposit(wallet, UNIT, sender=world.alice)
    world.escrow.reserve(world.op1, UNIT, sender=wallet)
    receipt = world.receipt(world.op1, model, payer=wallet)
    batch = world.batch(world.op1, receipts=[receipt])

    def by(key: object) -> list[VoucherSignature]:
        return [world.voucher(wallet, world.op1, CENT, key=key)]

    refuse(world, Revert("Escrow_WrongSigner", wallet, world.bob), batch, by(world.bob))
    world.escrow.setVoucherKey(world.bob, sender=wallet)
    tx = world.escrow.setVoucherKey(world.stranger, sender=wallet)
    valid_from = tx.event("VoucherKeySet").validFrom
    assert valid_from == tx.timestamp + world.params.thawing

    def check(at: int, offset: int) -> None:
        for key, holds in ((world.bob, offset < 0), (world.stranger, offset >= 0)):
            args = (batch.header, batch.claims, by(key))
            revert = world.settlement.commit.revert(*args, sender=world.op1, at=at)
            assert revert == (None if holds else Revert("Escrow_WrongSigner", wallet, key))

    around(valid_from, check)
    world.commit(batch, by(world.bob))
    assert world.escrow.reservationOf(wallet, world.op1).redeemed == CENT
