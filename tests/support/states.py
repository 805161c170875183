"""A batch and one of its challenges in every state, every function of theirs, and what comes of calling it.

`table` really calls: all functions, by all callers, a second before, at and after the state's next deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from onus.protocol import Expected, FaultKind
from tests.support.actors import Actor
from tests.support.chain import Method, Revert
from tests.support.deployment import UNIT
from tests.support.withheld import LEAF, RECEIPT, REQUEST, Withheld, digits_source
from tests.support.world import World

CALLERS = {
    "operator": "op1",
    "challenger": "watcher1",
    "other challenger": "watcher2",
    "payer": "alice",
    "stranger": "stranger",
}
NESTED = ("Settlement_NothingFinalized", "Disputes_NothingRevealed")
Call = tuple[Method, tuple[Any, ...]]
FEE = 333
"""Of the header; its receipts say another, so that every leaf is a fault that can be shown."""


class Scene:
    """The batch, and the challenge of watcher1 on its leaf 1."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.withheld = Withheld(world, digits_source(), fee=FEE, commit=False)
        self.batch = self.withheld.batch
        self.sealed = world.sealed(self.batch, LEAF, salt=b"\1" * 32)
        self.fresh = world.sealed(self.batch, 0, salt=b"\2" * 32)
        for name in CALLERS.values():
            world.escrow.deposit(getattr(world, name), 100 * UNIT, sender=world.stranger)

    @property
    def challenger(self) -> Actor:
        return self.sealed.by

    # ---- Steps into a state -------------------------------------------------------------------------------

    def commit(self) -> None:
        self.world.commit(self.batch)

    def seal(self, *, at: int | None = None) -> None:
        self.world.disputes.challenge(self.batch.header, self.sealed.key.seal, sender=self.challenger, at=at)

    def open(self) -> None:
        self.world.disputes.open(self.batch.header, self.sealed.opening, sender=self.challenger)

    def demand(self) -> None:
        self.withheld.demand(self.sealed, RECEIPT)

    def turns(self, count: int) -> None:
        for position in [RECEIPT, *self.withheld.source.positions()][:count]:
            self.withheld.turn(self.sealed, position)

    def run_out(self) -> None:
        """Goes to the deadline of whoever's turn it is."""
        self.world.time_to(self.clock())

    def timeout(self) -> None:
        self.run_out()
        self.world.timeout(self.batch, self.sealed)

    def prove(self) -> None:
        self.world.prove(self.batch, self.sealed)

    def others_win(self) -> None:
        """Another challenge, of another leaf, is proven."""
        self.winner = self.world.convict(self.batch, 0, by=self.world.watcher2)

    def quarantine(self) -> None:
        self.lapses_at = self.world.quarantine()

    def fail(self) -> None:
        self.world.fail_verifier()

    def refund(self) -> None:
        self.world.refund(self.batch)

    def close(self) -> None:
        self.world.close_challenge(self.batch, self.sealed)

    def settle(self) -> None:
        self.world.forward(self.world.params.earning_delay)
        self.world.settle(self.batch, self.sealed)

    def finalize(self) -> None:
        self.world.past_window(self.batch)
        self.world.finalize(self.batch)

    # ---- Deadlines ----------------------------------------------------------------------------------------

    def soon(self) -> int:
        """None: any time."""
        return self.world.now + 100

    def window(self) -> int:
        return int(self.world.state_of(self.batch).windowEndsAt)

    def publication(self) -> int:
        state = self.world.state_of(self.batch)
        return int(state.committedAt + (state.windowEndsAt - state.committedAt) // 2)

    def clock(self) -> int:
        return int(self.world.disputes.clockOf(self.batch.header, self.sealed.key).deadline)

    def pot(self) -> int:
        return int(self.world.state_of(self.batch).endedAt + self.world.params.earning_delay)

    def lapse(self) -> int:
        return self.lapses_at

    # ---- Calls --------------------------------------------------------------------------------------------

    def calls(self) -> dict[str, Call]:
        """Every function, with arguments that are right but for the state and the caller."""
        w, h, withheld, sealed = self.world, self.batch.header, self.withheld, self.sealed
        proof = self.batch.proof(LEAF)
        nothing = Expected(model_id=bytes(32), input_root=bytes(32), min_stake=0, published=False)  # type: ignore[arg-type]
        answer = withheld.answer(sealed, RECEIPT)
        inputs = list(withheld.source.committed.tensors[:1])
        evidence = (h, sealed.opening.salt, proof, FaultKind.HEADER, b"")
        return {
            "commit": (w.settlement.commit, (h, self.batch.claims, w.vouchers(self.batch))),
            "finalize": (w.settlement.finalize, ([h],)),
            "settle": (w.settlement.settle, (h, self.batch.claims, sealed.key)),
            "refund": (w.settlement.refund, (h, self.batch.claims)),
            "publish": (w.settlement.publish, (h, proof, inputs)),
            "challenge": (w.disputes.challenge, (h, self.fresh.key.seal)),
            "open": (w.disputes.open, (h, sealed.opening)),
            "demand": (w.disputes.demand, withheld.demand_args(sealed, REQUEST)),
            "reveal": (w.disputes.reveal, withheld.reveal_args(sealed, answer)),
            "revealMany": (w.disputes.revealMany, ([w.reply(self.batch, sealed, answer)],)),
            "prove": (w.disputes.prove, evidence),
            "timeout": (w.disputes.timeout, (h, sealed.key)),
            "close": (w.disputes.close, (h, sealed.key)),
            "requireFinal": (w.settlement.requireFinal, (h, proof, nothing)),
        }

    def outcomes(self, calls: list[tuple[Call, Actor, int]]) -> list[str]:
        """ "ok" or the error of each call by somebody at some time."""
        simulated = [(method, args, sender, at) for (method, args), sender, at in calls]
        return [self._name(revert) for revert in self.world.chain.reverts(simulated)]

    def _name(self, revert: Revert | None) -> str:
        if revert is not None and revert.name in NESTED:
            revert = self.world.chain.codec.revert(revert.args[0])
        return "ok" if revert is None else revert.name


Steps = Callable[[Scene], object]
Deadline = Callable[[Scene], int]
STATES: dict[str, tuple[list[Steps], Deadline, str]] = {
    "unknown": ([], Scene.soon, "none"),
    "pending": ([Scene.commit], Scene.publication, "the first half of the window"),
    "pending, checked": ([Scene.commit], Scene.window, "the window"),
    "sealed": ([Scene.commit, Scene.seal], Scene.clock, "the challenger's time"),
    "opened": ([Scene.commit, Scene.seal, Scene.open], Scene.clock, "the challenger's time"),
    "demanded": ([Scene.commit, Scene.seal, Scene.demand], Scene.clock, "the operator's time"),
    "answered": (
        [Scene.commit, Scene.seal, lambda scene: scene.turns(1)],
        Scene.clock,
        "the challenger's time",
    ),
    "no demands left": (
        [Scene.commit, Scene.seal, lambda scene: scene.turns(20)],
        Scene.clock,
        "the challenger's time",
    ),
    "sealed late": (
        [Scene.commit, lambda scene: scene.seal(at=scene.window() - 1)],
        Scene.clock,
        "the challenger's time, after the window",
    ),
    "lost": ([Scene.commit, Scene.seal, Scene.timeout], Scene.window, "the window"),
    "final": ([Scene.commit, Scene.seal, Scene.timeout, Scene.finalize], Scene.soon, "none"),
    "won": ([Scene.commit, Scene.seal, Scene.prove], Scene.pot, "the opening of the pot"),
    "won by silence": (
        [Scene.commit, Scene.seal, Scene.demand, Scene.timeout],
        Scene.pot,
        "the opening of the pot",
    ),
    "settled": ([Scene.commit, Scene.seal, Scene.prove, Scene.settle], Scene.soon, "none"),
    "moot, sealed": ([Scene.commit, Scene.seal, Scene.others_win], Scene.clock, "the challenger's time"),
    "moot, demanded": (
        [Scene.commit, Scene.seal, Scene.demand, Scene.others_win],
        Scene.clock,
        "the operator's time",
    ),
    "moot, too late": (
        [Scene.commit, Scene.seal, Scene.run_out, Scene.others_win],
        Scene.pot,
        "the opening of the pot",
    ),
    "moot, closed": (
        [Scene.commit, Scene.seal, Scene.others_win, Scene.close],
        Scene.pot,
        "the opening of the pot",
    ),
    "stopped, pending": ([Scene.commit, Scene.quarantine], Scene.lapse, "the end of the quarantine"),
    "stopped, sealed": (
        [Scene.commit, Scene.seal, Scene.quarantine],
        Scene.lapse,
        "the end of the quarantine",
    ),
    "stopped, demanded": (
        [Scene.commit, Scene.seal, Scene.demand, Scene.quarantine],
        Scene.lapse,
        "the end of the quarantine",
    ),
    "stopped, won": (
        [Scene.commit, Scene.seal, Scene.prove, Scene.quarantine],
        Scene.lapse,
        "the end of the quarantine",
    ),
    "failed, sealed": ([Scene.commit, Scene.seal, Scene.fail], Scene.soon, "none"),
    "failed, demanded": ([Scene.commit, Scene.seal, Scene.demand, Scene.fail], Scene.soon, "none"),
    "failed, won": ([Scene.commit, Scene.seal, Scene.prove, Scene.fail], Scene.soon, "none"),
    "refunded, sealed": ([Scene.commit, Scene.seal, Scene.fail, Scene.refund], Scene.soon, "none"),
    "refunded, won": (
        [Scene.commit, Scene.seal, Scene.prove, Scene.fail, Scene.refund],
        Scene.soon,
        "none",
    ),
    "refunded, closed": (
        [Scene.commit, Scene.seal, Scene.fail, Scene.close, Scene.refund],
        Scene.soon,
        "none",
    ),
}


def reach(scene: Scene, state: str) -> None:
    """Brings a scene from nothing into a state."""
    for step in STATES[state][0]:
        step(scene)


def table(scene: Scene, state: str) -> str:
    """What every function does in the state that the scene is in: a section of states.txt."""
    _, deadline, meaning = STATES[state]
    times = [deadline(scene) + offset for offset in (-1, 0, 1)]
    calls, people = scene.calls(), {name: getattr(scene.world, actor) for name, actor in CALLERS.items()}
    keys = [(name, caller, at) for name in calls for caller in people for at in times]
    found = scene.outcomes([(calls[name], people[caller], at) for name, caller, at in keys])
    outcomes = dict(zip(keys, found, strict=True))
    lines = [f"{state}    deadline: {meaning}"]
    for name in calls:
        by: dict[tuple[str, ...], list[str]] = {}
        for caller in people:
            by.setdefault(tuple(outcomes[name, caller, at] for at in times), []).append(caller)
        for results, callers in by.items():
            who = "anyone" if len(by) == 1 else "others" if len(callers) > 2 else ", ".join(callers)
            lines.append(f"  {name:<13} {who:<11} " + "  ".join(_short(results)))
    return "\n".join(lines) + "\n"


def _short(results: tuple[str, ...]) -> Iterator[str]:
    """One word if it is always the same."""
    if len(set(results)) == 1:
        yield results[0]
    else:
        yield from (f"{when}: {what}" for when, what in zip(("-1", "0", "+1"), results, strict=True))
