"""What it costs to harm somebody, and what the harm costs: from measured gas and the OP-stack parameters.

`python -m benchmarks.griefing` reads `benchmarks/results/gas.json`, writes `griefing.json` beside it and the
table of `docs/security.md`, and fails if there is a row in which the attacker pays less than the victim
loses.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onus.protocol import preset
from scripts.build import ROOT

GAS = ROOT / "benchmarks" / "results" / "gas.json"
RESULTS = ROOT / "benchmarks" / "results" / "griefing.json"
DOCUMENT = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- griefing: written by benchmarks.griefing -->", "<!-- griefing: end -->"

ETH_DOLLARS = 3_000
GWEI = 0.5
CAPITAL_BPS_A_YEAR = 1_000
"""What it costs to have stake locked for longer: 10 % a year."""
STEP_GAS = 12_000_000
"""The dearest step that the compiler lets through (docs/trace.md)."""
BATCH = 8_192
CLAIMS = 256

OP_STACK = preset("op-stack", decimals=6).params
DOLLAR = 10**6


class MissingRow(Exception):
    """The gas benchmark does not measure an action that a row of the table needs."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Gas, and dollars beside it; what comes back counts against it."""

    gas: float = 0
    dollars: float = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.gas + other.gas, self.dollars + other.dollars)

    def __mul__(self, times: int) -> Cost:
        return Cost(self.gas * times, self.dollars * times)

    def at(self, gwei: float) -> float:
        """In dollars, at a gas price; nobody loses less than nothing."""
        return max(0.0, self.gas * gwei * 1e-9 * ETH_DOLLARS + self.dollars)


@dataclass(frozen=True, slots=True)
class Row:
    """A way to harm somebody. `ids` are of docs/attacks.md."""

    attack: str
    ids: str
    attacker: str
    pays: Cost
    victim: str
    loses: Cost

    @property
    def holds(self) -> bool:
        """Whether it does not pay, at the gas price that the parameters are made for."""
        return self.pays.at(GWEI) >= self.loses.at(GWEI)

    @property
    def holds_to(self) -> float | None:
        """The gas price in gwei up to which it does not pay; None: at every price."""
        slope = (self.loses.gas - self.pays.gas) * 1e-9 * ETH_DOLLARS
        return (self.pays.dollars - self.loses.dollars) / slope if slope > 0 else None

    def to_json(self) -> dict[str, Any]:
        """As in the file; dollars in cents' tenths."""
        limit = self.holds_to
        return {
            "attack": self.attack,
            "ids": self.ids,
            "attacker": self.attacker,
            "pays": round(self.pays.at(GWEI), 3),
            "victim": self.victim,
            "loses": round(self.loses.at(GWEI), 3),
            "holds_to_gwei": None if limit is None else round(limit, 1),
        }


def read_gas(path: Path = GAS) -> dict[str, float]:
    """Gas by action."""
    return {row["action"]: row["gas"] for row in json.loads(path.read_text(encoding="utf8"))["rows"]}


def rows(measured: Mapping[str, float]) -> list[Row]:
    """The table.

    Raises:
        MissingRow: the benchmark lacks an action.
    """

    def gas(action: str, times: int = 1) -> Cost:
        if action not in measured:
            raise MissingRow(f"{GAS.relative_to(ROOT)} has no row {action!r}: run `make bench-gas`")
        return Cost(gas=measured[action] * times)

    return [*_against_operators(gas), *_against_watchers(gas), *_against_payers(gas), *_against_all(gas)]


Gas = Callable[..., Cost]


def _usd(amount: float) -> Cost:
    """Of token base units."""
    return Cost(dollars=amount / DOLLAR)


BOND, PENALTY = OP_STACK.challenge_bond, OP_STACK.min_batch_stake
REWARD = PENALTY * OP_STACK.reward_bps / 10_000
BURNED = PENALTY * (10_000 - OP_STACK.reward_bps - OP_STACK.restitution_bps) / 10_000


def _delay(lock: float) -> Cost:
    """Capital that stays locked for a challenger's whole time."""
    years = OP_STACK.challenger_time / (365 * 24 * 3_600)
    return _usd(lock * CAPITAL_BPS_A_YEAR / 10_000 * years)


def _against_operators(gas: Gas) -> list[Row]:
    lock = OP_STACK.lock_of(count=BATCH, stake=OP_STACK.min_stake_per_inference)
    demands = OP_STACK.max_demands
    empty = gas("challenge") + _usd(BOND)
    asking = empty + gas("demand, first move") + gas("demand, of a tensor", demands - 1)
    answers = gas("reveal, 64 chunks of 128 bytes", demands) + _usd(-BOND / 2)
    claim = gas("omission, claim") + _usd(OP_STACK.omission_bond)
    answer = gas("omission, answer") + _usd(-OP_STACK.omission_bond / 2)
    timeout = gas("timeout, challenger silent")
    last = _delay(lock)
    many = "100 challenges on 100 right batches"
    return [
        Row(f"{many}, no demand", "C1, C7", "challenger", empty * 100, "operator", (timeout + last) * 100),
        Row(
            f"{many}, each with {demands} demands for 8 KiB",
            "C7, D11",
            "challenger",
            asking * 100,
            "operator",
            (answers + timeout + last) * 100,
        ),
        Row(
            "100 challenges on one right batch",
            "C8",
            "challenger",
            empty * 100,
            "operator",
            timeout * 100 + last,
        ),
        Row(
            "a challenge in the last second: finality waits",
            "C1, D2",
            "challenger",
            empty,
            "operator",
            timeout + last,
        ),
        Row(
            "the same on a batch that locks $50,000",
            "C1, D2",
            "challenger",
            empty,
            "operator",
            timeout + _delay(50_000 * DOLLAR),
        ),
        Row("500 false omission claims at once", "E13", "payer", claim * 500, "operator", answer * 500),
        Row("a dust reservation, never used", "E3", "payer", gas("reserve, first"), "operator", Cost()),
        Row(
            "asks to be served, releases before the commit",
            "E3",
            "payer",
            gas("reserve, first"),
            "operator",
            Cost(),
        ),
    ]


