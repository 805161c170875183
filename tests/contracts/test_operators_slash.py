"""Operators: locks, slashes, jail and ban, as the peers call them and through whole verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest

from onus.protocol import BANNED, preset
from onus.protocol.ids import BURNED
from tests.support.chain import Revert, Tx
from tests.support.deployment import UNIT
from tests.support.world import World

STAKE = 10_000
PANIC = Revert("Panic", 0x11)


def lock(world: World, amount: int, *, reserve: int = 0) -> Tx:
    """As Settlement does at a commit."""
    sequence = world.operators.stateOf(world.op1).nextSequence
    return world.operators.lock(world.op1, amount, reserve, sequence, sender=world.settlement)


def slash(world: World, amount: int, *, jail: int = 0, faults_to_ban: int = 255, at: int | None = None) -> Tx:
    """As Disputes does at a verdict."""
    return world.operators.slash(world.op1, amount, jail, faults_to_ban, sender=world.disputes, at=at)


def amounts(world: World) -> tuple[int, int, int]:
    state = world.operators.stateOf(world.op1)
    return state.stake, state.locked, state.unbonding


# ---- lock ------------------------------------------------------------------------------------------------


def test_lock__of_available_stake__locks_and_counts(world: World) -> None:
    world.operator_ready(stake=STAKE)
    lock(world, 4_000)
    state = world.operators.stateOf(world.op1)
    assert (state.locked, state.nextSequence) == (4_000, 1)
    assert world.operators.availableOf(world.op1) == 6_000


def test_lock__above_what_is_free__reverts(world: World) -> None:
    """B15: neither locked nor unbonding stake backs another result. A10: at any size."""
    world.operator_ready(stake=STAKE)
    lock(world, 4_000)
    world.operators.requestUnbond(5_000, sender=world.op1)
    revert = world.operators.lock.revert
    for amount in (1_001, STAKE, 2**96, 2**160, 2**256 - 1):
        assert revert(world.op1, amount, 0, 1, sender=world.settlement) == Revert(
            "Operators_InsufficientStake", amount, 1_000
        )
    assert revert(world.op1, 1_000, 0, 1, sender=world.settlement) is None
    # Unbonding may reach into what is locked; available is then 0, not below.
    world.operators.requestUnbond(5_000, sender=world.op1)
    assert world.operators.availableOf(world.op1) == 0
    assert revert(world.op1, 1, 0, 1, sender=world.settlement) == Revert("Operators_InsufficientStake", 1, 0)


def test_lock__with_another_sequence__reverts(world: World) -> None:
    world.operator_ready(stake=STAKE)
    lock(world, 1)
    for sequence in (0, 2, 2**64 - 1):
        assert world.operators.lock.revert(world.op1, 1, 0, sequence, sender=world.settlement) == Revert(
            "Operators_WrongSequence", sequence, 1
        )


def test_lock_unlock_slash_pay_penalty__by_others__reverts(world: World) -> None:
    """F2: each has one caller."""
    world.operator_ready(stake=STAKE)
    operators = world.operators
    for caller in (world.stranger, world.op1, world.council, world.disputes, world.escrow, world.operators):
        refused = Revert("Operators_OnlySettlement", caller)
        assert operators.lock.revert(world.op1, 1, 0, 0, sender=caller) == refused
        assert operators.unlock.revert(world.op1, 1, sender=caller) == refused
        assert operators.payPenalty.revert(1, sender=caller) == refused
    for caller in (world.stranger, world.op1, world.council, world.settlement, world.escrow, world.operators):
        assert operators.slash.revert(world.op1, 1, 0, 1, sender=caller) == Revert(
            "Operators_OnlyDisputes", caller
        )


# ---- unlock ----------------------------------------------------------------------------------------------


def test_unlock__of_a_lock__frees_it(world: World) -> None:
    world.operator_ready(stake=STAKE)
    lock(world, 4_000)
    world.operators.unlock(world.op1, 1_500, sender=world.settlement)
    assert amounts(world) == (STAKE, 2_500, 0)


def test_unlock__more_than_is_locked__reverts(world: World) -> None:
    """B16: locks are exact; a broken invariant stops instead of wrapping."""
    world.operator_ready(stake=STAKE)
    lock(world, 4_000)
    assert world.operators.unlock.revert(world.op1, 4_001, sender=world.settlement) == PANIC


# ---- slash -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stake", [1, 2, 99, 10**18 + 1, 2**96 - 1])
def test_slash__of_one_wei__exactly_one_leaves(world: World, stake: int) -> None:
    """A3"""
    world.token.mint(world.op1, 2**96, sender=world.op1)
    world.operator_ready(stake=stake)
    lock(world, 1)
    event = slash(world, 1).event("Slashed")
    assert (event.operator, event.amount) == (world.op1.address, 1)
    assert amounts(world) == (stake - 1, 0, 0)


def test_slash__more_than_is_locked__reverts(world: World) -> None:
    """B10, B16: cannot happen, because stake never falls below the locks; if it did, nothing would wrap."""
    world.operator_ready(stake=STAKE)
    lock(world, 10)
    assert world.operators.slash.revert(world.op1, 11, 0, 1, sender=world.disputes) == PANIC
    assert world.operators.slash.revert(world.op1, 2**256 - 1, 0, 1, sender=world.disputes) is not None


def test_slash__with_part_unbonding__active_stake_goes_first(world: World) -> None:
    """A7: unbonding shrinks only when nothing else is left, and the last exit pays what remains."""
    world.operator_ready(stake=STAKE)
    lock(world, 9_000)
    world.operators.requestUnbond(6_000, sender=world.op1)
    slash(world, 3_000)
    assert amounts(world) == (7_000, 6_000, 6_000)
    slash(world, 3_000)
    assert amounts(world) == (4_000, 3_000, 4_000)
    exit_at = world.operators.stateOf(world.op1).exitAt
    assert exit_at != 0
    world.time_to(exit_at)
    assert world.operators.withdraw(world.op1, sender=world.op1).event("Withdrawn").amount == 1_000
    world.operators.unlock(world.op1, 3_000, sender=world.settlement)
    assert world.operators.withdraw(world.op1, sender=world.op1).event("Withdrawn").amount == 3_000
    assert amounts(world) == (0, 0, 0)


def test_slash__that_takes_all_that_was_unbonding__the_request_is_gone(world: World) -> None:
    """A9: counters are right and a new exit starts from nothing."""
    world.operator_ready(stake=STAKE)
    lock(world, STAKE)
    world.operators.requestUnbond(STAKE, sender=world.op1)
    slash(world, STAKE)
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.locked, state.unbonding, state.exitAt) == (0, 0, 0, 0)
    nothing = Revert("Operators_NothingUnbonding", world.op1)
    assert world.operators.withdraw.revert(world.op1, sender=world.op1) == nothing
    assert world.operators.cancelUnbond.revert(sender=world.op1) == nothing
    world.operators.stake(5, sender=world.op1)
    tx = world.operators.requestUnbond(5, sender=world.op1)
    assert world.operators.stateOf(world.op1).exitAt == tx.timestamp + world.params.unbonding_delay


def test_slash__of_everything__a_later_stake_counts_one_to_one(world: World) -> None:
    """A5: active and unbonding are zero; the past does not touch what comes later."""
    world.operator_ready(stake=STAKE)
    lock(world, STAKE)
    slash(world, STAKE)
    assert amounts(world) == (0, 0, 0)
    assert world.operators.availableOf(world.op1) == 0
    world.operators.stake(77, sender=world.op1)
    assert amounts(world) == (77, 0, 0)
    lock(world, 77)


def test_slash__of_everything_fifty_times__no_inflation_and_constant_cost(world: World) -> None:
    """A6, D7"""
    world.operator_ready(stake=0)
    costs = []
    for _ in range(50):
        world.operators.stake(STAKE, sender=world.op1)
        lock(world, STAKE)
        costs.append(slash(world, STAKE).gas_used)
        assert amounts(world) == (0, 0, 0)
    # The first one also writes what was zero.
    assert len(set(costs[1:])) == 1 and costs[1] <= costs[0]
    assert world.operators.stateOf(world.op1).faults == 50


def test_slash__many_small_or_one_of_their_sum__the_same(world: World) -> None:
    """A8: exact, without any rounding; B6, B13: in any order, and the last is as large as the first."""
    world.operator_ready(stake=STAKE)
    parts = [*range(1, 41), 999]
    for part in parts:
        lock(world, part)
    snapshot = world.chain.rpc("evm_snapshot")
    for part in parts:
        slash(world, part)
    many = amounts(world)
    world.chain.undo(snapshot)
    slash(world, sum(parts))
    assert many == amounts(world) == (STAKE - sum(parts), 0, 0)


def test_slash__in_any_order__same_total(world: World) -> None:
    """B6: a small one first neither blocks nor shrinks the big one."""
    world.operator_ready(stake=600)
    world.operators.requestUnbond(100, sender=world.op1)
    parts = (1, 99, 400)
    for part in parts:
        lock(world, part)
    totals = set()
    for order in permutations(parts):
        snapshot = world.chain.rpc("evm_snapshot")
        for part in order:
            assert slash(world, part).event("Slashed").amount == part
        totals.add(amounts(world))
        world.chain.undo(snapshot)
    assert totals == {(100, 0, 100)}


def test_slash__stake_added_before_or_after_the_offence__only_the_lock_goes(world: World) -> None:
    """A14: the rule is the lock, fixed at the commit; what is staked later does not answer for it."""
    world.ready()
    model = world.register_model()
    batch = world.faulty_batch(world.op1, model)
    world.commit(batch)
    world.operators.stake(123, sender=world.op1)
    before = world.operators.stateOf(world.op1).stake
    world.convict(batch)
    assert world.operators.stateOf(world.op1).stake == before - world.params.min_batch_stake


# ---- Jail ------------------------------------------------------------------------------------------------


def test_slash__jails_until_unjail_after(world: World) -> None:
    """D1: at the end −1 no commit, at 0 and +1 again."""
    world.operator_ready(stake=STAKE)
    lock(world, 10)
    tx = slash(world, 10, jail=1_000)
    until = tx.timestamp + 1_000
    assert tx.event("Slashed").jailedUntil == until == world.operators.stateOf(world.op1).jailedUntil
    revert = world.operators.lock.revert
    jailed = Revert("Operators_Jailed", world.op1, until)
    assert [revert(world.op1, 1, 0, 1, sender=world.settlement, at=until + step) for step in (-1, 0, 1)] == [
        jailed,
        None,
        None,
    ]


def test_slash__again_with_a_shorter_jail__does_not_shorten_it(world: World) -> None:
    world.operator_ready(stake=STAKE)
    lock(world, 20)
    until = slash(world, 10, jail=10_000).event("Slashed").jailedUntil
    assert slash(world, 5, jail=1).event("Slashed").jailedUntil == until
    assert slash(world, 5, jail=20_000).event("Slashed").jailedUntil > until


@pytest.mark.parametrize("limit", [1, 2, 3, 255])
def test_slash__often_enough__bans_for_ever(world: World, limit: int) -> None:
    """Also at the counter's end, which stops at 255."""
    world.operator_ready(stake=STAKE)
    lock(world, 300)
    rounds = limit if limit < 10 else 1
    if limit == 255:
        _set_faults(world, 254)
    for i in range(rounds):
        event = slash(world, 1, jail=5, faults_to_ban=limit).event("Slashed")
        assert (event.jailedUntil == BANNED) == (i == rounds - 1)
    state = world.operators.stateOf(world.op1)
    assert (state.faults, state.jailedUntil) == (limit, BANNED)
    # Later faults change neither, and a longer list of them does not lift it.
    slash(world, 1, jail=5, faults_to_ban=255)
    state = world.operators.stateOf(world.op1)
    assert (state.faults, state.jailedUntil) == (min(limit + 1, 255), BANNED)
    assert world.operators.lock.revert(
        world.op1, 1, 0, state.nextSequence, sender=world.settlement, at=2**40 - 2
    ) == Revert("Operators_Jailed", world.op1, BANNED)


