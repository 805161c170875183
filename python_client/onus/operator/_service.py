"""Serving orders: facts, admission, execution, records, signatures, in this order."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from onus.inference import Answer, BatchData, Order
from onus.library import Library, SecuredModel, split
from onus.operator._admission import Grant, admit
from onus.operator._errors import ModelNotServable, ModelNotServed, NotFound, Refusal, Unavailable, WrongKey
from onus.operator._executor import Executor
from onus.operator._facts import BlockFacts, FactsReader
from onus.protocol import Address, Batch, ModelId, OnusError, Receipt, RequestId, Signed
from onus.store import BatchStage, OperatorStore, PayerAccount, ServedReceipt, UnknownBatch

if TYPE_CHECKING:
    from onus.chain import Signer
    from onus.client import Onus

__all__ = ["Offer", "Outcome", "Service"]

Outcome = Answer | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model that an operator serves, and its price; amounts in token base units."""

    model_id: ModelId
    fee: int
    stake: int


@dataclass(slots=True)
class _Round:
    """One micro-batch: facts of one block, and what changes while its orders are admitted."""

    facts: BlockFacts
    exposure: int
    accounts: dict[Address, PayerAccount]
    touched: set[Address] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Admitted:
    order: Order
    request_id: RequestId
    offer: Offer
    grant: Grant


