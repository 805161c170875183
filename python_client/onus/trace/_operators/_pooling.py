"""Pools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from onus.trace._descriptor import unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._operators._base import Box, Lowered, Operand, Operator, Read, Source, Walk
from onus.trace._operators._windows import Axis, positions, window


class _Pool(Operator):
    gathers: ClassVar[bool] = True

    def _lower(self, source: Source) -> tuple[Operand, dict[str, int]]:
        """The image and the attributes of the window; checks the shape of the output."""
        operand = source.tensor(0, DType.INT8, DType.INT16, rank=4)
        kernel_y, kernel_x = source.numbers("Kernel", 2, 1)
        stride_y, stride_x = source.numbers("Stride", 2, 1)
        top, bottom, left, right = source.numbers("Pad", 4, 0)
        source.require(
            max(top, bottom) < kernel_y and max(left, right) < kernel_x,
            "the padding must be smaller than the window",
        )
        batch, height, width, channels = operand.shape
        rows = positions(height, kernel_y, stride_y, top + bottom)
        columns = positions(width, kernel_x, stride_x, left + right)
        if rows is None or columns is None:
            source.require(False, "stride and padding do not divide the input")
        else:
            source.makes(operand.dtype, (batch, rows, columns, channels))
        attributes = {
            "kernel_y": kernel_y,
            "kernel_x": kernel_x,
            "stride_y": stride_y,
            "stride_x": stride_x,
            "pad_top": top,
            "pad_bottom": bottom,
            "pad_left": left,
            "pad_right": right,
        }
        return operand, attributes

    def _cells(self, entry: Entry, element: int, read: Read) -> Iterator[int]:
        """The cells inside the input."""
        n, oy, ox, c = unravel(element, entry.output.shape)
        _, height, width, channels = entry.inputs[0].shape
        vertical, horizontal = self._window(entry)
        for _, y in vertical.cells(oy):
            for _, x in horizontal.cells(ox):
                yield read(0, ((n * height + y) * width + x) * channels + c)

    def reads(self, entry: Entry) -> tuple[int, ...]:
        return (entry.attributes["kernel_y"] * entry.attributes["kernel_x"],)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        vertical, horizontal = self._window(entry)
        return ((box[0], vertical.extent(box[1]), horizontal.extent(box[2]), box[3]),)

    def walks(self, entry: Entry) -> tuple[Walk | None, ...]:
        return (Walk(axis=2, lines=entry.attributes["kernel_y"]),)

    def layouts(self, entry: Entry) -> tuple[tuple[int, ...], ...]:
        return ((0, 3, 1, 2),)

    @staticmethod
    def _window(entry: Entry) -> tuple[Axis, Axis]:
        return window(entry, entry.attributes["kernel_y"], entry.attributes["kernel_x"])


class AvgPool2d(_Pool):
    """Sum of the cells inside the input times the reciprocal of their number; saturate."""

    opcode: ClassVar[Opcode] = Opcode.AVG_POOL2D
    reader: ClassVar[str] = "AvgPool2dAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (
        ("Kernel", "i32*"),
        ("Stride", "i32*"),
        ("Pad", "i32*"),
        ("AccType", "u32"),
    )

    def lower(self, source: Source) -> Lowered:
        source.operands(3)
        operand, attributes = self._lower(source)
        source.require(source.attributes["AccType"] == DType.INT32, "the accumulator must be INT32")
        points = {
            "input_zp": source.zero_point(1, operand.dtype),
            "output_zp": source.zero_point(2, operand.dtype),
        }
        return Lowered(attributes | points, (operand,))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        cells = list(self._cells(entry, element, read))
        total = sum(cells) - len(cells) * entry.attributes["input_zp"]
        multiplier, shift = reciprocal(len(cells))
        value = ((total * multiplier + (1 << (shift - 1))) >> shift) + entry.attributes["output_zp"]
        return entry.output.dtype.saturate(value)


class MaxPool2d(_Pool):
    """Largest of the cells inside the input; the type's smallest value if there is none."""

    opcode: ClassVar[Opcode] = Opcode.MAX_POOL2D
    reader: ClassVar[str] = "MaxPool2dAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (
        ("Kernel", "i32*"),
        ("Stride", "i32*"),
        ("Pad", "i32*"),
        ("NanMode", "u32"),
    )

    def lower(self, source: Source) -> Lowered:
        source.operands(1)
        operand, attributes = self._lower(source)
        return Lowered(attributes, (operand,))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        return max(self._cells(entry, element, read), default=entry.output.dtype.minimum)


def reciprocal(count: int) -> tuple[int, int]:
    """Multiplier and shift that stand for division by a number of cells (TOSA's reciprocal_scale)."""
    log = max(count - 1, 0).bit_length()
    return (((1 << 30) + 1) << log) // max(count, 1), 30 + log
