"""Settlement.commit: what a batch takes, and everything that it refuses.

commit
├── when everything is right
│   ├── the batch is pending, stake is locked, fees are drawn, nothing else moves
│   ├── its window is the model's, clamped to its set
│   ├── it locks count × stake, at least minBatchStake
│   └── several payers, one payer twice, a claim of nothing, no fee, a voucher key
├── when a field of the header is wrong                     a typed error for each
├── when claims or vouchers are wrong                       see test_settlement_vouchers
├── when the model, the operator or the set is not fit      the error of its owner
└── when it is already there                                AlreadyCommitted
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import (
    Batch,
    BatchStatus,
    Claim,
    ModelId,
    VoucherSignature,
    keccak256,
)
from onus.protocol.ids import claims_hash
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused, variants
from tests.support.world import CENT, World


@pytest.fixture
def model(world: World) -> ModelId:
    return world.ready()


def refuse(
    world: World, expected: Revert, batch: Batch, vouchers: list[VoucherSignature] | None = None
) -> None:
    vouchers = world.vouchers(batch) if vouchers is None else vouchers
    args = (batch.header, batch.claims, vouchers)
    refused(world, expected, world.settlement.commit, *args, sender=world.op1)


# ---- Success --------------------------------------------------------------------------------------------


def test_commit__when_right__is_pending_and_locks_and_draws(world: World, model: ModelId) -> None:
    batch = world.batch(world.op1, model, count=3, fee=7 * CENT, stake=100 * UNIT)
    before = world.buckets()
    reserved = world.escrow.reservationOf(world.alice, world.op1)
    vouchers = world.vouchers(batch)
    args = (batch.header, batch.claims, vouchers)
    assert world.settlement.commit.call(*args, sender=world.op1) == world.id_of(batch)

    tx = world.commit(batch)

    committed = tx.event("BatchCommitted")
    assert (committed.id, committed.operator, committed.modelId) == (
        world.id_of(batch),
        world.op1.address,
        model,
    )
    assert tuple(committed.header) == batch.header.to_abi()
    assert [tuple(claim) for claim in committed.claims] == [claim.to_abi() for claim in batch.claims]
    assert len(tx.logs) == 1

    state = world.state_of(batch)
    window = 100 * 3_600
    assert tuple(state) == (BatchStatus.PENDING, 0, 0, tx.timestamp, tx.timestamp + window, 0, 0)

    operator = world.operators.stateOf(world.op1)
    assert (operator.locked, operator.nextSequence) == (300 * UNIT, 1)
    after = world.escrow.reservationOf(world.alice, world.op1)
    assert (after.reserved, after.redeemed) == (reserved.reserved - 21 * CENT, 21 * CENT)
    assert (after.thawing, after.thawsAt) == (0, 0)
    buckets = world.assert_solvent()
    assert buckets.fees == {world.id_of(batch): 21 * CENT}
    assert (buckets.stake, buckets.reserve, buckets.balances) == (
        before.stake,
        before.reserve,
        before.balances,
    )


@pytest.mark.parametrize(
    ("wished_hours", "hours"),
    [(0, 80), (79, 80), (80, 80), (81, 81), (119, 119), (120, 120), (121, 120), (10**6, 120)],
)
def test_commit__when_model_wishes_a_window__clamped_to_the_set(
    world: World, wished_hours: int, hours: int
) -> None:
    world.operator_ready()
    world.payer_ready()
    batch = world.batch(world.op1, world.register_model(challenge_window=wished_hours * 3_600))
    tx = world.commit(batch)
    assert world.state_of(batch).windowEndsAt == tx.timestamp + hours * 3_600


@pytest.mark.parametrize(
    ("count", "stake", "locked"),
    [
        (1, UNIT, 150 * UNIT),
        (3, 50 * UNIT - 1, 150 * UNIT),
        (3, 50 * UNIT, 150 * UNIT),
        (3, 50 * UNIT + 1, 150 * UNIT + 3),
        (7, 1_000 * UNIT, 7_000 * UNIT),
    ],
)
def test_commit__when_stake_is_small_or_large__locks_at_least_the_minimum(
    world: World, model: ModelId, count: int, stake: int, locked: int
) -> None:
    """C10: even one receipt is worth challenging."""
    world.commit(world.batch(world.op1, model, count=count, stake=stake))
    assert world.operators.stateOf(world.op1).locked == locked
    world.assert_solvent()


def test_commit__when_several_payers__each_pays_its_own(world: World, model: ModelId) -> None:
    world.payer_ready(world.bob)
    receipts = [world.receipt(world.op1, model, payer=p) for p in (world.alice, world.bob, world.bob)]
    world.commit(world.batch(world.op1, receipts=receipts))
    assert world.escrow.reservationOf(world.alice, world.op1).redeemed == CENT
    assert world.escrow.reservationOf(world.bob, world.op1).redeemed == 2 * CENT
    world.assert_solvent()


def test_commit__when_a_payer_has_two_claims__its_vouchers_cover_both(world: World, model: ModelId) -> None:
    world.payer_ready(world.bob)
    payers = (world.alice, world.bob, world.alice)
    batch = world.batch(world.op1, receipts=[world.receipt(world.op1, model, payer=p) for p in payers])
    assert [claim.payer for claim in batch.claims] == [payer.address for payer in payers]
    too_little = [world.voucher(payer, world.op1, CENT) for payer in payers]
    expected = Revert("Escrow_VoucherExhausted", world.alice, world.op1, CENT, 2 * CENT)
    refuse(world, expected, batch, too_little)
    world.commit(batch)
    assert world.escrow.reservationOf(world.alice, world.op1).redeemed == 2 * CENT


def test_commit__when_a_claim_has_no_receipts__costs_nothing(world: World, model: ModelId) -> None:
    receipts = [world.receipt(world.op1, model)]
    claims = [Claim(payer=world.bob.address, receipts=0), Claim(payer=world.alice.address, receipts=1)]
    world.commit(world.batch(world.op1, receipts=receipts, claims=claims))
    assert world.escrow.reservationOf(world.bob, world.op1).redeemed == 0
    world.assert_solvent()


def test_commit__when_fee_is_zero__needs_signatures_all_the_same(world: World, model: ModelId) -> None:
    """E7: a free inference is settled like any other."""
    batch = world.batch(world.op1, model, payer=world.bob, fee=0)
    unsigned = [VoucherSignature(cumulative=0, signature=b"")]
    refuse(world, Revert("Escrow_WrongSigner", world.bob, "0x" + "00" * 20), batch, unsigned)
    world.commit(batch)
    assert world.assert_solvent().fees == {world.id_of(batch): 0}


def test_commit__when_voucher_is_worth_more__draws_what_is_owed(world: World, model: ModelId) -> None:
    batch = world.batch(world.op1, model)
    world.commit(batch, [world.voucher(world.alice, world.op1, 50 * UNIT)])
    assert world.escrow.reservationOf(world.alice, world.op1).redeemed == 3 * CENT


def test_commit__when_one_voucher_covers_two_batches__works_until_it_is_used_up(
    world: World, model: ModelId
) -> None:
    """E4: a voucher drawn on again gives what is left of it, then nothing."""
    voucher = [world.voucher(world.alice, world.op1, 6 * CENT)]
    for _ in range(2):
        world.commit(world.batch(world.op1, model), voucher)
    batch = world.batch(world.op1, model)
    refuse(
        world, Revert("Escrow_VoucherExhausted", world.alice, world.op1, 6 * CENT, 9 * CENT), batch, voucher
    )


# ---- The header -----------------------------------------------------------------------------------------


def test_commit__when_a_field_of_the_header_is_wrong__typed_error(world: World, model: ModelId) -> None:
    batch = world.batch(world.op1, model)
    least = world.params.min_stake_per_inference
    wrong = variants(batch.header, stake=least - 1, operator=world.op2.address)
    expected = {
        "operator": Revert("Settlement_NotOperator", world.op2, world.op1),
        "model_id": Revert("Models_Unknown", wrong["model_id"].model_id),
        "count": Revert("Settlement_BadClaims", 3, 4),
        "fee": Revert("Escrow_VoucherExhausted", world.alice, world.op1, 3 * CENT, 3 * CENT + 3),
        "stake": Revert("Settlement_StakeTooSmall", least - 1, least),
        "claims_hash": Revert("Settlement_ClaimsMismatch", batch.header.claims_hash),
        "param_set": Revert("Parameters_SetNotInForce", 2, 1),
        "sequence": Revert("Operators_WrongSequence", 1, 0),
    }
    # Any root is the operator's own statement: what is wrong with its leaves is for a challenge.
    assert set(wrong) == {*expected, "root"}
    vouchers = world.vouchers(batch)
    for field, revert in expected.items():
        refuse(world, revert, replace(batch, header=wrong[field]), vouchers)
    world.commit(replace(batch, header=wrong["root"]))
    assert world.state_of(batch).status == BatchStatus.NULL


def test_commit__when_caller_is_not_the_operator__reverts(world: World, model: ModelId) -> None:
    """F3: a batch can only be committed by who answers for it."""
    world.operator_ready(world.op2)
    batch = world.batch(world.op1, model)
    for sender in (world.op2, world.alice, world.signer_of(world.op1)):
        args = (batch.header, batch.claims, world.vouchers(batch))
        expected = Revert("Settlement_NotOperator", world.op1, sender)
        refused(world, expected, world.settlement.commit, *args, sender=sender)


def test_commit__when_empty__reverts(world: World, model: ModelId) -> None:
    """E5: a batch has at least one leaf."""
    batch = world.batch(world.op1, model)
    empty = replace(batch, header=replace(batch.header, count=0, claims_hash=claims_hash(())), claims=())
    refuse(world, Revert("Settlement_EmptyBatch"), empty, [])


def test_commit__when_count_is_above_the_set__reverts(world: World, model: ModelId) -> None:
    most = world.params.max_batch_count
    claims = (Claim(payer=world.alice.address, receipts=most + 1),)
    header = replace(
        world.batch(world.op1, model).header, count=most + 1, claims_hash=claims_hash(claims), fee=0
    )
    batch = replace(world.batch(world.op1, model), header=header, claims=claims)
    refuse(world, Revert("Settlement_TooManyReceipts", most + 1, most), batch)
    claims = (Claim(payer=world.alice.address, receipts=most),)
    batch = replace(batch, header=replace(header, count=most, claims_hash=claims_hash(claims)), claims=claims)
    world.commit(batch)


def test_commit__when_committed_before__reverts(world: World, model: ModelId) -> None:
    """D13: the same batch twice."""
    batch = world.batch(world.op1, model)
    world.commit(batch)
    refuse(world, Revert("Settlement_AlreadyCommitted", world.id_of(batch)), batch)


@pytest.mark.parametrize("number", [0, 2, 3, 2**32 - 1])
def test_commit__when_set_is_none_or_not_yet__reverts(world: World, model: ModelId, number: int) -> None:
    batch = world.batch(world.op1, model, param_set=number)
    refuse(world, Revert("Parameters_SetNotInForce", number, 1), batch)


def test_commit__when_set_was_replaced__taken_until_delay_and_grace_are_over(
    world: World, model: ModelId
) -> None:
    """D1, D6, B8: what was served under the old set can still be committed under it, and then no more."""
    batch = world.batch(world.op1, model)
    tx = world.govern(world.parameters.add, replace(world.params, min_batch_stake=200 * UNIT))
    end = tx.timestamp + world.params.max_commit_delay + world.params.grace
    args = (batch.header, batch.claims, world.vouchers(batch))
    late = Revert("Parameters_SetNotInForce", 1, 2)

    def check(at: int, offset: int) -> None:
        revert = world.settlement.commit.revert(*args, sender=world.op1, at=at)
        assert revert == (None if offset < 0 else late)

    around(end, check)
    world.commit(batch, at=end - 1)
    assert world.operators.stateOf(world.op1).locked == 150 * UNIT
    new = world.batch(world.op1, model)
    assert new.header.param_set == 2
    world.commit(new)
    assert world.operators.stateOf(world.op1).locked == 350 * UNIT


def test_commit__when_commitments_are_closed__reverts(world: World, model: ModelId) -> None:
    """F7: the guardian stops what is new."""
    world.parameters.closeCommitments(sender=world.guardian)
    refuse(world, Revert("Parameters_CommitmentsClosed"), world.batch(world.op1, model))
    world.govern(world.parameters.openCommitments)
    world.commit(world.batch(world.op1, model))


# ---- The model ------------------------------------------------------------------------------------------


def test_commit__when_model_is_deprecated__until_it_takes_effect(world: World, model: ModelId) -> None:
    """D1, B8: what was served before the deprecation can still be committed."""
    tx = world.models.deprecate(model, sender=world.provider)
    end = tx.timestamp + world.params.max_commit_delay + world.params.grace
    batch = world.batch(world.op1, model)
    args = (batch.header, batch.claims, world.vouchers(batch))

    def check(at: int, offset: int) -> None:
        revert = world.settlement.commit.revert(*args, sender=world.op1, at=at)
        assert revert == (None if offset < 0 else Revert("Models_Deprecated", model, end))

    around(end, check)


@pytest.mark.parametrize(
    ("input_bytes", "depth_budget", "expected"),
    [
        (64 * 1024, 12, None),
        (64 * 1024, 13, Revert("Settlement_ModelTooDeep", 21, 20)),
        (64 * 1024 + 1, 1, Revert("Settlement_InputTooLarge", 72 * 1024, 64 * 1024)),
        (96 * 1024, 1, Revert("Settlement_InputTooLarge", 96 * 1024, 64 * 1024)),
        (1, 19, None),
        (8 * 1024, 19, None),
        (8 * 1024 + 1, 19, Revert("Settlement_ModelTooDeep", 21, 20)),
        (1, 255, Revert("Settlement_ModelTooDeep", 256, 20)),
    ],
)
def test_commit__when_model_is_large__a_dispute_must_fit_the_set(
    world: World, input_bytes: int, depth_budget: int, expected: Revert | None
) -> None:
    """G5: demands cannot run out before the deepest step is reached."""
    world.operator_ready()
    world.payer_ready()
    model = world.register_model(input_bytes=input_bytes, trace_bytes=10**6, depth_budget=depth_budget)
    batch = world.batch(world.op1, model)
    if expected is None:
        world.commit(batch)
    else:
        refuse(world, expected, batch)


# ---- The operator ---------------------------------------------------------------------------------------


def test_commit__when_operator_is_unknown__reverts(world: World) -> None:
    world.payer_ready()
    model = world.register_model()
    refuse(world, Revert("Operators_NotRegistered", world.op1), world.batch(world.op1, model))


def test_commit__when_stake_is_short_by_one__reverts(world: World) -> None:
    """B15: a lock takes only stake that backs nothing else."""
    model = world.register_model()
    world.operator_ready(stake=450 * UNIT - 1)
    world.payer_ready()
    world.commit(world.batch(world.op1, model, stake=100 * UNIT))
    batch = world.batch(world.op1, model)
    refuse(world, Revert("Operators_InsufficientStake", 150 * UNIT, 150 * UNIT - 1), batch)
    world.operators.stake(1, sender=world.op1)
    world.commit(batch)
    assert world.operators.availableOf(world.op1) == 0
    world.assert_solvent()


def test_commit__when_stake_is_leaving__backs_nothing(world: World, model: ModelId) -> None:
    """B3: also when it may leave at once."""
    world.operators.requestUnbond(10_000 * UNIT - 149 * UNIT, sender=world.op1)
    batch = world.batch(world.op1, model)
    expected = Revert("Operators_InsufficientStake", 150 * UNIT, 149 * UNIT)
    refuse(world, expected, batch)
    world.forward(world.params.unbonding_delay + 1)
    refuse(world, expected, batch)


def test_commit__when_reserve_is_not_full__reverts(world: World) -> None:
    """B14: omissions must be payable."""
    model = world.register_model()
    world.operator_ready(reserve=1_000 * UNIT - 1)
    world.payer_ready()
    batch = world.batch(world.op1, model)
    refuse(world, Revert("Operators_ReserveNotFull", 1_000 * UNIT - 1, 1_000 * UNIT), batch)
    world.operators.fundReserve(1, sender=world.op1)
    world.commit(batch)


def test_commit__when_reserve_is_leaving__reverts(world: World, model: ModelId) -> None:
    """B14."""
    tx = world.operators.requestReserveExit(sender=world.op1)
    batch = world.batch(world.op1, model)
    refuse(world, Revert("Operators_ReserveLeaving", tx.event("ReserveExitRequested").exitAt), batch)


def test_commit__when_jailed__reverts_until_it_is_over(world: World, model: ModelId) -> None:
    """D1."""
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    world.convict(bad)
    until = world.operators.stateOf(world.op1).jailedUntil
    batch = world.batch(world.op1, model)
    args = (batch.header, batch.claims, world.vouchers(batch))
    refuse(world, Revert("Operators_Jailed", world.op1, until), batch)

    def check(at: int, offset: int) -> None:
        revert = world.settlement.commit.revert(*args, sender=world.op1, at=at)
        assert revert == (Revert("Operators_Jailed", world.op1, until) if offset < 0 else None)

    around(until, check)


def test_commit__when_sequence_is_another__reverts(world: World, model: ModelId) -> None:
    world.commit(world.batch(world.op1, model))
    for sequence in (0, 2, 2**64 - 1):
        batch = world.batch(world.op1, model, sequence=sequence)
        refuse(world, Revert("Operators_WrongSequence", sequence, 1), batch)


# ---- What it costs --------------------------------------------------------------------------------------


def test_commit__when_the_batch_is_larger__costs_the_same(world: World, model: ModelId) -> None:
    """E6: one more inference costs nothing on chain, one more payer a bounded amount."""
    world.payer_ready(world.bob)
    receipt = world.receipt(world.op1, model)

    def gas(count: int, *, payers: int = 1) -> int:
        receipts = [replace(receipt, request_id=keccak256(b"%d %d" % (count, i))) for i in range(count)]
        if payers == 2:
            receipts[-1] = replace(receipts[-1], payer=world.bob.address)
        return world.commit(world.batch(world.op1, receipts=receipts)).gas_used

    for payers in (1, 2):
        gas(2, payers=payers)
    one, many, two_payers = gas(1), gas(1_000), gas(1_000, payers=2)
    # Calldata differs by its zero bytes only.
    assert abs(many - one) < 500
    assert 0 < two_payers - many <= 45_000


def test_commit__when_there_were_many_before__costs_the_same(world: World, model: ModelId) -> None:
    """D7: nothing loops over batches."""
    costs = [world.commit(world.batch(world.op1, model)).gas_used for _ in range(12)]
    assert max(costs[1:]) - min(costs[1:]) < 500