def _set_faults(world: World, faults: int) -> None:
    for _ in range(faults):
        world.chain.rpc(
            "eth_sendTransaction",
            {
                "from": world.disputes.address,
                "to": world.operators.address,
                "data": world.operators.slash.data(world.op1, 0, 0, 255),
                "gas": hex(200_000),
            },
        )


def test_verdict__jails_and_the_jailed_can_still_leave_and_be_paid(world: World) -> None:
    """B5, D4: jail stops commits, nothing else."""
    model = world.ready()
    good = world.batch(world.op1, model)
    world.commit(good)
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    sealed = world.challenge(bad)
    tx = world.prove(bad, sealed)
    event = tx.event("Slashed")
    until = tx.timestamp + world.params.unjail_after
    assert (event.operator, event.amount, event.jailedUntil) == (
        world.op1.address,
        world.params.min_batch_stake,
        until,
    )
    another = world.batch(world.op1, model)
    assert world.commit_revert(another) == Revert("Operators_Jailed", world.op1, until)
    world.operators.requestUnbond(1_000 * UNIT, sender=world.op1)
    world.past_window(good)
    world.finalize(good)
    assert world.free(world.op1) > 0
    world.time_to(until)
    world.commit(another)
    world.time_to(world.operators.stateOf(world.op1).exitAt)
    world.operators.withdraw(world.op1, sender=world.op1)
    world.assert_solvent()


