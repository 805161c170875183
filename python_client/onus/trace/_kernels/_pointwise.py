"""Kernels of the elementwise operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numba
import numpy as np

from onus.trace._dtypes import Array, DType
from onus.trace._entry import Entry
from onus.trace._kernels._base import Kernel
from onus.trace._operators._rescale import (
    DOUBLE_ROUND,
    INPUT_UNSIGNED,
    OUTPUT_UNSIGNED,
    PER_CHANNEL,
    bounds,
)

_ROW: Final = 512  # elements a row of scales is repeated to, so that inner loops are long


@numba.njit(nogil=True, cache=True)
def _rescale(
    source: Any, multipliers: Any, shifts: Any, halves: Any, zero_points: Any, limits: Any, out: Any
) -> None:
    """32-bit values: source (rows, n), scales (n,), out (rows, n)."""
    input_zp, output_zp = zero_points
    low, high = limits
    for row in range(source.shape[0]):
        values, results = source[row], out[row]
        for k in range(values.size):
            # Both factors are 32-bit, so the product has 63 bits and the sum does not overflow.
            value = np.int64(np.int32(np.int32(values[k]) - np.int32(input_zp)))
            result = ((value * np.int64(multipliers[k]) + halves[k]) >> shifts[k]) + output_zp
            results[k] = min(max(result, low), high)


@numba.njit(nogil=True, cache=True)
def _rescale_general(
    source: Any, multipliers: Any, shifts: Any, halves: Any, zero_points: Any, limits: Any, mask: int,
        double: bool,
    out: Any,
) -> None:  # fmt: skip
    """As `_rescale`, also for 48 bits, unsigned values (mask: the input's width, or −1), double rounding."""
    input_zp, output_zp = zero_points
    low, high = limits
    for row in range(source.shape[0]):
        values, results = source[row], out[row]
        for k in range(values.size):
            value = (np.int64(values[k]) & mask) - input_zp
            half = halves[k]
            if double and shifts[k] > 31:
                half += (1 << 30) if value >= 0 else -(1 << 30)
            result = ((value * np.int64(multipliers[k]) + half) >> shifts[k]) + output_zp
            results[k] = min(max(result, low), high)


def rescale(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of RESCALE."""
    attributes, source, target = entry.attributes, entry.inputs[0], entry.output
    flags = attributes["flags"]
    if flags & PER_CHANNEL:
        packed = constants[1]
        assert packed is not None
        scales = packed.astype(np.int64)
        multipliers, shifts = scales & 0xFFFF_FFFF, scales >> 32
    else:
        multipliers, shifts = np.array([attributes["multiplier"]]), np.array([attributes["shift"]])
    rows = source.count // len(shifts)
    most = max(1, min(rows, _ROW // len(shifts)))
    repeat = max(k for k in range(1, most + 1) if rows % k == 0)
    multipliers = np.tile(multipliers, repeat).astype(np.int32)
    shifts = np.tile(shifts, repeat).astype(np.int64)
    halves = np.where(shifts > 0, np.int64(1) << np.maximum(shifts - 1, 0), 0)
    zero_points = (attributes["input_zp"], attributes["output_zp"])
    unsigned = bool(flags & OUTPUT_UNSIGNED)
    low, high = bounds(target.dtype, unsigned=unsigned)
    width = len(shifts)
    stored = target.dtype.array
    # An unsigned result is stored in the bits of the signed type.
    kind = np.dtype(f"u{stored.itemsize}") if unsigned else stored

    if source.dtype is DType.INT48 or flags & (DOUBLE_ROUND | INPUT_UNSIGNED):
        mask = (1 << source.dtype.bits) - 1 if flags & INPUT_UNSIGNED else -1
        double = bool(flags & DOUBLE_ROUND)

        def general(sources: Sequence[Array], out: Array) -> None:
            rows, results = sources[0].reshape(-1, width), out.view(kind).reshape(-1, width)
            _rescale_general(
                rows, multipliers, shifts, halves, zero_points, (low, high), mask, double, results
            )

        return general

    def simple(sources: Sequence[Array], out: Array) -> None:
        rows, results = sources[0].reshape(-1, width), out.view(kind).reshape(-1, width)
        _rescale(rows, multipliers, shifts, halves, zero_points, (low, high), results)

    return simple


@numba.njit(nogil=True, cache=True)
def _clamp(source: Any, low: int, high: int, out: Any) -> None:
    for k in range(source.size):
        out[k] = min(max(source[k], low), high)


def clamp(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of CLAMP."""
    stored = entry.output.dtype.array.type
    low, high = stored(entry.attributes["min"]), stored(entry.attributes["max"])

    def run(sources: Sequence[Array], out: Array) -> None:
        _clamp(sources[0].reshape(-1), low, high, out.reshape(-1))

    return run


def add(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of ADD: numpy's integers wrap."""

    def run(sources: Sequence[Array], out: Array) -> None:
        np.add(sources[0], sources[1], out=out)

    return run
