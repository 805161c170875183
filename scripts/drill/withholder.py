"""An operator that serves nothing, and what can be demanded of it."""

from __future__ import annotations

import random
from typing import Final

from onus.operator import answer_to
from onus.protocol import Address, DemandKind, Opening, Position, Turn
from onus.trace import Program, tree_depth, tree_width
from scripts.drill.field import OPERATOR, Committed, Field

__all__ = ["KINDS", "Withholder", "random_position"]

KINDS: Final = tuple(kind for kind in DemandKind if kind is not DemandKind.NONE)
_RECEIPT: Final = Position(kind=DemandKind.RECEIPT)
_OF_INPUT: Final = (DemandKind.INPUT_NODES, DemandKind.INPUT_CHUNKS)
_RUNS: Final = (DemandKind.CHUNKS, DemandKind.INPUT_CHUNKS)
_BELOW_THE_TRACE: Final = (DemandKind.TRACE_NODES, DemandKind.TENSOR_NODES, DemandKind.CHUNKS)


class Withholder:
    """Answers on chain what is demanded of its batch, from the executions that it committed to.

    Args:
        field: where.
        committed: its batch.
    """

    def __init__(self, field: Field, committed: Committed) -> None:
        self._disputes = field.client(OPERATOR).disputes
        self._committed = committed

    def answer(self) -> int:
        """Answers every demand that is open now; how many there were."""
        disputes, committed = self._disputes, self._committed
        answered = 0
        opened = disputes.ChallengeOpened.logs(from_block=committed.number, batch_id=committed.batch_id)
        for challenge in (each.event for each in opened):
            state = disputes.challenge_of(challenge.id)
            if state.turn is not Turn.OPERATOR:
                continue
            place = disputes.SealOpened.logs(from_block=committed.number, id=challenge.id)[0].event
            opening = Opening(leaf_index=place.leaf_index, salt=place.salt)
            self._reveal(opening, state.demand.position, challenger=challenge.challenger)
            answered += 1
        return answered

    def _reveal(self, opening: Opening, position: Position, *, challenger: Address) -> None:
        disputes, committed, leaf = self._disputes, self._committed, opening.leaf_index
        # A receipt that was revealed before need not be brought again.
        is_spared = position.kind in _BELOW_THE_TRACE and disputes.is_revealed(
            committed.batch_id, leaf_index=leaf, position=_RECEIPT
        )
        answer = answer_to(
            position,
            proof=None if is_spared else committed.batch.proof(leaf),
            request=committed.requests[leaf],
            trace=lambda: committed.traces[leaf],
        )
        disputes.reveal(committed.batch.header, answer, challenger=challenger, opening=opening)


def random_position(program: Program, kind: DemandKind, choose: random.Random) -> Position | None:
    """Any position of a kind that exists; None if the model has none."""
    if kind in (DemandKind.RECEIPT, DemandKind.REQUEST):
        return Position(kind=kind)
    if kind is DemandKind.TRACE_NODES:
        return _random_node(kind, 0, len(program.slots), choose)
    tensors = program.inputs if kind in _OF_INPUT else program.slots
    # A single chunk has no nodes above it.
    slots = [slot for slot, tensor in enumerate(tensors) if kind in _RUNS or tensor.chunks > 1]
    if not slots:
        return None
    slot = choose.choice(slots)
    chunks = tensors[slot].chunks
    if kind not in _RUNS:
        return _random_node(kind, slot, chunks, choose)
    # A run has 64 chunks, halved as often as its level says.
    level = choose.randrange(7)
    return Position(kind=kind, slot=slot, level=level, index=choose.randrange(0, chunks, 64 >> level))


def _random_node(kind: DemandKind, slot: int, leaves: int, choose: random.Random) -> Position | None:
    if leaves == 1:
        return None
    level = choose.randint(1, tree_depth(leaves))
    return Position(kind=kind, slot=slot, level=level, index=choose.randrange(tree_width(leaves, level)))
