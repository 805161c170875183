"""MATMUL."""

from __future__ import annotations

from typing import ClassVar

from onus.trace._descriptor import unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._operators._base import Box, Lowered, Operator, Read, Source, Walk

_COLUMNS_FIRST = (0, 2, 1)


class MatMul(Operator):
    """Product of matrices, one for each index of the first axis: N, H, C times N, C, W."""

    opcode: ClassVar[Opcode] = Opcode.MATMUL
    gathers: ClassVar[bool] = True
    contracts: ClassVar[bool] = True
    packs: ClassVar[tuple[tuple[int, ...], ...]] = ((), _COLUMNS_FIRST)

    def lower(self, source: Source) -> Lowered:
        source.operands(4)
        a = source.tensor(0, DType.INT8, DType.INT16, rank=3)
        b = source.tensor(1, a.dtype, rank=3)
        batch, rows, length = a.shape
        source.require(
            b.shape[:2] == (batch, length), f"{a.shape} and {b.shape} are no matrices that can be multiplied"
        )
        target = DType.INT32 if a.dtype is DType.INT8 else DType.INT48
        source.makes(target, (batch, rows, b.shape[2]))
        return Lowered({"a_zp": source.zero_point(2, a.dtype), "b_zp": source.zero_point(3, b.dtype)}, (a, b))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        n, h, w = unravel(element, entry.output.shape)
        _, rows, length = entry.inputs[0].shape
        columns = entry.inputs[1].shape[2]
        a_zp, b_zp = entry.attributes["a_zp"], entry.attributes["b_zp"]
        row = (n * rows + h) * length
        return sum(
            (read(0, row + c) - a_zp) * (read(1, (n * length + c) * columns + w) - b_zp)
            for c in range(length)
        )

    def reads(self, entry: Entry) -> tuple[int, ...]:
        length = entry.inputs[0].shape[2]
        return (length, length)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        length = entry.inputs[0].shape[2]
        return ((box[0], box[1], length), (box[0], length, box[2]))

    def walks(self, entry: Entry) -> tuple[Walk | None, ...]:
        return (Walk(2, 1), Walk(1, 1))

    def layouts(self, entry: Entry) -> tuple[tuple[int, ...], ...]:
        return ((), _COLUMNS_FIRST)
