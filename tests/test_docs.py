"""The documents say what is: every attack has tests that exist, and every answer and number is current."""

from __future__ import annotations

import ast
import json
import re
from functools import cache

import pytest

from scripts.build import ROOT

ATTACKS = ROOT / "docs" / "attacks.md"
COUNTS = {"A": 14, "B": 17, "C": 18, "D": 14, "E": 15, "F": 10, "G": 15}
IDS = [f"{section}{number}" for section, count in COUNTS.items() for number in range(1, count + 1)]
"""Of the attacks, as they are known."""

_ROW = re.compile(r"^\| *([A-G]\d+) *\|(.*)\|([^|]*)\| *$", re.MULTILINE)
_NODE = re.compile(r"`(tests/[\w./-]+?)(?:::([\w:]+)(?:\[[^`]*\])?)?`")
_DOES_NOT_APPLY = re.compile(r"does not apply[,:;]? *(?:as|because|:)? *(.*)", re.IGNORECASE)


@cache
def functions_of(path: str) -> frozenset[str]:
    """What a test file defines: `function` or `Class::function`, or functions of a Solidity file."""
    text = (ROOT / path).read_text(encoding="utf8")
    if path.endswith(".sol"):
        return frozenset(re.findall(r"function (\w+)", text))
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found.add(node.name)
            found |= {f"{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return frozenset(found)


def rows() -> list[tuple[str, str, str]]:
    """Id, tests and outcome of every row of the map."""
    return [(id, tests, outcome.strip()) for id, tests, outcome in _ROW.findall(ATTACKS.read_text("utf8"))]


def test_attacks__every_id_has_one_row_in_order() -> None:
    assert [id for id, _, _ in rows()] == IDS


@pytest.mark.parametrize("id", IDS)
def test_attacks__every_row_names_tests_that_exist(id: str) -> None:
    row = next((row for row in rows() if row[0] == id), None)
    assert row is not None, f"{id} is not in docs/attacks.md"
    _, tests, outcome = row
    assert outcome, f"{id} has no outcome"
    named = _NODE.findall(tests)
    waived = _DOES_NOT_APPLY.search(tests + outcome)
    assert named or waived, f"{id} names no test"
    if waived and not named:
        assert len(waived[1].split()) >= 3, f"{id} does not apply, and does not say why"
    for path, function in named:
        assert (ROOT / path).is_file(), f"{id}: {path} does not exist"
        if function:
            assert function in functions_of(path), f"{id}: {path} has no {function}"


def test_readme__gas__is_what_is_committed() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "gas.json").read_text("utf8"))["rows"]
    gas = {row["action"]: row["gas"] for row in measured}
    text = (ROOT / "README.md").read_text("utf8").split("## What it costs")[1].split("\n## ")[0]
    told = re.findall(r"^\| (.+?) \| ([\d,.]+) \|", text, re.MULTILINE)
    assert len(told) > 10
    for action, number in told:
        assert f"{gas[action]:,}" == number, action


def test_functions_of__sees_what_is_not_there() -> None:
    here = "tests/test_docs.py"
    assert "test_attacks__every_id_has_one_row_in_order" in functions_of(here)
    assert "test_nothing" not in functions_of(here)
    assert "invariant_A1_solvency" in functions_of("tests/forge/Invariants.t.sol")
