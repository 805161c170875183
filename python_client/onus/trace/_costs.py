"""What it takes to prove one element, bounded from above, and the limits that follow from a transaction's
size.

The bounds hold for every element of a tensor: they count reads by operator and shape, not by position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Final

from onus.trace._descriptor import CHUNK, Descriptor, Kind
from onus.trace._dtypes import DType
from onus.trace._entry import Entry
from onus.trace._errors import LimitExceeded, Place
from onus.trace._operators import OPERATORS, RENAMES, Box

MAX_EVIDENCE: Final = 64 * 1024
"""Bytes of evidence."""
MAX_GAS: Final = 12_000_000
"""Gas of a whole transaction, of the 16,777,216 one may have."""
MAX_CONTRACTION: Final = 30_000
"""Products summed in one element."""
MAX_EVALUATIONS: Final = 2_000
"""Elements computed for one element, itself included."""
MAX_DEPTH: Final = 64
"""Longest chain of elements computed from one another; an operator with a window counts three times.

The contract counts in the same way and stops at 72, where its stack would end."""
MAX_TENSORS: Final = 4_096
"""Slots, entries and constants, each."""
MAX_CHUNKS: Final = 1 << 24
"""Chunks of a tensor."""

# Estimates of gas, each above what was measured: tests/trace/test_models_on_chain.py holds them against the
# contract. Only `MAX_GAS` and the choice of what to materialise depend on them.
_CALL: Final = 160_000  # transaction, receipt and its path, verdict
_BYTE: Final = 16
_BYTE_FLOOR: Final = 40  # EIP-7623: what a byte costs at least in the whole transaction
_EVALUATION: Final = 3_000
_WINDOW: Final = 2_500  # more, of an operator that reads many elements
_PRODUCT: Final = 30  # an element of two runs of bytes that are multiplied eight at a time
_READ: Final = 1_300  # an element alone
_READ_STORED: Final = 3_000  # the same, if the tensor is not row-major: its coordinates must be found
_LINE: Final = 3_000  # finding the first of elements that are taken one after another
_STEP: Final = 110  # each of them, if no chunk lies between two
_CHUNK: Final = 400
_WORD: Final = 150  # a sibling folded in


@dataclass(frozen=True, slots=True)
class StepCost:
    """Upper bounds for proving one element of a tensor.

    Attributes:
        evidence_bytes: size of the evidence.
        evaluations: elements computed.
        products: products summed.
        contraction: products summed for one of the elements.
        depth: longest chain of elements computed from one another, a window counting three times.
        gas: estimate for the whole transaction.
    """

    evidence_bytes: int
    evaluations: int
    products: int
    contraction: int
    depth: int
    gas: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What computing one element of a tensor takes, without evidence; as in `StepCost`."""

    evaluations: int
    products: int
    contraction: int
    depth: int
    gas: int


def counts(entry: Entry, inputs: Sequence[Counts | None]) -> Counts:
    """Counts of one element of an entry's output.

    Args:
        entry: the operator.
        inputs: the same of each input; None if its elements are committed, maybe under another name.
    """
    operator = OPERATORS[entry.opcode]
    reads = operator.reads(entry)
    if entry.opcode in RENAMES:
        return inputs[0] or Counts(0, 0, 0, 0, reading_gas(entry, 0, entry.inputs[0], is_packed=False))
    evaluations, depth = 1, 0
    gas = _EVALUATION + (_WINDOW if operator.gathers else 0)
    products = contraction = reads[0] if operator.contracts else 0
    factors = entry.inputs[:2] if operator.contracts else ()
    # Elements are found anew if those they are multiplied with must be computed.
    is_alone = operator.contracts and any(below is not None for below in inputs[:2])
    is_packed = (
        bool(operator.packs)
        and not is_alone
        and all(
            factor.dtype is DType.INT8 and factor.layout == layout
            for factor, layout in zip(factors, operator.packs, strict=True)
        )
    )
    for number, (count, descriptor, below) in enumerate(zip(reads, entry.inputs, inputs, strict=True)):
        if below is not None:
            evaluations += count * below.evaluations
            products += count * below.products
            contraction = max(contraction, below.contraction)
            depth = max(depth, below.depth)
            gas += count * below.gas
        else:
            gas += reading_gas(
                entry, number, descriptor, is_packed=is_packed and number < 2, is_alone=is_alone
            )
    return Counts(evaluations, products, contraction, depth + (3 if operator.gathers else 1), gas)


def reading_gas(
    entry: Entry, number: int, descriptor: Descriptor, *, is_packed: bool, is_alone: bool = False
) -> int:
    """Estimate for reading what one element of an entry's output needs of an operand, if that is committed.

    Args:
        entry: an operator.
        number: which operand.
        descriptor: the operand as it is stored.
        is_packed: whether many of its elements are multiplied at a time.
        is_alone: whether each is found anew, though the operator could take one after another.
    """
    operator = OPERATORS[entry.opcode]
    count = operator.reads(entry)[number]
    if is_packed:
        return count * _PRODUCT
    walk = operator.walks(entry)[number]
    # The contract finds each element of other types anew.
    if walk is None or is_alone or descriptor.dtype not in (DType.INT8, DType.INT16, DType.INT32):
        return count * (_READ_STORED if descriptor.layout else _READ)
    is_near = descriptor.stride(walk.axis) * descriptor.dtype.size <= CHUNK
    return walk.lines * _LINE + count * (_STEP if is_near else _READ)


