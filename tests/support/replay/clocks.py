"""Folds events about verifiers: their quarantines decide about time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.chain import Event
    from tests.support.replay.state import State


class Clocks:
    """Verifiers' clocks."""

    state: State

    def time_of(self, model: bytes, at: int) -> int:
        """By the clock of the model's verifier."""
        return at - self._frozen(self._verifier(self.state.models[model]["verifier"]), at)

    def clock_of(self, model: bytes, at: int) -> tuple[int, bool, bool]:
        """Time, whether it stands still, and whether for good."""
        verifier = self._verifier(self.state.models[model]["verifier"])
        return self.time_of(model, at), self._is_stopped(verifier, at), verifier["confirmed"]

    def _verifier(self, address: str) -> dict[str, Any]:
        empty = dict.fromkeys(("allowed", "confirmed", "spent"), False)
        times = dict.fromkeys(("frozen", "stoppedAt", "lapsesAt"), 0)
        return self.state.verifiers.setdefault(address, empty | times)

    def _is_stopped(self, verifier: dict[str, Any], at: int) -> bool:
        return bool(verifier["confirmed"] or at < verifier["lapsesAt"])

    def _frozen(self, verifier: dict[str, Any], at: int) -> int:
        end = at if self._is_stopped(verifier, at) else verifier["lapsesAt"]
        return int(verifier["frozen"] + end - verifier["stoppedAt"])

    def on_VerifierAllowed(self, e: Event) -> None:
        self._verifier(e.verifier)["allowed"] = True

    def on_VerifierDisallowed(self, e: Event) -> None:
        self._verifier(e.verifier)["allowed"] = False

    def on_VerifierQuarantined(self, e: Event) -> None:
        verifier = self._verifier(e.verifier)
        verifier |= {
            "frozen": self._frozen(verifier, e.at),
            "spent": True,
            "stoppedAt": e.at,
            "lapsesAt": e.lapsesAt,
        }

    def on_QuarantineConfirmed(self, e: Event) -> None:
        self._verifier(e.verifier).update(confirmed=True, allowed=False)

    def on_QuarantineAllowed(self, e: Event) -> None:
        self._verifier(e.verifier)["spent"] = False
