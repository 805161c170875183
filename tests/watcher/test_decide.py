"""What a watcher does next about a challenge: a table, from states alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from onus.protocol import BatchState, BatchStatus, Challenge, ChallengeStatus, DemandKind, Turn
from onus.store import ChallengeStage, StoredChallenge
from onus.watcher import Action, ChainView, decide
from tests.store.people import WATCHER, batch, challenge, served

WINDOW_ENDS, SEALED_AT, DEADLINE, ENDED_AT, DELAY = 1_000, 500, 514, 600, 3
PLANNED: StoredChallenge = challenge(batch(served(1)))
SEALED = replace(PLANNED, stage=ChallengeStage.SEALED, sealed_at=SEALED_AT)
WON = replace(SEALED, stage=ChallengeStage.WON)


def view(
    now: int,
    status: ChallengeStatus,
    of_batch: BatchStatus = BatchStatus.PENDING,
    *,
    turn: Turn = Turn.CHALLENGER,
    stopped: bool = False,
    confirmed: bool = False,
) -> ChainView:
    exists = status is not ChallengeStatus.NULL
    demanded = turn is Turn.OPERATOR
    state: dict[str, Any] = {
        "challenger": WATCHER.address,
        "sealed_at": SEALED_AT if exists else 0,
        "challenger_time": DEADLINE - SEALED_AT,
        "ordinal": int(exists),
        "status": status,
        "moved_at": SEALED_AT,
        "challenger_left": DEADLINE - SEALED_AT,
        "operator_left": DEADLINE - SEALED_AT,
        "demands_left": 5,
        "answers": 0,
        "demand_kind": DemandKind.RECEIPT if demanded else DemandKind.NONE,
        "demand_level": 0,
        "demand_slot": 0,
        "demand_index": 0,
        "demand_size": 0,
        "demand_above": 0,
    }
    return ChainView(
        now=now,
        stopped=stopped or confirmed,
        confirmed=confirmed,
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
        earning_delay=DELAY,
    )


ENGAGED = ChallengeStatus.ENGAGED
NULL, OPENED, ON_CHAIN = ChallengeStatus.NULL, ChallengeStatus.OPENED, ChallengeStatus.SEALED
FAULTY, SETTLED, FINAL = BatchStatus.FAULTY, BatchStatus.SETTLED, BatchStatus.FINAL
REFUNDED = BatchStatus.REFUNDED
WON_ON_CHAIN = ChallengeStatus.WON
THEIRS = Turn.OPERATOR
BLIND = replace(SEALED, sampled=True, proof=None, kind=None, evidence=None)
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
    "nothing to show yet": (BLIND, view(501, ON_CHAIN), Action.PURSUE, Stage.SEALED),
    "nothing to show yet, opened": (BLIND, view(513, OPENED), Action.PURSUE, Stage.SEALED),
    "answered": (BLIND, view(513, ENGAGED), Action.PURSUE, Stage.SEALED),
    "answered, out of time": (BLIND, view(514, ENGAGED), Action.NOTHING, Stage.LOST),
    "answered, something to show": (SEALED, view(513, ENGAGED), Action.PROVE, Stage.SEALED),
    "nothing to show, out of time": (BLIND, view(514, OPENED), Action.NOTHING, Stage.LOST),
    "demanded": (BLIND, view(513, ENGAGED, turn=THEIRS), Action.NOTHING, Stage.SEALED),
    "demanded, operator out of time": (BLIND, view(514, ENGAGED, turn=THEIRS), Action.TIMEOUT, Stage.SEALED),
    "something to show, operator's turn": (
        SEALED,
        view(513, ENGAGED, turn=THEIRS),
        Action.NOTHING,
        Stage.SEALED,
    ),
    "planned, quarantine": (PLANNED, view(501, NULL, stopped=True), Action.NOTHING, Stage.PLANNED),
    "sealed, quarantine": (SEALED, view(501, OPENED, stopped=True), Action.NOTHING, Stage.SEALED),
    "out of time, quarantine": (SEALED, view(514, OPENED, stopped=True), Action.NOTHING, Stage.SEALED),
    "operator out of time, quarantine": (
        BLIND,
        view(514, ENGAGED, turn=THEIRS, stopped=True),
        Action.NOTHING,
        Stage.SEALED,
    ),
    "won, quarantine": (WON, view(603, WON_ON_CHAIN, FAULTY, stopped=True), Action.NOTHING, Stage.WON),
    "another won, quarantine": (SEALED, view(501, OPENED, FAULTY, stopped=True), Action.CLOSE, Stage.SEALED),
    "planned, confirmed": (PLANNED, view(501, NULL, confirmed=True), Action.NOTHING, Stage.DROPPED),
    "sealed, confirmed": (SEALED, view(514, OPENED, confirmed=True), Action.CLOSE, Stage.SEALED),
    "won, confirmed": (WON, view(603, WON_ON_CHAIN, FAULTY, confirmed=True), Action.REFUND, Stage.WON),
    "won, refunded": (WON, view(603, WON_ON_CHAIN, REFUNDED, confirmed=True), Action.CLOSE, Stage.WON),
    "won, settled, confirmed": (
        WON,
        view(603, WON_ON_CHAIN, SETTLED, confirmed=True),
        Action.NOTHING,
        Stage.SETTLED,
    ),
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
    stages, moments = (PLANNED, SEALED, BLIND, WON), (499, 500, 501, 514, 603, 1_000)
    conditions = ({}, {"stopped": True}, {"confirmed": True}, {"turn": THEIRS})
    paid_moves = (Action.SEAL, Action.OPEN, Action.PURSUE, Action.PROVE, Action.TIMEOUT)
    for stored, status, of_batch, now, condition in product(
        stages, ChallengeStatus, BatchStatus, moments, conditions
    ):
        action = decide(stored, view(now, status, of_batch, **condition)).action
        if of_batch is not BatchStatus.PENDING or ("turn" not in condition and condition):
            assert action not in paid_moves
        if status.is_over and status is not WON_ON_CHAIN:
            assert action is Action.NOTHING
        if status is WON_ON_CHAIN:
            assert action in (Action.NOTHING, Action.SETTLE, Action.CLOSE, Action.REFUND)
        if "stopped" in condition and of_batch is BatchStatus.PENDING:
            assert action is Action.NOTHING
