"""Refusals whose reason lies on the chain: the node sees it in the block in which it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onus.chain import LocalSigner
from onus.chain.contracts import Parameters
from onus.inference import NodeClient, NodeFailed, Order, Refused
from onus.operator import Node
from onus.protocol import Address, to_address
from tests.nodes.town import DOLLAR, FEE, Town, open_town

# PUSH4 0x1626ba7e, PUSH1 224, SHL, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN: says yes to everything.
CONSENTING = "0x631626ba7e60e01b60005260206000f3"
DISSENTING = "0x60006000fd"
GARBLED = "0x60206000f3"


@pytest.fixture
def node(town: Town) -> Node:
    return town.operator()


def refusal(node: Node, order: Order) -> str:
    with NodeClient(node.url) as client, pytest.raises(Refused) as caught:
        client.infer(order)
    return caught.value.problem.kind


def test_a_request_that_expired_on_chain(town: Town, node: Node) -> None:
    payer = town.payer(node.service.operator)
    order = town.order(payer, node.service.operator, expires_in=5)
    town.chain.advance(6)
    assert refusal(node, order) == "request-expired"


def test_a_reservation_that_leaves(town: Town, node: Node) -> None:
    """E3."""
    operator = node.service.operator
    payer = town.payer(operator, reserve=2 * FEE)
    town.ask(payer, node, 1)
    payer.escrow.request_release(operator, FEE)
    assert refusal(node, town.order(payer, operator, cumulative=2 * FEE)) == "cover-too-low"


def test_a_payer_without_reservation(town: Town, node: Node) -> None:
    payer = town.payer()
    assert refusal(node, town.order(payer, node.service.operator)) == "cover-too-low"


def test_a_request_signed_by_somebody_else(town: Town, node: Node) -> None:
    payer = town.payer(node.service.operator)
    order = town.order(payer, node.service.operator, signer=LocalSigner.create())
    assert refusal(node, order) == "not-the-signer"


def test_an_operator_whose_reserve_leaves(town: Town, node: Node) -> None:
    operator = node.service.operator
    payer = town.payer(operator)
    node.service._client.operators.request_reserve_exit()
    assert refusal(node, town.order(payer, operator)) == "not-committing"


def test_an_operator_whose_stake_leaves(town: Town, node: Node) -> None:
    operator = node.service.operator
    payer = town.payer(operator)
    node.service._client.operators.request_unbond(4_900 * DOLLAR)
    assert refusal(node, town.order(payer, operator)) == "stake-exhausted"


def test_an_operator_whose_key_changed(town: Town, node: Node) -> None:
    operator = node.service.operator
    payer = town.payer(operator)
    node.service._client.operators.set_signer(LocalSigner.create().address)
    with NodeClient(node.url) as client:
        client.infer(town.order(payer, operator))
    town.chain.advance(town.params.key_delay + 1)
    assert refusal(node, town.order(payer, operator, cumulative=2 * FEE)) == "not-committing"


# ---- contract payers --------------------------------------------------------------------------------------


class _ContractPayer:
    """A contract that deposits, reserves and names a voucher key, as its code would."""

    def __init__(self, town: Town, operator: Address, code: str) -> None:
        self.key = LocalSigner.create()
        self.address = to_address(LocalSigner.create().address)
        self._town = town
        self._send = town.chain.request
        self._send("anvil_setBalance", self.address, hex(10**18))
        town.world.clients["deployer"].token.mint(self.address, 10 * DOLLAR)
        self._send("anvil_impersonateAccount", self.address)
        escrow = town.reader.escrow._calls
        token = town.reader.token._context.token
        for call in (
            token.approve(escrow.address, value=10 * DOLLAR),
            escrow.deposit_and_reserve(operator, amount=10 * DOLLAR),
            escrow.set_voucher_key(self.key.address),
        ):
            self._transact(call)
        self._send("anvil_setCode", self.address, code)

    def _transact(self, call: Any) -> None:
        self._send(
            "eth_sendTransaction", {"from": self.address, "to": call.to, "data": "0x" + call.data.hex()}
        )

    def order(self, operator: Address) -> Order:
        from dataclasses import replace

        from onus.protocol import Request, Signed, Voucher

        domain = self._town.reader.domain
        plain = self._town.order(self._town.world.clients["payer 1"], operator)
        request: Request = replace(plain.request.message, payer=self.address)
        voucher = Voucher(payer=self.address, operator=operator, cumulative=FEE)
        return Order(
            request=Signed.by(self.key, request, domain=domain),
            voucher=Signed.by(self.key, voucher, domain=domain),
            inputs=plain.inputs,
        )


def test_a_contract_payer_that_consents__is_served(town: Town, node: Node) -> None:
    operator = node.service.operator
    payer = _ContractPayer(town, operator, CONSENTING)
    with NodeClient(node.url) as client:
        answer = client.infer(payer.order(operator))
    assert answer.receipt.message.payer == payer.address
    # Its voucher key's signature pays on chain.
    (batch,) = node.flush().committed
    assert town.reader.escrow.reservation_of(payer.address, operator=operator).redeemed == FEE
    assert batch


@pytest.mark.parametrize("code", [DISSENTING, GARBLED], ids=["reverts", "answers something else"])
def test_a_contract_payer_that_does_not_consent(town: Town, node: Node, code: str) -> None:
    operator = node.service.operator
    assert refusal(node, _ContractPayer(town, operator, code).order(operator)) == "not-the-signer"


# ---- what is for everybody: a town of its own -------------------------------------------------------------


@pytest.fixture
def own_town(tmp_path: Path) -> Iterator[Town]:
    with open_town(tmp_path) as town:
        yield town
        town.close_visit()


def test_a_verifier_that_is_stopped__until_it_lapses(own_town: Town) -> None:
    """C15, G1: what could not be committed in time is not served."""
    town, node = own_town, own_town.operator()
    payer = town.payer(node.service.operator)
    order = town.order(payer, node.service.operator)
    verifier = town.manifest.address("TraceVerifier")
    town.world.clients["guardian"].models.quarantine(verifier)
    assert refusal(node, order) == "not-committing"
    town.chain.advance_to(town.reader.models.verifier_of(verifier).lapses_at)
    assert len(town.ask(payer, node, 1)) == 1


def test_closed_commitments__a_deprecated_model__a_chain_that_is_gone(own_town: Town) -> None:
    town, node = own_town, own_town.operator()
    operator = node.service.operator
    payer = town.payer(operator)
    town.ask(payer, node, 1)
    node.flush()

    town.world.clients["provider"].models.deprecate(town.model_id)
    town.chain.advance(town.params.max_commit_delay + town.params.grace + 1)
    order = town.order(payer, operator, cumulative=2 * FEE)
    assert refusal(node, order) == "not-committing"

    guardian = town.world.clients["guardian"]
    guardian.send(Parameters(guardian.rpc, town.manifest.address("Parameters")).close_commitments())
    assert refusal(node, order) == "not-committing"

    town.chain.stop()
    with NodeClient(node.url) as client, pytest.raises(NodeFailed) as caught:
        client.infer(order)
    assert caught.value.problem.kind == "unavailable"
    # What it has, it still gives.
    with NodeClient(node.url) as client:
        assert client.health()["status"] == "ok"
