"""docs/trace.md once more, in plain integers and one element at a time.

Shares nothing with `onus.trace`: the contract, the client and this file are three readings of one page, and
the tests hold them against each other. Programs are built by hand here, also ones that no compiler makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import prod
from typing import Any

from onus.protocol import keccak256


class Kind(IntEnum):
    CONSTANT = 0
    INPUT = 1
    MATERIALISED = 2
    VIRTUAL = 3


class Type(IntEnum):
    BOOL = 1
    INT4 = 2
    INT8 = 3
    INT16 = 4
    INT32 = 5
    INT48 = 6

    @property
    def size(self) -> int:
        return (1, 1, 1, 2, 4, 8)[self - 1]

    @property
    def bits(self) -> int:
        return (1, 4, 8, 16, 32, 48)[self - 1]

    @property
    def low(self) -> int:
        return 0 if self is Type.BOOL else -(1 << self.bits - 1)

    @property
    def high(self) -> int:
        return 1 if self is Type.BOOL else (1 << self.bits - 1) - 1

    def wrap(self, value: int) -> int:
        if self is Type.BOOL:
            return int(value != 0)
        value &= (1 << self.bits) - 1
        return value - (1 << self.bits) if value >> self.bits - 1 else value


class Op(IntEnum):
    ARGMAX = 1
    AVG_POOL2D = 2
    CONV2D = 3
    CONV3D = 4
    DEPTHWISE_CONV2D = 5
    MATMUL = 7
    MAX_POOL2D = 8
    TRANSPOSE_CONV2D = 10
    CLAMP = 11
    ADD = 15
    ARITHMETIC_RIGHT_SHIFT = 16
    BITWISE_AND = 17
    BITWISE_OR = 18
    BITWISE_XOR = 19
    INTDIV = 20
    LOGICAL_AND = 21
    LOGICAL_LEFT_SHIFT = 22
    LOGICAL_RIGHT_SHIFT = 23
    LOGICAL_OR = 24
    LOGICAL_XOR = 25
    MAXIMUM = 26
    MINIMUM = 27
    MUL = 28
    SUB = 30
    TABLE = 31
    ABS = 32
    BITWISE_NOT = 33
    CLZ = 35
    LOGICAL_NOT = 40
    NEGATE = 41
    SELECT = 45
    EQUAL = 46
    GREATER = 47
    GREATER_EQUAL = 48
    REDUCE_ALL = 49
    REDUCE_ANY = 50
    REDUCE_MAX = 51
    REDUCE_MIN = 52
    REDUCE_SUM = 54
    CONCAT = 55
    PAD = 56
    RESHAPE = 57
    REVERSE = 58
    SLICE = 59
    TILE = 60
    TRANSPOSE = 61
    GATHER = 62
    SCATTER = 63
    RESIZE = 64
    CAST = 65
    RESCALE = 66
    IDENTITY = 68


PADS = ("pad_top", "pad_bottom", "pad_left", "pad_right")
STRIDES = ("stride_y", "stride_x")
CONVOLUTION = [(name, 2 + 2 * k, 2) for k, name in enumerate((*PADS, *STRIDES, "dilation_y", "dilation_x"))]
CONVOLUTION += [("input_zp", 18, 2), ("weight_zp", 20, 2)]
POOL = [(name, 2 + 2 * k, 2) for k, name in enumerate(("kernel_y", "kernel_x", *STRIDES, *PADS))]
REDUCTIONS = (Op.REDUCE_ALL, Op.REDUCE_ANY, Op.REDUCE_MAX, Op.REDUCE_MIN, Op.REDUCE_SUM)
ATTRIBUTES: dict[int, list[tuple[str, int, int]]] = {
    **{op: [("axis", 2, 1)] for op in (Op.ARGMAX, *REDUCTIONS)},
    Op.AVG_POOL2D: [*POOL, ("input_zp", 18, 2), ("output_zp", 20, 2)],
    Op.CONV2D: CONVOLUTION,
    Op.CONV3D: [
        *CONVOLUTION,
        ("pad_d0", 22, 2),
        ("pad_d1", 24, 2),
        ("stride_d", 26, 2),
        ("dilation_d", 28, 2),
    ],
    Op.DEPTHWISE_CONV2D: CONVOLUTION,
    Op.MATMUL: [("a_zp", 18, 2), ("b_zp", 20, 2)],
    Op.MAX_POOL2D: POOL,
    Op.TRANSPOSE_CONV2D: [
        *((f"out_{name}", 2 + 2 * k, 2) for k, name in enumerate(PADS)),
        ("stride_y", 10, 2),
        ("stride_x", 12, 2),
        ("input_zp", 18, 2),
        ("weight_zp", 20, 2),
    ],
    Op.CLAMP: [("min", 2, 4), ("max", 6, 4)],
    Op.ARITHMETIC_RIGHT_SHIFT: [("round", 2, 1)],
    Op.MUL: [("shift", 2, 1)],
    Op.NEGATE: [("input_zp", 2, 2), ("output_zp", 4, 2)],
    Op.CONCAT: [("axis", 2, 1)],
    Op.PAD: [*((f"before{k}", 2 + 4 * k, 4) for k in range(6)), ("pad_const", 26, 4)],
    Op.REVERSE: [("axis", 2, 1)],
    Op.SLICE: [(f"start{k}", 2 + 4 * k, 4) for k in range(6)],
    Op.TRANSPOSE: [(f"perm{k}", 2 + k, 1) for k in range(6)],
    Op.RESIZE: [
        *(
            (name, 2 + 2 * k, 2)
            for k, name in enumerate(("scale_y_n", "scale_y_d", "scale_x_n", "scale_x_d"))
        ),
        ("offset_y", 10, 2),
        ("offset_x", 12, 2),
        ("mode", 14, 1),
    ],
    Op.RESCALE: [
        ("multiplier", 2, 4),
        ("shift", 6, 1),
        ("input_zp", 7, 4),
        ("output_zp", 11, 4),
        ("flags", 15, 1),
    ],
}
"""Name, first byte and bytes of each attribute."""


@dataclass(eq=False)
class Tensor:
    """A tensor and, if it is committed, its values in row-major order."""

    kind: Kind
    type: Type
    shape: tuple[int, ...]
    values: list[int] = field(default_factory=list)
    layout: tuple[int, ...] = ()
    reference: int = 0
    producer: Entry | None = None

    @property
    def count(self) -> int:
        return prod(self.shape)

    def encode(self) -> bytes:
        layout = sum(axis << 20 - 4 * place for place, axis in enumerate(self.layout))
        dimensions = b"".join(n.to_bytes(4, "big") for n in self.shape).ljust(24, b"\0")
        head = bytes((self.kind, self.type)) + u16(self.reference) + bytes((len(self.shape),))
        return head + layout.to_bytes(3, "big") + dimensions

    def place(self, index: int) -> int:
        """Where in storage the element stands."""
        if not self.layout:
            return index
        at, place = unravel(self.shape, index), 0
        for axis in self.layout:
            place = place * self.shape[axis] + at[axis]
        return place

    def chunk(self, index: int) -> int:
        """The chunk in which it stands."""
        return self.place(index) * self.type.size // 128

    def chunks(self) -> list[bytes]:
        data = bytearray(self.count * self.type.size)
        for index, value in enumerate(self.values):
            at = self.place(index) * self.type.size
            data[at : at + self.type.size] = twos(value, self.type.size)
        return [bytes(data[at : at + 128]).ljust(128, b"\0") for at in range(0, len(data), 128)]


@dataclass(eq=False)
class Entry:
    """An operator; `head` replaces its first word."""

    op: int
    output: Tensor
    inputs: list[Tensor]
    attributes: dict[str, int] = field(default_factory=dict)
    index: int = 0
    head: bytes | None = None

    def __getitem__(self, name: str) -> int:
        return self.attributes.get(name, 0)

    def encode(self) -> bytes:
        word = bytearray(32)
        word[0], word[1] = self.op, len(self.inputs)
        for name, at, size in ATTRIBUTES.get(self.op, ()):
            word[at : at + size] = twos(self.attributes.get(name, 0), size)
        return (self.head or bytes(word)) + b"".join(t.encode() for t in (self.output, *self.inputs))


class Program:
    """Entries in their final order, materialised ones first; numbers the tensors."""

    def __init__(
        self,
        inputs: Sequence[Tensor],
        constants: Sequence[Tensor],
        entries: Sequence[Entry],
        outputs: int = 1,
    ) -> None:
        self.inputs, self.constants, self.entries, self.outputs = inputs, constants, entries, outputs
        for reference, tensor in enumerate(inputs):
            tensor.kind, tensor.reference = Kind.INPUT, reference
        for reference, tensor in enumerate(constants):
            tensor.kind, tensor.reference = Kind.CONSTANT, reference
        for index, entry in enumerate(entries):
            entry.index, entry.output.producer = index, entry
            is_slot = entry.output.kind is Kind.MATERIALISED
            entry.output.reference = index + len(inputs) if is_slot else index
        self.slots = [*inputs, *(e.output for e in entries if e.output.kind is Kind.MATERIALISED)]


# ---- Evaluation --------------------------------------------------------------------------------------------


class Evaluation:
    """Evaluates elements, and remembers which chunks it read."""

    def __init__(self) -> None:
        self.read: dict[Tensor, set[int]] = {}

    def value(self, tensor: Tensor, index: int) -> int:
        assert 0 <= index < tensor.count
        if tensor.kind is Kind.VIRTUAL:
            assert tensor.producer
            return self.evaluate(tensor.producer, index)
        self.read.setdefault(tensor, set()).add(tensor.chunk(index))
        return tensor.values[index]

    def evaluate(self, entry: Entry, index: int) -> int:
        return entry.output.type.wrap(getattr(self, f"_{Op(entry.op).name.lower()}")(entry, index))

    def _identity(self, entry: Entry, index: int) -> int:
        return self.value(entry.inputs[0], index)

    _reshape = _identity

    def _concat(self, entry: Entry, index: int) -> int:
        at, axis = unravel(entry.output.shape, index), entry["axis"]
        for part in entry.inputs:
            if at[axis] < part.shape[axis]:
                return self.value(part, ravel(part.shape, at))
            at[axis] -= part.shape[axis]
        raise AssertionError

    def _pad(self, entry: Entry, index: int) -> int:
        (source,) = entry.inputs
        at = [a - entry[f"before{k}"] for k, a in enumerate(unravel(entry.output.shape, index))]
        if any(a < 0 or a >= n for a, n in zip(at, source.shape, strict=True)):
            return entry["pad_const"]
        return self.value(source, ravel(source.shape, at))

    def _reverse(self, entry: Entry, index: int) -> int:
        at = unravel(entry.output.shape, index)
        at[entry["axis"]] = entry.output.shape[entry["axis"]] - 1 - at[entry["axis"]]
        return self.value(entry.inputs[0], ravel(entry.inputs[0].shape, at))

    def _slice(self, entry: Entry, index: int) -> int:
        at = [a + entry[f"start{k}"] for k, a in enumerate(unravel(entry.output.shape, index))]
        return self.value(entry.inputs[0], ravel(entry.inputs[0].shape, at))

    def _tile(self, entry: Entry, index: int) -> int:
        shape = entry.inputs[0].shape
        at = [a % n for a, n in zip(unravel(entry.output.shape, index), shape, strict=True)]
        return self.value(entry.inputs[0], ravel(shape, at))

    def _transpose(self, entry: Entry, index: int) -> int:
        at = unravel(entry.output.shape, index)
        source = [0] * len(at)
        for axis, coordinate in enumerate(at):
            source[entry[f"perm{axis}"]] = coordinate
        return self.value(entry.inputs[0], ravel(entry.inputs[0].shape, source))

    def _clamp(self, entry: Entry, index: int) -> int:
        return min(max(self.value(entry.inputs[0], index), entry["min"]), entry["max"])

    def _cast(self, entry: Entry, index: int) -> int:
        return self.value(entry.inputs[0], index)

    def _abs(self, entry: Entry, index: int) -> int:
        return abs(self.value(entry.inputs[0], index))

    def _bitwise_not(self, entry: Entry, index: int) -> int:
        return -1 - self.value(entry.inputs[0], index)

    def _clz(self, entry: Entry, index: int) -> int:
        bits = entry.output.type.bits
        digits = format(self.value(entry.inputs[0], index) % 2**bits, f"0{bits}b")
        return (digits + "1").index("1")

    def _logical_not(self, entry: Entry, index: int) -> int:
        return 0 if self.value(entry.inputs[0], index) else 1

    def _negate(self, entry: Entry, index: int) -> int:
        value = entry["output_zp"] - (self.value(entry.inputs[0], index) - entry["input_zp"])
        type_ = entry.output.type
        return value if type_ >= Type.INT32 else min(max(value, type_.low), type_.high)

    def _table(self, entry: Entry, index: int) -> int:
        x, table = self.value(entry.inputs[0], index), entry.inputs[1]
        if entry.inputs[0].type is not Type.INT16:
            return self.value(table, x + 128)
        place, fraction = (x + 2**15) // 2**7, x % 2**7
        base, following = self.value(table, place), self.value(table, place + 1)
        return base * 2**7 + (following - base) * fraction

    # ---- Elementwise, with broadcasting --------------------------------------------------------------------

    def _same_place(self, entry: Entry, which: int, index: int) -> int:
        tensor, at = entry.inputs[which], unravel(entry.output.shape, index)
        return self.value(
            tensor, ravel(tensor.shape, [min(a, n - 1) for a, n in zip(at, tensor.shape, strict=True)])
        )

    def _both(self, entry: Entry, index: int) -> tuple[int, int]:
        return self._same_place(entry, 0, index), self._same_place(entry, 1, index)

    def _add(self, entry: Entry, index: int) -> int:
        return sum(self._both(entry, index))

    def _sub(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        return a - b

    def _mul(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        return (a * b + 2 ** entry["shift"] // 2) // 2 ** entry["shift"]

    def _intdiv(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        if b == 0:
            return 0
        return a // b if a % b == 0 or (a < 0) == (b < 0) else a // b + 1

    def _maximum(self, entry: Entry, index: int) -> int:
        return max(self._both(entry, index))

    def _minimum(self, entry: Entry, index: int) -> int:
        return min(self._both(entry, index))

    def _arithmetic_right_shift(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        if b not in range(entry.output.type.bits):
            return 0
        rounding = entry["round"] != 0 and b > 0 and a // 2 ** (b - 1) % 2 == 1
        return a // 2**b + rounding

    def _logical_left_shift(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        return a * 2**b if b in range(entry.output.type.bits) else 0

    def _logical_right_shift(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        bits = entry.output.type.bits
        return a % 2**bits // 2**b if b in range(bits) else 0

    def _bitwise_and(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        return a & b

    def _bitwise_or(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        return a | b

    def _bitwise_xor(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        return a ^ b

    _logical_and, _logical_or, _logical_xor = _bitwise_and, _bitwise_or, _bitwise_xor

    def _equal(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        return int(a == b)

    def _greater(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        return int(a > b)

    def _greater_equal(self, entry: Entry, index: int) -> int:
        a, b = self._both(entry, index)
        return int(a >= b)

    def _select(self, entry: Entry, index: int) -> int:
        return self._same_place(entry, 1 if self._same_place(entry, 0, index) else 2, index)

    # ---- Reductions ----------------------------------------------------------------------------------------

    def _along(self, entry: Entry, index: int) -> list[int]:
        """The elements along the axis."""
        source, axis = entry.inputs[0], entry["axis"]
        at = unravel(entry.output.shape, index)
        if entry.op == Op.ARGMAX:
            at.insert(axis, 0)
        return [
            self.value(source, ravel(source.shape, [*at[:axis], k, *at[axis + 1 :]]))
            for k in range(source.shape[axis])
        ]

    def _reduce_sum(self, entry: Entry, index: int) -> int:
        return sum(self._along(entry, index))

    def _reduce_max(self, entry: Entry, index: int) -> int:
        return max(self._along(entry, index))

    def _reduce_min(self, entry: Entry, index: int) -> int:
        return min(self._along(entry, index))

    _reduce_any, _reduce_all = _reduce_max, _reduce_min

    def _argmax(self, entry: Entry, index: int) -> int:
        values = self._along(entry, index)
        return max(range(len(values)), key=lambda k: (values[k], -k))

    # ---- Others --------------------------------------------------------------------------------------------

    def _rescale(self, entry: Entry, index: int) -> int:
        source, flags = entry.inputs[0].type, entry["flags"]
        multiplier, shift = entry["multiplier"], entry["shift"]
        value = self.value(entry.inputs[0], index)
        if flags & 4:
            shift, multiplier = divmod(self.value(entry.inputs[1], index % entry.output.shape[-1]), 1 << 32)
        if flags & 8:
            value %= 1 << source.bits
        value -= entry["input_zp"]
        rounding = 2**shift // 2
        if flags & 2 and shift > 31:
            rounding += 2**30 if value >= 0 else -(2**30)
        value = (value * multiplier + rounding) // 2**shift + entry["output_zp"]
        target = entry.output.type
        low, high = (0, 2**target.bits - 1) if flags & 16 else (target.low, target.high)
        return min(max(value, low), high)

    def _cells(self, entry: Entry, index: int, rows: int, columns: int) -> Iterable[tuple[int, int, int]]:
        """Row and column of the kernel, and index in the image of channel 0, of the cells inside."""
        image = entry.inputs[0].shape
        n, out_y, out_x, _ = unravel(entry.output.shape, index)
        for j in range(rows):
            y = out_y * entry["stride_y"] - entry["pad_top"] + j * entry.attributes.get("dilation_y", 1)
            for i in range(columns):
                x = out_x * entry["stride_x"] - entry["pad_left"] + i * entry.attributes.get("dilation_x", 1)
                if 0 <= y < image[1] and 0 <= x < image[2]:
                    yield j, i, ravel(image, (n, y, x, 0))

    def _conv2d(self, entry: Entry, index: int) -> int:
        image, weight, bias = entry.inputs
        channel = index % entry.output.shape[3]
        total = self.value(bias, channel if bias.count > 1 else 0)
        for j, i, at in self._cells(entry, index, *weight.shape[1:3]):
            for c in range(image.shape[3]):
                factor = self.value(weight, ravel(weight.shape, (channel, j, i, c))) - entry["weight_zp"]
                total += (self.value(image, at + c) - entry["input_zp"]) * factor
        return total

    def _conv3d(self, entry: Entry, index: int) -> int:
        image, weight, bias = entry.inputs
        n, out_z, out_y, out_x, channel = unravel(entry.output.shape, index)
        total = self.value(bias, channel if bias.count > 1 else 0)
        for k in range(weight.shape[1]):
            z = out_z * entry["stride_d"] - entry["pad_d0"] + k * entry["dilation_d"]
            for j in range(weight.shape[2]):
                y = out_y * entry["stride_y"] - entry["pad_top"] + j * entry["dilation_y"]
                for i in range(weight.shape[3]):
                    x = out_x * entry["stride_x"] - entry["pad_left"] + i * entry["dilation_x"]
                    if all(0 <= a < size for a, size in zip((z, y, x), image.shape[1:4], strict=True)):
                        for c in range(image.shape[4]):
                            value = self.value(image, ravel(image.shape, (n, z, y, x, c))) - entry["input_zp"]
                            factor = self.value(weight, ravel(weight.shape, (channel, k, j, i, c)))
                            total += value * (factor - entry["weight_zp"])
        return total

    def _transpose_conv2d(self, entry: Entry, index: int) -> int:
        image, weight, bias = entry.inputs
        n, out_y, out_x, channel = unravel(entry.output.shape, index)
        total = self.value(bias, channel if bias.count > 1 else 0)
        for j in range(weight.shape[1]):
            y, between_y = divmod(out_y - entry["out_pad_top"] - j, entry["stride_y"])
            for i in range(weight.shape[2]):
                x, between_x = divmod(out_x - entry["out_pad_left"] - i, entry["stride_x"])
                inside = 0 <= y < image.shape[1] and 0 <= x < image.shape[2]
                if not inside or between_y or between_x:
                    continue
                for c in range(image.shape[3]):
                    value = self.value(image, ravel(image.shape, (n, y, x, c))) - entry["input_zp"]
                    factor = self.value(weight, ravel(weight.shape, (channel, j, i, c))) - entry["weight_zp"]
                    total += value * factor
        return total

    def _depthwise_conv2d(self, entry: Entry, index: int) -> int:
        image, weight, bias = entry.inputs
        channel = index % entry.output.shape[3]
        c, m = divmod(channel, weight.shape[3])
        total = self.value(bias, channel if bias.count > 1 else 0)
        for j, i, at in self._cells(entry, index, *weight.shape[:2]):
            factor = self.value(weight, ravel(weight.shape, (j, i, c, m))) - entry["weight_zp"]
            total += (self.value(image, at + c) - entry["input_zp"]) * factor
        return total

    def _avg_pool2d(self, entry: Entry, index: int) -> int:
        channel = index % entry.output.shape[3]
        cells = self._cells(entry, index, entry["kernel_y"], entry["kernel_x"])
        values = [self.value(entry.inputs[0], at + channel) - entry["input_zp"] for _, _, at in cells]
        log = next(k for k in range(64) if len(values) <= 2**k)
        multiplier = (2**30 + 1) * 2**log // max(len(values), 1)
        value = (sum(values) * multiplier + 2 ** (29 + log)) // 2 ** (30 + log) + entry["output_zp"]
        type_ = entry.output.type
        return min(max(value, type_.low), type_.high)

    def _matmul(self, entry: Entry, index: int) -> int:
        a, b = entry.inputs
        n, h, w = unravel(entry.output.shape, index)
        return sum(
            (self.value(a, ravel(a.shape, (n, h, c))) - entry["a_zp"])
            * (self.value(b, ravel(b.shape, (n, c, w))) - entry["b_zp"])
            for c in range(a.shape[2])
        )

    def _max_pool2d(self, entry: Entry, index: int) -> int:
        channel = index % entry.output.shape[3]
        cells = self._cells(entry, index, entry["kernel_y"], entry["kernel_x"])
        values = [self.value(entry.inputs[0], at + channel) for _, _, at in cells]
        return max(values, default=entry.output.type.low)

    def _gather(self, entry: Entry, index: int) -> int:
        values, indices = entry.inputs
        n, w, c = unravel(entry.output.shape, index)
        k = self.value(indices, ravel(indices.shape, (n, w)))
        return self.value(values, ravel(values.shape, (n, k, c))) if 0 <= k < values.shape[1] else 0

    def _scatter(self, entry: Entry, index: int) -> int:
        values, indices, rows = entry.inputs
        n, k, c = unravel(entry.output.shape, index)
        for w in reversed(range(indices.shape[1])):
            if self.value(indices, ravel(indices.shape, (n, w))) == k:
                return self.value(rows, ravel(rows.shape, (n, w, c)))
        return self.value(values, index)

    def _resize(self, entry: Entry, index: int) -> int:
        (source,) = entry.inputs
        n, out_y, out_x, c = unravel(entry.output.shape, index)
        weights: dict[tuple[int, int], int] = {}
        for y, of_y in self._around(entry, "y", out_y, source.shape[1]):
            for x, of_x in self._around(entry, "x", out_x, source.shape[2]):
                if of_y * of_x:
                    weights[y, x] = weights.get((y, x), 0) + of_y * of_x
        return sum(self.value(source, ravel(source.shape, (n, y, x, c))) * w for (y, x), w in weights.items())

    def _around(self, entry: Entry, axis: str, at: int, size: int) -> list[tuple[int, int]]:
        """Neighbours along an axis, with their weights."""
        unit = entry[f"scale_{axis}_n"]
        low, rest = divmod(at * entry[f"scale_{axis}_d"] + entry[f"offset_{axis}"], unit)
        first, second = max(low, 0), min(low + 1, size - 1)
        if entry["mode"] == 1:
            return [(second if 2 * rest >= unit else first, 1)]
        return [(first, unit - rest), (second, rest)]


# ---- Evidence ----------------------------------------------------------------------------------------------


@dataclass
class OpenEntry:
    index: int
    data: bytes
    links: list[int]


@dataclass
class OpenTensor:
    tree: int
    slot: int
    runs: list[tuple[int, list[bytes]]]
    """First chunk, chunks."""


@dataclass
class Evidence:
    """Evidence of kind 1 in parts, to be spoilt before it is encoded."""

    element: int
    accused: int
    entries: list[OpenEntry]
    tensors: list[OpenTensor]
    siblings: list[bytes]

    def encode(self) -> bytes:
        out = b"\1" + u16(len(self.entries)) + u16(len(self.tensors)) + u32(self.element) + u16(self.accused)
        for entry in self.entries:
            out += u16(entry.index) + entry.data + b"".join(map(u16, entry.links))
        for tensor in self.tensors:
            out += bytes((tensor.tree,)) + u16(tensor.slot) + u16(len(tensor.runs))
            out += b"".join(u32(first) + u16(len(chunks)) + b"".join(chunks) for first, chunks in tensor.runs)
        return out + b"".join(self.siblings)


class Execution:
    """Trees over the values that the committed tensors of a program have now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.chunks = {t: t.chunks() for t in (*program.slots, *program.constants)}
        self.trees = {t: levels([keccak256(chunk) for chunk in chunks]) for t, chunks in self.chunks.items()}
        self.trace = levels([self.trees[t][-1][0] for t in program.slots])
        self.weights = levels([self.trees[t][-1][0] for t in program.constants])
        self.entries = levels([keccak256(e.encode()) for e in program.entries])

    @property
    def model(self) -> dict[str, Any]:
        """A `ModelCommitment`."""
        p = self.program
        return {
            "programRoot": self.entries[-1][0],
            "weightsRoot": self.weights[-1][0],
            "inputs": len(p.inputs),
            "outputs": p.outputs,
            "slots": len(p.slots),
            "entries": len(p.entries),
            "constants": len(p.constants),
        }

    @property
    def roots(self) -> dict[str, bytes]:
        """An `Execution`."""
        p = self.program
        return {
            "inputRoot": levels(self.trace[0][: len(p.inputs)])[-1][0],
            "outputRoot": levels(self.trace[0][len(p.slots) - p.outputs : len(p.slots)])[-1][0],
            "traceRoot": self.trace[-1][0],
        }

    def evidence(self, entry: Entry, element: int) -> Evidence:
        """Evidence about an element of an entry's output, whether it shows a fault or not."""
        accused = entry.output
        evaluation = Evaluation()
        evaluation.evaluate(entry, element)
        read = evaluation.read
        read.setdefault(accused, set()).add(accused.chunk(element))
        opened: dict[int, Entry] = {}
        waiting = [entry]
        while waiting:
            each = waiting.pop()
            opened[each.index] = each
            waiting += [t.producer for t in each.inputs if t.producer and t.kind is Kind.VIRTUAL]
            for tensor in each.inputs:
                if tensor.kind is not Kind.VIRTUAL and not read.get(tensor):
                    read[tensor] = {0}
        return self.open(accused, element, [opened[k] for k in sorted(opened)], read)

    def open(
        self, accused: Tensor, element: int, entries: list[Entry], read: dict[Tensor, set[int]]
    ) -> Evidence:
        """Evidence that opens these entries and chunks."""
        tensors = sorted(read, key=lambda t: (t.kind is Kind.CONSTANT, t.reference))
        place = {e.output: k for k, e in enumerate(entries) if e.output.kind is Kind.VIRTUAL}
        place |= {t: k for k, t in enumerate(tensors)}
        siblings: list[bytes] = []
        for tensor in tensors:
            siblings += multiproof(self.trees[tensor], read[tensor])
        siblings += multiproof(self.trace, [t.reference for t in tensors if t.kind is not Kind.CONSTANT])
        if any(t.kind is Kind.CONSTANT for t in tensors):
            siblings += multiproof(self.weights, [t.reference for t in tensors if t.kind is Kind.CONSTANT])
        siblings += multiproof(self.entries, [e.index for e in entries])
        return Evidence(
            element,
            place[accused],
            [OpenEntry(e.index, e.encode(), [place[t] for t in e.inputs]) for e in entries],
            [
                OpenTensor(
                    int(t.kind is Kind.CONSTANT),
                    t.reference,
                    [(first, self.chunks[t][first : first + n]) for first, n in runs(read[t])],
                )
                for t in tensors
            ],
            siblings,
        )

    def ends(self, kind: int) -> bytes:
        """Evidence of kind 2 (inputs) or 3 (outputs)."""
        p = self.program
        slots = range(len(p.inputs)) if kind == 2 else range(len(p.slots) - p.outputs, len(p.slots))
        return (
            bytes((kind,))
            + b"".join(self.trace[0][s] for s in slots)
            + b"".join(multiproof(self.trace, slots))
        )


