"""What came of a round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from onus.protocol import Position
from onus.trace import Alteration

__all__ = ["Move", "Round", "summary"]


@dataclass(frozen=True, slots=True)
class Move:
    """One transaction.

    Attributes:
        sender: who.
        function: of which contract, `Contract.function`.
        gas: of the whole transaction.
    """

    sender: str
    function: str
    gas: int


@dataclass(slots=True)
class Round:
    """What came of one round.

    Attributes:
        alteration: what was altered; None if the trace was honest.
        leaf: the receipt concerned.
        won: whether the honest side won: the watcher if something was altered, otherwise the operator.
        verdict: what happened, in words.
        slot: of the element that was proven wrong.
        element: its row-major index.
        slashed: what the operator lost, in token base units.
        earned: what it got of lost bonds, in token base units.
        demands: what was demanded, in this order.
        moves: transactions after the commit.
    """

    alteration: Alteration | None
    leaf: int
    won: bool = False
    verdict: str = ""
    slot: int | None = None
    element: int | None = None
    slashed: int = 0
    earned: int = 0
    demands: list[Position] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    @property
    def gas(self) -> int:
        """Of all transactions of the dispute."""
        return sum(move.gas for move in self.moves)

    @property
    def rounds(self) -> int:
        """Demands that the operator answered."""
        return sum(move.function.startswith("Disputes.reveal") for move in self.moves)

    def to_json(self) -> dict[str, Any]:
        """For machines; amounts are decimal text."""
        altered = self.alteration
        return {
            "altered": altered and {"slot": altered.slot, "element": altered.element, "value": altered.value},
            "leaf": self.leaf,
            "won": self.won,
            "verdict": self.verdict,
            "slot": self.slot,
            "element": self.element,
            "slashed": str(self.slashed),
            "earned": str(self.earned),
            "demands": [
                {"kind": each.kind.name, "slot": each.slot, "level": each.level, "index": each.index}
                for each in self.demands
            ],
            "rounds": self.rounds,
            "gas": self.gas,
            "transactions": [
                {"sender": move.sender, "function": move.function, "gas": move.gas} for move in self.moves
            ],
        }


def summary(rounds: Sequence[Round]) -> str:
    """A line."""
    won = sum(each.won for each in rounds)
    gas = max((each.gas for each in rounds), default=0)
    demands = max((len(each.demands) for each in rounds), default=0)
    return (
        f"the honest side won {won} of {len(rounds)} rounds; "
        f"at most {demands} demands, the dearest cost {gas:,} gas altogether"
    )
