"""What a payer signs and checks."""

from __future__ import annotations

import secrets

from onus._services.context import Context
from onus.protocol import Address, CoverTooSmall, ModelId, Receipt, Request, Signed, Voucher, receipts

__all__ = ["PayerService"]


class PayerService:
    """Requests, vouchers, and the check of what comes back, for the client's account."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def request(
        self,
        model_id: ModelId,
        *,
        input_root: bytes,
        max_fee: int,
        min_stake: int,
        expires_at: int,
        nonce: int | None = None,
    ) -> Signed[Request]:
        """Signs a request.

        Args:
            model_id: model version to run.
            input_root: root of the input.
            max_fee: highest fee, in token base units.
            min_stake: lowest collateral; at least twice what the answer is worth to a cheat.
            expires_at: last second at which it may be served.
            nonce: random by default, so that two equal requests are two.
        """
        request = Request(
            payer=self._context.me,
            model_id=model_id,
            input_root=input_root,
            max_fee=max_fee,
            min_stake=min_stake,
            nonce=secrets.randbits(256) if nonce is None else nonce,
            expires_at=expires_at,
        )
        return Signed.by(self._context.require_sender().signer, request, domain=self._context.domain)

    def voucher(self, operator: Address, *, cumulative: int) -> Signed[Voucher]:
        """Signs a promise of everything ever promised to an operator.

        Args:
            operator: who may draw on it.
            cumulative: in token base units; the last voucher's and what is promised now.

        Raises:
            CoverTooSmall: the reservation does not cover it; the operator would not take it.
        """
        me = self._context.me
        reservation = self._context.escrow.reservation_of(me, operator=operator)
        needed = cumulative - reservation.redeemed
        if needed > reservation.cover:
            raise CoverTooSmall(needed=needed, cover=reservation.cover)
        voucher = Voucher(payer=me, operator=operator, cumulative=cumulative)
        return Signed.by(self._context.require_sender().signer, voucher, domain=self._context.domain)

    def check_receipt(self, signed: Signed[Receipt], *, request: Request, now: int) -> None:
        """Everything that makes a receipt worth paying for, with the operator's standing read from the chain.

        Args:
            signed: the receipt as it came.
            request: what was asked.
            now: the client's time, in seconds.

        Raises:
            ReceiptRejected: a subclass says why.
            InvalidSignature: it is not signed by the operator's key at ``served_at``.
        """
        receipt = signed.message
        # What needs no chain comes first.
        receipts.check_answers(receipt, request=request, domain=self._context.domain)
        operators = self._context.operators
        _, params = self._context.parameters.current()
        receipts.check_receipt(
            signed,
            request=request,
            domain=self._context.domain,
            now=now,
            params=params,
            signer=operators.signer_at(receipt.operator, timestamp=receipt.served_at),
            operator=operators.state_of(receipt.operator),
        )