def _against_watchers(gas: Gas) -> list[Row]:
    fight = gas("challenge") + gas("settle, one payer") + _usd(-REWARD)
    reached = gas("demand, first move") + gas("demand, of a tensor", OP_STACK.max_demands - 1)
    worst = fight + reached + Cost(gas=STEP_GAS)
    withheld = fight + gas("demand, first move") + gas("timeout, operator silent")
    wide = (
        fight
        + gas("prove a receipt that differs from its header")
        + gas("settle, each further payer", CLAIMS - 1)
    )
    beaten = gas("challenge") + gas("open") + gas("close")
    holding = gas("challenge") + gas("open") + _usd(BOND)
    copied = gas("challenge") + gas("close")
    commit = gas("commit, batch of 1") + _usd(BURNED)
    proof = "prove a receipt that differs from its header"
    return [
        Row(
            "one wrong receipt in a batch of its own",
            "C10",
            "operator",
            commit,
            "watcher",
            fight + gas(proof),
        ),
        Row("withholds everything, answers nothing", "G5", "operator", commit, "watcher", withheld),
        Row(
            "withholds everything, answers every demand, dearest step",
            "C9, G5",
            "operator",
            commit,
            "watcher",
            worst,
        ),
        Row(
            f"a wrong batch with {CLAIMS} claims: settling is dear", "D4", "operator", commit, "watcher", wide
        ),
        Row("accuses itself first and takes the reward", "C2, G3", "operator", commit, "watcher", beaten),
        Row("holds the place of a fault and shows nothing", "C18", "accomplice", holding, "watcher", Cost()),
        Row("copies a challenge or its evidence", "C4", "copier", copied, "watcher", Cost()),
    ]


def _against_payers(gas: Gas) -> list[Row]:
    # A batch that fails is refunded in full; a receipt that is in none was not paid.
    omitted = gas("omission, claim") + gas("omission, punish")
    stake = 2 * omitted.at(GWEI) * DOLLAR
    punished = _usd(min(stake, OP_STACK.reserve))
    return [
        Row("signs and does not commit; the payer lets it be", "E13", "operator", Cost(), "payer", Cost()),
        Row(
            "signs and does not commit; a receipt whose stake is twice the payer's gas",
            "E13",
            "operator",
            punished,
            "payer",
            omitted + _usd(-stake / 2),
        ),
        Row("deposits for somebody else", "A13", "anyone", gas("deposit, again"), "payer", Cost()),
        Row(
            "a wrong batch: fees wait until it is settled",
            "E2",
            "operator",
            gas("commit, batch of 1") + _usd(BURNED),
            "payer",
            Cost(),
        ),
    ]


def _against_all(gas: Gas) -> list[Row]:
    return [
        Row(
            "10,000 batches, each of one receipt",
            "D7",
            "operator",
            gas("commit, batch of 1", 10_000),
            "anyone",
            Cost(),
        ),
        Row("lists full of what is not final", "D8", "anyone", gas("finalize, one batch"), "anyone", Cost()),
        Row(
            "publishes everything that others served",
            "E15",
            "anyone",
            gas("publish, input of 8,192 bytes"),
            "anyone",
            Cost(),
        ),
        Row("has every batch recorded at once", "D7", "anyone", gas("record, one batch"), "anyone", Cost()),
        Row("sends tokens to the contracts", "A12", "anyone", Cost(dollars=1), "anyone", Cost()),
    ]


def table(results: list[dict[str, Any]]) -> str:
    """In Markdown."""
    lines = [
        "| attack | ids | by | pays, $ | against | loses, $ | holds up to |",
        "|---|---|---|--:|---|--:|--:|",
    ]
    for row in results:
        limit = row["holds_to_gwei"]
        lines.append(
            f"| {row['attack']} | {row['ids']} | {row['attacker']} | {row['pays']:,.2f} | {row['victim']} "
            f"| {row['loses']:,.2f} | {'any price' if limit is None else f'{limit:,.1f} gwei'} |"
        )
    return "\n".join(lines)


def in_document(text: str, written: str) -> str:
    """The document with the table between its marks."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{written}\n{END}{rest.split(END)[1]}"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.griefing", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files, write nothing"
    )
    args = parser.parse_args()
    try:
        found = rows(read_gas())
    except MissingRow as error:
        print(error, file=sys.stderr)
        return 1
    results = [row.to_json() for row in found]
    fresh = json.dumps({"rows": results}, indent=1, ensure_ascii=False) + "\n"
    document = in_document(DOCUMENT.read_text(encoding="utf8"), table(results))
    print(table(results))
    if args.check:
        current = RESULTS.exists() and RESULTS.read_text(encoding="utf8") == fresh
        if not current or DOCUMENT.read_text(encoding="utf8") != document:
            print("not up to date: run `python -m benchmarks.griefing`", file=sys.stderr)
            return 1
    else:
        RESULTS.write_text(fresh, encoding="utf8")
        DOCUMENT.write_text(document, encoding="utf8")
    for row in found:
        if not row.holds:
            print(f"pays for the attacker: {row.attack}", file=sys.stderr)
    return 0 if all(row.holds for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
