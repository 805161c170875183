"""Omissions.answer: an operator shows that the inference is in a batch, and the claimant's bond is lost.

answer
├── by anyone, before the deadline, with any batch of the operator committed since servedAt
│   └── half of the bond at most to the operator, the rest burns; index and path are in the event
├── with another inference              OtherInference
├── with a batch that cannot have it    WrongBatch, NotInBatch, or the tree's own error
└── later, twice, unclaimed             OutOfTime, WrongStatus
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from onus.protocol import (
    Batch,
    BatchHeader,
    BatchStatus,
    Claim,
    ModelId,
    OmissionStatus,
    Receipt,
    ReceiptProof,
    keccak256,
    preset,
)
from onus.protocol.ids import BURNED, account_of
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused, variants
from tests.support.world import World

BOND = 2 * UNIT


@pytest.fixture
def model(world: World) -> ModelId:
    return world.ready()


@pytest.fixture
def batch(world: World, model: ModelId) -> Batch:
    """Three receipts of alice; leaf 1 is claimed after the batch was committed."""
    batch = world.batch(world.op1, model)
    world.commit(batch)
    world.time_to(batch.receipts[1].commit_by)
    world.claim(batch.receipts[1])
    return batch


def refuse(
    world: World, expected: Revert, receipt: Receipt, batch: Batch, proof: ReceiptProof, **options: int
) -> None:
    args = (receipt, batch.header, proof)
    refused(world, expected, world.omissions.answer, *args, sender=world.op1, **options)


# ---- Success --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["op1", "alice", "stranger"])
def test_answer__with_the_receipts_batch__the_bond_is_lost(world: World, batch: Batch, name: str) -> None:
    """E13: half of it pays the operator whoever brings the answer; the payer has index and path."""
    receipt, before = batch.receipts[1], world.buckets()
    sender = getattr(world, name)
    tx = world.omissions.answer(receipt, batch.header, batch.proof(1), sender=sender)
    event = tx.event("OmissionAnswered")
    assert (event.receiptHash, event.batchId, event.paid) == (
        receipt.struct_hash,
        world.id_of(batch),
        BOND // 2,
    )
    assert ReceiptProof.from_abi(event.proof) == batch.proof(1)
    assert [(e.account, e.amount) for e in tx.events("Credited")] == [
        (account_of(world.op1.address), BOND // 2),
        (BURNED, BOND // 2),
    ]
    assert len(tx.logs) == 3
    assert world.omissions.omissionOf(receipt.struct_hash).status == OmissionStatus.ANSWERED
    after = world.assert_solvent()
    assert (after.bonds, after.reserve, after.stake) == ({}, before.reserve, before.stake)


def test_answer__around_the_deadline__excludes_punish(world: World, batch: Batch) -> None:
    """D1: to the second before it the answer, from it on the punishment, at no second both or neither."""
    receipt = batch.receipts[1]
    hash = receipt.struct_hash
    deadline = world.omissions.omissionOf(hash).deadline

    def check(at: int, offset: int) -> None:
        answer = world.omissions.answer.revert(receipt, batch.header, batch.proof(1), at=at)
        punish = world.omissions.punish.revert(receipt, at=at)
        if offset < 0:
            assert (answer, punish) == (None, Revert("Omissions_NotOutOfTime", hash, deadline))
        else:
            assert (answer, punish) == (Revert("Omissions_OutOfTime", hash, deadline), None)

    around(deadline, check)
    late = Revert("Omissions_OutOfTime", hash, deadline)
    refuse(world, late, receipt, batch, batch.proof(1), at=deadline)


def test_answer__with_an_odd_bond__the_odd_wei_burns(another_world: Callable[..., World]) -> None:
    """A4, C16: at most half to the operator, to the wei."""
    world = another_world(params=replace(preset("op-stack").params, omission_bond=7))
    batch = world.batch(world.op1, world.ready(), count=1)
    world.commit(batch)
    world.time_to(batch.receipts[0].commit_by)
    world.claim(batch.receipts[0])
    world.omissions.answer(batch.receipts[0], batch.header, batch.proof(0), sender=world.op1)
    assert (world.free(world.op1), world.escrow.balanceOf(BURNED)) == (3, 4)
    world.assert_solvent()


@pytest.mark.parametrize("status", list(BatchStatus)[2:])
def test_answer__with_a_batch_that_is_over__is_good(
    another_world: Callable[..., World], status: BatchStatus
) -> None:
    """E13: it was committed; what became of it is another matter, and punished as such."""
    # A batch can only be final by then where omissions can be claimed for longer than a window lasts.
    world = another_world(params=replace(preset("op-stack").params, omission_window=7 * 86_400))
    model = world.ready()
    good = status in (BatchStatus.FINAL, BatchStatus.REFUNDED)
    batch = world.batch(world.op1, model) if good else world.faulty_batch(world.op1, model)
    world.commit(batch)
    claimed = batch.receipts[1]
    if status is BatchStatus.FINAL:
        world.past_window(batch)
        world.finalize(batch)
    elif status is BatchStatus.REFUNDED:
        world.forward(world.params.max_commit_delay)
        world.fail_verifier()
        world.refund(batch)
    else:
        winner = world.convict(batch)
        world.forward(world.params.earning_delay)
        if status is BatchStatus.SETTLED:
            world.settle(batch, winner)
    assert world.state_of(batch).status == status
    world.claim(claimed)
    before = world.free(world.op1)
    world.omissions.answer(claimed, batch.header, batch.proof(1), sender=world.op1)
    assert world.state_of(batch).status == status
    assert world.free(world.op1) == before + BOND // 2
    world.assert_solvent()


# ---- Which batch, which receipt -------------------------------------------------------------------------


def test_answer__around_the_second_of_serving__only_what_was_committed_since(
    world: World, model: ModelId
) -> None:
    """D1, E13: a batch of that very second is good, an older one is not: it cannot be this receipt's."""
    batch = world.batch(world.op1, model)
    committed_at = world.commit(batch).timestamp
    leaf = batch.receipts[0]

    def check(served_at: int, offset: int) -> None:
        claimed = replace(leaf, served_at=served_at, commit_by=committed_at + 100)
        mark = world.mark()
        world.claim(claimed, at=committed_at + 101)
        revert = world.omissions.answer.revert(claimed, batch.header, batch.proof(0), sender=world.op1)
        assert revert == (Revert("Omissions_WrongBatch", world.id_of(batch)) if offset > 0 else None)
        world.back_to(mark)

    around(committed_at, check)


