"""The HTTP API of an operator.

| method and path | body | answer |
|---|---|---|
| ``POST /v1/inferences`` | `onus.inference.Order` | `onus.inference.Answer` |
| ``GET /v1/receipts/{requestId}`` | | the same `Answer` again |
| ``GET /v1/batches/{batchId}`` | | `onus.inference.BatchData` |
| ``GET /v1/batches/{batchId}/traces/{leaf}`` | | all committed tensors, ``application/octet-stream`` |
| ``GET /health``, ``GET /metrics`` | | |

What is refused is answered as a problem (RFC 9457); `onus.operator` lists them all.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.exceptions import HTTPException

from onus.chain import ChainError
from onus.inference import Answer, Order, Problem, parse_json
from onus.operator._errors import BodyTooLarge, Malformed, NotFound, Refusal, Unavailable
from onus.operator._queue import MicroBatcher
from onus.protocol import ProtocolError
from onus.store import ReceiptStage

if TYPE_CHECKING:
    from onus.operator._service import Outcome, Service
    from onus.store import OperatorStore

__all__ = ["create_app"]

_log = logging.getLogger(__name__)
_MOST_DISCARDED: Final = 16 * 1024 * 1024
"""Bytes of a body that is too large that are still read: who sends on does not hear why it was refused."""
_HASH: Final = re.compile("0x[0-9a-f]{64}")


def create_app(
    service: Service,
    *,
    store: OperatorStore,
    max_batch: int = 64,
    max_waiting: int = 4_096,
    max_downloads: int = 4,
    registry: CollectorRegistry | None = None,
) -> FastAPI:
    """The application.

    Args:
        service: answers.
        store: for what is shown in metrics.
        max_batch: most orders that are run together.
        max_waiting: most orders that wait.
        max_downloads: most data files and traces that are made at a time.
        registry: of the counters that are shown; others may count in it too.
    """
    queue: MicroBatcher[Order, Outcome] = MicroBatcher(
        service.serve, max_items=max_batch, max_waiting=max_waiting
    )
    metrics = _Metrics(store, registry or CollectorRegistry())
    downloads = asyncio.Semaphore(max_downloads)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        queue.start()
        yield
        await queue.stop()

    app = FastAPI(title="Onus operator", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    _handle_errors(app, metrics)

    @app.post("/v1/inferences")
    async def infer(request: Request) -> Response:
        order = _order(await _body(request, service.largest_order))
        with metrics.seconds.time():
            outcome = await queue.submit(order)
        if isinstance(outcome, Refusal):
            raise outcome
        metrics.served.inc()
        return _json(outcome)

    @app.get("/v1/receipts/{request_id}")
    async def receipt(request_id: str) -> Response:
        return _json(await asyncio.to_thread(service.answer, _hash(request_id)))

    @app.get("/v1/batches/{batch_id}")
    async def batch(batch_id: str) -> Response:
        wanted = _hash(batch_id)
        async with downloads:
            body = await asyncio.to_thread(lambda: json.dumps(service.batch(wanted).to_json()).encode())
        return Response(body, media_type="application/json")

    @app.get("/v1/batches/{batch_id}/traces/{leaf}")
    async def trace(batch_id: str, leaf: str) -> Response:
        if not re.fullmatch("0|[1-9][0-9]{0,9}", leaf):
            raise Malformed("a leaf is a decimal number")
        async with downloads:
            data = await asyncio.to_thread(service.trace, _hash(batch_id), int(leaf))
        return Response(data, media_type="application/octet-stream")

    @app.get("/health")
    async def health() -> dict[str, Any]:
        offers = [
            {"modelId": "0x" + offer.model_id.hex(), "fee": str(offer.fee), "stake": str(offer.stake)}
            for offer in service.offers.values()
        ]
        return {"status": "ok", "operator": service.operator, "offers": offers}

    @app.get("/metrics")
    async def show_metrics() -> Response:
        text = await asyncio.to_thread(metrics.text)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return app


class _Metrics:
    def __init__(self, store: OperatorStore, registry: CollectorRegistry) -> None:
        self._store = store
        self._registry = registry
        self.served = Counter("onus_answers", "Answered orders", registry=self._registry)
        self.refused = Counter("onus_refusals", "Refused requests", ["kind"], registry=self._registry)
        self.seconds = Histogram("onus_order_seconds", "Time of an order", registry=self._registry)
        self._receipts = Gauge("onus_receipts", "Receipts", ["stage"], registry=self._registry)

    def text(self) -> bytes:
        for stage in ReceiptStage:
            self._receipts.labels(stage).set(self._store.count(stage))
        return generate_latest(self._registry)


def _handle_errors(app: FastAPI, metrics: _Metrics) -> None:
    def respond(problem: Problem) -> Response:
        metrics.refused.labels(problem.kind).inc()
        # What is left of a body that is too large is not read: the connection ends.
        headers = {"connection": "close"} if problem.status == BodyTooLarge.status else None
        return Response(
            json.dumps(problem.to_json()),
            status_code=problem.status,
            headers=headers,
            media_type="application/problem+json",
        )

    @app.exception_handler(Refusal)
    async def refuse(_: Request, refusal: Refusal) -> Response:
        return respond(refusal.problem())

    @app.exception_handler(HTTPException)
    async def no_such_route(_: Request, error: HTTPException) -> Response:
        title = str(error.detail)
        return respond(Problem(type="about:blank", title=title, status=error.status_code, detail=""))

    @app.middleware("http")
    async def catch(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        try:
            return await call_next(request)
        except ChainError as error:
            _log.warning("the chain could not be asked: %s", error)
            return respond(Unavailable("the chain cannot be asked at the moment").problem())
        except Exception:
            _log.exception("%s %s", request.method, request.url.path)
            detail = "an error of the node itself"
            title = "Internal error"
            return respond(Problem(type="urn:onus:problem:internal", title=title, status=500, detail=detail))


async def _body(request: Request, limit: int) -> bytes:
    data = bytearray()
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size <= limit:
            data += piece
        elif size > limit + _MOST_DISCARDED:
            break
    if size > limit:
        raise BodyTooLarge(f"an order has at most {limit} bytes")
    return bytes(data)


def _order(body: bytes) -> Order:
    try:
        return Order.from_json(parse_json(body))
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    except ProtocolError as error:
        raise Malformed(str(error)) from error


def _hash(text: str) -> bytes:
    if not _HASH.fullmatch(text):
        raise NotFound("an id is 0x and 64 lower-case hexadecimal digits")
    return bytes.fromhex(text[2:])


def _json(answer: Answer) -> Response:
    return Response(json.dumps(answer.to_json()), media_type="application/json")
