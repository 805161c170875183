"""Disputes.reveal: only what stands at the demanded place is an answer (G5, G6, G7).

Every way to be wrong is refused with the error that the plain Python reading of the protocol predicts, with
nothing changed; the right answer is accepted afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from onus.protocol import DemandKind, Position, faults
from tests.contracts.test_disputes_demand import OF_EACH_KIND
from tests.support import reveals
from tests.support.chain import Revert
from tests.support.refusals import refused
from tests.support.withheld import RECEIPT, REQUEST, Withheld, digits_source, wide_source
from tests.support.world import Sealed, World

POSITIONS = [position for kind, position in OF_EACH_KIND.items() if kind > DemandKind.REQUEST] + [
    # Less than a full answer, a last node, a last run.
    Position(kind=DemandKind.TRACE_NODES, level=6, index=1),
    Position(kind=DemandKind.TENSOR_NODES, slot=3, level=7, index=32),
    Position(kind=DemandKind.INPUT_CHUNKS, slot=0, index=64),
    Position(kind=DemandKind.CHUNKS, slot=69),
]
Part = tuple[bytes, tuple[bytes, ...]]


def flipped(data: bytes, bit: int) -> bytes:
    """With one bit other."""
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def batched(values: Iterable[int], size: int) -> Iterator[list[int]]:
    """In lists of this size."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some


def corrupted(random: Random, data: bytes, path: tuple[bytes, ...], *, bits: int) -> Iterator[Part]:
    """Bits, lengths and order of data and path."""
    last = 8 * len(data) - 1
    for bit in {0, last, *(random.randint(0, last) for _ in range(bits))}:
        yield flipped(data, bit), path
    for length in {0, 1, 31, 32, 128, len(data) - 128, len(data) - 32, len(data) - 1} - {len(data)}:
        if 0 <= length < len(data):
            yield data[:length], path
    for more in (b"\0", bytes(32), bytes(128), data[-32:], random.randbytes(1_000)):
        yield data + more, path
    yield data[32:] + data[:32], path
    for level, word in enumerate(path):
        yield data, (*path[:level], flipped(word, random.randrange(256)), *path[level + 1 :])
        yield data, (*path[:level], *path[level + 1 :])
    yield data, path[::-1]
    yield data, ()
    for extra in ((bytes(32),), (bytes(32),) * 200, path):
        yield data, (*path, *extra)
        yield data, (*extra, *path)


@pytest.mark.parametrize("position", POSITIONS, ids=lambda p: f"{p.kind.name} {p.slot} {p.level} {p.index}")
def test_reveal__of_a_corrupted_answer__reverts(world: World, position: Position) -> None:
    """G7: any bit, truncated, extended, over-long, in another order."""
    withheld = Withheld(world, wide_source())
    sealed = withheld.challenge()
    withheld.demand(sealed, position)
    check_corruptions(withheld, sealed, position, bits=20)
    withheld.reveal(sealed, position)


def check_corruptions(withheld: Withheld, sealed: Sealed, position: Position, *, bits: int) -> None:
    """All are refused as predicted, none changes anything."""
    world, source = withheld.world, withheld.source
    wanted, root = source.wanted(position), source.root(position)
    right = source.committed.answer(position)
    assert reveals.check_answer(root, wanted, *right) is None
    seen = set()
    for part in corrupted(Random(str(position)), *right, bits=bits):
        if part == right:
            continue
        expected = reveals.check_answer(root, wanted, *part)
        assert expected is not None
        args = withheld.reveal_args(sealed, world.answer(withheld.batch, sealed, *part))
        assert world.disputes.reveal.revert(*args, sender=world.op1) == expected
        if expected.name not in seen:
            refused(world, expected, world.disputes.reveal, *args, sender=world.op1)
        seen.add(expected.name)
    assert seen == {"Verifier_WrongData", "Verifier_WrongLength"}


@pytest.mark.deep
@pytest.mark.parametrize("position", digits_source().positions(), ids=str)
def test_reveal__of_an_answer_with_any_bit_flipped__reverts(world: World, position: Position) -> None:
    """G7: each bit of data and path, one by one, of every answer that a small model can give."""
    withheld = Withheld(world, digits_source())
    sealed = withheld.challenge()
    withheld.demand(sealed, position)
    wanted, root = withheld.source.wanted(position), withheld.source.root(position)
    data, path = withheld.source.committed.answer(position)
    whole, at = data + b"".join(path), world.now + 1
    for some in batched(range(8 * len(whole)), 200):
        calls, expected = [], []
        for bit in some:
            spoilt = flipped(whole, bit)
            words = [spoilt[start : start + 32] for start in range(len(data), len(whole), 32)]
            part = (spoilt[: len(data)], tuple(words))
            expected.append(reveals.check_answer(root, wanted, *part))
            args = withheld.reveal_args(sealed, world.answer(withheld.batch, sealed, *part))
            calls.append((world.disputes.reveal, args, world.op1, at))
        assert None not in expected
        assert world.chain.reverts(calls) == expected


