"""The operators as array expressions: whole tensors at once, in unbounded integers, from the text of TOSA."""

from __future__ import annotations

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


_OPERATORS = {
    Op.CONV2D: conv2d,
    Op.CONV3D: conv3d,
    Op.DEPTHWISE_CONV2D: depthwise_conv2d,
    Op.MATMUL: matmul,
    Op.MAX_POOL2D: max_pool2d,
    Op.TRANSPOSE_CONV2D: transpose_conv2d,
    Op.CLAMP: lambda entry, x: np.minimum(np.maximum(x, entry["min"]), entry["max"]),
    Op.ADD: lambda entry, a, b: a + b,
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
    Op.RESCALE: rescale,
    Op.IDENTITY: lambda entry, x: x,
}
