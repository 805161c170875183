"""What to commit next: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

from onus.protocol import Address, Receipt
from onus.store import StoredBatch

__all__ = ["CommitPolicy", "Plan", "plan"]

MAX_CLAIMS: Final = 256
"""Most payers of one batch (``Settlement.MAX_CLAIMS``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPolicy:
    """When a batch is committed.

    A batch is exposure: one wrong receipt costs the stake of all of them.

    Attributes:
        max_receipts: a batch with this many is committed at once.
        margin_seconds: before the earliest ``commit_by``, whatever has come by then is committed.
    """

    max_receipts: int = 1_024
    margin_seconds: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now.

    Attributes:
        prepare: receipts of new batches, in the order of their sequences.
        finalize: batches whose window is over.
    """

    prepare: tuple[tuple[Receipt, ...], ...]
    finalize: tuple[StoredBatch, ...]


def plan(
    *,
    now: int,
    waiting: Sequence[Receipt],
    committed: Iterable[StoredBatch],
    policy: CommitPolicy,
    flush: bool = False,
) -> Plan:
    """Decides what to commit and what to finalize.

    Args:
        now: time of the latest block, in seconds.
        waiting: receipts in no batch, in the order in which they were served.
        committed: batches that are neither final nor faulty as far as is known.
        policy: when.
        flush: whether to commit everything that waits.
    """
    due = [
        part
        for part in _parts(waiting, policy.max_receipts)
        if flush
        or len(part) >= policy.max_receipts
        or min(receipt.commit_by for receipt in part) <= now + policy.margin_seconds
    ]
    over = tuple(batch for batch in committed if batch.window_ends_at <= now)
    return Plan(prepare=tuple(due), finalize=over)


def _parts(waiting: Sequence[Receipt], max_receipts: int) -> Iterator[tuple[Receipt, ...]]:
    """Receipts of one model, fee and stake, by arrival, no part with too many receipts or payers."""
    terms = attrgetter("model_id", "fee", "stake")
    for _, group in groupby(sorted(waiting, key=terms), key=terms):
        part: list[Receipt] = []
        payers: set[Address] = set()
        for receipt in group:
            if len(part) == max_receipts or len(payers | {receipt.payer}) > MAX_CLAIMS:
                yield tuple(part)
                part, payers = [], set()
            part.append(receipt)
            payers.add(receipt.payer)
        yield tuple(part)
