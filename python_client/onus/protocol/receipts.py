"""What a client checks before it takes a receipt (docs/protocol.md, Messages and Stake)."""

from __future__ import annotations

from typing import Final

from onus.protocol._struct import Address
from onus.protocol.accounts import OperatorState
from onus.protocol.errors import OperatorUnfit, ReceiptMismatch, ReceiptUntimely
from onus.protocol.messages import Domain, Receipt, Request, Signed
from onus.protocol.parameters import Params

__all__ = ["CLOCK_TOLERANCE_SECONDS", "check_answers", "check_operator", "check_receipt"]

CLOCK_TOLERANCE_SECONDS: Final = 60
"""A receipt's ``served_at`` lies within this of the client's now."""


def check_receipt(
    signed: Signed[Receipt],
    *,
    request: Request,
    domain: Domain,
    now: int,
    params: Params,
    signer: Address,
    operator: OperatorState,
) -> None:
    """Everything that makes a receipt worth paying for.

    Args:
        signed: the receipt as it came.
        request: what was asked.
        domain: where both count.
        now: the client's time, in seconds.
        params: the set in force.
        signer: the operator's key at ``served_at``, from the chain.
        operator: the operator's standing, from the chain.

    Raises:
        WrongSigner: signed by another key.
        InvalidSignature: not a signature that counts.
        ReceiptMismatch: it does not answer the request.
        ReceiptUntimely: served or to be committed at another time than it may be.
        OperatorUnfit: its operator cannot be relied on.
    """
    receipt = signed.message
    check_answers(receipt, request=request, domain=domain)
    if receipt.stake < params.min_stake_per_inference:
        raise ReceiptMismatch("stake", f"at least {params.min_stake_per_inference}", receipt.stake)
    if abs(receipt.served_at - now) > CLOCK_TOLERANCE_SECONDS:
        raise ReceiptUntimely(f"served at {receipt.served_at}, now is {now}")
    if not receipt.served_at <= receipt.commit_by <= receipt.served_at + params.max_commit_delay:
        most = f"at most {params.max_commit_delay} s after {receipt.served_at}"
        raise ReceiptUntimely(f"to be committed by {receipt.commit_by}, not {most}")
    check_operator(operator, params=params, now=now)
    signed.require_signer(signer, domain=domain)


def check_answers(receipt: Receipt, *, request: Request, domain: Domain) -> None:
    """Whether a receipt is an answer to a request: everything that the two say about each other.

    Raises:
        ReceiptMismatch: another request, payer, model or input, a higher fee, or less stake.
        ReceiptUntimely: served after the request's expiry.
    """
    if receipt.request_id != request.id(domain):
        raise ReceiptMismatch("requestId", request.id(domain).hex(), receipt.request_id.hex())
    for field in ("payer", "model_id", "input_root"):
        if getattr(receipt, field) != getattr(request, field):
            raise ReceiptMismatch(field, getattr(request, field), getattr(receipt, field))
    if receipt.fee > request.max_fee:
        raise ReceiptMismatch("fee", f"at most {request.max_fee}", receipt.fee)
    if receipt.stake < request.min_stake:
        raise ReceiptMismatch("stake", f"at least {request.min_stake}", receipt.stake)
    if receipt.served_at > request.expires_at:
        raise ReceiptUntimely(f"served at {receipt.served_at}, expired at {request.expires_at}")


def check_operator(operator: OperatorState, *, params: Params, now: int) -> None:
    """Whether an operator can be relied on to commit, or to pay if it does not.

    Raises:
        OperatorUnfit: unknown, jailed, banned, or its reserve is not full or is leaving.
    """
    if not operator.registered:
        raise OperatorUnfit("not registered")
    if operator.reserve < params.reserve:
        raise OperatorUnfit(f"its reserve is {operator.reserve} of {params.reserve}")
    if operator.reserve_leaving:
        raise OperatorUnfit(f"its reserve leaves at {operator.reserve_exit_at}")
    if operator.jailed_until > now:
        raise OperatorUnfit("it is banned" if operator.is_banned else f"jailed until {operator.jailed_until}")
