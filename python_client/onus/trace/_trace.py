"""Committed executions: of a batch, of one inference, and of one that is only partly known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from onus.protocol.merkle import keccak256
from onus.trace._descriptor import CHUNK, Descriptor
from onus.trace._dtypes import Array, Bytes
from onus.trace._errors import NotRevealed, PositionError
from onus.trace._program import Program
from onus.trace._tree import EMPTY, Tree, tree_depth, tree_width


class CommittedTrace(Protocol):
    """What an operator committed to in one execution, as far as it is known."""

    @property
    def program(self) -> Program:
        """The model."""

    def slot_root(self, slot: int) -> bytes:
        """Root of a slot's tensor, 32 bytes."""

    def trace_node(self, level: int, index: int) -> bytes:
        """Node of the trace tree; level 0 is the slots' roots. Beyond the real width it is padding."""

    def tensor_node(self, slot: int, level: int, index: int) -> bytes:
        """Node of a slot's tree; level 0 is the chunks' hashes. Beyond the real width it is padding."""

    def chunk(self, slot: int, index: int) -> bytes:
        """A chunk, 128 bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class TraceBatch:
    """Executions of one model, committed to.

    Attributes:
        program: the model.
        tensors: elements of each slot, (batch, *shape).
        slot_roots: roots of the slots, (batch, slots, 32).
        roots: roots of the traces, (batch, 32).
        raw_inputs: committed bytes of each input slot, (batch, chunks * 128), where they are not what the
            elements encode to; else None.
    """

    program: Program
    tensors: tuple[Array, ...]
    slot_roots: Bytes
    roots: Bytes
    raw_inputs: tuple[Bytes | None, ...]

    def __len__(self) -> int:
        return len(self.roots)

    def __getitem__(self, index: int) -> Trace:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return Trace(
            self.program,
            tuple(tensor[index] for tensor in self.tensors),
            tuple(root.tobytes() for root in self.slot_roots[index]),
            tuple(None if raw is None else raw[index] for raw in self.raw_inputs),
        )

    def __iter__(self) -> Iterator[Trace]:
        return (self[index] for index in range(len(self)))

    @property
    def outputs(self) -> tuple[Array, ...]:
        """Elements of each output, (batch, *shape)."""
        return tuple(self.tensors[slot] for slot in self.program.output_slots)

    @property
    def trace_roots(self) -> list[bytes]:
        """Root of each trace."""
        return [root.tobytes() for root in self.roots]

    @property
    def input_roots(self) -> list[bytes]:
        """`inputRoot` of each inference."""
        return self._roots(range(len(self.program.inputs)))

    @property
    def output_roots(self) -> list[bytes]:
        """`outputRoot` of each inference."""
        return self._roots(self.program.output_slots)

    def _roots(self, slots: range) -> list[bytes]:
        if len(slots) == 1:
            return [root.tobytes() for root in self.slot_roots[:, slots[0]]]
        return [Tree(roots[slots.start : slots.stop]).root for roots in self.slot_roots]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One committed execution: what its operator answers demands from.

    Trees of single tensors are built when they are first asked for.

    Attributes:
        program: the model.
        tensors: elements of each slot, of its shape.
        slot_roots: root of each slot's tensor.
        raw_inputs: committed bytes of each input slot where they are not what the elements encode to.
    """

    program: Program
    tensors: tuple[Array, ...]
    slot_roots: tuple[bytes, ...]
    raw_inputs: tuple[Bytes | None, ...]
    _trees: dict[int, tuple[Bytes, Tree]] = field(default_factory=dict, repr=False)
    _trace_tree: list[Tree] = field(default_factory=list, repr=False)

    @property
    def trace_root(self) -> bytes:
        """Root of the trace tree."""
        return self._top().root

    @property
    def input_root(self) -> bytes:
        """Root of the inputs."""
        return root_of(self.slot_roots[: len(self.program.inputs)])

    @property
    def output_root(self) -> bytes:
        """Root of the outputs."""
        return root_of(self.slot_roots[self.program.output_slots.start :])

    @property
    def outputs(self) -> tuple[Array, ...]:
        """Elements of each output."""
        return tuple(self.tensors[slot] for slot in self.program.output_slots)

    @property
    def input_bytes(self) -> bytes:
        """Committed encodings of the inputs, one after the other, without padding."""
        return b"".join(self.committed(slot) for slot in range(len(self.program.inputs)))

    @property
    def output_bytes(self) -> bytes:
        """Committed encodings of the outputs, one after the other, without padding."""
        return b"".join(self.committed(slot) for slot in self.program.output_slots)

    def descriptor(self, slot: int) -> Descriptor:
        """What is in a slot.

        Raises:
            PositionError: if there is no such slot.
        """
        slots = self.program.slots
        if not 0 <= slot < len(slots):
            raise PositionError("slot", slot, len(slots))
        return slots[slot]

    def committed(self, slot: int) -> bytes:
        """Committed bytes of a slot, without padding."""
        return self._tensor(slot)[0][: self.descriptor(slot).size].tobytes()

    def trace_nodes(self, level: int, first: int, count: int) -> list[bytes]:
        """Neighbouring real nodes of the trace tree; level 0 is the slots' roots.

        Raises:
            PositionError: if one of them is beyond the level's real width.
        """
        _check_range("trace node", first, count, _width("trace level", len(self.slot_roots), level))
        return [self.trace_node(level, index) for index in range(first, first + count)]

    def tensor_nodes(self, slot: int, level: int, first: int, count: int) -> list[bytes]:
        """Neighbouring real nodes of a slot's tree; level 0 is the hashes of the chunks.

        Raises:
            PositionError: if one of them is beyond the level's real width.
        """
        width = _width("tensor level", self.descriptor(slot).chunks, level)
        _check_range("tensor node", first, count, width)
        return [self.tensor_node(slot, level, index) for index in range(first, first + count)]

    def input_nodes(self, level: int, first: int, count: int) -> list[bytes]:
        """Neighbouring real nodes of the tree of the inputs' roots, for models with several inputs.

        Raises:
            PositionError: if one of them is beyond the level's real width.
        """
        roots = self.slot_roots[: len(self.program.inputs)]
        _check_range("input node", first, count, _width("input level", len(roots), level))
        tree = Tree.of_hashes(roots)
        return [tree.node(level, index) for index in range(first, first + count)]

    def chunks(self, slot: int, first: int, count: int) -> list[bytes]:
        """Neighbouring chunks of a slot, 128 bytes each.

        Raises:
            PositionError: if one of them does not exist.
        """
        _check_range("chunk", first, count, self.descriptor(slot).chunks)
        return [self.chunk(slot, index) for index in range(first, first + count)]

    def slot_root(self, slot: int) -> bytes:
        """Root of a slot's tensor."""
        self.descriptor(slot)
        return self.slot_roots[slot]

    def trace_node(self, level: int, index: int) -> bytes:
        """As in `CommittedTrace`."""
        return self._top().node(level, index)

    def tensor_node(self, slot: int, level: int, index: int) -> bytes:
        """As in `CommittedTrace`."""
        return self._tensor(slot)[1].node(level, index)

    def chunk(self, slot: int, index: int) -> bytes:
        """As in `CommittedTrace`."""
        return self._tensor(slot)[0][index * CHUNK : (index + 1) * CHUNK].tobytes()

    def _top(self) -> Tree:
        if not self._trace_tree:
            self._trace_tree.append(Tree.of_hashes(self.slot_roots))
        return self._trace_tree[0]

    def _tensor(self, slot: int) -> tuple[Bytes, Tree]:
        found = self._trees.get(slot)
        if found is None:
            descriptor = self.descriptor(slot)
            raw = self.raw_inputs[slot] if slot < len(self.raw_inputs) else None
            data = descriptor.commit(self.tensors[slot][None])[0] if raw is None else raw
            found = self._trees[slot] = (data, Tree.of_chunks(data))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class PartialTrace:
    """An operator's trace as a watcher knows it: its own execution, and what the operator revealed.

    Revealed parts are taken as given: whoever adds them has checked them against a root, or the chain has. A
    slot whose root is the own one is known whole; of other slots only what was revealed is, and what follows
    from it.

    Attributes:
        own: the watcher's own execution of the same input.
        trace_nodes: revealed nodes of the trace tree by (level, index).
        tensor_nodes: revealed nodes of tensor trees by (slot, level, index).
        chunks: revealed chunks by (slot, index).
    """

    own: Trace
    trace_nodes: Mapping[tuple[int, int], bytes] = field(default_factory=dict)
    tensor_nodes: Mapping[tuple[int, int, int], bytes] = field(default_factory=dict)
    chunks: Mapping[tuple[int, int], bytes] = field(default_factory=dict)

    @property
    def program(self) -> Program:
        """The model."""
        return self.own.program

    def with_trace_nodes(self, level: int, first: int, hashes: Sequence[bytes]) -> PartialTrace:
        """Adds neighbouring nodes of the trace tree."""
        added = {(level, first + k): node for k, node in enumerate(hashes)}
        return PartialTrace(self.own, {**self.trace_nodes, **added}, self.tensor_nodes, self.chunks)

    def with_tensor_nodes(self, slot: int, level: int, first: int, hashes: Sequence[bytes]) -> PartialTrace:
        """Adds neighbouring nodes of a slot's tree."""
        added = {(slot, level, first + k): node for k, node in enumerate(hashes)}
        return PartialTrace(self.own, self.trace_nodes, {**self.tensor_nodes, **added}, self.chunks)

    def with_chunks(self, slot: int, first: int, chunks: Sequence[bytes]) -> PartialTrace:
        """Adds neighbouring chunks of a slot."""
        added = {(slot, first + k): chunk for k, chunk in enumerate(chunks)}
        return PartialTrace(self.own, self.trace_nodes, self.tensor_nodes, {**self.chunks, **added})

    def slot_root(self, slot: int) -> bytes:
        """As in `CommittedTrace`.

        Raises:
            NotRevealed: if the root is not known.
        """
        return self.trace_node(0, slot)

    def trace_node(self, level: int, index: int) -> bytes:
        """As in `CommittedTrace`.

        Raises:
            NotRevealed: if the node is not known and does not follow from known ones.
        """
        return self._derive(level, index, len(self.own.slot_roots), self._known_trace_node, None)

    def tensor_node(self, slot: int, level: int, index: int) -> bytes:
        """As in `CommittedTrace`.

        Raises:
            NotRevealed: if the node is not known and does not follow from known ones.
        """
        if self._is_own(slot):
            return self.own.tensor_node(slot, level, index)

        def known(level: int, index: int) -> bytes | None:
            node = self.tensor_nodes.get((slot, level, index))
            if node is None and level == 0 and (slot, index) in self.chunks:
                return keccak256(self.chunks[slot, index])
            return node

        return self._derive(level, index, self.own.descriptor(slot).chunks, known, slot)

    def chunk(self, slot: int, index: int) -> bytes:
        """As in `CommittedTrace`.

        Raises:
            NotRevealed: if the chunk is not known.
        """
        if (slot, index) in self.chunks:
            return self.chunks[slot, index]
        # Equal hashes are equal chunks.
        own = self.own.chunk(slot, index)
        if self._is_own(slot) or self.tensor_nodes.get((slot, 0, index)) == self.own.tensor_node(
            slot, 0, index
        ):
            return own
        raise NotRevealed("chunk", slot, 0, index)

    def _is_own(self, slot: int) -> bool:
        return self._known_trace_node(0, slot) == self.own.slot_root(slot)

    def _known_trace_node(self, level: int, index: int) -> bytes | None:
        node = self.trace_nodes.get((level, index))
        if node is not None:
            return node
        # What lies below a revealed node that equals the own one is the own trace.
        for up in range(1, tree_depth(len(self.own.slot_roots)) - level + 1):
            above = self.trace_nodes.get((level + up, index >> up))
            if above is not None:
                equal = above == self.own.trace_node(level + up, index >> up)
                return self.own.trace_node(level, index) if equal else None
        return None

    def _derive(self, level: int, index: int, leaves: int, known: _Known, slot: int | None) -> bytes:
        if index >= tree_width(leaves, level):
            return bytes(EMPTY[level])
        node = known(level, index)
        if node is not None:
            return node
        if level == 0:
            raise NotRevealed("trace node" if slot is None else "tensor node", slot, level, index)
        left, right = (self._derive(level - 1, 2 * index + k, leaves, known, slot) for k in (0, 1))
        return keccak256(left + right)


class _Known(Protocol):
    def __call__(self, level: int, index: int) -> bytes | None: ...


def root_of(roots: Sequence[bytes]) -> bytes:
    """Root of the tree of some roots: of one, itself."""
    return Tree.of_hashes(roots).root


def _width(what: str, leaves: int, level: int) -> int:
    if not 0 <= level <= tree_depth(leaves):
        raise PositionError(what, level, tree_depth(leaves) + 1)
    return tree_width(leaves, level)


def _check_range(what: str, first: int, count: int, width: int) -> None:
    if not 0 <= first < width:
        raise PositionError(what, first, width)
    if count < 0 or first + count > width:
        raise PositionError(what, first + count - 1, width)
