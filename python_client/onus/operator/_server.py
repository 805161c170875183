"""An HTTP server in a thread, with a clean start and stop."""

from __future__ import annotations

import socket
import threading
from typing import Any, Self

import uvicorn

from onus.operator._errors import NodeError

__all__ = ["Server"]


class Server:
    """Serves an ASGI application on an address of this machine.

    The port is taken when it is made, so that the endpoint is known before anything is served.

    Args:
        app: ASGI application.
        host: address to listen on.
        port: 0 for a free one.

    Attributes:
        url: where it answers.

    Raises:
        NodeError: the address is taken.
    """

    def __init__(self, app: Any, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise NodeError(f"cannot listen on {host}:{port}: {error}") from error
        address, taken = self._socket.getsockname()[:2]
        self.url = f"http://[{address}]:{taken}" if ":" in host else f"http://{address}:{taken}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=10,
            limit_concurrency=1_024,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="onus-http", daemon=True)
        self._failure: BaseException | None = None
        self._done = threading.Event()

    def start(self, *, timeout_seconds: float = 30.0) -> None:
        """Returns when it answers.

        Raises:
            NodeError: it did not come up.
        """
        self._thread.start()
        waited = 0.0
        while not self._uvicorn.started and not self._done.wait(0.005):
            waited += 0.005
            if waited > timeout_seconds:
                break
        if not self._uvicorn.started:
            self.stop()
            raise NodeError(f"the server did not start: {self._failure or 'no answer in time'}")

    def stop(self) -> None:
        """Returns when what was under way is done and the port is free; again does nothing."""
        self._uvicorn.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=20)
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            # Signals belong to the main thread; uvicorn leaves them alone in others.
            self._uvicorn.run(sockets=[self._socket])
        except BaseException as error:
            self._failure = error
        finally:
            self._done.set()
