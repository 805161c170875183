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


def max_pool2d(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of MAX_POOL2D."""
    a = entry.attributes
    kernel, stride = (a["kernel_y"], a["kernel_x"]), (a["stride_y"], a["stride_x"])
    pad, lowest = (a["pad_top"], a["pad_left"]), entry.output.dtype.minimum

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
