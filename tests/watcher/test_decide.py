"""What a watcher does next about a challenge: a table, from states alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from onus.protocol import BatchState, BatchStatus, Challenge, ChallengeStatus, Turn
from onus.store import ChallengeStage, StoredChallenge
from onus.watcher import Action, ChainView, decide
from tests.store.people import WATCHER, batch, challenge, served

WINDOW_ENDS, SEALED_AT, DEADLINE, ENDED_AT, DELAY = 1_000, 500, 514, 600, 3
PLANNED: StoredChallenge = challenge(batch(served(1)))
SEALED = replace(PLANNED, stage=ChallengeStage.SEALED, sealed_at=SEALED_AT)
WON = replace(SEALED, stage=ChallengeStage.WON)


def view(now: int, status: ChallengeStatus, of_batch: BatchStatus = BatchStatus.PENDING) -> ChainView:
    exists = status is not ChallengeStatus.NULL
    state: dict[str, Any] = {
        "challenger": WATCHER.address,
        "sealed_at": SEALED_AT if exists else 0,
        "ordinal": int(exists),
        "status": status,
        "turn": Turn.CHALLENGER,
        "demands": 0,
        "moved_at": 0,
        "challenger_used": 0,
        "operator_used": 0,
        "answers": 0,
    }
    return ChainView(
        now=now,
        batch=BatchState(
            status=of_batch,
            open_challenges=0,
            challenges=0,
            committed_at=400,
            window_ends_at=WINDOW_ENDS,
            ended_at=ENDED_AT if of_batch.is_decided else 0,
            frozen_at_commit=0,
        ),
        challenge=Challenge(**state),
        deadline=DEADLINE if exists and not status.is_over else 0,
        earning_delay=DELAY,
    )


NULL, OPENED, ON_CHAIN = ChallengeStatus.NULL, ChallengeStatus.OPENED, ChallengeStatus.SEALED
FAULTY, SETTLED, FINAL = BatchStatus.FAULTY, BatchStatus.SETTLED, BatchStatus.FINAL
Stage = ChallengeStage

TABLE: dict[str, tuple[StoredChallenge, ChainView, Action, ChallengeStage]] = {
    "planned, window open": (PLANNED, view(999, NULL), Action.SEAL, Stage.PLANNED),
    "planned, window over": (PLANNED, view(1_000, NULL), Action.NOTHING, Stage.DROPPED),
    "planned, batch faulty": (PLANNED, view(999, NULL, FAULTY), Action.NOTHING, Stage.DROPPED),
    "planned, batch final": (PLANNED, view(999, NULL, FINAL), Action.NOTHING, Stage.DROPPED),
    "planned, batch reorganised away": (
        PLANNED,
        view(999, NULL, BatchStatus.NULL),
        Action.NOTHING,
        Stage.PLANNED,
    ),
    "died after sealing": (PLANNED, view(501, ON_CHAIN), Action.OPEN, Stage.SEALED),
    "sealed in this block": (SEALED, view(500, ON_CHAIN), Action.NOTHING, Stage.SEALED),
    "sealed before": (SEALED, view(501, ON_CHAIN), Action.OPEN, Stage.SEALED),
    "opened": (SEALED, view(513, OPENED), Action.PROVE, Stage.SEALED),
    "out of time": (SEALED, view(514, ON_CHAIN), Action.NOTHING, Stage.LOST),
    "seal reorganised away": (SEALED, view(501, NULL), Action.SEAL, Stage.SEALED),
    "another won": (SEALED, view(501, ON_CHAIN, FAULTY), Action.CLOSE, Stage.SEALED),
    "another won, out of time": (SEALED, view(999, OPENED, FAULTY), Action.CLOSE, Stage.SEALED),
    "another won, settled": (SEALED, view(999, OPENED, SETTLED), Action.CLOSE, Stage.SEALED),
    "refunded": (SEALED, view(999, OPENED, BatchStatus.REFUNDED), Action.CLOSE, Stage.SEALED),
    "died after proving": (SEALED, view(602, ChallengeStatus.WON, FAULTY), Action.NOTHING, Stage.WON),
    "won, pot closed": (WON, view(602, ChallengeStatus.WON, FAULTY), Action.NOTHING, Stage.WON),
    "won, pot open": (WON, view(603, ChallengeStatus.WON, FAULTY), Action.SETTLE, Stage.WON),
    "won, settled by another": (WON, view(603, ChallengeStatus.WON, SETTLED), Action.NOTHING, Stage.SETTLED),
    "lost on chain": (SEALED, view(999, ChallengeStatus.LOST), Action.NOTHING, Stage.LOST),
    "closed on chain": (SEALED, view(999, ChallengeStatus.CLOSED, FAULTY), Action.NOTHING, Stage.CLOSED),
}


@pytest.mark.parametrize("case", TABLE)
def test_decide(case: str) -> None:
    """D1, D3: in every state one thing to do, at every deadline −1, 0, +1."""
    stored, seen, action, stage = TABLE[case]
    decision = decide(stored, seen)
    assert (decision.action, decision.stage) == (action, stage)


def test_decide__in_any_state__never_spends_on_what_is_over() -> None:
    """D12: also in states that cannot be."""
    stages, moments = (PLANNED, SEALED, WON), (499, 500, 501, 514, 603, 1_000)
    for stored, status, of_batch, now in product(stages, ChallengeStatus, BatchStatus, moments):
        action = decide(stored, view(now, status, of_batch)).action
        if of_batch is not BatchStatus.PENDING:
            assert action not in (Action.SEAL, Action.PROVE)
        if status.is_over:
            assert action in (Action.NOTHING, Action.SETTLE)
