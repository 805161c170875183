"""Settlement.publish: data that everybody could check in time.

publish
├── in the first half of the window, with the input that the receipt names
│   └── receipt, path and input are in the event, the leaf is marked; by anyone, challenged or not
├── later                               PublicationClosed
├── of what is not in the batch         NotInBatch, or the tree's own error
├── with another input                  WrongInput, WrongInputSize
└── again, or of a batch that is over   AlreadyPublished, WrongStatus
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from onus.protocol import (
    Batch,
    BatchStatus,
    InferenceStatus,
    ModelId,
    Receipt,
    ReceiptProof,
    keccak256,
    merkle,
)
from tests.support.chain import Revert
from tests.support.refusals import around, refused, variants
from tests.support.world import World

INPUTS = (b"what the payer asked" * 20,)


def root_of(inputs: Sequence[bytes]) -> bytes:
    """`inputRoot` of these tensors (docs/trace.md, 3)."""
    trees = []
    for data in inputs:
        chunks = [data[at : at + 128].ljust(128, b"\0") for at in range(0, len(data), 128)]
        trees.append(merkle.root([keccak256(chunk) for chunk in chunks]))
    return merkle.root(trees)


def model_on(world: World, inputs: Sequence[bytes] = INPUTS) -> ModelId:
    """A model that takes such inputs; op1 can serve it for alice."""
    world.operator_ready()
    world.payer_ready()
    size = sum(map(len, inputs))
    return world.register_model(
        inputs=len(inputs), slots=len(inputs) + 3, input_bytes=size, trace_bytes=2 * size
    )


def batch_on(world: World, model: ModelId, inputs: Sequence[bytes] = INPUTS, *, count: int = 3) -> Batch:
    """A batch whose receipts all have this input."""
    request = world.request(world.alice, model, input_root=root_of(inputs))
    receipt = world.receipt(world.op1, model, request=request)
    receipts = [replace(receipt, trace_root=keccak256(b"trace %d" % i)) for i in range(count)]
    return world.batch(world.op1, receipts=receipts)


@pytest.fixture
def batch(world: World) -> Batch:
    """A batch of three, just committed."""
    batch = batch_on(world, model_on(world))
    world.commit(batch)
    return batch


def refuse(
    world: World,
    expected: Revert,
    batch: Batch,
    proof: ReceiptProof,
    inputs: Sequence[bytes] = INPUTS,
    *,
    at: int | None = None,
) -> None:
    args = (batch.header, proof, inputs)
    refused(world, expected, world.settlement.publish, *args, sender=world.stranger, at=at)


# ---- Success --------------------------------------------------------------------------------------------


def test_publish__when_in_time__emits_everything_and_marks_the_leaf(world: World, batch: Batch) -> None:
    """E15: receipt, path and input are there for everybody; nothing else changes."""
    before = world.buckets()
    tx = world.settlement.publish(batch.header, batch.proof(1), INPUTS, sender=world.stranger)
    published = tx.event("ReceiptPublished")
    assert (published.id, published.leafIndex) == (world.id_of(batch), 1)
    assert Receipt.from_abi(published.receipt) == batch.receipts[1]
    assert tuple(published.path) == batch.proof(1).path
    assert tuple(published.inputs) == INPUTS
    assert len(tx.logs) == 1
    assert [world.settlement.isPublished(world.id_of(batch), leaf) for leaf in range(4)] == [
        False,
        True,
        False,
        False,
    ]
    assert world.state_of(batch).status == BatchStatus.PENDING
    assert world.assert_solvent() == before


def test_publish__around_half_of_the_window(world: World, batch: Batch) -> None:
    """D1, E15: what comes later could not be checked and challenged in time."""
    state = world.state_of(batch)
    closes_at = state.committedAt + (state.windowEndsAt - state.committedAt) // 2
    args = (batch.header, batch.proof(0), INPUTS)

    def check(at: int, offset: int) -> None:
        revert = world.settlement.publish.revert(*args, sender=world.stranger, at=at)
        closed = Revert("Settlement_PublicationClosed", world.id_of(batch), closes_at)
        assert revert == (None if offset < 0 else closed)

    around(closes_at, check)
    refuse(
        world,
        Revert("Settlement_PublicationClosed", world.id_of(batch), closes_at),
        batch,
        batch.proof(0),
        at=closes_at,
    )


@pytest.mark.parametrize("caller", ["op1", "alice", "watcher1", "provider", "stranger"])
def test_publish__whoever_calls__works(world: World, batch: Batch, caller: str) -> None:
    world.settlement.publish(batch.header, batch.proof(0), INPUTS, sender=getattr(world, caller))
    assert world.settlement.isPublished(world.id_of(batch), 0)


def test_publish__while_challenged__works(world: World, batch: Batch) -> None:
    world.challenge(batch)
    world.settlement.publish(batch.header, batch.proof(0), INPUTS, sender=world.stranger)
    assert world.settlement.isPublished(world.id_of(batch), 0)


@pytest.mark.parametrize("inputs", [(b"\0",), (b"a" * 128, b"b"), (b"x" * 1_000, b"y" * 129, b"z" * 4_096)])
def test_publish__when_several_inputs__root_of_their_roots(world: World, inputs: tuple[bytes, ...]) -> None:
    batch = batch_on(world, model_on(world, inputs), inputs)
    world.commit(batch)
    world.settlement.publish(batch.header, batch.proof(0), inputs, sender=world.stranger)
    other = (*inputs[:-1], inputs[-1][:-1] + b"\7")
    expected = Revert("Settlement_WrongInput", root_of(inputs), root_of(other))
    refuse(world, expected, batch, batch.proof(1), other)


def test_publish__when_many_leaves__each_has_its_own_mark(world: World) -> None:
    """Marks lie 256 to a word: neighbours stay as they are."""
    batch = batch_on(world, model_on(world), count=515)
    world.commit(batch)
    leaves = (0, 1, 255, 256, 257, 511, 512, 514)
    for leaf in leaves:
        world.settlement.publish(batch.header, batch.proof(leaf), INPUTS, sender=world.stranger)
    marked = [leaf for leaf in range(520) if world.settlement.isPublished(world.id_of(batch), leaf)]
    assert marked == list(leaves)


def test_publish__when_the_same_receipt_is_in_two_batches__each_for_itself(
    world: World, batch: Batch
) -> None:
    again = replace(batch, header=replace(batch.header, sequence=1))
    world.commit(again)
    world.settlement.publish(batch.header, batch.proof(0), INPUTS, sender=world.stranger)
    assert not world.settlement.isPublished(world.id_of(again), 0)
    world.settlement.publish(again.header, batch.proof(0), INPUTS, sender=world.stranger)


def test_publish__when_input_is_the_largest_that_a_model_has__fits_in_a_transaction(world: World) -> None:
    """The largest input of the set can be published."""
    most = 64 * 1024
    assert world.params.max_input_bytes == most
    inputs = ((bytes(range(1, 256)) * 260)[:most],)
    batch = batch_on(world, model_on(world, inputs), inputs)
    world.commit(batch)
    tx = world.settlement.publish(batch.header, batch.proof(0), inputs, sender=world.stranger)
    assert tx.gas_used < 16_777_216


# ---- Refusals -------------------------------------------------------------------------------------------


def test_publish__when_a_field_of_the_receipt_is_wrong__reverts(world: World, batch: Batch) -> None:
    """E5: only the leaf itself."""
    proof = batch.proof(1)
    for receipt in variants(proof.receipt).values():
        expected = Revert("Settlement_NotInBatch", world.id_of(batch), receipt.struct_hash, 1)
        refuse(world, expected, batch, replace(proof, receipt=receipt))


def test_publish__when_path_is_foreign__reverts(world: World, batch: Batch) -> None:
    """E5, E15: another place, a changed, shorter or longer path, a place that is none, padding."""
    proof, id, leaf = batch.proof(1), world.id_of(batch), batch.receipts[1].struct_hash
    for index in (0, 2):
        refuse(
            world, Revert("Settlement_NotInBatch", id, leaf, index), batch, replace(proof, leaf_index=index)
        )
    turned = tuple(reversed(proof.path))
    refuse(world, Revert("Settlement_NotInBatch", id, leaf, 1), batch, replace(proof, path=turned))
    for path in ((), proof.path[:1], (*proof.path, bytes(32))):
        expected = Revert("MerkleTree_ProofLength", len(path), 2)
        refuse(world, expected, batch, replace(proof, path=path))
    for index in (3, 4, 2**32 - 1):
        refuse(world, Revert("MerkleTree_Index", index, 3), batch, replace(proof, leaf_index=index))


def test_publish__when_header_is_another__is_another_batch(world: World, batch: Batch) -> None:
    """D10."""
    for header in variants(batch.header, operator=world.op2.address).values():
        other = replace(batch, header=header)
        expected = Revert("Settlement_WrongStatus", world.id_of(other), BatchStatus.NULL)
        refuse(world, expected, other, batch.proof(0))


def test_publish__when_receipt_is_of_another_batch__reverts(world: World, batch: Batch) -> None:
    other = batch_on(world, batch.header.model_id)
    world.commit(other)
    leaf = batch.receipts[0].struct_hash
    assert leaf != other.receipts[0].struct_hash
    refuse(world, Revert("Settlement_NotInBatch", world.id_of(other), leaf, 0), other, batch.proof(0))


def test_publish__when_input_is_another__reverts(world: World, batch: Batch) -> None:
    """E15, G4."""
    (data,) = INPUTS
    for other in (b"!" + data[1:], data[:-1] + b"!", data[1:] + data[:1]):
        expected = Revert("Settlement_WrongInput", root_of(INPUTS), root_of((other,)))
        refuse(world, expected, batch, batch.proof(0), (other,))


@pytest.mark.parametrize(
    "inputs",
    [
        (),
        (b"",),
        (INPUTS[0][:-1],),
        (INPUTS[0] + b"\0",),
        (INPUTS[0], b""),
        (INPUTS[0], INPUTS[0]),
        (INPUTS[0][:128], INPUTS[0][128:]),
    ],
)
def test_publish__when_input_has_another_form__reverts(
    world: World, batch: Batch, inputs: tuple[bytes, ...]
) -> None:
    """E15: zeros at the end change no root, two inputs can have the root of one: the model says how much."""
    expected = Revert("Settlement_WrongInputSize", len(inputs), sum(map(len, inputs)))
    refuse(world, expected, batch, batch.proof(0), inputs)


def test_publish__when_one_of_several_inputs_is_empty__reverts(world: World) -> None:
    inputs = (b"a" * 100, b"b" * 100)
    batch = batch_on(world, model_on(world, inputs), inputs)
    world.commit(batch)
    refuse(world, Revert("MerkleTree_Empty"), batch, batch.proof(0), (b"a" * 200, b""))


def test_publish__twice__reverts(world: World, batch: Batch) -> None:
    """D13, E15."""
    world.settlement.publish(batch.header, batch.proof(0), INPUTS, sender=world.stranger)
    refuse(world, Revert("Settlement_AlreadyPublished", world.id_of(batch), 0), batch, batch.proof(0))
    world.settlement.publish(batch.header, batch.proof(1), INPUTS, sender=world.stranger)


def test_publish__when_batch_is_over__reverts(world: World) -> None:
    """D12: unknown, final, faulty, settled."""
    model = model_on(world)
    batch = batch_on(world, model)
    id = world.id_of(batch)
    refuse(world, Revert("Settlement_WrongStatus", id, BatchStatus.NULL), batch, batch.proof(0))
    world.commit(batch)
    world.past_window(batch)
    world.finalize(batch)
    refuse(world, Revert("Settlement_WrongStatus", id, BatchStatus.FINAL), batch, batch.proof(0))

    bad = batch_on(world, model)
    receipts = [replace(bad.receipts[0], fee=0), *bad.receipts[1:]]
    bad = world.batch(world.op1, receipts=receipts, fee=bad.header.fee)
    id = world.id_of(bad)
    world.commit(bad)
    winner = world.convict(bad)
    refuse(world, Revert("Settlement_WrongStatus", id, BatchStatus.FAULTY), bad, bad.proof(0))
    world.forward(world.params.earning_delay)
    world.settle(bad, winner)
    refuse(world, Revert("Settlement_WrongStatus", id, BatchStatus.SETTLED), bad, bad.proof(0))
    assert world.settlement.statusOf(bad.header, bad.proof(0)).status == InferenceStatus.VOID
