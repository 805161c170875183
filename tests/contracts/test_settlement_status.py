"""Settlement.statusOf and requireFinal: what a consumer is told.

statusOf        unknown · pending until T · challenged · final · final and published · void
requireFinal
├── when final, in the batch, served before the commit, as expected, and published   returns
└── otherwise                                                                         a typed error for each
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from onus.protocol import Batch, BatchStatus, Expected, InferenceStatus, ModelId, keccak256
from tests.contracts.test_settlement_publish import INPUTS, batch_on, model_on, root_of
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import variants
from tests.support.world import World

STAKE = 10 * UNIT


def status(world: World, batch: Batch, leaf: int = 0) -> tuple[InferenceStatus, int]:
    found = world.settlement.statusOf(batch.header, batch.proof(leaf))
    return InferenceStatus(found.status), found.until


@pytest.fixture
def model(world: World) -> ModelId:
    return model_on(world)


@pytest.fixture
def final(world: World, model: ModelId) -> Batch:
    """A final batch of three, the first receipt published."""
    batch = batch_on(world, model)
    batch = world.batch(world.op1, receipts=[replace(receipt, stake=STAKE) for receipt in batch.receipts])
    world.commit(batch)
    world.settlement.publish(batch.header, batch.proof(0), INPUTS, sender=world.stranger)
    world.past_window(batch)
    world.finalize(batch)
    return batch


def expected_of(batch: Batch, **overrides: Any) -> Expected:
    values = {"model_id": batch.header.model_id, "input_root": root_of(INPUTS), "min_stake": STAKE}
    return Expected(**(values | overrides))


# ---- statusOf -------------------------------------------------------------------------------------------


def test_status_of__through_a_good_life(world: World, model: ModelId) -> None:
    batch = batch_on(world, model)
    assert status(world, batch) == (InferenceStatus.UNKNOWN, 0)
    world.commit(batch)
    end = world.state_of(batch).windowEndsAt
    assert status(world, batch) == (InferenceStatus.PENDING, end)
    world.settlement.publish(batch.header, batch.proof(0), INPUTS, sender=world.stranger)
    assert status(world, batch) == (InferenceStatus.PENDING, end)
    sealed = world.challenge(batch)
    assert status(world, batch) == (InferenceStatus.CHALLENGED, end)
    world.forward(world.params.challenger_time)
    world.disputes.timeout(batch.header, sealed.key, sender=world.stranger)
    assert status(world, batch) == (InferenceStatus.PENDING, end)
    world.past_window(batch)
    # Time alone decides nothing: somebody has to call.
    assert status(world, batch) == (InferenceStatus.PENDING, end)
    world.finalize(batch)
    assert status(world, batch, 0) == (InferenceStatus.FINAL_AND_PUBLISHED, 0)
    assert status(world, batch, 1) == (InferenceStatus.FINAL, 0)


def test_status_of__through_a_bad_life(world: World, model: ModelId) -> None:
    """G4: every inference of a faulty batch is void, the right ones too."""
    batch = world.faulty_batch(world.op1, model, at=1)
    world.commit(batch)
    winner = world.convict(batch, 1)
    assert [status(world, batch, leaf) for leaf in range(3)] == [(InferenceStatus.VOID, 0)] * 3
    world.forward(world.params.earning_delay)
    world.settle(batch, winner)
    assert [status(world, batch, leaf) for leaf in range(3)] == [(InferenceStatus.VOID, 0)] * 3


def test_status_of__when_not_in_the_batch__unknown(world: World, model: ModelId, final: Batch) -> None:
    pending = batch_on(world, model)
    world.commit(pending)
    for batch in (final, pending):
        proof = batch.proof(1)
        wrong = [replace(proof, receipt=receipt) for receipt in variants(proof.receipt).values()]
        wrong += [replace(proof, leaf_index=0), replace(proof, path=tuple(reversed(proof.path)))]
        for each in wrong:
            assert tuple(world.settlement.statusOf(batch.header, each)) == (InferenceStatus.UNKNOWN, 0)


def test_status_of__when_header_is_another__unknown(world: World, final: Batch) -> None:
    """D10: nothing can be said with another header."""
    for header in variants(final.header, operator=world.op2.address).values():
        assert tuple(world.settlement.statusOf(header, final.proof(0))) == (InferenceStatus.UNKNOWN, 0)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_status_of__for_every_leaf_of_any_size__known(world: World, model: ModelId, count: int) -> None:
    batch = batch_on(world, model, count=count)
    world.commit(batch)
    assert {status(world, batch, leaf)[0] for leaf in range(count)} == {InferenceStatus.PENDING}


# ---- requireFinal ---------------------------------------------------------------------------------------


def test_require_final__when_everything_is_as_expected__returns(world: World, final: Batch) -> None:
    assert world.settlement.requireFinal(final.header, final.proof(0), expected_of(final)) is None


@pytest.mark.parametrize(
    "waived", [{"model_id": bytes(32)}, {"input_root": bytes(32)}, {"min_stake": 0}, {"min_stake": STAKE - 1}]
)
def test_require_final__when_less_is_expected__returns(
    world: World, final: Batch, waived: dict[str, Any]
) -> None:
    world.settlement.requireFinal(final.header, final.proof(0), expected_of(final, **waived))


def test_require_final__when_not_published__only_who_waives_it(world: World, final: Batch) -> None:
    """E15, G15: what nobody saw cannot have been checked."""
    revert = world.settlement.requireFinal.revert(final.header, final.proof(1), expected_of(final))
    assert revert == Revert("Settlement_NotPublished", world.id_of(final), 1)
    world.settlement.requireFinal(final.header, final.proof(1), expected_of(final, published=False))


def test_require_final__when_something_else_is_expected__reverts(world: World, final: Batch) -> None:
    """G4: another model, another input, less behind it."""
    other = keccak256(b"other")
    header = final.header
    for overrides, expected in (
        ({"model_id": other}, Revert("Settlement_UnexpectedModel", other, header.model_id)),
        ({"input_root": other}, Revert("Settlement_UnexpectedInput", other, root_of(INPUTS))),
        ({"min_stake": STAKE + 1}, Revert("Settlement_CollateralTooSmall", STAKE + 1, STAKE)),
    ):
        args = (header, final.proof(0), expected_of(final, **overrides))
        assert world.settlement.requireFinal.revert(*args) == expected


def test_require_final__when_not_final__reverts(world: World, model: ModelId) -> None:
    batch = world.faulty_batch(world.op1, model)
    args = (
        batch.header,
        batch.proof(1),
        expected_of(batch, input_root=bytes(32), min_stake=0, published=False),
    )

    def expect(stored: BatchStatus) -> None:
        revert = world.settlement.requireFinal.revert(*args)
        assert revert == Revert("Settlement_WrongStatus", world.id_of(batch), stored)

    expect(BatchStatus.NULL)
    world.commit(batch)
    expect(BatchStatus.PENDING)
    sealed = world.challenge(batch)
    expect(BatchStatus.PENDING)
    world.prove(batch, sealed)
    expect(BatchStatus.FAULTY)
    world.forward(world.params.earning_delay)
    world.settle(batch, sealed)
    expect(BatchStatus.SETTLED)


def test_require_final__when_not_in_the_batch__reverts(world: World, final: Batch) -> None:
    """E5."""
    proof = final.proof(0)
    for receipt in variants(proof.receipt).values():
        args = (final.header, replace(proof, receipt=receipt), expected_of(final, published=False))
        expected = Revert("Settlement_NotInBatch", world.id_of(final), receipt.struct_hash, 0)
        assert world.settlement.requireFinal.revert(*args) == expected
    args = (final.header, replace(proof, leaf_index=3), expected_of(final))
    assert world.settlement.requireFinal.revert(*args) == Revert("MerkleTree_Index", 3, 3)
    args = (final.header, replace(proof, path=proof.path[:1]), expected_of(final))
    assert world.settlement.requireFinal.revert(*args) == Revert("MerkleTree_ProofLength", 1, 2)


def test_require_final__when_committed_before_it_was_served__reverts(world: World, model: ModelId) -> None:
    """E14: a receipt dated after its commit is none."""
    receipts = [world.receipt(world.op1, model) for _ in range(3)]
    committed_at = world.now + 10
    for i, served_at in enumerate((committed_at - 1, committed_at, committed_at + 1)):
        receipts[i] = replace(receipts[i], served_at=served_at)
    batch = world.batch(world.op1, receipts=receipts)
    world.commit(batch, at=committed_at)
    world.past_window(batch)
    world.finalize(batch)
    expected = expected_of(batch, input_root=bytes(32), min_stake=0, published=False)
    found = [world.settlement.requireFinal.revert(batch.header, batch.proof(i), expected) for i in range(3)]
    assert found[:2] == [None, None]
    assert found[2] == Revert(
        "Settlement_CommittedBeforeServed", world.id_of(batch), committed_at + 1, committed_at
    )


def test_require_final__when_leaf_names_another_model__reverts(world: World, model: ModelId) -> None:
    """G4: nobody showed the fault in time, and it is refused all the same."""
    other = world.register_model()
    receipts = [world.receipt(world.op1, model), world.receipt(world.op1, other)]
    batch = world.batch(world.op1, receipts=receipts)
    world.commit(batch)
    world.past_window(batch)
    world.finalize(batch)
    for named in (other, model, bytes(32)):
        expected = expected_of(batch, model_id=named, input_root=bytes(32), min_stake=0, published=False)
        revert = world.settlement.requireFinal.revert(batch.header, batch.proof(1), expected)
        assert revert == Revert("Settlement_UnexpectedModel", model, other)


def test_require_final__when_leaf_promises_more_stake_than_the_batch__counts_the_batchs(
    world: World, model: ModelId
) -> None:
    receipts = [world.receipt(world.op1, model, stake=UNIT), world.receipt(world.op1, model, stake=9 * UNIT)]
    batch = world.batch(world.op1, receipts=receipts)
    world.commit(batch)
    world.past_window(batch)
    world.finalize(batch)
    expected = expected_of(batch, input_root=bytes(32), min_stake=2 * UNIT, published=False)
    revert = world.settlement.requireFinal.revert(batch.header, batch.proof(1), expected)
    assert revert == Revert("Settlement_CollateralTooSmall", 2 * UNIT, UNIT)
