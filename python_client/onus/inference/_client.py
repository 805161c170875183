"""One operator's endpoint."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, Self

import httpx

from onus.inference._errors import AnswerTooLarge, BadAnswer, NodeFailed, NodeUnreachable, Refused
from onus.inference._json import parse_json
from onus.inference._wire import Answer, BatchData, Order, Problem
from onus.protocol import BatchHeader, BatchId, Claim, Domain, ProtocolError, RequestId

__all__ = ["NodeClient"]

_MIB: Final = 1024 * 1024
_STRUCT_BYTES: Final = 4096
"""More than one receipt, its request and their punctuation have in JSON."""


@cache
def _certificates() -> ssl.SSLContext:
    # Reading them takes longer than a request; clients come and go.
    return httpx.create_ssl_context(trust_env=False)


class NodeClient:
    """Speaks to one operator's endpoint; believes nothing, and reads no more than it asked for.

    Thread-safe.

    Args:
        endpoint: base URL as registered, http or https.
        timeout_seconds: for connecting, and between two pieces of an answer.
        total_seconds: for a whole answer.
        max_answer_bytes: largest answer to an inference.
        transport: for tests.

    Raises:
        NodeUnreachable: the endpoint is not a URL.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        timeout_seconds: float = 30.0,
        total_seconds: float = 300.0,
        max_answer_bytes: int = 16 * _MIB,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._max_answer_bytes = max_answer_bytes
        self._total_seconds = total_seconds
        try:
            url = httpx.URL(self.endpoint)
        except (httpx.InvalidURL, TypeError, ValueError) as error:
            raise NodeUnreachable(endpoint, f"not a URL: {error}") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise NodeUnreachable(endpoint, "not a URL with http or https")
        # Redirects are not followed: an endpoint on chain must not send its readers into somebody's network.
        self._http = httpx.Client(
            timeout=timeout_seconds,
            follow_redirects=False,
            trust_env=False,
            verify=_certificates(),
            transport=transport,
            headers={"accept-encoding": "identity"},
        )

    def infer(self, order: Order) -> Answer:
        """Asks for an inference. The same order again gives the same answer.

        Raises:
            Refused: the operator said no.
            BadAnswer: something else came than an answer.
            NodeUnreachable: nothing came.
        """
        body = json.dumps(order.to_json()).encode()
        return self._answer(self._json("POST", "/v1/inferences", limit=self._max_answer_bytes, body=body))

    def answer(self, request_id: RequestId) -> Answer:
        """What was answered before; raises as `infer` does."""
        path = f"/v1/receipts/0x{request_id.hex()}"
        return self._answer(self._json("GET", path, limit=self._max_answer_bytes))

    def batch(
        self,
        batch_id: BatchId,
        *,
        header: BatchHeader,
        claims: Sequence[Claim],
        domain: Domain,
        input_bytes: int,
    ) -> BatchData:
        """A batch's data file, checked against the chain's header and claims.

        Args:
            batch_id: which.
            header: of the batch, from the chain.
            claims: of the batch, from the chain.
            domain: of the chain.
            input_bytes: of one inference of the model: bounds what is read.

        Raises:
            BadAnswer: not the data that were committed to.
            Refused: the operator said no.
            NodeUnreachable: nothing came.
        """
        limit = _MIB + header.count * (2 * input_bytes + _STRUCT_BYTES)
        value = self._json("GET", f"/v1/batches/0x{batch_id.hex()}", limit=limit)
        try:
            return BatchData.from_json(value, header=header, claims=claims, domain=domain)
        except ProtocolError as error:
            raise BadAnswer(f"not the data of the batch: {error}") from error

    def trace(self, batch_id: BatchId, leaf_index: int, *, size: int) -> bytes:
        """All committed tensors of one inference, in slot order, each in committed form; not checked.

        Args:
            batch_id: which batch.
            leaf_index: which receipt.
            size: bytes of a trace of the model.

        Raises:
            BadAnswer: another number of bytes.
            Refused: the operator said no.
            NodeUnreachable: nothing came.
        """
        data = self._read("GET", f"/v1/batches/0x{batch_id.hex()}/traces/{leaf_index}", limit=size)
        if len(data) != size:
            raise BadAnswer(f"a trace has {size} bytes, not {len(data)}")
        return data

    def health(self) -> dict[str, Any]:
        """What the operator says about itself."""
        value = self._json("GET", "/health", limit=_MIB)
        if not isinstance(value, dict):
            raise BadAnswer("an object was expected")
        return value

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, value: object) -> Answer:
        try:
            return Answer.from_json(value)
        except ProtocolError as error:
            raise BadAnswer(f"not an answer: {error}") from error

    def _json(self, method: str, path: str, *, limit: int, body: bytes | None = None) -> Any:
        data = self._read(method, path, limit=limit, body=body)
        try:
            return parse_json(data)
        except ValueError as error:
            raise BadAnswer(f"not JSON: {error}") from error

    def _read(self, method: str, path: str, *, limit: int, body: bytes | None = None) -> bytes:
        url = self.endpoint + path
        ends = time.monotonic() + self._total_seconds
        headers = {} if body is None else {"content-type": "application/json"}
        try:
            with self._http.stream(method, url, content=body, headers=headers) as response:
                # A compressed answer could unpack to anything.
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise BadAnswer("a compressed answer")
                data = bytearray()
                for piece in response.iter_bytes():
                    data += piece
                    if len(data) > limit:
                        raise AnswerTooLarge(limit)
                    if time.monotonic() > ends:
                        raise NodeUnreachable(url, f"not complete after {self._total_seconds:g} seconds")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OSError) as error:
            # An endpoint is whatever its operator registered: a host name can be none, in more than one way.
            raise NodeUnreachable(url, str(error) or type(error).__name__) from error
        if response.is_success:
            return bytes(data)
        try:
            value = parse_json(bytes(data))
        except ValueError:
            value = None
        problem = Problem.from_json(value, status=response.status_code)
        raise NodeFailed(problem) if response.status_code >= 500 else Refused(problem)
