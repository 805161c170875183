"""Parameter sets: the two starts, and every rule on both sides of its edge (B2, D5, C11)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from onus.protocol import LOCAL_DEMO, OP_STACK, BrokenRelation, Params, preset
from onus.protocol.parameters import (
    LOCAL_DEMO_BOUNDS,
    OP_STACK_BOUNDS,
    ParamBounds,
    _relations,
    broken_relations,
    check,
)

HOUR = 3_600
# Name of the rule, a change that just holds, a change that just breaks it; on the OP-stack set.
EDGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("grace", {"grace": 12 * HOUR}, {"grace": 12 * HOUR - 1}),
    ("operatorTime", {"operator_time": 12 * HOUR}, {"operator_time": 12 * HOUR - 1}),
    ("challengerTime", {"challenger_time": 12 * HOUR}, {"challenger_time": 12 * HOUR - 1}),
    ("thawing", {"thawing": 14 * HOUR}, {"thawing": 14 * HOUR - 1}),
    ("minChallengeWindow", {"min_challenge_window": 80 * HOUR}, {"min_challenge_window": 80 * HOUR - 1}),
    ("maxChallengeWindow", {"max_challenge_window": 80 * HOUR}, {"max_challenge_window": 80 * HOUR - 1}),
    ("unbondingDelay", {"unbonding_delay": 185 * HOUR}, {"unbonding_delay": 185 * HOUR - 1}),
    ("maxQuarantine", {"max_quarantine": 85 * HOUR}, {"max_quarantine": 85 * HOUR - 1}),
    ("protocolFeeBps", {"protocol_fee_bps": 5_000}, {"protocol_fee_bps": 5_001}),
    ("recoverable", {"restitution_bps": 3_000}, {"restitution_bps": 3_001}),
    ("minBatchStake", {"min_batch_stake": 125 * 10**18}, {"min_batch_stake": 125 * 10**18 - 1}),
    ("challengeBond", {"challenge_bond": 1}, {"challenge_bond": 0}),
    ("omissionBond", {"omission_bond": 1}, {"omission_bond": 0}),
    ("maxInputBytes", {"max_input_bytes": 96 * 1024}, {"max_input_bytes": 96 * 1024 + 1}),
    ("maxInputBytes", {"max_input_bytes": 1}, {"max_input_bytes": 0}),
    ("maxBatchCount", {"max_batch_count": 1}, {"max_batch_count": 0}),
    ("maxDemands", {"max_demands": 1}, {"max_demands": 0}),
    ("faultsToBan", {"faults_to_ban": 1}, {"faults_to_ban": 0}),
    ("keyDelay", {"key_delay": 1}, {"key_delay": 0}),
    ("earningDelay", {"earning_delay": 1}, {"earning_delay": 0}),
    ("omissionWindow", {"omission_window": 1}, {"omission_window": 0}),
    ("maxCommitDelay", {"max_commit_delay": 1}, {"max_commit_delay": 0}),
    ("maxTime", {"unjail_after": 60 * 24 * HOUR}, {"unjail_after": 60 * 24 * HOUR + 1}),
    ("maxAmount", {"reserve": 10**25}, {"reserve": 10**25 + 1}),
]


@pytest.mark.parametrize(("params", "bounds"), [(LOCAL_DEMO, LOCAL_DEMO_BOUNDS), (OP_STACK, OP_STACK_BOUNDS)])
def test_preset__holds_every_relation(params: Params, bounds: ParamBounds) -> None:
    check(params, bounds)
    assert broken_relations(params, bounds) == ()


@pytest.mark.parametrize(("rule", "holds", "breaks"), EDGES)
def test_check__each_rule_on_both_sides_of_its_edge(
    rule: str, holds: dict[str, Any], breaks: dict[str, Any]
) -> None:
    check(replace(OP_STACK, **holds), OP_STACK_BOUNDS)
    with pytest.raises(BrokenRelation) as broken:
        check(replace(OP_STACK, **breaks), OP_STACK_BOUNDS)
    assert broken.value.rule == rule


@pytest.mark.parametrize(("longest", "good"), [(0, False), (1, True), (2**24 - 1, True), (2**24, False)])
def test_bounds__longest_time__fits_what_is_stored_of_it(longest: int, good: bool) -> None:
    """B9: no sum of times comes near the end of 40 bits."""
    broken = broken_relations(OP_STACK, replace(OP_STACK_BOUNDS, max_time=longest))
    assert ("bounds" not in broken) == good
    assert good or broken[0] == "bounds"


def test_edges__every_rule_is_among_them() -> None:
    rules = {rule for rule, _ in _relations(OP_STACK, OP_STACK_BOUNDS)}
    assert {rule for rule, _, _ in EDGES} == rules - {"bounds"}


def test_preset__other_decimals__same_dollars() -> None:
    six = preset("op-stack", decimals=6)
    assert six.params.challenge_bond == 25 * 10**6
    assert six.params.min_stake_per_inference == 50_000
    check(six.params, six.bounds)
    with pytest.raises(ValueError, match="no preset"):
        preset("mainnet")


def test_window_of__any_wish__clamped() -> None:
    assert [OP_STACK.window_of(hours * HOUR) // HOUR for hours in (0, 80, 100, 120, 500)] == [
        80,
        80,
        100,
        120,
        120,
    ]


def test_lock_of__few_receipts__the_least_of_a_batch() -> None:
    least = OP_STACK.min_batch_stake
    assert OP_STACK.lock_of(count=1, stake=1) == least
    assert OP_STACK.lock_of(count=2, stake=least) == 2 * least
