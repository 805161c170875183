"""Settlement.finalize: when money becomes somebody's, and how it is split.

finalize
├── when the window is over and no challenge is open
│   ├── the batch is final, operator, model and treasury are paid, the lock leaves
│   ├── shares add up to the fees, dust to the operator
│   └── old terms for old batches, whatever changed since
├── when one of several cannot become final      the others do, FinalizeSkipped says why
└── when none can                                NothingFinalized with the first reason
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from onus.protocol import Batch, BatchStatus, ModelId
from onus.protocol.ids import account_of, royalty_account_of
from tests.support.blocks import one_block
from tests.support.chain import Revert, Tx
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused, variants
from tests.support.world import CENT, World


@pytest.fixture
def model(world: World) -> ModelId:
    return world.ready()


def reason_of(world: World, data: bytes) -> Revert:
    """An encoded error inside an error or event."""
    return world.chain.codec.revert(data)


def why_not(world: World, *batches: Batch, at: int | None = None) -> Revert | None:
    """The first reason why none of the batches can become final; None if one can."""
    headers = [batch.header for batch in batches]
    revert = world.settlement.finalize.revert(headers, sender=world.stranger, at=at)
    if revert is None:
        return None
    assert revert.name == "Settlement_NothingFinalized"
    return reason_of(world, revert.args[0])


def refuse(world: World, expected: Revert, *batches: Batch, at: int | None = None) -> None:
    data = world.settlement.finalize.revert([b.header for b in batches], sender=world.stranger, at=at).args[0]
    assert reason_of(world, data) == expected
    whole = Revert("Settlement_NothingFinalized", data)
    headers = [batch.header for batch in batches]
    refused(world, whole, world.settlement.finalize, headers, sender=world.stranger, at=at)


# ---- Success --------------------------------------------------------------------------------------------


def test_finalize__when_window_is_over__pays_everybody_and_unlocks(world: World, model: ModelId) -> None:
    """E1: fees leave at finality."""
    batch = world.batch(world.op1, model, count=3, fee=101)
    world.commit(batch)
    window_end = world.past_window(batch)
    held = world.token.balanceOf(world.escrow)
    assert world.settlement.finalize.call([batch.header], sender=world.stranger) == 1

    tx = world.finalize(batch)

    fees, protocol, royalty = 303, 303 * 200 // 10_000, 303 * 1_000 // 10_000
    operator = fees - protocol - royalty
    final = tx.event("BatchFinal")
    assert (final.id, final.operator) == (world.id_of(batch), world.op1.address)
    assert (final.operatorFee, final.royalty, final.protocolFee) == (operator, royalty, protocol)
    assert [(e.account, e.amount) for e in tx.events("Credited")] == [
        (account_of(world.op1.address), operator),
        (royalty_account_of(model), royalty),
        (account_of(world.treasury.address), protocol),
    ]
    assert [event.name for event in tx.logs] == ["BatchFinal"] + ["Credited"] * 3
    state = world.state_of(batch)
    assert (state.status, state.endedAt, state.windowEndsAt) == (BatchStatus.FINAL, tx.timestamp, window_end)
    assert world.free(world.op1) == operator
    assert world.escrow.balanceOf(royalty_account_of(model)) == royalty
    assert world.free(world.treasury) == protocol
    assert world.free(world.alice) == world.free(world.provider) == world.free(world.stranger) == 0
    assert world.operators.stateOf(world.op1).locked == 0
    assert world.token.balanceOf(world.escrow) == held
    world.assert_solvent()


def test_finalize__around_the_end_of_the_window(world: World, model: ModelId) -> None:
    """D1: a challenge or finality, never both, never neither."""
    batch = world.batch(world.op1, model)
    world.commit(batch)
    end = world.state_of(batch).windowEndsAt
    world.escrow.deposit(world.watcher1, 100 * UNIT, sender=world.watcher1)
    seal = world.sealed(batch).key.seal

    def check(at: int, offset: int) -> None:
        closed = world.disputes.challenge.revert(batch.header, seal, sender=world.watcher1, at=at)
        waiting = why_not(world, batch, at=at)
        if offset < 0:
            assert closed is None
            assert waiting == Revert("Settlement_WindowOpen", world.id_of(batch), end)
        else:
            assert closed == Revert("Settlement_WindowClosed", world.id_of(batch), end)
            assert waiting is None

    around(end, check)


def test_finalize__when_window_is_open__reverts(world: World, model: ModelId) -> None:
    """E1: nothing is paid before finality."""
    batch = world.batch(world.op1, model)
    world.commit(batch)
    end = world.state_of(batch).windowEndsAt
    for at in (world.now + 1, end - 1):
        refuse(world, Revert("Settlement_WindowOpen", world.id_of(batch), end), batch, at=at)
    # Nobody's balance can be withdrawn either.
    for someone in (world.op1, world.provider, world.treasury, world.alice):
        revert = world.escrow.withdraw.revert(someone, 1, sender=someone)
        assert revert == Revert("Escrow_InsufficientBalance", account_of(someone.address), 0, 1)


def test_finalize__when_committed_challenged_and_finalized_in_one_block__impossible(
    world: World, model: ModelId
) -> None:
    """D9."""
    batch = world.batch(world.op1, model)
    world.escrow.deposit(world.watcher1, 100 * UNIT, sender=world.watcher1)
    vouchers = world.vouchers(batch)
    outcome = one_block(
        world.chain,
        (world.settlement.commit, (batch.header, batch.claims, vouchers), world.op1),
        (world.disputes.challenge, (batch.header, world.sealed(batch).key.seal), world.watcher1),
        (world.settlement.finalize, ([batch.header],), world.stranger),
    )
    assert isinstance(outcome[0], Tx) and isinstance(outcome[1], Tx)
    assert outcome[2].name == "Settlement_NothingFinalized"
    assert reason_of(world, outcome[2].args[0]).name == "Settlement_WindowOpen"


@pytest.mark.parametrize(
    ("fee", "count", "royalty_bps", "operator", "royalty", "protocol"),
    [
        (0, 3, 1_000, 0, 0, 0),
        (1, 1, 5_000, 1, 0, 0),
        (1, 49, 0, 49, 0, 0),
        (1, 50, 0, 49, 0, 1),
        (99, 1, 5_000, 49, 49, 1),
        (100, 1, 5_000, 48, 50, 2),
        (101, 3, 3_333, 197, 100, 6),
        (10**18 + 1, 1, 0, 980_000_000_000_000_001, 0, 20_000_000_000_000_000),
        (2**80, 2, 5_000, None, None, None),
    ],
)
def test_finalize__whatever_the_fee__shares_add_up(
    world: World,
    fee: int,
    count: int,
    royalty_bps: int,
    operator: int | None,
    royalty: int | None,
    protocol: int | None,
) -> None:
    """E7: dust goes to the operator; zero fee and zero royalty work."""
    fees = fee * count
    if operator is None:
        royalty, protocol = fees // 2, fees * 200 // 10_000
        operator = fees - royalty - protocol
    assert operator + royalty + protocol == fees
    world.token.mint(world.alice, fees, sender=world.deployer)
    world.operator_ready()
    world.payer_ready(amount=max(fees, 1))
    model = world.register_model(royalty_bps=royalty_bps)
    batch = world.batch(world.op1, model, count=count, fee=fee)
    world.commit(batch)
    world.past_window(batch)
    tx = world.finalize(batch)
    final = tx.event("BatchFinal")
    assert (final.operatorFee, final.royalty, final.protocolFee) == (operator, royalty, protocol)
    assert sum(event.amount for event in tx.events("Credited")) == fees
    assert all(event.amount for event in tx.events("Credited"))
    world.assert_solvent()


def test_finalize__when_anyone_calls__same_receivers(world: World, model: ModelId) -> None:
    """D14: nobody can redirect what was earned."""
    batch = world.batch(world.op1, model, fee=UNIT)
    world.commit(batch)
    world.past_window(batch)
    for caller in (world.stranger, world.alice, world.watcher1, world.op2, world.op1):
        snapshot = world.mark()
        world.finalize(batch, sender=caller)
        assert world.free(world.op1) == 3 * UNIT * 88 // 100
        if caller is not world.op1:
            assert world.free(caller) == 0
        world.back_to(snapshot)


def test_finalize__when_a_challenge_was_lost__is_final(world: World, model: ModelId) -> None:
    """C1: finality comes no later than the window and one challenger's time."""
    batch = world.batch(world.op1, model)
    world.commit(batch)
    end = world.state_of(batch).windowEndsAt
    sealed = world.challenge(batch, at=end - 1)
    deadline = end - 1 + world.params.challenger_time
    refuse(world, Revert("Settlement_Challenged", world.id_of(batch), 1), batch, at=deadline)
    world.disputes.timeout(batch.header, sealed.key, sender=world.stranger)
    world.finalize(batch)
    assert world.state_of(batch).status == BatchStatus.FINAL
    world.assert_solvent()


