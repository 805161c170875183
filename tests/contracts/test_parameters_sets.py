"""Parameters: the list of sets, which are in force when, and the switch that stops commitments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from onus.protocol import Params, preset
from tests.support.chain import Revert
from tests.support.deployment import Deployment
from tests.support.world import World

START = preset("op-stack")
P, B = START.params, START.bounds
HOUR = 3_600
P_BY_NAME = {key: int(value) for key, value in P.to_json().items()}


def in_force(world: World, params: Params | None = None, **changes: int) -> Params:
    """Adds a set at once; only for `prompt_world`."""
    params = replace(params or P, **changes)
    world.parameters.add(params, sender=world.council)
    return params


# ---- The list --------------------------------------------------------------------------------------------


def test_constructor__when_deployed__holds_the_first_set(world: World) -> None:
    (event,) = [event for event in world.deployment.history if event.name == "ParamSetAdded"]
    number, current = world.parameters.current()
    assert (event.set, number) == (1, 1)
    assert event.params == current == world.parameters.paramsOf(1)
    assert {name: getattr(current, name) for name in current._fields} == P_BY_NAME
    bounds = world.parameters.bounds()
    assert bounds == (B.outage_floor, B.max_time, B.max_amount, B.council_delay)
    assert not world.parameters.commitmentsClosed()
    assert 0 < world.parameters.newestAddedAt() <= world.now


def test_add__by_council_after_its_delay__appends(world: World) -> None:
    """F4, D6: a set is added behind the delay; the ones before it never change."""
    first = world.parameters.paramsOf(1)
    params = replace(P, protocol_fee_bps=300)
    tx = world.govern(world.parameters.add, params)
    event = tx.event("ParamSetAdded")
    assert event.set == 2
    number, current = world.parameters.current()
    assert (number, current.protocolFeeBps) == (2, 300)
    assert event.params == current == world.parameters.paramsOf(2)
    assert world.parameters.paramsOf(1) == first
    assert world.parameters.newestAddedAt() == tx.timestamp


def test_add__before_the_delay_or_by_others__reverts(world: World) -> None:
    """F4"""
    data = bytes.fromhex(world.parameters.add.data(P)[2:])
    unauthorized = "AccessManagedUnauthorized"
    for person in (world.guardian, world.stranger, world.deployer, world.provider):
        assert world.parameters.add.revert(P, sender=person) == Revert(unauthorized, person)
    tx = world.governance.schedule(world.parameters, data, 0, sender=world.council)
    operation = tx.event("OperationScheduled").operationId
    ready = tx.timestamp + B.council_delay
    execute = world.governance.execute
    assert execute.revert(world.parameters, data, sender=world.council, at=ready - 1) == Revert(
        "AccessManagerNotReady", operation
    )
    assert execute.revert(world.parameters, data, sender=world.council, at=ready) is None


def test_add__while_the_set_before_lives_on__reverts(prompt_world: World) -> None:
    """D6, E13: a third set does not cut off the first, whose receipts are still being committed."""
    # No set is before the first: the second may come at once.
    in_force(prompt_world)
    first_ends = prompt_world.parameters.newestAddedAt() + P.max_commit_delay + P.grace
    add, short = prompt_world.parameters.add, replace(P, max_commit_delay=1)
    for at in (prompt_world.now + 1, first_ends - 1):
        assert add.revert(short, sender=prompt_world.council, at=at) == Revert(
            "Parameters_TooSoon", first_ends
        )
    add(short, sender=prompt_world.council, at=first_ends)
    # The second one's own delay counts now, although the third one's is shorter.
    second_ends = first_ends + P.max_commit_delay + P.grace
    assert add.revert(P, sender=prompt_world.council, at=second_ends - 1) == Revert(
        "Parameters_TooSoon", second_ends
    )
    add(P, sender=prompt_world.council, at=second_ends)
    third_ends = second_ends + 1 + P.grace
    assert add.revert(P, sender=prompt_world.council, at=third_ends - 1) == Revert(
        "Parameters_TooSoon", third_ends
    )
    assert add.revert(P, sender=prompt_world.council, at=third_ends) is None


TERMS: dict[str, tuple[str, ...]] = {
    "commitTerms": (
        "reserve",
        "minStakePerInference",
        "maxBatchCount",
        "maxDemands",
        "minBatchStake",
        "minChallengeWindow",
        "maxChallengeWindow",
        "maxInputBytes",
    ),
    "disputeTerms": ("challengeBond", "challengerTime", "unjailAfter", "faultsToBan", "minBatchStake"),
    "demandTerms": ("challengeBond", "operatorTime", "maxDemands"),
    "potTerms": ("minBatchStake", "challengeBond", "earningDelay", "rewardBps", "restitutionBps"),
    "feeTerms": ("protocolFeeBps", "minBatchStake"),
}


@pytest.mark.parametrize("name", TERMS)
def test_terms__of_a_known_set__are_its_values(world: World, name: str) -> None:
    terms = getattr(world.parameters, name)(1)
    assert {field: getattr(terms, field) for field in terms._fields} == {
        field: P_BY_NAME[field] for field in TERMS[name]
    }
    assert world.parameters.minBatchStakeOf(1) == P.min_batch_stake


@pytest.mark.parametrize(
    "name", ["feeTerms", "disputeTerms", "demandTerms", "potTerms", "minBatchStakeOf", "paramsOf"]
)
@pytest.mark.parametrize("number", [0, 2, 2**32 - 1])
def test_terms__of_an_unknown_set__reverts(world: World, name: str, number: int) -> None:
    assert getattr(world.parameters, name).revert(number) == Revert("Parameters_UnknownSet", number)


# ---- In force --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 2, 2**32 - 1])
def test_commit_terms__of_no_set__reverts(world: World, number: int) -> None:
    """A10: also at the end of the type."""
    assert world.parameters.commitTerms.revert(number) == Revert("Parameters_SetNotInForce", number, 1)


def test_commit_terms__around_a_change__the_set_before_lives_its_own_delay(prompt_world: World) -> None:
    """D1, D6: until its maxCommitDelay + grace, to the second."""
    terms = prompt_world.parameters.commitTerms
    in_force(prompt_world, max_commit_delay=1, reserve=7)
    ends = prompt_world.parameters.newestAddedAt() + P.max_commit_delay + P.grace
    gone = Revert("Parameters_SetNotInForce", 1, 2)
    assert [terms.revert(1, at=ends + step) for step in (-1, 0, 1)] == [None, gone, gone]
    assert terms(1, at=ends - 1).reserve == P.reserve
    assert [terms(2, at=ends + step).reserve for step in (-1, 0, 1)] == [7, 7, 7]
    assert terms.revert(3) == Revert("Parameters_SetNotInForce", 3, 2)
    prompt_world.parameters.add(P, sender=prompt_world.council, at=ends)
    assert terms.revert(1) == Revert("Parameters_SetNotInForce", 1, 3)
    assert terms.revert(2) is None and terms.revert(3) is None


def test_require_newest_at__around_each_change__one_set_at_every_second(prompt_world: World) -> None:
    """D1, D6: a receipt follows the set that was the newest when it was served."""
    world, require = prompt_world, prompt_world.parameters.requireNewestAt
    first = world.parameters.newestAddedAt()
    in_force(world)
    second = world.parameters.newestAddedAt()
    world.time_to(second + P.max_commit_delay + P.grace)
    in_force(world)
    third = world.parameters.newestAddedAt()
    newest = {first - 1: None, first: 1, second - 1: 1, second: 2, third - 1: 2, third: 3, 2**40 - 1: 3}
    for at, expected in newest.items():
        for number in (1, 2, 3):
            wrong = Revert("Parameters_NotNewestAt", number, at)
            assert require.revert(number, at) == (None if number == expected else wrong), (at, number)
    for unknown in (0, 4, 2**32 - 1):
        assert require.revert(unknown, third) == Revert("Parameters_UnknownSet", unknown)


def test_times__under_one_set__now_plus_its_delays(world: World) -> None:
    at = world.now + 1_000
    parameters = world.parameters
    assert parameters.exitTime(at=at) == at + P.unbonding_delay
    assert parameters.thawTime(at=at) == at + P.thawing
    assert parameters.lastCommitTime(at=at) == at + P.max_commit_delay + P.grace
    assert parameters.keyTime(at=at) == at + P.key_delay


def test_times__after_a_change_to_shorter_delays__not_before_the_old_ones_are_over(
    prompt_world: World,
) -> None:
    """B8, D6, E13: who was served under the old set is still covered by its delays."""
    long = replace(P, max_commit_delay=20 * HOUR, min_challenge_window=120 * HOUR, thawing=40 * HOUR)
    in_force(prompt_world, long)
    prompt_world.forward(100 * HOUR)
    short = {"max_commit_delay": 1, "thawing": P.grace + 1, "unbonding_delay": 8 * 24 * HOUR}
    in_force(prompt_world, **short)
    changed, parameters = prompt_world.parameters.newestAddedAt(), prompt_world.parameters
    old_commits_end = changed + long.max_commit_delay + long.grace
    old_exits_end = changed + long.unbonding_delay
    at = changed + 1
    assert parameters.thawTime(at=at) == old_commits_end
    assert parameters.lastCommitTime(at=at) == old_commits_end
    assert parameters.exitTime(at=at) == old_exits_end
    # Once the new delays reach further, they count alone.
    at = old_commits_end
    assert parameters.thawTime(at=at) == at + P.grace + 1
    assert parameters.lastCommitTime(at=at) == at + 1 + P.grace
    at = old_exits_end - short["unbonding_delay"]
    assert [parameters.exitTime(at=at + step) for step in (-1, 0, 1)] == [
        old_exits_end,
        old_exits_end,
        old_exits_end + 1,
    ]


def test_exit_time__after_several_changes__the_longest_delay_of_all_is_served(prompt_world: World) -> None:
    """B2, B8: a short set in between does not shorten the exit of who served under a long one before it."""
    world, day = prompt_world, 24 * HOUR
    in_force(world, unbonding_delay=50 * day)
    world.time_to(world.now + P.max_commit_delay + P.grace)
    in_force(world)
    floor = world.parameters.newestAddedAt() + 50 * day
    for _ in range(2):
        world.time_to(world.now + P.max_commit_delay + P.grace)
        in_force(world, unbonding_delay=8 * day + HOUR)
        assert world.parameters.exitTime() == floor
    world.operator_ready(stake=100)
    tx = world.operators.requestUnbond(100, sender=world.op1)
    assert tx.event("UnbondRequested").exitAt == floor
    assert world.operators.requestReserveExit(sender=world.op1).event("ReserveExitRequested").exitAt == floor


# ---- The switch ------------------------------------------------------------------------------------------


def test_close_commitments__by_guardian__at_once(world: World) -> None:
    tx = world.parameters.closeCommitments(sender=world.guardian)
    assert tx.event("CommitmentsClosed")
    assert world.parameters.commitmentsClosed()
    assert world.parameters.commitTerms.revert(1) == Revert("Parameters_CommitmentsClosed")
    assert world.parameters.commitTerms.revert(9) == Revert("Parameters_CommitmentsClosed")
    assert world.parameters.closeCommitments.revert(sender=world.guardian) == Revert("Parameters_Unchanged")


def test_close_commitments__by_others__reverts(world: World) -> None:
    for person in (world.council, world.stranger, world.deployer):
        assert world.parameters.closeCommitments.revert(sender=person) == Revert(
            "AccessManagedUnauthorized", person
        )


def test_open_commitments__by_council_after_its_delay__open_again(world: World) -> None:
    world.parameters.closeCommitments(sender=world.guardian)
    assert world.parameters.openCommitments.revert(sender=world.guardian) == Revert(
        "AccessManagedUnauthorized", world.guardian
    )
    tx = world.govern(world.parameters.openCommitments)
    assert tx.event("CommitmentsOpened")
    assert not world.parameters.commitmentsClosed()
    assert world.parameters.commitTerms.revert(1) is None


def test_open_commitments__when_open__reverts(prompt_world: World) -> None:
    assert prompt_world.parameters.openCommitments.revert(sender=prompt_world.council) == Revert(
        "Parameters_Unchanged"
    )


def test_close_commitments__with_everything_under_way__nothing_else_stops(world: World) -> None:
    """F7, B17: exits, disputes, finality, refunds and withdrawals go on."""
    model = world.ready()
    good = world.batch(world.op1, model)
    world.commit(good)
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    world.parameters.closeCommitments(sender=world.guardian)
    next_batch = world.batch(world.op1, model)
    assert world.commit_revert(next_batch) == Revert("Parameters_CommitmentsClosed")

    winner = world.convict(bad)
    world.operators.requestUnbond(world.operators.stateOf(world.op1).stake, sender=world.op1)
    world.escrow.requestRelease(world.op1, world.escrow.coverOf(world.alice, world.op1), sender=world.alice)
    world.time_to(world.operators.stateOf(world.op1).exitAt)
    world.finalize(good)
    world.settle(bad, winner)
    world.operators.withdraw(world.op1, sender=world.op1)
    world.escrow.release(world.op1, sender=world.alice)
    world.escrow.withdraw(world.alice, world.free(world.alice), sender=world.alice)
    world.operators.requestReserveExit(sender=world.op1)
    assert world.assert_solvent().stake[world.op1.address] == 0


# ---- Old batches -----------------------------------------------------------------------------------------


def test_add__with_batches_under_way__they_keep_their_terms(prompt_world: World) -> None:
    """F4, B8: fee, window, lock, bond and pot of a batch are those of its set, whatever comes later."""
    world = prompt_world
    model = world.ready()
    old = world.batch(world.op1, model, count=100)
    world.commit(old)
    faulty = world.faulty_batch(world.op1, model)
    world.commit(faulty)
    changes: dict[str, Any] = {
        "protocol_fee_bps": 5_000,
        "min_batch_stake": 2 * P.min_batch_stake,
        "challenge_bond": 2 * P.challenge_bond,
        "reward_bps": 2_500,
        "restitution_bps": 0,
        "earning_delay": 2 * P.earning_delay,
    }
    in_force(world, **changes)
    # `challenge` deposits the bond of the batch's set, not a wei more.
    winner = world.convict(faulty)
    assert world.free(world.watcher1) == 0
    slashed_at = world.state_of(faulty).endedAt
    settle = world.settlement.settle
    args = (faulty.header, faulty.claims, winner.key)
    opens = slashed_at + P.earning_delay
    assert settle.revert(*args, at=opens - 1) == Revert("Settlement_PotClosed", world.id_of(faulty), opens)
    event = world.settle(faulty, winner, at=opens).event("BatchSettled")
    assert event.reward == P.min_batch_stake * P.reward_bps // 10_000
    assert event.restitution == P.min_batch_stake * P.restitution_bps // 10_000
    assert world.free(world.watcher1) == P.challenge_bond + event.reward
    world.past_window(old)
    event = world.finalize(old).event("BatchFinal")
    assert event.protocolFee == old.header.fee * 100 * P.protocol_fee_bps // 10_000
    world.assert_solvent()


def test_deployment__is_the_preset(world: World) -> None:
    deployment: Deployment = world.deployment
    assert (deployment.params, deployment.bounds) == (P, B)
