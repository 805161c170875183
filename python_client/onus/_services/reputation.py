"""What operators, models and providers have behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onus._services.context import Context
from onus.chain import Mined
from onus.chain.contracts import ReputationReads
from onus.chain.errors import ContractReverted, decode_revert
from onus.protocol import Address, BatchHeader, BatchId, History, ModelId

__all__ = ["Recorded", "ReputationService"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a list of batches.

    Attributes:
        recorded: those that count now.
        skipped: the others, each with what stands in its way.
    """

    recorded: tuple[BatchId, ...]
    skipped: tuple[tuple[BatchId, ContractReverted], ...]


class ReputationService(ReputationReads):
    """Reads histories and scores, and has ended batches counted."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.rpc, context.reputation.address)
        self._context = context
        self._calls = context.reputation

    def record(self, headers: Sequence[BatchHeader]) -> Mined[Recorded]:
        """Has ended batches counted, each once; one that cannot be stops no other. Anybody may.

        Raises:
            ReputationNothingRecorded: none could.
        """
        mined = self._context.send(self._calls.record(headers))
        recorded = tuple(event.batch_id for event in self.BatchRecorded.from_receipt(mined))
        skipped = tuple(
            (event.batch_id, decode_revert(event.reason)) for event in self.RecordSkipped.from_receipt(mined)
        )
        return mined.with_value(Recorded(recorded, skipped))

    def operator(self, address: Address) -> History:
        """An operator's history, decayed up to now."""
        return self.of_operator(address)

    def provider(self, address: Address) -> History:
        """A provider's history, decayed up to now."""
        return self.of_provider(address)

    def model(self, model_id: ModelId) -> History:
        """A model's history, decayed up to now."""
        return self.of_model(model_id)

    def score(self, history: History) -> int:
        """``earned / (earned + lost)`` in basis points, rounded down; 0 for who has neither."""
        return self.score_of(history)
