"""A few threads for what operators make slow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

__all__ = ["OnePerKey"]

K = TypeVar("K")
T = TypeVar("T")


class OnePerKey(Generic[K, T]):
    """Runs at most one job for each key at a time, and waits for none longer than it has patience.

    Args:
        workers: jobs at a time.
        patience_seconds: how long new jobs are waited for.
    """

    def __init__(self, *, workers: int, patience_seconds: float) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="onus-fetch")
        self._patience_seconds = patience_seconds
        self._jobs: dict[K, Future[T]] = {}

    def run(self, jobs: Mapping[K, Callable[[], T]]) -> list[T]:
        """Starts jobs whose key has none under way; what all that are done by now gave, also earlier ones.

        Raises what a job raised; what the others gave comes with the next call.
        """
        new = {key: self._pool.submit(job) for key, job in jobs.items() if key not in self._jobs}
        self._jobs |= new
        wait(new.values(), timeout=self._patience_seconds)
        done = [key for key, job in self._jobs.items() if job.done()]
        for key in done:
            error = self._jobs[key].exception()
            if error is not None:
                del self._jobs[key]
                raise error
        return [self._jobs.pop(key).result() for key in done]

    def close(self) -> None:
        """Returns when nothing runs any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)