def test_finalize__when_several__in_any_order_the_same(world: World, model: ModelId) -> None:
    batches = [world.batch(world.op1, model, fee=fee, sequence=i) for i, fee in enumerate((10, 20, 30))]
    for batch in batches:
        world.commit(batch)
    world.past_window(*batches)
    totals = set()
    for order in itertools.permutations(batches):
        snapshot = world.mark()
        assert world.settlement.finalize.call([b.header for b in order], sender=world.stranger) == 3
        tx = world.finalize(*order)
        assert [event.id for event in tx.events("BatchFinal")] == [world.id_of(batch) for batch in order]
        totals.add(
            (world.free(world.op1), world.free(world.treasury), world.operators.stateOf(world.op1).locked)
        )
        world.back_to(snapshot)
    assert totals == {(160, 2, 0)}


# ---- Lists ----------------------------------------------------------------------------------------------


def test_finalize__when_one_is_bad__the_others_become_final(world: World, model: ModelId) -> None:
    """D8: unknown, open, challenged, faulty, already final, and the same one twice in a list."""
    world.operator_ready(world.op2)
    world.escrow.deposit(world.alice, 100 * UNIT, sender=world.alice)
    world.escrow.reserve(world.op2, 100 * UNIT, sender=world.alice)
    final, good, challenged = (world.batch(world.op1, model, sequence=i) for i in range(3))
    for batch in (final, good, challenged):
        world.commit(batch)
    faulty = world.faulty_batch(world.op2, model)
    world.commit(faulty)
    world.convict(faulty)
    end = world.state_of(challenged).windowEndsAt
    world.challenge(challenged, at=end - 1)
    fresh = world.batch(world.op1, model)
    world.commit(fresh)
    unknown = replace(good, header=replace(good.header, sequence=99))
    world.time_to(end)
    world.finalize(final)

    headers = [unknown, fresh, challenged, faulty, final, good, good]
    assert world.settlement.finalize.call([b.header for b in headers], sender=world.stranger) == 1
    tx = world.finalize(*headers)

    assert [event.id for event in tx.events("BatchFinal")] == [world.id_of(good)]
    skipped = [(e.id, reason_of(world, e.reason)) for e in tx.events("FinalizeSkipped")]
    ids = {each: world.id_of(each) for each in (fresh, challenged)}
    assert skipped == [
        (world.id_of(unknown), Revert("Settlement_WrongStatus", world.id_of(unknown), BatchStatus.NULL)),
        (ids[fresh], Revert("Settlement_WindowOpen", ids[fresh], world.state_of(fresh).windowEndsAt)),
        (ids[challenged], Revert("Settlement_Challenged", ids[challenged], 1)),
        (world.id_of(faulty), Revert("Settlement_WrongStatus", world.id_of(faulty), BatchStatus.FAULTY)),
        (world.id_of(final), Revert("Settlement_WrongStatus", world.id_of(final), BatchStatus.FINAL)),
        (world.id_of(good), Revert("Settlement_WrongStatus", world.id_of(good), BatchStatus.FINAL)),
    ]
    world.assert_solvent()


