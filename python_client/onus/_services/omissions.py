"""Signed receipts that are in no batch, for payers and operators."""

from __future__ import annotations

from onus._services.context import Context
from onus.chain import Mined
from onus.chain.contracts import OmissionsReads
from onus.protocol import BatchHeader, Omission, Receipt, ReceiptProof, Signed

__all__ = ["OmissionsService"]


class OmissionsService(OmissionsReads):
    """Claims of the client's own receipts, answers to anybody's claims; reads everybody's."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.rpc, context.omissions.address)
        self._context = context
        self._calls = context.omissions

    def claim(self, receipt: Signed[Receipt], *, set: int | None = None) -> Mined[None]:
        """Claims that a receipt of the client was committed by nobody; takes ``omission_bond``.

        From the second after ``commit_by`` until ``omission_window`` later. The bond returns if the operator
        does not answer within ``operator_time``. Look for it first: `onus.inference.Session.locate`.

        Args:
            receipt: as the operator signed it.
            set: parameter set in force when it was served; looked up by default.

        Raises:
            OmissionsRejected, ParametersRejected: a subclass says why.
        """
        if set is None:
            set = self._set_at(receipt.message.served_at)
        return self._context.send(self._calls.claim(receipt.message, signature=receipt.signature, set=set))

    def answer(self, receipt: Receipt, header: BatchHeader, proof: ReceiptProof) -> Mined[None]:
        """Shows the inference in a batch; anybody may.

        Args:
            receipt: the claimed one.
            header: of a batch of its operator, committed since it was served.
            proof: the receipt, or one with the same request and roots, and its path.
        """
        return self._context.send(self._calls.answer(receipt, header=header, proof=proof))

    def punish(self, receipt: Receipt) -> Mined[None]:
        """Ends a claim that nobody answered in time: the operator's reserve pays, the bond returns."""
        return self._context.send(self._calls.punish(receipt))

    def of(self, receipt: Receipt) -> Omission:
        """What became of a claim; its status is NULL if there is none."""
        return self.omission_of(receipt.struct_hash)

    def _set_at(self, timestamp: int) -> int:
        parameters = self._context.parameters
        added = parameters.ParamSetAdded.logs(from_block=self._context.manifest.first_block)
        for logged in reversed(added):
            # Sets are few, and far apart.
            if self._rpc.block(logged.block_number).timestamp <= timestamp:
                return logged.event.set
        return 1
