"""The whole node in one process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from prometheus_client import CollectorRegistry

from onus.chain import ChainError
from onus.library import Library
from onus.operator._committer import Committer, Progress
from onus.operator._executor import EngineExecutor, Executor
from onus.operator._http import create_app
from onus.operator._plan import CommitPolicy
from onus.operator._responder import Responder
from onus.operator._server import Server
from onus.operator._service import Offer, Service
from onus.protocol import OnusError
from onus.store import Database, OperatorStore, Owner

if TYPE_CHECKING:
    from onus.chain import Signer
    from onus.client import Onus

__all__ = ["Node"]

_log = logging.getLogger(__name__)


class Node:
    """Serves, commits, answers and finalizes until it is stopped; started again, it goes on where it was.

    The port is taken when it is made, so that its URL can be registered before it starts.

    Args:
        client: of the operator, with the key that sends its transactions.
        signer: key that signs receipts, registered for the operator.
        offers: what is served, and for how much.
        library: model files.
        database: URL, for example ``sqlite:///operator.db``.
        executor: runs the models; the reference engine by default.
        policy: when a batch is committed.
        host: address to listen on.
        port: 0 for a free one.
        poll_seconds: between two looks at the clock.
        margin_seconds: below this much time to answer, an open demand is an alert.

    Attributes:
        service: answers orders.
        committer: commits and finalizes.
        responder: answers challenges, in a thread of its own, so that no commit keeps it waiting.
        store: records.

    Raises:
        NodeError: see `Service` and `Server`.
        StoreError: the database belongs to somebody else.
    """

    def __init__(
        self,
        client: Onus,
        *,
        signer: Signer,
        offers: Sequence[Offer],
        library: Library,
        database: str,
        executor: Executor | None = None,
        policy: CommitPolicy | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        poll_seconds: float = 0.25,
        margin_seconds: int = 3_600,
    ) -> None:
        owner = Owner(role="operator", domain=client.domain, address=client.require_signer().address)
        self._database = Database(database, owner=owner)
        self.store = OperatorStore(self._database)
        executor = executor or EngineExecutor()
        registry = CollectorRegistry()
        self.service = Service(
            client,
            signer=signer,
            offers=offers,
            library=library,
            store=self.store,
            executor=executor,
        )
        self.committer = Committer(client, store=self.store, policy=policy or CommitPolicy())
        self.responder = Responder(
            client,
            store=self.store,
            models=lambda model_id: library.secure(model_id, models=client.models),
            executor=executor,
            margin_seconds=margin_seconds,
            registry=registry,
        )
        app = create_app(self.service, store=self.store, registry=registry)
        self._server = Server(app, host=host, port=port)
        self._poll_seconds = poll_seconds
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(step,), name=f"onus-{name}", daemon=True)
            for name, step in (("responder", self.responder.step), ("committer", self.committer.step))
        ]

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._server.url

    def start(self) -> None:
        """Returns when it answers.

        Raises:
            WrongKey: its key is not the one that is registered for the operator.
            NodeError: it cannot listen.
        """
        self.service.check_key()
        self._server.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Commits what was served, and returns when nothing of it runs any more; again does nothing."""
        self._server.stop()
        self._stop.set()
        running = [thread for thread in self._threads if thread.is_alive()]
        for thread in running:
            thread.join(timeout=60)
        if running:
            try:
                self.committer.step(flush=True)
            except OnusError as error:
                _log.warning("not everything could be committed: %s", error)
        self._database.close()

    def flush(self) -> Progress:
        """Commits everything that waits, now."""
        return self.committer.step(flush=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, step: Callable[[], object]) -> None:
        while not self._stop.wait(self._poll_seconds):
            try:
                step()
            except ChainError as error:
                _log.warning("%s waits for the chain: %s", threading.current_thread().name, error)
            except Exception:
                # What is not committed and what is not answered costs stake: never give up.
                _log.exception("%s goes on after an error", threading.current_thread().name)
