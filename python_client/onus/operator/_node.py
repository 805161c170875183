"""The whole node in one process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from onus.chain import ChainError
from onus.library import Library
from onus.operator._committer import Committer, Progress
from onus.operator._executor import EngineExecutor, Executor
from onus.operator._http import create_app
from onus.operator._plan import CommitPolicy
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
    """Serves, commits and finalizes until it is stopped; started again, it goes on where it was.

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
    ) -> None:
        owner = Owner(role="operator", domain=client.domain, address=client.require_signer().address)
        self._database = Database(database, owner=owner)
        self.store = OperatorStore(self._database)
        self.service = Service(
            client,
            signer=signer,
            offers=offers,
            library=library,
            store=self.store,
            executor=executor or EngineExecutor(),
        )
        self.committer = Committer(client, store=self.store, policy=policy or CommitPolicy())
        self._server = Server(create_app(self.service, store=self.store), host=host, port=port)
        self._poll_seconds = poll_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="onus-committer", daemon=True)

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
        self._thread.start()

    def stop(self) -> None:
        """Commits what was served, and returns when nothing of it runs any more; again does nothing."""
        self._server.stop()
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=60)
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

    def _run(self) -> None:
        while not self._stop.wait(self._poll_seconds):
            try:
                self.committer.step()
            except ChainError as error:
                _log.warning("the committer waits for the chain: %s", error)
            except Exception:
                # Receipts that are not committed in time cost the reserve: never give up.
                _log.exception("the committer goes on after an error")
