"""Evidence: what the contract must see to find that a trace contradicts its model (docs/trace.md, 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from onus.trace._descriptor import CHUNK, Descriptor, Kind
from onus.trace._entry import Entry
from onus.trace._errors import NoFault
from onus.trace._program import Program
from onus.trace._step import chunk_of, step
from onus.trace._trace import CommittedTrace, Trace
from onus.trace._tree import tree_depth


class EvidenceKind(IntEnum):
    """What evidence shows."""

    ELEMENT = 1
    INPUT = 2
    OUTPUT = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a trace contradicts its model or its receipt.

    Attributes:
        kind: what kind of evidence shows it.
        slot: the wrong slot; for roots the first input or output slot.
        element: row-major index of the wrong element; 0 for roots.
    """

    kind: EvidenceKind
    slot: int
    element: int


def find_fault(own: Trace, other: Trace, *, output_root: bytes | None = None) -> Fault | None:
    """First place where another trace of the same input is wrong.

    Everything before it agrees, so its evidence can be built from what is known.

    Args:
        own: a right execution.
        other: what an operator committed to.
        output_root: the receipt's; the other trace's own if None.

    Returns:
        the fault; None if every element is right and the roots belong to the receipt.
    """
    inputs = len(own.program.inputs)
    for slot in range(own.program.commitment.slots):
        if own.slot_root(slot) == other.slot_root(slot):
            continue
        if slot < inputs:
            return Fault(EvidenceKind.INPUT, 0, 0)
        element = differing_element(own.descriptor(slot), own.committed(slot), other.committed(slot))
        if element is not None:
            return Fault(EvidenceKind.ELEMENT, slot, element)
    if output_root is not None and output_root != other.output_root:
        return Fault(EvidenceKind.OUTPUT, own.program.output_slots.start, 0)
    return None


def differing_element(
    descriptor: Descriptor, own: bytes, other: bytes, *, first_chunk: int = 0
) -> int | None:
    """Row-major index of the first element in layout order that differs between two runs of committed bytes.

    Args:
        descriptor: the tensor.
        own: bytes from the start of a chunk on.
        other: as many bytes of the other trace.
        first_chunk: the chunk with which both begin.

    Returns:
        the index; None if they differ in nothing but padding.
    """
    size = descriptor.dtype.size
    different = np.frombuffer(own, np.uint8) != np.frombuffer(other, np.uint8)
    if not different.any():
        return None
    address = (first_chunk * CHUNK + int(np.argmax(different))) // size
    return descriptor.index(address) if address < descriptor.count else None


def evidence(trace: CommittedTrace, fault: Fault) -> bytes:
    """Evidence of a fault, of whichever kind.

    Raises:
        NoFault: if the element is right.
        NotRevealed: if the trace is only partly known and something is missing.
    """
    if fault.kind is EvidenceKind.ELEMENT:
        return element_evidence(trace, fault.slot, fault.element)
    return root_evidence(trace, fault.kind)


