"""Operators that only move elements."""

from __future__ import annotations

from typing import ClassVar, Final

from onus.trace._descriptor import ravel, unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._operators._base import Box, Lowered, Operand, Operator, Read, Source

_MOVED: Final = (DType.BOOL, DType.INT8, DType.INT16, DType.INT32)


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
        operand, shape = source.tensor(0, *_MOVED), source.inputs[1]
        source.require(isinstance(shape, tuple), "input 1 must be a constant shape")
        assert isinstance(shape, tuple)
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


class Transpose(Operator):
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
        return Lowered({f"perm{k}": perms[k] if k < rank else 0 for k in range(6)}, (operand,))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        coordinates = unravel(element, entry.output.shape)
        moved = [0] * len(coordinates)
        for axis, coordinate in zip(permutation(entry), coordinates, strict=True):
            moved[axis] = coordinate
        return read(0, ravel(moved, entry.inputs[0].shape))

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        moved = [1] * len(box)
        for axis, extent in zip(permutation(entry), box, strict=True):
            moved[axis] = extent
        return (tuple(moved),)


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
