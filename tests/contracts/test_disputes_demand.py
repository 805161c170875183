"""Disputes.demand: the challenger names what it wants, and the operator's clock runs.

demand
├── by the challenger, in a later block, in time, opened before or not: the turn is the operator's
├── when it was revealed on the batch           AlreadyRevealed, whoever demanded it
├── when maxDemands were made                   NoDemandsLeft
├── when the caller may not move                Unknown, SameBlock, OperatorsTurn, OutOfTime, WrongStatus
├── when there is no such leaf                  NoLeaf
├── when the position does not exist            see test_disputes_positions
└── when the batch is decided                   Settlement_WrongStatus
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import (
    BatchStatus,
    ChallengeStatus,
    DemandKind,
    FaultKind,
    Position,
    TensorWitness,
    Turn,
    faults,
)
from tests.support.actors import Actor
from tests.support.blocks import one_block
from tests.support.chain import Revert, Tx
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused, variants
from tests.support.withheld import RECEIPT, REQUEST, Withheld, digits_source, wide_source
from tests.support.world import Sealed, World

BOND = 25 * UNIT
CHUNKS = Position(kind=DemandKind.CHUNKS, slot=3)
OF_EACH_KIND = {
    DemandKind.RECEIPT: RECEIPT,
    DemandKind.REQUEST: REQUEST,
    DemandKind.TRACE_NODES: Position(kind=DemandKind.TRACE_NODES, level=7),
    DemandKind.TENSOR_NODES: Position(kind=DemandKind.TENSOR_NODES, slot=3, level=13),
    DemandKind.CHUNKS: Position(kind=DemandKind.CHUNKS, slot=3, index=64 * 65),
    DemandKind.INPUT_NODES: Position(kind=DemandKind.INPUT_NODES, level=7),
    DemandKind.INPUT_CHUNKS: Position(kind=DemandKind.INPUT_CHUNKS, slot=2),
}


@pytest.fixture
def withheld(world: World) -> Withheld:
    return Withheld(world, digits_source())


@pytest.fixture
def sealed(withheld: Withheld) -> Sealed:
    return withheld.challenge()


def refuse(
    withheld: Withheld,
    expected: Revert,
    sealed: Sealed,
    position: Position = RECEIPT,
    *,
    sender: Actor | None = None,
    at: int | None = None,
) -> None:
    args = withheld.demand_args(sealed, position)
    demand = withheld.world.disputes.demand
    refused(withheld.world, expected, demand, *args, sender=sender or sealed.by, at=at)


# ---- Success --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("kind", OF_EACH_KIND)
def test_demand__of_each_kind__is_the_operators_turn(world: World, kind: DemandKind, opened: bool) -> None:
    """G5: what is wanted, and how large what it stands in is, from the model alone."""
    withheld, position = Withheld(world, wide_source()), OF_EACH_KIND[kind]
    sealed = withheld.challenge()
    if opened:
        world.disputes.open(withheld.batch.header, sealed.opening, sender=sealed.by)
    sealed_at = world.disputes.challengeOf(sealed.id).sealedAt
    before = world.buckets()

    tx = withheld.demand(sealed, position, at=sealed_at + 1_000)

    witness = withheld.source.witness(position)
    assert [event.name for event in tx.logs] == ["Demanded"] if opened else ["SealOpened", "Demanded"]
    place = (position.kind, position.slot, position.level, position.index)
    assert tuple(tx.event("Demanded").values) == (
        sealed.id, world.id_of(withheld.batch), 1, place, witness.entry_index, witness.operand
    )  # fmt: skip
    size, above = {
        DemandKind.RECEIPT: (0, 0),
        DemandKind.REQUEST: (0, 0),
        DemandKind.TRACE_NODES: (70, 0),
        DemandKind.TENSOR_NODES: (64 * 2_100 * 4, 7),
        DemandKind.CHUNKS: (64 * 2_100 * 4, 7),
        DemandKind.INPUT_NODES: (2_100 * 4, 2),
        DemandKind.INPUT_CHUNKS: (100, 2),
    }[kind]
    assert tuple(world.disputes.challengeOf(sealed.id)) == (
        sealed.by.address, sealed_at, world.params.challenger_time, 1, ChallengeStatus.ENGAGED,
        sealed_at + 1_000, world.params.challenger_time - 1_000, world.params.operator_time,
        world.params.max_demands - 1, 0,
        kind, position.level, position.slot, position.index, size, above,
    )  # fmt: skip
    deadline = sealed_at + 1_000 + world.params.operator_time
    assert tuple(world.disputes.clockOf(withheld.batch.header, sealed.key)) == (Turn.OPERATOR, deadline)
    assert world.disputes.firstOn(world.id_of(withheld.batch), 1) == sealed.id
    assert not world.disputes.isRevealed(world.id_of(withheld.batch), 1, position)
    assert world.assert_solvent() == before


def test_demand__when_another_holds_the_place__works_without_it(withheld: Withheld, world: World) -> None:
    """C3, C4: a demand needs no place; the place stays whose seal was first."""
    holder, other = withheld.challenge(by=world.watcher2), withheld.challenge()
    world.disputes.open(withheld.batch.header, holder.opening, sender=holder.by)
    withheld.demand(other, RECEIPT)
    assert world.disputes.challengeOf(other.id).status == ChallengeStatus.ENGAGED
    assert world.disputes.firstOn(world.id_of(withheld.batch), 1) == holder.id
    withheld.reveal(other, RECEIPT)
    withheld.demand(holder, REQUEST)
    assert world.disputes.firstOn(world.id_of(withheld.batch), 1) == holder.id


def test_demand__of_the_same_by_two__both_are_answered(withheld: Withheld, world: World) -> None:
    """D11: what is open elsewhere can be demanded: who sealed first may never come back for it."""
    both = [withheld.challenge(by=by) for by in (world.watcher1, world.watcher2)]
    for sealed in both:
        withheld.demand(sealed, CHUNKS)
    for sealed in both:
        withheld.reveal(sealed, CHUNKS)
        assert world.disputes.challengeOf(sealed.id).answers == 1


def test_open__when_engaged__takes_a_lost_place_and_stays_engaged(withheld: Withheld, world: World) -> None:
    """C18: the place of who is out of time can be taken over while answers come in."""
    holder = withheld.challenge(by=world.watcher2)
    world.disputes.open(withheld.batch.header, holder.opening, sender=holder.by)
    end = world.disputes.challengeOf(holder.id).sealedAt + world.params.challenger_time
    world.time_to(end - 50)
    later = withheld.challenge()
    withheld.turn(later, RECEIPT)
    assert world.disputes.firstOn(world.id_of(withheld.batch), 1) == holder.id
    world.disputes.open(withheld.batch.header, later.opening, sender=later.by, at=end)
    assert world.disputes.firstOn(world.id_of(withheld.batch), 1) == later.id
    assert world.disputes.challengeOf(later.id).status == ChallengeStatus.ENGAGED
    assert world.disputes.challengeOf(later.id).answers == 1


# ---- What cannot be demanded any more --------------------------------------------------------------------


@pytest.mark.parametrize("mine", [True, False])
def test_demand__of_what_was_revealed__reverts(withheld: Withheld, world: World, mine: bool) -> None:
    """D11: its data is in an event; refused for the same and for every other challenge of the leaf."""
    first = withheld.challenge()
    again = first if mine else withheld.challenge(by=world.watcher2)
    for position in (RECEIPT, REQUEST, CHUNKS):
        withheld.turn(first, position)
        place = (position.kind, position.slot, position.level, position.index)
        expected = Revert("Disputes_AlreadyRevealed", world.id_of(withheld.batch), 1, place)
        refuse(withheld, expected, again, position)
        assert world.disputes.isRevealed(world.id_of(withheld.batch), 1, position)


def test_demand__of_what_was_revealed_elsewhere__works(withheld: Withheld, world: World) -> None:
    """D11: of another leaf, or of the same leaf in another batch."""
    withheld.turn(withheld.challenge(), RECEIPT)
    withheld.turn(withheld.challenge(0), RECEIPT)
    first, withheld.batch = withheld.batch, withheld.commit()
    assert world.id_of(first) != world.id_of(withheld.batch)
    withheld.turn(withheld.challenge(), RECEIPT)


def test_demand__more_often_than_allowed__reverts(withheld: Withheld, world: World) -> None:
    """D11: maxDemands of the batch's set; the next one is refused, and the challenger can still prove."""
    positions = [RECEIPT, REQUEST, *withheld.source.positions()]
    most = world.params.max_demands
    assert len(positions) > most
    sealed = withheld.challenge()
    for made, position in enumerate(positions[:most], 1):
        withheld.turn(sealed, position)
        state = world.disputes.challengeOf(sealed.id)
        assert (state.demandsLeft, state.answers) == (most - made, made)
    refuse(withheld, Revert("Disputes_NoDemandsLeft", sealed.id), sealed, positions[most])
    args = (withheld.batch.header, sealed.opening.salt, withheld.batch.proof(1), FaultKind.HEADER)
    revert = world.disputes.prove.revert(*args, faults.HEADER_EVIDENCE, sender=sealed.by)
    assert revert == Revert("Disputes_NoFault", FaultKind.HEADER)
    # A further challenge, with a bond of its own, has all of its demands.
    withheld.demand(withheld.challenge(by=world.watcher2), positions[most])
    world.assert_solvent()


