"""Operators that read where another tensor says."""

from __future__ import annotations

from typing import ClassVar, Final

from onus.trace._descriptor import unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._operators._base import Box, Lowered, Operator, Read, Source

_VALUES: Final = (DType.BOOL, DType.INT8, DType.INT16, DType.INT32)


class Gather(Operator):
    """out[n, w, c] = values[n, indices[n, w], c]; 0 where the index is outside."""

    opcode: ClassVar[Opcode] = Opcode.GATHER

    def lower(self, source: Source) -> Lowered:
        source.operands(2)
        values, indices = source.tensor(0, *_VALUES, rank=3), source.tensor(1, DType.INT32, rank=2)
        source.require(values.shape[0] == indices.shape[0], "values and indices have different batches")
        source.makes(values.dtype, (*indices.shape, values.shape[2]))
        return Lowered({}, (values, indices))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        n, w, c = unravel(element, entry.output.shape)
        _, choices, channels = entry.inputs[0].shape
        k = read(1, n * entry.output.shape[1] + w)
        return read(0, (n * choices + k) * channels + c) if 0 <= k < choices else 0

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        # Which rows are read depends on the values of the indices.
        anywhere = (1, 1, box[2]) if box[0] == box[1] == 1 else None
        return (anywhere, box[:2])


class Scatter(Operator):
    """Values with input[n, w] in row indices[n, w]: the last of equal indices counts, none outside."""

    opcode: ClassVar[Opcode] = Opcode.SCATTER
    gathers: ClassVar[bool] = True

    def lower(self, source: Source) -> Lowered:
        source.operands(3)
        values, indices = source.tensor(0, *_VALUES, rank=3), source.tensor(1, DType.INT32, rank=2)
        rows = source.tensor(2, values.dtype, rank=3)
        source.require(
            rows.shape == (*indices.shape, values.shape[2]) and values.shape[0] == rows.shape[0],
            f"{rows.shape} rows at {indices.shape} indices do not fit {values.shape}",
        )
        source.makes(values.dtype, values.shape)
        return Lowered({}, (values, indices, rows))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        n, k, c = unravel(element, entry.output.shape)
        _, count, channels = entry.inputs[2].shape
        for w in reversed(range(count)):
            if read(1, n * count + w) == k:
                return read(2, (n * count + w) * channels + c)
        return read(0, element)

    def reads(self, entry: Entry) -> tuple[int, ...]:
        return (1, entry.inputs[1].shape[1], 1)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        anywhere = (1, 1, box[2]) if box[0] == box[1] == 1 else None
        return (box, (box[0], entry.inputs[1].shape[1]), anywhere)
