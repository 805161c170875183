"""Trees that are not canonical cannot be answered: their operator runs out of time (G5, G8).

Answers are folded with zero bytes and zero words beyond the real range. So an operator that hides something
there, or has a zero word where a leaf belongs, can answer where that does not matter, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from onus.protocol import BatchStatus, ChallengeStatus, DemandKind, FaultKind, Position, keccak256
from onus.protocol.ids import account_of
from tests.support import reveals
from tests.support.deployment import UNIT
from tests.support.reveals import Committed, chunked
from tests.support.withheld import Source, Withheld, digits_source, wide_source
from tests.support.world import World
from tests.trace.spec import multiproof

BOND, REWARD = 25 * UNIT, 30 * UNIT
HIDDEN = keccak256(b"something hidden")
TENSOR_NODES, CHUNKS = DemandKind.TENSOR_NODES, DemandKind.CHUNKS
TRACE_NODES = DemandKind.TRACE_NODES


@dataclass(frozen=True)
class Flaw:
    """What an operator committed to instead, and a demand that it can and one that it cannot answer."""

    source: Callable[[], Source]
    commit: Callable[[Source], Committed]
    answerable: Position
    unanswerable: Position


def _leaves(source: Source, slot: int) -> list[bytes]:
    return [keccak256(chunk) for chunk in chunked(source.committed.tensors[slot])]


def padding_byte(source: Source) -> Committed:
    """The last chunk's last byte is 1."""
    chunks = chunked(source.committed.tensors[5])
    leaves = [keccak256(chunk) for chunk in chunks[:-1]] + [keccak256(chunks[-1][:-1] + b"\1")]
    return Committed(source.committed.tensors, source.model.inputs, leaves={5: leaves})


def padding_leaf(source: Source) -> Committed:
    """A leaf more in the tree of the first input, which has 66 of 128."""
    leaves = {0: [*_leaves(source, 0), HIDDEN]}
    return Committed(source.committed.tensors, source.model.inputs, leaves=leaves)


def last_padding_leaf(source: Source) -> Committed:
    """The very last leaf of that tree, far from what is real."""
    leaves = _leaves(source, 0)
    leaves += [bytes(32)] * (127 - len(leaves)) + [HIDDEN]
    return Committed(source.committed.tensors, source.model.inputs, leaves={0: leaves})


def padding_slot(source: Source) -> Committed:
    """A seventh slot in a trace of six."""
    return Committed(source.committed.tensors, source.model.inputs, roots={6: HIDDEN})


def padding_input(source: Source) -> Committed:
    """A fourth input of three, below the inputs' root only."""
    committed = Committed(source.committed.tensors, source.model.inputs)
    committed.inputs = reveals.levels([*committed.inputs[0][:3], HIDDEN])
    return committed


def zero_chunk(source: Source) -> Committed:
    """No hash where the third chunk's is."""
    leaves = _leaves(source, 3)
    leaves[2] = bytes(32)
    return Committed(source.committed.tensors, source.model.inputs, leaves={3: leaves})


def zero_slot(source: Source) -> Committed:
    """No root where a slot's is."""
    return Committed(source.committed.tensors, source.model.inputs, roots={3: bytes(32)})


FLAWS = {
    "a padding byte": Flaw(
        digits_source, padding_byte, Position(kind=TRACE_NODES, level=3), Position(kind=CHUNKS, slot=5)
    ),
    "a padding leaf": Flaw(
        wide_source,
        padding_leaf,
        Position(kind=CHUNKS, index=0),
        Position(kind=CHUNKS, index=64),
    ),
    "a padding leaf, by nodes": Flaw(
        wide_source,
        padding_leaf,
        Position(kind=TENSOR_NODES, level=6, index=0),
        Position(kind=TENSOR_NODES, level=6, index=1),
    ),
    "the last padding leaf": Flaw(
        wide_source,
        last_padding_leaf,
        Position(kind=TENSOR_NODES, level=6, index=0),
        Position(kind=TENSOR_NODES, level=6, index=1),
    ),
    "a padding leaf of an input": Flaw(
        wide_source,
        last_padding_leaf,
        Position(kind=DemandKind.INPUT_NODES, level=6, index=0),
        Position(kind=DemandKind.INPUT_CHUNKS, index=64),
    ),
    "a padding slot": Flaw(
        digits_source,
        padding_slot,
        Position(kind=CHUNKS, slot=5),
        Position(kind=TRACE_NODES, level=2, index=1),
    ),
    "a padding slot, from the top": Flaw(
        digits_source,
        padding_slot,
        Position(kind=TRACE_NODES, level=2, index=0),
        Position(kind=TRACE_NODES, level=3),
    ),
    "a zero chunk": Flaw(
        wide_source,
        zero_chunk,
        Position(kind=TENSOR_NODES, slot=3, level=6),
        Position(kind=CHUNKS, slot=3),
    ),
    "a zero slot": Flaw(
        digits_source,
        zero_slot,
        Position(kind=TRACE_NODES, level=3),
        Position(kind=CHUNKS, slot=3),
    ),
    "a zero slot, by nodes": Flaw(
        wide_source,
        zero_slot,
        Position(kind=TRACE_NODES, level=6),
        Position(kind=TENSOR_NODES, slot=3, level=13),
    ),
}


