"""Who runs the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from onus.library import SecuredModel
from onus.trace import Trace

__all__ = ["EngineExecutor", "Executor"]


class Executor(Protocol):
    """Runs a model on many inputs at once.

    The same input always gives the same trace: an operator keeps inputs, not traces, and answers for the
    trace it committed by running again.
    """

    def run(self, model: SecuredModel, inputs: Sequence[bytes]) -> Sequence[Trace]:
        """Traces of inputs, each all input tensors in committed form, concatenated."""


class EngineExecutor:
    """The reference engine."""

    def run(self, model: SecuredModel, inputs: Sequence[bytes]) -> Sequence[Trace]:
        """Runs them as one batch."""
        batch = model.engine.run_encoded(list(inputs))
        return [batch[index] for index in range(len(batch))]
