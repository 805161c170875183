"""What everything costs is a committed number: changes show in the diff of `benchmarks/results/gas.json`."""

from __future__ import annotations

import json

import pytest

from benchmarks.gas import RESULTS, Results, measure


@pytest.fixture(scope="module")
def fresh() -> Results:
    """Measured now, on a chain of its own."""
    return measure()


def test_gas__as_committed(fresh: Results) -> None:
    """To the unit: run `make bench-gas` after a change that is meant, and review the difference."""
    committed = json.loads(RESULTS.read_text(encoding="utf8"))
    before = {row["action"]: row["gas"] for row in committed["rows"]}
    now = {row.action: row.gas for row in fresh.rows}
    changed = {
        action: (before.get(action), now.get(action))
        for action in before | now
        if before.get(action) != now.get(action)
    }
    assert not changed, "action: (committed, measured)"
    assert committed == fresh.to_json()


def test_gas__within_every_limit(fresh: Results) -> None:
    """C8, D4, E6: also the longest list of claims fits in a transaction, at commit and when it is settled."""
    assert fresh.broken == []
    assert [row.action for row in fresh.rows] == list({row.action: None for row in fresh.rows})


def test_commit__whatever_the_size_of_the_batch__costs_the_same(fresh: Results) -> None:
    """E6: what is left is the number of zero bytes in the header."""
    costs = [row.gas for row in fresh.rows if row.action.startswith("commit, batch of")]
    assert len(costs) == 4
    assert max(costs) - min(costs) < 100
