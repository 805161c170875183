"""Windows that slide over the two middle axes of N, H, W, C."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onus.trace._entry import Entry


@dataclass(frozen=True, slots=True)
class Axis:
    """One of the two directions of a window.

    Attributes:
        size: elements of the input.
        outputs: positions of the window.
        kernel: cells of the window.
        stride: distance between two positions.
        dilation: distance between two cells.
        pad: cells before the first element.
        pad_end: cells after the last element.
    """

    size: int
    outputs: int
    kernel: int
    stride: int
    dilation: int
    pad: int
    pad_end: int

    def cells(self, output: int) -> Iterator[tuple[int, int]]:
        """(cell, position in the input) of the cells that lie inside, at one position of the window."""
        start = output * self.stride - self.pad
        for cell in range(self.kernel):
            position = start + cell * self.dilation
            if 0 <= position < self.size:
                yield cell, position

    def extent(self, outputs: int) -> int:
        """Elements from the first to the last that some neighbouring positions need."""
        needed = (outputs - 1) * self.stride + (self.kernel - 1) * self.dilation + 1
        return min(needed, self.size)


def window(entry: Entry, kernel_y: int, kernel_x: int) -> tuple[Axis, Axis]:
    """The window of an entry: vertical and horizontal."""
    attributes, (_, height, width, _), (_, rows, columns, _) = (
        entry.attributes,
        entry.inputs[0].shape,
        entry.output.shape,
    )
    get = attributes.get
    vertical = Axis(
        height,
        rows,
        kernel_y,
        attributes["stride_y"],
        get("dilation_y", 1),
        attributes["pad_top"],
        attributes["pad_bottom"],
    )
    horizontal = Axis(
        width,
        columns,
        kernel_x,
        attributes["stride_x"],
        get("dilation_x", 1),
        attributes["pad_left"],
        attributes["pad_right"],
    )
    return vertical, horizontal


def positions(size: int, kernel: int, stride: int, pads: int, dilation: int = 1) -> int | None:
    """Number of positions of a window, None if TOSA does not define it: the last must end at the border."""
    span = size + pads - (kernel - 1) * dilation - 1
    return span // stride + 1 if span >= 0 and span % stride == 0 else None
