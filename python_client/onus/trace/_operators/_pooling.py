"""Pools."""

from __future__ import annotations

from typing import ClassVar

from onus.trace._descriptor import unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._operators._base import Box, Lowered, Operator, Read, Source
from onus.trace._operators._windows import Axis, positions, window


class MaxPool2d(Operator):
    """Largest of the cells inside the input; the type's smallest value if there is none."""

    opcode: ClassVar[Opcode] = Opcode.MAX_POOL2D
    reader: ClassVar[str] = "MaxPool2dAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (
        ("Kernel", "i32*"),
        ("Stride", "i32*"),
        ("Pad", "i32*"),
        ("NanMode", "u32"),
    )
    gathers: ClassVar[bool] = True

    def lower(self, source: Source) -> Lowered:
        source.operands(1)
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
        return Lowered(attributes, (operand,))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        n, oy, ox, c = unravel(element, entry.output.shape)
        _, height, width, channels = entry.inputs[0].shape
        vertical, horizontal = self._window(entry)
        best = entry.output.dtype.minimum
        for _, y in vertical.cells(oy):
            for _, x in horizontal.cells(ox):
                best = max(best, read(0, ((n * height + y) * width + x) * channels + c))
        return best

    def reads(self, entry: Entry) -> tuple[int, ...]:
        return (entry.attributes["kernel_y"] * entry.attributes["kernel_x"],)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        vertical, horizontal = self._window(entry)
        return ((box[0], vertical.extent(box[1]), horizontal.extent(box[2]), box[3]),)

    def layouts(self, entry: Entry) -> tuple[tuple[int, ...], ...]:
        return ((0, 3, 1, 2),)

    @staticmethod
    def _window(entry: Entry) -> tuple[Axis, Axis]:
        return window(entry, entry.attributes["kernel_y"], entry.attributes["kernel_x"])