class Service:
    """Answers orders, one micro-batch at a time: that is what keeps one writer per request.

    Args:
        client: of the operator, with the key that sends its transactions.
        signer: key that signs receipts, registered for the operator.
        offers: what is served.
        library: model files.
        store: records.
        executor: runs the models.

    Raises:
        ModelNotServable: an offer for a model that no file here compiles to.
    """

    def __init__(
        self,
        client: Onus,
        *,
        signer: Signer,
        offers: Sequence[Offer],
        library: Library,
        store: OperatorStore,
        executor: Executor,
    ) -> None:
        self._client = client
        self.operator = client.require_signer().address
        self._signer = signer
        self._store = store
        self._executor = executor
        self._facts = FactsReader(client, self.operator)
        self._lock = threading.Lock()
        self.offers: Mapping[ModelId, Offer] = {offer.model_id: offer for offer in offers}
        self._models: dict[ModelId, SecuredModel] = {}
        for model_id in self.offers:
            try:
                self._models[model_id] = library.secure(model_id, models=client.models)
            except OnusError as error:
                raise ModelNotServable(str(error)) from error

    def check_key(self) -> None:
        """Whether this node's key is the registered one; raises `WrongKey`."""
        registered = self._client.operators.signer_at(self.operator, timestamp=self._client.now())
        if registered != self._signer.address:
            raise WrongKey(f"the registered key is {registered}, this node has {self._signer.address}")

    @property
    def largest_order(self) -> int:
        """Bytes of JSON that no order for an offered model exceeds."""
        return 16_384 + 2 * max((model.input_bytes for model in self._models.values()), default=0)

    # ---- orders ----------------------------------------------------------------------------------

    def serve(self, orders: Sequence[Order]) -> list[Outcome]:
        """Answers orders together; an order seen before gets the answer that it got.

        Returns:
            for each order its answer, or why there is none.

        Raises:
            ChainError: the chain could not be asked; nothing was served.
        """
        with self._lock:
            return self._serve(orders)

    def _serve(self, orders: Sequence[Order]) -> list[Outcome]:
        ids = [order.request.message.id(self._client.domain) for order in orders]
        known = self._store.served(ids)
        outcomes: dict[RequestId, Outcome] = {each.request_id: self._again(each) for each in known.values()}
        fresh = {each: order for each, order in zip(ids, orders, strict=True) if each not in outcomes}
        if fresh:
            outcomes |= self._serve_new(fresh)
        return [outcomes[request_id] for request_id in ids]

    def _serve_new(self, orders: Mapping[RequestId, Order]) -> dict[RequestId, Outcome]:
        this = self._begin(orders.values())
        outcomes: dict[RequestId, Outcome] = {}
        admitted: list[_Admitted] = []
        for request_id, order in orders.items():
            try:
                admitted.append(self._admit(request_id, order, this))
            except Refusal as refusal:
                outcomes[request_id] = refusal
        served = [each for model_id in self.offers for each in self._execute(model_id, admitted)]
        # On disk before anybody sees a signature.
        self._store.record(served, [this.accounts[payer] for payer in this.touched])
        return outcomes | {each.request_id: self._answer(each) for each in served}

    def _begin(self, orders: Iterable[Order]) -> _Round:
        requests = [order.request.message for order in orders]
        payers = {request.payer for request in requests}
        # Before the chain is asked: what is committed in between counts twice then, not never.
        exposure = self._store.exposure()
        accounts = self._store.accounts(payers)
        models = {request.model_id for request in requests} & self.offers.keys()
        return _Round(self._facts.read(models, payers), exposure, accounts)

    def _admit(self, request_id: RequestId, order: Order, this: _Round) -> _Admitted:
        request = order.request.message
        offer = self.offers.get(request.model_id)
        if offer is None:
            raise ModelNotServed(f"model 0x{request.model_id.hex()} is not served here")
        grant = admit(
            order,
            fee=offer.fee,
            stake=offer.stake,
            input_sizes=self._models[request.model_id].input_sizes,
            domain=self._client.domain,
            facts=replace(this.facts.models[request.model_id], exposure=this.exposure),
            payer=replace(
                this.facts.payers[request.payer],
                account=this.accounts.get(request.payer),
                consents=self._facts.consents(order.request),
            ),
            signer=self._signer.address,
        )
        this.accounts[request.payer] = grant.account
        this.touched.add(request.payer)
        this.exposure += offer.stake
        return _Admitted(order, request_id, offer, grant)

    def _execute(self, model_id: ModelId, admitted: Sequence[_Admitted]) -> list[ServedReceipt]:
        mine = [each for each in admitted if each.offer.model_id == model_id]
        if not mine:
            return []
        inputs = [b"".join(each.order.inputs) for each in mine]
        traces = self._executor.run(self._models[model_id], inputs)
        return [
            ServedReceipt(
                request=each.order.request,
                receipt=Signed.by(
                    self._signer,
                    Receipt(
                        request_id=each.request_id,
                        model_id=model_id,
                        operator=self.operator,
                        payer=each.order.request.message.payer,
                        input_root=each.order.request.message.input_root,
                        output_root=trace.output_root,
                        trace_root=trace.trace_root,
                        fee=each.offer.fee,
                        stake=each.offer.stake,
                        served_at=each.grant.served_at,
                        commit_by=each.grant.commit_by,
                    ),
                    domain=self._client.domain,
                ),
                input=data,
                output=trace.output_bytes,
            )
            for each, data, trace in zip(mine, inputs, traces, strict=True)
        ]

    def _again(self, served: ServedReceipt) -> Outcome:
        try:
            return self._answer(served)
        except Refusal as refusal:
            return refusal

    def _answer(self, served: ServedReceipt) -> Answer:
        model = self._model(served.receipt.message.model_id)
        return Answer(receipt=served.receipt, outputs=split(served.output, model.output_sizes))

    # ---- what was served -------------------------------------------------------------------------

    def answer(self, request_id: bytes) -> Answer:
        """What was answered to a request before; raises `NotFound`."""
        served = self._store.served([request_id]).get(request_id)
        if served is None:
            raise NotFound(f"no receipt for request 0x{request_id.hex()}")
        return self._answer(served)

    def batch(self, batch_id: bytes) -> BatchData:
        """A batch's data file; raises `NotFound`."""
        try:
            stored = self._store.batch(batch_id)
        except UnknownBatch as error:
            raise NotFound(str(error)) from error
        if stored.stage is BatchStage.ABANDONED:
            raise NotFound(f"batch 0x{batch_id.hex()} was never committed")
        served = self._store.receipts_of(batch_id)
        receipts = [each.receipt.message for each in served]
        sizes = self._model(stored.header.model_id).input_sizes
        return BatchData(
            batch=Batch.of(stored.header, claims=stored.claims, receipts=receipts),
            requests=tuple(each.request.message for each in served),
            inputs=tuple(split(each.input, sizes) for each in served),
        )

    def trace(self, batch_id: bytes, leaf_index: int) -> bytes:
        """All committed tensors of one inference in slot order, by running it again; raises `NotFound`."""
        served = self._store.receipt_at(batch_id, leaf_index)
        if served is None:
            raise NotFound(f"no leaf {leaf_index} in a batch 0x{batch_id.hex()}")
        model = self._model(served.receipt.message.model_id)
        (trace,) = self._executor.run(model, [served.input])
        return b"".join(trace.committed(slot) for slot in range(len(model.program.slots)))

    def _model(self, model_id: ModelId) -> SecuredModel:
        model = self._models.get(model_id)
        if model is None:
            raise Unavailable(f"model 0x{model_id.hex()} is not loaded here any more")
        return model