def _attempts(committed: Committed, position: Position) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
    """The right data with the paths that there are, with what is hidden, and with zeros."""
    data, path = committed.answer(position)
    tree = committed.trace if position.kind is TRACE_NODES else committed.trees[position.slot]
    yield data, path
    yield data + b"\1", path
    yield data.ljust(-(-len(data) // 128) * 128 - 1, b"\0") + b"\1", path
    yield data + HIDDEN, path
    yield bytes(len(data)), path
    yield b"", path
    if position.kind in reveals.NODES:
        below = max(0, position.level - 6)
        span = position.level - below
        yield b"".join(tree[below][position.index << span : (position.index + 1) << span]), path


@pytest.mark.parametrize("name", FLAWS)
def test_a_tree_that_is_not_canonical__cannot_be_answered__its_operator_is_convicted(
    world: World, name: str
) -> None:
    """G5, G8, D3: whatever it tries; the reward is that challenge's."""
    flaw = FLAWS[name]
    source = flaw.source()
    withheld = Withheld(world, source, committed=flaw.commit(source))
    sealed = withheld.challenge()
    withheld.turn(sealed, flaw.answerable)
    withheld.demand(sealed, flaw.unanswerable)
    for data, path in _attempts(withheld.source.committed, flaw.unanswerable):
        args = withheld.reveal_args(sealed, world.answer(withheld.batch, sealed, data, path))
        revert = world.disputes.reveal.revert(*args, sender=world.op1)
        assert revert is not None
        assert revert.name in ("Verifier_WrongData", "Verifier_WrongLength")
        assert revert == reveals.check_answer(
            withheld.source.root(flaw.unanswerable), source.wanted(flaw.unanswerable), data, path
        )
    deadline = world.disputes.clockOf(withheld.batch.header, sealed.key).deadline
    tx = world.timeout(withheld.batch, sealed, at=deadline)
    assert tuple(tx.event("OperatorTimedOut").values) == (world.id_of(withheld.batch), sealed.id)
    assert world.state_of(withheld.batch).status == BatchStatus.FAULTY
    assert world.disputes.challengeOf(sealed.id).status == ChallengeStatus.WON
    world.forward(world.params.earning_delay)
    world.settle(withheld.batch, sealed)
    assert world.escrow.balanceOf(account_of(sealed.by.address)) == BOND + REWARD
    world.assert_solvent()


def test_a_padding_input__is_a_fault_that_can_be_shown(world: World) -> None:
    """G8: paths bring what stands beside, so each input is answered; but the trace has three of them."""
    source = wide_source()
    withheld = Withheld(world, source, committed=padding_input(source))
    sealed = withheld.challenge()
    position = Position(kind=DemandKind.INPUT_CHUNKS, slot=2)
    withheld.turn(sealed, position)
    trace = withheld.source.committed.trace
    evidence = b"\2" + b"".join(trace[0][:3]) + b"".join(multiproof(trace, range(3)))
    world.prove(withheld.batch, sealed, kind=FaultKind.EXECUTION, evidence=evidence)
    assert world.state_of(withheld.batch).status == BatchStatus.FAULTY


def test_a_right_tree__can_be_answered_everywhere(world: World) -> None:
    """G1: the same executions without a flaw, at the same places."""
    for flaw in FLAWS.values():
        mark = world.mark()
        withheld = Withheld(world, flaw.source())
        sealed = withheld.challenge()
        for position in (flaw.answerable, flaw.unanswerable):
            withheld.turn(sealed, position)
        assert world.disputes.challengeOf(sealed.id).answers == 2
        world.back_to(mark)
