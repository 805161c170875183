"""JSON from strangers."""

from __future__ import annotations

import json
import re
from typing import Any, Final

__all__ = ["MAX_DEPTH", "parse_json"]

MAX_DEPTH: Final = 16
"""Deeper than anything that travels here."""

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def parse_json(data: bytes) -> Any:
    """Reads JSON in UTF-8.

    Nesting is bounded before the parser sees it: it recurses, and in a process whose recursion limit somebody
    raised, a few kilobytes of brackets would end the process.

    Raises:
        ValueError: it is not JSON, or nested deeper than `MAX_DEPTH`.
    """
    text = data.decode("utf-8")
    depth = 0
    for bracket in _STRING.sub(b"", data).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
    return json.loads(text)
