"""Operators that only move elements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final

from onus.trace._descriptor import MAX_RANK, ravel, unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._errors import LimitExceeded
from onus.trace._operators._base import Box, Lowered, Operand, Operator, Read, Source

_MOVED: Final = (DType.BOOL, DType.INT8, DType.INT16, DType.INT32)
MAX_INPUTS: Final = 255
"""Operands of an entry."""


class Identity(Operator):
    """The same elements."""

    opcode: ClassVar[Opcode] = Opcode.IDENTITY

    def lower(self, source: Source) -> Lowered:
        source.operands(1)
        operand = source.tensor(0)
        source.makes(operand.dtype, operand.shape)
        return Lowered({}, (operand,))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        return read(0, element)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return (box,)


class Reshape(Operator):
    """The same elements in row-major order, in another shape."""

    opcode: ClassVar[Opcode] = Opcode.RESHAPE

    def lower(self, source: Source) -> Lowered:
        source.operands(2)
        operand, shape = source.tensor(0, *_MOVED), source.dimensions(1)
        source.makes(operand.dtype, shape)
        source.require(_count(operand) == _product(shape), f"{operand.shape} cannot be reshaped to {shape}")
        return Lowered({}, (operand,))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        return read(0, element)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        source, target = entry.inputs[0].shape, entry.output.shape
        if box == target:
            return (source,)
        # Where all axes but those of length 1 agree, so does the block.
        if [d for d in source if d > 1] == [d for d in target if d > 1]:
            kept = iter(extent for extent, d in zip(box, target, strict=True) if d > 1)
            return (tuple(next(kept) if d > 1 else 1 for d in source),)
        count = _product(box)
        if count == 1:
            return ((1,) * len(source),)
        # Whole last axes stay runs inside the old last axis if that is a multiple.
        if count == box[-1] == target[-1] and source and source[-1] % count == 0:
            return ((1,) * (len(source) - 1) + (count,),)
        return (None,)


class Concat(Operator):
    """The inputs one after the other along an axis."""

    opcode: ClassVar[Opcode] = Opcode.CONCAT
    reader: ClassVar[str] = "ConcatAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (("Axis", "i32"),)

    def lower(self, source: Source) -> Lowered:
        source.require(bool(source.inputs), "there is nothing to concatenate")
        operands = [source.tensor(k, *_MOVED) for k in range(len(source.inputs))]
        first = operands[0]
        axis = _axis(source, len(first.shape))
        for operand in operands:
            source.require(
                operand.dtype is first.dtype
                and _without(operand.shape, axis) == _without(first.shape, axis)
                and len(operand.shape) == len(first.shape),
                f"{first.shape} and {operand.shape} cannot be concatenated along axis {axis}",
            )
        length = sum(operand.shape[axis] for operand in operands)
        source.makes(first.dtype, (*first.shape[:axis], length, *first.shape[axis + 1 :]))
        if len(operands) > MAX_INPUTS:
            raise LimitExceeded("inputs of an operator", len(operands), MAX_INPUTS, source.place)
        return Lowered({"axis": axis}, tuple(operands))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        axis = entry.attributes["axis"]
        coordinates = unravel(element, entry.output.shape)
        for number, operand in enumerate(entry.inputs):
            if coordinates[axis] < operand.shape[axis]:
                return read(number, ravel(coordinates, operand.shape))
            coordinates[axis] -= operand.shape[axis]
        raise IndexError(element)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return tuple(
            tuple(min(extent, d) for extent, d in zip(box, operand.shape, strict=True))
            for operand in entry.inputs
        )


class _Mover(Operator):
    """Elements of one operand in other places: coordinate by coordinate."""

    @abstractmethod
    def origin(self, entry: Entry, coordinates: Sequence[int]) -> list[int]:
        """Coordinates in the operand of the element at some coordinates of the output."""

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        coordinates = unravel(element, entry.output.shape)
        return read(0, ravel(self.origin(entry, coordinates), entry.inputs[0].shape))

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return (tuple(min(extent, d) for extent, d in zip(box, entry.inputs[0].shape, strict=True)),)


class Pad(_Mover):
    """A border of one value around the operand."""

    opcode: ClassVar[Opcode] = Opcode.PAD

    def lower(self, source: Source) -> Lowered:
        source.operands(3)
        operand = source.tensor(0, *_MOVED)
        padding = source.dimensions(1, 2 * len(operand.shape))
        (pad_const,) = source.constant(2, operand.dtype)
        before, after = padding[::2], padding[1::2]
        source.require(min(padding, default=0) >= 0, f"the padding {padding} is negative")
        source.makes(operand.dtype, [sum(part) for part in zip(before, operand.shape, after, strict=True)])
        return Lowered({**_each("before", before), "pad_const": pad_const}, (operand,))

    def origin(self, entry: Entry, coordinates: Sequence[int]) -> list[int]:
        return [c - entry.attributes[f"before{k}"] for k, c in enumerate(coordinates)]

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        place = self.origin(entry, unravel(element, entry.output.shape))
        shape = entry.inputs[0].shape
        if all(0 <= c < d for c, d in zip(place, shape, strict=True)):
            return read(0, ravel(place, shape))
        return entry.attributes["pad_const"]


class Reverse(_Mover):
    """One axis backwards."""

    opcode: ClassVar[Opcode] = Opcode.REVERSE
    reader: ClassVar[str] = "ReverseAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (("Axis", "i32"),)

    def lower(self, source: Source) -> Lowered:
        source.operands(1)
        operand = source.tensor(0, *_MOVED)
        source.makes(operand.dtype, operand.shape)
        return Lowered({"axis": _axis(source, len(operand.shape))}, (operand,))

    def origin(self, entry: Entry, coordinates: Sequence[int]) -> list[int]:
        axis = entry.attributes["axis"]
        return [entry.output.shape[k] - 1 - c if k == axis else c for k, c in enumerate(coordinates)]


class Slice(_Mover):
    """A block of the operand."""

    opcode: ClassVar[Opcode] = Opcode.SLICE

    def lower(self, source: Source) -> Lowered:
        source.operands(3)
        operand = source.tensor(0, *_MOVED)
        rank = len(operand.shape)
        start, size = source.dimensions(1, rank), source.dimensions(2, rank)
        source.require(
            all(s >= 0 and s + n <= d for s, n, d in zip(start, size, operand.shape, strict=True)),
            f"{size} from {start} on is not inside {operand.shape}",
        )
        source.makes(operand.dtype, size)
        return Lowered(_each("start", start), (operand,))

    def origin(self, entry: Entry, coordinates: Sequence[int]) -> list[int]:
        return [c + entry.attributes[f"start{k}"] for k, c in enumerate(coordinates)]


class Tile(_Mover):
    """The operand several times along each axis."""

    opcode: ClassVar[Opcode] = Opcode.TILE

    def lower(self, source: Source) -> Lowered:
        source.operands(2)
        operand = source.tensor(0, *_MOVED)
        multiples = source.dimensions(1, len(operand.shape))
        source.makes(operand.dtype, [d * m for d, m in zip(operand.shape, multiples, strict=True)])
        return Lowered({}, (operand,))

    def origin(self, entry: Entry, coordinates: Sequence[int]) -> list[int]:
        return [c % d for c, d in zip(coordinates, entry.inputs[0].shape, strict=True)]

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        # A block may begin at the end of the operand and go on at its start.
        source = entry.inputs[0].shape
        axes = zip(box, source, entry.output.shape, strict=True)
        return (tuple(extent if extent == 1 or d == whole else d for extent, d, whole in axes),)


class Transpose(_Mover):
    """Axes in another order: out[i_0 …] = in[j] with j[perms[k]] = i_k."""

    opcode: ClassVar[Opcode] = Opcode.TRANSPOSE
    reader: ClassVar[str] = "TransposeAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (("Perms", "i32*"),)

    def lower(self, source: Source) -> Lowered:
        source.operands(1)
        operand = source.tensor(0, *_MOVED)
        rank = len(operand.shape)
        perms = source.numbers("Perms", rank, 0, max(rank - 1, 0))
        source.require(sorted(perms) == list(range(rank)), f"Perms {perms} is no permutation")
        source.makes(operand.dtype, [operand.shape[axis] for axis in perms])
        return Lowered(_each("perm", perms), (operand,))

    def origin(self, entry: Entry, coordinates: Sequence[int]) -> list[int]:
        moved = [0] * len(coordinates)
        for axis, coordinate in zip(permutation(entry), coordinates, strict=True):
            moved[axis] = coordinate
        return moved

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return (tuple(self.origin(entry, box)),)


def permutation(entry: Entry) -> tuple[int, ...]:
    """The axes of a TRANSPOSE entry, one for each axis of its output."""
    return tuple(entry.attributes[f"perm{k}"] for k in range(entry.output.rank))


def _product(shape: tuple[int, ...]) -> int:
    out = 1
    for dimension in shape:
        out *= dimension
    return out


def _count(operand: Operand) -> int:
    return _product(operand.shape)


def _each(name: str, values: Sequence[int]) -> dict[str, int]:
    """An attribute with a number for each axis, 0 beyond the rank."""
    return {f"{name}{k}": values[k] if k < len(values) else 0 for k in range(MAX_RANK)}


def _axis(source: Source, rank: int) -> int:
    axis = int(source.attributes["Axis"])
    source.require(0 <= axis < rank, f"there is no axis {axis} in rank {rank}")
    return axis


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]
