"""Disputes.reveal: what was demanded is shown, and the challenger's clock runs.

reveal
├── by anyone, in time: the answer is in an event, the place never demanded again, the turn the challenger's
├── with the receipt, or without it below a trace root that was revealed on the batch
├── when the receipt is missing or another                ReceiptMissing, WrongLeaf, NotInBatch
├── when nothing is demanded, or it is too late            NotDemanded, OutOfTime, WrongStatus, Unknown
└── when the answer is not what stands there               see test_disputes_answers
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import Answer, BatchStatus, ChallengeStatus, DemandKind, Position, Turn
from tests.contracts.test_disputes_demand import BOND, CHUNKS, OF_EACH_KIND
from tests.support.chain import Revert
from tests.support.refusals import around, refused, variants
from tests.support.withheld import RECEIPT, REQUEST, Withheld, digits_source, wide_source
from tests.support.world import Sealed, World

TRACE = Position(kind=DemandKind.TRACE_NODES, level=3)
NODES = Position(kind=DemandKind.TENSOR_NODES, slot=1, level=3)
INPUT = Position(kind=DemandKind.INPUT_CHUNKS)
BELOW = (TRACE, NODES, CHUNKS)
"""What a revealed trace root suffices for."""


@pytest.fixture
def withheld(world: World) -> Withheld:
    return Withheld(world, digits_source())


@pytest.fixture
def sealed(withheld: Withheld) -> Sealed:
    return withheld.challenge()


def refuse(
    withheld: Withheld, expected: Revert, sealed: Sealed, answer: Answer, *, at: int | None = None
) -> None:
    args = withheld.reveal_args(sealed, answer)
    refused(withheld.world, expected, withheld.world.disputes.reveal, *args, sender=withheld.world.op1, at=at)


# ---- Success --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OF_EACH_KIND)
def test_reveal__of_each_kind__shows_it_to_all(world: World, kind: DemandKind) -> None:
    """G5: the data is in an event, the operator's clock stops, the bond stays."""
    withheld, position = Withheld(world, wide_source()), OF_EACH_KIND[kind]
    sealed = withheld.challenge()
    asked_at = withheld.demand(sealed, position).timestamp
    before, stored = world.buckets(), world.disputes.challengeOf(sealed.id)
    answer = withheld.answer(sealed, position)

    tx = world.reveal(withheld.batch, sealed, answer, at=asked_at + 500)

    assert [event.name for event in tx.logs] == ["Revealed"]
    place = (position.kind, position.slot, position.level, position.index)
    *shown, answered = tx.event("Revealed").values
    assert shown == [sealed.id, world.id_of(withheld.batch), 1, place]
    assert Answer.from_abi(answered) == answer
    after = world.disputes.challengeOf(sealed.id)
    assert after == stored._replace(
        movedAt=asked_at + 500,
        operatorLeft=stored.operatorLeft - 500,
        answers=1,
        demandKind=DemandKind.NONE,
    )
    deadline = asked_at + 500 + stored.challengerLeft
    assert tuple(world.disputes.clockOf(withheld.batch.header, sealed.key)) == (Turn.CHALLENGER, deadline)
    assert world.disputes.isRevealed(world.id_of(withheld.batch), 1, position)
    assert not world.disputes.isRevealed(world.id_of(withheld.batch), 0, position)
    assert world.assert_solvent() == before


@pytest.mark.parametrize("name", ["op1", "watcher1", "watcher2", "alice", "stranger", "council"])
def test_reveal__whoever_brings_it__works(withheld: Withheld, sealed: Sealed, name: str) -> None:
    """Data withheld from one may be known to others; whoever has it ends the wait, for nothing."""
    world = withheld.world
    withheld.demand(sealed, CHUNKS)
    world.reveal(withheld.batch, sealed, withheld.answer(sealed, CHUNKS), sender=getattr(world, name))
    assert world.disputes.challengeOf(sealed.id).answers == 1
    assert world.free(getattr(world, name)) == 0


def test_reveal__when_the_batch_was_decided__moves_no_money(withheld: Withheld, sealed: Sealed) -> None:
    """C17, D12: an answer that comes after the verdict does no harm: the bond returns all the same."""
    world = withheld.world
    other = withheld.challenge(0, by=world.watcher2)
    withheld.demand(sealed, RECEIPT)
    world.forward(1_000)
    withheld.demand(other, RECEIPT)
    deadline = world.disputes.clockOf(withheld.batch.header, sealed.key).deadline
    world.timeout(withheld.batch, sealed, at=deadline)
    assert world.state_of(withheld.batch).status == BatchStatus.FAULTY
    before = world.buckets()
    withheld.reveal(other, RECEIPT)
    assert world.assert_solvent() == before
    world.forward(world.params.challenger_time)
    refused(
        world,
        Revert("Settlement_WrongStatus", world.id_of(withheld.batch), BatchStatus.FAULTY),
        world.disputes.timeout,
        withheld.batch.header,
        other.key,
        sender=world.stranger,
    )
    world.close_challenge(withheld.batch, other)
    assert world.free(world.watcher2) == BOND


