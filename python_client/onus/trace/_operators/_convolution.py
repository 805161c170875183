"""Convolutions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import ClassVar, Final

from onus.trace._descriptor import ravel, unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._errors import LimitExceeded
from onus.trace._operators._base import Box, Lowered, Operand, Operator, Read, Source, Walk
from onus.trace._operators._windows import Axis, positions, window

MAX_FRAME: Final = 1 << 26
"""Elements of an input with its padding, which the engine lays out in memory."""

_ENDS: Final = ("d0", "d1", "top", "bottom", "left", "right")
_DIRECTIONS: Final = ("d", "y", "x")


class _Convolution(Operator):
    """Sum over a window of (input − zero point) · (weight − zero point), plus bias."""

    gathers: ClassVar[bool] = True
    contracts: ClassVar[bool] = True
    space: ClassVar[int] = 2  # directions of the window

    def lower(self, source: Source) -> Lowered:
        source.operands(5)
        rank = self.space + 2
        operand = source.tensor(0, DType.INT8, DType.INT16, rank=rank)
        narrow = (DType.INT4,) if operand.dtype is DType.INT8 else ()
        weight = source.tensor(1, DType.INT8, *narrow, rank=rank)
        if weight.dtype is DType.INT4 and weight.values is not None:
            source.require(bool((weight.values >= -7).all()), "INT4 ends at -7")
        target = DType.INT32 if operand.dtype is DType.INT8 else DType.INT48
        bias = source.tensor(2, target, rank=1)
        source.require(source.attributes["AccType"] == target, f"the accumulator must be {target.name}")
        kernel, channels, outputs = self._kernel(weight.shape)
        source.require(
            channels == operand.shape[-1],
            f"the weight is for {channels} channels, the input has {operand.shape[-1]}",
        )
        source.require(bias.shape[0] in (1, outputs), f"the bias has {bias.shape[0]} elements, not {outputs}")
        attributes, area, frame = self._area(source, operand, kernel)
        source.makes(target, (operand.shape[0], *area, outputs))
        # A depthwise convolution repeats each channel for its outputs.
        each = outputs if self.opcode is Opcode.DEPTHWISE_CONV2D else channels
        elements = operand.shape[0] * prod(frame) * each
        if elements > MAX_FRAME:
            raise LimitExceeded("elements of a padded input", elements, MAX_FRAME, source.place)
        points = {
            "input_zp": source.zero_point(3, operand.dtype),
            "weight_zp": source.zero_point(4, weight.dtype),
        }
        return Lowered(attributes | points, (operand, weight, bias))

    @abstractmethod
    def _area(
        self, source: Source, operand: Operand, kernel: Sequence[int]
    ) -> tuple[dict[str, int], list[int], list[int]]:
        """Attributes, size of the output, and size of the input with everything that is put around it."""

    def _kernel(self, weight: tuple[int, ...]) -> tuple[Sequence[int], int, int]:
        """Size of the kernel, input channels, output channels of a weight's shape."""
        return weight[1:-1], weight[-1], weight[0]

    def axes(self, entry: Entry) -> tuple[Axis, ...]:
        """The directions of the window."""
        kernel_y, kernel_x = self._kernel(entry.inputs[1].shape)[0]
        return window(entry, kernel_y, kernel_x)

    def reads(self, entry: Entry) -> tuple[int, ...]:
        products = prod(axis.most for axis in self.axes(entry)) * entry.inputs[0].shape[-1]
        return (products, products, 1)

    def walks(self, entry: Entry) -> tuple[Walk | None, ...]:
        channels = Walk(self.space + 1, prod(axis.most for axis in self.axes(entry)))
        return (channels, channels, None)

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        image, weight, bias = entry.inputs
        n, *place, o = unravel(element, entry.output.shape)
        input_zp, weight_zp = entry.attributes["input_zp"], entry.attributes["weight_zp"]
        total = read(2, o if bias.count > 1 else 0)
        cells = (axis.cells(at) for axis, at in zip(self.axes(entry), place, strict=True))
        for window_cells in product(*cells):
            x = ravel([n, *(position for _, position in window_cells), 0], image.shape)
            w = ravel([o, *(cell for cell, _ in window_cells), 0], weight.shape)
            for c in range(image.shape[-1]):
                total += (read(0, x + c) - input_zp) * (read(1, w + c) - weight_zp)
        return total

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        image, weight, bias = entry.inputs
        area = (axis.extent(extent) for axis, extent in zip(self.axes(entry), box[1:-1], strict=True))
        source = (box[0], *area, image.shape[-1])
        return (source, (box[-1], *weight.shape[1:]), (min(box[-1], bias.shape[0]),))


class _Strided(_Convolution):
    """The window moves by a stride over the padded input."""

    schema: ClassVar[tuple[tuple[str, str], ...]] = (
        ("Pad", "i32*"),
        ("Stride", "i32*"),
        ("Dilation", "i32*"),
        ("LocalBound", "u8"),
        ("AccType", "u32"),
    )

    def _area(
        self, source: Source, operand: Operand, kernel: Sequence[int]
    ) -> tuple[dict[str, int], list[int], list[int]]:
        pads = source.numbers("Pad", 2 * self.space, 0)
        strides = source.numbers("Stride", self.space, 1)
        dilations = source.numbers("Dilation", self.space, 1)
        sizes = operand.shape[1:-1]
        area = []
        for k, size in enumerate(sizes):
            around = pads[2 * k] + pads[2 * k + 1]
            area.append(positions(size, kernel[k], strides[k], around, dilations[k]) or 0)
        source.require(0 not in area, "stride and padding do not divide the input")
        directions = _DIRECTIONS[-self.space :]
        attributes = {
            **{f"pad_{end}": pad for end, pad in zip(_ENDS[-2 * self.space :], pads, strict=True)},
            **{f"stride_{d}": stride for d, stride in zip(directions, strides, strict=True)},
            **{f"dilation_{d}": dilation for d, dilation in zip(directions, dilations, strict=True)},
        }
        return attributes, area, [n + pads[2 * k] + pads[2 * k + 1] for k, n in enumerate(sizes)]


