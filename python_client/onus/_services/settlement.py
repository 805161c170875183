"""Batches, for operators, payers and whoever acts on an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onus._services.context import Context
from onus.chain import Mined
from onus.chain.contracts import SettlementReads
from onus.chain.contracts.settlement import BatchCommitted
from onus.chain.errors import ContractReverted, DisputesUnknown, SettlementWrongStatus, decode_revert
from onus.protocol import (
    Batch,
    BatchHeader,
    BatchId,
    BatchStatus,
    ChallengeId,
    ChallengeKey,
    Claim,
    HeaderMismatch,
    ModelId,
    ReceiptProof,
    Signed,
    Voucher,
    VoucherSignature,
)

__all__ = ["Finalized", "SettlementService"]


@dataclass(frozen=True, slots=True)
class Finalized:
    """What became of a list of batches.

    Attributes:
        final: those that are final now.
        skipped: the others, each with what stands in its way.
    """

    final: tuple[BatchId, ...]
    skipped: tuple[tuple[BatchId, ContractReverted], ...]


class SettlementService(SettlementReads):
    """Commits, finality and publication with the client's account; reads everybody's batches.

    Inherited: ``status_of(header, proof=...)``, and ``require_final(header, proof=..., expected=...)``, the
    line before acting on an answer.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context.rpc, context.settlement.address)
        self._context = context
        self._calls = context.settlement

    def commit(self, batch: Batch, vouchers: Sequence[Signed[Voucher]]) -> Mined[BatchId]:
        """Commits a batch of the client's account.

        Args:
            batch: from `Batch.build`.
            vouchers: the newest one of each of its payers, in any order.

        Raises:
            HeaderMismatch: a payer has no voucher, or a voucher is another operator's.
            ContractReverted: a subclass says why.
        """
        by_payer = {voucher.message.payer: voucher for voucher in vouchers}
        signatures = []
        for claim in batch.claims:
            voucher = by_payer.get(claim.payer)
            if voucher is None:
                raise HeaderMismatch("voucher", claim.payer, "none")
            if voucher.message.operator != batch.header.operator:
                raise HeaderMismatch("voucher", batch.header.operator, voucher.message.operator)
            signatures.append(VoucherSignature.of(voucher))
        call = self._calls.commit(batch.header, claims=batch.claims, vouchers=signatures)
        return self._context.send(call)

    def finalize(self, headers: Sequence[BatchHeader]) -> Mined[Finalized]:
        """Makes batches final; one that cannot be stops no other.

        Raises:
            SettlementNothingFinalized: none could.
        """
        mined = self._context.send(self._calls.finalize(headers))
        final = tuple(event.id for event in self.BatchFinal.from_receipt(mined))
        skipped = tuple(
            (event.id, decode_revert(event.reason)) for event in self.FinalizeSkipped.from_receipt(mined)
        )
        return mined.with_value(Finalized(final, skipped))

    def settle(
        self, header: BatchHeader, claims: Sequence[Claim], *, winner: ChallengeKey | None = None
    ) -> Mined[None]:
        """Distributes a faulty batch: refunds, restitution, burn; reward and bond to the winner.

        Args:
            header: of the batch.
            claims: of the batch.
            winner: the challenge that won it; looked up in the events by default.
        """
        key = winner or self.winner_of(header)
        return self._context.send(self._calls.settle(header, claims=claims, winner=key))

    def refund(self, header: BatchHeader, claims: Sequence[Claim]) -> Mined[None]:
        """Gives back the fees of a batch whose verifier's quarantine was confirmed; nobody is punished.

        Bonds of its challenges return by `DisputesService.close`.

        Args:
            header: of the batch.
            claims: of the batch.
        """
        return self._context.send(self._calls.refund(header, claims=claims))

    def publish(self, header: BatchHeader, proof: ReceiptProof, inputs: Sequence[bytes]) -> Mined[None]:
        """Publishes a receipt and the bytes of each input tensor, in the first half of the window."""
        return self._context.send(self._calls.publish(header, proof=proof, inputs=inputs))

    def distribute(self, model_id: ModelId) -> Mined[int]:
        """Moves a model's royalties on to parents and receiver; the amount."""
        return self._context.send(self._calls.distribute(model_id))

    def committed(self, batch_id: BatchId) -> BatchCommitted:
        """Header and claims of a batch, from the event.

        Raises:
            SettlementWrongStatus: there is no such batch.
        """
        first = self._context.manifest.first_block
        for logged in self.BatchCommitted.logs(from_block=first, id=batch_id):
            return logged.event
        raise SettlementWrongStatus(id=batch_id, status=BatchStatus.NULL)

    def winner_of(self, header: BatchHeader) -> ChallengeKey:
        """The challenge that won a faulty batch, by proof or by its operator's silence, from the events.

        Raises:
            DisputesUnknown: none has.
        """
        disputes, first = self._context.disputes, self._context.manifest.first_block
        batch_id = header.id(self._context.domain)
        proven = disputes.FaultProven.logs(from_block=first, batch_id=batch_id)
        silent = disputes.OperatorTimedOut.logs(from_block=first, batch_id=batch_id)
        for winner in (*(each.event.winner for each in proven), *(each.event.id for each in silent)):
            for opened in disputes.ChallengeOpened.logs(from_block=first, id=winner):
                return ChallengeKey(challenger=opened.event.challenger, seal=opened.event.seal)
        raise DisputesUnknown(id=ChallengeId(bytes(32)))