def test_demand__when_set_changed__follows_the_batchs(withheld: Withheld, world: World) -> None:
    """B8, D6: number of demands and clocks of the batch's set, also for challenges after the change."""
    hour = 3_600
    changed = replace(world.params, max_demands=7, operator_time=13 * hour, challenger_time=14 * hour)
    world.govern(world.parameters.add, changed)
    sealed = withheld.challenge()
    withheld.demand(sealed, RECEIPT)
    state = world.disputes.challengeOf(sealed.id)
    assert (state.demandsLeft, state.operatorLeft) == (19, 26 * hour)
    assert state.challengerTime == 26 * hour


# ---- Who may move, and when ------------------------------------------------------------------------------


def test_demand__by_anyone_but_the_challenger__reverts(withheld: Withheld, sealed: Sealed) -> None:
    world = withheld.world
    for someone in (world.watcher2, world.op1, world.alice, world.stranger, world.council):
        id = sealed.opening.key(someone.address).id(world.id_of(withheld.batch))
        refuse(withheld, Revert("Disputes_Unknown", id), sealed, sender=someone)


def test_demand__with_what_does_not_open_the_seal__reverts(withheld: Withheld, sealed: Sealed) -> None:
    world = withheld.world
    for opening in variants(sealed.opening).values():
        other = replace(sealed, opening=opening)
        id = opening.key(sealed.by.address).id(world.id_of(withheld.batch))
        refuse(withheld, Revert("Disputes_Unknown", id), other)