def element_evidence(trace: CommittedTrace, slot: int, element: int, *, check: bool = True) -> bytes:
    """Evidence of kind 1: an element is not what its operands give.

    Args:
        trace: the operator's commitments.
        slot: slot of the element.
        element: its row-major index.
        check: False to build it for a right element too, which the contract must refuse.

    Raises:
        NoFault: if the element is right.
        NotRevealed: if the trace is only partly known and something is missing.
        PositionError: if there is no such element.
    """
    program = trace.program
    found = step(trace, slot, element)
    if check and not found.is_fault:
        raise NoFault(f"element {element} of slot {slot} is {found.computed}, as committed")
    entries = _opened_entries(program, slot - len(program.inputs))
    accused = program.slots[slot]

    chunks: dict[Descriptor, tuple[int, ...]] = {accused: (accused.chunk_of(element)[0],)}
    for entry in entries.values():
        for descriptor in entry.inputs:
            if descriptor.is_committed:
                # A window that lies in the padding reads nothing, but what is linked must be opened.
                chunks[descriptor] = found.chunks.get(descriptor, (0,))
    tensors = sorted(chunks, key=_place)
    number = {descriptor: index for index, descriptor in enumerate(tensors)}
    position = {index: k for k, index in enumerate(entries)}

    def link(descriptor: Descriptor) -> int:
        if descriptor.kind is Kind.VIRTUAL:
            return position[descriptor.reference]
        return number[descriptor]

    out = bytearray((EvidenceKind.ELEMENT,))
    out += _u16(len(entries)) + _u16(len(tensors)) + element.to_bytes(4, "big") + _u16(number[accused])
    for index, entry in entries.items():
        out += _u16(index) + entry.encode() + b"".join(_u16(link(d)) for d in entry.inputs)
    for descriptor in tensors:
        tree, reference = _place(descriptor)
        runs = _runs(chunks[descriptor])
        out += bytes((tree,)) + _u16(reference) + _u16(len(runs))
        for first, count in runs:
            out += first.to_bytes(4, "big") + _u16(count)
            out += b"".join(chunk_of(trace, descriptor, first + k) for k in range(count))
    for descriptor in tensors:
        out += _siblings(chunks[descriptor], descriptor.depth, _tensor_nodes(trace, descriptor))
    slots = [d.reference for d in tensors if d.kind is not Kind.CONSTANT]
    weights = [d.reference for d in tensors if d.kind is Kind.CONSTANT]
    commitment = program.commitment
    out += _siblings(slots, tree_depth(commitment.slots), trace.trace_node)
    if weights and program.weights_tree is not None:
        out += _siblings(weights, tree_depth(commitment.constants), program.weights_tree.node)
    out += _siblings(entries, tree_depth(commitment.entries), program.program_tree.node)
    return bytes(out)


def root_evidence(trace: CommittedTrace, kind: EvidenceKind) -> bytes:
    """Evidence of kind 2 or 3: the trace's inputs or outputs are not the receipt's.

    Args:
        trace: the operator's commitments.
        kind: INPUT or OUTPUT.

    Raises:
        ValueError: for another kind.
        NotRevealed: if the trace is only partly known and something is missing.
    """
    program = trace.program
    if kind is EvidenceKind.ELEMENT:
        raise ValueError("an element needs its place")
    slots = range(len(program.inputs)) if kind is EvidenceKind.INPUT else program.output_slots
    roots = b"".join(trace.slot_root(slot) for slot in slots)
    depth = tree_depth(program.commitment.slots)
    return bytes((kind,)) + roots + _siblings(slots, depth, trace.trace_node)


def _opened_entries(program: Program, accused: int) -> dict[int, Entry]:
    """The accused entry and the virtual ones it needs, by ascending index."""
    found: dict[int, Entry] = {}
    waiting = [accused]
    while waiting:
        index = waiting.pop()
        if index not in found:
            entry = found[index] = program.entries[index]
            waiting += [d.reference for d in entry.inputs if d.kind is Kind.VIRTUAL]
    return dict(sorted(found.items()))


def _place(descriptor: Descriptor) -> tuple[int, int]:
    return int(descriptor.kind is Kind.CONSTANT), descriptor.reference


def _tensor_nodes(trace: CommittedTrace, descriptor: Descriptor) -> Callable[[int, int], bytes]:
    reference = descriptor.reference
    if descriptor.kind is Kind.CONSTANT:
        return trace.program.constants[reference].tree.node
    return lambda level, index: trace.tensor_node(reference, level, index)


def _runs(chunks: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for chunk in chunks:
        if runs and sum(runs[-1]) == chunk:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((chunk, 1))
    return runs


def _siblings(leaves: Iterable[int], depth: int, node: Callable[[int, int], bytes]) -> bytes:
    """Words of a multiproof: level by level, left to right, what two known neighbours do not give."""
    out = bytearray()
    level = sorted(leaves)
    for height in range(depth):
        parents: list[int] = []
        at = 0
        while at < len(level):
            index = level[at]
            if index % 2 == 0 and at + 1 < len(level) and level[at + 1] == index + 1:
                at += 2
            else:
                out += node(height, index ^ 1)
                at += 1
            parents.append(index >> 1)
        level = parents
    return bytes(out)


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "big")
