"""Element types: ranges, reading and writing (docs/trace.md, 2)."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bytes = NDArray[np.uint8]


class DType(IntEnum):
    """Integer element types, numbered as in TOSA's file format."""

    BOOL = 1
    INT4 = 2
    INT8 = 3
    INT16 = 4
    INT32 = 5
    INT48 = 6

    @property
    def size(self) -> int:
        """Bytes of a committed element."""
        return _SIZE[self]

    @property
    def bits(self) -> int:
        """Width of the value."""
        return _BITS[self]

    @property
    def minimum(self) -> int:
        """Smallest value."""
        return 0 if self is DType.BOOL else -(1 << (self.bits - 1))

    @property
    def maximum(self) -> int:
        """Largest value."""
        return 1 if self is DType.BOOL else (1 << (self.bits - 1)) - 1

    @property
    def array(self) -> np.dtype[Any]:
        """numpy type in which the engine keeps values: the narrowest signed one that holds them."""
        return _ARRAY[self]

    def wrap(self, value: int) -> int:
        """Reduces an integer to the type by two's complement; BOOL by ≠ 0."""
        if self is DType.BOOL:
            return int(value != 0)
        half = 1 << (self.bits - 1)
        return ((value + half) & (2 * half - 1)) - half

    def saturate(self, value: int) -> int:
        """The nearest value of the type."""
        return min(max(value, self.minimum), self.maximum)

    def encode(self, value: int) -> bytes:
        """Canonical bytes of one element, big-endian."""
        return value.to_bytes(self.size, "big", signed=True)

    def decode(self, data: bytes) -> int:
        """Value of one committed element; defined for any bytes."""
        return self.wrap(int.from_bytes(data, "big"))

    def encode_array(self, values: Array) -> Bytes:
        """Canonical bytes of values.

        Args:
            values: integers of this type, any shape (…).

        Returns:
            bytes, shape (…, size).
        """
        stored = np.ascontiguousarray(values).astype(_STORED[self])
        return stored.view(np.uint8).reshape(*values.shape, self.size)

    def decode_array(self, data: Bytes) -> Array:
        """Values of committed bytes; defined for any bytes.

        Args:
            data: bytes, shape (…, size).

        Returns:
            values in `array`, shape (…).
        """
        flat: Array = np.ascontiguousarray(data).view(_STORED[self])[..., 0].astype(self.array)
        if self is DType.BOOL:
            flat = (flat != 0).astype(self.array)
        if self in (DType.INT4, DType.INT48):
            shift = self.array.itemsize * 8 - self.bits
            flat = (flat << shift) >> shift
        return flat


_SIZE = {DType.BOOL: 1, DType.INT4: 1, DType.INT8: 1, DType.INT16: 2, DType.INT32: 4, DType.INT48: 8}
_BITS = {DType.BOOL: 1, DType.INT4: 4, DType.INT8: 8, DType.INT16: 16, DType.INT32: 32, DType.INT48: 48}
_ARRAY: dict[DType, np.dtype[Any]] = {
    DType.BOOL: np.dtype(np.int8),
    DType.INT4: np.dtype(np.int8),
    DType.INT8: np.dtype(np.int8),
    DType.INT16: np.dtype(np.int16),
    DType.INT32: np.dtype(np.int32),
    DType.INT48: np.dtype(np.int64),
}
_STORED: dict[DType, np.dtype[Any]] = {
    DType.BOOL: np.dtype(np.int8),
    DType.INT4: np.dtype(np.int8),
    DType.INT8: np.dtype(np.int8),
    DType.INT16: np.dtype(">i2"),
    DType.INT32: np.dtype(">i4"),
    DType.INT48: np.dtype(">i8"),
}
