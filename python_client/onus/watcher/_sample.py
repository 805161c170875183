"""Which leaves to look at of a batch whose operator serves nothing: pure."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random

from onus.protocol import BPS, BatchId, BatchState

__all__ = ["Sampling", "is_time_to_sample", "plan_samples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How much a watcher risks to look into what is withheld.

    A leaf that turns out right costs the bond. So an operator that withholds right results could bleed a
    watcher without a limit: ``bonds`` is one for good, to be raised by who knows why.

    Attributes:
        leaves: of one batch.
        bonds: most that may be at stake or were lost on leaves chosen blindly, over all batches; 0: none is.
        wait_bps: share of the window in which the operator may still serve the data.
        seed: makes the choice; nobody else may know it.
    """

    leaves: int = 1
    bonds: int = 4
    wait_bps: int = 2_500
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def __post_init__(self) -> None:
        if self.leaves < 1 or self.bonds < 0 or not 0 <= self.wait_bps <= BPS:
            raise ValueError("at least one leaf, no negative number of bonds, a share of at most 10,000")


def is_time_to_sample(state: BatchState, *, now: int, sampling: Sampling) -> bool:
    """Whether the operator had its time to serve the data; ``now`` in seconds of the verifier's clock."""
    opened = state.committed_at - state.frozen_at_commit
    return now >= opened + (state.window_ends_at - opened) * sampling.wait_bps // BPS


def plan_samples(
    batch_id: BatchId, count: int, *, sampling: Sampling, taken: Collection[int], spent: int
) -> tuple[int, ...]:
    """Leaves to challenge, the same ones whenever it is asked.

    Args:
        batch_id: the batch.
        count: receipts in it.
        sampling: how much may be risked.
        taken: leaves of it that were challenged already.
        spent: bonds that are at stake, or were lost, on leaves chosen blindly.
    """
    chosen = Random(sampling.seed + batch_id).sample(range(count), min(sampling.leaves, count))
    left = max(0, sampling.bonds - spent)
    return tuple(leaf for leaf in chosen if leaf not in taken)[:left]