def test_verdicts__three_times__ban_and_each_takes_its_own_lock(world: World) -> None:
    """B11, B13: offences are slashable once each, and none fades."""
    model = world.ready()
    before = world.operators.stateOf(world.op1).stake
    batches = []
    for _ in range(world.params.faults_to_ban):
        batches.append(world.faulty_batch(world.op1, model))
        world.commit(batches[-1])
    for n, batch in enumerate(batches, 1):
        event = world.prove(batch, world.challenge(batch)).event("Slashed")
        assert event.amount == world.params.min_batch_stake
        assert (event.jailedUntil == BANNED) == (n == world.params.faults_to_ban)
        assert world.operators.stateOf(world.op1).stake == before - n * world.params.min_batch_stake
        world.assert_solvent()


# ---- payPenalty ------------------------------------------------------------------------------------------


def test_pay_penalty__sends_the_pot_to_escrow(world: World) -> None:
    """D13: a pot is opened once; B12: and its batch convicted once."""
    model = world.ready()
    batch = world.faulty_batch(world.op1, model)
    world.commit(batch)
    winner = world.convict(batch)
    world.forward(world.params.earning_delay)
    held = world.token.balanceOf(world.escrow)
    tx = world.settle(batch, winner)
    assert tx.event("PenaltyPaid").amount == world.params.min_batch_stake
    assert world.token.balanceOf(world.escrow) - held == world.params.min_batch_stake
    world.assert_solvent()
    id = world.id_of(batch)
    args = (batch.header, batch.claims, winner.key)
    assert world.settlement.settle.revert(*args) == Revert("Settlement_WrongStatus", id, 4)


