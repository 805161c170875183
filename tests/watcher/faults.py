"""Batches with a fault of each kind, committed by an operator that serves whatever it likes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from onus.chain import LocalSigner
from onus.client import Onus
from onus.inference import BatchData, Order, tensor_root
from onus.library import SecuredModel
from onus.protocol import (
    Address,
    Batch,
    BatchHeader,
    BatchId,
    Claim,
    Receipt,
    Request,
    Signed,
    Voucher,
    ids,
)
from onus.trace import Alteration, Trace
from onus.watcher import DataWithheld, OperatorTrace
from tests.nodes.town import FEE, STAKE, Town


@dataclass(slots=True)
class Leaf:
    """One receipt to commit, with what its operator has to show for it."""

    request: Request
    receipt: Receipt
    data: bytes
    trace: Trace


class Liar:
    """An operator without a node: commits receipts as they are given, and is its own data source."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.client: Onus = town.client()
        self.key = LocalSigner.create()
        town.register(self.client, self.key, "http://127.0.0.1:9")
        self.address: Address = self.client.require_signer().address
        self.payers = [town.payer(self.address), town.payer(self.address)]
        self.model: SecuredModel = town.library.secure(town.model_id, models=town.reader.models)
        self.committed: dict[bytes, BatchData] = {}
        self.traces: dict[tuple[bytes, int], Trace] = {}

    def leaf(self, *, payer: int = 0, alter: Alteration | None = None) -> Leaf:
        """A right receipt, or one over a trace with an altered element."""
        order: Order = self.town.order(self.payers[payer], self.address)
        data, request = order.inputs[0], order.request.message
        trace = self.model.engine.run_encoded([data], alter=alter)[0]
        now = self.client.now()
        receipt = Receipt(
            request_id=request.id(self.client.domain),
            model_id=self.town.model_id,
            operator=self.address,
            payer=request.payer,
            input_root=request.input_root,
            output_root=trace.output_root,
            trace_root=trace.trace_root,
            fee=FEE,
            stake=STAKE,
            served_at=now,
            commit_by=now + self.town.params.max_commit_delay,
        )
        return Leaf(request, receipt, data, trace)

    def altered(self, leaf: Leaf, alter: Alteration) -> Leaf:
        """The same receipt over a trace with an altered element."""
        trace = self.model.engine.run_encoded([leaf.data], alter=alter)[0]
        receipt = replace(leaf.receipt, trace_root=trace.trace_root, output_root=trace.output_root)
        return Leaf(leaf.request, receipt, leaf.data, trace)

    def commit(
        self, leaves: Sequence[Leaf], *, bend: Callable[[list[Receipt]], list[Receipt]] | None = None
    ) -> BatchId:
        """Commits leaves; ``bend`` changes receipts after the header's terms and claims are made."""
        ordered = sorted(leaves, key=lambda leaf: int(leaf.receipt.payer, 16))
        newest, _ = self.client.parameters.current()
        sequence = self.client.operators.state_of(self.address).next_sequence
        made = Batch.build([leaf.receipt for leaf in ordered], param_set=newest, sequence=sequence)
        receipts = list(made.receipts) if bend is None else bend(list(made.receipts))
        header = replace(made.header, root=_root(receipts))
        batch = Batch.of(header, claims=made.claims, receipts=receipts)
        vouchers = [
            Signed.by(
                payer.require_signer(),
                Voucher(payer=payer.require_signer().address, operator=self.address, cumulative=100 * FEE),
                domain=self.client.domain,
            )
            for payer in self.payers
        ]
        batch_id = self.client.settlement.commit(batch, vouchers).value
        self.committed[batch_id] = BatchData(
            batch=batch,
            requests=tuple(leaf.request for leaf in ordered),
            inputs=tuple((leaf.data,) for leaf in ordered),
        )
        for index, leaf in enumerate(ordered):
            self.traces[batch_id, index] = leaf.trace
        return batch_id

    # ---- as a source of data --------------------------------------------------------------------

    def batch(
        self, batch_id: BatchId, *, header: BatchHeader, claims: Sequence[Claim], model: SecuredModel
    ) -> BatchData:
        if batch_id not in self.committed:
            raise DataWithheld("batch data", "nothing")
        # Through the same checks as what comes over HTTP.
        return BatchData.from_json(
            self.committed[batch_id].to_json(), header=header, claims=claims, domain=self.client.domain
        )

    def trace(
        self, batch_id: BatchId, leaf_index: int, *, receipt: Receipt, model: SecuredModel
    ) -> OperatorTrace:
        trace = self.traces[batch_id, leaf_index]
        data = b"".join(trace.committed(slot) for slot in range(len(model.program.slots)))
        return OperatorTrace.of(data, model=model, trace_root=receipt.trace_root)


def _root(receipts: Sequence[Receipt]) -> bytes:
    from onus.protocol import merkle

    return merkle.root([receipt.struct_hash for receipt in receipts])


def another(root: bytes) -> bytes:
    """Any other root."""
    return tensor_root(root)


def wrong_request(leaf: Leaf, liar: Liar, **changes: object) -> Leaf:
    """The receipt names another request than it answers."""
    request = replace(leaf.request, **changes)  # type: ignore[arg-type]
    receipt = replace(leaf.receipt, request_id=request.id(liar.client.domain))
    return Leaf(request, receipt, leaf.data, leaf.trace)


BENDS: Mapping[str, Callable[[Receipt], Receipt]] = {
    "model": lambda receipt: replace(receipt, model_id=ids.ModelId(b"\x09" * 32)),
    "fee": lambda receipt: replace(receipt, fee=receipt.fee - 1),
    "stake": lambda receipt: replace(receipt, stake=receipt.stake + 1),
    "operator": lambda receipt: replace(receipt, operator=receipt.payer),
}
