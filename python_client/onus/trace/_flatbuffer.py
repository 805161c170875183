"""Structural check of a flatbuffer before the generated readers touch it.

The readers follow offsets without looking where they lead. `verify` walks the whole buffer by a schema
first, as the C++ library's verifier does: every table, vector and string must lie inside, and the work is
bounded, so that what the readers do afterwards is too.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from onus.trace._errors import LimitExceeded, NotTosa

MAX_TABLES: Final = 1 << 18
"""Most tables and strings a file may have, counted with repetition."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number of `size` bytes stored in its table."""

    size: int


@dataclass(frozen=True, slots=True)
class Vector:
    """A string, or a vector of numbers of `size` bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class Strings:
    """A vector of strings."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: for messages.
        fields: in the order of the schema; None for one that is never read.
        unions: index of the type field → table by type; types that are not listed are never read.
    """

    name: str
    fields: tuple[Field | None, ...]
    unions: Mapping[int, Mapping[int, Table]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tables:
    """A vector of tables."""

    table: Table


Field = Scalar | Vector | Strings | Table | Tables
STRING: Final = Vector(1)


def verify(data: bytes, root: Table, identifier: bytes) -> None:
    """Checks that every offset the schema leads to stays inside.

    Raises:
        NotTosa: if one does not.
        LimitExceeded: if the buffer has more tables than a model can need, or lists the same bytes over and
            over.
    """
    if len(data) < 8 or data[4:8] != identifier:
        raise NotTosa("not a TOSA flatbuffer")
    walker = _Walker(data)
    walker.table(walker.u32(0), root)


class _Walker:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._tables = 0
        self._bytes = 0
        # Strings may be shared, so the sum can be above the size; a file that repeats large ones is no model.
        self._most_bytes = 8 * len(data) + (1 << 20)

    def u32(self, at: int) -> int:
        self._inside(at, 4)
        value: int = struct.unpack_from("<I", self._data, at)[0]
        return value

    def _u16(self, at: int) -> int:
        self._inside(at, 2)
        value: int = struct.unpack_from("<H", self._data, at)[0]
        return value

    def _inside(self, at: int, size: int) -> None:
        if at < 0 or at + size > len(self._data):
            raise NotTosa("truncated or damaged: an offset leads outside the file")

    def _count(self) -> None:
        self._tables += 1
        if self._tables > MAX_TABLES:
            raise LimitExceeded("tables in the file", self._tables, MAX_TABLES)

    def table(self, at: int, table: Table) -> None:
        self._count()
        self._inside(at, 4)
        vtable = at - struct.unpack_from("<i", self._data, at)[0]
        vtable_size, size = self._u16(vtable), self._u16(vtable + 2)
        self._inside(vtable, vtable_size)
        self._inside(at, size)
        if vtable_size < 4 or vtable_size % 2 or size < 4:
            raise NotTosa(f"truncated or damaged: no {table.name} where one should be")

        def locate(index: int, width: int) -> int:
            slot = 4 + 2 * index
            offset = self._u16(vtable + slot) if slot + 2 <= vtable_size else 0
            if offset and (offset < 4 or offset + width > size):
                raise NotTosa(f"truncated or damaged: a field of a {table.name} lies outside it")
            return at + offset if offset else 0

        for index, kind in enumerate(table.fields):
            if kind is None:
                continue
            if isinstance(kind, Scalar):
                locate(index, kind.size)
            elif place := locate(index, 4):
                self._target(place + self.u32(place), kind)
        for index, by_type in table.unions.items():
            place = locate(index, 1)
            member = by_type.get(self._data[place]) if place else None
            if member is not None and (place := locate(index + 1, 4)):
                self.table(place + self.u32(place), member)

    def _target(self, at: int, kind: Vector | Strings | Table | Tables) -> None:
        if isinstance(kind, Table):
            self.table(at, kind)
        elif isinstance(kind, Vector):
            self._vector(at, kind.size)
        else:
            for place in range(at + 4, at + 4 + 4 * self._vector(at, 4), 4):
                if isinstance(kind, Tables):
                    self.table(place + self.u32(place), kind.table)
                else:
                    self._count()
                    self._vector(place + self.u32(place), 1)

    def _vector(self, at: int, size: int) -> int:
        length = self.u32(at)
        self._inside(at + 4, length * size)
        self._bytes += length * size
        if self._bytes > self._most_bytes:
            raise LimitExceeded("bytes listed in the file", self._bytes, self._most_bytes)
        return length
