"""Whether to serve an order: pure, from facts that were read before."""

from __future__ import annotations

from dataclasses import dataclass

from onus.inference import Order, tensors_root
from onus.operator._errors import (
    CoverTooLow,
    FeeAboveMaximum,
    InputRootMismatch,
    NotCommitting,
    NotTheSigner,
    RequestExpired,
    StakeBelowMinimum,
    StakeExhausted,
    VoucherInvalid,
    VoucherTooLow,
    WrongInput,
)
from onus.protocol import (
    ZERO_ADDRESS,
    Address,
    Domain,
    InvalidSignature,
    OperatorState,
    Params,
    Request,
    Reservation,
    Signed,
    Voucher,
    VoucherKey,
)
from onus.protocol.errors import OperatorUnfit
from onus.protocol.receipts import check_operator
from onus.store import PayerAccount

__all__ = ["Grant", "OperatorFacts", "PayerFacts", "admit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFacts:
    """What holds for every order at one block; amounts in token base units, times in seconds.

    Attributes:
        operator: whose node this is.
        signer: key that is registered for it now.
        state: its standing.
        params: the set in force.
        now: time of the block.
        closed: why no batch of the model can be committed, empty if one can.
        exposure: collateral of everything served and not committed.
    """

    operator: Address
    signer: Address
    state: OperatorState
    params: Params
    now: int
    closed: str
    exposure: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerFacts:
    """What is known about a payer at the same block.

    Attributes:
        reservation: its reservation for this operator.
        voucher_key: its key for vouchers.
        account: what was served to it, if anything.
        consents: what a contract payer said to a signature that is not its own key's (ERC-1271).
    """

    reservation: Reservation
    voucher_key: VoucherKey
    account: PayerAccount | None
    consents: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """An order that is served.

    Attributes:
        served_at: of the receipt, in seconds.
        commit_by: of the receipt, in seconds.
        account: the payer's, this order included.
    """

    served_at: int
    commit_by: int
    account: PayerAccount


def admit(
    order: Order,
    *,
    fee: int,
    stake: int,
    input_sizes: tuple[int, ...],
    domain: Domain,
    facts: OperatorFacts,
    payer: PayerFacts,
    signer: Address,
) -> Grant:
    """Decides on an order that is new and for a model that is offered.

    Args:
        order: what came.
        fee: price, in token base units.
        stake: collateral offered, in token base units.
        input_sizes: bytes of each input of the model.
        domain: where messages count.
        facts: about the operator.
        payer: about the payer.
        signer: the key that signs this node's receipts.

    Raises:
        Refusal: why not.
    """
    request = order.request.message
    _check_inputs(order, input_sizes)
    if signer_of(order.request, domain) != request.payer and not payer.consents:
        raise NotTheSigner("the request is not signed by its payer")
    if fee > request.max_fee:
        raise FeeAboveMaximum(f"the fee is {fee}", fee=fee)
    if stake < request.min_stake:
        raise StakeBelowMinimum(f"the collateral offered is {stake}", stake=stake)
    if facts.now > request.expires_at:
        raise RequestExpired(f"expired at {request.expires_at}, now is {facts.now}", now=facts.now)
    _check_operator(facts, stake=stake, signer=signer)
    commit_by = facts.now + facts.params.max_commit_delay
    account = _charge(order, fee=fee, domain=domain, facts=facts, payer=payer, until=commit_by)
    return Grant(served_at=facts.now, commit_by=commit_by, account=account)


def signer_of(signed: Signed[Request] | Signed[Voucher], domain: Domain) -> Address | None:
    """Who signed, or None if the signature recovers to nobody."""
    try:
        return signed.signer(domain)
    except InvalidSignature:
        return None


def _check_inputs(order: Order, sizes: tuple[int, ...]) -> None:
    given = tuple(len(tensor) for tensor in order.inputs)
    if given != sizes:
        raise WrongInput(f"the inputs of this model have {list(sizes)} bytes, not {list(given)[:16]}")
    root = tensors_root(order.inputs)
    if root != order.request.message.input_root:
        raise InputRootMismatch(f"the inputs have root 0x{root.hex()}", input_root="0x" + root.hex())


def _check_operator(facts: OperatorFacts, *, stake: int, signer: Address) -> None:
    if facts.closed:
        raise NotCommitting(facts.closed)
    if signer != facts.signer:
        raise NotCommitting("this node's key is not the registered one")
    try:
        check_operator(facts.state, params=facts.params, now=facts.now)
    except OperatorUnfit as error:
        raise NotCommitting(str(error)) from error
    needed = max(facts.exposure + stake, facts.params.min_batch_stake)
    if needed > facts.state.available:
        raise StakeExhausted(f"{facts.state.available} of stake is free, {needed} would be locked")


def _charge(
    order: Order, *, fee: int, domain: Domain, facts: OperatorFacts, payer: PayerFacts, until: int
) -> PayerAccount:
    voucher, address = order.voucher.message, order.request.message.payer
    if voucher.payer != address or voucher.operator != facts.operator:
        raise VoucherInvalid("the voucher is of another payer or for another operator")
    _check_voucher_signer(order, domain=domain, facts=facts, payer=payer, until=until)
    known = payer.account
    # What the chain drew counts too, in case these records are younger than the operator.
    drawn = payer.reservation.redeemed
    promised = max(known.promised, drawn) if known is not None else drawn
    newest = order.voucher
    if known is not None and known.voucher.message.cumulative >= voucher.cumulative:
        newest = known.voucher
    needed = promised + fee
    if needed > newest.message.cumulative:
        raise VoucherTooLow(
            f"vouchers promise {newest.message.cumulative}, {needed} is needed",
            promised=newest.message.cumulative,
            needed=needed,
        )
    open_amount = needed - drawn
    if open_amount > payer.reservation.cover:
        raise CoverTooLow(
            f"{payer.reservation.cover} is reserved, {open_amount} would be open",
            cover=payer.reservation.cover,
            needed=open_amount,
        )
    return PayerAccount(payer=address, promised=needed, voucher=newest)


def _check_voucher_signer(
    order: Order, *, domain: Domain, facts: OperatorFacts, payer: PayerFacts, until: int
) -> None:
    signer = signer_of(order.voucher, domain)
    if signer == order.request.message.payer:
        return
    # It has to hold now and still when the batch is committed.
    key, last = payer.voucher_key, until + facts.params.grace
    replaced = key.next != ZERO_ADDRESS
    holders = {key.key} if not replaced or key.next_from > last else set()
    if replaced and key.next_from <= facts.now:
        holders = {key.next}
    if signer not in holders - {ZERO_ADDRESS}:
        raise VoucherInvalid("the voucher is signed by neither the payer nor its voucher key")
