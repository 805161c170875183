"""Several challenges with demands on one execution: accomplices, copiers, slow play, and one reward.

The operator committed an execution of digits with one wrong element, which no header shows: who wants to
prove it needs what is demanded.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onus.protocol import BatchStatus, ChallengeStatus, DemandKind, FaultKind, Position
from onus.trace import element_evidence
from tests.contracts.test_disputes_demand import BOND
from tests.contracts.test_disputes_reach import altered_source
from tests.support import digits
from tests.support.actors import Actor
from tests.support.chain import Revert, Tx
from tests.support.withheld import RECEIPT, REQUEST, Withheld
from tests.support.world import Sealed, World

HOUR = 3_600
REWARD = 6 * BOND // 5
SLOTS = Position(kind=DemandKind.TRACE_NODES, level=3)
CHUNKS = Position(kind=DemandKind.CHUNKS, slot=3)


@pytest.fixture
def withheld(world: World) -> Withheld:
    return Withheld(world, altered_source(3, 5))


def prove(withheld: Withheld, sealed: Sealed, at: int | None = None) -> Tx:
    """The evidence is the same for everybody, once everything is revealed."""
    world = withheld.world
    proof = withheld.batch.proof(1)
    args = (withheld.batch.header, sealed.opening.salt, proof, FaultKind.EXECUTION, evidence())
    return world.disputes.prove(*args, sender=sealed.by, at=at)


def evidence() -> bytes:
    """What shows that element 5 of slot 3 is wrong."""
    return element_evidence(digits.altered(0, 3, 5), 3, 5)


def paid(withheld: Withheld, winner: Sealed) -> Callable[[Actor], int]:
    """Settles, closes what is left, and says who has what."""
    world = withheld.world
    world.forward(world.params.earning_delay)
    world.settle(withheld.batch, winner)
    assert world.assert_solvent().bonds == {}
    return world.free


def test_copier__of_what_was_revealed_to_another__gains_nothing(withheld: Withheld, world: World) -> None:
    """C4, C17: whose demands brought the data has the place since its first one, and the reward."""
    honest = withheld.challenge(by=world.watcher1)
    withheld.turn(honest, SLOTS)
    withheld.turn(honest, CHUNKS)
    # Everything is in events now: the copier seals, opens, and comes first with the proof.
    copier = withheld.challenge(by=world.watcher2)
    shown = prove(withheld, copier).event("FaultProven")
    assert (shown.id, shown.winner) == (copier.id, honest.id)
    world.close_challenge(withheld.batch, copier)
    free = paid(withheld, honest)
    assert (free(world.watcher1), free(world.watcher2)) == (BOND + REWARD, BOND)


def test_accomplice__with_all_its_demands__is_no_shield(withheld: Withheld, world: World) -> None:
    """C3: it asks for everything but what matters, then throws it; the honest one wins beside or after it."""
    accomplice = withheld.challenge(by=world.stranger)
    for position in [RECEIPT, REQUEST, *withheld.source.positions()][: world.params.max_demands]:
        withheld.turn(accomplice, position)
    for when in ("beside", "after"):
        mark = world.mark()
        if when == "after":
            deadline = world.disputes.clockOf(withheld.batch.header, accomplice.key).deadline
            world.timeout(withheld.batch, accomplice, at=deadline)
        honest = withheld.challenge()
        winner = prove(withheld, honest).event("FaultProven").winner
        # Beside it the accomplice has the place and so the reward; the penalty is the same.
        assert winner == (accomplice.id if when == "beside" else honest.id)
        if when == "beside":
            world.close_challenge(withheld.batch, honest)
        free = paid(withheld, accomplice if when == "beside" else honest)
        assert free(world.watcher1) == BOND + (0 if when == "beside" else REWARD)
        assert world.operators.stateOf(world.op1).faults == 1
        world.back_to(mark)


def test_place__held_by_slow_play_with_demands__is_free_after_challenger_time(
    withheld: Withheld, world: World
) -> None:
    """C18: the operator's own time does not make the place last."""
    slow = withheld.challenge(by=world.stranger)
    sealed_at = world.disputes.challengeOf(slow.id).sealedAt
    withheld.demand(slow, RECEIPT)
    withheld.reveal(slow, RECEIPT, at=sealed_at + world.params.operator_time - 100)
    honest = withheld.challenge()
    assert not _open(world, withheld, honest)
    world.time_to(sealed_at + world.params.challenger_time)
    assert _open(world, withheld, honest)
    assert world.disputes.challengeOf(slow.id).status == ChallengeStatus.ENGAGED
    assert prove(withheld, honest).event("FaultProven").winner == honest.id


