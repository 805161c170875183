"""What to do next about a challenge: pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from onus.protocol import BatchState, BatchStatus, Challenge, ChallengeStatus
from onus.store import ChallengeStage, StoredChallenge

__all__ = ["Action", "ChainView", "Decision", "decide"]


class Action(StrEnum):
    """What to do on chain."""

    SEAL = "seal"
    OPEN = "open"
    PROVE = "prove"
    CLOSE = "close"
    SETTLE = "settle"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """What the chain says about a challenge at one block; times in seconds.

    Attributes:
        now: time of the block.
        batch: the batch's state.
        challenge: the challenge; its status is NULL if there is none.
        deadline: when the side to move is out of time; 0 if nobody is to move.
        earning_delay: between a verdict and the opening of its pot.
    """

    now: int
    batch: BatchState
    challenge: Challenge
    deadline: int
    earning_delay: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and where the challenge is before it is done."""

    action: Action
    stage: ChallengeStage
    note: str = ""


_OVER = {
    ChallengeStatus.LOST: Decision(Action.NOTHING, ChallengeStage.LOST, "out of time"),
    ChallengeStatus.CLOSED: Decision(Action.NOTHING, ChallengeStage.CLOSED, "another challenge won"),
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
    if view.batch.status is not BatchStatus.PENDING:
        return Decision(Action.CLOSE, ChallengeStage.SEALED)
    if view.now >= view.deadline:
        # Nothing can be shown any more; whoever likes ends it.
        return Decision(Action.NOTHING, ChallengeStage.LOST, "out of time")
    if view.now <= view.challenge.sealed_at:
        return Decision(Action.NOTHING, ChallengeStage.SEALED)
    # Only an opened challenge keeps its reward from a copy of its evidence: so the place first.
    opened = status is ChallengeStatus.OPENED
    return Decision(Action.PROVE if opened else Action.OPEN, ChallengeStage.SEALED)


def _begin(stored: StoredChallenge, view: ChainView) -> Decision:
    # Also when it had been sealed: a reorganisation may have taken the seal away.
    if view.batch.status is BatchStatus.NULL:
        return Decision(Action.NOTHING, stored.stage)
    if view.batch.status is not BatchStatus.PENDING:
        return Decision(Action.NOTHING, ChallengeStage.DROPPED, "the batch was decided before")
    if view.now >= view.batch.window_ends_at:
        return Decision(Action.NOTHING, ChallengeStage.DROPPED, "the window closed before")
    return Decision(Action.SEAL, stored.stage)


def _collect(view: ChainView) -> Decision:
    if view.batch.status is not BatchStatus.FAULTY:
        return Decision(Action.NOTHING, ChallengeStage.SETTLED)
    if view.now < view.batch.ended_at + view.earning_delay:
        return Decision(Action.NOTHING, ChallengeStage.WON)
    return Decision(Action.SETTLE, ChallengeStage.WON)
