"""Drills: an operator commits to a wrong execution, and the real watcher has to find and prove it.

::

    field   a chain of its own with the contracts, a model, an operator that commits what it is told, a payer
    drill   one round: a wrong execution against the watcher, or an honest one against false accusers

`onus drill` is the command.
"""

from scripts.drill.drill import (
    Drill,
    DrillError,
    Move,
    Round,
    WithholdingNotSupported,
    another_value,
    random_alteration,
    summary,
)
from scripts.drill.field import Field, open_field

__all__ = [
    "Drill",
    "DrillError",
    "Field",
    "Move",
    "Round",
    "WithholdingNotSupported",
    "another_value",
    "open_field",
    "random_alteration",
    "summary",
]
