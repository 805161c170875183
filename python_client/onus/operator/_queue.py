"""Micro-batching: what waits is worked on together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from onus.operator._errors import Busy

__all__ = ["MicroBatcher"]

T = TypeVar("T")
R = TypeVar("R")


class MicroBatcher(Generic[T, R]):
    """Gives items that came while the last ones were worked on to one call, in a thread of its own.

    No waiting for more: an item alone is worked on at once, and the busier it is the larger are the batches.

    Args:
        work: takes items, returns a result for each in the same order, or raises for all of them.
        max_items: of one call.
        max_waiting: above this many `submit` refuses.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[R]], *, max_items: int, max_waiting: int
    ) -> None:
        self._work = work
        self._max_items = max_items
        self._queue: asyncio.Queue[tuple[T, asyncio.Future[R]]] = asyncio.Queue(max_waiting)
        self._task: asyncio.Task[None] | None = None
        self._call: asyncio.Task[Sequence[R]] | None = None

    async def submit(self, item: T) -> R:
        """The result for one item.

        Raises:
            Busy: too many wait.
        """
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((item, future))
        except asyncio.QueueFull:
            raise Busy("too many requests wait") from None
        return await future

    def start(self) -> None:
        """Begins, in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Ends after the call that is under way; refuses what waits."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        while not self._queue.empty():
            _, future = self._queue.get_nowait()
            if not future.done():
                future.set_exception(Busy("the node stops"))

    async def _run(self) -> None:
        while True:
            group = [await self._queue.get()]
            while len(group) < self._max_items and not self._queue.empty():
                group.append(self._queue.get_nowait())
            call = self._call = asyncio.create_task(
                asyncio.to_thread(self._work, [item for item, _ in group])
            )
            try:
                results = await asyncio.shield(call)
            except asyncio.CancelledError:
                # The thread cannot be stopped, and who waits is owed its answer.
                await asyncio.wait([call])
                _resolve(group, call)
                raise
            except Exception as error:
                _fail(group, error)
            else:
                for (_, future), result in zip(group, results, strict=True):
                    if not future.done():
                        future.set_result(result)


def _resolve(group: Sequence[tuple[T, asyncio.Future[R]]], call: asyncio.Future[Sequence[R]]) -> None:
    error = call.exception()
    if error is not None:
        _fail(group, error)
        return
    for (_, future), result in zip(group, call.result(), strict=True):
        if not future.done():
            future.set_result(result)


def _fail(group: Sequence[tuple[T, asyncio.Future[R]]], error: BaseException) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
