"""Kernels of the pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from onus.trace._dtypes import Array
from onus.trace._entry import Entry
from onus.trace._kernels._base import Kernel


@numba.njit(nogil=True, cache=True)
def _max_pool(source: Any, kernel: Any, stride: Any, pad: Any, lowest: int, out: Any) -> None:
    """Source (b, h, w, c), out (b, oh, ow, c); first down the columns, where rows are contiguous."""
    _, height, width, channels = source.shape
    best = np.empty(width * channels, source.dtype)
    for b in range(out.shape[0]):
        for oy in range(out.shape[1]):
            top = oy * stride[0] - pad[0]
            best[:] = lowest
            for y in range(max(top, 0), min(top + kernel[0], height)):
                row = source[b, y].reshape(-1)
                for k in range(row.size):
                    best[k] = max(best[k], row[k])
            for ox in range(out.shape[2]):
                left = ox * stride[1] - pad[1]
                result = out[b, oy, ox]
                result[:] = lowest
                for x in range(max(left, 0), min(left + kernel[1], width)):
                    at = x * channels
                    for c in range(channels):
                        result[c] = max(result[c], best[at + c])


@numba.njit(nogil=True, cache=True)
def _avg_pool(
    source: Any, kernel: Any, stride: Any, pad: Any, zero_points: Any, limits: Any, scales: Any, out: Any
) -> None:
    """As `_max_pool`; scales: multiplier and shift by number of cells."""
    _, height, width, channels = source.shape
    input_zp, output_zp = zero_points
    low, high = limits
    sums = np.empty(width * channels, np.int64)
    total = np.empty(channels, np.int64)
    for b in range(out.shape[0]):
        for oy in range(out.shape[1]):
            top = oy * stride[0] - pad[0]
            first, last = max(top, 0), min(top + kernel[0], height)
            sums[:] = 0
            for y in range(first, last):
                row = source[b, y].reshape(-1)
                for k in range(row.size):
                    sums[k] += row[k]
            for ox in range(out.shape[2]):
                left = ox * stride[1] - pad[1]
                begin, end = max(left, 0), min(left + kernel[1], width)
                cells = (last - first) * (end - begin)
                multiplier, shift = scales[cells]
                half = np.int64(1) << (shift - 1)
                total[:] = -cells * input_zp
                for x in range(begin, end):
                    at = x * channels
                    for c in range(channels):
                        total[c] += sums[at + c]
                result = out[b, oy, ox]
                for c in range(channels):
                    value = ((total[c] * multiplier + half) >> shift) + output_zp
                    result[c] = min(max(value, low), high)


def avg_pool2d(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of AVG_POOL2D."""
    a, (_, height, width, _), dtype = entry.attributes, entry.inputs[0].shape, entry.output.dtype
    kernel, stride, pad = (a["kernel_y"], a["kernel_x"]), (a["stride_y"], a["stride_x"]), _pad(entry)
    most = min(kernel[0], height) * min(kernel[1], width)
    scales = np.array([_reciprocal(cells) for cells in range(most + 1)], np.int64)
    zero_points, limits = (a["input_zp"], a["output_zp"]), (dtype.minimum, dtype.maximum)

    def run(sources: Sequence[Array], out: Array) -> None:
        images, results = (x.reshape(-1, *x.shape[2:]) for x in (sources[0], out))
        _avg_pool(images, kernel, stride, pad, zero_points, limits, scales, results)

    return run


def _reciprocal(cells: int) -> tuple[int, int]:
    """1 / cells as multiplier and shift, the multiplier from 2^30 to 2^31: TOSA's reciprocal_scale."""
    log = 0
    while 1 << log < cells:
        log += 1
    return ((1 << 30 + log) + (1 << log)) // max(cells, 1), 30 + log


def _pad(entry: Entry) -> tuple[int, int]:
    return entry.attributes["pad_top"], entry.attributes["pad_left"]


def max_pool2d(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of MAX_POOL2D."""
    a = entry.attributes
    kernel, stride = (a["kernel_y"], a["kernel_x"]), (a["stride_y"], a["stride_x"])
    pad, lowest = _pad(entry), entry.output.dtype.minimum

    def run(sources: Sequence[Array], out: Array) -> None:
        source = sources[0]
        _max_pool(
            source.reshape(-1, *source.shape[2:]),
            kernel,
            stride,
            pad,
            lowest,
            out.reshape(-1, *out.shape[2:]),
        )

    return run
