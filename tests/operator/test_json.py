"""JSON from strangers is bounded before it is parsed (G12)."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onus.inference import parse_json
from onus.inference._json import MAX_DEPTH

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['[{"', '\\"[', "\\", '"']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(VALUES, st.booleans())
def test_json__of_our_depth__is_what_the_library_reads(value: object, plain: bool) -> None:
    data = json.dumps(value, ensure_ascii=plain).encode(errors="surrogatepass")
    if depth_of(value) > MAX_DEPTH:
        return
    try:
        expected = json.loads(data.decode())
    except ValueError:
        with pytest.raises(ValueError):
            parse_json(data)
        return
    assert parse_json(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'["\\"",' * 100_000,
        b'["\\\\",' * 100_000,
        b" [ " * 100_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        ("[" * 100_000).encode("utf-16"),
        ("[" * 100_000).encode("utf-32-be"),
        b'"' + b"\\" * 100_001,
        b"\xff",
        b"9" * 10_000,
    ],
    ids=range(11),
)
def test_json__that_nests_too_deep_or_is_none__is_refused(data: bytes) -> None:
    """Also in a process whose recursion limit was raised, as some libraries do."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        with pytest.raises(ValueError):
            parse_json(data)
    finally:
        sys.setrecursionlimit(limit)


def test_json__as_deep_as_allowed__is_read() -> None:
    assert depth_of(parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)) == MAX_DEPTH
    assert parse_json(b'"' + b"[" * 100_000 + b'"') == "[" * 100_000
