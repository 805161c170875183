"""One element of an execution, computed again from what was committed: the mirror of the contract.

Plain integers, one element at a time, and nothing shared with the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onus.trace._descriptor import Descriptor, Kind
from onus.trace._entry import Entry
from onus.trace._errors import PositionError
from onus.trace._operators import OPERATORS, RENAMES
from onus.trace._program import Program
from onus.trace._trace import CommittedTrace


@dataclass(frozen=True, slots=True)
class Step:
    """The evaluation of one element.

    Attributes:
        slot: slot of the element.
        element: its row-major index.
        computed: what it must be.
        committed: what the operator committed to.
        evaluations: elements computed, this one included.
        chunks: chunks read of each committed tensor, ascending; the element's own chunk is not among them.
    """

    slot: int
    element: int
    computed: int
    committed: int
    evaluations: int
    chunks: Mapping[Descriptor, tuple[int, ...]]

    @property
    def is_fault(self) -> bool:
        """Whether the operator committed to a wrong element."""
        return self.computed != self.committed


def evaluate(
    program: Program,
    entry: Entry,
    element: int,
    read: Callable[[Descriptor, int], int],
    visit: Callable[[], None] | None = None,
) -> int:
    """One element of an entry's output, reduced to its type.

    Args:
        program: the model.
        entry: one of its entries.
        element: row-major index.
        read: value of a committed tensor's element: descriptor, row-major index.
        visit: called once for every element that is computed, not only renamed on the way.
    """
    if visit is not None and (entry.opcode not in RENAMES or entry.output.is_committed):
        visit()

    def operand(number: int, index: int) -> int:
        descriptor = entry.inputs[number]
        if descriptor.kind is Kind.VIRTUAL:
            return evaluate(program, program.entries[descriptor.reference], index, read, visit)
        return read(descriptor, index)

    return entry.output.dtype.wrap(OPERATORS[entry.opcode].evaluate(entry, element, operand))


def step(trace: CommittedTrace, slot: int, element: int) -> Step:
    """Computes an element from the operands that were committed to.

    Args:
        trace: the operator's commitments.
        slot: a slot made by an operator of the model.
        element: row-major index.

    Raises:
        PositionError: if there is no such element.
        NotRevealed: if an operand, or the element itself, is not known.
    """
    program = trace.program
    entry = program.producer(slot)
    if not 0 <= element < entry.output.count:
        raise PositionError("element", element, entry.output.count)
    touched: dict[Descriptor, set[int]] = {}
    reader = _Reader(trace)
    evaluations = 0

    def read(descriptor: Descriptor, index: int) -> int:
        chunk, _ = descriptor.chunk_of(index)
        touched.setdefault(descriptor, set()).add(chunk)
        return reader.value(descriptor, index)

    def visit() -> None:
        nonlocal evaluations
        evaluations += 1

    computed = evaluate(program, entry, element, read, visit)
    return Step(
        slot,
        element,
        computed,
        reader.stored(entry.output, element),
        evaluations,
        {descriptor: tuple(sorted(chunks)) for descriptor, chunks in touched.items()},
    )


class _Reader:
    """Elements of committed tensors, from chunks that are fetched once."""

    def __init__(self, trace: CommittedTrace) -> None:
        self._trace = trace
        self._chunks: dict[tuple[Kind, int, int], bytes] = {}

    def _bytes(self, descriptor: Descriptor, index: int) -> bytes:
        chunk, at = descriptor.chunk_of(index)
        key = (descriptor.kind, descriptor.reference, chunk)
        if key not in self._chunks:
            self._chunks[key] = chunk_of(self._trace, descriptor, chunk)
        return self._chunks[key][at : at + descriptor.dtype.size]

    def value(self, descriptor: Descriptor, index: int) -> int:
        return descriptor.dtype.decode(self._bytes(descriptor, index))

    def stored(self, descriptor: Descriptor, index: int) -> int:
        # Compared as stored: bytes that decode to the value but are not canonical are wrong too.
        return int.from_bytes(self._bytes(descriptor, index), "big", signed=True)


def chunk_of(trace: CommittedTrace, descriptor: Descriptor, chunk: int) -> bytes:
    """A chunk of a committed tensor, of the operator's trace or of a constant."""
    if descriptor.kind is Kind.CONSTANT:
        return trace.program.constants[descriptor.reference].chunk(chunk)
    return trace.chunk(descriptor.reference, chunk)
