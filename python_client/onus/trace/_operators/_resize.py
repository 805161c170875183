"""RESIZE."""

from __future__ import annotations

from itertools import product
from typing import ClassVar, Final

from onus.trace._descriptor import unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._operators._base import Box, Lowered, Operator, Read, Source

NEAREST: Final = 1
BILINEAR: Final = 2
"""TOSA's ResizeMode."""

_MAX_SIZE: Final = 16_383
_MAX_SCALE: Final = 1 << 11


class Resize(Operator):
    """An image with another number of rows and columns; bilinear results are scaled by both numerators."""

    opcode: ClassVar[Opcode] = Opcode.RESIZE
    gathers: ClassVar[bool] = True
    reader: ClassVar[str] = "ResizeAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (("Mode", "u32"),)

    def lower(self, source: Source) -> Lowered:
        source.operands(4)
        operand = source.tensor(0, DType.INT8, DType.INT16, rank=4)
        mode = source.attributes["Mode"]
        source.require(mode in (NEAREST, BILINEAR), f"there is no mode {mode}")
        scale, offset, border = source.dimensions(1, 4), source.dimensions(2, 2), source.dimensions(3, 2)
        batch, *sizes, channels = operand.shape
        area = []
        for k, size in enumerate(sizes):
            n, d = scale[2 * k : 2 * k + 2]
            source.require(
                0 < n <= _MAX_SCALE
                and 0 < d < 16 * n
                and -n <= offset[k] < 16 * n
                and -16 * n <= border[k] < n,
                f"scale {n}/{d}, offset {offset[k]} and border {border[k]} are not allowed",
            )
            last = (size - 1) * n - offset[k] + border[k]
            source.require(last >= 0 and last % d == 0, "the scale does not divide the input")
            area.append(last // d + 1)
        source.require(max(*sizes, *area) <= _MAX_SIZE, f"more than {_MAX_SIZE} rows or columns")
        wide = DType.INT32 if operand.dtype is DType.INT8 else DType.INT48
        source.makes(operand.dtype if mode == NEAREST else wide, (batch, *area, channels))
        attributes = {
            "scale_y_n": scale[0],
            "scale_y_d": scale[1],
            "scale_x_n": scale[2],
            "scale_x_d": scale[3],
            "offset_y": offset[0],
            "offset_x": offset[1],
            "mode": mode,
        }
        return Lowered(attributes, (operand,))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        n, oy, ox, c = unravel(element, entry.output.shape)
        _, height, width, channels = entry.inputs[0].shape
        total = 0
        for (y, weight_y), (x, weight_x) in product(neighbours(entry, 0, oy), neighbours(entry, 1, ox)):
            # What counts for nothing is not read.
            if weight_y and weight_x:
                total += read(0, ((n * height + y) * width + x) * channels + c) * weight_y * weight_x
        return total

    def reads(self, entry: Entry) -> tuple[int, ...]:
        return (1 if entry.attributes["mode"] == NEAREST else 4,)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        area = []
        for k, d in enumerate("yx"):
            n, step = entry.attributes[f"scale_{d}_n"], entry.attributes[f"scale_{d}_d"]
            needed = (box[1 + k] - 1) * step // n + (2 if entry.attributes["mode"] == BILINEAR else 1)
            area.append(min(needed + (box[1 + k] > 1), entry.inputs[0].shape[1 + k]))
        return ((box[0], *area, box[3]),)


def neighbours(entry: Entry, direction: int, output: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The two rows (0) or columns (1) of the input around one of the output, with what each counts."""
    a, d = entry.attributes, "yx"[direction]
    n, last = a[f"scale_{d}_n"], entry.inputs[0].shape[1 + direction] - 1
    whole, rest = divmod(output * a[f"scale_{d}_d"] + a[f"offset_{d}"], n)
    low, high = max(whole, 0), min(whole + 1, last)
    if a["mode"] == NEAREST:
        near = int(2 * rest >= n)
        return (low, 1 - near), (high, near)
    return (low, n - rest), (high, rest)
