"""What is committed when."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from onus.operator import CommitPolicy, plan
from onus.operator._plan import MAX_CLAIMS
from onus.protocol import Receipt, to_address
from onus.store import BatchStage, StoredBatch
from tests.store.people import DOMAIN, batch, served

RECEIPT = served(1).receipt.message
POLICY = CommitPolicy(max_receipts=3, margin_seconds=2)


def receipts(count: int, **changes: object) -> list[Receipt]:
    return [
        replace(RECEIPT, request_id=number.to_bytes(32, "big"), **changes)  # type: ignore[arg-type]
        for number in range(count)
    ]


def test_nothing_waits__nothing_is_done() -> None:
    done = plan(now=0, waiting=[], committed=[], policy=POLICY)
    assert (done.prepare, done.finalize) == ((), ())


def test_a_full_batch__is_committed_at_once__the_rest_waits() -> None:
    waiting = receipts(7, commit_by=1_000)
    done = plan(now=0, waiting=waiting, committed=[], policy=POLICY)
    assert done.prepare == (tuple(waiting[:3]), tuple(waiting[3:6]))


def test_a_receipt__is_committed_before_its_time_is_over() -> None:
    waiting = [*receipts(1, commit_by=100), *receipts(2, commit_by=90)[1:]]
    assert plan(now=87, waiting=waiting, committed=[], policy=POLICY).prepare == ()
    assert plan(now=88, waiting=waiting, committed=[], policy=POLICY).prepare == (tuple(waiting),)


def test_flush__commits_what_waits() -> None:
    waiting = receipts(1, commit_by=1_000)
    assert plan(now=0, waiting=waiting, committed=[], policy=POLICY, flush=True).prepare == (tuple(waiting),)


def test_windows__that_are_over_are_finalized() -> None:
    made = batch(served(1))
    stored = [
        StoredBatch(
            batch_id=made.id(DOMAIN),
            header=made.header,
            claims=made.claims,
            stage=BatchStage.COMMITTED,
            window_ends_at=ends,
        )
        for ends in (10, 11)
    ]
    assert plan(now=10, waiting=[], committed=stored, policy=POLICY).finalize == (stored[0],)


def test_a_batch__has_no_more_payers_than_the_contract_takes() -> None:
    waiting = [
        replace(receipt, payer=to_address(number.to_bytes(20, "big")))
        for number, receipt in enumerate(receipts(MAX_CLAIMS + 3), start=1)
    ]
    done = plan(now=0, waiting=waiting, committed=[], policy=CommitPolicy(max_receipts=10_000), flush=True)
    assert [len(part) for part in done.prepare] == [MAX_CLAIMS, 3]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 9)), max_size=40))
def test_flush__every_receipt_goes_into_one_sound_batch(terms: list[tuple[int, int, int]]) -> None:
    waiting = [
        replace(receipt, fee=fee, stake=stake, commit_by=2_000 + delay)
        for receipt, (fee, stake, delay) in zip(receipts(len(terms)), terms, strict=True)
    ]
    done = plan(now=0, waiting=waiting, committed=[], policy=POLICY, flush=True)
    assert sorted(each.request_id for part in done.prepare for each in part) == sorted(
        each.request_id for each in waiting
    )
    for part in done.prepare:
        assert 1 <= len(part) <= POLICY.max_receipts
        assert len({(each.fee, each.stake) for each in part}) == 1