def test_finalize__when_all_are_bad__reverts_with_the_first_reason(world: World, model: ModelId) -> None:
    batch = world.batch(world.op1, model)
    world.commit(batch)
    unknown = replace(batch, header=replace(batch.header, sequence=99))
    end = world.state_of(batch).windowEndsAt
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(unknown), BatchStatus.NULL), unknown, batch)
    refuse(world, Revert("Settlement_WindowOpen", world.id_of(batch), end), batch, unknown)


def test_finalize__when_list_is_empty__reverts(world: World) -> None:
    """F5."""
    expected = Revert("Settlement_NothingFinalized", b"")
    refused(world, expected, world.settlement.finalize, [], sender=world.stranger)


def test_finalize__when_a_field_of_the_header_is_wrong__is_another_batch(
    world: World, model: ModelId
) -> None:
    """D10."""
    batch = world.batch(world.op1, model)
    world.commit(batch)
    world.past_window(batch)
    for header in variants(batch.header, operator=world.op2.address).values():
        other = replace(batch, header=header)
        expected = Revert("Settlement_WrongStatus", world.id_of(other), BatchStatus.NULL)
        assert why_not(world, other) == expected
    refuse(world, expected, other)


def test_finalize__twice__reverts(world: World, model: ModelId) -> None:
    """D13, E1: nothing is paid twice."""
    batch = world.batch(world.op1, model)
    world.commit(batch)
    world.past_window(batch)
    world.finalize(batch)
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(batch), BatchStatus.FINAL), batch)


