"""Operators that take one element of each operand."""

from __future__ import annotations

from typing import ClassVar

from onus.trace._descriptor import ravel, unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._operators._base import Box, Lowered, Operator, Read, Source


class Clamp(Operator):
    """min(max(x, min), max)."""

    opcode: ClassVar[Opcode] = Opcode.CLAMP
    reader: ClassVar[str] = "ClampAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (("MinVal", "u8*"), ("MaxVal", "u8*"), ("NanMode", "u32"))

    def lower(self, source: Source) -> Lowered:
        source.operands(1)
        operand = source.tensor(0, DType.INT8, DType.INT16)
        source.makes(operand.dtype, operand.shape)
        low, high = (self._bound(source, name, operand.dtype) for name in ("MinVal", "MaxVal"))
        source.require(low <= high, f"the smallest value {low} is above the largest {high}")
        return Lowered({"min": low, "max": high}, (operand,))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        return min(max(read(0, element), entry.attributes["min"]), entry.attributes["max"])

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return (box,)

    @staticmethod
    def _bound(source: Source, name: str, dtype: DType) -> int:
        data = bytes(source.attributes[name])
        # Writers may fill the vector up with zero bytes.
        source.require(
            len(data) >= dtype.size and not any(data[dtype.size :]),
            f"{name} must be one element of {dtype.name}",
        )
        return int.from_bytes(data[: dtype.size], "little", signed=True)


class Add(Operator):
    """a + b; wrap. A dimension of 1 is broadcast."""

    opcode: ClassVar[Opcode] = Opcode.ADD

    def lower(self, source: Source) -> Lowered:
        source.operands(2)
        left = source.tensor(0, DType.INT32)
        right = source.tensor(1, left.dtype, rank=len(left.shape))
        for a, b in zip(left.shape, right.shape, strict=True):
            source.require(a == b or 1 in (a, b), f"{left.shape} and {right.shape} do not broadcast")
        source.makes(left.dtype, [max(a, b) for a, b in zip(left.shape, right.shape, strict=True)])
        return Lowered({}, (left, right))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        coordinates = unravel(element, entry.output.shape)
        return sum(read(k, _broadcast(coordinates, d.shape)) for k, d in enumerate(entry.inputs))

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return tuple(tuple(map(min, box, operand.shape)) for operand in entry.inputs)


def _broadcast(coordinates: list[int], shape: tuple[int, ...]) -> int:
    return ravel([0 if d == 1 else c for c, d in zip(coordinates, shape, strict=True)], shape)
