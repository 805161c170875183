"""Hypothesis strategies for the structs of `onus.protocol`: every field over its whole range, edges first."""

from __future__ import annotations

import dataclasses
import enum
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from onus.protocol import Struct, to_address
from onus.protocol._struct import Address, Bits, Width

S = TypeVar("S", bound=Struct)


def unsigned(bits: int) -> st.SearchStrategy[int]:
    """Every unsigned integer of this many bits; the ends often."""
    largest = (1 << bits) - 1
    return st.one_of(st.sampled_from((0, 1, largest - 1, largest)), st.integers(0, largest))


def fixed(size: int) -> st.SearchStrategy[bytes]:
    """Bytes of this length; all zero and all one often."""
    ends = st.sampled_from((bytes(size), b"\xff" * size, bytes(size - 1) + b"\x01"))
    return st.one_of(ends, st.binary(min_size=size, max_size=size))


words = fixed(32)
addresses: st.SearchStrategy[Address] = fixed(20).map(to_address)


@cache
def structs(cls: type[S]) -> st.SearchStrategy[S]:
    """Every value of a struct."""
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{field.name: _of(hints[field.name]) for field in dataclasses.fields(cls)})  # type: ignore[arg-type]


def _of(hint: Any) -> st.SearchStrategy[Any]:
    bare, marks = (get_args(hint)[0], get_args(hint)[1:]) if get_origin(hint) is Annotated else (hint, ())
    for mark in marks:
        if isinstance(mark, Bits):
            return unsigned(mark.size)
        if isinstance(mark, Width):
            return fixed(mark.size)
    if bare is Address:
        return addresses
    if get_origin(bare) is tuple:
        return st.lists(_of(get_args(bare)[0]), max_size=4).map(tuple)
    while hasattr(bare, "__supertype__"):
        bare = bare.__supertype__
        if bare is bytes:
            return words
    if bare is bool:
        return st.booleans()
    if bare is str:
        return st.text(max_size=40)
    if isinstance(bare, type) and issubclass(bare, enum.IntEnum):
        return st.sampled_from(bare)
    if isinstance(bare, type) and issubclass(bare, Struct):
        return structs(bare)
    raise TypeError(f"no strategy for {hint}")
