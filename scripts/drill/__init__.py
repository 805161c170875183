"""Drills: an operator commits to a wrong execution, and the real watcher has to find and prove it.

::

    field        a chain of its own with contracts, a model, an operator that commits what it is told, a payer
    withholder   that operator, if it serves nothing: it answers what is demanded on chain
    alterations  what an operator may alter
    rounds       what came of a round
    drill        one round: a wrong execution against the watcher, or an honest one against false accusers

`onus drill` is the command.
"""

from scripts.drill.alterations import another_value, random_alteration
from scripts.drill.drill import Drill, DrillError
from scripts.drill.field import Field, most_demands, open_field, preset_for
from scripts.drill.rounds import Move, Round, summary
from scripts.drill.withholder import Withholder, random_position

__all__ = [
    "Drill",
    "DrillError",
    "Field",
    "Move",
    "Round",
    "Withholder",
    "another_value",
    "most_demands",
    "open_field",
    "preset_for",
    "random_alteration",
    "random_position",
    "summary",
]
