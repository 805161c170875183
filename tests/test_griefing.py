"""The griefing table: current, complete, and without a row that pays for an attacker."""

from __future__ import annotations

import json

import pytest

from benchmarks.griefing import (
    DOCUMENT,
    GWEI,
    RESULTS,
    Cost,
    MissingRow,
    Row,
    in_document,
    read_gas,
    rows,
    table,
)


def test_griefing__files_are_current() -> None:
    """Run `python -m benchmarks.griefing` after a change of the gas that is meant."""
    fresh = [row.to_json() for row in rows(read_gas())]
    assert json.loads(RESULTS.read_text(encoding="utf8")) == {"rows": fresh}
    text = DOCUMENT.read_text(encoding="utf8")
    assert text == in_document(text, table(fresh))


def test_griefing__no_attack_costs_less_than_its_harm() -> None:
    """C1, C2, C7, C9, C10, E13."""
    found = rows(read_gas())
    assert [row.attack for row in found if not row.holds] == []
    assert len({row.attack for row in found}) == len(found) > 15


def test_griefing__holds_at_higher_gas_prices_too() -> None:
    """C9: every row holds at least at three times the price that the parameters are made for."""
    assert [row.attack for row in rows(read_gas()) if (row.holds_to or 3 * GWEI) < 3 * GWEI - 0.05] == []


def test_row__of_cheap_harm__does_not_hold() -> None:
    cheap = Row("", "", "", Cost(gas=100_000), "", Cost(gas=50_000, dollars=1))
    assert not cheap.holds
    assert Row("", "", "", Cost(gas=200_000, dollars=2), "", Cost(gas=500_000, dollars=1)).holds
    # 300,000 gas are worth a dollar at 1.1 gwei.
    limit = Row("", "", "", Cost(gas=200_000, dollars=2), "", Cost(gas=500_000, dollars=1)).holds_to
    assert limit == pytest.approx(1 / (300_000 * 1e-9 * 3_000))


def test_rows__of_an_action_that_is_not_measured__say_which() -> None:
    measured = read_gas()
    del measured["omission, claim"]
    with pytest.raises(MissingRow, match="'omission, claim'"):
        rows(measured)
