"""Parameters: which sets are taken, and which rule each of the others breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onus.protocol import Peers, preset
from onus.protocol.parameters import broken_relations
from tests.support.actors import actor
from tests.support.chain import Revert
from tests.support.deployment import plan_peers
from tests.support.world import World

START = preset("op-stack")
P, B = START.params, START.bounds
T, M = B.max_time, B.max_amount
HOUR = 3_600

# What is changed of a set that keeps every rule, and the rule that is then broken first; None: still good.
# Each rule stands here on both sides of its edge.
CASES: list[tuple[dict[str, int], str | None]] = [
    ({}, None),
    ({"grace": B.outage_floor}, None),
    ({"grace": B.outage_floor - 1}, "grace"),
    ({"operator_time": B.outage_floor}, None),
    ({"operator_time": B.outage_floor - 1}, "operatorTime"),
    ({"challenger_time": B.outage_floor}, None),
    ({"challenger_time": B.outage_floor - 1}, "challengerTime"),
    ({"max_challenge_window": T}, "unbondingDelay"),
    ({"max_challenge_window": T + 1}, "maxChallengeWindow"),
    ({"unbonding_delay": T}, None),
    ({"unbonding_delay": T + 1}, "maxTime"),
    ({"thawing": T}, None),
    ({"thawing": T + 1}, "maxTime"),
    ({"earning_delay": T}, None),
    ({"earning_delay": T + 1}, "maxTime"),
    ({"key_delay": T}, None),
    ({"key_delay": T + 1}, "maxTime"),
    ({"unjail_after": T}, None),
    ({"unjail_after": T + 1}, "maxTime"),
    ({"unjail_after": 0}, None),
    ({"max_quarantine": T}, None),
    ({"max_quarantine": T + 1}, "maxTime"),
    ({"challenger_time": T}, "unbondingDelay"),
    ({"challenger_time": T + 1}, "maxTime"),
    ({"operator_time": T}, "minChallengeWindow"),
    ({"operator_time": T + 1}, "maxTime"),
    ({"omission_window": T}, "unbondingDelay"),
    ({"omission_window": T + 1}, "maxTime"),
    ({"max_commit_delay": T}, "thawing"),
    ({"max_commit_delay": T + 1}, "maxTime"),
    ({"reserve": M}, None),
    ({"reserve": M + 1}, "maxAmount"),
    ({"reserve": 0}, None),
    ({"min_batch_stake": M}, None),
    ({"min_batch_stake": M + 1}, "maxAmount"),
    ({"challenge_bond": M}, "minBatchStake"),
    ({"challenge_bond": M + 1}, "maxAmount"),
    ({"omission_bond": 1}, None),
    ({"omission_bond": 0}, "omissionBond"),
    ({"omission_bond": M}, None),
    ({"omission_bond": M + 1}, "maxAmount"),
    ({"min_stake_per_inference": M}, None),
    ({"min_stake_per_inference": M + 1}, "maxAmount"),
    ({"max_batch_count": 1}, None),
    ({"max_batch_count": 0}, "maxBatchCount"),
    ({"max_demands": 1}, None),
    ({"max_demands": 0}, "maxDemands"),
    ({"max_input_bytes": 1}, None),
    ({"max_input_bytes": 0}, "maxInputBytes"),
    ({"max_input_bytes": 96 * 1024}, None),
    ({"max_input_bytes": 96 * 1024 + 1}, "maxInputBytes"),
    ({"faults_to_ban": 1}, None),
    ({"faults_to_ban": 0}, "faultsToBan"),
    ({"max_commit_delay": 1}, None),
    ({"max_commit_delay": 0}, "maxCommitDelay"),
    ({"key_delay": 1}, None),
    ({"key_delay": 0}, "keyDelay"),
    ({"earning_delay": 1}, None),
    ({"earning_delay": 0}, "earningDelay"),
    ({"omission_window": 1}, None),
    ({"omission_window": 0}, "omissionWindow"),
    ({"thawing": P.max_commit_delay + P.grace}, None),
    ({"thawing": P.max_commit_delay + P.grace - 1}, "thawing"),
    ({"min_challenge_window": 2 * (P.max_commit_delay + P.grace + P.operator_time)}, None),
    (
        {"min_challenge_window": 2 * (P.max_commit_delay + P.grace + P.operator_time) - 1},
        "minChallengeWindow",
    ),
    ({"min_challenge_window": P.max_challenge_window}, None),
    ({"min_challenge_window": P.max_challenge_window + 1}, "maxChallengeWindow"),
    # B2, D5: the longest dispute, then the longest omission.
    ({"unbonding_delay": P.max_challenge_window + P.max_dispute_duration + P.grace}, None),
    ({"unbonding_delay": P.max_challenge_window + P.max_dispute_duration + P.grace - 1}, "unbondingDelay"),
    (
        {
            "omission_window": 20 * 24 * HOUR,
            "unbonding_delay": P.max_commit_delay + 20 * 24 * HOUR + P.operator_time + P.grace,
        },
        None,
    ),
    (
        {
            "omission_window": 20 * 24 * HOUR,
            "unbonding_delay": P.max_commit_delay + 20 * 24 * HOUR + P.operator_time + P.grace - 1,
        },
        "unbondingDelay",
    ),
    ({"protocol_fee_bps": 5_000}, None),
    ({"protocol_fee_bps": 5_001}, "protocolFeeBps"),
    ({"restitution_bps": 5_000 - P.reward_bps}, None),
    ({"restitution_bps": 5_001 - P.reward_bps}, "recoverable"),
    ({"challenge_bond": 1}, None),
    ({"challenge_bond": 0}, "challengeBond"),
    ({"min_batch_stake": P.challenge_bond * 10_000 // P.reward_bps}, None),
    ({"min_batch_stake": P.challenge_bond * 10_000 // P.reward_bps - 1}, "minBatchStake"),
    ({"max_quarantine": B.council_delay + P.grace}, None),
    ({"max_quarantine": B.council_delay + P.grace - 1}, "maxQuarantine"),
]


def broken(rule: str | None) -> Revert | None:
    return None if rule is None else Revert("Parameters_BrokenRelation", rule)


# ---- Rules -----------------------------------------------------------------------------------------------


def next_peers(world: World) -> Peers:
    """Those of contracts that are deployed from now on, Parameters first."""
    deployer = actor("deployer").address
    nonce = int(world.chain.rpc("eth_getTransactionCount", deployer, "latest"), 16)
    return plan_peers(
        deployer,
        nonce,
        token=world.token.address,
        authority=world.governance.address,
        treasury=world.treasury.address,
    )


def test_constructor__each_rule_on_both_sides_of_its_edge__deploys_or_reverts_by_name(world: World) -> None:
    """B2, B9, D5: what breaks a relation cannot be deployed."""
    deployer, peers = actor("deployer"), next_peers(world)
    found = [
        (changes, world.chain.deploy_revert("Parameters", peers, B, replace(P, **changes), sender=deployer))
        for changes, _ in CASES
    ]
    assert found == [(changes, broken(rule)) for changes, rule in CASES]
    # Without a floor, zero is still refused.
    for field, rule in (
        ("grace", "grace"),
        ("operator_time", "operatorTime"),
        ("challenger_time", "challengerTime"),
    ):
        bounds, params = replace(B, outage_floor=0), replace(P, **{field: 0})
        assert world.chain.deploy_revert("Parameters", peers, bounds, params, sender=deployer) == broken(rule)


@pytest.mark.parametrize("longest", [0, 1, 60, 2**24 - 1, 2**24, 2**40 - 1])
def test_constructor__with_a_longest_time__that_clocks_can_store(world: World, longest: int) -> None:
    """A10, B9: some, and at most 2^24 - 1 seconds; the client says the same."""
    bounds = replace(B, max_time=longest)
    rules = broken_relations(P, bounds)
    revert = world.chain.deploy_revert("Parameters", next_peers(world), bounds, P, sender=actor("deployer"))
    assert revert == broken(rules[0] if rules else None)
    assert ("bounds" in rules) == (longest not in (1, 60, 2**24 - 1))


def test_add__each_rule_on_both_sides_of_its_edge__added_or_reverts_by_name(prompt_world: World) -> None:
    """B2, B9, D5: what breaks a relation cannot be added."""
    cases = [(c, r) for c, r in CASES if "max_quarantine" not in c] + [
        ({"max_quarantine": P.grace}, None),
        ({"max_quarantine": P.grace - 1}, "maxQuarantine"),
    ]
    add = prompt_world.parameters.add
    found = [
        (changes, add.revert(replace(P, **changes), sender=prompt_world.council)) for changes, _ in cases
    ]
    assert found == [(changes, broken(rule)) for changes, rule in cases]


def test_add__any_set__same_verdict_as_in_python(prompt_world: World) -> None:
    """B2, B9, D5: over the space of sets, contract and client name the same rule; no time sum overflows."""
    bounds = prompt_world.deployment.bounds
    hour = st.integers(0, 400 * HOUR)
    extreme = st.sampled_from((0, 1, T, T + 1, 2**40 - 1))
    times = {name: hour | extreme for name in P.__dataclass_fields__ if _is_time(name)}

    @settings(
        max_examples=150,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(changes=st.fixed_dictionaries({}, optional=times), data=st.data())
    def check(changes: dict[str, int], data: st.DataObject) -> None:
        money = st.sampled_from((0, 1, 10**18, 25 * 10**18, M, M + 1, 2**96 - 1))
        for name in ("reserve", "min_batch_stake", "challenge_bond", "omission_bond"):
            if data.draw(st.booleans()):
                changes = {**changes, name: data.draw(money)}
        params = replace(P, **changes)
        rules = broken_relations(params, bounds)
        actual = prompt_world.parameters.add.revert(params, sender=prompt_world.council)
        assert actual == broken(rules[0] if rules else None)
        if actual is None:
            dispute = params.max_challenge_window + params.challenger_time + params.operator_time
            assert params.unbonding_delay >= dispute + params.grace

    check()


def _is_time(name: str) -> bool:
    return not any(
        word in name for word in ("stake", "bond", "reserve", "bps", "bytes", "count", "demands", "faults")
    )
