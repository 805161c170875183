"""What a demand is answered with: from the records, and by running the model again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from onus.library import SecuredModel
from onus.operator._errors import Unanswerable
from onus.operator._executor import Executor
from onus.protocol import Answer, BatchId, DemandKind, MerkleTree, ModelId, Position, ReceiptProof, Request
from onus.protocol.faults import request_evidence
from onus.store import OperatorStore, ServedReceipt
from onus.trace import PositionError, Trace, answer_of

__all__ = ["Answers", "answer_to"]

K = TypeVar("K")
V = TypeVar("V")

BELOW_THE_TRACE: Final = (DemandKind.TRACE_NODES, DemandKind.TENSOR_NODES, DemandKind.CHUNKS)
"""What can be answered without the receipt, once that was revealed."""
_KEPT_TREES: Final = 64
_KEPT_TRACES: Final = 16


def answer_to(
    position: Position, *, proof: ReceiptProof | None, request: Request, trace: Callable[[], Trace]
) -> Answer:
    """The answer to a demand about one receipt.

    Args:
        position: what is demanded.
        proof: the receipt and its path; None where it may be left out, see `Answer`.
        request: the preimage of its request id.
        trace: gives the execution that was committed to, where it is needed.

    Raises:
        PositionError: there is nothing there.
    """
    proofs = () if proof is None else (proof,)
    if position.kind is DemandKind.RECEIPT:
        return Answer(proof=proofs)
    if position.kind is DemandKind.REQUEST:
        return Answer(proof=proofs, data=request_evidence(request))
    part = answer_of(trace(), position)
    return Answer(proof=proofs, data=part.data, path=part.path)


class Answers:
    """Answers for everything that an operator committed to. Not to be shared between threads.

    Args:
        store: receipts, requests and inputs.
        models: the model under an id, as the operator secured it.
        executor: the one that made the committed executions: the same input gives the same trace.
    """

    def __init__(
        self, *, store: OperatorStore, models: Callable[[ModelId], SecuredModel], executor: Executor
    ) -> None:
        self._store = store
        self._models = models
        self._executor = executor
        self._trees: _Recent[bytes, MerkleTree] = _Recent(_KEPT_TREES)
        self._traces: _Recent[bytes, Trace] = _Recent(_KEPT_TRACES)

    def proof(self, batch_id: BatchId, leaf_index: int) -> ReceiptProof:
        """A committed receipt and its path.

        Raises:
            Unanswerable: it is not in the records.
        """
        served = self._served(batch_id, leaf_index)
        tree = self._trees.get(batch_id, lambda: MerkleTree(self._store.leaves_of(batch_id)))
        return ReceiptProof(
            receipt=served.receipt.message, leaf_index=leaf_index, path=tree.proof(leaf_index)
        )

    def answer(
        self, batch_id: BatchId, leaf_index: int, position: Position, *, with_receipt: bool = True
    ) -> Answer:
        """The answer to a demand.

        Args:
            batch_id: the batch.
            leaf_index: the receipt.
            position: what is demanded.
            with_receipt: whether it has to bring the receipt, see `Answer`.

        Raises:
            Unanswerable: the records have not what was committed to, or it cannot be computed again.
        """
        served = self._served(batch_id, leaf_index)
        try:
            return answer_to(
                position,
                proof=self.proof(batch_id, leaf_index) if with_receipt else None,
                request=served.request.message,
                trace=lambda: self._trace(served),
            )
        except PositionError as error:
            raise Unanswerable(f"nothing stands at {position}: {error}") from error

    def _served(self, batch_id: BatchId, leaf_index: int) -> ServedReceipt:
        served = self._store.receipt_at(batch_id, leaf_index)
        if served is None:
            raise Unanswerable(f"no leaf {leaf_index} of batch 0x{batch_id.hex()} in the records")
        return served

    def _trace(self, served: ServedReceipt) -> Trace:
        receipt = served.receipt.message
        return self._traces.get(receipt.struct_hash, lambda: self._run(served))

    def _run(self, served: ServedReceipt) -> Trace:
        receipt = served.receipt.message
        (trace,) = self._executor.run(self._models(ModelId(receipt.model_id)), [served.input])
        if trace.trace_root != receipt.trace_root:
            raise Unanswerable(
                f"request 0x{served.request_id.hex()} gives trace root 0x{trace.trace_root.hex()}, "
                f"committed is 0x{receipt.trace_root.hex()}"
            )
        return trace


class _Recent(Generic[K, V]):
    """The values that were asked for last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, make: Callable[[], V]) -> V:
        if key not in self._values:
            self._values[key] = make()
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]
