"""A payer's account with one operator."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from onus.inference._client import NodeClient
from onus.inference._errors import NodeUnreachable, OutputMismatch, Refused
from onus.inference._roots import tensors_root
from onus.inference._wire import Answer, Order
from onus.protocol import (
    ZERO_ADDRESS,
    Address,
    BatchHeader,
    BatchId,
    ModelId,
    OperatorState,
    Params,
    Receipt,
    ReceiptMismatch,
    ReceiptProof,
    Request,
    Signed,
    SigningKey,
    Voucher,
)
from onus.protocol.receipts import check_receipt

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["Inference", "Located", "Session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """An answered request, checked.

    Attributes:
        request: what was asked.
        receipt: what the operator answers for, from the commit of its batch on with ``stake`` behind it.
        outputs: each output tensor in committed form.
    """

    request: Signed[Request]
    receipt: Signed[Receipt]
    outputs: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where an inference was committed: what `client.settlement` wants to speak of it.

    Attributes:
        header: of its batch.
        proof: its receipt and the path to it.
    """

    header: BatchHeader
    proof: ReceiptProof


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the chain says, read together."""

    read_at: float
    now: int
    params: Params
    operator: OperatorState
    signers: tuple[SigningKey, ...]

    def signer_at(self, timestamp: int) -> Address:
        valid = [each.key for each in self.signers if each.valid_from <= timestamp]
        return valid[-1] if valid else ZERO_ADDRESS


class Session:
    """Signs requests and vouchers for one operator, and takes no receipt that would not hold on chain.

    Keeps count of what it has promised: a voucher covers what was charged so far and the highest fee of every
    request under way, no more. Thread-safe: any number of requests at a time.

    Args:
        client: of the payer, with its key.
        operator: whom to ask.
        node: its endpoint; by default the one that is registered.
        promised: the last voucher's ``cumulative`` of an earlier session; by default what was drawn on chain.
        facts_seconds: for how long an answer of the chain is believed, in seconds.
    """

    def __init__(
        self,
        client: Onus,
        operator: Address,
        *,
        node: NodeClient | None = None,
        promised: int | None = None,
        facts_seconds: float = 2.0,
    ) -> None:
        self.operator = operator
        self._client = client
        self._node = node or NodeClient(client.operators.endpoint_of(operator))
        self._facts_seconds = facts_seconds
        self._lock = threading.Lock()
        self._facts: _Facts | None = None
        if promised is None:
            payer = client.require_signer().address
            promised = client.escrow.reservation_of(payer, operator=operator).redeemed
        self._charged = promised
        self._under_way = 0

    @property
    def promised(self) -> int:
        """What the next session has to begin with, in token base units."""
        with self._lock:
            return self._charged + self._under_way

    def infer(
        self,
        model_id: ModelId,
        inputs: Sequence[bytes],
        *,
        max_fee: int,
        min_stake: int,
        valid_seconds: int = 60,
        nonce: int | None = None,
    ) -> Inference:
        """Asks for one inference.

        Args:
            model_id: model version to run.
            inputs: each input tensor in committed form.
            max_fee: highest fee, in token base units.
            min_stake: lowest collateral, in token base units: at least twice what a wrong answer is worth.
            valid_seconds: for how long it may be served.
            nonce: chosen at random by default.

        Raises:
            Refused: the operator said no.
            NodeUnreachable: no answer; what was promised for it counts as charged.
            BadAnswer: not an answer; the same.
            ReceiptRejected: a receipt that would not hold.
            WrongSigner: signed by another key than the operator's.
            ChainError: the chain could not be asked.
        """
        request = self._client.payer.request(
            model_id,
            input_root=tensors_root(inputs),
            max_fee=max_fee,
            min_stake=min_stake,
            expires_at=self._read_facts().now + valid_seconds,
            nonce=nonce,
        )
        with self._lock:
            self._under_way += max_fee
            cumulative = self._charged + self._under_way
        charged = max_fee
        try:
            voucher = self._voucher(cumulative)
            order = Order(request=request, voucher=voucher, inputs=tuple(inputs))
            answer = self._ask(order)
            self._check(answer, request.message)
            charged = answer.receipt.message.fee
        except Refused:
            charged = 0
            raise
        finally:
            with self._lock:
                self._under_way -= max_fee
                self._charged += charged
        return Inference(request=request, receipt=answer.receipt, outputs=answer.outputs)

    def locate(self, inference: Inference, *, wait_seconds: float = 0) -> Located | None:
        """The batch of an inference, from the chain's events and the operator's data files; None: not yet.

        Args:
            inference: what was answered.
            wait_seconds: for how long to look again and again, in seconds.

        Raises:
            Refused, NodeUnreachable, BadAnswer: the operator does not give the data of one of its batches.
            ChainError: the chain could not be asked.
        """
        deadline = time.monotonic() + wait_seconds
        while (found := self._locate(inference.receipt.message)) is None and time.monotonic() < deadline:
            time.sleep(min(1.0, wait_seconds))
        return found

    def _locate(self, receipt: Receipt) -> Located | None:
        settlement, domain = self._client.settlement, self._client.domain
        _, input_bytes = self._client.models.input_info(receipt.model_id)
        logs = settlement.BatchCommitted.logs(
            from_block=self._client.manifest.first_block, operator=self.operator, model_id=receipt.model_id
        )
        # The newest first: an inference is mostly looked for soon after it was served.
        for event in (logged.event for logged in reversed(logs)):
            if not any(claim.payer == receipt.payer for claim in event.claims):
                continue
            batch = self._node.batch(
                BatchId(event.id),
                header=event.header,
                claims=event.claims,
                domain=domain,
                input_bytes=input_bytes,
            ).batch
            if receipt in batch.receipts:
                return Located(header=event.header, proof=batch.proof(batch.index_of(receipt)))
        return None

    def close(self) -> None:
        """Closes the connections."""
        self._node.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _voucher(self, cumulative: int) -> Signed[Voucher]:
        # Whether the reservation covers it is for the operator to say: it reads the chain anyway.
        signer = self._client.require_signer()
        voucher = Voucher(payer=signer.address, operator=self.operator, cumulative=cumulative)
        return Signed.by(signer, voucher, domain=self._client.domain)

    def _ask(self, order: Order) -> Answer:
        try:
            return self._node.infer(order)
        except NodeUnreachable:
            # The answer may have been lost on its way: the same order is served once.
            return self._node.infer(order)

    def _check(self, answer: Answer, request: Request) -> None:
        facts = self._read_facts()
        check_receipt(
            answer.receipt,
            request=request,
            domain=self._client.domain,
            now=facts.now,
            params=facts.params,
            signer=facts.signer_at(answer.receipt.message.served_at),
            operator=facts.operator,
        )
        receipt = answer.receipt.message
        if receipt.operator != self.operator:
            raise ReceiptMismatch("operator", self.operator, receipt.operator)
        if answer.output_root != receipt.output_root:
            raise OutputMismatch(expected=receipt.output_root, actual=answer.output_root)

    def _read_facts(self) -> _Facts:
        with self._lock:
            facts = self._facts
            if facts is None or time.monotonic() > facts.read_at + self._facts_seconds:
                read_at = time.monotonic()
                _, params = self._client.parameters.current()
                facts = _Facts(
                    read_at,
                    self._client.now(),
                    params,
                    self._client.operators.state_of(self.operator),
                    tuple(self._client.operators.signers_of(self.operator)),
                )
                self._facts = facts
            return facts
