"""What the chain has of a batch: revealed to whomever, or published."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from onus.library import SecuredModel
from onus.protocol import DemandKind, InvalidField, ReceiptProof
from onus.protocol.faults import request_of
from onus.store import SeenBatch
from onus.watcher._examine import fit_input
from onus.watcher._pursue import Known

if TYPE_CHECKING:
    from onus.chain.contracts.disputes import Revealed
    from onus.client import Onus

__all__ = ["read_known"]


def read_known(client: Onus, batch: SeenBatch, *, model: SecuredModel) -> dict[int, Known]:
    """Everything that ``Revealed`` and ``ReceiptPublished`` events tell of a batch, by leaf.

    The contract has checked every byte of it against the batch root.

    Args:
        client: reads only.
        batch: as it was seen.
        model: the one that its header names.

    Raises:
        EndpointError: the chain could not be asked.
    """
    found: defaultdict[int, Known] = defaultdict(Known)
    start = batch.block.number
    for revealed in client.disputes.Revealed.logs(from_block=start, batch_id=batch.batch_id):
        leaf = revealed.event.leaf_index
        found[leaf] = found[leaf] | _revealed(revealed.event)
    for published in client.settlement.ReceiptPublished.logs(from_block=start, id=batch.batch_id):
        event = published.event
        found[event.leaf_index] = found[event.leaf_index] | Known(
            proof=ReceiptProof(receipt=event.receipt, leaf_index=event.leaf_index, path=event.path),
            input=fit_input(event.inputs, model.input_sizes, root=event.receipt.input_root),
        )
    return dict(found)


def _revealed(event: Revealed) -> Known:
    # An answer below a trace root that was revealed before need not bring the receipt.
    proof = event.answer.proof[0] if event.answer.proof else None
    data, position = event.answer.data, event.position
    if position.kind is DemandKind.RECEIPT:
        return Known(proof=proof)
    if position.kind is DemandKind.REQUEST:
        try:
            return Known(proof=proof, request=request_of(data))
        except InvalidField:
            return Known(proof=proof)
    return Known(proof=proof, revealed={position: data})
