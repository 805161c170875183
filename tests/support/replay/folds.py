"""Folds every event since the deployment, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.replay.disputes import DisputeFolds
from tests.support.replay.money import MoneyFolds
from tests.support.replay.state import State
from tests.support.reputation import Book

if TYPE_CHECKING:
    from tests.support.chain import Event
    from tests.support.world import World


class Replay(DisputeFolds, MoneyFolds):
    """One method for each event that changes something."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = State()
        self.book = Book(world.reputation.halfLife())

    def run(self) -> State:
        """The state now."""
        peers = {contract.address for contract in self.world.deployment.contracts}
        for event in self.world.chain.events("0x0"):
            if event.address in peers:
                # Two contracts have this event.
                name = "FreeWithdrawn" if self._is_escrows(event) else event.name
                if handler := getattr(self, f"on_{name}", None):
                    handler(event)
        now = self.world.now
        self.state.clocks = {model: self.clock_of(model, now) for model in self.state.models}
        self.state.histories = {who: self.book.read(who, now) for who in [*self.book.pages]}
        for start, end in self.state.closures:
            for time in (start - 1, start, (end or now) - 1, end or now):
                self.state.was_closed[time] = any(
                    a <= time and (b is None or time < b) for a, b in self.state.closures
                )
        return self.state

    def _is_escrows(self, event: Event) -> bool:
        return event.name == "Withdrawn" and event.address == self.world.escrow.address

    # ---- Parameters, models -------------------------------------------------------------------------------

    def on_ParamSetAdded(self, e: Event) -> None:
        self.state.sets[e.set] = e.params

    def on_CommitmentsClosed(self, e: Event) -> None:
        self.state.closed = True
        self.state.closures.append((e.at, None))

    def on_CommitmentsOpened(self, e: Event) -> None:
        self.state.closed = False
        self.state.closures[-1] = (self.state.closures[-1][0], e.at)

    def on_ModelRegistered(self, e: Event) -> None:
        manifest = e.spec.manifest
        self.state.models[e.modelId] = {
            "providerOf": e.provider,
            "manifestHashOf": e.manifestHash,
            "royaltyBpsOf": e.spec.royaltyBps,
            "lineageOf": (e.spec.royaltyReceiver, e.spec.parents),
            "deprecatedAt": 0,
            "inputInfo": (manifest.commitment.inputs, manifest.inputBytes),
            "levelOf": max((1 + self.state.models[p.modelId]["levelOf"] for p in e.spec.parents), default=0),
            "challengeWindow": e.spec.challengeWindow,
            "verifier": e.spec.verifier,
            "commitment": manifest.commitment,
        }

    def on_ModelDeprecated(self, e: Event) -> None:
        self.state.models[e.modelId]["deprecatedAt"] = e.effectiveAt
