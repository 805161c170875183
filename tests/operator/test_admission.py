"""Whether an order is served: each reason against it, from facts alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from onus.chain import LocalSigner
from onus.inference import Order, tensors_root
from onus.operator import (
    CoverTooLow,
    FeeAboveMaximum,
    InputRootMismatch,
    NotCommitting,
    NotTheSigner,
    OperatorFacts,
    PayerFacts,
    Refusal,
    RequestExpired,
    StakeBelowMinimum,
    StakeExhausted,
    VoucherInvalid,
    VoucherTooLow,
    WrongInput,
    admit,
)
from onus.protocol import (
    BANNED,
    ZERO_ADDRESS,
    Domain,
    InvalidSignature,
    ModelId,
    OperatorState,
    Request,
    Reservation,
    Signed,
    Voucher,
    VoucherKey,
    preset,
    to_address,
)
from onus.store import PayerAccount

DOMAIN = Domain(31_337, to_address("0x" + "51" * 20))
PAYER, OTHER, OPERATOR, KEY = (LocalSigner.from_key("0x" + f"{n:02x}" * 32) for n in (1, 2, 3, 4))
PARAMS = preset("local-demo").params
DOLLAR = 10**18
FEE, STAKE, NOW = DOLLAR // 100, 10 * DOLLAR, 1_000_000
DATA = bytes(range(64))


def state(**changes: Any) -> OperatorState:
    right = OperatorState(
        stake=5_000 * DOLLAR,
        locked=0,
        next_sequence=0,
        unbonding=0,
        reserve=PARAMS.reserve,
        jailed_until=0,
        faults=0,
        registered=True,
        reserve_leaving=False,
        exit_at=0,
        reserve_exit_at=0,
    )
    return replace(right, **changes)


FACTS = OperatorFacts(
    operator=OPERATOR.address,
    signer=KEY.address,
    state=state(),
    params=PARAMS,
    now=NOW,
    closed="",
    exposure=0,
)
NO_KEY = VoucherKey(key=ZERO_ADDRESS, next_from=0, next=ZERO_ADDRESS)


def payer(**changes: Any) -> PayerFacts:
    reservation = Reservation(
        reserved=changes.pop("reserved", 5 * DOLLAR),
        redeemed=changes.pop("redeemed", 0),
        thawing=changes.pop("thawing", 0),
        thaws_at=0,
    )
    right = PayerFacts(reservation=reservation, voucher_key=NO_KEY, account=None)
    return replace(right, **changes)


def promise(cumulative: int, *, signer: LocalSigner = PAYER, **changes: Any) -> Signed[Voucher]:
    right = Voucher(payer=PAYER.address, operator=OPERATOR.address, cumulative=cumulative)
    return Signed.by(signer, replace(right, **changes), domain=DOMAIN)


def account(*, promised: int, cumulative: int) -> PayerAccount:
    return PayerAccount(payer=PAYER.address, promised=promised, voucher=promise(cumulative))


def order(
    *,
    signer: LocalSigner = PAYER,
    voucher: Signed[Voucher] | None = None,
    inputs: tuple[bytes, ...] = (DATA,),
    **changes: Any,
) -> Order:
    right = Request(
        payer=PAYER.address,
        model_id=ModelId(b"\x07" * 32),
        input_root=tensors_root([DATA]),
        max_fee=FEE,
        min_stake=STAKE,
        nonce=1,
        expires_at=NOW,
    )
    return Order(
        request=Signed.by(signer, replace(right, **changes), domain=DOMAIN),
        voucher=voucher or promise(FEE),
        inputs=inputs,
    )


def _recovers_to_nobody(signed: Any) -> Any:
    """The same message with a signature of sound form whose point is not on the curve."""
    for r in range(1, 100):
        broken = Signed(signed.message, r.to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\x1b")
        try:
            broken.signer(DOMAIN)
        except InvalidSignature:
            return broken
    raise AssertionError


NOBODYS_REQUEST = _recovers_to_nobody(order().request)
NOBODYS_VOUCHER = _recovers_to_nobody(order().voucher)


def decide(one: Order, *, facts: OperatorFacts = FACTS, of: PayerFacts | None = None) -> Any:
    return admit(
        one,
        fee=FEE,
        stake=STAKE,
        input_sizes=(64,),
        domain=DOMAIN,
        facts=facts,
        payer=of or payer(),
        signer=KEY.address,
    )


def test_admit__of_a_right_order__grants_it() -> None:
    grant = decide(order())
    assert (grant.served_at, grant.commit_by) == (NOW, NOW + PARAMS.max_commit_delay)
    assert grant.account == account(promised=FEE, cumulative=FEE)


REFUSED: dict[str, tuple[Order, OperatorFacts, PayerFacts, type[Refusal]]] = {
    "input too short": (order(inputs=(DATA[:-1],)), FACTS, payer(), WrongInput),
    "input too long": (order(inputs=(DATA + b"\0",)), FACTS, payer(), WrongInput),
    "two inputs": (order(inputs=(DATA, DATA)), FACTS, payer(), WrongInput),
    "another input": (order(inputs=(DATA[::-1],)), FACTS, payer(), InputRootMismatch),
    "signed by another": (order(signer=OTHER), FACTS, payer(), NotTheSigner),
    "signed by nobody": (replace(order(), request=NOBODYS_REQUEST), FACTS, payer(), NotTheSigner),
    "voucher signed by nobody": (replace(order(), voucher=NOBODYS_VOUCHER), FACTS, payer(), VoucherInvalid),
    "fee": (order(max_fee=FEE - 1), FACTS, payer(), FeeAboveMaximum),
    "stake": (order(min_stake=STAKE + 1), FACTS, payer(), StakeBelowMinimum),
    "expired": (order(expires_at=NOW - 1), FACTS, payer(), RequestExpired),
    "closed": (order(), replace(FACTS, closed="new commitments are stopped"), payer(), NotCommitting),
    "another key registered": (order(), replace(FACTS, signer=OTHER.address), payer(), NotCommitting),
    "not registered": (order(), replace(FACTS, state=state(registered=False)), payer(), NotCommitting),
    "reserve": (order(), replace(FACTS, state=state(reserve=1)), payer(), NotCommitting),
    "reserve leaving": (order(), replace(FACTS, state=state(reserve_leaving=True)), payer(), NotCommitting),
    "jailed": (order(), replace(FACTS, state=state(jailed_until=NOW + 1)), payer(), NotCommitting),
    "banned": (order(), replace(FACTS, state=state(jailed_until=BANNED)), payer(), NotCommitting),
    "no stake": (order(), replace(FACTS, state=state(stake=0)), payer(), StakeExhausted),
    "stake below a batch's least": (
        order(),
        replace(FACTS, state=state(stake=PARAMS.min_batch_stake - 1)),
        payer(),
        StakeExhausted,
    ),
    "all stake locked": (
        order(),
        replace(FACTS, state=state(locked=4_900 * DOLLAR)),
        payer(),
        StakeExhausted,
    ),
    "all stake leaving": (
        order(),
        replace(FACTS, state=state(unbonding=4_900 * DOLLAR)),
        payer(),
        StakeExhausted,
    ),
    "all stake promised": (order(), replace(FACTS, exposure=4_991 * DOLLAR), payer(), StakeExhausted),
    "voucher of another payer": (
        order(voucher=promise(FEE, payer=OTHER.address)),
        FACTS,
        payer(),
        VoucherInvalid,
    ),
    "voucher for another operator": (
        order(voucher=promise(FEE, operator=OTHER.address)),
        FACTS,
        payer(),
        VoucherInvalid,
    ),
    "voucher signed by another": (order(voucher=promise(FEE, signer=OTHER)), FACTS, payer(), VoucherInvalid),
    "voucher too low": (order(voucher=promise(FEE - 1)), FACTS, payer(), VoucherTooLow),
    "voucher used up": (
        order(),
        FACTS,
        payer(account=account(promised=FEE, cumulative=FEE)),
        VoucherTooLow,
    ),
    "voucher drawn on chain": (order(), FACTS, payer(redeemed=1), VoucherTooLow),
    "nothing reserved": (order(), FACTS, payer(reserved=0), CoverTooLow),
    "reservation thawing": (order(), FACTS, payer(reserved=FEE, thawing=1), CoverTooLow),
    "reservation promised": (
        order(voucher=promise(10 * FEE)),
        FACTS,
        payer(reserved=5 * FEE, account=account(promised=5 * FEE, cumulative=5 * FEE)),
        CoverTooLow,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_admit__refuses(case: str) -> None:
    """E3, E4, G13: what an honest operator does not take."""
    one, facts, of, refusal = REFUSED[case]
    with pytest.raises(refusal) as caught:
        decide(one, facts=facts, of=of)
    assert type(caught.value) is refusal
    problem = caught.value.problem()
    assert 400 <= problem.status < 600 and problem.kind and problem.detail


def test_admit__at_the_limit_of_everything__grants() -> None:
    known = account(promised=4 * FEE, cumulative=4 * FEE)
    of = payer(reserved=3 * FEE, redeemed=2 * FEE, account=known)
    facts = replace(FACTS, state=state(stake=PARAMS.min_batch_stake), exposure=PARAMS.min_batch_stake - STAKE)
    grant = decide(order(voucher=promise(5 * FEE)), facts=facts, of=of)
    assert grant.account.promised == 5 * FEE


def test_admit__a_lower_voucher__the_highest_one_counts() -> None:
    known = account(promised=2 * FEE, cumulative=9 * FEE)
    grant = decide(order(voucher=promise(FEE)), of=payer(account=known))
    assert grant.account == account(promised=3 * FEE, cumulative=9 * FEE)


def test_admit__where_the_chain_drew_more_than_is_recorded__counts_from_there() -> None:
    """An operator that lost its records does not serve for money that was drawn before."""
    known = account(promised=FEE, cumulative=20 * FEE)
    grant = decide(order(), of=payer(redeemed=10 * FEE, account=known))
    assert grant.account.promised == 11 * FEE


def test_admit__of_a_contract_payer_that_consents__grants() -> None:
    decide(order(signer=OTHER), of=payer(consents=True))


VOUCHER_KEYS = {
    "holds": (VoucherKey(key=OTHER.address, next_from=0, next=ZERO_ADDRESS), True),
    "holds past the commit": (
        VoucherKey(key=OTHER.address, next_from=NOW + 100, next=KEY.address),
        True,
    ),
    "replaced before the commit": (
        VoucherKey(key=OTHER.address, next_from=NOW + PARAMS.max_commit_delay, next=KEY.address),
        False,
    ),
    "replaced in the last second that a commit may take": (
        VoucherKey(
            key=OTHER.address, next_from=NOW + PARAMS.max_commit_delay + PARAMS.grace, next=KEY.address
        ),
        False,
    ),
    "replaced after it": (
        VoucherKey(
            key=OTHER.address, next_from=NOW + PARAMS.max_commit_delay + PARAMS.grace + 1, next=KEY.address
        ),
        True,
    ),
    "replaced": (VoucherKey(key=OTHER.address, next_from=NOW - 1, next=KEY.address), False),
    "next, in force": (VoucherKey(key=KEY.address, next_from=NOW, next=OTHER.address), True),
    "next, not yet": (VoucherKey(key=KEY.address, next_from=NOW + 100, next=OTHER.address), False),
}


@pytest.mark.parametrize("case", VOUCHER_KEYS)
def test_admit__a_voucher_by_the_payers_key__counts_if_it_holds_until_the_commit(case: str) -> None:
    key, accepted = VOUCHER_KEYS[case]
    one, of = order(voucher=promise(FEE, signer=OTHER)), payer(voucher_key=key)
    if accepted:
        assert decide(one, of=of).account.promised == FEE
        return
    with pytest.raises(VoucherInvalid):
        decide(one, of=of)
