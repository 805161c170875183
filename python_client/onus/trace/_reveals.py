"""Forced reveals: what an operator answers, and what a watcher demands next (docs/protocol.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from onus.protocol.disputes import DemandKind, Position, TensorWitness
from onus.trace._descriptor import CHUNK
from onus.trace._errors import NoFault, NotRevealed, PositionError
from onus.trace._evidence import EvidenceKind, Fault, differing_element, evidence
from onus.trace._program import Program
from onus.trace._trace import PartialTrace, Trace, root_of
from onus.trace._tree import Tree, tree_depth, tree_width

Node = Callable[[int, int], bytes]
"""Node of a tree by level and index."""
SPAN: Final = 6
"""Levels that one answer spans."""
RUN: Final = 1 << SPAN
"""Chunks of one answer."""

_TENSOR_KINDS: Final = (DemandKind.TENSOR_NODES, DemandKind.INPUT_NODES)
_CHUNK_KINDS: Final = (DemandKind.CHUNKS, DemandKind.INPUT_CHUNKS)
_INPUT_KINDS: Final = (DemandKind.INPUT_NODES, DemandKind.INPUT_CHUNKS)


@dataclass(frozen=True, slots=True)
class Part:
    """What stands at a position of an execution, as the contract takes it.

    Attributes:
        data: nodes: 32 bytes for each real one; chunks: the bytes of the tensor, without padding.
        path: from the demanded node to the root of the trace, or of the inputs.
    """

    data: bytes
    path: tuple[bytes, ...]


def witness_of(program: Program, slot: int) -> TensorWitness:
    """The entry of the program that shows the size of a slot's tensor.

    Raises:
        PositionError: if there is no such slot.
    """
    slots = program.slots
    if not 0 <= slot < len(slots):
        raise PositionError("slot", slot, len(slots))
    made = slot - len(program.inputs)
    if made >= 0:
        return _witness(program, made, 0)
    for index, entry in enumerate(program.entries):
        if slots[slot] in entry.inputs:
            return _witness(program, index, 1 + entry.inputs.index(slots[slot]))
    raise PositionError("slot that is read", slot, len(slots))


def _witness(program: Program, index: int, operand: int) -> TensorWitness:
    tree = program.program_tree
    path = tuple(tree.node(level, (index >> level) ^ 1) for level in range(tree.depth))
    entry = program.entries[index].encode()
    return TensorWitness(entry=entry, entry_index=index, operand=operand, path=path)


# ---- what an operator answers -----------------------------------------------------------------------------


def answer_of(trace: Trace, position: Position) -> Part:
    """What an operator answers to a demand below a receipt's roots.

    Args:
        trace: the execution that was committed to.
        position: of any kind but RECEIPT and REQUEST, which lie above an execution.

    Raises:
        PositionError: if the execution has nothing there.
    """
    kind, slot, level, index = position.kind, position.slot, position.level, position.index
    if kind is DemandKind.TRACE_NODES:
        below = _below(len(trace.slot_roots), level, index)
        nodes = trace.trace_nodes(*below)
        return Part(b"".join(nodes), _siblings(trace.trace_node, level, index, _depth(trace)))
    if kind not in (*_TENSOR_KINDS, *_CHUNK_KINDS):
        raise PositionError("kind of demand", kind, len(DemandKind))
    if kind in _INPUT_KINDS and slot >= len(trace.program.inputs):
        raise PositionError("input", slot, len(trace.program.inputs))
    descriptor = trace.descriptor(slot)
    if kind in _CHUNK_KINDS:
        if index % RUN or level:
            raise PositionError("run of chunks", index, descriptor.chunks)
        trace.chunks(slot, index, 1)
        data = trace.committed(slot)[index * CHUNK : (index + RUN) * CHUNK]
        level = min(SPAN, descriptor.depth)
        index >>= level
    else:
        data = b"".join(trace.tensor_nodes(slot, *_below(descriptor.chunks, level, index)))

    def node(level: int, index: int) -> bytes:
        return trace.tensor_node(slot, level, index)

    path = _siblings(node, level, index, descriptor.depth)
    if kind not in _INPUT_KINDS:
        return Part(data, path + _siblings(trace.trace_node, 0, slot, _depth(trace)))
    inputs = Tree.of_hashes(trace.slot_roots[: len(trace.program.inputs)])
    return Part(data, path + _siblings(inputs.node, 0, slot, inputs.depth))


def _below(leaves: int, level: int, index: int) -> tuple[int, int, int]:
    """The real descendants that an answer has: their level, the first, how many."""
    if not 0 < level <= tree_depth(leaves):
        raise PositionError("level that can be demanded", level, tree_depth(leaves) + 1)
    if not 0 <= index < tree_width(leaves, level):
        raise PositionError("node", index, tree_width(leaves, level))
    span = min(SPAN, level)
    first, below = index << span, level - span
    return below, first, min(1 << span, tree_width(leaves, below) - first)


def _siblings(node: Node, level: int, index: int, depth: int) -> tuple[bytes, ...]:
    return tuple(node(level + k, (index >> k) ^ 1) for k in range(depth - level))


def _depth(trace: Trace) -> int:
    return tree_depth(len(trace.slot_roots))


# ---- what a watcher learns and demands next ---------------------------------------------------------------


def with_reveal(partial: PartialTrace, position: Position, data: bytes) -> PartialTrace:
    """Adds what was revealed of an operator's execution; what is not below the trace root changes nothing.

    Args:
        partial: what is known.
        position: where it stands.
        data: checked against the receipt's trace root, by the contract or by the caller.
    """
    slot, index = position.slot, position.index
    if position.kind is DemandKind.CHUNKS:
        pieces = [data[at : at + CHUNK].ljust(CHUNK, b"\0") for at in range(0, len(data), CHUNK)]
        return partial.with_chunks(slot, index, pieces)
    span = min(SPAN, position.level)
    nodes = [data[at : at + 32] for at in range(0, len(data), 32)]
    if position.kind is DemandKind.TRACE_NODES:
        return partial.with_trace_nodes(position.level - span, index << span, nodes)
    if position.kind is DemandKind.TENSOR_NODES:
        return partial.with_tensor_nodes(slot, position.level - span, index << span, nodes)
    return partial


def pursue(partial: PartialTrace, *, output_root: bytes | None = None) -> Position | Fault:
    """What to demand next of an operator whose trace root is not the own one, or what can be shown now.

    Everything before the first difference is the own trace, so the way down to it is all that is needed.

    Args:
        partial: the own execution of the committed input, and what was revealed of the operator's.
        output_root: the receipt's, where it may differ from the trace's.

    Returns:
        a position that is not known yet; or a fault for which `evidence` now has everything.

    Raises:
        NoFault: what was revealed is the own execution.
    """
    try:
        fault = _locate(partial, output_root)
        evidence(partial, fault)
    except _Wanted as wanted:
        return wanted.position
    except NotRevealed as missing:
        return _around(partial.program, missing)
    return fault


def descend(own: Trace, other: Trace, *, output_root: bytes | None = None) -> tuple[list[Position], Fault]:
    """The whole way down: all that has to be demanded to show that another execution is wrong, and the fault.

    Args:
        own: a right execution.
        other: of the same input, with another trace root.
        output_root: the receipt's, where it may differ from the trace's.

    Raises:
        NoFault: they are the same.
    """
    partial, positions = PartialTrace(own), list[Position]()
    while isinstance(step := pursue(partial, output_root=output_root), Position):
        positions.append(step)
        partial = with_reveal(partial, step, answer_of(other, step).data)
    return positions, step


class _Wanted(Exception):
    """The way down ends at something that was not revealed."""

    def __init__(self, position: Position) -> None:
        super().__init__(position)
        self.position = position


def _locate(partial: PartialTrace, output_root: bytes | None) -> Fault:
    own, program = partial.own, partial.program
    top = Position(kind=DemandKind.TRACE_NODES)
    slot = _first_wrong(top, len(own.slot_roots), partial.trace_node, own.trace_node)
    if slot < len(program.inputs):
        return Fault(EvidenceKind.INPUT, 0, 0)
    if output_root is not None and _outputs_root(partial) not in (None, output_root):
        return Fault(EvidenceKind.OUTPUT, program.output_slots.start, 0)
    return Fault(EvidenceKind.ELEMENT, slot, _wrong_element(partial, slot))


def _wrong_element(partial: PartialTrace, slot: int) -> int:
    own = partial.own
    descriptor = own.descriptor(slot)

    def theirs(level: int, index: int) -> bytes:
        return partial.tensor_node(slot, level, index)

    def ours(level: int, index: int) -> bytes:
        return own.tensor_node(slot, level, index)

    top = Position(kind=DemandKind.TENSOR_NODES, slot=slot)
    # A run of chunks shows all that a demand for the nodes above it could.
    bottom = min(SPAN, descriptor.depth)
    run = _first_wrong(top, descriptor.chunks, theirs, ours, bottom=bottom)
    for chunk in range(run * RUN, min((run + 1) * RUN, descriptor.chunks)):
        committed = partial.chunk(slot, chunk)
        element = differing_element(descriptor, own.chunk(slot, chunk), committed, first_chunk=chunk)
        if element is not None:
            return element
    raise NoFault(f"what was revealed of slot {slot} is as computed")


def _first_wrong(top: Position, leaves: int, theirs: Node, ours: Node, *, bottom: int = 0) -> int:
    """The first node of a level that is not the own one, on the way down from a root that is not.

    But for the first, answers end at levels that are multiples of the span: each has as much as can be.
    """
    depth = tree_depth(leaves)
    level, index = depth, 0
    while level > bottom:
        asked = depth if level == depth else -(-level // SPAN) * SPAN
        below = max(bottom, asked - SPAN)
        first = index << (level - below)
        count = min(1 << (level - below), tree_width(leaves, below) - first)
        try:
            wrong = [at for at in range(first, first + count) if theirs(below, at) != ours(below, at)]
        except NotRevealed as error:
            raise _Wanted(replace(top, level=asked, index=index >> (asked - level))) from error
        if not wrong:
            raise NoFault("what was revealed is as computed")
        level, index = below, wrong[0]
    return index


def _outputs_root(partial: PartialTrace) -> bytes | None:
    try:
        return root_of([partial.slot_root(slot) for slot in partial.program.output_slots])
    except NotRevealed:
        return None


def _around(program: Program, missing: NotRevealed) -> Position:
    """The demand whose answer has a leaf that is missing, and as many around it as there can be."""
    if missing.slot is not None:
        first = missing.index // RUN * RUN
        return Position(kind=DemandKind.CHUNKS, slot=missing.slot, index=first)
    level = min(SPAN, tree_depth(len(program.slots)))
    return Position(kind=DemandKind.TRACE_NODES, level=level, index=missing.index >> level)


# ---- the input, where nobody gave it ----------------------------------------------------------------------


def next_input(program: Program, known: Mapping[Position, bytes]) -> Position | bytes:
    """The next run of an inference's input to demand; all input tensors, concatenated, once all are known.

    Args:
        program: the model.
        known: what was revealed of the input, by position.
    """
    out = bytearray()
    for slot, descriptor in enumerate(program.inputs):
        for first in range(0, descriptor.chunks, RUN):
            position = Position(kind=DemandKind.INPUT_CHUNKS, slot=slot, index=first)
            if position not in known:
                return position
            out += known[position]
    return bytes(out)
