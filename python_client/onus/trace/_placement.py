"""Which tensors are committed, and in which layout. Changes cost only, never what is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Final

from onus.trace._costs import Counts, Reach, counts, reading_gas
from onus.trace._descriptor import Descriptor, Kind
from onus.trace._dtypes import DType
from onus.trace._graph import Graph, Node, outline
from onus.trace._operators import OPERATORS, RENAMES, Operand

_SHORT: Final = 64
"""Evaluations that a window or a contraction may cost its readers instead of a committed tensor."""
_INLINE_GAS: Final = 150_000
"""Gas that a pool may spend on computing its cells, contractions included, before they are committed."""
_WIDE: Final = 128
"""Evaluations of one element after which a tensor between elementwise operators is committed."""
_DEEP: Final = 24
"""Depth after which it is."""
_WORTHWHILE_GAS: Final = 60_000
"""Gas of a step that another layout must save to be worth the engine's time."""


def materialise(graph: Graph) -> set[Operand]:
    """Chooses the tensors to commit besides inputs and constants; the outputs are among them.

    Operators that read many elements want them committed, so that a step stays small: for each of their
    operands the narrowest tensor on the chain of one-input operators below it is taken, the nearest of
    equals. A pool may also compute its cells if that is cheap: it keeps a quarter of the bytes of what it
    reads.
    """
    return _Placement(graph).run()


class _Placement:
    def __init__(self, graph: Graph) -> None:
        self._nodes = graph.nodes
        self._producer = {node.output: node for node in graph.nodes}
        self._position = {node.output: index for index, node in enumerate(graph.nodes)}
        self._entries = [node.entry() for node in graph.nodes]
        self._committed = set(graph.outputs)
        self._readers = Counter(o for node in graph.nodes for o in set(node.operands))
        self._counts: dict[Operand, Counts] = {}

    def run(self) -> set[Operand]:
        for index, node in enumerate(self._nodes):
            reads = OPERATORS[node.opcode].reads(self._entries[index])
            if node.gathers:
                for operand, count in zip(node.operands, reads, strict=True):
                    if not self._is_stored(operand) and not self._is_cheap(node, operand, count):
                        self._commit(self._narrowest(operand, count), index)
            self._count(index)
            while self._counts[node.output].evaluations > _WIDE or self._counts[node.output].depth > _DEEP:
                virtual = [o for o in node.operands if not self._is_stored(o)]
                if not virtual:
                    break
                worst = max(virtual, key=lambda o: (self._counts[o].evaluations, self._counts[o].depth))
                self._commit(self._narrowest(worst, 1), index)
                self._count(index)
        return self._committed

    def _is_virtual(self, operand: Operand) -> bool:
        return operand in self._producer and operand not in self._committed

    def _is_stored(self, operand: Operand) -> bool:
        """Whether the elements are those of a committed tensor, maybe under another name."""
        while self._is_virtual(operand) and self._producer[operand].opcode in RENAMES:
            (operand,) = self._producer[operand].operands
        return not self._is_virtual(operand)

    def _count(self, index: int) -> None:
        node = self._nodes[index]
        below = [None if self._is_stored(o) else self._counts[o] for o in node.operands]
        self._counts[node.output] = counts(self._entries[index], below)

    def _commit(self, operand: Operand, reader: int) -> None:
        """Commits a tensor, and counts again what stands between it and a reader."""
        self._committed.add(operand)
        for index in range(self._position[operand] + 1, reader):
            self._count(index)

    def _is_cheap(self, reader: Node, operand: Operand, reads: int) -> bool:
        chain = self._counts[operand]
        if not self._gathers_below(operand):
            return reads * chain.evaluations <= _SHORT
        return not OPERATORS[reader.opcode].contracts and reads * chain.gas <= _INLINE_GAS

    def _gathers_below(self, operand: Operand) -> bool:
        node = self._producer[operand]
        return node.gathers or any(self._gathers_below(o) for o in node.operands if self._is_virtual(o))

    def _narrowest(self, operand: Operand, reads: int) -> Operand:
        best, length = operand, 0
        while True:
            node = self._producer[operand]
            below = [o for o in node.operands if o.values is None]
            length += node.opcode not in RENAMES
            if node.gathers or len(below) != 1 or self._is_stored(below[0]) or reads * length > _SHORT:
                return best
            above, (operand,) = operand, below
            # What has other readers too serves them all if it is committed itself.
            is_shared = self._readers[operand] > 1 and _size(operand) <= 2 * _size(best)
            if _size(operand) < _size(best) or (above is best and is_shared):
                best = operand


def choose_layouts(nodes: Sequence[Node], committed: set[Operand]) -> Mapping[Operand, tuple[int, ...]]:
    """Axis order of constants and of committed tensors where another than row-major makes the dearest step
    cheaper.

    It does if an element of a reader needs few elements far apart: fewer chunks must be opened, though each
    element is dearer to find. Or if elements can then be multiplied many at a time.
    """
    readers: dict[Operand, list[tuple[Node, int]]] = {}
    for node in nodes:
        for number, operand in enumerate(node.operands):
            if operand.values is not None or operand in committed:
                readers.setdefault(operand, []).append((node, number))
    chosen = {}
    for operand, uses in readers.items():
        if any(node.opcode in RENAMES for node, _ in uses):
            # Under another name its elements are found by their row-major order.
            continue
        wanted = {OPERATORS[node.opcode].layouts(node.entry())[number] for node, number in uses} - {()}
        costs = {layout: _dearest(operand, uses, layout) for layout in sorted(wanted)}
        best = min(costs, key=lambda layout: (costs[layout], layout), default=())
        # What an inference makes must be put in order each time; a constant only once.
        saved = 0 if operand.values is not None else _WORTHWHILE_GAS
        if best and costs[best] + saved < _dearest(operand, uses, ()):
            chosen[operand] = best
    return chosen


def _dearest(operand: Operand, uses: Sequence[tuple[Node, int]], layout: tuple[int, ...]) -> int:
    """Gas of opening and reading what one element of the dearest reader needs of a tensor."""
    descriptor = Descriptor(Kind.CONSTANT, operand.dtype, 0, operand.shape, layout)
    dearest = 0
    for node, number in uses:
        operator, entry = OPERATORS[node.opcode], node.entry()
        box = operator.boxes(entry, (1,) * entry.output.rank)[number]
        reads = operator.reads(entry)[number]
        reach = Reach(box, prod(box) if box is not None else reads)
        packs = operator.packs[number : number + 1]
        is_packed = operand.dtype is DType.INT8 and descriptor.layout in packs
        reading = reading_gas(entry, number, descriptor, is_packed=is_packed)
        dearest = max(dearest, reach.gas(descriptor) + reading)
    return dearest


def _size(operand: Operand) -> int:
    return outline(operand).size
