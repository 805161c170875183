"""Committing, through crashes at every point: nothing is lost, nothing is committed twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from onus.chain import EndpointError, LocalSigner
from onus.chain.errors import EndpointUnreachable, NotConfirmed, ParametersSetNotInForce
from onus.client import Onus
from onus.inference import Session
from onus.operator import CommitPolicy, Committer
from onus.protocol import Batch, BatchStatus, Signed, Voucher
from onus.store import BatchStage, Database, OperatorStore, Owner, ReceiptStage
from tests.nodes.town import FEE, STAKE, Town


class Crash(BaseException):
    """The process is gone."""


class Scene:
    """An operator with three receipts that wait, whose process can be started again."""

    def __init__(self, town: Town) -> None:
        self.town = town
        client, key = town.client(), LocalSigner.create()
        self.signer, self.database = client.require_signer(), town.database()
        node = town.node(client, key, database=self.database, margin_seconds=-(10**6))
        town.register(client, key, node.url)
        node.start()
        self.payer = town.payer(node.service.operator)
        self.answers = town.ask(self.payer, node, 3)
        # Without the last commit of a clean stop.
        node._stop.set()
        for thread in node._threads:
            thread.join()
        node._server.stop()

    def start(self, **policy: int) -> tuple[Committer, OperatorStore, Onus]:
        """A new process on the same records."""
        client = self.town.same(self.signer)  # type: ignore[arg-type]
        owner = Owner(role="operator", domain=client.domain, address=self.signer.address)
        database = Database(self.database, owner=owner)
        self.town.visit.callback(database.close)
        store = OperatorStore(database)
        return Committer(client, store=store, policy=CommitPolicy(**policy)), store, client

    def commits(self) -> int:
        """How many batches the chain has of this operator."""
        logs = self.town.reader.settlement.BatchCommitted
        return len(logs.logs(from_block=self.town.manifest.first_block, operator=self.signer.address))


@pytest.fixture
def scene(town: Town) -> Scene:
    return Scene(town)


def failing(at: str) -> Callable[[Any], Any]:
    """A commit whose process dies before it is sent, or after."""

    def wrap(commit: Any) -> Any:
        def crash(*args: Any, **kwargs: Any) -> Any:
            if at == "after":
                commit(*args, **kwargs)
            raise Crash

        return crash

    return wrap


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_crash_between_records_and_chain__is_made_good(
    scene: Scene, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    committer, store, client = scene.start()
    monkeypatch.setattr(client.settlement, "commit", failing(at)(client.settlement.commit))
    with pytest.raises(Crash):
        committer.step(flush=True)
    assert len(store.batches(BatchStage.PREPARED)) == 1
    assert store.waiting() == []

    committer, store, _ = scene.start()
    committer.step()
    (batch,) = store.batches(BatchStage.COMMITTED)
    assert batch.header.count == 3
    assert batch.window_ends_at - batch.committed_at == scene.town.params.max_challenge_window
    assert scene.commits() == 1
    committer.step(flush=True)
    assert scene.commits() == 1


def test_a_crash_while_recording_the_receipts__nobody_has_a_signature(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not recorded was not handed out: asking again gives the first receipt."""
    town = scene.town
    node = town.operator()
    payer = town.payer(node.service.operator)
    order = town.order(payer, node.service.operator)
    record = node.service._store.record

    def crash(*_: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(node.service._store, "record", crash)
    with pytest.raises(RuntimeError):
        node.service.serve([order])
    monkeypatch.setattr(node.service._store, "record", record)
    (first,), (again,) = node.service.serve([order]), node.service.serve([order])
    assert first == again
    assert node.store.count(ReceiptStage.SERVED) == 1


@pytest.mark.parametrize(
    "error",
    [
        EndpointUnreachable("gone"),
        NotConfirmed("commit", nonce=0, hashes=("0x" + "00" * 32,), reason="not mined"),
    ],
    ids=["endpoint gone", "not confirmed"],
)
def test_an_error_while_sending__the_next_step_goes_on(
    scene: Scene, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    committer, store, client = scene.start()
    commit = client.settlement.commit

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(client.settlement, "commit", fail)
    progress = committer.step(flush=True)
    assert [failed for _, failed in progress.failed] == [error]
    monkeypatch.setattr(client.settlement, "commit", commit)
    assert len(committer.step().committed) == 1
    assert scene.commits() == 1
    assert len(store.batches(BatchStage.COMMITTED)) == 1


def test_a_chain_that_does_not_answer__is_an_error_of_the_step(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    committer, store, client = scene.start()

    def fail(**_: Any) -> int:
        raise EndpointUnreachable("gone")

    monkeypatch.setattr(client, "now", fail)
    with pytest.raises(EndpointError):
        committer.step(flush=True)
    assert len(store.waiting()) == 3


def test_a_prepared_batch_whose_sequence_is_taken__is_given_up_with_those_behind_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only another user of the same key can do that; the receipts are still committed."""
    committer, store, client = scene.start(max_receipts=1)
    monkeypatch.setattr(client.settlement, "commit", failing("before")(None))
    with pytest.raises(Crash):
        committer.step(flush=True)
    prepared = store.batches(BatchStage.PREPARED)
    assert [batch.header.sequence for batch in prepared] == [0, 1, 2]

    _commit_elsewhere(scene)
    committer, store, _ = scene.start()
    committer.step(flush=True)
    assert [batch.stage for batch in map(store.batch, (each.batch_id for each in prepared))] == [
        BatchStage.ABANDONED
    ] * 3
    (batch,) = store.batches(BatchStage.COMMITTED)
    assert (batch.header.count, batch.header.sequence) == (3, 1)


def _commit_elsewhere(scene: Scene) -> None:
    """Another process with the same account takes sequence 0."""
    client = scene.town.same(scene.signer)  # type: ignore[arg-type]
    payer = scene.town.payer(scene.signer.address).require_signer()
    receipt = replace(scene.answers[0].receipt.message, payer=payer.address)
    newest, _ = client.parameters.current()
    batch = Batch.build([receipt], param_set=newest, sequence=0)
    voucher = Voucher(payer=payer.address, operator=receipt.operator, cumulative=FEE)
    client.settlement.commit(batch, [Signed.by(payer, voucher, domain=client.domain)])


def test_a_prepared_batch_whose_parameter_set_is_gone__is_made_anew(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    committer, store, client = scene.start()
    commit = client.settlement.commit

    def refuse(*_: Any) -> None:
        raise ParametersSetNotInForce(set=1, newest=2)

    monkeypatch.setattr(client.settlement, "commit", refuse)
    assert len(committer.step(flush=True).failed) == 1
    assert store.count(ReceiptStage.SERVED) == 3
    monkeypatch.setattr(client.settlement, "commit", commit)
    # The same terms give the same batch: abandoned once, it is what the chain takes now.
    assert len(committer.step(flush=True).committed) == 1
    assert scene.commits() == 1


def test_commits__in_time_and_final_after_the_window(town: Town) -> None:
    """The committer of a running node, by the clock alone."""
    client, key = town.client(), LocalSigner.create()
    node = town.node(client, key, margin_seconds=1)
    town.register(client, key, node.url)
    node.start()
    payer = town.payer(node.service.operator)
    (answer,) = town.ask(payer, node, 1)
    _until(lambda: bool(node.store.batches(BatchStage.COMMITTED)))
    (batch,) = node.store.batches(BatchStage.COMMITTED)
    receipt = answer.receipt.message
    assert receipt.served_at <= batch.committed_at
    assert town.reader.operators.state_of(node.service.operator).locked == max(
        STAKE, town.params.min_batch_stake
    )
    town.chain.advance_to(batch.window_ends_at)
    _until(lambda: bool(node.store.batches(BatchStage.FINAL)))
    assert town.reader.settlement.batch_of(batch.batch_id).status is BatchStatus.FINAL
    assert town.reader.operators.state_of(node.service.operator).locked == 0
    assert town.reader.escrow.free_balance_of(node.service.operator) > 0


def test_a_full_batch__is_committed_without_waiting(town: Town) -> None:
    node = town.operator(max_receipts=2)
    payer = town.payer(node.service.operator)
    town.ask(payer, node, 5)
    _until(lambda: len(node.store.batches(BatchStage.COMMITTED)) == 2)
    assert node.store.count(ReceiptStage.SERVED) == 1


def test_a_payer_in_two_sessions__begins_where_the_chain_is(town: Town) -> None:
    node = town.operator()
    payer = town.payer(node.service.operator)
    town.ask(payer, node, 2)
    node.flush()
    with Session(payer, node.service.operator) as session:
        assert session.promised == 2 * FEE
        session.infer(town.model_id, [town.image()], max_fee=3 * FEE, min_stake=STAKE)
        assert session.promised == 3 * FEE


def _until(done: Callable[[], bool], *, seconds: float = 20.0) -> None:
    over = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if done():
            return
        over.wait(0.02)
    raise AssertionError(f"not within {seconds} seconds")