def _open(world: World, withheld: Withheld, sealed: Sealed) -> bool:
    """Opens it, and says whether it has the place now."""
    world.disputes.open(withheld.batch.header, sealed.opening, sender=sealed.by)
    return bool(world.disputes.firstOn(world.id_of(withheld.batch), 1) == sealed.id)


@pytest.mark.parametrize("first", ["honest", "accomplice"])
def test_reward__when_the_operator_answers_late__is_of_who_proves_first(
    withheld: Withheld, world: World, first: str
) -> None:
    """C2, G3: a late answer ends the hold of who asked: so the deterrent is the burned half."""
    honest = withheld.challenge()
    sealed_at = world.disputes.challengeOf(honest.id).sealedAt
    withheld.turn(honest, SLOTS)
    world.time_to(sealed_at + 10 * HOUR)
    accomplice = withheld.challenge(by=world.op1)
    withheld.demand(honest, CHUNKS)
    withheld.reveal(honest, CHUNKS, at=sealed_at + world.params.challenger_time + HOUR)
    # The place is the accomplice's now; still, nothing is taken from somebody that was sealed before it.
    world.disputes.open(withheld.batch.header, accomplice.opening, sender=world.op1)
    winner, other = (honest, accomplice) if first == "honest" else (accomplice, honest)
    assert prove(withheld, winner).event("FaultProven").winner == winner.id
    world.close_challenge(withheld.batch, other)
    free = paid(withheld, winner)
    assert free(winner.by) == BOND + REWARD < BOND + 6 * BOND // 2
    assert free(other.by) == BOND


@pytest.mark.parametrize("first", ["proof", "silence"])
def test_two_watchers__one_by_proof_one_by_silence__exactly_one_reward(
    withheld: Withheld, world: World, first: str
) -> None:
    """C17, B12: the operator owes one an answer while the other can already prove; in both orders."""
    waiting = withheld.challenge(by=world.watcher2)
    withheld.demand(waiting, RECEIPT)
    deadline = world.disputes.clockOf(withheld.batch.header, waiting.key).deadline
    world.time_to(deadline - 24 * HOUR)
    proving = withheld.challenge()
    if first == "proof":
        # It was sealed first and opened by its demand: the place is its own.
        assert prove(withheld, proving).event("FaultProven").winner == waiting.id
        revert = world.disputes.timeout.revert(withheld.batch.header, waiting.key, at=deadline)
        assert revert == Revert("Disputes_WrongStatus", waiting.id, ChallengeStatus.WON)
    else:
        world.timeout(withheld.batch, waiting, at=deadline)
        expected = Revert("Settlement_WrongStatus", world.id_of(withheld.batch), BatchStatus.FAULTY)
        args = (withheld.batch.header, proving.opening.salt, withheld.batch.proof(1), FaultKind.EXECUTION)
        assert world.disputes.prove.revert(*args, evidence(), sender=proving.by) == expected
    world.close_challenge(withheld.batch, proving)
    free = paid(withheld, waiting)
    assert (free(world.watcher2), free(world.watcher1)) == (BOND + REWARD, BOND)
    assert world.operators.stateOf(world.op1).faults == 1


def test_demand_and_reveal__when_many_challenges_are_open__cost_the_same(
    withheld: Withheld, world: World
) -> None:
    """C8, D7: nothing loops over challenges or demands."""

    def cost() -> tuple[int, int]:
        mark, sealed = world.mark(), withheld.challenge(by=world.watcher1)
        asked = withheld.demand(sealed, CHUNKS)
        answered = withheld.reveal(sealed, CHUNKS)
        world.back_to(mark)
        return asked.gas_used, answered.gas_used

    # A leaf that nobody holds costs a word, and so does a position that nobody has asked for.
    holder = withheld.challenge(by=world.stranger)
    world.disputes.open(withheld.batch.header, holder.opening, sender=holder.by)
    alone = cost()
    for _ in range(15):
        withheld.demand(withheld.challenge(by=world.watcher2), SLOTS)
    among = cost()
    assert all(abs(one - other) < 200 for one, other in zip(alone, among, strict=True)), (alone, among)
