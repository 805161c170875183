"""What commands print: text for people, or one JSON document, and why they fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

__all__ = ["AsJson", "print_json", "refusals"]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]


def print_json(document: dict[str, Any]) -> None:
    """Prints the one document of a command."""
    print(json.dumps(document, indent=1))


@contextmanager
def refusals(as_json: bool) -> Iterator[None]:
    """Ends the command with 1 on everything this package raises on purpose: a line, or a document."""
    from onus.protocol import OnusError

    try:
        yield
    except OnusError as error:
        name = type(error).__name__
        if as_json:
            print_json({"ok": False, "error": name, "message": str(error)})
        else:
            print(f"{name}: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
