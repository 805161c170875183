"""The watcher through crashes, withheld data, other watchers, and operators that answer with anything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from eth_abi import encode

from onus.chain import EndpointError
from onus.chain.errors import EndpointUnreachable
from onus.client import Onus
from onus.library import Library
from onus.operator import Node
from onus.protocol import BatchStatus, ChallengeStatus, DemandKind, keccak256
from onus.store import BatchStage, ChallengeStage, SeenStage, StoredChallenge, VerdictKind
from onus.trace import Alteration
from onus.watcher import DataWithheld, EndpointSource, Watcher
from scripts.demo.dishonest import DishonestExecutor
from tests.nodes.town import DOLLAR, Town
from tests.watcher.faults import Liar


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture
def liar(town: Town) -> Liar:
    return Liar(town)


def wrong_batch(liar: Liar) -> bytes:
    return liar.commit([liar.leaf(), liar.leaf(alter=Alteration(slot=2, element=9, value=-90))])


def walk(town: Town, watcher: Watcher, stage: ChallengeStage, *, steps: int = 40) -> StoredChallenge:
    """Steps until the only challenge is in a stage."""
    for _ in range(steps):
        watcher.step()
        challenges = watcher.store.challenges()
        if challenges and challenges[-1].stage is stage:
            return challenges[-1]
        town.chain.advance(1)
    raise AssertionError(f"never {stage}: {watcher.store.challenges()}")


def balance(client: Onus) -> int:
    return client.escrow.free_balance_of(client.require_signer().address)


# ---- over real HTTP ---------------------------------------------------------------------------------------


def test_a_dishonest_operator__over_http__is_convicted_and_the_reward_is_paid(town: Town) -> None:
    """G2, G3: bond back, and the reward."""
    data = town.image()
    altered = DishonestExecutor({data: Alteration(slot=3, element=100, value=-99)})
    node = town.operator(executor=altered)
    payer = town.payer(node.service.operator)
    start = town.reader.block_number()
    town.ask(payer, node, 4, inputs=[data])
    (batch_id,) = node.flush().committed

    client = town.client()
    client.escrow.deposit(100 * DOLLAR)
    watcher = town.watcher(client=client, start_block=start)
    walk(town, watcher, ChallengeStage.SETTLED)
    state = town.reader.settlement.batch_of(batch_id)
    assert state.status is BatchStatus.SETTLED
    penalty = town.params.min_batch_stake
    reward = penalty * town.params.reward_bps // 10_000
    assert town.reader.escrow.free_balance_of(client.require_signer().address) == 100 * DOLLAR + reward
    # The payer has its fees back, and the restitution.
    address = payer.require_signer().address
    assert town.reader.escrow.free_balance_of(address) == 4 * 10**16 + penalty * 3_000 // 10_000
    town.chain.advance_to(watcher.store.batch(batch_id).window_ends_at)
    watcher.step()
    assert watcher.store.batch(batch_id).stage is SeenStage.CLOSED


def test_an_honest_operator__over_http__is_found_sound(town: Town) -> None:
    node = town.operator()
    start = town.reader.block_number()
    town.ask(town.payer(node.service.operator), node, 5)
    node.flush()
    watcher = town.watcher(start_block=start)
    report = watcher.step()
    assert [batch.stage for batch in report.examined] == [SeenStage.SOUND]
    assert watcher.step().is_idle


def test_an_endpoint_that_is_no_text__hides_no_other_operators_fraud(town: Town) -> None:
    """G2: what one operator does keeps no watcher from the others' batches."""
    hostile = town.operator()
    start = town.reader.block_number()
    town.ask(town.payer(hostile.service.operator), hostile, 1)
    (hidden,) = hostile.flush().committed
    data = town.image()
    liar = town.operator(executor=DishonestExecutor({data: Alteration(slot=3, element=100, value=-99)}))
    town.ask(town.payer(liar.service.operator), liar, 1, inputs=[data])
    (wrong,) = liar.flush().committed
    call = keccak256(b"setEndpoint(string)")[:4] + encode(["bytes"], [b"http://\xff\xfe"])
    town.chain.request("anvil_impersonateAccount", hostile.service.operator)
    town.chain.request(
        "eth_sendTransaction",
        {
            "from": hostile.service.operator,
            "to": town.reader.operators.address,
            "data": "0x" + call.hex(),
            "gas": hex(200_000),
        },
    )
    town.chain.advance(1)
    with pytest.raises(EndpointError):
        town.reader.operators.endpoint_of(hostile.service.operator)

    client = town.client()
    client.escrow.deposit(100 * DOLLAR)
    watcher = town.watcher(client=client, start_block=start)
    walk(town, watcher, ChallengeStage.WON)
    assert town.reader.settlement.batch_of(wrong).status is BatchStatus.FAULTY
    assert watcher.store.batch(hidden).stage is SeenStage.WITHHELD


