"""Kernel of MATMUL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from onus.trace._dtypes import Array, DType
from onus.trace._entry import Entry
from onus.trace._kernels._base import Kernel


@numba.njit(nogil=True, cache=True)
def _matmul(a: Any, b: Any, a_zp: int, b_zp: int, out: Any) -> None:
    """8-bit matrices (k, h, c) times (k, c, w); sums wrap like INT32."""
    _, rows, length = a.shape
    columns = b.shape[2]
    wide = np.empty((length, columns), np.int32)
    for k in range(out.shape[0]):
        first, second = a[k % a.shape[0]], b[k % b.shape[0]]
        for c in range(length):
            for w in range(columns):
                wide[c, w] = np.int32(second[c, w]) - np.int32(b_zp)
        for h in range(rows):
            sums = out[k, h]
            sums[:] = 0
            for c in range(length):
                factor = np.int32(np.int32(first[h, c]) - np.int32(a_zp))
                for w in range(columns):
                    sums[w] = np.int32(sums[w] + np.int32(factor * wide[c, w]))


@numba.njit(nogil=True, cache=True)
def _matmul_wide(a: Any, b: Any, out: Any) -> None:
    """16-bit matrices with 48-bit results."""
    _, rows, length = a.shape
    for k in range(out.shape[0]):
        first, second = a[k % a.shape[0]], b[k % b.shape[0]]
        for h in range(rows):
            sums = out[k, h]
            sums[:] = 0
            for c in range(length):
                for w in range(b.shape[2]):
                    sums[w] += np.int64(first[h, c]) * np.int64(second[c, w])
            for w in range(b.shape[2]):
                # 48 bits of two's complement.
                sums[w] = (sums[w] << 16) >> 16


def matmul(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of MATMUL."""
    a_zp, b_zp = entry.attributes["a_zp"], entry.attributes["b_zp"]
    is_narrow = entry.inputs[0].dtype is DType.INT8

    def run(sources: Sequence[Array], out: Array) -> None:
        # (batch, n, h, c) → (batch · n, h, c); a constant is used again for each inference.
        a, b = (source.reshape(-1, *source.shape[2:]) for source in sources)
        results = out.reshape(-1, *out.shape[2:])
        if is_narrow:
            _matmul(a, b, a_zp, b_zp, results)
        else:
            _matmul_wide(a, b, results)

    return run