@pytest.mark.parametrize("leaf", [3, 2**32 - 1])
def test_demand__about_a_leaf_that_does_not_exist__reverts(withheld: Withheld, leaf: int) -> None:
    """E5, G5: a padding leaf cannot be demanded."""
    sealed = withheld.challenge(leaf)
    refuse(withheld, Revert("Disputes_NoLeaf", leaf, 3), sealed)


def test_demand__with_another_header__reverts(withheld: Withheld, sealed: Sealed) -> None:
    """D10, G6."""
    world, batch = withheld.world, withheld.batch
    for header in variants(batch.header, operator=world.op2.address).values():
        withheld.batch = replace(batch, header=header)
        refuse(withheld, Revert("Disputes_Unknown", sealed.key.id(world.id_of(withheld.batch))), sealed)


def test_demand__in_the_block_of_the_seal__reverts(withheld: Withheld) -> None:
    world = withheld.world
    sealed = world.sealed(withheld.batch, 1)
    world.escrow.deposit(sealed.by, BOND, sender=sealed.by)
    outcome = one_block(
        world.chain,
        (world.disputes.challenge, (withheld.batch.header, sealed.key.seal), sealed.by),
        (world.disputes.demand, withheld.demand_args(sealed, RECEIPT), sealed.by),
    )
    assert isinstance(outcome[0], Tx)
    assert outcome[1] == Revert("Disputes_SameBlock", sealed.id)


