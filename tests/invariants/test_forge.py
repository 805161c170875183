"""The invariants of `tests/forge`, run by forge over the contracts of this build.

The handlers there never revert: they predict each outcome and hold the contracts against it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from scripts.build import ROOT

INVARIANTS = {
    "invariant_A1_solvency()",
    "invariant_A2_conservation_of_stake()",
    "invariant_B1_exit_safety()",
    "invariant_C16_burned()",
    "invariant_E1_paid_or_refunded()",
    "invariant_F8_views()",
    "invariant_G1_honest_operator()",
    "invariant_G2_wrong_is_never_final()",
    "invariant_G3_watcher()",
}
REACH = "test_every_outcome_is_reached()"


@dataclass(frozen=True)
class Campaign:
    """What forge says of an invariant."""

    calls: int
    reverts: int
    passed: bool
    reason: str


def forge(tests: str, *, runs: int, depth: int, seed: str | None = None) -> dict[str, Any]:
    """Results by test, of the contracts as they are now."""
    # The tests read the build's file, which must be there and be new.
    subprocess.run([sys.executable, "-m", "scripts.build"], cwd=ROOT, check=True, capture_output=True)
    settings = {
        "FOUNDRY_PROFILE": "invariants",
        "FOUNDRY_INVARIANT_RUNS": str(runs),
        "FOUNDRY_INVARIANT_DEPTH": str(depth),
    }
    command = ["forge", "test", "--json", "--match-test", tests]
    command += ["--fuzz-seed", seed] if seed else []
    environment = os.environ | settings
    done = subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)
    start = done.stdout.find("{")
    assert start >= 0, done.stdout + done.stderr
    suites: dict[str, Any] = json.loads(done.stdout[start:])
    return {name: result for suite in suites.values() for name, result in suite["test_results"].items()}


def campaigns(results: Mapping[str, Any]) -> dict[str, Campaign]:
    """Of every invariant."""
    found = {}
    for name, result in results.items():
        kind = result["kind"]["Invariant"]
        reason = f"{result['reason']}\n{json.dumps(result['counterexample'])[:4_000]}"
        found[name] = Campaign(kind["calls"], kind["reverts"], result["status"] == "Success", reason)
    return found


def check(found: Mapping[str, Campaign], *, at_least: int) -> None:
    """All there, all hold, nothing reverted, enough was called."""
    assert set(found) == INVARIANTS
    assert {name: each.reason for name, each in found.items() if not each.passed} == {}
    assert {name: each.reverts for name, each in found.items() if each.reverts} == {}
    calls = sum(each.calls for each in found.values())
    print(f"forge: {calls:,} calls, {len(found)} invariants")
    assert calls >= at_least
    assert min(each.calls for each in found.values()) > 0


def test_invariants__short_walks__hold() -> None:
    """A1, A2, A7, A12, A13, B1, B4, B7, B11, B14, B15, B16, C1, C2, C5, C6, C11, C15, C16, C18, D1, D2, D3,
    D8, D11, D12, D13, E1, E2, E3, E7, E11, E13, E15, F8, G1, G2, G3: see the names in tests/forge.
    """
    check(campaigns(forge("invariant_", runs=4, depth=75, seed="0x1")), at_least=2_000)


def test_handlers__reach_every_outcome() -> None:
    """The invariants are not kept by doing nothing; each walk ends with everybody leaving (D4)."""
    result = forge(REACH.removesuffix("()"), runs=1, depth=1)[REACH]
    assert result["status"] == "Success", result["reason"]


@pytest.mark.deep
def test_invariants__long_walks__hold() -> None:
    """The same with at least 200,000 calls, from a seed that is new each time; a failure prints its calls."""
    check(campaigns(forge("invariant_", runs=150, depth=150)), at_least=200_000)
