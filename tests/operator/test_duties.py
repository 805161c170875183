"""What an operator does about challenges: pure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.operator import OpenChallenge, duties_of, in_transactions
from onus.protocol import (
    Answer,
    Challenge,
    ChallengeKey,
    ChallengeStatus,
    DemandKind,
    Opening,
    Reply,
)
from tests.store.people import DOMAIN, WATCHER, batch, served

MADE = batch(served(1), served(2))
OPENING = Opening(leaf_index=0, salt=bytes(31) + b"\1")


def challenge(*, now: int, demanded: bool = True, left: int = 10) -> OpenChallenge:
    """A challenge whose side to move has had ``left`` seconds since 100."""
    state = Challenge(
        challenger=WATCHER.address,
        sealed_at=100,
        challenger_time=left,
        ordinal=1,
        status=ChallengeStatus.ENGAGED,
        moved_at=100,
        challenger_left=left,
        operator_left=left,
        demands_left=5,
        answers=0,
        demand_kind=DemandKind.RECEIPT if demanded else DemandKind.NONE,
        demand_level=0,
        demand_slot=0,
        demand_index=0,
        demand_size=0,
        demand_above=0,
    )
    key: ChallengeKey = OPENING.key(WATCHER.address)
    return OpenChallenge(
        batch_id=MADE.id(DOMAIN),
        header=MADE.header,
        key=key,
        opening=OPENING,
        state=state,
        now=now,
        receipt_is_known=False,
    )


@pytest.mark.parametrize(
    ("now", "demanded", "expected"),
    [
        (109, True, "answer"),
        (110, True, "late"),
        (111, True, "late"),
        (109, False, ""),
        (110, False, "end"),
        (111, False, "end"),
    ],
)
def test_duties_of__around_the_deadline(now: int, demanded: bool, expected: str) -> None:
    """D1: at −1, 0, +1 one duty, or none."""
    one = challenge(now=now, demanded=demanded)
    duties = duties_of([one])
    found = {"answer": duties.answer, "end": duties.end, "late": duties.late}
    assert {name for name, each in found.items() if each} == ({expected} if expected else set())
    assert all(each in ((), (one,)) for each in found.values())


def test_duties_of__the_most_urgent_first() -> None:
    found = [challenge(now=101, left=left) for left in (9, 3, 20, 4)]
    assert [each.seconds_left for each in duties_of(found).answer] == [2, 3, 8, 19]


def reply(size: int) -> Reply:
    return Reply(
        header=MADE.header,
        challenger=WATCHER.address,
        opening=OPENING,
        answer=Answer(proof=(MADE.proof(0),), data=bytes(size)),
    )


def test_in_transactions__keeps_the_order__and_what_nodes_pass_on() -> None:
    """No transaction above 128 KiB or 16 replies, and nothing is left out."""
    replies = [reply(size) for size in (8_192,) * 23 + (0,) * 40 + (8_192,)]
    groups = list(in_transactions(replies))
    assert [each for group in groups for each in group] == replies
    assert all(len(group) <= 16 for group in groups)
    assert all(sum(len(each.answer.data) + 1_500 for each in group) < 128 * 1024 for group in groups)
    assert len(groups[0]) > 8
    assert list(in_transactions([])) == []


def test_in_transactions__one_that_is_too_large__goes_alone() -> None:
    large = replace(reply(0), answer=Answer(data=bytes(120_000)))
    assert list(in_transactions([reply(0), large, reply(0)])) == [(reply(0),), (large,), (reply(0),)]
