"""Receipts, batches and challenges to store."""

from __future__ import annotations

from dataclasses import replace

from onus.chain import LocalSigner
from onus.protocol import (
    Batch,
    ChallengeId,
    Domain,
    FaultKind,
    ModelId,
    Opening,
    Receipt,
    Request,
    Signed,
    Voucher,
    to_address,
)
from onus.store import BlockRef, Owner, PayerAccount, SeenBatch, ServedReceipt, StoredChallenge

DOMAIN = Domain(31_337, to_address("0x" + "51" * 20))
OPERATOR = LocalSigner.from_key("0x" + "11" * 32)
PAYERS = [LocalSigner.from_key("0x" + f"{n:02x}" * 32) for n in (0x21, 0x22)]
OWNER = Owner(role="operator", domain=DOMAIN, address=OPERATOR.address)
WATCHER = LocalSigner.from_key("0x" + "31" * 32)
MODEL = ModelId(b"\x0a" * 32)
FEE = 10**16
STAKE = 5 * 10**18


def served(number: int, *, payer: int = 0, commit_by: int = 2_000, stake: int = STAKE) -> ServedReceipt:
    """The answer to request ``number``."""
    who = PAYERS[payer]
    request = Request(
        payer=who.address,
        model_id=MODEL,
        input_root=number.to_bytes(32, "big"),
        max_fee=FEE,
        min_stake=stake,
        nonce=number,
        expires_at=5_000,
    )
    receipt = Receipt(
        request_id=request.id(DOMAIN),
        model_id=MODEL,
        operator=OPERATOR.address,
        payer=who.address,
        input_root=request.input_root,
        output_root=b"\x0b" * 32,
        trace_root=b"\x0c" * 32,
        fee=FEE,
        stake=stake,
        served_at=commit_by - 2,
        commit_by=commit_by,
    )
    return ServedReceipt(
        request=Signed.by(who, request, domain=DOMAIN),
        receipt=Signed.by(OPERATOR, receipt, domain=DOMAIN),
        input=bytes([number % 256]) * 64,
        output=b"\x01" * 10,
    )


def account(payer: int = 0, *, promised: int, cumulative: int | None = None) -> PayerAccount:
    """A payer's standing."""
    who = PAYERS[payer]
    voucher = Voucher(
        payer=who.address,
        operator=OPERATOR.address,
        cumulative=promised if cumulative is None else cumulative,
    )
    return PayerAccount(payer=who.address, promised=promised, voucher=Signed.by(who, voucher, domain=DOMAIN))


def batch(*each: ServedReceipt, sequence: int = 0) -> Batch:
    """Of served receipts."""
    return Batch.build([one.receipt.message for one in each], param_set=0, sequence=sequence)


def seen(made: Batch, block: int) -> SeenBatch:
    """As a watcher sees it."""
    return SeenBatch(
        batch_id=made.id(DOMAIN),
        header=made.header,
        claims=made.claims,
        block=ref(block),
        window_ends_at=9_000,
    )


def ref(number: int, fork: int = 0) -> BlockRef:
    """A block of one of two forks."""
    return BlockRef(number=number, hash=bytes([fork]) + number.to_bytes(31, "big"))


def challenge(made: Batch, *, leaf: int = 0, salt: int = 7) -> StoredChallenge:
    """A planned challenge."""
    opening = Opening(leaf_index=leaf, salt=salt.to_bytes(32, "big"))
    proof = made.proof(leaf)
    return StoredChallenge(
        challenge_id=ChallengeId(opening.key(WATCHER.address).id(made.id(DOMAIN))),
        batch_id=made.id(DOMAIN),
        opening=opening,
        kind=FaultKind.EXECUTION,
        evidence=b"\x01" * 500,
        proof=proof,
        note="element 3 of slot 2",
    )


def staged(one: ServedReceipt, **changes: object) -> ServedReceipt:
    """The same, further on."""
    return replace(one, **changes)  # type: ignore[arg-type]
