"""What somebody who waits sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["STEPS", "Show"]

STEPS: Final = (
    "deploy the contracts",
    "register the model",
    "serve and commit",
    "watch, challenge, prove",
    "finality and payment",
    "the books",
)


class Show:
    """Progress of the six steps.

    Args:
        console: where to; None for nowhere.
    """

    def __init__(self, console: Console | None) -> None:
        self._console = console

    def step(self, number: int) -> None:
        """A step begins, from 1."""
        if self._console is not None:
            self._console.print(f"[bold]{number}/{len(STEPS)}  {STEPS[number - 1]}[/bold]")

    def say(self, text: str) -> None:
        """Something happened."""
        if self._console is not None:
            self._console.print(f"     {text.strip()}", highlight=False, soft_wrap=True)

    @contextmanager
    def track(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar; what it gives is to be called for each of ``total``."""
        columns = (
            TextColumn("     {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, disable=self._console is None) as progress:
            task = progress.add_task(label, total=total)
            yield lambda: progress.advance(task)
