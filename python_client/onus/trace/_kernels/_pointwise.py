"""Kernels of the elementwise operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numba
import numpy as np

from onus.trace._dtypes import Array, DType
from onus.trace._entry import Entry
from onus.trace._kernels._base import Kernel, Prepare
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


# ---- One operand ---------------------------------------------------------------------------------


def cast(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of CAST."""
    to_bool = entry.output.dtype is DType.BOOL

    def run(sources: Sequence[Array], out: Array) -> None:
        _store(np.not_equal(sources[0], 0) if to_bool else sources[0], out)

    return run


def clz(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of CLZ."""
    bits = entry.output.dtype.bits

    def run(sources: Sequence[Array], out: Array) -> None:
        # A number of 32 bits is exact in float64, whose exponent is then the position of the highest one.
        _store(bits - np.frexp(_unsigned(sources[0]).astype(np.float64))[1], out)

    return run


def logical_not(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of LOGICAL_NOT."""

    def run(sources: Sequence[Array], out: Array) -> None:
        np.equal(sources[0], 0, out=out.view(np.bool_))

    return run


def negate(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of NEGATE."""
    dtype, total = entry.output.dtype, entry.attributes["input_zp"] + entry.attributes["output_zp"]

    def run(sources: Sequence[Array], out: Array) -> None:
        values = total - sources[0].astype(np.int64)
        _store(np.clip(values, dtype.minimum, dtype.maximum) if dtype < DType.INT32 else values, out)

    return run


@numba.njit(nogil=True, cache=True)
def _look_up(places: Any, entries: Any, out: Any) -> None:
    for k in range(places.size):
        out[k] = entries[places[k]]


@numba.njit(nogil=True, cache=True)
def _interpolate(source: Any, entries: Any, out: Any) -> None:
    """Entries of 16 bits: everything has less than 32."""
    for k in range(source.size):
        x = np.int32(source[k]) + 32768
        base = np.int32(entries[x >> 7])
        out[k] = (base << 7) + (np.int32(entries[(x >> 7) + 1]) - base) * (x & 127)


def table(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of TABLE."""
    entries = constants[1]
    assert entries is not None
    if entry.inputs[0].dtype is DType.INT16:

        def interpolate(sources: Sequence[Array], out: Array) -> None:
            _interpolate(sources[0].reshape(-1), entries, out.reshape(-1))

        return interpolate
    # In the order of the bytes of x.
    turned = np.roll(entries, 128)

    def look_up(sources: Sequence[Array], out: Array) -> None:
        _look_up(_unsigned(sources[0]).reshape(-1), turned, out.reshape(-1))

    return look_up


# ---- Several operands ----------------------------------------------------------------------------


def elementwise(function: np.ufunc) -> Prepare:
    """Kernel of an operator that numpy has; its integers wrap."""

    def prepare(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
        is_test = entry.output.dtype is DType.BOOL and entry.inputs[0].dtype is not DType.BOOL

        def run(sources: Sequence[Array], out: Array) -> None:
            function(*sources, out=out.view(np.bool_) if is_test else out)

        return run

    return prepare


def intdiv(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of INTDIV."""

    def run(sources: Sequence[Array], out: Array) -> None:
        a, b = (x.astype(np.int64) for x in sources)
        # The sign of 0 is 0.
        _store(np.sign(a) * np.sign(b) * (np.abs(a) // np.maximum(np.abs(b), 1)), out)

    return run


def mul(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of MUL."""
    shift = entry.attributes["shift"]

    def plain(sources: Sequence[Array], out: Array) -> None:
        a, b = sources
        np.multiply(a, b, out=out, dtype=out.dtype)

    def shifted(sources: Sequence[Array], out: Array) -> None:
        a, b = sources
        product = np.multiply(a, b, dtype=np.int64)
        # Half is added after all but one bit have gone: before, the largest product would overflow.
        product >>= shift - 1
        product += 1
        product >>= 1
        _store(product, out)

    return shifted if shift else plain


def select(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of SELECT."""

    def run(sources: Sequence[Array], out: Array) -> None:
        condition, chosen, other = sources
        np.copyto(out, other)
        np.copyto(out, chosen, where=condition.view(np.bool_))

    return run


def _shift(apply: Callable[[Entry, Array, Array], Array]) -> Prepare:
    """Kernel of an operator that shifts; `apply` gets shifts that the type has."""

    def prepare(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
        bits = entry.output.dtype.bits

        def run(sources: Sequence[Array], out: Array) -> None:
            a, shifts = sources
            is_sound = (shifts >= 0) & (shifts < bits)
            _store(np.where(is_sound, apply(entry, a, np.where(is_sound, shifts, 0)), 0), out)

        return run

    return prepare


def _right(entry: Entry, a: Array, shifts: Array) -> Array:
    result = a >> shifts
    if entry.attributes["round"]:
        result += (a >> np.maximum(shifts - 1, 0)) & (shifts > 0)
    return result


arithmetic_right_shift: Prepare = _shift(_right)
"""Kernel of ARITHMETIC_RIGHT_SHIFT."""
logical_left_shift: Prepare = _shift(lambda entry, a, shifts: a << shifts)
"""Kernel of LOGICAL_LEFT_SHIFT."""
logical_right_shift: Prepare = _shift(lambda entry, a, shifts: _unsigned(a) >> _unsigned(shifts))
"""Kernel of LOGICAL_RIGHT_SHIFT."""


def _store(values: Array, out: Array) -> None:
    """Writes integers into a narrower type: they wrap."""
    np.copyto(out, values, casting="unsafe")


def _unsigned(values: Array) -> Array:
    """The same bits without sign."""
    return values.view(f"u{values.itemsize}")
