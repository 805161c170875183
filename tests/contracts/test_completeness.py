"""No error and no function of the contracts without a test that names it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from scripts.build import Artifact

CONTRACTS = (
    "Parameters",
    "Models",
    "Operators",
    "Escrow",
    "Settlement",
    "Disputes",
    "Omissions",
    "Reputation",
)
TESTS = Path(__file__).resolve().parent


@cache
def sources() -> str:
    """All tests of contracts without this one, and what they share."""
    paths = [*TESTS.glob("test_*.py"), *TESTS.parent.glob("support/**/*.py")]
    return "\n".join(path.read_text() for path in sorted(paths) if path != Path(__file__))


@pytest.mark.parametrize("name", [*CONTRACTS, "Verifier"])
def test_errors__are_all_expected_somewhere(artifacts: dict[str, Artifact], name: str) -> None:
    errors = {entry["name"] for entry in artifacts[f"I{name}"].abi if entry["type"] == "error"}
    assert errors
    assert {error for error in errors if f'"{error}"' not in sources()} == set()


@pytest.mark.parametrize("name", [*CONTRACTS, "Verifier"])
def test_functions__are_all_called_somewhere(artifacts: dict[str, Artifact], name: str) -> None:
    functions = {entry["name"] for entry in artifacts[f"I{name}"].abi if entry["type"] == "function"}
    assert functions
    called = set(re.findall(r"(?:\.|\")(\w+)", sources()))
    assert functions - called == set()


@pytest.mark.parametrize("name", CONTRACTS)
def test_events__are_all_read_somewhere(artifacts: dict[str, Artifact], name: str) -> None:
    events = {entry["name"] for entry in artifacts[f"I{name}"].abi if entry["type"] == "event"}
    assert events
    assert {event for event in events if f'"{event}"' not in sources()} == set()
