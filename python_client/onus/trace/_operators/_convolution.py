"""Convolutions."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Final

from onus.trace._descriptor import unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._errors import LimitExceeded
from onus.trace._operators._base import Box, Lowered, Operator, Read, Source, zero_point
from onus.trace._operators._windows import positions, window

MAX_FRAME: Final = 1 << 26
"""Elements of an input with its padding, which the engine lays out in memory."""


class _Convolution(Operator):
    schema: ClassVar[tuple[tuple[str, str], ...]] = (
        ("Pad", "i32*"),
        ("Stride", "i32*"),
        ("Dilation", "i32*"),
        ("LocalBound", "u8"),
        ("AccType", "u32"),
    )
    gathers: ClassVar[bool] = True
    contracts: ClassVar[bool] = True

    @abstractmethod
    def _kernel(self, weight: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Kernel height and width, input channels, output channels of a weight's shape."""

    def lower(self, source: Source) -> Lowered:
        source.operands(5)
        operand = source.tensor(0, DType.INT8, DType.INT16, rank=4)
        narrow = operand.dtype is DType.INT8
        # Not the extension with weights of 4 bits: the reference model gives no results to hold it against.
        weight = source.tensor(1, DType.INT8, rank=4)
        target = DType.INT32 if narrow else DType.INT48
        bias = source.tensor(2, target, rank=1)
        source.require(source.attributes["AccType"] == target, f"the accumulator must be {target.name}")
        top, bottom, left, right = source.numbers("Pad", 4, 0)
        stride_y, stride_x = source.numbers("Stride", 2, 1)
        dilation_y, dilation_x = source.numbers("Dilation", 2, 1)

        batch, height, width, channels = operand.shape
        kernel_y, kernel_x, inputs, outputs = self._kernel(weight.shape)
        source.require(inputs == channels, f"the weight is for {inputs} channels, the input has {channels}")
        source.require(bias.shape[0] in (1, outputs), f"the bias has {bias.shape[0]} elements, not {outputs}")
        rows = positions(height, kernel_y, stride_y, top + bottom, dilation_y)
        columns = positions(width, kernel_x, stride_x, left + right, dilation_x)
        if rows is None or columns is None:
            source.require(False, "stride and padding do not divide the input")
        else:
            source.makes(target, (batch, rows, columns, outputs))
        # A depthwise convolution repeats each channel for its outputs.
        elements = channels if self.opcode is Opcode.CONV2D else outputs
        frame = batch * (height + top + bottom) * (width + left + right) * elements
        if frame > MAX_FRAME:
            raise LimitExceeded("elements of a padded input", frame, MAX_FRAME, source.place)
        attributes = {
            "pad_top": top,
            "pad_bottom": bottom,
            "pad_left": left,
            "pad_right": right,
            "stride_y": stride_y,
            "stride_x": stride_x,
            "dilation_y": dilation_y,
            "dilation_x": dilation_x,
            "input_zp": zero_point(source, 3, operand),
            "weight_zp": zero_point(source, 4, weight),
        }
        return Lowered(attributes, (operand, weight, bias))

    def reads(self, entry: Entry) -> tuple[int, ...]:
        kernel_y, kernel_x, inputs, _ = self._kernel(entry.inputs[1].shape)
        products = kernel_y * kernel_x * (inputs if self.opcode is Opcode.CONV2D else 1)
        return (products, products, 1)

    def _area(self, entry: Entry, box: Box) -> tuple[int, int]:
        kernel_y, kernel_x, _, _ = self._kernel(entry.inputs[1].shape)
        vertical, horizontal = window(entry, kernel_y, kernel_x)
        return vertical.extent(box[1]), horizontal.extent(box[2])


class Conv2d(_Convolution):
    """Sum over window and channels; weight O, KH, KW, C."""

    opcode: ClassVar[Opcode] = Opcode.CONV2D
    packs: ClassVar[tuple[tuple[int, ...], ...]] = ((), ())
    reader: ClassVar[str] = "Conv2dAttribute"

    def _kernel(self, weight: tuple[int, ...]) -> tuple[int, int, int, int]:
        outputs, kernel_y, kernel_x, inputs = weight
        return kernel_y, kernel_x, inputs, outputs

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        n, oy, ox, o = unravel(element, entry.output.shape)
        _, height, width, channels = entry.inputs[0].shape
        _, kernel_y, kernel_x, _ = entry.inputs[1].shape
        vertical, horizontal = window(entry, kernel_y, kernel_x)
        input_zp, weight_zp = entry.attributes["input_zp"], entry.attributes["weight_zp"]
        total = read(2, o if entry.inputs[2].count > 1 else 0)
        for ky, y in vertical.cells(oy):
            for kx, x in horizontal.cells(ox):
                source = ((n * height + y) * width + x) * channels
                weight = ((o * kernel_y + ky) * kernel_x + kx) * channels
                for c in range(channels):
                    total += (read(0, source + c) - input_zp) * (read(1, weight + c) - weight_zp)
        return total

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        rows, columns = self._area(entry, box)
        weight, bias = entry.inputs[1].shape, entry.inputs[2].shape
        source = (box[0], rows, columns, entry.inputs[0].shape[3])
        return (source, (box[3], *weight[1:]), (min(box[3], bias[0]),))


class DepthwiseConv2d(_Convolution):
    """Sum over the window, each channel for itself; weight KH, KW, C, M; output channel c · M + m."""

    opcode: ClassVar[Opcode] = Opcode.DEPTHWISE_CONV2D
    reader: ClassVar[str] = "DepthwiseConv2dAttribute"

    def _kernel(self, weight: tuple[int, ...]) -> tuple[int, int, int, int]:
        kernel_y, kernel_x, inputs, multiples = weight
        return kernel_y, kernel_x, inputs, inputs * multiples

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        n, oy, ox, o = unravel(element, entry.output.shape)
        _, height, width, channels = entry.inputs[0].shape
        kernel_y, kernel_x, _, multiples = entry.inputs[1].shape
        vertical, horizontal = window(entry, kernel_y, kernel_x)
        input_zp, weight_zp = entry.attributes["input_zp"], entry.attributes["weight_zp"]
        total = read(2, o if entry.inputs[2].count > 1 else 0)
        for ky, y in vertical.cells(oy):
            for kx, x in horizontal.cells(ox):
                value = read(0, ((n * height + y) * width + x) * channels + o // multiples)
                weight = read(1, (ky * kernel_x + kx) * channels * multiples + o)
                total += (value - input_zp) * (weight - weight_zp)
        return total

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        rows, columns = self._area(entry, box)
        kernel_y, kernel_x, channels, multiples = entry.inputs[1].shape
        span = min((box[3] + multiples - 2) // multiples + 1, channels)
        weight = (kernel_y, kernel_x, span, min(box[3], multiples) if span == 1 else multiples)
        return ((box[0], rows, columns, span), weight, (min(box[3], entry.inputs[2].shape[0]),))

    def layouts(self, entry: Entry) -> tuple[tuple[int, ...], ...]:
        return ((0, 3, 1, 2), (2, 3, 0, 1), ())