# ---- What changed since the commit ----------------------------------------------------------------------


def test_finalize__when_set_changed__follows_the_batchs(world: World, model: ModelId) -> None:
    """B8, D6: fee share and lock of the batch's own set."""
    batch = world.batch(world.op1, model, fee=UNIT)
    world.commit(batch)
    changed = replace(world.params, protocol_fee_bps=5_000, min_batch_stake=900 * UNIT, reward_bps=1_000)
    world.govern(world.parameters.add, changed)
    world.past_window(batch)
    tx = world.finalize(batch)
    assert tx.event("BatchFinal").protocolFee == 6 * CENT
    assert world.operators.stateOf(world.op1).locked == 0
    world.assert_solvent()


def test_finalize__when_model_is_deprecated_and_commitments_closed__pays_all_the_same(
    world: World, model: ModelId
) -> None:
    """B8, F7: what was committed is paid."""
    batch = world.batch(world.op1, model, fee=UNIT)
    world.commit(batch)
    world.models.deprecate(model, sender=world.provider)
    world.parameters.closeCommitments(sender=world.guardian)
    world.govern(world.models.disallowVerifier, world.verifier)
    world.past_window(batch)
    assert world.finalize(batch).event("BatchFinal").royalty == 30 * CENT


def test_finalize__when_operator_is_jailed_or_left__pays_all_the_same(world: World, model: ModelId) -> None:
    good, bad = world.batch(world.op1, model), world.faulty_batch(world.op1, model, sequence=1)
    bad = replace(bad, header=replace(bad.header, sequence=1))
    world.commit(good)
    world.commit(bad)
    world.convict(bad)
    stake = world.operators.stateOf(world.op1).stake
    world.operators.requestUnbond(stake, sender=world.op1)
    world.past_window(good)
    world.finalize(good)
    assert world.operators.stateOf(world.op1).locked == 0
    assert world.free(world.op1) > 0
    world.assert_solvent()


def test_finalize__when_one_address_has_every_role__its_accounts_stay_separate(world: World) -> None:
    """E11: operator, payer, provider and royalty receiver in one."""
    world.operator_ready()
    world.payer_ready(world.op1)
    model = world.register_model(by=world.op1, royalty_receiver=world.op1.address)
    batch = world.batch(world.op1, model, payer=world.op1, fee=UNIT)
    world.commit(batch)
    world.past_window(batch)
    before = world.buckets()
    world.finalize(batch)
    assert world.free(world.op1) == 3 * UNIT * 88 // 100
    assert world.escrow.balanceOf(royalty_account_of(model)) == 30 * CENT
    after = world.assert_solvent()
    assert (after.stake, after.reserve, after.reservations) == (
        before.stake,
        before.reserve,
        before.reservations,
    )


def test_finalize__when_other_batches_are_open__frees_only_its_lock(world: World, model: ModelId) -> None:
    """B15: each lock leaves with its batch."""
    first = world.batch(world.op1, model, stake=100 * UNIT)
    world.commit(first)
    world.forward(3_600)
    second = world.batch(world.op1, model, stake=60 * UNIT)
    world.commit(second)
    world.past_window(first)
    world.finalize(first)
    assert world.operators.stateOf(world.op1).locked == 180 * UNIT
    world.assert_solvent()


def test_finalize__when_many_are_listed__costs_the_same_each(world: World, model: ModelId) -> None:
    """D7: nothing loops over anything but the list."""
    batches = [world.batch(world.op1, model, sequence=i) for i in range(9)]
    for batch in batches:
        world.commit(batch)
    world.past_window(*batches)
    world.finalize(batches[0])
    one = world.finalize(batches[1]).gas_used
    seven = world.finalize(*batches[2:]).gas_used
    assert seven < 7 * one