class Conv2d(_Strided):
    """Sum over window and channels; weight O, KH, KW, C."""

    opcode: ClassVar[Opcode] = Opcode.CONV2D
    packs: ClassVar[tuple[tuple[int, ...], ...]] = ((), ())
    reader: ClassVar[str] = "Conv2dAttribute"


class Conv3d(_Strided):
    """Sum over window and channels; weight O, KD, KH, KW, C."""

    opcode: ClassVar[Opcode] = Opcode.CONV3D
    packs: ClassVar[tuple[tuple[int, ...], ...]] = ((), ())
    reader: ClassVar[str] = "Conv3dAttribute"
    space: ClassVar[int] = 3

    def axes(self, entry: Entry) -> tuple[Axis, ...]:
        a, kernel = entry.attributes, entry.inputs[1].shape[1:-1]
        depth = Axis(entry.inputs[0].shape[1], kernel[0], a["stride_d"], a["dilation_d"], a["pad_d0"])
        return (depth, *window(entry, kernel[1], kernel[2]))


class DepthwiseConv2d(_Strided):
    """Sum over the window, each channel for itself; weight KH, KW, C, M; output channel c · M + m."""

    opcode: ClassVar[Opcode] = Opcode.DEPTHWISE_CONV2D
    reader: ClassVar[str] = "DepthwiseConv2dAttribute"

    def _kernel(self, weight: tuple[int, ...]) -> tuple[Sequence[int], int, int]:
        return weight[:2], weight[2], weight[2] * weight[3]

    def reads(self, entry: Entry) -> tuple[int, ...]:
        products = prod(axis.most for axis in self.axes(entry))
        return (products, products, 1)

    def walks(self, entry: Entry) -> tuple[Walk | None, ...]:
        rows = self.axes(entry)[0].most
        return (Walk(2, rows), Walk(1, rows), None)

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        n, oy, ox, o = unravel(element, entry.output.shape)
        _, height, width, channels = entry.inputs[0].shape
        _, kernel_x, _, multiples = entry.inputs[1].shape
        vertical, horizontal = self.axes(entry)
        input_zp, weight_zp = entry.attributes["input_zp"], entry.attributes["weight_zp"]
        total = read(2, o if entry.inputs[2].count > 1 else 0)
        for ky, y in vertical.cells(oy):
            for kx, x in horizontal.cells(ox):
                value = read(0, ((n * height + y) * width + x) * channels + o // multiples)
                weight = read(1, (ky * kernel_x + kx) * channels * multiples + o)
                total += (value - input_zp) * (weight - weight_zp)
        return total

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        vertical, horizontal = self.axes(entry)
        kernel_y, kernel_x, channels, multiples = entry.inputs[1].shape
        span = min((box[3] + multiples - 2) // multiples + 1, channels)
        source = (box[0], vertical.extent(box[1]), horizontal.extent(box[2]), span)
        weight = (kernel_y, kernel_x, span, min(box[3], multiples) if span == 1 else multiples)
        return (source, weight, (min(box[3], entry.inputs[2].shape[0]),))

    def layouts(self, entry: Entry) -> tuple[tuple[int, ...], ...]:
        return ((0, 3, 1, 2), (2, 3, 0, 1), ())


class TransposeConv2d(_Convolution):
    """The window backwards over an input whose elements are a stride apart; weight O, KH, KW, C."""

    opcode: ClassVar[Opcode] = Opcode.TRANSPOSE_CONV2D
    packs: ClassVar[tuple[tuple[int, ...], ...]] = ((), ())
    reader: ClassVar[str] = "TransposeConv2dAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (
        ("OutPad", "i32*"),
        ("Stride", "i32*"),
        ("LocalBound", "u8"),
        ("AccType", "u32"),
    )

    def _area(
        self, source: Source, operand: Operand, kernel: Sequence[int]
    ) -> tuple[dict[str, int], list[int], list[int]]:
        pads = source.numbers("OutPad", 4, -0x8000, 0x7FFF)
        strides = source.numbers("Stride", 2, 1)
        source.require(
            all(pad > -kernel[k // 2] for k, pad in enumerate(pads)),
            f"OutPad {pads} cuts off more than the kernel adds",
        )
        sizes = operand.shape[1:-1]
        spread = [(size - 1) * stride for size, stride in zip(sizes, strides, strict=True)]
        area = [n + pads[2 * k] + pads[2 * k + 1] + kernel[k] for k, n in enumerate(spread)]
        attributes = {
            **{f"out_pad_{end}": pad for end, pad in zip(_ENDS[2:], pads, strict=True)},
            "stride_y": strides[0],
            "stride_x": strides[1],
        }
        return attributes, area, [n + kernel[k] - 1 for k, n in enumerate(area)]

    def axes(self, entry: Entry) -> tuple[Axis, ...]:
        a, (_, height, width, _) = entry.attributes, entry.inputs[0].shape
        _, kernel_y, kernel_x, _ = entry.inputs[1].shape
        return (
            Axis(height, kernel_y, 1, -1, a["out_pad_top"], a["stride_y"]),
            Axis(width, kernel_x, 1, -1, a["out_pad_left"], a["stride_x"]),
        )