# ---- With and without the receipt -----------------------------------------------------------------------


def bare(answer: Answer) -> Answer:
    return replace(answer, proof=())


@pytest.mark.parametrize("position", BELOW, ids=lambda p: p.kind.name)
def test_reveal__below_a_revealed_trace_root__needs_no_receipt(
    withheld: Withheld, sealed: Sealed, position: Position
) -> None:
    """Also when another challenge of the leaf had the receipt revealed."""
    world = withheld.world
    withheld.turn(sealed, RECEIPT)
    other = withheld.challenge(by=world.watcher2)
    for each in (sealed, other):
        mark = world.mark()
        withheld.demand(each, position)
        right = withheld.answer(each, position)
        world.reveal(withheld.batch, each, bare(right))
        assert world.disputes.isRevealed(world.id_of(withheld.batch), 1, position)
        world.back_to(mark)
    withheld.demand(sealed, position)
    spoilt = replace(bare(right), data=bytes([right.data[0] ^ 1]) + right.data[1:])
    assert world.disputes.reveal.revert(*withheld.reveal_args(sealed, spoilt)).name == "Verifier_WrongData"  # type: ignore[union-attr]


@pytest.mark.parametrize("position", [RECEIPT, REQUEST, INPUT, *BELOW], ids=lambda p: p.kind.name)
def test_reveal__without_the_receipt__where_it_is_not_known__reverts(
    withheld: Withheld, sealed: Sealed, position: Position
) -> None:
    """It was revealed nowhere, or of another leaf, or in another batch."""
    world = withheld.world
    expected = Revert("Disputes_ReceiptMissing", world.id_of(withheld.batch), 1)
    withheld.turn(withheld.challenge(0), RECEIPT)
    first, withheld.batch = withheld.batch, withheld.commit()
    withheld.turn(withheld.challenge(), RECEIPT)
    withheld.batch = first
    withheld.turn(sealed, Position(kind=DemandKind.CHUNKS, slot=5))
    withheld.demand(sealed, position)
    refuse(withheld, expected, sealed, bare(withheld.answer(sealed, position)))


@pytest.mark.parametrize("position", [REQUEST, INPUT], ids=lambda p: p.kind.name)
def test_reveal__without_the_receipt__where_the_trace_root_is_not_enough__reverts(
    withheld: Withheld, sealed: Sealed, position: Position
) -> None:
    withheld.turn(sealed, RECEIPT)
    withheld.demand(sealed, position)
    expected = Revert("Disputes_ReceiptMissing", withheld.world.id_of(withheld.batch), 1)
    refuse(withheld, expected, sealed, bare(withheld.answer(sealed, position)))


def test_reveal__of_a_receipt_with_a_trace_root_of_zero__answers_nothing_below(world: World) -> None:
    """G8: a root of zero is shown like any other, and leads nowhere."""
    withheld = Withheld(world, digits_source())
    receipts = list(withheld.batch.receipts)
    receipts[1] = replace(receipts[1], trace_root=bytes(32))
    withheld.batch = world.batch(world.op1, receipts=receipts)
    world.commit(withheld.batch)
    sealed = withheld.challenge()
    withheld.turn(sealed, RECEIPT)
    assert world.disputes.isRevealed(world.id_of(withheld.batch), 1, RECEIPT)
    withheld.demand(sealed, CHUNKS)
    right = withheld.answer(sealed, CHUNKS)
    for answer in (right, bare(right), bare(replace(right, data=bytes(len(right.data))))):
        revert = world.disputes.reveal.revert(*withheld.reveal_args(sealed, answer))
        assert revert is not None and revert.name == "Verifier_WrongData"


