"""An operator's records: what a crash at any point must not lose or do twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update

from onus.protocol import BatchId, to_address
from onus.store import (
    AlreadyServed,
    BatchStage,
    Database,
    NotWaiting,
    OperatorStore,
    Owner,
    ReceiptStage,
    SchemaMismatch,
    UnknownBatch,
    WrongOwner,
    WrongState,
)
from onus.store._schema import properties
from tests.store.people import DOMAIN, FEE, OWNER, PAYERS, STAKE, account, batch, served, staged

Connect = Callable[..., Database]


@pytest.fixture
def store(connect: Connect) -> OperatorStore:
    return OperatorStore(connect())


def test_record__then_another_process__finds_everything(connect: Connect) -> None:
    first, second = served(1), served(2, payer=1)
    accounts = [account(promised=FEE, cumulative=3 * FEE), account(1, promised=FEE)]
    OperatorStore(connect()).record([first, second], accounts)
    again = OperatorStore(connect())
    ids = [first.request_id, second.request_id, bytes(32)]
    assert again.served(ids) == {first.request_id: first, second.request_id: second}
    assert again.waiting() == [first, second]
    assert again.accounts([each.payer for each in accounts]) == {each.payer: each for each in accounts}
    assert again.exposure() == 2 * STAKE
    assert again.backlog() == (2, 2_000)
    assert again.count(ReceiptStage.SERVED) == 2


def test_record__of_a_request_served_before__keeps_nothing_of_it(store: OperatorStore) -> None:
    store.record([served(1)], [account(promised=FEE)])
    with pytest.raises(AlreadyServed):
        store.record([served(2), served(1)], [account(promised=3 * FEE)])
    assert store.waiting() == [served(1)]
    assert store.accounts([PAYERS[0].address])[PAYERS[0].address].promised == FEE


def test_record__by_two_writers_at_once__one_wins(connect: Connect) -> None:
    stores = [OperatorStore(connect()) for _ in range(2)]
    barrier, outcomes = threading.Barrier(2), []

    def write(store: OperatorStore) -> None:
        barrier.wait()
        try:
            store.record([served(1)], [account(promised=FEE)])
            outcomes.append("kept")
        except AlreadyServed:
            outcomes.append("refused")

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["kept", "refused"]


def test_record__of_large_amounts__is_exact(store: OperatorStore) -> None:
    most = 2**128 - 1
    store.record([served(1, stake=most)], [account(promised=most)])
    assert store.waiting()[0].receipt.message.stake == most
    assert store.exposure() == most
    assert store.accounts([PAYERS[0].address])[PAYERS[0].address].promised == most


def test_an_empty_store__knows_nothing(store: OperatorStore) -> None:
    assert store.served([]) == {}
    assert store.accounts([]) == {}
    assert store.waiting() == []
    assert store.exposure() == 0
    assert store.backlog() == (0, 0)
    assert store.batches(BatchStage.PREPARED) == []
    with pytest.raises(UnknownBatch):
        store.batch(bytes(32))
    with pytest.raises(UnknownBatch):
        store.decide(BatchId(bytes(32)), final=True)


def test_a_batch__goes_through_its_life(store: OperatorStore, connect: Connect) -> None:
    one, two, three = served(1, payer=1), served(2), served(3)
    store.record([one, two, three], [account(promised=2 * FEE), account(1, promised=FEE)])
    made = batch(one, two)
    batch_id = made.id(DOMAIN)

    prepared = store.prepare(batch_id, made)
    assert prepared.stage is BatchStage.PREPARED
    assert store.waiting() == [three]
    assert store.exposure() == 3 * STAKE

    # Another process, after a crash.
    again = OperatorStore(connect())
    assert again.batches(BatchStage.PREPARED) == [prepared]
    leaves = again.receipts_of(batch_id)
    assert [each.receipt.message for each in leaves] == list(made.receipts)
    assert [each.leaf_index for each in leaves] == [0, 1]
    assert again.receipt_at(batch_id, 1) == leaves[1]
    assert again.receipt_at(batch_id, 2) is None

    for _ in range(2):
        again.commit(batch_id, transaction="0x" + "ab" * 32, committed_at=2_001, window_ends_at=2_027)
    committed = again.batch(batch_id)
    assert (committed.stage, committed.committed_at, committed.window_ends_at) == (
        BatchStage.COMMITTED,
        2_001,
        2_027,
    )
    assert again.exposure() == STAKE
    for _ in range(2):
        again.decide(batch_id, final=True)
    assert again.batch(batch_id).stage is BatchStage.FINAL
    assert {each.stage for each in again.receipts_of(batch_id)} == {ReceiptStage.FINAL}


def test_prepare__of_a_receipt_in_another_batch__changes_nothing(store: OperatorStore) -> None:
    one, two = served(1), served(2)
    store.record([one, two], [account(promised=2 * FEE)])
    first = batch(one)
    store.prepare(first.id(DOMAIN), first)
    second = batch(one, two, sequence=1)
    with pytest.raises(NotWaiting) as caught:
        store.prepare(second.id(DOMAIN), second)
    assert (caught.value.waiting, caught.value.needed) == (1, 2)
    assert store.waiting() == [two]
    with pytest.raises(UnknownBatch):
        store.batch(second.id(DOMAIN))


def test_abandon__lets_receipts_wait_again(store: OperatorStore) -> None:
    one = served(1)
    store.record([one], [account(promised=FEE)])
    first = batch(one)
    store.prepare(first.id(DOMAIN), first)
    store.abandon(first.id(DOMAIN))
    assert store.waiting() == [one]
    second = batch(one, sequence=4)
    store.prepare(second.id(DOMAIN), second)
    placed = staged(one, stage=ReceiptStage.BATCHED, batch_id=second.id(DOMAIN), leaf_index=0)
    assert store.receipts_of(second.id(DOMAIN)) == [placed]


def test_steps_back__are_refused(store: OperatorStore) -> None:
    one = served(1)
    store.record([one], [account(promised=FEE)])
    made = batch(one)
    batch_id = made.id(DOMAIN)
    store.prepare(batch_id, made)
    with pytest.raises(WrongState):
        store.decide(batch_id, final=True)
    store.commit(batch_id, transaction=None, committed_at=1, window_ends_at=2)
    with pytest.raises(WrongState):
        store.abandon(batch_id)
    store.decide(batch_id, final=False)
    with pytest.raises(WrongState):
        store.decide(batch_id, final=True)
    assert store.served([one.request_id])[one.request_id].stage is ReceiptStage.FAULTY


@pytest.mark.parametrize(
    "other",
    [
        replace(OWNER, role="watcher"),
        replace(OWNER, domain=replace(DOMAIN, chain_id=1)),
        replace(OWNER, domain=replace(DOMAIN, settlement=to_address("0x" + "52" * 20))),
        replace(OWNER, address=PAYERS[0].address),
    ],
)
def test_a_database__belongs_to_one_owner(connect: Connect, other: Owner) -> None:
    connect()
    with pytest.raises(WrongOwner):
        connect(other)
    connect()


def test_a_database__of_another_version__is_refused(connect: Connect) -> None:
    with connect().transaction() as connection:
        connection.execute(update(properties).where(properties.c.key == "schema").values(value="0"))
    with pytest.raises(SchemaMismatch):
        connect()
