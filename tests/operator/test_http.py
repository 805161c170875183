"""The operator's HTTP API, over real HTTP and on a real chain."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onus.chain import LocalSigner
from onus.inference import Answer, NodeClient, Order, Refused, tensors_root
from onus.operator import Node, NodeError, NotTheSigner, Server, VoucherInvalid, WrongKey
from onus.protocol import RequestId, Signed
from onus.store import BatchStage
from tests.nodes.town import BATCH, FEE, Town


@pytest.fixture
def node(town: Town) -> Node:
    return town.operator()


# One for all: making a client takes longer than a request.
HTTP = httpx.Client(timeout=20, trust_env=False)


def answer_of(response: httpx.Response) -> Answer:
    assert response.status_code == 200, response.text
    return Answer.from_json(response.json())


def post(node: Node, body: Any) -> httpx.Response:
    return HTTP.post(f"{node.url}/v1/inferences", json=body)


def kind_of(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    return str(body["type"].rpartition(":")[2])


# ---- serving ----------------------------------------------------------------------------------------------


def test_an_order__is_answered_with_what_the_model_computes(town: Town, shared_node: Node) -> None:
    payer = town.payer(shared_node.service.operator)
    order = town.order(payer, shared_node.service.operator)
    answer = answer_of(post(shared_node, order.to_json()))
    receipt = answer.receipt.message
    own = town.library.secure(town.model_id, models=town.reader.models).engine.run_encoded([order.inputs[0]])[
        0
    ]
    assert (receipt.trace_root, receipt.output_root) == (own.trace_root, own.output_root)
    assert answer.outputs == (own.output_bytes,)
    assert receipt.commit_by == receipt.served_at + town.params.max_commit_delay
    assert receipt.fee == FEE
    payer.payer.check_receipt(answer.receipt, request=order.request.message, now=payer.now())


def test_the_same_order_again__gets_the_same_answer(town: Town, shared_node: Node) -> None:
    """Guarantee 3: one writer per request, one receipt per request."""
    payer = town.payer(shared_node.service.operator)
    order = town.order(payer, shared_node.service.operator)
    first = answer_of(post(shared_node, order.to_json()))
    again = answer_of(post(shared_node, order.to_json()))
    path = f"/v1/receipts/0x{first.receipt.message.request_id.hex()}"
    read = answer_of(HTTP.get(shared_node.url + path))
    assert first == again == read


def test_the_same_order_at_once__one_receipt_and_one_fee(town: Town, node: Node) -> None:
    payer = town.payer(node.service.operator)
    body = town.order(payer, node.service.operator).to_json()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: answer_of(post(node, body)), range(24)))
    assert len(set(map(repr, answers))) == 1
    address = payer.require_signer().address
    assert node.store.accounts([address])[address].promised == FEE


def test_many_payers_at_once__each_is_answered_and_charged_once(town: Town, shared_node: Node) -> None:
    payers = [town.payer(shared_node.service.operator) for _ in range(3)]
    orders = [
        town.order(payer, shared_node.service.operator, cumulative=3 * FEE)
        for payer in payers
        for _ in range(3)
    ]
    with ThreadPoolExecutor(9) as pool:
        answers = list(pool.map(lambda order: answer_of(post(shared_node, order.to_json())), orders))
    assert len({answer.receipt.message.request_id for answer in answers}) == 9
    for payer in payers:
        address = payer.require_signer().address
        assert shared_node.store.accounts([address])[address].promised == 3 * FEE


def test_one_voucher_for_one_fee__pays_for_one_of_ten_orders_at_once(town: Town, shared_node: Node) -> None:
    """E3: what is under way counts."""
    payer = town.payer(shared_node.service.operator)
    orders = [town.order(payer, shared_node.service.operator) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        responses = list(pool.map(lambda order: post(shared_node, order.to_json()), orders))
    assert sorted(each.status_code for each in responses) == [200] + [402] * 9
    assert {kind_of(each) for each in responses if each.status_code == 402} == {"voucher-too-low"}


# ---- what does not belong ---------------------------------------------------------------------------------


GARBAGE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"1" * 10_000,
    b"[" * 10_000,
    b"\xff\xfe\x00",
    b'{"request": {}, "voucher": {}, "inputs": []}',
    b'{"request": null, "voucher": 1, "inputs": "0x00"}',
    json.dumps({"request": {"message": {}, "signature": "0x"}, "voucher": {}, "inputs": ["0x00"]}).encode(),
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage__is_refused(town: Town, shared_node: Node, body: bytes) -> None:
    """G12."""
    response = HTTP.post(f"{shared_node.url}/v1/inferences", content=body)
    assert (response.status_code, kind_of(response)) == (400, "malformed")
    assert HTTP.get(f"{shared_node.url}/health").json()["status"] == "ok"


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [at] + [path for key, each in value.items() for path in _paths(each, (*at, key))]
    return [at]


def test_an_order_with_any_field_wrong__is_refused(town: Town, shared_node: Node) -> None:
    payer = town.payer(shared_node.service.operator)
    order = town.order(payer, shared_node.service.operator).to_json()
    before = len(shared_node.store.waiting())
    wrong = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-1, 2**300),
        st.text(max_size=80),
        st.lists(st.integers(), max_size=2),
        st.binary(max_size=70).map(lambda data: "0x" + data.hex()),
        st.just({}),
    )

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(_paths(order)), wrong)
    def check(path: tuple[Any, ...], value: Any) -> None:
        changed = json.loads(json.dumps(order))
        if not path:
            changed = value
        else:
            inside = changed
            for key in path[:-1]:
                inside = inside[key]
            if inside[path[-1]] == value:
                return
            inside[path[-1]] = value
        response = post(shared_node, changed)
        assert 400 <= response.status_code < 500
        assert kind_of(response)

    check()
    assert len(shared_node.store.waiting()) == before


def test_a_signature_that_recovers_to_nobody__spoils_no_other_order(town: Town, shared_node: Node) -> None:
    operator = shared_node.service.operator
    payers = [town.payer(operator) for _ in range(2)]
    good, bad = (town.order(payer, operator) for payer in payers)
    outcomes = []
    for r in range(1, 9):
        signature = r.to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\x1b"
        request = replace(bad, request=Signed(bad.request.message, signature))
        voucher = replace(bad, voucher=Signed(bad.voucher.message, signature))
        outcomes += shared_node.service.serve([request])
        outcomes += shared_node.service.serve([voucher])
    assert {type(outcome) for outcome in outcomes} == {NotTheSigner, VoucherInvalid}
    assert isinstance(shared_node.service.serve([request, good])[1], Answer)


def test_a_body_larger_than_any_order__is_cut_off(town: Town, shared_node: Node) -> None:
    response = HTTP.post(f"{shared_node.url}/v1/inferences", content=b" " * 10_000_000)
    assert (response.status_code, kind_of(response)) == (413, "body-too-large")


def test_a_body_without_end__is_cut_off(town: Town, shared_node: Node) -> None:
    host, port = shared_node.url.removeprefix("http://").split(":")
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        raw.sendall(b"POST /v1/inferences HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError):
            raw.sendall(chunk * 1_000)
    assert HTTP.get(f"{shared_node.url}/health").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/inferences", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/receipts/0x12", 404),
        ("GET", "/v1/receipts/" + "0x" + "0" * 64, 404),
        ("GET", "/v1/receipts/" + "0x" + "A" * 64, 404),
        ("GET", "/v1/batches/" + "0x" + "0" * 64, 404),
        ("GET", "/v1/batches/x", 404),
        ("GET", "/v1/batches/" + "0x" + "0" * 64 + "/traces/0", 404),
        ("GET", "/v1/batches/" + "0x" + "0" * 64 + "/traces/-1", 400),
        ("GET", "/v1/batches/" + "0x" + "0" * 64 + "/traces/99999999999", 400),
        ("GET", "/v1/batches/" + "0x" + "0" * 64 + "/traces/٣", 400),
    ],
)
def test_what_is_not_there__is_a_problem(
    town: Town, shared_node: Node, method: str, path: str, status: int
) -> None:
    response = HTTP.request(method, shared_node.url + path)
    assert response.status_code == status
    assert kind_of(response)


def test_an_unknown_model__is_not_served(town: Town, shared_node: Node) -> None:
    payer = town.payer(shared_node.service.operator)
    order = town.order(payer, shared_node.service.operator, model_id=b"\x01" * 32)  # type: ignore[arg-type]
    assert kind_of(post(shared_node, order.to_json())) == "model-not-served"


# ---- batches ----------------------------------------------------------------------------------------------


def test_a_batchs_data__are_those_that_were_committed(town: Town, node: Node) -> None:
    payers = [town.payer(node.service.operator) for _ in range(2)]
    answers = [one for payer in payers for one in town.ask(payer, node, BATCH // 2)]
    node.flush()
    (stored,) = node.store.batches(BatchStage.COMMITTED)
    committed = town.reader.settlement.committed(stored.batch_id)
    with NodeClient(node.url) as client:
        data = client.batch(
            stored.batch_id,
            header=committed.header,
            claims=committed.claims,
            domain=town.reader.domain,
            input_bytes=64,
        )
        assert {receipt.struct_hash for receipt in data.batch.receipts} == {
            one.receipt.message.struct_hash for one in answers
        }
        for leaf, receipt in enumerate(data.batch.receipts):
            model = town.library.secure(town.model_id, models=town.reader.models)
            own = model.engine.run_encoded([data.inputs[leaf][0]])[0]
            trace = client.trace(stored.batch_id, leaf, size=model.trace_bytes)
            assert trace == b"".join(own.committed(slot) for slot in range(len(model.program.slots)))
            assert receipt.trace_root == own.trace_root
        with pytest.raises(Refused):
            client.trace(stored.batch_id, BATCH, size=model.trace_bytes)


def test_health_and_metrics__say_what_goes_on(town: Town, node: Node) -> None:
    payer = town.payer(node.service.operator)
    town.ask(payer, node, 2)
    health = HTTP.get(f"{node.url}/health").json()
    assert health["operator"] == node.service.operator
    assert health["offers"][0]["modelId"] == "0x" + town.model_id.hex()
    text = HTTP.get(f"{node.url}/metrics").text
    assert "onus_answers_total 2.0" in text
    assert 'onus_receipts{stage="served"} 2.0' in text


# ---- start and stop ---------------------------------------------------------------------------------------


def test_stop__then_start_on_the_same_records__goes_on(town: Town) -> None:
    client, key, database = town.client(), LocalSigner.create(), town.database()
    node = town.node(client, key, database=database)
    town.register(client, key, node.url)
    node.start()
    payer = town.payer(node.service.operator)
    order = town.order(payer, node.service.operator)
    first = answer_of(post(node, order.to_json()))
    node.stop()
    node.stop()
    with pytest.raises(httpx.HTTPError):
        HTTP.get(f"{node.url}/health")

    again = town.node(town.same(client.require_signer()), key, database=database)  # type: ignore[arg-type]
    client.operators.set_endpoint(again.url)
    again.start()
    assert answer_of(post(again, order.to_json())) == first
    # A clean stop commits what was served.
    assert [batch.header.count for batch in again.store.batches(BatchStage.COMMITTED)] == [1]


def test_a_node_whose_key_is_not_registered__does_not_start(town: Town) -> None:
    client, key = town.client(), LocalSigner.create()
    node = town.node(client, LocalSigner.create())
    town.register(client, key, node.url)
    with pytest.raises(WrongKey):
        node.start()


def test_a_port_that_is_taken__is_an_error(town: Town, shared_node: Node) -> None:
    port = int(shared_node.url.rpartition(":")[2])
    with pytest.raises(NodeError, match="cannot listen"):
        Server(lambda *_: None, port=port)


def test_stop__lets_what_is_under_way_finish(town: Town, node: Node) -> None:
    payer = town.payer(node.service.operator)
    orders = [town.order(payer, node.service.operator, cumulative=20 * FEE) for _ in range(12)]
    statuses: list[int] = []

    def ask(order: Order) -> None:
        try:
            statuses.append(post(node, order.to_json()).status_code)
        except httpx.HTTPError:
            statuses.append(0)

    threads = [threading.Thread(target=ask, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    node.stop()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 503, 0}


def test_the_receipt_of_an_unknown_request__is_refused(town: Town, shared_node: Node) -> None:
    with NodeClient(shared_node.url) as client, pytest.raises(Refused) as caught:
        client.answer(RequestId(tensors_root([np.zeros(64, np.int8).tobytes()])))
    assert caught.value.problem.kind == "not-found"