def test_reveal__with_another_receipt__reverts(withheld: Withheld, sealed: Sealed) -> None:
    """G6: two of them, another leaf's, one that differs in a field, one with another path."""
    world, id = withheld.world, withheld.world.id_of(withheld.batch)
    withheld.demand(sealed, CHUNKS)
    right = withheld.answer(sealed, CHUNKS)
    (proof,) = right.proof
    for proofs in ((proof, proof), (withheld.batch.proof(0),), (withheld.batch.proof(2),)):
        refuse(withheld, Revert("Disputes_WrongLeaf", id, 1), sealed, replace(right, proof=proofs))
    changes = variants(
        proof.receipt, operator=world.op2.address, payer=world.bob.address, model_id=b"\7" * 32
    )
    for receipt in changes.values():
        expected = Revert("Disputes_NotInBatch", id, receipt.struct_hash, 1)
        refuse(withheld, expected, sealed, replace(right, proof=(replace(proof, receipt=receipt),)))
    swapped = replace(proof, path=proof.path[::-1])
    expected = Revert("Disputes_NotInBatch", id, proof.receipt.struct_hash, 1)
    refuse(withheld, expected, sealed, replace(right, proof=(swapped,)))
    for path in (proof.path[:-1], (*proof.path, bytes(32)), ()):
        expected = Revert("MerkleTree_ProofLength", len(path), 2)
        refuse(withheld, expected, sealed, replace(right, proof=(replace(proof, path=path),)))


# ---- When -----------------------------------------------------------------------------------------------


def test_reveal__when_nothing_is_demanded__reverts(withheld: Withheld, sealed: Sealed) -> None:
    """D12, D13: before the first demand, opened or not, and after each answer."""
    world = withheld.world
    answer, expected = withheld.answer(sealed, CHUNKS), Revert("Disputes_NotDemanded", sealed.id)
    refuse(withheld, expected, sealed, answer)
    world.disputes.open(withheld.batch.header, sealed.opening, sender=sealed.by)
    refuse(withheld, expected, sealed, answer)
    withheld.turn(sealed, CHUNKS)
    refuse(withheld, expected, sealed, answer)


@pytest.mark.parametrize("turns", [0, 1])
def test_reveal__around_the_deadline__exactly_one_of_reveal_and_timeout(
    withheld: Withheld, sealed: Sealed, turns: int
) -> None:
    """D1: for the first answer and for a later one."""
    world, key = withheld.world, (withheld.batch.header, sealed.key)
    for _ in range(turns):
        withheld.demand(sealed, RECEIPT)
        withheld.reveal(sealed, RECEIPT, at=world.now + 3_600)
    withheld.demand(sealed, CHUNKS)
    turn, deadline = world.disputes.clockOf(*key)
    assert turn == Turn.OPERATOR
    args = withheld.reveal_args(sealed, withheld.answer(sealed, CHUNKS))

    def check(at: int, offset: int) -> None:
        revealing = world.disputes.reveal.revert(*args, sender=world.op1, at=at)
        ending = world.disputes.timeout.revert(*key, sender=world.stranger, at=at)
        if offset < 0:
            assert revealing is None
            assert ending == Revert("Disputes_NotOutOfTime", sealed.id, deadline)
        else:
            assert revealing == Revert("Disputes_OutOfTime", sealed.id, deadline)
            assert ending is None

    around(deadline, check)
    expected = Revert("Disputes_OutOfTime", sealed.id, deadline)
    refuse(withheld, expected, sealed, withheld.answer(sealed, CHUNKS), at=deadline)


def test_reveal__when_it_is_over__reverts(withheld: Withheld, sealed: Sealed) -> None:
    world, answer = withheld.world, withheld.answer(sealed, CHUNKS)
    mark = world.mark()
    world.forward(world.params.challenger_time)
    world.timeout(withheld.batch, sealed)
    refuse(withheld, Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.LOST), sealed, answer)
    world.back_to(mark)
    withheld.demand(sealed, CHUNKS)
    world.forward(world.params.operator_time)
    world.timeout(withheld.batch, sealed)
    refuse(withheld, Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.WON), sealed, answer)


def test_reveal__of_an_unknown_challenge__reverts(withheld: Withheld, sealed: Sealed) -> None:
    """G6, D10: another opening, challenger or header is another challenge."""
    world = withheld.world
    withheld.demand(sealed, CHUNKS)
    answer, batch_id = withheld.answer(sealed, CHUNKS), world.id_of(withheld.batch)
    for opening in variants(sealed.opening).values():
        other = replace(sealed, opening=opening)
        id = opening.key(sealed.by.address).id(batch_id)
        refuse(withheld, Revert("Disputes_Unknown", id), other, answer)
    other = replace(sealed, by=world.watcher2)
    id = sealed.opening.key(world.watcher2.address).id(batch_id)
    refuse(withheld, Revert("Disputes_Unknown", id), other, answer)
    batch = withheld.batch
    for header in variants(batch.header, operator=world.op2.address).values():
        withheld.batch = replace(batch, header=header)
        id = sealed.key.id(world.id_of(withheld.batch))
        refuse(withheld, Revert("Disputes_Unknown", id), sealed, answer)
