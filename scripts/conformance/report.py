"""What came out, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.conformance.generate import OPERATORS
from scripts.conformance.judge import Outcome, Verdict

__all__ = ["as_json", "print_report"]


def as_json(verdicts: Sequence[Verdict], *, seed: int, count: int, seconds: float) -> dict[str, Any]:
    """Everything: a row for each operator and data type, and each test that did not simply pass."""
    return {
        "seed": seed,
        "count": count,
        "seconds": round(seconds, 1),
        "ok": all(verdict.is_conformant for verdict in verdicts),
        "tests": len(verdicts),
        "elements": sum(verdict.elements for verdict in verdicts),
        "rows": [_row(each) for each in _groups(verdicts)],
        "notPassed": [
            {
                "test": verdict.case.name,
                "operator": verdict.case.operator,
                "types": verdict.case.types,
                "engine": verdict.engine,
                "chain": verdict.chain,
                "conformant": verdict.is_conformant,
                "notes": verdict.notes,
            }
            for verdict in verdicts
            if not verdict.engine == verdict.chain == Outcome.PASSED
        ],
    }


def print_report(console: Console, verdicts: Sequence[Verdict]) -> None:
    """The table, then what was not judged and why, then what failed."""
    table = Table(title="passed of total", title_justify="left")
    for name in ("operator", "data type"):
        table.add_column(name)
    for name in ("engine", "chain", "undefined", "refused"):
        table.add_column(name, justify="right")
    for group in _groups(verdicts):
        row = _row(group)
        judged = [f"{row[side]['passed']}/{row['tests']}" for side in ("engine", "chain")]
        refused = row["engine"]["refused"] + row["engine"]["unknown"]
        left_out = [str(count or "") for count in (row["engine"]["undefined"], refused)]
        style = None if all(verdict.is_conformant for verdict in group) else "red"
        table.add_row(row["operator"], row["types"], *judged, *left_out, style=style)
    console.print(table)
    _list(console, "the reference model defines no result", verdicts, Outcome.UNDEFINED)
    _list(console, "the compiler does not know the operator", verdicts, Outcome.UNKNOWN)
    _list(console, "refused", verdicts, Outcome.REFUSED)
    _list(console, "failed", verdicts, Outcome.FAILED)
    passed = sum(verdict.engine == verdict.chain == Outcome.PASSED for verdict in verdicts)
    elements = sum(verdict.elements for verdict in verdicts)
    console.print(
        f"{passed} of {len(verdicts)} tests passed on both sides; "
        f"the contract judged {elements} elements, each as computed and altered"
    )


def _groups(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    def key(verdict: Verdict) -> tuple[int, str]:
        return OPERATORS.index(verdict.case.operator), verdict.case.types

    return [list(group) for _, group in groupby(sorted(verdicts, key=key), key)]


def _row(group: Sequence[Verdict]) -> dict[str, Any]:
    def counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
        return {str(each): outcomes.count(each) for each in Outcome}

    return {
        "operator": group[0].case.operator,
        "types": group[0].case.types,
        "tests": len(group),
        "engine": counts([verdict.engine for verdict in group]),
        "chain": counts([verdict.chain for verdict in group]),
    }


def _list(console: Console, title: str, verdicts: Iterable[Verdict], outcome: Outcome) -> None:
    named = [verdict for verdict in verdicts if outcome in (verdict.engine, verdict.chain)]
    if not named:
        return
    console.print(f"[bold]{title}[/bold]")
    # One line for what has one reason: the place in the file is not part of it.
    for reason, group in groupby(sorted(named, key=_reason), _reason):
        names = [verdict.case.name for verdict in group]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        console.print(f"  {names[0]}{more}: {reason}", highlight=False, soft_wrap=True, markup=False)


def _reason(verdict: Verdict) -> str:
    return "; ".join(dict.fromkeys(verdict.notes))
