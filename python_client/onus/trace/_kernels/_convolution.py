"""Kernels of the convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Final

import numba
import numpy as np

from onus.trace._dtypes import Array, DType
from onus.trace._entry import Entry, Opcode
from onus.trace._kernels._base import Kernel
from onus.trace._kernels._dot import OUTPUTS, PIXELS, dot_dense, dot_depthwise

_SLACK: Final = 64  # elements behind a padded input that a run of odd length may touch


@numba.njit(nogil=True, cache=True)
def _widen(source: Any, zero_point: int, first: Any, size: Any, spread: Any, repeat: int, dtype: Any) -> Any:
    """Source minus zero point in a frame of zeros, rows and columns `spread` apart, each channel repeated.

    (b, d, h, w, c) → (b · size · c · repeat + slack,).
    """
    batch, depth, height, width, channels = source.shape
    each = channels * repeat
    out = np.zeros(batch * size[0] * size[1] * size[2] * each + _SLACK, dtype)
    for b in range(batch):
        for z in range(depth):
            plane = (b * size[0] + z + first[0]) * size[1]
            for y in range(height):
                at = ((plane + y * spread[0] + first[1]) * size[2] + first[2]) * each
                if repeat == 1 and spread[1] == 1:
                    row = source[b, z, y].reshape(-1)
                    for k in range(width * channels):
                        out[at + k] = row[k] - zero_point
                else:
                    for x in range(width):
                        for c in range(channels):
                            k = at + x * spread[1] * each + c * repeat
                            out[k : k + repeat] = source[b, z, y, x, c] - zero_point
    return out


@numba.njit(nogil=True, cache=True)
def _convolve(
    source: Any,
    frame: Any,
    runs: Any,
    length: int,
    weights: Any,
    bias: Any,
    zero_point: int,
    repeat: int,
    out: Any,
) -> None:
    """8-bit convolution.

    Args:
        source: input, (b, d, h, w, c).
        frame: as in `_Geometry`.
        runs: distance in bytes from a window's first element to each contiguous run of it.
        length: multiplications in a run.
        weights: as `dot_dense` or `dot_depthwise` wants them, tile after tile of outputs.
        bias: 32-bit, filled up to whole tiles.
        zero_point: the input's.
        repeat: outputs of each channel if depthwise, else 0.
        out: (b, od, oh, ow, o).
    """
    first, size, spread, steps = frame
    padded = _widen(source, zero_point, first, size, spread, max(repeat, 1), np.int16)
    elements = size[0] * size[1] * size[2] * source.shape[4] * max(repeat, 1)
    spare = np.empty(PIXELS * OUTPUTS, np.int32)
    _convolve_padded(padded, spare, elements, runs, length, weights, bias, steps, repeat > 0, out)


@numba.njit(nogil=True, cache=True)
def _convolve_padded(
    padded: Any,
    spare: Any,
    size: int,
    runs: Any,
    length: int,
    weights: Any,
    bias: Any,
    steps: Any,
    depthwise: bool,
    out: Any,
) -> None:
    """Every array is an argument here: numba would free a local one once only its address is in use."""
    batch, out_planes, out_rows, out_columns, outputs = out.shape
    total = batch * out_planes * out_rows * out_columns
    base, target = padded.ctypes.data, out.ctypes.data
    flat = out.reshape(total, outputs)
    address = np.empty(PIXELS, np.int64)
    b = oz = oy = ox = 0
    tile_bytes = runs.size * length * OUTPUTS * 4
    for first in range(0, total, PIXELS):
        present = min(PIXELS, total - first)
        for p in range(present):
            address[p] = base + 2 * (b * size + oz * steps[0] + oy * steps[1] + ox * steps[2])
            ox += 1
            if ox == out_columns:
                ox = 0
                oy += 1
                if oy == out_rows:
                    oy = 0
                    oz += 1
                    if oz == out_planes:
                        oz = 0
                        b += 1
        for p in range(present, PIXELS):
            address[p] = address[0]
        x0, x1, x2, x3 = address[0], address[1], address[2], address[3]
        for tile in range(bias.size // OUTPUTS):
            fits = present == PIXELS and (tile + 1) * OUTPUTS <= outputs
            place = target + 4 * (first * outputs + tile * OUTPUTS) if fits else spare.ctypes.data
            stride = 4 * outputs if fits else 4 * OUTPUTS
            weight = weights.ctypes.data + tile * tile_bytes
            initial = bias.ctypes.data + tile * 4 * OUTPUTS
            table = runs.ctypes.data
            if depthwise:
                dot_depthwise(x0, x1, x2, x3, table, runs.size, length, weight, initial, place, stride)
                # The next sixteen channels.
                x0, x1, x2, x3 = x0 + 2 * OUTPUTS, x1 + 2 * OUTPUTS, x2 + 2 * OUTPUTS, x3 + 2 * OUTPUTS
            else:
                dot_dense(x0, x1, x2, x3, table, runs.size, length, weight, initial, place, stride)
            if not fits:
                width = min(OUTPUTS, outputs - tile * OUTPUTS)
                for p in range(present):
                    for k in range(width):
                        flat[first + p, tile * OUTPUTS + k] = spare[p * OUTPUTS + k]


@numba.njit(nogil=True, cache=True)
def _convolve_wide(source: Any, frame: Any, taps: Any, weights: Any, bias: Any, group: int, out: Any) -> None:
    """16-bit convolution with 48-bit results.

    Args:
        frame: as in `_Geometry`.
        taps: distance in elements to each cell of the window.
        weights: 64-bit, (outputs, taps, channels or 1).
        group: 0 for a sum over channels, else outputs of each channel.
    """
    first, size, spread, steps = frame
    channels = source.shape[4]
    padded = _widen(source, 0, first, size, spread, 1, np.int64)
    elements = size[0] * size[1] * size[2] * channels
    batch, out_planes, out_rows, out_columns, outputs = out.shape
    for b in range(batch):
        for oz in range(out_planes):
            for oy in range(out_rows):
                for ox in range(out_columns):
                    start = b * elements + oz * steps[0] + oy * steps[1] + ox * steps[2]
                    results = out[b, oz, oy, ox]
                    for o in range(outputs):
                        total = bias[o]
                        for t in range(taps.size):
                            at = start + taps[t]
                            if group:
                                total += padded[at + o // group] * weights[o, t, 0]
                            else:
                                for c in range(channels):
                                    total += padded[at + c] * weights[o, t, c]
                        # 48 bits of two's complement.
                        results[o] = (total << 16) >> 16


class _Geometry:
    """Window of an entry in a padded input whose cells have some elements, both with a depth.

    Attributes:
        frame: place of the first element in the padded input, size of the padded input, distance of elements
            in it (rows and columns), and elements from one position of the window to the next; each but the
            distance as (depth, height, width).
        taps: elements from a window's first cell to each cell.
    """

    def __init__(self, entry: Entry, kernel: Sequence[int], elements: int) -> None:
        get, image = entry.attributes.get, entry.inputs[0].shape[1:-1]
        flat = [1] * (3 - len(image))
        cells, first, size, spread, strides, dilations = [*flat, *kernel], [], [], [], [], []
        for k, (d, start, end) in enumerate(
            (("d", "d0", "d1"), ("y", "top", "bottom"), ("x", "left", "right"))
        ):
            before, after = get(f"pad_{start}", 0), get(f"pad_{end}", 0)
            apart, stride = 1, get(f"stride_{d}", 1)
            if entry.opcode is Opcode.TRANSPOSE_CONV2D:
                # A window that moves by one over the spread input; its last cell meets the input first.
                apart, stride = stride, 1
                before = cells[k] - 1 + get(f"out_pad_{start}", 0)
                after = cells[k] - 1 + get(f"out_pad_{end}", 0)
            first.append(before)
            spread.append(apart)
            strides.append(stride)
            dilations.append(get(f"dilation_{d}", 1))
            size.append(before + ([*flat, *image][k] - 1) * apart + 1 + after)
        distances = (size[1] * size[2] * elements, size[2] * elements, elements)
        steps = (stride * distance for stride, distance in zip(strides, distances, strict=True))
        self.frame = (tuple(first), tuple(size), tuple(spread[1:]), tuple(steps))
        reach = (
            range(0, count * dilation * distance, dilation * distance)
            for count, dilation, distance in zip(cells, dilations, distances, strict=True)
        )
        self.taps = np.array([sum(cell) for cell in product(*reach)], np.int64)


def _prepare(entry: Entry, weight: Array, bias: Array, *, depthwise: bool) -> Kernel:
    """Kernel for known weights and bias."""
    shifted = weight.astype(np.int64) - entry.attributes["weight_zp"]
    if entry.opcode is Opcode.TRANSPOSE_CONV2D:
        shifted = shifted[:, ::-1, ::-1]
    biases = np.broadcast_to(bias.reshape(-1), entry.output.shape[-1:])
    if entry.inputs[0].dtype is DType.INT16:
        return _prepare_wide(entry, shifted, biases, depthwise=depthwise)
    if depthwise and entry.inputs[0].shape[3] == 1:
        # One channel: the same as a sum over that channel.
        shifted, depthwise = np.moveaxis(shifted, 3, 0), False
    return (_prepare_depthwise if depthwise else _prepare_dense)(entry, shifted, biases)


def _prepare_dense(entry: Entry, weight: Array, bias: Array) -> Kernel:
    outputs, *kernel, channels = weight.shape
    geometry = _Geometry(entry, kernel, channels)
    runs, run = geometry.taps, channels
    if entry.attributes.get("dilation_x", 1) == 1:
        # A row of the window is contiguous.
        runs, run = runs[:: kernel[-1]], channels * kernel[-1]
    pairs = -(-run // 2)
    packed = np.zeros((_tiles(outputs) * OUTPUTS, len(runs), 2 * pairs), np.int16)
    packed[:outputs, :, :run] = weight.reshape(outputs, len(runs), run)
    tiled = packed.reshape(-1, OUTPUTS, len(runs), pairs, 2).transpose(0, 2, 3, 1, 4)
    return _narrow(entry, geometry, runs, pairs, tiled, bias, repeat=0)


def _prepare_depthwise(entry: Entry, weight: Array, bias: Array) -> Kernel:
    kernel_y, kernel_x, channels, multiples = weight.shape
    geometry = _Geometry(entry, (kernel_y, kernel_x), channels * multiples)
    packed = np.zeros((kernel_y * kernel_x, _tiles(channels * multiples) * OUTPUTS), np.int32)
    packed[:, : channels * multiples] = weight.reshape(kernel_y * kernel_x, -1)
    tiled = packed.reshape(kernel_y * kernel_x, -1, OUTPUTS).transpose(1, 0, 2)
    return _narrow(entry, geometry, geometry.taps, 1, tiled, bias, repeat=multiples)


def _narrow(
    entry: Entry, geometry: _Geometry, runs: Array, length: int, weights: Array, bias: Array, *, repeat: int
) -> Kernel:
    frame, zero_point = geometry.frame, entry.attributes["input_zp"]
    distances = np.ascontiguousarray(runs * 2)
    flat = np.ascontiguousarray(weights).reshape(-1)
    biases = np.zeros(_tiles(len(bias)) * OUTPUTS, np.int32)
    biases[: len(bias)] = bias

    def run(sources: Sequence[Array], target: Array) -> None:
        source, out = _images(sources[0]), _images(target)
        _convolve(source, frame, distances, length, flat, biases, zero_point, repeat, out)

    return run


def _prepare_wide(entry: Entry, weight: Array, bias: Array, *, depthwise: bool) -> Kernel:
    channels, outputs = entry.inputs[0].shape[-1], entry.output.shape[-1]
    kernel = weight.shape[:2] if depthwise else weight.shape[1:-1]
    if depthwise:
        by_output = weight.reshape(kernel[0] * kernel[1], outputs).T[..., None]
    else:
        by_output = weight.reshape(outputs, -1, channels)
    geometry = _Geometry(entry, kernel, channels)
    frame, taps = geometry.frame, geometry.taps
    weights, biases = np.ascontiguousarray(by_output), bias.astype(np.int64)
    group = outputs // channels if depthwise else 0

    def run(sources: Sequence[Array], target: Array) -> None:
        _convolve_wide(_images(sources[0]), frame, taps, weights, biases, group, _images(target))

    return run


def _images(array: Array) -> Array:
    """(batch, n, …, h, w, c) → (batch · n, d, h, w, c)."""
    *depth, height, width, channels = array.shape[2:]
    return array.reshape(-1, *(depth or [1]), height, width, channels)


def _tiles(outputs: int) -> int:
    return -(-outputs // OUTPUTS)


def _convolution(entry: Entry, constants: Sequence[Array | None], *, depthwise: bool) -> Kernel:
    weight, bias = constants[1], constants[2]
    if constants[0] is None and weight is not None and bias is not None:
        return _prepare(entry, weight, bias, depthwise=depthwise)

    def general(sources: Sequence[Array], target: Array) -> None:
        # Weights that depend on the input: one inference at a time.
        for b in range(len(target)):
            source, weight, bias = (array[b if len(array) > 1 else 0] for array in sources)
            _prepare(entry, weight, bias, depthwise=depthwise)([source[None]], target[b : b + 1])

    return general


def conv2d(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of CONV2D, CONV3D and TRANSPOSE_CONV2D."""
    return _convolution(entry, constants, depthwise=False)


def depthwise_conv2d(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of DEPTHWISE_CONV2D."""
    return _convolution(entry, constants, depthwise=True)
