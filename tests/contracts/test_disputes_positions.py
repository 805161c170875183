"""Disputes.demand: only what exists can be demanded, and its size is what the program says (G5).

For each kind: slots, levels and indices just inside and just outside; witnesses that are wrong by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from onus.protocol import DemandKind, Position, TensorWitness
from tests.support import reveals
from tests.support.chain import Revert
from tests.support.refusals import refused
from tests.support.withheld import RECEIPT, REQUEST, Source, Withheld, digits_source, wide_source
from tests.support.world import Sealed, World

SOURCES = {"digits": digits_source, "wide": wide_source}
TENSORS = (DemandKind.TENSOR_NODES, DemandKind.CHUNKS)
INPUTS = (DemandKind.INPUT_NODES, DemandKind.INPUT_CHUNKS)
TRACE = DemandKind.TRACE_NODES
MANY = 2**32 - 1


@pytest.fixture
def withheld(world: World) -> Withheld:
    return Withheld(world, wide_source())


@pytest.fixture
def sealed(withheld: Withheld) -> Sealed:
    return withheld.challenge()


def revert_of(
    withheld: Withheld, sealed: Sealed, position: Position, witness: TensorWitness
) -> Revert | None:
    args = (withheld.batch.header, sealed.opening, position, witness)
    disputes = withheld.world.disputes
    return disputes.demand.revert(*args, sender=sealed.by, at=withheld.world.now + 1)


def nowhere(position: Position) -> Revert:
    return Revert("Verifier_BadPosition", position.kind, position.slot, position.level, position.index)


# ---- What exists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
def test_demand__at_the_ends_of_every_tree__exists(world: World, name: str) -> None:
    """G5: the first and the last node of every level, the first and the last run, of every slot."""
    withheld = Withheld(world, SOURCES[name]())
    sealed = withheld.challenge()
    positions = withheld.source.ends()
    assert {position.kind for position in positions} >= {TRACE, *TENSORS, DemandKind.INPUT_CHUNKS}
    for position in positions:
        assert revert_of(withheld, sealed, position, withheld.source.witness(position)) is None, position


def _outside(source: Source) -> Iterator[Position]:
    """Just beyond every end, and far."""
    for position in source.ends():
        leaves = source.model.slots if position.kind is TRACE else _chunks(source, position.slot)
        if position.kind in reveals.RUNS:
            run = 64 >> position.level
            beyond = -(-leaves // run) * run
            yield from (replace(position, index=index) for index in (beyond, beyond + 64, MANY - 63))
            yield from (
                replace(position, index=position.index + off) for off in {1, run // 2, run - 1} if off % run
            )
            yield from (replace(position, level=level) for level in (7, 8, 255))
        else:
            width = reveals.real(leaves, position.level)
            # A padding node of the same level, where there is one, and what lies outside of the tree.
            full = 1 << reveals.depth_of(leaves) - position.level
            outside = {width, full - 1, full, MANY} - {*range(width)}
            yield from (replace(position, index=index) for index in outside)
    for kind, slot, leaves in _trees(source):
        depth = reveals.depth_of(leaves)
        yield from (Position(kind=kind, slot=slot, level=level) for level in (0, depth + 1, depth + 6, 255))


def _chunks(source: Source, slot: int) -> int:
    return reveals.chunks_of(len(source.committed.tensors[slot]))


def _trees(source: Source) -> Iterator[tuple[DemandKind, int, int]]:
    yield TRACE, 0, source.model.slots
    for slot in range(source.model.slots):
        yield DemandKind.TENSOR_NODES, slot, _chunks(source, slot)
        if slot < source.model.inputs:
            yield DemandKind.INPUT_NODES, slot, _chunks(source, slot)


@pytest.mark.parametrize("name", SOURCES)
def test_demand__just_outside_of_every_tree__reverts(world: World, name: str) -> None:
    """G5: padding nodes and leaves, indices beyond, level 0, too deep, runs that are not aligned."""
    withheld = Withheld(world, SOURCES[name]())
    sealed = withheld.challenge()
    positions = [*dict.fromkeys(_outside(withheld.source))]
    # One of the many alike slots of a long chain is enough.
    chosen = [p for p in positions if p.slot < 6 or p.slot == withheld.source.model.slots - 1]
    for position in chosen:
        assert revert_of(withheld, sealed, position, withheld.source.witness(position)) == nowhere(position)


def test_demand__of_a_slot_that_does_not_exist__reverts(withheld: Withheld, sealed: Sealed) -> None:
    """G5: with the witness of another slot, since there is none of its own."""
    model = withheld.source.model
    for kinds, end in ((TENSORS, model.slots), (INPUTS, model.inputs)):
        for kind in kinds:
            level = 1 if kind in reveals.NODES else 0
            for slot in (end, end + 1, 128, 65_535):
                position = Position(kind=kind, slot=slot, level=level)
                last = withheld.source.witness(replace(position, slot=end - 1))
                assert revert_of(withheld, sealed, position, last) == nowhere(position)


def test_demand__of_trace_nodes_of_a_slot__reverts(withheld: Withheld, sealed: Sealed) -> None:
    """One place has one name, or a demand could be repeated."""
    for slot in (1, 65_535):
        position = Position(kind=TRACE, slot=slot, level=1)
        assert revert_of(withheld, sealed, position, TensorWitness()) == nowhere(position)


@pytest.mark.parametrize("plain", [RECEIPT, REQUEST])
def test_demand__of_what_stands_above__has_no_place(
    withheld: Withheld, sealed: Sealed, plain: Position
) -> None:
    """Likewise."""
    for fields in ({"slot": 1}, {"level": 1}, {"index": 1}, {"slot": 65_535, "level": 255, "index": MANY}):
        position = replace(plain, **fields)
        expected = Revert("Disputes_BadPosition", position.to_abi())
        assert revert_of(withheld, sealed, position, TensorWitness()) == expected


def test_demand__of_nothing__reverts(withheld: Withheld, sealed: Sealed) -> None:
    """A kind that is none is refused by name, one that has no number by the decoder."""
    none = Position(kind=DemandKind.NONE)
    assert revert_of(withheld, sealed, none, TensorWitness()) == nowhere(none)
    args = (withheld.batch.header, sealed.opening, (8, 0, 0, 0), TensorWitness())
    assert withheld.world.disputes.demand.revert(*args, sender=sealed.by) is not None


# ---- Witnesses ------------------------------------------------------------------------------------------


def _witnesses(source: Source, right: TensorWitness) -> Iterator[tuple[TensorWitness, str]]:
    """Every way to be wrong by one, and the error."""
    entries = source.model.entries
    yield TensorWitness(), "Verifier_BadWitness"
    yield replace(right, entry=right.entry[:-1]), "Verifier_BadWitness"
    yield replace(right, entry=right.entry + bytes(32)), "Verifier_BadWitness"
    for byte in (0, 31, 32, len(right.entry) - 1):
        spoilt = bytearray(right.entry)
        spoilt[byte] ^= 1
        yield replace(right, entry=bytes(spoilt)), "Verifier_BadWitness"
    yield replace(right, operand=len(right.entry) // 32 - 1), "Verifier_BadWitness"
    yield replace(right, operand=255), "Verifier_BadWitness"
    yield replace(right, entry_index=(right.entry_index + 1) % entries), "Verifier_BadWitness"
    yield replace(right, entry_index=entries), "MerkleTree_Index"
    yield replace(right, entry_index=65_535), "MerkleTree_Index"
    yield replace(right, path=right.path[:-1]), "MerkleTree_ProofLength"
    yield replace(right, path=(*right.path, bytes(32))), "MerkleTree_ProofLength"
    for level in range(len(right.path)):
        path = list(right.path)
        path[level] = bytes([path[level][0] ^ 1]) + path[level][1:]
        yield replace(right, path=tuple(path)), "Verifier_BadWitness"


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("kind", [*TENSORS, DemandKind.INPUT_CHUNKS])
def test_demand__with_a_witness_that_is_wrong_by_one__reverts(
    world: World, name: str, kind: DemandKind
) -> None:
    """G5: another entry, operand, index or path; a bit, a byte or a word too many or too few."""
    withheld = Withheld(world, SOURCES[name]())
    sealed = withheld.challenge()
    position = next(p for p in reversed(withheld.source.ends()) if p.kind is kind)
    right = withheld.source.witness(position)
    for wrong, error in _witnesses(withheld.source, right):
        revert = revert_of(withheld, sealed, position, wrong)
        assert revert is not None and revert.name == error, wrong
    args = (withheld.batch.header, sealed.opening, position, TensorWitness())
    demand = withheld.world.disputes.demand
    refused(world, Revert("Verifier_BadWitness", position.slot), demand, *args, sender=sealed.by)


def test_demand__with_the_witness_of_another_slot__reverts(withheld: Withheld, sealed: Sealed) -> None:
    """G5: a tensor has the size of its own descriptor; an input is not the slot of the same number."""
    source = withheld.source
    for slot in (0, 1, 2, 3, 4, 69):
        position = Position(kind=DemandKind.CHUNKS, slot=slot)
        for other in (0, 1, 2, 3, 4, 69):
            witness = source.witness(replace(position, slot=other))
            revert = revert_of(withheld, sealed, position, witness)
            assert revert == (None if other == slot else Revert("Verifier_BadWitness", slot))


def test_demand__with_any_entry_that_has_the_tensor__is_the_same(withheld: Withheld, sealed: Sealed) -> None:
    """Its maker's output and its readers' operands show the same descriptor."""
    world, source = withheld.world, withheld.source
    position = Position(kind=DemandKind.CHUNKS, slot=5)
    paths = reveals.paths(source.entries)
    shown = [
        TensorWitness(entry=entry, entry_index=index, operand=operand, path=paths[index])
        for index, entry in enumerate(source.entries)
        for operand in range(len(entry) // 32 - 1)
        if reveals.descriptor(entry, operand)[:4] == bytes((2, 3, 0, 5))
    ]
    assert len(shown) == 2
    for witness in shown:
        mark = world.mark()
        world.demand(withheld.batch, sealed, position, witness)
        assert world.disputes.challengeOf(sealed.id).demandSize == 100
        withheld.reveal(sealed, position)
        world.back_to(mark)