@dataclass(frozen=True, slots=True)
class Reach:
    """Elements of a tensor that one step may read: a block, or a number of elements anywhere."""

    box: Box | None
    elements: int

    def chunks(self, descriptor: Descriptor) -> tuple[int, int]:
        """Most chunks and runs of chunks that hold them, in the tensor's layout."""
        size = descriptor.dtype.size
        if self.box is None:
            most = min(self.elements, descriptor.chunks)
            return most, most
        order = descriptor.layout or range(descriptor.rank)
        extents = [self.box[axis] for axis in order]
        shape = [descriptor.shape[axis] for axis in order]
        best = (descriptor.chunks, descriptor.chunks)
        # Cut before axis k: the outer extents give the number of runs, the inner ones the length of one.
        for k in range(len(shape) + 1):
            runs = prod(extents[:k])
            span = 1
            for axis in range(k, len(shape)):
                span += (extents[axis] - 1) * prod(shape[axis + 1 :])
            chunks = -(-(CHUNK - size + span * size) // CHUNK)
            total = min(runs * chunks, descriptor.chunks)
            best = min(best, (total, min(runs, total)))
        return best

    def gas(self, descriptor: Descriptor) -> int:
        """Estimate for opening the chunks that hold them."""
        chunks, runs = self.chunks(descriptor)
        words = min(siblings(chunks, descriptor.depth), 2 * runs * descriptor.depth)
        return chunks * (_CHUNK + _BYTE * CHUNK) + words * (_WORD + _BYTE * 32)


def step_cost(
    root: Entry,
    producer: Callable[[Descriptor], Entry],
    *,
    slots: int,
    constants: int,
    entries: int,
) -> StepCost:
    """Bounds for one element of an entry's output.

    Args:
        root: the entry that makes a slot.
        producer: the entry that makes a virtual tensor.
        slots: leaves of the trace tree.
        constants: leaves of the weights tree.
        entries: leaves of the program tree.
    """
    memo: dict[int, Counts] = {}
    opened: dict[bytes, Entry] = {}
    reached: dict[Descriptor, list[Reach]] = {}

    def below(descriptor: Descriptor) -> Counts | None:
        base = descriptor
        while not base.is_committed and producer(base).opcode in RENAMES:
            base = producer(base).inputs[0]
        is_stored = base.is_committed and (base is descriptor or not base.layout)
        return None if is_stored else count(producer(descriptor))

    def count(entry: Entry) -> Counts:
        key = id(entry)
        if key not in memo:
            memo[key] = counts(entry, [below(descriptor) for descriptor in entry.inputs])
        return memo[key]

    def visit(entry: Entry, reach: Reach) -> None:
        opened[entry.output.encode()] = entry
        operator = OPERATORS[entry.opcode]
        boxes = operator.boxes(entry, reach.box) if reach.box is not None else (None,) * len(entry.inputs)
        for descriptor, box, reads in zip(entry.inputs, boxes, operator.reads(entry), strict=True):
            most = prod(box) if box is not None else reach.elements * reads
            needed = Reach(box, min(most, descriptor.count))
            if descriptor.is_committed:
                reached.setdefault(descriptor, []).append(needed)
            else:
                visit(producer(descriptor), needed)

    total = count(root)
    if root.opcode in RENAMES:
        total = replace(
            total, evaluations=total.evaluations + 1, depth=total.depth + 1, gas=total.gas + _EVALUATION
        )
    if total.evaluations > MAX_EVALUATIONS or total.depth > MAX_DEPTH:
        # Not worth visiting, and it could take long: the bounds are exceeded already.
        return StepCost(0, total.evaluations, total.products, total.contraction, total.depth, total.gas)
    visit(root, Reach((1,) * root.output.rank, 1))

    tensors = {**reached}
    tensors.setdefault(root.output, []).append(Reach((1,) * root.output.rank, 1))
    size, words, chunk_total = 11, 0, 0
    for entry in opened.values():
        size += 2 + 32 * (2 + len(entry.inputs)) + 2 * len(entry.inputs)
    trace_leaves = weight_leaves = 0
    for descriptor, reaches in tensors.items():
        chunks = runs = 0
        for reach in reaches:
            more, more_runs = reach.chunks(descriptor)
            chunks, runs = chunks + more, runs + more_runs
        chunks = min(chunks, descriptor.chunks)
        runs = min(runs, chunks)
        size += 5 + 6 * runs + CHUNK * chunks
        words += min(siblings(chunks, descriptor.depth), 2 * runs * descriptor.depth)
        chunk_total += chunks
        if descriptor.kind is Kind.CONSTANT:
            weight_leaves += 1
        else:
            trace_leaves += 1
    words += siblings(trace_leaves, (slots - 1).bit_length())
    words += siblings(weight_leaves, (constants - 1).bit_length()) if weight_leaves else 0
    words += siblings(len(opened), (entries - 1).bit_length())
    size += 32 * words
    execution = total.gas + chunk_total * _CHUNK + words * _WORD
    gas = _CALL + max(execution + _BYTE * size, _BYTE_FLOOR * size)
    return StepCost(size, total.evaluations, total.products, total.contraction, total.depth, gas)


def siblings(leaves: int, depth: int) -> int:
    """Most siblings in a multiproof of some leaves of a tree."""
    return sum(min(leaves, 1 << level) for level in range(depth))


def check(cost: StepCost, place: Place) -> None:
    """Refuses a step that could not be proven.

    Raises:
        LimitExceeded: with the limit, what is needed and the operator.
    """
    needs: Mapping[str, tuple[int, int]] = {
        "products of one element": (cost.contraction, MAX_CONTRACTION),
        "evaluations of one element": (cost.evaluations, MAX_EVALUATIONS),
        "depth of one element": (cost.depth, MAX_DEPTH),
        "bytes of evidence": (cost.evidence_bytes, MAX_EVIDENCE),
        "gas of a proof": (cost.gas, MAX_GAS),
    }
    for limit, (value, maximum) in needs.items():
        if value > maximum:
            raise LimitExceeded(limit, value, maximum, place)
