"""Omissions.claim: who may say that a receipt was omitted, when, and on which evidence.

claim
├── by the payer, after commitBy and before commitBy + omissionWindow, with the bond
├── with the plain signature of the key that held at servedAt   anything else is no evidence (E14)
├── under the parameter set in force at servedAt
└── once a receipt, whatever became of it
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import Domain, OmissionStatus, Receipt, Signed, sign
from onus.protocol.messages import _ORDER
from tests.support.actors import Actor
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused
from tests.support.world import World

BOND = 2 * UNIT
ZERO = "0x" + "00" * 20


@pytest.fixture
def receipt(world: World) -> Receipt:
    """What op1 signed for alice and did not commit in time; its last second was the latest block's."""
    model = world.ready()
    receipt = world.receipt(world.op1, model, stake=40 * UNIT)
    world.escrow.deposit(world.alice, 10 * BOND, sender=world.alice)
    world.time_to(receipt.commit_by)
    return receipt


def claim_revert(
    world: World,
    receipt: Receipt,
    signature: bytes | None = None,
    *,
    set: int = 1,
    by: Actor | None = None,
    at: int | None = None,
) -> Revert | None:
    """Why `claim` would be refused, next second unless `at`."""
    revert: Revert | None = world.omissions.claim.revert(
        receipt,
        world.signed(receipt) if signature is None else signature,
        set,
        sender=by or world.alice,
        at=world.now + 1 if at is None else at,
    )
    return revert


# ---- Success --------------------------------------------------------------------------------------------


def test_claim__of_an_omitted_receipt__holds_the_bond_and_starts_the_clock(
    world: World, receipt: Receipt
) -> None:
    """E13: everything an operator needs to answer is in the event."""
    before = world.buckets()
    tx = world.omissions.claim(receipt, world.signed(receipt), 1, sender=world.alice)
    event = tx.event("OmissionClaimed")
    assert (event.receiptHash, event.operator, event.payer, event.set) == (
        receipt.struct_hash,
        world.op1.address,
        world.alice.address,
        1,
    )
    assert Receipt.from_abi(event.receipt) == receipt
    assert tuple(tx.event("Held").values) == (world.alice.address, BOND)
    assert len(tx.logs) == 2
    assert world.omissions.omissionOf(receipt.struct_hash) == (
        OmissionStatus.CLAIMED,
        1,
        tx.timestamp + world.params.operator_time,
    )
    after = world.assert_solvent()
    assert after.bonds == {receipt.struct_hash: BOND}
    assert (after.stake, after.reserve) == (before.stake, before.reserve)
    assert world.free(world.alice) == 9 * BOND


def test_claim__around_its_window(world: World, receipt: Receipt) -> None:
    """D1: from the second after commitBy, in which a commit was still possible, to the window's last one."""
    opens, closes = receipt.commit_by + 1, receipt.commit_by + world.params.omission_window
    refusal = Revert("Omissions_NotClaimable", opens, closes)

    def at_start(at: int, offset: int) -> None:
        assert claim_revert(world, receipt, at=at) == (refusal if offset < 0 else None)

    def at_end(at: int, offset: int) -> None:
        assert claim_revert(world, receipt, at=at) == (None if offset < 0 else refusal)

    around(opens, at_start)
    around(closes, at_end)
    args = (receipt, world.signed(receipt), 1)
    refused(world, refusal, world.omissions.claim, *args, sender=world.alice, at=closes)


def test_claim__at_commit_by__the_operator_can_still_commit(world: World, receipt: Receipt) -> None:
    """D1: commit and claim exclude each other at every second, and leave no gap."""
    batch = world.batch(world.op1, receipts=[receipt])
    assert world.commit_revert(batch, at=receipt.commit_by) is None
    refusal = claim_revert(world, receipt, at=receipt.commit_by)
    assert refusal is not None and refusal.name == "Omissions_NotClaimable"


@pytest.mark.parametrize("delay", [0, 1, 3_599, 3_600])
def test_claim__whatever_commit_by_was_signed__within_the_largest_delay(
    world: World, receipt: Receipt, delay: int
) -> None:
    """E14: also a receipt that had to be committed in the second in which it was served."""
    short = replace(receipt, commit_by=receipt.served_at + delay)
    assert claim_revert(world, short) is None


# ---- Who, and on which evidence -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bob", "op1", "signer1", "watcher1", "council", "stranger"])
def test_claim__by_others__reverts(world: World, receipt: Receipt, name: str) -> None:
    """E14, F2: only who was promised something."""
    person = getattr(world, name)
    args = (receipt, world.signed(receipt), 1)
    expected = Revert("Omissions_NotPayer", world.alice, person)
    refused(world, expected, world.omissions.claim, *args, sender=person)


