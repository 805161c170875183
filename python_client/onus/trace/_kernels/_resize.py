"""Kernel of RESIZE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from onus.trace._dtypes import Array
from onus.trace._entry import Entry
from onus.trace._kernels._base import Kernel
from onus.trace._operators._resize import NEAREST


@numba.njit(nogil=True, cache=True)
def _bilinear(source: Any, rows: Any, columns: Any, out: Any) -> None:
    """Source (b, h, w, c), out (b, oh, ow, c).

    Rows and columns: for each of the output the two of the input and what each counts, (oh or ow, 4). The
    weighted sum of 16-bit values has fewer than 40 bits.
    """
    for b in range(out.shape[0]):
        for oy in range(out.shape[1]):
            top, bottom, upper, lower = rows[oy]
            for ox in range(out.shape[2]):
                left, right, before, after = columns[ox]
                result = out[b, oy, ox]
                for c in range(out.shape[3]):
                    first = source[b, top, left, c] * before + source[b, top, right, c] * after
                    second = source[b, bottom, left, c] * before + source[b, bottom, right, c] * after
                    result[c] = first * upper + second * lower


def resize(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of RESIZE."""
    a, nearest = entry.attributes, entry.attributes["mode"] == NEAREST
    tables = []
    for axis, d in ((1, "y"), (2, "x")):
        n, last = a[f"scale_{d}_n"], entry.inputs[0].shape[axis] - 1
        position = np.arange(entry.output.shape[axis], dtype=np.int64) * a[f"scale_{d}_d"] + a[f"offset_{d}"]
        whole, rest = position // n, position % n
        low, high = np.maximum(whole, 0), np.minimum(whole + 1, last)
        if nearest:
            tables.append(np.where(2 * rest >= n, high, low))
        else:
            tables.append(np.ascontiguousarray(np.stack((low, high, n - rest, rest), -1)))
    rows, columns = tables

    def run(sources: Sequence[Array], out: Array) -> None:
        # (batch, n, h, w, c) → (batch · n, h, w, c)
        source = sources[0].reshape(-1, *sources[0].shape[2:])
        results = out.reshape(-1, *out.shape[2:])
        if nearest:
            np.copyto(results, source[:, rows[:, None], columns])
        else:
            _bilinear(source, rows, columns, results)

    return run
