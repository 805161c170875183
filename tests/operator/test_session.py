"""A payer's session: it believes no answer that would not hold on chain, and promises no more than needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from onus.chain import LocalSigner
from onus.client import Onus
from onus.inference import (
    Answer,
    BadAnswer,
    NodeClient,
    NodeUnreachable,
    OutputMismatch,
    Refused,
    Session,
    tensors_root,
)
from onus.operator import Node
from onus.protocol import (
    OperatorUnfit,
    Receipt,
    ReceiptMismatch,
    ReceiptUntimely,
    Signed,
    WrongSigner,
)
from tests.nodes.town import FEE, STAKE, Town


class Between(httpx.BaseTransport):
    """Changes what comes back from a real node."""

    def __init__(self, change: Callable[[httpx.Response], httpx.Response]) -> None:
        self._real = httpx.HTTPTransport()
        self._change = change
        self.requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        response = self._real.handle_request(request)
        response.read()
        return self._change(response)


class Scene:
    """An honest node whose key the test has, and a payer."""

    def __init__(self, town: Town) -> None:
        self.town, self.key = town, LocalSigner.create()
        client = town.client()
        self.node: Node = town.node(client, self.key, margin_seconds=-(10**6))
        town.register(client, self.key, self.node.url)
        self.node.start()
        self.payer: Onus = town.payer(self.node.service.operator)
        self.charged = 0

    def session(self, change: Callable[[httpx.Response], httpx.Response]) -> Session:
        """A session whose answers are changed on their way; it goes on where the last one stopped."""
        session = Session(
            self.payer,
            self.node.service.operator,
            node=NodeClient(self.node.url, transport=Between(change)),
            promised=self.charged,
        )
        self.town.visit.callback(session.close)
        return session

    def ask(self, change: Callable[[httpx.Response], httpx.Response]) -> Session:
        """One inference over such a session."""
        session = self.session(change)
        try:
            session.infer(self.town.model_id, [self.town.image()], max_fee=FEE, min_stake=STAKE)
        finally:
            self.charged = session.promised
        return session

    def receipt(self, **changes: Any) -> Callable[[httpx.Response], httpx.Response]:
        """Answers with a changed receipt, signed again by the operator's own key."""

        def change(response: httpx.Response) -> httpx.Response:
            answer = Answer.from_json(response.json())
            receipt: Receipt = replace(
                answer.receipt.message,
                **{name: value(answer) if callable(value) else value for name, value in changes.items()},
            )
            signed = Signed.by(self.key, receipt, domain=self.payer.domain)
            return httpx.Response(200, json=replace(answer, receipt=signed).to_json())

        return change


@pytest.fixture
def scene(town: Town) -> Scene:
    return Scene(town)


@pytest.fixture(scope="module")
def shared(_town: Town) -> Scene:
    """A scene for tests that change nothing about it."""
    with _town.staying():
        return Scene(_town)


def raw(status: int, body: bytes, **headers: str) -> Callable[[httpx.Response], httpx.Response]:
    return lambda _: httpx.Response(status, content=body, headers=headers)


def test_a_right_answer__is_taken__and_charged(scene: Scene) -> None:
    session = scene.ask(lambda response: httpx.Response(200, content=response.content))
    assert session.promised == FEE


WRONG: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "another request": ({"request_id": b"\x01" * 32}, ReceiptMismatch),
    "another model": ({"model_id": b"\x01" * 32}, ReceiptMismatch),
    "another payer": ({"payer": lambda answer: answer.receipt.message.operator}, ReceiptMismatch),
    "another operator": ({"operator": lambda answer: answer.receipt.message.payer}, ReceiptMismatch),
    "another input": ({"input_root": b"\x01" * 32}, ReceiptMismatch),
    "a higher fee": ({"fee": FEE + 1}, ReceiptMismatch),
    "less stake": ({"stake": STAKE - 1}, ReceiptMismatch),
    "served long ago": (
        {"served_at": lambda answer: answer.receipt.message.served_at - 200},
        ReceiptUntimely,
    ),
    "to be committed too late": (
        {"commit_by": lambda answer: answer.receipt.message.commit_by + 1},
        ReceiptUntimely,
    ),
    "to be committed before it was served": (
        {"commit_by": lambda answer: answer.receipt.message.served_at - 1},
        ReceiptUntimely,
    ),
    "an output of another root": ({"output_root": b"\x01" * 32}, OutputMismatch),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_receipt_that_would_not_hold__is_not_taken(shared: Scene, case: str) -> None:
    """E14: even when the operator signs it."""
    changes, error = WRONG[case]
    with pytest.raises(error):
        shared.ask(shared.receipt(**changes))


