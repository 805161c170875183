"""Kernels of the operators that read where another tensor says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba

from onus.trace._dtypes import Array
from onus.trace._entry import Entry
from onus.trace._kernels._base import Kernel


@numba.njit(nogil=True, cache=True)
def _gather(values: Any, indices: Any, out: Any) -> None:
    """Values (b, n, k, c), indices (b, n, w), out (b, n, w, c); a batch of one operand may be 1."""
    choices = values.shape[2]
    for b in range(out.shape[0]):
        rows, places = values[b % values.shape[0]], indices[b % indices.shape[0]]
        for n in range(out.shape[1]):
            for w in range(out.shape[2]):
                k = places[n, w]
                if 0 <= k < choices:
                    out[b, n, w] = rows[n, k]
                else:
                    out[b, n, w] = 0


@numba.njit(nogil=True, cache=True)
def _scatter(values: Any, indices: Any, rows: Any, out: Any) -> None:
    """Values and out (b, n, k, c), indices (b, n, w), rows (b, n, w, c); a batch of one operand may be 1."""
    for b in range(out.shape[0]):
        out[b] = values[b % values.shape[0]]
        places, source = indices[b % indices.shape[0]], rows[b % rows.shape[0]]
        for n in range(out.shape[1]):
            for w in range(places.shape[1]):
                k = places[n, w]
                if 0 <= k < out.shape[2]:
                    out[b, n, k] = source[n, w]


def gather(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of GATHER."""

    def run(sources: Sequence[Array], out: Array) -> None:
        _gather(sources[0], sources[1], out)

    return run


def scatter(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of SCATTER."""

    def run(sources: Sequence[Array], out: Array) -> None:
        _scatter(sources[0], sources[1], sources[2], out)

    return run
