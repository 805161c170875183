"""The operators as array expressions: whole tensors at once, in unbounded integers, from the text of TOSA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.trace.spec import Entry, Kind, Op, Tensor, Type

Integers = np.ndarray[Any, Any]
"""Of Python's integers."""


def array(tensor: Tensor) -> Integers:
    """All elements of a tensor."""
    if tensor.kind is Kind.VIRTUAL:
        assert tensor.producer
        return output(tensor.producer)
    return np.array(tensor.values, object).reshape(tensor.shape)


def output(entry: Entry) -> Integers:
    """All elements of an entry's output."""
    inputs = [array(t) for t in entry.inputs]
    result = _OPERATORS[Op(entry.op)](entry, *inputs)
    return exact(wrap(result, entry.output.type)).reshape(entry.output.shape)


def exact(x: Any) -> Integers:
    """Python's integers again, where numpy has made machine integers."""
    return np.asarray(np.frompyfunc(int, 1, 1)(x), object)


def wrap(x: Integers, to: Type) -> Integers:
    half = 1 << (to.bits - 1)
    return (x != 0) * 1 if to is Type.BOOL else (x + half) % (2 * half) - half


def rescale(entry: Entry, x: Integers, scales: Integers | None = None) -> Integers:
    flags, to = entry["flags"], entry.output.type
    scales = exact([entry["shift"] * 2**32 + entry["multiplier"]]) if scales is None else scales
    if flags & 8:
        x = x % (1 << entry.inputs[0].type.bits)
    v = exact(x - entry["input_zp"])
    shift = scales // 2**32
    # apply_scale_32 and apply_scale_16, in the order of the text: round, multiply, add, shift.
    rounding = exact((exact(1) << shift) // 2)
    if flags & 2:
        rounding = rounding + exact(np.where(shift > 31, np.where(v >= 0, 1 << 30, -(1 << 30)), 0))
    y = exact((v * (scales % 2**32) + rounding >> shift) + entry["output_zp"])
    low, high = (0, (1 << to.bits) - 1) if flags & 16 else (to.low, to.high)
    return np.minimum(np.maximum(y, low), high)


def transpose(entry: Entry, x: Integers) -> Integers:
    return x.transpose([entry[f"perm{k}"] for k in range(x.ndim)])


def table(entry: Entry, x: Integers, entries: Integers) -> Integers:
    if entry.inputs[0].type is Type.INT8:
        return entries[exact(x + 128).astype(int)]
    place = exact(x + 2**15 >> 7).astype(int)
    return entries[place] * 128 + (entries[place + 1] - entries[place]) * (x & 127)


def clz(entry: Entry, x: Integers) -> Integers:
    bits = entry.output.type.bits
    return bits - np.frompyfunc(int.bit_length, 1, 1)(x % (1 << bits))


def negate(entry: Entry, x: Integers) -> Integers:
    y = -(x - entry["input_zp"]) + entry["output_zp"]
    return clipped(entry, y) if entry.output.type < Type.INT32 else y


def clipped(entry: Entry, x: Integers) -> Integers:
    return np.minimum(np.maximum(x, entry.output.type.low), entry.output.type.high)


def intdiv(entry: Entry, a: Integers, b: Integers) -> Integers:
    quotient = abs(a) // np.where(b == 0, 1, abs(b))
    return np.where(b == 0, 0, np.where((a < 0) ^ (b < 0), -quotient, quotient))


def mul(entry: Entry, a: Integers, b: Integers) -> Integers:
    shift = entry["shift"]
    return a * b + (1 << shift - 1) >> shift if shift else a * b


def shift(entry: Entry, a: Integers, b: Integers) -> Integers:
    bits = entry.output.type.bits
    is_sound = (b >= 0) & (b < bits)
    by = exact(np.where(is_sound, b, 0))
    if entry.op == Op.LOGICAL_LEFT_SHIFT:
        y = a << by
    elif entry.op == Op.LOGICAL_RIGHT_SHIFT:
        y = a % (1 << bits) >> by
    else:
        # apply_arith_rshift of the text, and the last bit that falls out.
        y = a >> by
        if entry["round"]:
            y = y + np.where(by > 0, (a >> exact(np.maximum(by - 1, 0))) & 1, 0)
    return np.where(is_sound, y, 0)


def reduced(fold: np.ufunc) -> Callable[[Entry, Integers], Integers]:
    return lambda entry, x: fold.reduce(x, axis=entry["axis"], keepdims=True)


def argmax(entry: Entry, x: Integers) -> Integers:
    return np.argmax(x.astype(np.int64), axis=entry["axis"])


def compared(test: np.ufunc) -> Callable[[Entry, Integers, Integers], Integers]:
    return lambda entry, a, b: test(a, b) * 1


def padded(entry: Entry, x: Integers, fill: int) -> Integers:
    """The image with a border wide enough for every window."""
    high = 2**6
    pads = ((0, 0), (entry["pad_top"], high), (entry["pad_left"], high), (0, 0))
    return exact(np.pad(x, pads, constant_values=fill))


def windows(entry: Entry, x: Integers, rows: int, columns: int) -> list[list[Integers]]:
    """For each cell of the kernel what it sees: (N, OH, OW, C)."""
    dilation_y, dilation_x = entry.attributes.get("dilation_y", 1), entry.attributes.get("dilation_x", 1)
    height, width = entry.output.shape[-3:-1]

    def seen(j: int, i: int) -> Integers:
        y, x_ = j * dilation_y, i * dilation_x
        stride_y, stride_x = entry["stride_y"], entry["stride_x"]
        part = x[:, y : y + (height - 1) * stride_y + 1 : stride_y]
        return part[:, :, x_ : x_ + (width - 1) * stride_x + 1 : stride_x]

    return [[seen(j, i) for i in range(columns)] for j in range(rows)]


def conv2d(entry: Entry, x: Integers, w: Integers, bias: Integers) -> Integers:
    image, kernel = padded(entry, x - entry["input_zp"], 0), w - entry["weight_zp"]
    cells = windows(entry, image, *w.shape[1:3])
    taps = [
        np.tensordot(seen, kernel[:, j, i], (3, 1))
        for j, row in enumerate(cells)
        for i, seen in enumerate(row)
    ]
    return sum(taps) + bias


def conv3d(entry: Entry, x: Integers, w: Integers, bias: Integers) -> Integers:
    """A convolution in two dimensions for each plane of the kernel."""
    total = 0
    high = 2**6
    x = exact(np.pad(x - entry["input_zp"], [(0, 0), (entry["pad_d0"], high), *[(0, 0)] * 3]))
    planes = (entry.output.shape[1] - 1) * entry["stride_d"] + 1
    for k in range(w.shape[1]):
        start = k * entry["dilation_d"]
        part = x[:, start : start + planes : entry["stride_d"]]
        # Planes as a batch of images.
        images = padded(entry, part.reshape(-1, *x.shape[2:]), 0)
        kernel = w[:, k] - entry["weight_zp"]
        cells = windows(entry, images, *w.shape[2:4])
        for j, row in enumerate(cells):
            for i, seen in enumerate(row):
                total = total + np.tensordot(seen, kernel[:, j, i], (3, 1))
    return total.reshape(entry.output.shape) + bias


def transpose_conv2d(entry: Entry, x: Integers, w: Integers, bias: Integers) -> Integers:
    """Each element of the image adds a kernel to the output."""
    x, kernel = x - entry["input_zp"], w - entry["weight_zp"]
    n, height, width, _ = x.shape
    (stride_y, stride_x), (_, rows, columns, _) = (entry["stride_y"], entry["stride_x"]), w.shape
    border = 40
    out = exact(np.zeros((n, *(2 * border + d for d in entry.output.shape[1:3]), w.shape[0])))
    for y in range(height):
        for i in range(width):
            top, left = (
                border + y * stride_y + entry["out_pad_top"],
                border + i * stride_x + entry["out_pad_left"],
            )
            out[:, top : top + rows, left : left + columns] += np.tensordot(
                x[:, y, i], kernel, (1, 3)
            ).transpose(0, 2, 3, 1)
    return out[:, border:-border, border:-border] + bias


def depthwise_conv2d(entry: Entry, x: Integers, w: Integers, bias: Integers) -> Integers:
    image, kernel = padded(entry, x - entry["input_zp"], 0), w - entry["weight_zp"]
    cells = windows(entry, image, *w.shape[:2])
    taps = [seen[..., None] * kernel[j, i] for j, row in enumerate(cells) for i, seen in enumerate(row)]
    return sum(taps).reshape(entry.output.shape) + bias


def avg_pool2d(entry: Entry, x: Integers) -> Integers:
    def total(image: Integers) -> Integers:
        cells = windows(entry, padded(entry, image, 0), entry["kernel_y"], entry["kernel_x"])
        return exact(sum(seen for row in cells for seen in row))

    count = total(x * 0 + 1)
    log = np.frompyfunc(int.bit_length, 1, 1)(np.maximum(count - 1, 0))
    multiplier = ((1 << 30) + 1 << log) // np.maximum(count, 1)
    rounded = total(x - entry["input_zp"]) * multiplier + (exact(1) << 29 + log) >> 30 + log
    return clipped(entry, rounded + entry["output_zp"])


def matmul(entry: Entry, a: Integers, b: Integers) -> Integers:
    return (a - entry["a_zp"]) @ (b - entry["b_zp"])


def padding(entry: Entry, x: Integers) -> Integers:
    before = [entry[f"before{k}"] for k in range(x.ndim)]
    ends = zip(before, x.shape, entry.output.shape, strict=True)
    return exact(np.pad(x, [(b, whole - n - b) for b, n, whole in ends], constant_values=entry["pad_const"]))


def cut(entry: Entry, x: Integers) -> Integers:
    start = [entry[f"start{k}"] for k in range(x.ndim)]
    return x[tuple(slice(s, s + n) for s, n in zip(start, entry.output.shape, strict=True))]


def tile(entry: Entry, x: Integers) -> Integers:
    return np.tile(x, [whole // n for whole, n in zip(entry.output.shape, x.shape, strict=True)])


def gather(entry: Entry, values: Integers, indices: Integers) -> Integers:
    inside = (indices >= 0) & (indices < values.shape[1])
    rows = np.where(inside, indices, 0).astype(np.int64)
    return np.take_along_axis(values, rows[..., None], 1) * inside[..., None]


def scatter(entry: Entry, values: Integers, indices: Integers, rows: Integers) -> Integers:
    out = values.copy()
    for n, w in np.ndindex(indices.shape):
        if 0 <= indices[n, w] < values.shape[1]:
            out[n, indices[n, w]] = rows[n, w]
    return out


def resize(entry: Entry, x: Integers) -> Integers:
    """One axis after the other, each a product with a matrix."""
    for axis, d in ((1, "y"), (2, "x")):
        unit, size = entry[f"scale_{d}_n"], x.shape[axis]
        matrix = exact(np.zeros((entry.output.shape[axis], size)))
        for at in range(len(matrix)):
            place = at * entry[f"scale_{d}_d"] + entry[f"offset_{d}"]
            whole, rest = place // unit, place % unit
            one = 1 if entry["mode"] == 1 else unit
            rest = int(2 * rest >= unit) if entry["mode"] == 1 else rest
            matrix[at, max(whole, 0)] += one - rest
            matrix[at, min(whole + 1, size - 1)] += rest
        x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    return x


def max_pool2d(entry: Entry, x: Integers) -> Integers:
    cells = windows(entry, padded(entry, x, entry.output.type.low), entry["kernel_y"], entry["kernel_x"])
    return np.maximum.reduce([seen for row in cells for seen in row])


_OPERATORS: dict[Op, Callable[..., Integers]] = {
    Op.ARGMAX: argmax,
    Op.AVG_POOL2D: avg_pool2d,
    Op.CONV2D: conv2d,
    Op.CONV3D: conv3d,
    Op.DEPTHWISE_CONV2D: depthwise_conv2d,
    Op.MATMUL: matmul,
    Op.MAX_POOL2D: max_pool2d,
    Op.TRANSPOSE_CONV2D: transpose_conv2d,
    Op.CLAMP: lambda entry, x: np.minimum(np.maximum(x, entry["min"]), entry["max"]),
    Op.ADD: lambda entry, a, b: a + b,
    Op.ARITHMETIC_RIGHT_SHIFT: shift,
    Op.BITWISE_AND: lambda entry, a, b: a & b,
    Op.BITWISE_OR: lambda entry, a, b: a | b,
    Op.BITWISE_XOR: lambda entry, a, b: a ^ b,
    Op.INTDIV: intdiv,
    Op.LOGICAL_AND: lambda entry, a, b: a * b,
    Op.LOGICAL_LEFT_SHIFT: shift,
    Op.LOGICAL_RIGHT_SHIFT: shift,
    Op.LOGICAL_OR: lambda entry, a, b: np.maximum(a, b),
    Op.LOGICAL_XOR: lambda entry, a, b: (a != b) * 1,
    Op.MAXIMUM: lambda entry, a, b: np.maximum(a, b),
    Op.MINIMUM: lambda entry, a, b: np.minimum(a, b),
    Op.MUL: mul,
    Op.SUB: lambda entry, a, b: a - b,
    Op.TABLE: table,
    Op.ABS: lambda entry, x: abs(x),
    Op.BITWISE_NOT: lambda entry, x: ~x,
    Op.CLZ: clz,
    Op.LOGICAL_NOT: lambda entry, x: 1 - x,
    Op.NEGATE: negate,
    Op.SELECT: lambda entry, condition, a, b: np.where(condition != 0, a, b),
    Op.EQUAL: compared(np.equal),
    Op.GREATER: compared(np.greater),
    Op.GREATER_EQUAL: compared(np.greater_equal),
    Op.REDUCE_ALL: reduced(np.minimum),
    Op.REDUCE_ANY: reduced(np.maximum),
    Op.REDUCE_MAX: reduced(np.maximum),
    Op.REDUCE_MIN: reduced(np.minimum),
    Op.REDUCE_SUM: reduced(np.add),
    Op.CONCAT: lambda entry, *parts: np.concatenate(parts, entry["axis"]),
    Op.PAD: padding,
    Op.RESHAPE: lambda entry, x: x.reshape(entry.output.shape),
    Op.REVERSE: lambda entry, x: np.flip(x, entry["axis"]),
    Op.SLICE: cut,
    Op.TILE: tile,
    Op.TRANSPOSE: transpose,
    Op.GATHER: gather,
    Op.SCATTER: scatter,
    Op.RESIZE: resize,
    Op.CAST: lambda entry, x: x,
    Op.RESCALE: rescale,
    Op.IDENTITY: lambda entry, x: x,
}
