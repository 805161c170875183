"""What to demand of an operator that withholds, until there is something to show: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from onus.protocol import BatchHeader, Claim, DemandKind, Domain, Position, ReceiptProof, Request
from onus.trace import Fault, PartialTrace, Program, Trace, next_input, pursue, with_reveal
from onus.watcher._solve import Finding, TraceNeeded, finding_of, solve_execution, solve_leaf

__all__ = ["Known", "next_move"]

_BELOW_THE_TRACE = (DemandKind.TRACE_NODES, DemandKind.TENSOR_NODES, DemandKind.CHUNKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known about one leaf, from whomever; every part was checked against the batch root.

    Attributes:
        proof: the receipt and its path.
        request: the preimage of its request id.
        input: all input tensors in committed form, concatenated, of the model's sizes.
        revealed: answers to demands below the receipt's roots, by position.
    """

    proof: ReceiptProof | None = None
    request: Request | None = None
    input: bytes | None = field(default=None, repr=False)
    revealed: Mapping[Position, bytes] = field(default_factory=dict, repr=False)

    def __or__(self, other: Known) -> Known:
        """What either of two knows."""
        return Known(
            proof=self.proof or other.proof,
            request=self.request or other.request,
            input=other.input if self.input is None else self.input,
            revealed={**self.revealed, **other.revealed},
        )


def next_move(
    known: Known,
    *,
    leaf_index: int,
    header: BatchHeader,
    claims: Sequence[Claim],
    domain: Domain,
    program: Program,
    run: Callable[[bytes], Trace],
) -> Position | Finding | None:
    """The next thing to demand about a leaf, or what can be shown; None if the leaf is right.

    The receipt first, then the input, to execute it again; if that gives another trace, the way down to the
    first wrong element; if not, the request, the last thing that can be wrong. Nothing that is known is
    demanded, so the demands are at most the model's depth budget and one for each 8 KiB of input.

    Args:
        known: about the leaf.
        leaf_index: which.
        header: of its batch.
        claims: of its batch.
        domain: where it was committed.
        program: the model.
        run: executes an input.
    """
    if known.proof is None:
        return Position(kind=DemandKind.RECEIPT)
    receipt = known.proof.receipt
    found = solve_leaf(
        receipt, leaf_index, header=header, claims=claims, request=known.request, domain=domain
    )
    if found is not None:
        return found
    data = next_input(program, known.revealed) if known.input is None else known.input
    if isinstance(data, Position):
        return data
    own = run(data)
    try:
        found = solve_execution(receipt, own=own)
    except TraceNeeded:
        return _descend(own, known, receipt.output_root)
    if found is None and known.request is None:
        return Position(kind=DemandKind.REQUEST)
    return found


def shows_a_wrong_trace(move: Position | Finding | None) -> bool:
    """Whether the next move says that the leaf is wrong, and only its operator's trace is missing."""
    return isinstance(move, Position) and move.kind in _BELOW_THE_TRACE


def _descend(own: Trace, known: Known, output_root: bytes) -> Position | Finding:
    partial = PartialTrace(own)
    for position, data in known.revealed.items():
        partial = with_reveal(partial, position, data)
    step = pursue(partial, output_root=output_root)
    return finding_of(partial, step) if isinstance(step, Fault) else step
