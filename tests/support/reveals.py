"""docs/protocol.md, Forced reveals, in plain Python: what exists below a receipt's roots, and what answers.

Shares nothing with `onus.trace` nor with the contract: every node of a tree is computed, padding included,
and a node or path is looked up. So it is slow, and easy to believe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import prod

from onus.protocol import (
    Demand,
    DemandKind,
    MerkleTree,
    ModelCommitment,
    Position,
    TensorWitness,
    keccak256,
)
from tests.support.chain import Revert
from tests.trace.spec import Kind, Type, levels

CHUNK = 128
SPAN = 6
"""Levels of one answer: 64 descendants, or a run of 64 chunks."""
NODES = (DemandKind.TRACE_NODES, DemandKind.TENSOR_NODES, DemandKind.INPUT_NODES)
RUNS = (DemandKind.CHUNKS, DemandKind.INPUT_CHUNKS)
OF_INPUT = (DemandKind.INPUT_NODES, DemandKind.INPUT_CHUNKS)
NO_WITNESS = TensorWitness()


def depth_of(leaves: int) -> int:
    """Levels above that many leaves."""
    depth = 0
    while 1 << depth < leaves:
        depth += 1
    return depth


def real(leaves: int, level: int) -> int:
    """Nodes of a level with a real leaf below them."""
    return -(-leaves // (1 << level))


def chunks_of(size: int) -> int:
    """Leaves of a tensor's tree."""
    return -(-size // CHUNK)


# ---- What exists -------------------------------------------------------------------------------------------


def descriptor(entry: bytes, operand: int) -> bytes:
    """The word of an entry that describes its output (0) or one of its inputs."""
    return entry[32 + 32 * operand :][:32]


def size_shown(entry: bytes, operand: int) -> int:
    """Bytes of the tensor that a descriptor describes, as it is committed; 0 for a type that is none."""
    word = descriptor(entry, operand)
    dimensions = [int.from_bytes(word[8 + 4 * axis :][:4]) for axis in range(min(word[4], 6))]
    count = 0 if word[4] > 6 else prod(dimensions)
    return count * (Type(word[1]).size if word[1] in set(Type) else 0)


def demand_size(
    model: ModelCommitment, position: Position, witness: TensorWitness
) -> tuple[int, int] | Revert:
    """What `IVerifier.demandSize` returns, or its error."""
    kind, slot, level, index = position.kind, position.slot, position.level, position.index
    nowhere = Revert("Verifier_BadPosition", kind, slot, level, index)
    if kind not in (*NODES, *RUNS):
        return nowhere
    if kind is DemandKind.TRACE_NODES:
        if slot:
            return nowhere
        if witness.entry or witness.path:
            return Revert("Verifier_BadWitness", slot)
        size, leaves, above = model.slots, model.slots, 0
    else:
        width = model.inputs if kind in OF_INPUT else model.slots
        if slot >= width:
            return nowhere
        found = _shown(model, slot, witness)
        if isinstance(found, Revert):
            return found
        size, leaves, above = found, chunks_of(found), depth_of(width)
    if kind in NODES:
        exists = 1 <= level <= depth_of(leaves) and index < real(leaves, level)
    else:
        exists = level == 0 and index % (1 << SPAN) == 0 and index < leaves
    return (size, above) if exists else nowhere


def _shown(model: ModelCommitment, slot: int, witness: TensorWitness) -> int | Revert:
    """The size of a slot's tensor by its witness."""
    bad = Revert("Verifier_BadWitness", slot)
    if len(descriptor(witness.entry, witness.operand)) < 32:
        return bad
    if witness.entry_index >= model.entries:
        return Revert("MerkleTree_Index", witness.entry_index, model.entries)
    if len(witness.path) != depth_of(model.entries):
        return Revert("MerkleTree_ProofLength", len(witness.path), depth_of(model.entries))
    word = descriptor(witness.entry, witness.operand)
    if word[1] not in set(Type):
        return Revert("Trace_Type", word[1])
    root = climb(keccak256(witness.entry), witness.entry_index, witness.path)
    kind = Kind.INPUT if slot < model.inputs else Kind.MATERIALISED
    named = word[0] == kind and int.from_bytes(word[2:4]) == slot
    size = size_shown(witness.entry, witness.operand)
    return size if root == model.program_root and named and 0 < size < 1 << 32 else bad


# ---- What answers ------------------------------------------------------------------------------------------


def check_answer(root: bytes, demand: Demand, data: bytes, path: Sequence[bytes]) -> Revert | None:
    """The error of `IVerifier.checkAnswer`, None if it accepts."""
    of_trace = demand.kind is DemandKind.TRACE_NODES
    leaves = demand.size if of_trace else chunks_of(demand.size)
    depth = depth_of(leaves)
    if demand.kind in RUNS:
        level = min(SPAN, depth)
        index = demand.index >> level
        start = demand.index * CHUNK
        expected = min(demand.size - start, CHUNK << SPAN)
        below, nodes = 0, [keccak256(chunk) for chunk in chunked(data)]
    else:
        level, index = demand.level, demand.index
        below = max(0, level - SPAN)
        first = index << (level - below)
        expected = 32 * min(real(leaves, below) - first, 1 << (level - below))
        nodes = [data[at : at + 32] for at in range(0, len(data), 32)]
    if len(data) != expected:
        return Revert("Verifier_WrongLength", expected, len(data))
    top = fold(nodes, below, level - below)
    steps = depth - level
    if len(path) != steps + demand.above:
        # It is missed where it is missed first: in the tensor's tree, then above it.
        needed = steps if len(path) < steps else steps + demand.above
        return Revert("Verifier_WrongLength", 32 * needed, 32 * len(path))
    found = climb(climb(top, index, path[:steps]), demand.slot, path[steps:])
    return None if found == root else Revert("Verifier_WrongData", root, found)


def chunked(data: bytes) -> list[bytes]:
    """In chunks, the last one filled up."""
    return [data[at : at + CHUNK].ljust(CHUNK, b"\0") for at in range(0, len(data), CHUNK)]


@cache
def padding(level: int) -> bytes:
    """The node of a level above nothing but zero words."""
    return bytes(32) if level == 0 else keccak256(padding(level - 1) * 2)


def fold(nodes: Sequence[bytes], level: int, levels_up: int) -> bytes:
    """The node above nodes of a level, filled up to their full number."""
    row = [*nodes, *[padding(level)] * ((1 << levels_up) - len(nodes))]
    while len(row) > 1:
        row = [keccak256(row[at] + row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def climb(node: bytes, index: int, path: Sequence[bytes]) -> bytes:
    """The node above, with its siblings on the way."""
    for sibling in path:
        node = keccak256(sibling + node if index & 1 else node + sibling)
        index >>= 1
    return node


class Committed:
    """Every node of the trees over one execution.

    Args:
        tensors: committed bytes of each slot, without padding.
        inputs: how many of them are inputs.
        leaves: other leaves of a slot's tree than the tensor has, by slot.
        roots: other leaves of the trace tree than the slots' roots, by leaf.
    """

    def __init__(
        self,
        tensors: Sequence[bytes],
        inputs: int,
        *,
        leaves: Mapping[int, Sequence[bytes]] | None = None,
        roots: Mapping[int, bytes] | None = None,
    ) -> None:
        self.tensors, self.leaves = tensors, leaves or {}
        self.trees = [
            levels(self.leaves.get(slot) or [keccak256(chunk) for chunk in chunked(data)])
            for slot, data in enumerate(tensors)
        ]
        slots = dict(enumerate(tree[-1][0] for tree in self.trees)) | (roots or {})
        count = max(len(tensors), max(slots) + 1)
        self.trace = levels([slots.get(slot, bytes(32)) for slot in range(count)])
        self.inputs = levels(self.trace[0][:inputs])

    @property
    def trace_root(self) -> bytes:
        """Root of the trace."""
        return self.trace[-1][0]

    @property
    def input_root(self) -> bytes:
        """Root of the inputs."""
        return self.inputs[-1][0]

    def output_root(self, outputs: int) -> bytes:
        """Root of the last tensors."""
        return MerkleTree(self.trace[0][len(self.tensors) - outputs : len(self.tensors)]).root

    def positions(self, inputs: int) -> Iterator[Position]:
        """All that exist."""
        for level in range(1, depth_of(len(self.tensors)) + 1):
            for index in range(real(len(self.tensors), level)):
                yield Position(kind=DemandKind.TRACE_NODES, level=level, index=index)
        for slot, data in enumerate(self.tensors):
            leaves = chunks_of(len(data))
            for nodes, run in _kinds(slot < inputs):
                for level in range(1, depth_of(leaves) + 1):
                    for index in range(real(leaves, level)):
                        yield Position(kind=nodes, slot=slot, level=level, index=index)
                for index in range(0, leaves, 1 << SPAN):
                    yield Position(kind=run, slot=slot, index=index)

    def answer(self, position: Position) -> tuple[bytes, tuple[bytes, ...]]:
        """Data and path: what stands there, and its siblings up to the root."""
        kind, slot, level, index = position.kind, position.slot, position.level, position.index
        tree = self.trace if kind is DemandKind.TRACE_NODES else self.trees[slot]
        if kind in RUNS:
            data = self.tensors[slot][index * CHUNK : (index + (1 << SPAN)) * CHUNK]
            level = min(SPAN, len(tree) - 1)
            index >>= level
        else:
            leaves = (
                len(self.tensors) if kind is DemandKind.TRACE_NODES else chunks_of(len(self.tensors[slot]))
            )
            below = max(0, level - SPAN)
            first, last = index << (level - below), (index + 1) << (level - below)
            data = b"".join(tree[below][first : min(last, real(leaves, below))])
        path = _siblings(tree[level:], index)
        if kind is not DemandKind.TRACE_NODES:
            path += _siblings(self.inputs if kind in OF_INPUT else self.trace, slot)
        return data, path


def _kinds(of_input: bool) -> list[tuple[DemandKind, DemandKind]]:
    below_trace = (DemandKind.TENSOR_NODES, DemandKind.CHUNKS)
    return [below_trace, (DemandKind.INPUT_NODES, DemandKind.INPUT_CHUNKS)] if of_input else [below_trace]


def _siblings(tree: Sequence[Sequence[bytes]], index: int) -> tuple[bytes, ...]:
    return tuple(row[(index >> level) ^ 1] for level, row in enumerate(tree[:-1]))


def witness(entries: Sequence[bytes], model: ModelCommitment, slot: int) -> TensorWitness:
    """The first place in a program where a slot's tensor stands."""
    kind = Kind.INPUT if slot < model.inputs else Kind.MATERIALISED
    named = bytes((kind,)), slot.to_bytes(2)
    index, operand = next(
        (index, operand)
        for index, entry in enumerate(entries)
        for operand in range(len(entry) // 32 - 1)
        if (descriptor(entry, operand)[:1], descriptor(entry, operand)[2:4]) == named
    )
    path = paths(entries)[index]
    return TensorWitness(entry=entries[index], entry_index=index, operand=operand, path=path)


def paths(entries: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """Of each entry in its program's tree."""
    tree = levels([keccak256(entry) for entry in entries])
    return [_siblings(tree, index) for index in range(len(entries))]
