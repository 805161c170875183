"""Where a watcher gets what operators committed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from onus.chain.errors import EndpointFailed
from onus.inference import BatchData, InferenceError, NodeClient, tensor_root
from onus.library import SecuredModel, split
from onus.protocol import Address, BatchHeader, BatchId, Claim, Receipt, merkle
from onus.watcher._errors import DataWithheld

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["DataSource", "EndpointSource", "OperatorTrace"]


@dataclass(frozen=True, slots=True)
class OperatorTrace:
    """An execution as its operator committed to it: every byte is below the receipt's trace root.

    Attributes:
        tensors: committed bytes of each slot, without padding.
        slot_roots: root of each slot.
    """

    tensors: tuple[bytes, ...] = field(repr=False)
    slot_roots: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def of(cls, data: bytes, *, model: SecuredModel, trace_root: bytes) -> OperatorTrace:
        """Checks all tensors of a trace against its root.

        Args:
            data: committed bytes of all slots, one after the other.
            model: what was run.
            trace_root: of the receipt.

        Raises:
            DataWithheld: they are not those of the root.
        """
        tensors = split(data, model.slot_sizes)
        roots = tuple(tensor_root(tensor) for tensor in tensors)
        root = merkle.root(roots)
        if len(data) != model.trace_bytes or root != trace_root:
            raise DataWithheld(
                "trace", f"what came has root 0x{root.hex()}, committed is 0x{trace_root.hex()}"
            )
        return cls(tensors, roots)


class DataSource(Protocol):
    """Gives what operators committed to, checked, or raises `DataWithheld`."""

    def batch(
        self, batch_id: BatchId, *, header: BatchHeader, claims: Sequence[Claim], model: SecuredModel
    ) -> BatchData:
        """Receipts, requests and inputs of a batch."""

    def trace(
        self, batch_id: BatchId, leaf_index: int, *, receipt: Receipt, model: SecuredModel
    ) -> OperatorTrace:
        """The execution behind one receipt, as it was committed to."""


class EndpointSource:
    """Asks operators at their registered endpoints.

    Args:
        client: to look endpoints up.
        timeout_seconds: see `NodeClient`.
        total_seconds: see `NodeClient`.
    """

    def __init__(self, client: Onus, *, timeout_seconds: float = 10.0, total_seconds: float = 60.0) -> None:
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._total_seconds = total_seconds

    def batch(
        self, batch_id: BatchId, *, header: BatchHeader, claims: Sequence[Claim], model: SecuredModel
    ) -> BatchData:
        """As in `DataSource`."""
        try:
            with self._node(header.operator) as node:
                return node.batch(
                    batch_id,
                    header=header,
                    claims=claims,
                    domain=self._client.domain,
                    input_bytes=model.input_bytes,
                )
        except InferenceError as error:
            raise DataWithheld("batch data", str(error)) from error

    def trace(
        self, batch_id: BatchId, leaf_index: int, *, receipt: Receipt, model: SecuredModel
    ) -> OperatorTrace:
        """As in `DataSource`."""
        try:
            with self._node(receipt.operator) as node:
                data = node.trace(batch_id, leaf_index, size=model.trace_bytes)
        except InferenceError as error:
            raise DataWithheld("trace", str(error)) from error
        return OperatorTrace.of(data, model=model, trace_root=receipt.trace_root)

    def _node(self, operator: Address) -> NodeClient:
        # Looked up each time: an operator may move. What it registered need not be text, nor a URL.
        try:
            return NodeClient(
                self._client.operators.endpoint_of(operator),
                timeout_seconds=self._timeout_seconds,
                total_seconds=self._total_seconds,
            )
        except (EndpointFailed, ValueError) as error:
            raise DataWithheld("endpoint", str(error)) from error