@pytest.mark.parametrize("name", ["digits", "wide"])
def test_reveal__of_another_position__reverts(world: World, name: str) -> None:
    """G6: what stands anywhere else is no answer, even at the same level or in a tensor of the same bytes."""
    withheld = Withheld(world, {"digits": digits_source, "wide": wide_source}[name]())
    source = withheld.source
    ends = [p for p in source.ends() if p.slot < 6 or p.slot == source.model.slots - 1]
    sealed = withheld.challenge()
    for position in Random(name).sample(ends, 6):
        mark = world.mark()
        withheld.demand(sealed, position)
        right = source.committed.answer(position)
        wanted, root = source.wanted(position), source.root(position)
        for other in ends:
            part = source.committed.answer(other)
            # Paths may agree where an input is the slot of the same number: then it is the same answer.
            expected = reveals.check_answer(root, wanted, *part)
            args = withheld.reveal_args(sealed, withheld.answer(sealed, other))
            assert world.disputes.reveal.revert(*args) == expected
            assert (expected is None) == (part == right)
        world.back_to(mark)


def test_reveal__of_another_leafs_or_challenges_answer__reverts(world: World) -> None:
    """G6: the same execution in two leaves; each answer stands below its own receipt."""
    withheld = Withheld(world, digits_source())
    receipts = [withheld.batch.receipts[1]] * 2 + [withheld.batch.receipts[0]]
    withheld.batch = world.batch(world.op1, receipts=receipts)
    world.commit(withheld.batch)
    one, other = withheld.challenge(0), withheld.challenge(1, by=world.watcher2)
    chunks = Position(kind=DemandKind.CHUNKS, slot=3)
    for sealed in (one, other):
        withheld.demand(sealed, chunks)
    expected = Revert("Disputes_WrongLeaf", world.id_of(withheld.batch), 0)
    args = withheld.reveal_args(one, withheld.answer(other, chunks))
    refused(world, expected, world.disputes.reveal, *args, sender=world.op1)
    withheld.reveal(one, chunks)
    withheld.reveal(other, chunks)


# ---- Receipt and request --------------------------------------------------------------------------------


def test_reveal_receipt__with_anything_more__reverts(world: World) -> None:
    withheld = Withheld(world, digits_source())
    sealed = withheld.challenge()
    withheld.demand(sealed, RECEIPT)
    right = withheld.answer(sealed, RECEIPT)
    for data, path, actual in ((b"\0", (), 1), (bytes(32), (), 32), (b"", (bytes(32),), 32)):
        args = withheld.reveal_args(sealed, replace(right, data=data, path=path))
        expected = Revert("Verifier_WrongLength", 0, actual)
        refused(world, expected, world.disputes.reveal, *args, sender=world.op1)
    withheld.reveal(sealed, RECEIPT)


def test_reveal_request__with_another_request__reverts(world: World) -> None:
    """G5, G7: only the preimage of the request id is an answer."""
    withheld = Withheld(world, digits_source())
    sealed = withheld.challenge()
    withheld.demand(sealed, REQUEST)
    right = withheld.answer(sealed, REQUEST)
    request_id = withheld.batch.receipts[1].request_id
    request = world.requests[request_id]
    disputes = world.disputes

    def refuse(expected: Revert, data: bytes, path: tuple[bytes, ...] = ()) -> None:
        args = withheld.reveal_args(sealed, replace(right, data=data, path=path))
        refused(world, expected, disputes.reveal, *args, sender=world.op1)

    for name in ("max_fee", "min_stake", "nonce", "expires_at"):
        wrong = replace(request, **{name: getattr(request, name) + 1})
        expected = Revert("Disputes_WrongRequest", request_id, wrong.id(world.domain))
        refuse(expected, faults.request_evidence(wrong))
    for data in (b"", right.data[:-1], right.data[:-32], right.data + b"\0", right.data + bytes(32)):
        refuse(Revert("Disputes_BadEvidence", 2), data)
    for word in (0, 3, 4, 6):
        # A bit above the field's own.
        refuse(Revert("Disputes_BadEvidence", 2), flipped(right.data, 8 * 32 * word + 7))
    refuse(Revert("Verifier_WrongLength", 0, 32), right.data, (bytes(32),))
    withheld.reveal(sealed, REQUEST)


def test_reveal_request__that_nobody_made__cannot_be_answered(world: World) -> None:
    """G4, G5: an operator that invents a request id runs out of time."""
    withheld = Withheld(world, digits_source())
    receipts = list(withheld.batch.receipts)
    receipts[1] = replace(receipts[1], request_id=b"\5" * 32)
    withheld.batch = world.batch(world.op1, receipts=receipts)
    world.commit(withheld.batch)
    sealed = withheld.challenge()
    withheld.demand(sealed, REQUEST)
    request = world.request(world.alice, withheld.model)
    args = withheld.reveal_args(
        sealed, world.answer(withheld.batch, sealed, faults.request_evidence(request))
    )
    expected = Revert("Disputes_WrongRequest", b"\5" * 32, request.id(world.domain))
    refused(world, expected, world.disputes.reveal, *args, sender=world.op1)
    world.forward(world.params.operator_time)
    world.timeout(withheld.batch, sealed)
    world.assert_solvent()
