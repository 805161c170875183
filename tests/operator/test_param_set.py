"""Under which parameter set an operator commits what it served before a change."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from onus.operator._committer import Committer

ADDED_AT, DELAY, GRACE = 1_000, 60, 30


def set_of(served_at: list[int], *, now: int, newest: int = 2) -> int:
    """What the committer names in the header, with a second set since `ADDED_AT`."""
    before = SimpleNamespace(max_commit_delay=DELAY, grace=GRACE)
    parameters = SimpleNamespace(
        current=lambda: (newest, None), newest_added_at=lambda: ADDED_AT, params_of=lambda number: before
    )
    committer: Any = Committer.__new__(Committer)
    committer._client = SimpleNamespace(parameters=parameters, now=lambda: now)
    return committer._set_of([SimpleNamespace(served_at=at) for at in served_at])


END = ADDED_AT + DELAY + GRACE


@pytest.mark.parametrize(
    ("served_at", "now", "expected"),
    [
        ([ADDED_AT - 1], ADDED_AT, 1),
        ([ADDED_AT - 1], END - 1, 1),
        ([ADDED_AT - 1], END, 2),
        ([ADDED_AT], ADDED_AT, 2),
        ([ADDED_AT + 5, ADDED_AT - 1], ADDED_AT + 6, 1),
    ],
)
def test_set__when_it_changed_after_serving__is_the_one_of_then_while_it_takes_commits(
    served_at: list[int], now: int, expected: int
) -> None:
    """B8, E13: a change is no trap for what was served before it."""
    assert set_of(served_at, now=now) == expected


def test_set__when_there_is_one__is_it() -> None:
    assert set_of([0], now=ADDED_AT, newest=1) == 1
