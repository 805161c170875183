"""Kernels of the convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numba
import numpy as np

from onus.trace._dtypes import Array, DType
from onus.trace._entry import Entry
from onus.trace._kernels._base import Kernel
from onus.trace._kernels._dot import OUTPUTS, PIXELS, dot_dense, dot_depthwise

_SLACK: Final = 64  # elements behind a padded input that a run of odd length may touch


@numba.njit(nogil=True, cache=True)
def _widen(
    source: Any, zero_point: int, top: int, left: int, rows: int, columns: int, repeat: int, dtype: Any
) -> Any:
    """Source minus zero point in a frame of zeros, each channel repeated.

    (b, h, w, c) → (b · rows · columns · c · repeat + slack,).
    """
    batch, height, width, channels = source.shape
    size = channels * repeat
    out = np.zeros(batch * rows * columns * size + _SLACK, dtype)
    for b in range(batch):
        for y in range(height):
            at = ((b * rows + y + top) * columns + left) * size
            row = source[b, y].reshape(-1)
            if repeat == 1:
                for k in range(width * channels):
                    out[at + k] = row[k] - zero_point
            else:
                for k in range(width * channels):
                    out[at + k * repeat : at + (k + 1) * repeat] = row[k] - zero_point
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
    steps: Any,
    repeat: int,
    out: Any,
) -> None:
    """8-bit convolution.

    Args:
        source: input, (b, h, w, c).
        frame: (top, left, rows, columns) of the padded input.
        runs: distance in bytes from a window's first element to each contiguous run of it.
        length: multiplications in a run.
        weights: as `dot_dense` or `dot_depthwise` wants them, tile after tile of outputs.
        bias: 32-bit, filled up to whole tiles.
        zero_point: the input's.
        steps: (row step, column step) of the window, in elements of the padded input.
        repeat: outputs of each channel if depthwise, else 0.
        out: (b, oh, ow, o).
    """
    top, left, rows, columns = frame
    padded = _widen(source, zero_point, top, left, rows, columns, max(repeat, 1), np.int16)
    size = rows * columns * source.shape[3] * max(repeat, 1)
    spare = np.empty(PIXELS * OUTPUTS, np.int32)
    _convolve_padded(padded, spare, size, runs, length, weights, bias, steps, repeat > 0, out)


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
    batch, out_rows, out_columns, outputs = out.shape
    total = batch * out_rows * out_columns
    base, target = padded.ctypes.data, out.ctypes.data
    flat = out.reshape(total, outputs)
    address = np.empty(PIXELS, np.int64)
    b = oy = ox = 0
    tile_bytes = runs.size * length * OUTPUTS * 4
    for first in range(0, total, PIXELS):
        present = min(PIXELS, total - first)
        for p in range(present):
            address[p] = base + 2 * (b * size + oy * steps[0] + ox * steps[1])
            ox += 1
            if ox == out_columns:
                ox = 0
                oy += 1
                if oy == out_rows:
                    oy = 0
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
def _convolve_wide(
    source: Any, frame: Any, taps: Any, weights: Any, bias: Any, group: int, steps: Any, out: Any
) -> None:
    """16-bit convolution with 48-bit results.

    Args:
        taps: distance in elements to each cell of the window.
        weights: 64-bit, (outputs, taps, channels or 1).
        group: 0 for a sum over channels, else outputs of each channel.
    """
    top, left, rows, columns = frame
    channels = source.shape[3]
    padded = _widen(source, 0, top, left, rows, columns, 1, np.int64)
    batch, out_rows, out_columns, outputs = out.shape
    size = rows * columns * channels
    for b in range(batch):
        for oy in range(out_rows):
            for ox in range(out_columns):
                start = b * size + oy * steps[0] + ox * steps[1]
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
                    out[b, oy, ox, o] = (total << 16) >> 16


class _Geometry:
    """Window of an entry in a padded input whose cells have some elements.

    Attributes:
        frame: (top, left, rows, columns) of the padded input.
        steps: elements from one position of the window to the next, vertically and horizontally.
        taps: elements from a window's first cell to each cell.
    """

    def __init__(self, entry: Entry, kernel: tuple[int, int], elements: int) -> None:
        a = entry.attributes
        _, height, width, _ = entry.inputs[0].shape
        columns = width + a["pad_left"] + a["pad_right"]
        self.frame = (a["pad_top"], a["pad_left"], height + a["pad_top"] + a["pad_bottom"], columns)
        self.steps = (a["stride_y"] * columns * elements, a["stride_x"] * elements)
        down, right = a["dilation_y"] * columns * elements, a["dilation_x"] * elements
        self.taps = np.array(
            [ky * down + kx * right for ky in range(kernel[0]) for kx in range(kernel[1])], np.int64
        )


def _prepare(entry: Entry, weight: Array, bias: Array, *, depthwise: bool) -> Kernel:
    """Kernel for known weights and bias."""
    shifted = weight.astype(np.int64) - entry.attributes["weight_zp"]
    biases = np.broadcast_to(bias.reshape(-1), entry.output.shape[3:])
    if entry.inputs[0].dtype is DType.INT16:
        return _prepare_wide(entry, shifted, biases, depthwise=depthwise)
    if depthwise and entry.inputs[0].shape[3] == 1:
        # One channel: the same as a sum over that channel.
        shifted, depthwise = np.moveaxis(shifted, 3, 0), False
    return (_prepare_depthwise if depthwise else _prepare_dense)(entry, shifted, biases)


def _prepare_dense(entry: Entry, weight: Array, bias: Array) -> Kernel:
    outputs, kernel_y, kernel_x, channels = weight.shape
    geometry = _Geometry(entry, (kernel_y, kernel_x), channels)
    runs, run = geometry.taps, channels
    if entry.attributes["dilation_x"] == 1:
        # A row of the window is contiguous.
        runs, run = runs[::kernel_x], channels * kernel_x
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
    frame, steps, zero_point = geometry.frame, geometry.steps, entry.attributes["input_zp"]
    distances = np.ascontiguousarray(runs * 2)
    flat = np.ascontiguousarray(weights).reshape(-1)
    biases = np.zeros(_tiles(len(bias)) * OUTPUTS, np.int32)
    biases[: len(bias)] = bias

    def run(sources: Sequence[Array], target: Array) -> None:
        source, out = _images(sources[0]), _images(target)
        _convolve(source, frame, distances, length, flat, biases, zero_point, steps, repeat, out)

    return run


def _prepare_wide(entry: Entry, weight: Array, bias: Array, *, depthwise: bool) -> Kernel:
    channels, outputs = entry.inputs[0].shape[3], entry.output.shape[3]
    if depthwise:
        kernel = weight.shape[0], weight.shape[1]
        by_output = weight.reshape(kernel[0] * kernel[1], outputs).T[..., None]
    else:
        kernel = weight.shape[1], weight.shape[2]
        by_output = weight.reshape(outputs, -1, channels)
    geometry = _Geometry(entry, kernel, channels)
    frame, steps, taps = geometry.frame, geometry.steps, geometry.taps
    weights, biases = np.ascontiguousarray(by_output), bias.astype(np.int64)
    group = outputs // channels if depthwise else 0

    def run(sources: Sequence[Array], target: Array) -> None:
        _convolve_wide(_images(sources[0]), frame, taps, weights, biases, group, steps, _images(target))

    return run


def _images(array: Array) -> Array:
    """(batch, n, h, w, c) → (batch · n, h, w, c)."""
    return array.reshape(-1, *array.shape[2:])


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
    """Kernel of CONV2D."""
    return _convolution(entry, constants, depthwise=False)


def depthwise_conv2d(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of DEPTHWISE_CONV2D."""
    return _convolution(entry, constants, depthwise=True)