def test_claim__of_a_receipt_that_binds_nobody__reverts(world: World, receipt: Receipt) -> None:
    """E14: commitBy before servedAt, or later than the set allows."""
    most = world.params.max_commit_delay
    for served_at, commit_by in (
        (receipt.served_at, receipt.served_at - 1),
        (receipt.served_at, receipt.served_at + most + 1),
        (receipt.served_at, 2**40 - 1),
    ):
        bad = replace(receipt, served_at=served_at, commit_by=commit_by)
        args = (bad, world.signed(bad), 1)
        expected = Revert("Omissions_BadReceipt", served_at, commit_by)
        refused(world, expected, world.omissions.claim, *args, sender=world.alice)


def test_claim__future_dated__is_no_evidence(world: World, receipt: Receipt) -> None:
    """E14: neither one second ahead nor a year."""
    for ahead in (1, 365 * 86_400):
        commit_by = receipt.commit_by + 10 + ahead
        bad = replace(receipt, served_at=commit_by - 10, commit_by=commit_by)
        until = commit_by + world.params.omission_window
        expected = Revert("Omissions_NotClaimable", commit_by + 1, until)
        assert claim_revert(world, bad, at=commit_by) == expected


def test_claim__signed_by_anybody_else__is_no_evidence(world: World, receipt: Receipt) -> None:
    """E14: also by the operator's own address, and by another operator."""
    world.operator_ready(world.op2)
    for name in ("op1", "signer2", "alice", "stranger"):
        signature = world.signed(receipt, getattr(world, name))
        expected = Revert("Omissions_WrongSigner", world.signer1, getattr(world, name))
        assert claim_revert(world, receipt, signature) == expected
    other = replace(receipt, operator=world.op2.address, served_at=world.now, commit_by=world.now)
    expected = Revert("Omissions_WrongSigner", world.signer2, world.signer1)
    assert claim_revert(world, other, world.signed(other, world.signer1)) == expected
    assert claim_revert(world, other) is None


def test_claim__of_an_operator_that_never_registered__reverts(world: World, receipt: Receipt) -> None:
    """E14: it has no key, and no signature recovers to nobody."""
    other = replace(receipt, operator=world.op3.address)
    expected = Revert("Omissions_WrongSigner", ZERO, world.signer3)
    assert claim_revert(world, other, world.signed(other, world.signer3)) == expected
    assert claim_revert(world, other, bytes(65)) == Revert("Omissions_WrongSigner", ZERO, ZERO)


def test_claim__with_a_signature_for_another_chain_or_contract__reverts(
    world: World, receipt: Receipt
) -> None:
    """E14."""
    domain = world.domain
    for other in (
        Domain(chain_id=domain.chain_id + 1, settlement=domain.settlement),
        Domain(chain_id=domain.chain_id, settlement=world.omissions.address),  # type: ignore[arg-type]
    ):
        signature = Signed.by(world.signer1.key, receipt, domain=other).signature
        revert = claim_revert(world, receipt, signature)
        assert revert is not None and revert.name == "Omissions_WrongSigner"
        assert revert.args[1] not in (ZERO, world.signer1.address)


def test_claim__with_a_field_changed__is_another_receipt(world: World, receipt: Receipt) -> None:
    """E14: every field is under the signature."""
    signature = world.signed(receipt)
    for change in (
        {"request_id": bytes(32)},
        {"output_root": bytes(32)},
        {"stake": receipt.stake + 1},
        {"fee": receipt.fee + 1},
        {"served_at": receipt.served_at + 1},
        {"commit_by": receipt.commit_by - 1},
    ):
        revert = claim_revert(world, replace(receipt, **change), signature)
        assert revert is not None and revert.name == "Omissions_WrongSigner", change


def test_claim__with_a_malformed_signature__recovers_to_nobody(world: World, receipt: Receipt) -> None:
    """E14: only the one form counts: 65 bytes, lower s, v 27 or 28."""
    good = world.signed(receipt)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    high = (_ORDER - s).to_bytes(32, "big")
    compact = r + (s | (v - 27) << 255).to_bytes(32, "big")
    nobody = Revert("Omissions_WrongSigner", world.signer1, ZERO)
    for bad in (
        r + high + bytes([55 - v]),
        compact,
        b"",
        good[:-1],
        good + b"\0",
        good[:64] + bytes([v - 27]),
        good[:64] + b"\x1d",
        bytes(64) + bytes([v]),
    ):
        args = (receipt, bad, 1)
        refused(world, nobody, world.omissions.claim, *args, sender=world.alice)
    assert claim_revert(world, receipt, good) is None


# ---- Keys -----------------------------------------------------------------------------------------------


def test_claim__around_a_change_of_key__the_key_of_that_second_counts(world: World) -> None:
    """D1, E14: one with a pending replacement still binds, the replacement not yet."""
    model = world.ready()
    tx = world.operators.setSigner(world.signer3, sender=world.op1)
    valid_from = tx.event("SignerChanged").validFrom
    world.escrow.deposit(world.alice, BOND, sender=world.alice)

    def check(served_at: int, offset: int) -> None:
        receipt = world.receipt(world.op1, model, served_at=served_at, commit_by=served_at + 60)
        old, new = world.signer1, world.signer3
        right, wrong = (old, new) if offset < 0 else (new, old)
        at = served_at + 61
        assert claim_revert(world, receipt, world.signed(receipt, right), at=at) is None
        expected = Revert("Omissions_WrongSigner", right, wrong)
        assert claim_revert(world, receipt, world.signed(receipt, wrong), at=at) == expected

    around(valid_from, check)


