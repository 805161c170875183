"""Reading the chain: nothing is skipped, nothing is believed that the chain has taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onus.chain import EndpointError
from onus.store import Database, Owner, SeenStage, WatcherStore
from onus.watcher import Follower
from tests.nodes.town import Town, open_town
from tests.watcher.faults import Liar


@pytest.fixture(scope="module")
def _own_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("town")) as town:
        # Blocks come only when the tests say so.
        town.chain.request("evm_setIntervalMining", 0)
        town.chain.request("evm_setAutomine", True)
        yield town


@pytest.fixture
def own_town(_own_town: Town) -> Iterator[Town]:
    """A chain whose blocks are taken back."""
    yield _own_town
    _own_town.close_visit()


@pytest.fixture
def store(own_town: Town, tmp_path: Path) -> Iterator[WatcherStore]:
    client = own_town.client()
    owner = Owner(role="watcher", domain=client.domain, address=client.require_signer().address)
    with Database(f"sqlite:///{tmp_path / 'watcher.db'}", owner=owner) as database:
        yield WatcherStore(database, kept_blocks=8)


def test_follow__from_the_deployment_on__sees_every_batch_once(own_town: Town, store: WatcherStore) -> None:
    liar = Liar(own_town)
    made = {liar.commit([liar.leaf()]) for _ in range(3)}
    follower = Follower(own_town.reader, store=store)
    assert {batch.batch_id for batch in follower.follow()} >= made
    assert follower.follow() == []
    again = liar.commit([liar.leaf(), liar.leaf()])
    (found,) = follower.follow()
    assert (found.batch_id, found.header.count, found.stage) == (again, 2, SeenStage.SEEN)
    assert found.window_ends_at == own_town.reader.settlement.batch_of(again).window_ends_at


def test_follow__with_confirmations__leaves_the_newest_blocks(own_town: Town, store: WatcherStore) -> None:
    liar = Liar(own_town)
    start = own_town.reader.block_number() + 1
    batch_id = liar.commit([liar.leaf()])
    follower = Follower(own_town.reader, store=store, start_block=start, confirmations=2)
    assert follower.follow() == []
    own_town.chain.request("anvil_mine", "0x2")
    assert [batch.batch_id for batch in follower.follow()] == [batch_id]


def test_follow__through_a_reorganisation__reads_the_new_blocks(own_town: Town, store: WatcherStore) -> None:
    """D10."""
    liar = Liar(own_town)
    start = own_town.reader.block_number() + 1
    follower = Follower(own_town.reader, store=store, start_block=start)
    kept = liar.commit([liar.leaf()])
    follower.follow()
    snapshot = own_town.chain.request("evm_snapshot")
    lost = liar.commit([liar.leaf()])
    follower.follow()
    assert {batch.batch_id for batch in store.batches()} == {kept, lost}

    own_town.chain.request("evm_revert", snapshot)
    # Anvil would mine what was undone once more.
    own_town.chain.request("anvil_dropAllTransactions")
    liar.client = own_town.same(liar.client.require_signer())  # type: ignore[arg-type]
    own_town.chain.request("evm_increaseTime", 7)
    other = liar.commit([liar.leaf(), liar.leaf()])
    assert [batch.batch_id for batch in follower.follow()] == [other]
    assert {batch.batch_id for batch in store.batches()} == {kept, other}
    assert store.cursor() is not None


def test_follow__through_a_reorganisation_that_keeps_a_batch__keeps_its_verdict(
    own_town: Town, store: WatcherStore
) -> None:
    liar = Liar(own_town)
    start = own_town.reader.block_number() + 1
    follower = Follower(own_town.reader, store=store, start_block=start)
    batch_id = liar.commit([liar.leaf()])
    own_town.chain.request("anvil_mine", "0x3")
    follower.follow()
    store.judge(batch_id, SeenStage.SOUND)
    snapshot = own_town.chain.request("evm_snapshot")
    own_town.chain.request("anvil_mine", "0x2")
    follower.follow()
    own_town.chain.request("evm_revert", snapshot)
    own_town.chain.request("evm_increaseTime", 9)
    own_town.chain.request("anvil_mine", "0x4")
    assert follower.follow() == []
    assert store.batch(batch_id).stage is SeenStage.SOUND


def test_follow__deeper_than_what_is_remembered__reads_from_the_start(
    own_town: Town, store: WatcherStore
) -> None:
    liar = Liar(own_town)
    start = own_town.reader.block_number() + 1
    follower = Follower(own_town.reader, store=store, start_block=start)
    batch_id = liar.commit([liar.leaf()])
    snapshot = own_town.chain.request("evm_snapshot")
    for _ in range(12):
        own_town.chain.request("anvil_mine", "0x1")
        follower.follow()
    assert len(store.blocks()) == 8
    own_town.chain.request("evm_revert", snapshot)
    own_town.chain.request("evm_increaseTime", 11)
    own_town.chain.request("anvil_mine", "0x2")
    assert [batch.batch_id for batch in follower.follow()] == [batch_id]


def test_follow__a_chain_that_changes_while_it_is_read__is_read_again(
    own_town: Town, store: WatcherStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = Liar(own_town)
    start = own_town.reader.block_number() + 1
    batch_id = liar.commit([liar.leaf()])
    follower = Follower(own_town.reader, store=store, start_block=start)
    hashes = iter([bytes(32)])
    real = follower._hash
    monkeypatch.setattr(follower, "_hash", lambda number: next(hashes, None) or real(number))
    assert follower.follow() == []
    assert store.cursor() is None
    assert [batch.batch_id for batch in follower.follow()] == [batch_id]


def test_follow__when_the_endpoint_fails__begins_where_it_was(
    own_town: Town, store: WatcherStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onus.chain.errors import EndpointUnreachable

    liar = Liar(own_town)
    start = own_town.reader.block_number() + 1
    batch_id = liar.commit([liar.leaf()])
    follower = Follower(own_town.reader, store=store, start_block=start)
    batch_of = own_town.reader.settlement.batch_of

    def fail(*_: object, **__: object) -> None:
        raise EndpointUnreachable("gone")

    monkeypatch.setattr(own_town.reader.settlement, "batch_of", fail)
    with pytest.raises(EndpointError):
        follower.follow()
    assert store.cursor() is None
    monkeypatch.setattr(own_town.reader.settlement, "batch_of", batch_of)
    assert [batch.batch_id for batch in follower.follow()] == [batch_id]
