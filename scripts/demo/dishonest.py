"""An operator that cheats, for demonstrations and tests; nothing of it is in the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from onus.library import SecuredModel
from onus.operator import EngineExecutor
from onus.trace import Alteration, Trace

__all__ = ["DishonestExecutor", "alter_hidden", "report_another_class"]

_LEAST = -128


class DishonestExecutor:
    """Runs most inputs rightly, and some with one element altered; what follows from it is consistent.

    Args:
        alterations: what to alter, by input in committed form.
    """

    def __init__(self, alterations: Mapping[bytes, Alteration]) -> None:
        self._alterations = dict(alterations)
        self._honest = EngineExecutor()

    def run(self, model: SecuredModel, inputs: Sequence[bytes]) -> Sequence[Trace]:
        """As in `onus.operator.Executor`."""
        traces = list(self._honest.run(model, inputs))
        for index, data in enumerate(inputs):
            alteration = self._alterations.get(data)
            if alteration is not None:
                traces[index] = model.engine.run_encoded([data], alter=alteration)[0]
        return traces


def alter_hidden(model: SecuredModel, data: bytes, *, slot: int, element: int) -> Alteration:
    """One element of a hidden tensor is one more (or one less) than computed."""
    tensor = model.engine.run_encoded([data])[0].tensors[slot]
    value = int(tensor.reshape(-1)[element])
    return Alteration(slot=slot, element=element, value=value + 1 if value < 127 else value - 1)


def report_another_class(model: SecuredModel, data: bytes) -> Alteration:
    """The largest logit becomes the smallest: another class is reported than was computed."""
    trace = model.engine.run_encoded([data])[0]
    (slot,) = model.program.output_slots
    return Alteration(slot=slot, element=int(np.argmax(trace.tensors[slot])), value=_LEAST)