def test_answer__with_the_same_inference_at_another_price__is_good(world: World, model: ModelId) -> None:
    """E13: price, stake and times may differ: the payer sees them in the answer and can act on them."""
    claimed = world.receipt(world.op1, model)
    other = replace(
        claimed, fee=claimed.fee + 1, stake=claimed.stake + 1, served_at=world.now - 5, commit_by=2**40 - 1
    )
    batch = world.batch(world.op1, receipts=[other])
    world.commit(batch)
    world.time_to(claimed.commit_by)
    world.claim(claimed)
    tx = world.omissions.answer(claimed, batch.header, batch.proof(0), sender=world.op1)
    assert Receipt.from_abi(tx.event("OmissionAnswered").proof.receipt) == other


def test_answer__one_leaf__answers_every_receipt_for_the_same_inference(world: World, model: ModelId) -> None:
    """E13: an operator that was asked twice for its signature owes one inference."""
    first = world.receipt(world.op1, model)
    second = replace(first, served_at=first.served_at + 1, commit_by=first.commit_by + 1)
    world.forward(1)
    batch = world.batch(world.op1, receipts=[first])
    world.commit(batch)
    world.time_to(second.commit_by)
    for claimed in (first, second):
        world.claim(claimed)
        world.omissions.answer(claimed, batch.header, batch.proof(0), sender=world.op1)
    world.assert_solvent()


