"""What Reputation must say, computed a second way: whole histories from outcomes, in exact integers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal, getcontext

from onus.protocol import BatchStatus, History

EPOCHS = 32
_BITS = 64
getcontext().prec = 80
# What is left after 2^k epochs, of 2^64, rounded down.
STEPS = [int(Decimal(2) ** (_BITS - Decimal(2**k) / EPOCHS)) for k in range(5)]
MOST = {
    "earned": 2**96 - 1,
    "lost": 2**96 - 1,
    "inferences": 2**56 - 1,
    "finalBatches": 2**32 - 1,
    "faultyBatches": 2**24 - 1,
    "refundedBatches": 2**24 - 1,
    "withstood": 2**24 - 1,
    "slashed": 2**96 - 1,
}


def decayed(value: int, epochs: int) -> int:
    """What is left of a value after so many epochs."""
    halvings, rest = divmod(epochs, EPOCHS)
    value >>= halvings
    for k in reversed(range(len(STEPS))):
        if rest >> k & 1:
            value = value * STEPS[k] >> _BITS
    return value


def exactly(value: int, epochs: int) -> Decimal:
    """The same without rounding."""
    return value * Decimal(2) ** (-Decimal(epochs) / EPOCHS)


def loss_bound(value: int) -> int:
    """What one decay of a value loses at most: a wei for each rounding, and what the steps are short of."""
    return 6 + 5 * ((value >> _BITS) + 1)


@dataclass(frozen=True)
class Outcome:
    """What a batch adds, and to whom."""

    whose: tuple[Hashable, ...]
    status: BatchStatus
    ended_at: int
    inferences: int = 0
    challenges: int = 0
    protocol_fee: int = 0
    penalty: int = 0


@dataclass
class Book:
    """All histories, by whose they are."""

    half_life: int
    pages: dict[Hashable, dict[str, int]] = field(
        default_factory=lambda: defaultdict(lambda: dict.fromkeys([*MOST, "epoch"], 0))
    )

    def epoch(self, time: int) -> int:
        """Number of the step of decay that a time is in."""
        return time * EPOCHS // self.half_life

    def record(self, outcome: Outcome, now: int) -> None:
        """Enters a batch."""
        for who in outcome.whose:
            page = self.pages[who] = self.read(who, now)
            age = page["epoch"] - self.epoch(outcome.ended_at)
            for name, amount in self._adds(outcome, age).items():
                page[name] = min(page[name] + amount, MOST[name])

    def _adds(self, outcome: Outcome, age: int) -> dict[str, int]:
        match outcome.status:
            case BatchStatus.FINAL:
                return {
                    "earned": decayed(outcome.protocol_fee, age),
                    "inferences": outcome.inferences,
                    "finalBatches": 1,
                    "withstood": outcome.challenges,
                }
            case BatchStatus.SETTLED:
                return {
                    "lost": decayed(outcome.penalty, age),
                    "faultyBatches": 1,
                    "slashed": outcome.penalty,
                }
        return {"refundedBatches": 1}

    def read(self, who: Hashable, now: int) -> dict[str, int]:
        """A history as it is at a time."""
        page = dict(self.pages[who])
        age = self.epoch(now) - page["epoch"]
        page |= {name: decayed(page[name], age) for name in ("earned", "lost")}
        return page | {"epoch": self.epoch(now)}


def named(history: object) -> dict[str, int]:
    """A history as the contract gives it."""
    values: dict[str, int] = history._asdict()  # type: ignore[attr-defined]
    assert len(values) == len(History.__dataclass_fields__)
    return values
