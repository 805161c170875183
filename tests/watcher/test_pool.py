"""Slow operators: each has a thread at most, and nobody waits for them."""

from __future__ import annotations

import threading
import time

import pytest

from onus.watcher._pool import OnePerKey


def test_a_slow_job__keeps_nobody_waiting__and_comes_later() -> None:
    pool: OnePerKey[str, str] = OnePerKey(workers=2, patience_seconds=0.2)
    go = threading.Event()

    def slow() -> str:
        assert go.wait(10)
        return "slow"

    began = time.monotonic()
    assert pool.run({"a": slow, "b": lambda: "quick"}) == ["quick"]
    # Its key has one under way: not another one, and no waiting for it.
    assert pool.run({"a": lambda: "never"}) == []
    assert time.monotonic() - began < 5
    go.set()
    pool.close()
    assert pool.run({}) == ["slow"]


def test_an_error__is_raised__and_the_others_come_with_the_next_call() -> None:
    pool: OnePerKey[str, int] = OnePerKey(workers=2, patience_seconds=5)

    def fail() -> int:
        raise LookupError("no")

    with pytest.raises(LookupError):
        pool.run({"a": fail, "b": lambda: 2})
    assert pool.run({}) == [2]
    pool.close()
