"""What a client checks before it takes a receipt (B14, E14)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from onus.protocol import (
    BANNED,
    OP_STACK,
    OnusError,
    OperatorState,
    OperatorUnfit,
    Receipt,
    ReceiptMismatch,
    ReceiptUntimely,
    Signed,
    WrongSigner,
)
from onus.protocol.receipts import check_receipt
from tests.vectors.generate import DOMAIN, KEYS, OTHER, receipt, request, word

NOW = 1_700_000_000
STANDING = OperatorState(
    stake=10**24,
    locked=0,
    next_sequence=0,
    unbonding=0,
    reserve=OP_STACK.reserve,
    jailed_until=0,
    faults=0,
    registered=True,
    reserve_leaving=False,
    exit_at=0,
    reserve_exit_at=0,
)


def judge(
    answer: Receipt, *, now: int = NOW, key: str = "operator", standing: OperatorState = STANDING
) -> None:
    check_receipt(
        Signed.by(KEYS[key], answer, domain=DOMAIN),
        request=request(),
        domain=DOMAIN,
        now=now,
        params=OP_STACK,
        signer=KEYS["operator"].address,
        operator=standing,
    )


def answer(**changes: Any) -> Receipt:
    return receipt(request_id=request().id(DOMAIN), **changes)


def test_check_receipt__as_asked__taken() -> None:
    judge(answer())
    judge(answer(fee=request().max_fee, stake=OP_STACK.min_stake_per_inference))
    for seconds in (-60, 60):
        judge(answer(), now=NOW + seconds)
    judge(answer(commit_by=NOW + OP_STACK.max_commit_delay))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"request_id": word("other")}, ReceiptMismatch),
        ({"payer": OTHER}, ReceiptMismatch),
        ({"model_id": word("other")}, ReceiptMismatch),
        ({"input_root": word("other")}, ReceiptMismatch),
        ({"fee": request().max_fee + 1}, ReceiptMismatch),
        ({"stake": OP_STACK.min_stake_per_inference - 1}, ReceiptMismatch),
        ({"served_at": NOW - 61}, ReceiptUntimely),
        ({"served_at": NOW + 61, "commit_by": NOW + 61}, ReceiptUntimely),
        ({"served_at": request().expires_at + 1, "commit_by": request().expires_at + 1}, ReceiptUntimely),
        ({"commit_by": NOW - 1}, ReceiptUntimely),
        ({"commit_by": NOW + OP_STACK.max_commit_delay + 1}, ReceiptUntimely),
    ],
)
def test_check_receipt__not_as_asked__refused(changes: dict[str, Any], error: type[OnusError]) -> None:
    fields = {"request_id": request().id(DOMAIN), **changes}
    with pytest.raises(error):
        judge(receipt(**fields))


def test_check_receipt__signed_by_another_key__refused() -> None:
    with pytest.raises(WrongSigner):
        judge(answer(), key="payer")


@pytest.mark.parametrize(
    "changes",
    [
        {"registered": False},
        {"reserve": OP_STACK.reserve - 1},
        {"reserve_leaving": True, "reserve_exit_at": NOW + 10**6},
        {"jailed_until": NOW + 1},
        {"jailed_until": BANNED},
    ],
)
def test_check_receipt__operator_that_cannot_be_relied_on__refused(changes: dict[str, Any]) -> None:
    """B14: a client takes nothing from an operator whose reserve is not full or is leaving."""
    with pytest.raises(OperatorUnfit):
        judge(answer(), standing=replace(STANDING, **changes))
    judge(answer(), standing=replace(STANDING, jailed_until=NOW))
