"""The report for people."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from scripts.demo.world import DOLLAR

__all__ = ["print_tables"]


def print_tables(console: Console, report: dict[str, Any]) -> None:
    """Prints the books, and what was checked."""
    console.print(_accounts(report))
    console.print(_gas(report))
    for contract, each in report["solvency"].items():
        same = "=" if each["tokens"] == each["buckets"] else "≠"
        console.print(
            f"{contract} holds {_money(each['tokens'])} {same} its buckets {_money(each['buckets'])}",
            highlight=False,
        )
    console.print(f"burned {_money(report['burned'])}", highlight=False)
    for label, text in (
        ("honest", "answers computed honestly"),
        ("final", "answers that became final"),
        ("all", "all answers"),
    ):
        each = report["accuracy"][label]
        console.print(
            f"{text}: {each['right']} of {each['of']} right ({100 * each['share']:.2f} %)", highlight=False
        )
    for check, holds in report["checks"].items():
        console.print(f"[green]✓[/green] {check}" if holds else f"[red]✗ {check}[/red]", highlight=False)
    console.print(
        f"{report['seconds']:g} seconds; the chain's clock was moved {report['clockMovedSeconds']} s forward "
        "instead of waiting for windows",
        highlight=False,
    )


def _accounts(report: dict[str, Any]) -> Table:
    table = Table(
        title="Accounts in oUSD, before and after", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    columns = ("free", "reserved", "stake", "locked", "reserve")
    table.add_column("", no_wrap=True)
    for name in (*columns, "earned", "refund"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, account in report["accounts"].items():
        before, after = account["before"], account["after"]
        table.add_row(name, *(_money(before[key]) for key in columns), "", "")
        last = (_money(account["earned"]), _money(account["refunded"]))
        table.add_row("  after", *(_money(after[key]) for key in columns), *last, style="bold")
    return table


def _gas(report: dict[str, Any]) -> Table:
    table = Table(title="Gas of every transaction", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("sent", "least", "most", "all"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind, each in report["gas"].items():
        table.add_row(kind, *(f"{each[key]:,}" for key in ("count", "least", "most", "total")))
    return table


def _money(amount: int) -> str:
    """Base units of 18 decimals, to four."""
    if amount == 0:
        return "–"
    whole, rest = divmod(amount, DOLLAR)
    digits = f"{rest:018d}"[:4].rstrip("0")
    return f"{whole:,}.{digits}" if digits else f"{whole:,}"
