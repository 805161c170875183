"""RESCALE: change of scale, zero point and type."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._operators._base import Box, Lowered, Operand, Operator, Read, Source

SCALE32 = 1
DOUBLE_ROUND = 2
PER_CHANNEL = 4
INPUT_UNSIGNED = 8
OUTPUT_UNSIGNED = 16
"""Bits of the attribute `flags`."""

_SINGLE, _DOUBLE = 1, 3  # TOSA's RoundingMode; 2, INEXACT, leaves the result open


class Rescale(Operator):
    """((x − input_zp) · multiplier + round) >> shift, + output_zp; saturate."""

    opcode: ClassVar[Opcode] = Opcode.RESCALE
    reader: ClassVar[str] = "RescaleAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (
        ("Scale32", "u8"),
        ("RoundingMode", "u32"),
        ("PerChannel", "u8"),
        ("InputUnsigned", "u8"),
        ("OutputUnsigned", "u8"),
    )

    def lower(self, source: Source) -> Lowered:
        source.operands(5)
        operand = source.tensor(0, DType.INT8, DType.INT16, DType.INT32, DType.INT48)
        source.makes((DType.INT8, DType.INT16, DType.INT32), operand.shape)
        scale32, per_channel, from_unsigned, to_unsigned = (
            bool(source.attributes[name])
            for name in ("Scale32", "PerChannel", "InputUnsigned", "OutputUnsigned")
        )
        rounding = source.attributes["RoundingMode"]
        source.require(rounding in (_SINGLE, _DOUBLE), f"rounding mode {rounding} is not exact")
        source.require(scale32 or rounding == _SINGLE, "double rounding needs a 32-bit scale")
        source.require(not scale32 or operand.dtype is not DType.INT48, "INT48 needs a 16-bit scale")
        self._check_signs(source, operand.dtype, from_unsigned=from_unsigned, to_unsigned=to_unsigned)
        source.require(not per_channel or bool(operand.shape), "a scale for each channel needs an axis")

        channels = operand.shape[-1] if per_channel else 1
        multipliers = source.constant(1, DType.INT32 if scale32 else DType.INT16, count=channels)
        shifts = source.constant(2, DType.INT8, count=channels)
        source.require(min(multipliers) >= 0, f"multiplier {min(multipliers)} is negative")
        source.require(min(shifts) >= 2 and max(shifts) <= 62, "shifts must be from 2 to 62")
        attributes = {
            "multiplier": 0 if per_channel else multipliers[0],
            "shift": 0 if per_channel else shifts[0],
            "input_zp": self._zero_point(source, 3, operand.dtype, unsigned=from_unsigned),
            "output_zp": self._zero_point(source, 4, source.dtype, unsigned=to_unsigned),
            "flags": scale32 * SCALE32
            | (rounding == _DOUBLE) * DOUBLE_ROUND
            | per_channel * PER_CHANNEL
            | from_unsigned * INPUT_UNSIGNED
            | to_unsigned * OUTPUT_UNSIGNED,
        }
        if not per_channel:
            return Lowered(attributes, (operand,))
        packed = np.array(shifts, np.int64) << 32 | np.array(multipliers, np.int64)
        return Lowered(attributes, (operand, Operand("scales", DType.INT48, (channels,), packed)))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        attributes, source, target = entry.attributes, entry.inputs[0].dtype, entry.output.dtype
        flags = attributes["flags"]
        multiplier, shift = attributes["multiplier"], attributes["shift"]
        if flags & PER_CHANNEL:
            packed = read(1, element % entry.output.shape[-1])
            shift, multiplier = packed >> 32, packed & 0xFFFF_FFFF
        value = read(0, element)
        if flags & INPUT_UNSIGNED and value < 0:
            value += 1 << source.bits
        value -= attributes["input_zp"]
        half = 1 << (shift - 1) if shift else 0
        if flags & DOUBLE_ROUND and shift > 31:
            half += 1 << 30 if value >= 0 else -(1 << 30)
        value = ((value * multiplier + half) >> shift) + attributes["output_zp"]
        low, high = bounds(target, unsigned=bool(flags & OUTPUT_UNSIGNED))
        return min(max(value, low), high)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return (box, box[-1:])[: len(entry.inputs)]

    @staticmethod
    def _check_signs(source: Source, dtype: DType, *, from_unsigned: bool, to_unsigned: bool) -> None:
        narrow = (DType.INT8, DType.INT16)
        source.require(not (from_unsigned and to_unsigned), "input and output cannot both be unsigned")
        source.require(
            not from_unsigned or (dtype in narrow and source.dtype in narrow),
            f"an unsigned {dtype.name} cannot be rescaled to {source.dtype.name}",
        )
        source.require(
            not to_unsigned or (dtype in narrow and source.dtype in narrow),
            f"{dtype.name} cannot be rescaled to an unsigned {source.dtype.name}",
        )

    @staticmethod
    def _zero_point(source: Source, index: int, dtype: DType, *, unsigned: bool) -> int:
        (value,) = source.constant(index, dtype)
        if unsigned and value < 0:
            value += 1 << dtype.bits
        allowed = dtype is DType.INT8 or value == 0 or (unsigned and value == 1 << 15)
        source.require(allowed, f"zero point {value} is not allowed for {dtype.name}")
        return value


def bounds(dtype: DType, *, unsigned: bool) -> tuple[int, int]:
    """Range to which a rescaled value saturates."""
    return (0, (1 << dtype.bits) - 1) if unsigned else (dtype.minimum, dtype.maximum)