def test_a_running_watcher__needs_nobody(town: Town) -> None:
    data = town.image()
    node = town.operator(executor=DishonestExecutor({data: Alteration(slot=5, element=0, value=-128)}))
    with town.watcher() as watcher:
        town.ask(town.payer(node.service.operator), node, 1, inputs=[data])
        (batch_id,) = node.flush().committed
        for _ in range(600):
            if town.reader.settlement.batch_of(batch_id).status is BatchStatus.FAULTY:
                break
            threading.Event().wait(0.05)
        assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.FAULTY
        watcher.stop()


# ---- crashes ----------------------------------------------------------------------------------------------


CRASHES = [
    ("challenge", "before", ChallengeStage.PLANNED),
    ("challenge", "after", ChallengeStage.PLANNED),
    ("prove", "before", ChallengeStage.SEALED),
    ("prove", "after", ChallengeStage.SEALED),
]


@pytest.mark.parametrize(("verb", "at", "left"), CRASHES)
def test_a_crash_around_a_transaction__never_loses_the_opening(
    town: Town, liar: Liar, verb: str, at: str, left: ChallengeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = town.reader.block_number()
    batch_id = wrong_batch(liar)
    client, database = town.client(), town.database()
    client.escrow.deposit(100 * DOLLAR)
    first = town.watcher(client=client, database=database, source=liar, start_block=start)
    send = getattr(client.disputes, verb)

    def crash(*args: Any, **kwargs: Any) -> None:
        if at == "after":
            send(*args, **kwargs)
        raise Crash

    monkeypatch.setattr(client.disputes, verb, crash)
    with pytest.raises(Crash):
        walk(town, first, ChallengeStage.WON)
    assert [each.stage for each in first.store.challenges()] == [left]
    first.stop()

    again = town.watcher(
        client=town.same(client.require_signer()),  # type: ignore[arg-type]
        database=database,
        source=liar,
        start_block=start,
    )
    walk(town, again, ChallengeStage.WON)
    assert len(again.store.challenges()) == 1
    assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.FAULTY
    opened = town.reader.disputes.ChallengeOpened.logs(from_block=start, batch_id=batch_id)
    assert len(opened) == 1


def test_a_crash_after_planning__the_batch_is_not_accused_twice(
    town: Town, liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = town.reader.block_number()
    wrong_batch(liar)
    client, database = town.client(), town.database()
    client.escrow.deposit(100 * DOLLAR)
    first = town.watcher(client=client, database=database, source=liar, start_block=start)

    def crash(*_: Any, **__: Any) -> None:
        raise Crash

    monkeypatch.setattr(first.store, "judge", crash)
    with pytest.raises(Crash):
        first.step()
    assert len(first.store.challenges()) == 1
    first.stop()
    again = town.watcher(client=client, database=database, source=liar, start_block=start)
    walk(town, again, ChallengeStage.WON)
    assert len(again.store.challenges()) == 1


def test_a_challenge_it_cannot_pay__is_tried_again(town: Town, liar: Liar) -> None:
    start = town.reader.block_number()
    wrong_batch(liar)
    client = town.client()
    watcher = town.watcher(client=client, source=liar, start_block=start)
    watcher.step()
    assert [each.stage for each in watcher.store.challenges()] == [ChallengeStage.PLANNED]
    client.escrow.deposit(100 * DOLLAR)
    walk(town, watcher, ChallengeStage.WON)


def test_a_chain_that_does_not_answer__ends_the_step_and_nothing_else(
    town: Town, liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = town.reader.block_number()
    wrong_batch(liar)
    client = town.client()
    client.escrow.deposit(100 * DOLLAR)
    watcher = town.watcher(client=client, source=liar, start_block=start)
    seal = client.disputes.challenge

    def fail(*_: Any) -> None:
        raise EndpointUnreachable("gone")

    monkeypatch.setattr(client.disputes, "challenge", fail)
    with pytest.raises(EndpointError):
        watcher.step()
    monkeypatch.setattr(client.disputes, "challenge", seal)
    walk(town, watcher, ChallengeStage.WON)


# ---- others -----------------------------------------------------------------------------------------------


def test_two_watchers__one_reward__the_other_has_its_bond_back(town: Town, liar: Liar) -> None:
    """C17."""
    start = town.reader.block_number()
    batch_id = wrong_batch(liar)
    clients = [town.client(), town.client()]
    for client in clients:
        client.escrow.deposit(100 * DOLLAR)
    first, second = (town.watcher(client=client, source=liar, start_block=start) for client in clients)
    walk(town, second, ChallengeStage.SEALED)
    walk(town, first, ChallengeStage.WON)
    lost = walk(town, second, ChallengeStage.CLOSED)
    assert town.reader.disputes.challenge_of(lost.challenge_id).status is ChallengeStatus.CLOSED
    assert [balance(client) for client in clients] == [75 * DOLLAR, 100 * DOLLAR]
    walk(town, first, ChallengeStage.SETTLED)
    assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.SETTLED
    reward = town.params.min_batch_stake * town.params.reward_bps // 10_000
    assert [balance(client) for client in clients] == [100 * DOLLAR + reward, 100 * DOLLAR]


def test_a_batch_whose_window_is_over__is_left_alone(town: Town, liar: Liar) -> None:
    start = town.reader.block_number()
    batch_id = wrong_batch(liar)
    town.chain.advance_to(town.reader.settlement.batch_of(batch_id).window_ends_at)
    watcher = town.watcher(source=liar, start_block=start)
    watcher.step()
    assert watcher.store.challenges() == []
    assert watcher.store.batch(batch_id).stage is SeenStage.SEEN


def test_a_model_it_has_not_recompiled__is_not_challenged(town: Town, liar: Liar) -> None:
    """G13: only what is secured."""
    start = town.reader.block_number()
    batch_id = wrong_batch(liar)
    watcher = town.watcher(source=liar, start_block=start, library=Library())
    watcher.step()
    found = watcher.store.batch(batch_id)
    assert found.stage is SeenStage.UNSECURED
    assert "no file here compiles" in found.note
    assert watcher.store.challenges() == []


# ---- withheld ---------------------------------------------------------------------------------------------


def test_data_withheld__is_recorded_and_asked_for_again(town: Town) -> None:
    """G5: without a budget for samples it waits; the data come later, the conviction too."""
    data = town.image()
    node = town.operator(executor=DishonestExecutor({data: Alteration(slot=2, element=1, value=-90)}))
    start = town.reader.block_number()
    town.ask(town.payer(node.service.operator), node, 2, inputs=[data])
    (batch_id,) = node.flush().committed
    operator = node.service._client
    operator.operators.set_endpoint("http://127.0.0.1:9")
    watcher = town.watcher(start_block=start)
    watcher.step()
    found = watcher.store.batch(batch_id)
    assert (found.stage, found.attempts) == (SeenStage.WITHHELD, 1)
    assert "batch data" in found.note
    operator.operators.set_endpoint(node.url)
    walk(town, watcher, ChallengeStage.WON)


def test_a_withheld_trace__is_demanded(town: Town, liar: Liar) -> None:
    """G5: what is served is not demanded; what is not, is, and an operator that is silent loses by time."""
    start = town.reader.block_number()
    batch_id = wrong_batch(liar)

    def withhold(*_: Any, **__: Any) -> Any:
        raise DataWithheld("trace", "no answer")

    liar.trace = withhold  # type: ignore[method-assign]
    watcher = town.watcher(source=liar, start_block=start)
    watcher.step()
    assert [each.kind for each in watcher.store.verdicts(batch_id)] == [
        VerdictKind.RIGHT,
        VerdictKind.WITHHELD,
    ]
    (planned,) = watcher.store.challenges()
    assert (planned.opening.leaf_index, planned.sampled, planned.evidence) == (1, False, None)
    won = walk(town, watcher, ChallengeStage.WON)
    assert won.note == "the operator was silent"
    demanded = town.reader.disputes.Demanded.logs(from_block=start, batch_id=batch_id)
    assert [each.event.position.kind for each in demanded] == [DemandKind.TRACE_NODES]
    assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.FAULTY


def test_a_trace_that_is_not_the_committed_one__counts_as_withheld(town: Town, liar: Liar) -> None:
    """An operator that shows its honest trace for a dishonest root shows nothing."""
    start = town.reader.block_number()
    batch_id = wrong_batch(liar)
    honest = liar.model.engine.run_encoded([liar.committed[batch_id].inputs[1][0]])[0]
    liar.traces[batch_id, 1] = honest
    watcher = town.watcher(source=liar, start_block=start)
    watcher.step()
    assert [each.kind for each in watcher.store.verdicts(batch_id)][1] is VerdictKind.WITHHELD
    assert walk(town, watcher, ChallengeStage.WON).opening.leaf_index == 1


# ---- endpoints that answer with anything ------------------------------------------------------------------


@pytest.fixture(scope="module")
def node(_town: Town) -> Node:
    """An operator with a batch, for all endpoints that it pretends to have; it is not asked itself."""
    with _town.staying():
        node = _town.operator()
        _town.ask(_town.payer(node.service.operator), node, 1)
        node.flush()
        return node


@contextmanager
def endpoint(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _reply(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" " * 65_536)
    except OSError:
        pass


def _slow(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            threading.Event().wait(0.05)
    except OSError:
        pass


HOSTILE: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "nothing": lambda handler: handler.connection.close(),
    "404": lambda handler: _reply(handler, b"", 404),
    "500": lambda handler: _reply(handler, b"{" * 5_000, 500),
    "not JSON": lambda handler: _reply(handler, b"\xff\x00"),
    "deep JSON": lambda handler: _reply(handler, b"[" * 100_000),
    "another object": lambda handler: _reply(handler, b'{"batch": {}, "requests": [], "inputs": []}'),
    "compressed": lambda handler: _reply(handler, b"x" * 100, content_encoding="gzip"),
    "a redirect": lambda handler: _reply(handler, b"", 302, location="http://127.0.0.1:1/"),
    "without end": _endless,
    "a drop at a time": _slow,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_whatever_an_endpoint_answers__is_withheld_data(town: Town, node: Node, case: str) -> None:
    """G12."""
    (batch,) = node.store.batches(BatchStage.COMMITTED)
    with endpoint(HOSTILE[case]) as url:
        node.service._client.operators.set_endpoint(url)
        source = EndpointSource(town.reader, timeout_seconds=2, total_seconds=0.5)
        model = town.library.secure(town.model_id, models=town.reader.models)
        with pytest.raises(DataWithheld):
            source.batch(batch.batch_id, header=batch.header, claims=batch.claims, model=model)
        receipt = node.store.receipts_of(batch.batch_id)[0].receipt.message
        with pytest.raises(DataWithheld):
            source.trace(batch.batch_id, 0, receipt=receipt, model=model)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "http://",
        "http://[::1",
        "nonsense",
        "http://127.0.0.1:9",
        "http://a..b",
        f"http://{'a' * 64}.example",
    ],
)
def test_an_endpoint_that_is_none__is_withheld_data(town: Town, node: Node, url: str) -> None:
    (batch,) = node.store.batches(BatchStage.COMMITTED)
    node.service._client.operators.set_endpoint(url)
    model = town.library.secure(town.model_id, models=town.reader.models)
    with pytest.raises(DataWithheld):
        EndpointSource(town.reader, timeout_seconds=2).batch(
            batch.batch_id, header=batch.header, claims=batch.claims, model=model
        )
