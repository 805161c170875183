"""Windows that slide over the axes of an image between its first and its last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onus.trace._entry import Entry


@dataclass(frozen=True, slots=True)
class Axis:
    """One of the directions of a window.

    Attributes:
        size: elements of the input.
        kernel: cells of the window.
        stride: distance between two positions of the window.
        dilation: distance between two cells; negative if the window is walked backwards.
        pad: cells before the first element.
        spread: distances are those in an input with its elements this far apart.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    pad: int
    spread: int = 1

    def cells(self, output: int) -> Iterator[tuple[int, int]]:
        """(cell, position in the input) of the cells that lie inside, at one position of the window."""
        start = output * self.stride - self.pad
        for cell in range(self.kernel):
            position, between = divmod(start + cell * self.dilation, self.spread)
            if not between and 0 <= position < self.size:
                yield cell, position

    def extent(self, outputs: int) -> int:
        """Elements from the first to the last that some neighbouring positions need."""
        distance = (outputs - 1) * self.stride + (self.kernel - 1) * abs(self.dilation)
        return min(distance // self.spread + 1, self.size)

    @property
    def most(self) -> int:
        """Most cells with an element, at any position."""
        return -(-self.kernel // self.spread)


def window(entry: Entry, kernel_y: int, kernel_x: int) -> tuple[Axis, Axis]:
    """The window of an entry: vertical and horizontal."""
    get, (height, width) = entry.attributes.get, entry.inputs[0].shape[-3:-1]
    return (
        Axis(height, kernel_y, get("stride_y", 1), get("dilation_y", 1), get("pad_top", 0)),
        Axis(width, kernel_x, get("stride_x", 1), get("dilation_x", 1), get("pad_left", 0)),
    )


def positions(size: int, kernel: int, stride: int, pads: int, dilation: int = 1) -> int | None:
    """Number of positions of a window, None if TOSA does not define it: the last must end at the border."""
    span = size + pads - (kernel - 1) * dilation - 1
    return span // stride + 1 if span >= 0 and span % stride == 0 else None
