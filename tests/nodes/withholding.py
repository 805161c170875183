"""An operator that serves payers and nobody else, made of the real parts of a node."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from onus.chain import LocalSigner
from onus.client import Onus
from onus.inference import Answer
from onus.library import SecuredModel
from onus.operator import (
    CommitPolicy,
    Committer,
    EngineExecutor,
    Executor,
    Offer,
    Responder,
    Response,
    Service,
)
from onus.protocol import Address, BatchId, Receipt, Signed
from onus.store import Database, OperatorStore, Owner
from tests.nodes.town import FEE, STAKE, Town

__all__ = ["WithholdingOperator"]


class _Nothing(BaseHTTPRequestHandler):
    """Answers every question with nothing."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


class WithholdingOperator:
    """Real chain, real database, a real endpoint that gives nothing; answers on chain only when told to.

    Args:
        town: where it lives.
        executor: runs the model; the reference engine by default.
    """

    def __init__(self, town: Town, *, executor: Executor | None = None) -> None:
        self.town = town
        self.client: Onus = town.client()
        self.address: Address = self.client.require_signer().address
        self.payer: Onus = town.payer(self.address)
        self._key = LocalSigner.create()
        self._executor = executor or EngineExecutor()
        self._url = town.database()
        self._promised = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Nothing)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        town.visit.callback(self._close)
        town.register(self.client, self._key, f"http://127.0.0.1:{self._http.server_port}")
        # A key counts only after its delay.
        town.chain.advance(town.params.key_delay)
        self.start()

    def start(self) -> None:
        """A process on the records, as at first or after a crash."""
        client = self.town.same(self.client.require_signer())  # type: ignore[arg-type]
        owner = Owner(role="operator", domain=client.domain, address=self.address)
        database = Database(self._url, owner=owner)
        self.town.visit.callback(database.close)
        self.client = client
        self.store = OperatorStore(database)
        self.service = Service(
            client,
            signer=self._key,
            offers=[Offer(model_id=self.town.model_id, fee=FEE, stake=STAKE)],
            library=self.town.library,
            store=self.store,
            executor=self._executor,
        )
        self.committer = Committer(client, store=self.store, policy=CommitPolicy(margin_seconds=-(10**6)))
        self.responder = Responder(
            client, store=self.store, models=lambda _: self.model, executor=self._executor, margin_seconds=0
        )

    @property
    def model(self) -> SecuredModel:
        """The one that it serves."""
        return self.town.library.secure(self.town.model_id, models=self.town.reader.models)

    def serve(self, inputs: Sequence[bytes]) -> list[Signed[Receipt]]:
        """Receipts for inputs, handed to its payer."""
        orders = []
        for data in inputs:
            self._promised += FEE
            orders.append(self.town.order(self.payer, self.address, cumulative=self._promised, data=data))
        answers = self.service.serve(orders)
        assert all(isinstance(answer, Answer) for answer in answers), answers
        return [answer.receipt for answer in answers if isinstance(answer, Answer)]

    def commit(self, inputs: Sequence[bytes] = ()) -> BatchId:
        """One batch of what waits, and of these inputs, in this order."""
        if inputs:
            self.serve(inputs)
        (batch_id,) = self.committer.step(flush=True).committed
        return batch_id

    def answer(self) -> Response:
        """Answers on chain whatever is open now."""
        return self.responder.step()

    def _close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
