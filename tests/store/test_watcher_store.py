"""A watcher's records: no opening is ever lost, no block is ever skipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from onus.protocol import BatchId, ChallengeId, FaultKind
from onus.store import (
    ChallengeStage,
    Database,
    SeenStage,
    UnknownBatch,
    UnknownChallenge,
    Verdict,
    VerdictKind,
    WatcherStore,
    WrongState,
)
from tests.store.people import DOMAIN, batch, challenge, ref, seen, served

Connect = Callable[..., Database]


@pytest.fixture
def store(connect: Connect) -> WatcherStore:
    return WatcherStore(connect(), kept_blocks=4)


def test_read__moves_the_cursor_and_the_batches_together(store: WatcherStore, connect: Connect) -> None:
    assert store.cursor() is None
    first, second = seen(batch(served(1)), 5), seen(batch(served(2)), 6)
    store.read(ref(5), [first])
    store.read(ref(6), [second])
    again = WatcherStore(connect())
    assert again.cursor() == ref(6)
    assert again.batches() == [first, second]
    assert again.batch(first.batch_id) == first


def test_read__again__changes_nothing_but_the_place(store: WatcherStore) -> None:
    made = batch(served(1))
    store.read(ref(5), [seen(made, 5)])
    store.judge(made.id(DOMAIN), SeenStage.SOUND, [Verdict(leaf_index=0, kind=VerdictKind.RIGHT)])
    store.read(ref(5, fork=1), [seen(made, 5)])
    assert store.blocks() == [ref(5, fork=1)]
    assert store.batch(made.id(DOMAIN)).stage is SeenStage.SOUND


def test_blocks__are_kept_only_so_far_back(store: WatcherStore) -> None:
    for number in range(1, 10):
        store.read(ref(number), [])
    assert [block.number for block in store.blocks()] == [9, 8, 7, 6]


def test_rewind__forgets_what_only_the_lost_blocks_had(store: WatcherStore) -> None:
    old, lost, accused = batch(served(1)), batch(served(2)), batch(served(3))
    store.read(ref(5), [seen(old, 5)])
    store.read(ref(7), [seen(lost, 6), seen(accused, 7)])
    store.judge(lost.id(DOMAIN), SeenStage.SOUND, [Verdict(leaf_index=0, kind=VerdictKind.RIGHT)])
    store.plan(challenge(accused))
    store.rewind(5)
    assert store.cursor() == ref(5)
    assert {each.batch_id for each in store.batches()} == {old.id(DOMAIN), accused.id(DOMAIN)}
    assert store.verdicts(lost.id(DOMAIN)) == []


def test_judge__replaces_verdicts_and_counts_attempts(store: WatcherStore) -> None:
    made = batch(served(1), served(2))
    batch_id = made.id(DOMAIN)
    store.read(ref(5), [seen(made, 5)])
    store.judge(batch_id, SeenStage.WITHHELD, note="no answer")
    verdicts = [
        Verdict(leaf_index=0, kind=VerdictKind.RIGHT),
        Verdict(leaf_index=1, kind=VerdictKind.ELEMENT, slot=2, element=70_000, note="1 is not 2"),
    ]
    store.judge(batch_id, SeenStage.FAULTY, verdicts)
    assert store.verdicts(batch_id) == verdicts
    found = store.batch(batch_id)
    assert (found.stage, found.attempts, found.note) == (SeenStage.FAULTY, 2, "")
    store.close(batch_id, note="final")
    assert store.batches(SeenStage.CLOSED)[0].note == "final"
    with pytest.raises(UnknownBatch):
        store.judge(BatchId(bytes(32)), SeenStage.SOUND)
    with pytest.raises(UnknownBatch):
        store.batch(bytes(32))


def test_plan__then_a_crash__the_opening_is_there(store: WatcherStore, connect: Connect) -> None:
    planned = challenge(batch(served(1), served(2)), leaf=1)
    store.plan(planned)
    again = WatcherStore(connect())
    assert again.challenges() == [planned]
    assert again.challenges(ChallengeStage.SEALED) == []
    assert again.challenges(batch_id=planned.batch_id) == [planned]
    assert again.challenges(batch_id=bytes(32)) == []
    with pytest.raises(IntegrityError):
        again.plan(planned)


def test_a_challenge__goes_forward_only(store: WatcherStore) -> None:
    planned = challenge(batch(served(1)))
    name = planned.challenge_id
    store.plan(planned)
    sealed = store.advance(name, ChallengeStage.SEALED, sealed_at=70, transaction="0x" + "01" * 32)
    assert (sealed.sealed_at, sealed.transactions) == (70, ("0x" + "01" * 32,))
    with pytest.raises(WrongState):
        store.advance(name, ChallengeStage.PLANNED)
    won = store.advance(name, ChallengeStage.WON, transaction="0x" + "02" * 32, note="shown")
    assert (won.sealed_at, len(won.transactions), won.note) == (70, 2, "shown")
    for stage in (ChallengeStage.SEALED, ChallengeStage.LOST, ChallengeStage.DROPPED):
        with pytest.raises(WrongState):
            store.advance(name, stage)
    assert store.advance(name, ChallengeStage.SETTLED).stage.is_over
    assert store.challenges() == [store.advance(name, ChallengeStage.SETTLED)]
    with pytest.raises(UnknownChallenge):
        store.advance(ChallengeId(bytes(32)), ChallengeStage.SEALED)


def test_a_challenge_without_evidence__keeps_what_was_served__and_gets_it_later(
    store: WatcherStore, connect: Connect
) -> None:
    """What an operator served is not demanded again, also after a crash."""
    made, one = batch(served(1), served(2)), served(2)
    blind = replace(challenge(made, leaf=1), sampled=True, proof=None, kind=None, evidence=None)
    told = replace(
        challenge(made, leaf=1, salt=8),
        request=one.request.message,
        input=one.input,
        kind=None,
        evidence=None,
    )
    store.plan(blind)
    store.plan(told)
    again = WatcherStore(connect())
    assert again.challenges() == [blind, told]
    proof = made.proof(1)
    shown = again.show(
        blind.challenge_id, proof=proof, kind=FaultKind.REQUEST, evidence=b"\x02" * 224, note="the request"
    )
    assert shown == replace(
        blind, proof=proof, kind=FaultKind.REQUEST, evidence=b"\x02" * 224, note="the request"
    )
    assert again.challenges() == [shown, told]
    with pytest.raises(UnknownChallenge):
        again.show(ChallengeId(bytes(32)), proof=proof, kind=FaultKind.HEADER, evidence=b"", note="")


def test_a_won_challenge_whose_batch_was_refunded__is_closed(store: WatcherStore) -> None:
    planned = challenge(batch(served(1)))
    store.plan(planned)
    store.advance(planned.challenge_id, ChallengeStage.WON)
    assert store.advance(planned.challenge_id, ChallengeStage.CLOSED).stage.is_over