@pytest.mark.parametrize(
    "change",
    [
        {"request_id": keccak256(b"another question")},
        {"input_root": keccak256(b"another input")},
        {"output_root": keccak256(b"another output")},
        {"trace_root": keccak256(b"another trace")},
        {"operator": "op2"},
        {"payer": "bob"},
        {"model_id": keccak256(b"another model")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_answer__with_another_inference__reverts(
    world: World, model: ModelId, change: dict[str, bytes | str]
) -> None:
    """E13, E14: one that differs in what was asked, what came out, who did it or for whom."""
    claimed = world.receipt(world.op1, model)
    values = {
        name: getattr(world, value).address if isinstance(value, str) else value
        for name, value in change.items()
    }
    other = replace(claimed, **values)
    claims = [Claim(payer=world.alice.address, receipts=1)]
    batch = world.batch(world.op1, receipts=[other], claims=claims, model_id=model)
    world.commit(batch)
    world.time_to(claimed.commit_by)
    world.claim(claimed)
    refuse(world, Revert("Omissions_OtherInference", claimed.struct_hash), claimed, batch, batch.proof(0))


def test_answer__with_a_batch_that_was_not_committed__reverts(world: World, batch: Batch) -> None:
    """E13: nor with a header of which one word is different."""
    claimed = batch.receipts[1]
    fresh = world.batch(world.op1, receipts=[claimed])
    for wrong in (fresh, *(replace(batch, header=header) for header in others(world, batch))):
        expected = Revert("Omissions_WrongBatch", world.id_of(wrong))
        refuse(world, expected, claimed, wrong, wrong.proof(wrong.receipts.index(claimed)))


def others(world: World, batch: Batch) -> list[BatchHeader]:
    return list(variants(batch.header, operator=world.op2.address).values())


def test_answer__with_another_operators_batch__reverts(world: World, model: ModelId) -> None:
    """E14: what somebody else committed is not what this operator promised."""
    world.operator_ready(world.op2)
    world.payer_ready(op=world.op2)
    claimed = world.receipt(world.op1, model)
    batch = world.batch(world.op2, receipts=[claimed])
    world.commit(batch)
    world.time_to(claimed.commit_by)
    world.claim(claimed)
    refuse(world, Revert("Omissions_WrongBatch", world.id_of(batch)), claimed, batch, batch.proof(0))


def test_answer__with_a_path_to_elsewhere__reverts(world: World, batch: Batch) -> None:
    """E5, E13: another leaf, a path of another length, an index beyond the batch."""
    claimed = batch.receipts[1]
    good = batch.proof(1)
    id = world.id_of(batch)
    for wrong in (
        replace(good, leaf_index=0),
        replace(good, leaf_index=2),
        replace(good, path=good.path[::-1]),
        replace(good, receipt=replace(claimed, fee=claimed.fee + 1)),
    ):
        expected = Revert("Omissions_NotInBatch", id, wrong.receipt.struct_hash, wrong.leaf_index)
        refuse(world, expected, claimed, batch, wrong)
    beyond = replace(good, leaf_index=3)
    refuse(world, Revert("MerkleTree_Index", 3, 3), claimed, batch, beyond)
    short = replace(good, path=good.path[:-1])
    refuse(world, Revert("MerkleTree_ProofLength", 1, 2), claimed, batch, short)


# ---- Order ----------------------------------------------------------------------------------------------


def test_answer__before_the_claim_or_twice__reverts(world: World, model: ModelId) -> None:
    """D12, D13."""
    batch = world.batch(world.op1, model)
    world.commit(batch)
    claimed = batch.receipts[0]
    hash = claimed.struct_hash
    world.time_to(claimed.commit_by)
    none = Revert("Omissions_WrongStatus", hash, OmissionStatus.NULL)
    refuse(world, none, claimed, batch, batch.proof(0))
    refused(world, none, world.omissions.punish, claimed, sender=world.stranger)
    world.claim(claimed)
    world.omissions.answer(claimed, batch.header, batch.proof(0), sender=world.op1)
    answered = Revert("Omissions_WrongStatus", hash, OmissionStatus.ANSWERED)
    refuse(world, answered, claimed, batch, batch.proof(0))
    world.forward(world.params.operator_time)
    refused(world, answered, world.omissions.punish, claimed, sender=world.stranger)


def test_answers__five_hundred__cost_the_claimant_more_than_the_operator(world: World) -> None:
    """E13: an operator that committed everything earns by every claim more than its answer costs in gas."""
    count = 500
    model = world.ready()
    world.payer_ready(amount=10 * UNIT)
    batch = world.batch(world.op1, model, count=count)
    world.commit(batch)
    world.time_to(batch.receipts[-1].commit_by)
    world.escrow.deposit(world.alice, count * BOND, sender=world.alice)
    for receipt in batch.receipts:
        world.omissions.claim(receipt, world.signed(receipt), 1, sender=world.alice)
    gas = []
    for leaf, receipt in enumerate(batch.receipts):
        tx = world.omissions.answer(receipt, batch.header, batch.proof(leaf), sender=world.op1)
        gas.append(tx.gas_used)
    earned = world.free(world.op1)
    assert earned == world.escrow.balanceOf(BURNED) == count * BOND // 2
    # At 0.5 gwei and $3,000 for an ether, the presets' assumption, in base units of a dollar.
    cost = sum(gas) * 500_000_000 * 3_000
    assert 4 * cost < earned, (cost, earned)
    # Nothing grows with the number of claims: each answer costs the same but for the bytes of its path.
    assert max(gas[1:]) - min(gas[1:]) < 3_000
    world.assert_solvent()