def test_claim__back_dated_with_a_retired_key__only_until_that_receipts_window_is_over(world: World) -> None:
    """E14: what it can date back to is over one commit delay and one window after its last second."""
    model = world.ready()
    world.escrow.deposit(world.alice, BOND, sender=world.alice)
    valid_from = world.operators.setSigner(world.signer3, sender=world.op1).event("SignerChanged").validFrom
    latest = world.receipt(
        world.op1,
        model,
        served_at=valid_from - 1,
        commit_by=valid_from - 1 + world.params.max_commit_delay,
    )
    end = latest.commit_by + world.params.omission_window
    signature = world.signed(latest, world.signer1)
    assert claim_revert(world, latest, signature, at=end - 1) is None
    for at in (end, end + 86_400):
        revert = claim_revert(world, latest, signature, at=at)
        assert revert is not None and revert.name == "Omissions_NotClaimable"


def test_claim__served_before_the_operator_registered__reverts(world: World) -> None:
    """E14: a key binds nobody before it was there."""
    model = world.register_model()
    served_at = world.now
    world.operator_ready()
    receipt = world.receipt(world.op1, model, served_at=served_at, commit_by=served_at + 1)
    world.escrow.deposit(world.alice, BOND, sender=world.alice)
    expected = Revert("Omissions_WrongSigner", ZERO, world.signer1)
    assert claim_revert(world, receipt) == expected


# ---- Parameter sets -------------------------------------------------------------------------------------


def test_claim__under_another_set_than_that_of_serving__reverts(prompt_world: World) -> None:
    """D6, E13: around the second of a change; the claimant cannot choose the better one."""
    world = prompt_world
    model = world.ready()
    world.escrow.deposit(world.alice, 10 * BOND, sender=world.alice)
    params = replace(world.params, omission_bond=2 * BOND, operator_time=world.params.operator_time - 1)
    added_at = world.parameters.add(params, sender=world.council).timestamp

    def check(served_at: int, offset: int) -> None:
        receipt = world.receipt(world.op1, model, served_at=served_at, commit_by=served_at)
        right, wrong = (1, 2) if offset < 0 else (2, 1)
        assert claim_revert(world, receipt, set=right, at=added_at + 60) is None
        expected = Revert("Parameters_NotNewestAt", wrong, served_at)
        assert claim_revert(world, receipt, set=wrong, at=added_at + 60) == expected

    around(added_at, check)
    receipt = world.receipt(world.op1, model, served_at=added_at - 1, commit_by=added_at)
    for unknown in (0, 3, 2**32 - 1):
        expected = Revert("Parameters_UnknownSet", unknown)
        assert claim_revert(world, receipt, set=unknown, at=added_at + 60) == expected
    # The one of the time of serving says how much and how long, whatever is in force now.
    tx = world.omissions.claim(receipt, world.signed(receipt), 1, sender=world.alice)
    assert tx.event("Held").amount == BOND
    deadline = world.omissions.omissionOf(receipt.struct_hash).deadline
    assert deadline == tx.timestamp + world.params.operator_time


# ---- Refusals -------------------------------------------------------------------------------------------


def test_claim__of_an_unknown_model__reverts(world: World, receipt: Receipt) -> None:
    """E14: nothing could have been committed."""
    other = replace(receipt, model_id=b"\x05" * 32)
    assert claim_revert(world, other) == Revert("Models_Unknown", other.model_id)


def test_claim__without_the_bond__reverts(world: World, receipt: Receipt) -> None:
    """E13: its whole bond, from the free balance alone."""
    world.escrow.withdraw(world.alice, world.free(world.alice) - BOND + 1, sender=world.alice)
    revert = claim_revert(world, receipt)
    assert revert is not None and revert.name == "Escrow_InsufficientBalance"
    assert revert.args[1:] == (BOND - 1, BOND)


def test_claim__again__reverts_whatever_became_of_it(world: World, receipt: Receipt) -> None:
    """B11, B12, D13: while it is claimed, when it was answered, when it was punished."""
    batch = world.batch(world.op1, receipts=[receipt])
    world.commit(batch)
    world.claim(receipt)
    mark = world.mark()

    def check(status: OmissionStatus) -> None:
        for signature in (None, sign(receipt.digest(world.domain), world.signer1.key)):
            expected = Revert("Omissions_WrongStatus", receipt.struct_hash, status)
            assert claim_revert(world, receipt, signature) == expected

    check(OmissionStatus.CLAIMED)
    world.omissions.answer(receipt, batch.header, batch.proof(0), sender=world.op1)
    check(OmissionStatus.ANSWERED)
    world.back_to(mark)
    world.forward(world.params.operator_time)
    world.omissions.punish(receipt, sender=world.stranger)
    check(OmissionStatus.PUNISHED)
