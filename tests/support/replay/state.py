"""Everything that getters answer, in plain values."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

HELPERS = ("headers", "batch_of", "closures")


@dataclass
class State:
    """By what it is about."""

    operators: dict[str, dict[str, Any]] = field(default_factory=dict)
    signers: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    balances: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    reservations: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    voucher_keys: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    batches: dict[bytes, dict[str, int]] = field(default_factory=dict)
    published: set[tuple[bytes, int]] = field(default_factory=set)
    challenges: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    places: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    revealed: dict[tuple[bytes, int, tuple[int, int, int, int]], bool] = field(default_factory=dict)
    models: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    clocks: dict[bytes, tuple[int, bool, bool]] = field(default_factory=dict)
    verifiers: dict[str, dict[str, Any]] = field(default_factory=dict)
    sets: dict[int, Any] = field(default_factory=dict)
    closed: bool = False
    was_closed: dict[int, bool] = field(default_factory=dict)
    omissions: dict[bytes, tuple[int, int, int]] = field(default_factory=dict)
    histories: dict[tuple[str, Any], dict[str, int]] = field(default_factory=dict)
    recorded: dict[tuple[str, int], bool] = field(default_factory=dict)
    # What events tell besides, for folding: not compared.
    headers: dict[bytes, Any] = field(default_factory=dict)
    batch_of: dict[bytes, bytes] = field(default_factory=dict)
    closures: list[tuple[int, int | None]] = field(default_factory=list)

    def reservation(self, payer: str, operator: str) -> dict[str, int]:
        """Of this pair; empty if there was none."""
        empty = dict.fromkeys(("reserved", "redeemed", "thawing", "thawsAt"), 0)
        return self.reservations.setdefault((payer, operator), empty)

    def compared(self) -> dict[str, Any]:
        """Everything but the helpers; what is zero was never there."""
        values = {name: value for name, value in vars(self).items() if name not in HELPERS}
        values["balances"] = {account: amount for account, amount in self.balances.items() if amount}
        return values
