"""Descriptors of tensors: one word each (docs/trace.md, 1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import prod

import numpy as np

from onus.trace._dtypes import Array, Bytes, DType
from onus.trace._errors import MalformedEvidence

CHUNK = 128
"""Bytes of a chunk, the leaf of a tensor tree."""
MAX_RANK = 6


class Kind(IntEnum):
    """Where the elements of a tensor come from."""

    CONSTANT = 0
    INPUT = 1
    MATERIALISED = 2
    VIRTUAL = 3


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A tensor of a program.

    Attributes:
        kind: where its elements come from.
        dtype: element type.
        reference: constant: index in the weights tree; input, materialised: slot; virtual: producing entry.
        shape: dimensions, at most six, each at least 1.
        layout: axis stored at each position, outermost first; empty for row-major.
    """

    kind: Kind
    dtype: DType
    reference: int
    shape: tuple[int, ...]
    layout: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.layout == tuple(range(len(self.shape))):
            object.__setattr__(self, "layout", ())

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of the elements, without padding."""
        return self.count * self.dtype.size

    @property
    def chunks(self) -> int:
        """Number of leaves of the tensor tree."""
        return -(-self.size // CHUNK)

    @property
    def depth(self) -> int:
        """Depth of the tensor tree."""
        return (self.chunks - 1).bit_length()

    @property
    def is_committed(self) -> bool:
        """Whether elements are read from an opened chunk."""
        return self.kind is not Kind.VIRTUAL

    def encode(self) -> bytes:
        """The word."""
        layout = sum(axis << (20 - 4 * position) for position, axis in enumerate(self.layout))
        head = bytes((self.kind, self.dtype)) + self.reference.to_bytes(2, "big") + bytes((self.rank,))
        dims = b"".join(dimension.to_bytes(4, "big") for dimension in self.shape)
        return head + layout.to_bytes(3, "big") + dims.ljust(24, b"\0")

    @staticmethod
    def decode(word: bytes) -> Descriptor:
        """Inverse of `encode`.

        Raises:
            MalformedEvidence: if the word is no canonical descriptor.
        """
        try:
            rank = word[4]
            nibbles = int.from_bytes(word[5:8], "big")
            layout = tuple((nibbles >> (20 - 4 * k)) & 15 for k in range(rank)) if nibbles else ()
            shape = tuple(int.from_bytes(word[8 + 4 * k : 12 + 4 * k], "big") for k in range(rank))
            out = Descriptor(Kind(word[0]), DType(word[1]), int.from_bytes(word[2:4], "big"), shape, layout)
        except (ValueError, IndexError) as error:
            raise MalformedEvidence("no descriptor") from error
        if rank > MAX_RANK or 0 in shape or (layout and sorted(layout) != list(range(rank))):
            raise MalformedEvidence("no descriptor")
        if out.encode() != word:
            raise MalformedEvidence("no canonical descriptor")
        return out

    def address(self, index: int) -> int:
        """Position in layout order of the element with a row-major index."""
        if not self.layout:
            return index
        coordinates = unravel(index, self.shape)
        position = 0
        for axis in self.layout:
            position = position * self.shape[axis] + coordinates[axis]
        return position

    def stride(self, axis: int) -> int:
        """Distance in layout order between neighbours along an axis."""
        order = self.layout or tuple(range(self.rank))
        return prod(self.shape[other] for other in order[order.index(axis) + 1 :])

    def index(self, address: int) -> int:
        """Row-major index of the element at a position in layout order: inverse of `address`."""
        if not self.layout:
            return address
        stored = unravel(address, tuple(self.shape[axis] for axis in self.layout))
        coordinates = [0] * self.rank
        for axis, coordinate in zip(self.layout, stored, strict=True):
            coordinates[axis] = coordinate
        return ravel(coordinates, self.shape)

    def chunk_of(self, index: int) -> tuple[int, int]:
        """Chunk of an element, and where in it the element begins."""
        return divmod(self.address(index) * self.dtype.size, CHUNK)

    def commit(self, values: Array, out: Bytes | None = None) -> Bytes:
        """Committed bytes of tensors, padded to chunks.

        Args:
            values: shape (batch, *shape).
            out: receives them if given, shape (batch, chunks * 128).

        Returns:
            shape (batch, chunks * 128).
        """
        batch = values.shape[0]
        stored = values.reshape(batch, *self.shape)
        if self.layout:
            stored = stored.transpose(0, *(axis + 1 for axis in self.layout))
        return self.pad(self.dtype.encode_array(stored).reshape(batch, self.size), out)

    def pad(self, data: Bytes, out: Bytes | None = None) -> Bytes:
        """Fills the last chunk of each tensor with zero bytes: (batch, size) → (batch, chunks * 128)."""
        if out is None:
            out = np.empty((data.shape[0], self.chunks * CHUNK), np.uint8)
        out[:, : self.size] = data
        out[:, self.size :] = 0
        return out

    def restore(self, data: Bytes) -> Array:
        """Values of committed bytes, total: (batch, ≥ size) → (batch, *shape)."""
        batch = data.shape[0]
        order = self.layout or tuple(range(self.rank))
        stored = np.ascontiguousarray(data[:, : self.size]).reshape(
            batch, *(self.shape[axis] for axis in order), self.dtype.size
        )
        inverse = [0] * self.rank
        for position, axis in enumerate(order):
            inverse[axis] = position + 1
        return np.ascontiguousarray(self.dtype.decode_array(stored).transpose(0, *inverse))


def unravel(index: int, shape: tuple[int, ...]) -> list[int]:
    """Coordinates of a row-major index."""
    out = [0] * len(shape)
    for axis in range(len(shape) - 1, -1, -1):
        index, out[axis] = divmod(index, shape[axis])
    return out


def ravel(coordinates: list[int], shape: tuple[int, ...]) -> int:
    """Row-major index of coordinates."""
    index = 0
    for coordinate, dimension in zip(coordinates, shape, strict=True):
        index = index * dimension + coordinate
    return index