@pytest.mark.parametrize(
    ("penalty", "reward_bps", "restitution_bps", "claims"),
    [
        (2, 5_000, 0, (1,)),
        (3, 5_000, 0, (1,)),
        (5, 2_000, 3_000, (1,)),
        (7, 2_000, 3_000, (1, 1, 1)),
        (99, 3_333, 1_667, (2, 3, 2)),
        (10**18 + 1, 2_000, 3_000, (3, 3, 1)),
        (10**18 + 1, 5_000, 0, (7,)),
        (10**18 + 1, 100, 4_900, (1, 2)),
    ],
)
def test_settle__odd_amounts__parts_add_up_and_the_remainder_is_burned(
    another_world: Callable[..., World],
    penalty: int,
    reward_bps: int,
    restitution_bps: int,
    claims: tuple[int, ...],
) -> None:
    """A4, C11: rounded against the offender; burned is at least half, to the wei."""
    params = replace(
        preset("op-stack").params,
        min_batch_stake=penalty,
        min_stake_per_inference=0,
        challenge_bond=1,
        reward_bps=reward_bps,
        restitution_bps=restitution_bps,
    )
    world = another_world(params=params)
    world.operator_ready()
    model = world.register_model()
    payers = (world.alice, world.bob, world.provider)
    receipts = []
    for payer, count in zip(payers, claims, strict=False):
        world.payer_ready(payer)
        receipts += [world.receipt(world.op1, model, payer=payer, fee=3) for _ in range(count)]
    receipts[0] = replace(receipts[0], fee=4)
    batch = world.batch(world.op1, receipts=receipts, fee=3)
    world.commit(batch)
    winner = world.convict(batch)
    world.forward(params.earning_delay)
    before = [world.free(person) for person in (world.watcher1, *payers)]
    event = world.settle(batch, winner).event("BatchSettled")
    world.assert_solvent()
    reward, *refunds = [
        after - b for after, b in zip([world.free(p) for p in (world.watcher1, *payers)], before, strict=True)
    ]
    # The winner's bond comes with its reward.
    reward -= params.challenge_bond
    count = sum(claims)
    shares = [penalty * restitution_bps // 10_000 * each // count for each in claims]
    shares += [0] * (len(payers) - len(shares))
    assert reward == event.reward == penalty * reward_bps // 10_000
    paid = [3 * each for each in claims] + [0] * (len(payers) - len(claims))
    assert refunds == [fee + share for fee, share in zip(paid, shares, strict=True)]
    assert event.restitution == sum(shares)
    assert event.burned == penalty - reward - sum(shares) == world.escrow.balanceOf(BURNED)
    assert 2 * event.burned >= penalty