# ---- Trees and numbers -------------------------------------------------------------------------------------


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """All nodes of a tree, leaves first; zero is the root of no leaves."""
    level = [*leaves] or [bytes(32)]
    level += [bytes(32)] * ((1 << (len(level) - 1).bit_length()) - len(level))
    out = [level]
    while len(level) > 1:
        level = [keccak256(level[k] + level[k + 1]) for k in range(0, len(level), 2)]
        out.append(level)
    return out


def multiproof(tree: list[list[bytes]], leaves: Iterable[int]) -> list[bytes]:
    """Siblings: level by level, left to right, those that the known nodes do not give."""
    known, out = set(leaves), []
    for level in tree[:-1]:
        out += [level[k ^ 1] for k in sorted(known) if k ^ 1 not in known]
        known = {k // 2 for k in known}
    return out


def runs(chunks: Iterable[int]) -> list[tuple[int, int]]:
    """First and number of neighbouring chunks."""
    out: list[tuple[int, int]] = []
    for chunk in sorted(chunks):
        if out and sum(out[-1]) == chunk:
            out[-1] = (out[-1][0], out[-1][1] + 1)
        else:
            out.append((chunk, 1))
    return out


def unravel(shape: Sequence[int], index: int) -> list[int]:
    out = []
    for n in reversed(shape):
        index, at = divmod(index, n)
        out.append(at)
    return out[::-1]


def ravel(shape: Sequence[int], at: Sequence[int]) -> int:
    index = 0
    for n, a in zip(shape, at, strict=True):
        index = index * n + a
    return index


def twos(value: int, size: int) -> bytes:
    return (value % (1 << 8 * size)).to_bytes(size, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")
