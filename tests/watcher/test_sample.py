"""Which leaves a watcher looks into where nothing is served: within a budget, and as nobody else can tell."""

from __future__ import annotations

from collections import Counter

import pytest

from onus.protocol import BatchId, BatchState, BatchStatus
from onus.watcher import Sampling, plan_samples
from onus.watcher._sample import is_time_to_sample

BATCH = BatchId(b"\x07" * 32)


def state(*, frozen: int = 0) -> BatchState:
    return BatchState(
        status=BatchStatus.PENDING,
        open_challenges=0,
        challenges=0,
        committed_at=1_000 + frozen,
        window_ends_at=1_400,
        ended_at=0,
        frozen_at_commit=frozen,
    )


def test_plan_samples__the_same_leaves_whenever_it_is_asked() -> None:
    sampling = Sampling(leaves=3, bonds=9, seed=b"a")
    leaves = plan_samples(BATCH, 100, sampling=sampling, taken=(), spent=0)
    assert len(set(leaves)) == 3
    assert all(0 <= leaf < 100 for leaf in leaves)
    assert plan_samples(BATCH, 100, sampling=sampling, taken=(), spent=0) == leaves
    assert plan_samples(BATCH, 100, sampling=sampling, taken=leaves[:1], spent=1) == leaves[1:]
    assert plan_samples(BATCH, 2, sampling=sampling, taken=(), spent=0) in ((0, 1), (1, 0))


def test_plan_samples__another_seed_or_batch__other_leaves() -> None:
    """An operator that could tell would cheat elsewhere."""
    found = Counter(
        plan_samples(BATCH, 16, sampling=Sampling(seed=bytes([seed])), taken=(), spent=0)
        for seed in range(200)
    )
    assert len(found) == 16
    batches = {
        plan_samples(BatchId(bytes([n]) * 32), 64, sampling=Sampling(seed=b"a"), taken=(), spent=0)
        for n in range(64)
    }
    assert len(batches) > 20
    assert Sampling().seed != Sampling().seed


@pytest.mark.parametrize(("spent", "expected"), [(0, 3), (2, 2), (3, 1), (4, 0), (5, 0)])
def test_plan_samples__never_above_the_budget(spent: int, expected: int) -> None:
    """C1: an operator that withholds right results cannot bleed a watcher beyond it."""
    sampling = Sampling(leaves=3, bonds=4, seed=b"a")
    assert len(plan_samples(BATCH, 100, sampling=sampling, taken=(), spent=spent)) == expected


@pytest.mark.parametrize(("now", "due"), [(1_099, False), (1_100, True), (1_399, True)])
def test_is_time_to_sample__after_a_share_of_the_window(now: int, due: bool) -> None:
    """By the verifier's clock, in which the window is too."""
    assert is_time_to_sample(state(), now=now, sampling=Sampling(wait_bps=2_500)) is due
    assert is_time_to_sample(state(frozen=50), now=now, sampling=Sampling(wait_bps=2_500)) is due


@pytest.mark.parametrize("wrong", [{"leaves": 0}, {"bonds": -1}, {"wait_bps": -1}, {"wait_bps": 10_001}])
def test_sampling__that_makes_no_sense__is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one leaf"):
        Sampling(**wrong)