def test_demand__when_one_is_open__reverts(withheld: Withheld, sealed: Sealed) -> None:
    """D12: one at a time; nor can the challenger do anything else while the operator has to move."""
    world = withheld.world
    withheld.demand(sealed, CHUNKS)
    expected = Revert("Disputes_OperatorsTurn", sealed.id)
    for position in (CHUNKS, RECEIPT):
        refuse(withheld, expected, sealed, position)
    opening = (withheld.batch.header, sealed.opening)
    refused(world, expected, world.disputes.open, *opening, sender=sealed.by)
    proof = (withheld.batch.header, sealed.opening.salt, withheld.batch.proof(1), FaultKind.HEADER, b"")
    refused(world, expected, world.disputes.prove, *proof, sender=sealed.by)


@pytest.mark.parametrize("turns", [0, 1])
def test_demand__around_the_deadline__exactly_one_of_demand_and_timeout(
    withheld: Withheld, sealed: Sealed, turns: int
) -> None:
    """D1: for the first demand and for a later one."""
    world = withheld.world
    for _ in range(turns):
        withheld.turn(sealed, RECEIPT)
    turn, deadline = world.disputes.clockOf(withheld.batch.header, sealed.key)
    assert turn == Turn.CHALLENGER

    def check(at: int, offset: int) -> None:
        args = withheld.demand_args(sealed, CHUNKS)
        demanding = world.disputes.demand.revert(*args, sender=sealed.by, at=at)
        key = (withheld.batch.header, sealed.key)
        ending = world.disputes.timeout.revert(*key, sender=world.stranger, at=at)
        if offset < 0:
            assert demanding is None
            assert ending == Revert("Disputes_NotOutOfTime", sealed.id, deadline)
        else:
            assert demanding == Revert("Disputes_OutOfTime", sealed.id, deadline)
            assert ending is None

    around(deadline, check)
    refuse(withheld, Revert("Disputes_OutOfTime", sealed.id, deadline), sealed, CHUNKS, at=deadline)


def test_demand__when_lost__reverts(withheld: Withheld, sealed: Sealed) -> None:
    withheld.world.forward(withheld.world.params.challenger_time)
    withheld.world.timeout(withheld.batch, sealed)
    refuse(withheld, Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.LOST), sealed)


def test_demand__when_the_batch_was_decided__reverts(withheld: Withheld, sealed: Sealed) -> None:
    """D12, C17: nobody has to answer about a batch that is faulty already."""
    world = withheld.world
    winner = withheld.challenge(by=world.watcher2)
    withheld.demand(winner, RECEIPT)
    world.forward(world.params.operator_time)
    waiting = withheld.challenge(0)
    world.timeout(withheld.batch, winner)
    expected = Revert("Settlement_WrongStatus", world.id_of(withheld.batch), BatchStatus.FAULTY)
    refuse(withheld, expected, waiting)
    refuse(withheld, Revert("Disputes_WrongStatus", winner.id, ChallengeStatus.WON), winner)


def test_demand__without_a_challenge__reverts(withheld: Withheld) -> None:
    sealed = withheld.world.sealed(withheld.batch, 1)
    refuse(withheld, Revert("Disputes_Unknown", sealed.id), sealed)


def test_demand__when_the_model_was_closed_since__works(withheld: Withheld) -> None:
    """F7, B8: deprecated model, verifier not allowed any more, commitments closed."""
    world = withheld.world
    world.models.deprecate(withheld.model, sender=world.provider)
    world.parameters.closeCommitments(sender=world.guardian)
    world.govern(world.models.disallowVerifier, world.verifier)
    withheld.turn(withheld.challenge(), CHUNKS)


def test_demand__with_a_witness_where_none_is_asked__is_the_positions_error(
    withheld: Withheld, sealed: Sealed
) -> None:
    world, witness = withheld.world, withheld.source.witness(CHUNKS)
    for position, expected in (
        (RECEIPT, Revert("Disputes_BadPosition", (DemandKind.RECEIPT, 0, 0, 0))),
        (REQUEST, Revert("Disputes_BadPosition", (DemandKind.REQUEST, 0, 0, 0))),
        (Position(kind=DemandKind.TRACE_NODES, level=1), Revert("Verifier_BadWitness", 0)),
    ):
        args = (withheld.batch.header, sealed.opening, position, witness)
        refused(world, expected, world.disputes.demand, *args, sender=sealed.by)
    assert TensorWitness() != witness
