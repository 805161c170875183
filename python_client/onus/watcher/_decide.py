"""What to do next about a challenge: pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from onus.protocol import BatchState, BatchStatus, Challenge, ChallengeStatus, Turn
from onus.store import ChallengeStage, StoredChallenge

__all__ = ["Action", "ChainView", "Decision", "decide"]


class Action(StrEnum):
    """What to do on chain."""

    SEAL = "seal"
    OPEN = "open"
    PURSUE = "pursue"
    PROVE = "prove"
    TIMEOUT = "timeout"
    CLOSE = "close"
    SETTLE = "settle"
    REFUND = "refund"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """What the chain says about a challenge at one block; times in seconds of the verifier's clock.

    Attributes:
        now: time of the block.
        stopped: the verifier is under quarantine: nothing can be done, and nothing runs out.
        confirmed: for good: every bond returns.
        batch: the batch's state.
        challenge: the challenge; its status is NULL if there is none.
        earning_delay: between a verdict and the opening of its pot.
    """

    now: int
    stopped: bool = False
    confirmed: bool = False
    batch: BatchState
    challenge: Challenge
    earning_delay: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and where the challenge is before it is done."""

    action: Action
    stage: ChallengeStage
    note: str = ""


_OVER = {
    ChallengeStatus.LOST: Decision(Action.NOTHING, ChallengeStage.LOST, "out of time"),
    ChallengeStatus.CLOSED: Decision(Action.NOTHING, ChallengeStage.CLOSED),
}


def decide(stored: StoredChallenge, view: ChainView) -> Decision:
    """The next step.

    Args:
        stored: what was planned, and where it was when somebody last looked. It may be behind the chain, if a
            process died after it sent something.
        view: what the chain says now.
    """
    status = view.challenge.status
    if status in _OVER:
        return _OVER[status]
    if status is ChallengeStatus.WON:
        return _collect(view)
    if status is ChallengeStatus.NULL:
        return _begin(stored, view)
    if view.batch.status is not BatchStatus.PENDING or view.confirmed:
        # Decided by another challenge, or by nobody: the bond returns.
        return Decision(Action.CLOSE, ChallengeStage.SEALED)
    if view.stopped:
        return Decision(Action.NOTHING, ChallengeStage.SEALED)
    return _move(stored, view)


def _begin(stored: StoredChallenge, view: ChainView) -> Decision:
    # Also when it had been sealed: a reorganisation may have taken the seal away.
    if view.batch.status is BatchStatus.NULL:
        return Decision(Action.NOTHING, stored.stage)
    if view.batch.status is not BatchStatus.PENDING or view.confirmed:
        return Decision(Action.NOTHING, ChallengeStage.DROPPED, "the batch was decided before")
    if view.now >= view.batch.window_ends_at:
        return Decision(Action.NOTHING, ChallengeStage.DROPPED, "the window closed before")
    return Decision(Action.NOTHING if view.stopped else Action.SEAL, stored.stage)


def _move(stored: StoredChallenge, view: ChainView) -> Decision:
    out_of_time = view.now >= view.challenge.deadline
    if view.challenge.turn is Turn.OPERATOR:
        # Silent operators lose; the others are waited for.
        return Decision(Action.TIMEOUT if out_of_time else Action.NOTHING, ChallengeStage.SEALED)
    if out_of_time:
        # Nothing can be shown any more; whoever likes ends it.
        return Decision(Action.NOTHING, ChallengeStage.LOST, "out of time")
    if view.now <= view.challenge.sealed_at:
        return Decision(Action.NOTHING, ChallengeStage.SEALED)
    if stored.evidence is None:
        return Decision(Action.PURSUE, ChallengeStage.SEALED)
    # Only an opened challenge keeps its reward from a copy of its evidence: so the place first.
    is_sealed = view.challenge.status is ChallengeStatus.SEALED
    return Decision(Action.OPEN if is_sealed else Action.PROVE, ChallengeStage.SEALED)


def _collect(view: ChainView) -> Decision:
    """Bond and reward of a challenge that won: from the pot, or the bond alone if the batch is refunded."""
    if view.batch.status is BatchStatus.REFUNDED:
        return Decision(Action.CLOSE, ChallengeStage.WON)
    if view.batch.status is not BatchStatus.FAULTY:
        return Decision(Action.NOTHING, ChallengeStage.SETTLED)
    if view.confirmed:
        return Decision(Action.REFUND, ChallengeStage.WON)
    if view.stopped or view.now < view.batch.ended_at + view.earning_delay:
        return Decision(Action.NOTHING, ChallengeStage.WON)
    return Decision(Action.SETTLE, ChallengeStage.WON)