def test_a_receipt_by_another_key__is_not_taken(scene: Scene) -> None:
    scene_key, scene.key = scene.key, LocalSigner.create()
    with pytest.raises(WrongSigner):
        scene.ask(scene.receipt())
    assert scene_key is not scene.key


def test_an_operator_whose_reserve_leaves__is_not_relied_on(scene: Scene) -> None:
    """The node itself would refuse: this is an answer that was given a moment before."""

    def change(response: httpx.Response) -> httpx.Response:
        scene.node.service._client.operators.request_reserve_exit()
        return httpx.Response(200, content=response.content)

    session = Session(
        scene.payer,
        scene.node.service.operator,
        node=NodeClient(scene.node.url, transport=Between(change)),
        facts_seconds=0,
    )
    with session, pytest.raises(OperatorUnfit):
        session.infer(scene.town.model_id, [scene.town.image()], max_fee=FEE, min_stake=STAKE)


BROKEN = {
    "empty": raw(200, b""),
    "not JSON": raw(200, b"<html>"),
    "another object": raw(200, b'{"receipt": {}, "outputs": []}'),
    "compressed": raw(200, b"{}", **{"content-encoding": "br"}),
    "very large": raw(200, b" " * (17 * 1024 * 1024)),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_answer_that_is_none__is_an_error__and_counts_as_charged(shared: Scene, case: str) -> None:
    """G12. The operator may have served it: the promise stands."""
    before = shared.charged
    with pytest.raises(BadAnswer):
        shared.ask(BROKEN[case])
    assert shared.charged == before + FEE


def test_outputs_that_are_not_those_of_the_receipt__are_not_taken(shared: Scene) -> None:
    def change(response: httpx.Response) -> httpx.Response:
        body = response.json()
        body["outputs"] = ["0x" + "7f" * 10]
        return httpx.Response(200, content=json.dumps(body).encode())

    with pytest.raises(OutputMismatch) as caught:
        shared.ask(change)
    assert caught.value.actual == tensors_root([b"\x7f" * 10])


def test_an_answer_lost_on_its_way__is_asked_for_again__and_served_once(scene: Scene) -> None:
    lost = iter([True])

    def change(response: httpx.Response) -> httpx.Response:
        if next(lost, False):
            raise httpx.ReadError("cut off")
        return httpx.Response(200, content=response.content)

    session = scene.ask(change)
    assert session.promised == FEE
    address = scene.payer.require_signer().address
    assert scene.node.store.accounts([address])[address].promised == FEE


def test_a_node_that_is_gone__is_unreachable(scene: Scene) -> None:
    scene.node.stop()
    with (
        Session(scene.payer, scene.node.service.operator) as session,
        pytest.raises(NodeUnreachable),
    ):
        session.infer(scene.town.model_id, [scene.town.image()], max_fee=FEE, min_stake=STAKE)


def test_a_refusal__is_told__and_costs_nothing(shared: Scene) -> None:
    session = shared.session(lambda response: httpx.Response(response.status_code, content=response.content))
    with pytest.raises(Refused) as caught:
        session.infer(shared.town.model_id, [shared.town.image()], max_fee=FEE - 1, min_stake=STAKE)
    assert (caught.value.problem.status, caught.value.problem.kind) == (402, "fee-above-maximum")
    assert caught.value.problem.values["fee"] == str(FEE)
    assert session.promised == shared.charged


def test_many_requests_at_once__the_vouchers_cover_them_all(scene: Scene) -> None:
    with Session(scene.payer, scene.node.service.operator) as session, ThreadPoolExecutor(6) as pool:
        images = [scene.town.image() for _ in range(18)]
        answers = list(
            pool.map(
                lambda data: session.infer(scene.town.model_id, [data], max_fee=2 * FEE, min_stake=STAKE),
                images,
            )
        )
        assert len({answer.receipt.message.request_id for answer in answers}) == 18
        assert session.promised == 18 * FEE
