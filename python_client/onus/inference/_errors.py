"""Errors of asking an operator.

::

    InferenceError (OnusError)
    ├── NodeUnreachable     no answer, or none in time
    ├── BadAnswer           an answer that is not what the API gives
    │   ├── AnswerTooLarge  more bytes than asked for
    │   └── OutputMismatch  the output is not the one the receipt names
    └── Refused             the operator said no, and why
        └── NodeFailed      it could not (5xx): later perhaps
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onus.protocol import OnusError

if TYPE_CHECKING:
    from onus.inference._wire import Problem

__all__ = [
    "AnswerTooLarge",
    "BadAnswer",
    "InferenceError",
    "NodeFailed",
    "NodeUnreachable",
    "OutputMismatch",
    "Refused",
]


class InferenceError(OnusError):
    """Asking an operator went wrong."""


class NodeUnreachable(InferenceError):
    """No answer, or none in time."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason


class BadAnswer(InferenceError):
    """Not what the API gives."""


class AnswerTooLarge(BadAnswer):
    """More bytes than the reader takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the answer is larger than {limit} bytes")
        self.limit = limit


class OutputMismatch(BadAnswer):
    """The output is not the one whose root the receipt names."""

    def __init__(self, *, expected: bytes, actual: bytes) -> None:
        super().__init__(f"the output has root 0x{actual.hex()}, the receipt says 0x{expected.hex()}")
        self.expected = expected
        self.actual = actual


class Refused(InferenceError):
    """The operator said no; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem


class NodeFailed(Refused):
    """The operator could not; later perhaps."""
