"""Every move about the batches of one verifier, each at a moment when it is possible."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from onus.protocol import (
    Answer,
    Batch,
    DemandKind,
    FaultKind,
    ModelId,
    Position,
    TensorWitness,
    keccak256,
    merkle,
)
from tests.support.actors import Actor
from tests.support.chain import Method, Revert
from tests.support.world import Sealed, World

INPUT = b"what was asked ?" * 16
RECEIPT = Position(kind=DemandKind.RECEIPT)


@dataclass(frozen=True)
class Move:
    """A call that somebody can make."""

    method: Method
    args: tuple[Any, ...]
    by: Actor

    def revert(self, at: int | None = None) -> Revert | None:
        """Why it would be refused now, or at another time."""
        return self.method.revert(*self.args, sender=self.by, at=at)


def input_root() -> bytes:
    """Of `INPUT` alone (docs/trace.md, 3)."""
    chunks = [INPUT[at : at + 128].ljust(128, b"\0") for at in range(0, len(INPUT), 128)]
    return merkle.root([merkle.root([keccak256(chunk) for chunk in chunks])])


def demand(world: World, batch: Batch, sealed: Sealed, position: Position = RECEIPT) -> None:
    """The challenger wants to see what stands at a position above the trees."""
    args = (batch.header, sealed.opening, position, TensorWitness())
    world.disputes.demand(*args, sender=sealed.by)


def reveal_args(batch: Batch, sealed: Sealed) -> tuple[Any, ...]:
    """Arguments of `Disputes.reveal` for a demanded receipt."""
    answer = Answer(proof=(batch.proof(sealed.opening.leaf_index),))
    return batch.header, sealed.key.challenger, sealed.opening, answer


class Scene:
    """Batches of op1 for alice in every state, and the moves that are possible with them.

    Attributes:
        old: its window is over.
        pot: found faulty by `winner`, its pot is open.
        bad: in the first half of its window, leaf 0 wrong. Challenges on it: `ripe` can prove, `asked` waits
            for an answer (leaf 1), `silent` is out of time (leaf 2).
        fresh: not committed yet.
    """

    def __init__(self, world: World, model: ModelId, *, op: Actor | None = None) -> None:
        self.world, self.model, self.op = world, model, op or world.op1
        self.pot = self._batch(faulty=True)
        world.commit(self.pot)
        self.winner = world.convict(self.pot)
        # The pot is open by then, and the operator may commit again.
        world.forward(world.params.unjail_after)
        self.old = self._batch()
        world.commit(self.old)
        world.past_window(self.old)
        self.bad = self._batch(faulty=True)
        world.commit(self.bad)
        self.silent = world.challenge(self.bad, 2)
        world.forward(world.params.challenger_time)
        self.ripe = world.challenge(self.bad, 0)
        self.asked = world.challenge(self.bad, 1)
        demand(world, self.bad, self.asked)
        self.fresh = self._batch()
        world.escrow.deposit(world.watcher2, world.params.challenge_bond, sender=world.watcher2)

    def _batch(self, *, faulty: bool = False) -> Batch:
        """Three receipts on `INPUT`; a faulty one's first has another fee than its header."""
        world = self.world
        receipts = [
            world.receipt(
                self.op,
                self.model,
                request=world.request(world.alice, self.model, input_root=input_root()),
                trace_root=keccak256(b"trace %d" % leaf),
            )
            for leaf in range(3)
        ]
        fee = receipts[0].fee
        if faulty:
            receipts[0] = replace(receipts[0], fee=fee + 1)
        return world.batch(self.op, receipts=receipts, fee=fee)

    def moves(self) -> dict[str, Move]:
        """All that can be done now, by name of the function."""
        w, bad = self.world, self.bad
        settlement, disputes = w.settlement, w.disputes
        prove = w.prove_args(bad, self.ripe, kind=FaultKind.HEADER)
        return {
            "commit": Move(
                settlement.commit, (self.fresh.header, self.fresh.claims, w.vouchers(self.fresh)), self.op
            ),
            "publish": Move(settlement.publish, (bad.header, bad.proof(1), [INPUT]), w.stranger),
            "finalize": Move(settlement.finalize, ([self.old.header],), w.stranger),
            "settle": Move(
                settlement.settle, (self.pot.header, self.pot.claims, self.winner.key), w.stranger
            ),
            "challenge": Move(disputes.challenge, (bad.header, keccak256(b"seal")), w.watcher2),
            "open": Move(disputes.open, (bad.header, self.ripe.opening), self.ripe.by),
            "demand": Move(
                disputes.demand, (bad.header, self.ripe.opening, RECEIPT, TensorWitness()), self.ripe.by
            ),
            "reveal": Move(disputes.reveal, reveal_args(bad, self.asked), w.stranger),
            "prove": Move(disputes.prove, prove, self.ripe.by),
            "timeout": Move(disputes.timeout, (bad.header, self.silent.key), w.stranger),
        }


def outcomes(moves: dict[str, Move], at: int | None = None) -> dict[str, Revert | None]:
    """Why each would be refused; None where it would not."""
    return {name: move.revert(at) for name, move in moves.items()}
