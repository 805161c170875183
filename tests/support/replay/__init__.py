"""What the state must be, from the events alone (F9), and from the getters, in the same words.

`Replay` folds every event since the deployment; `stored` asks the contracts about everything that the events
named, with every getter there is (F8). Both give plain values: equal or wrong.
"""

from __future__ import annotations

from tests.support.replay.folds import Replay
from tests.support.replay.state import State
from tests.support.replay.stored import stored
from tests.support.world import World

__all__ = ["Replay", "State", "check_replay", "stored"]


def check_replay(world: World) -> State:
    """Events and getters tell the same (F8, F9); returns it."""
    replayed = Replay(world).run()
    expected, actual = replayed.compared(), stored(world, replayed).compared()
    for name, value in expected.items():
        assert actual[name] == value, f"{name}: the getters say {actual[name]}, the events {value}"
    return replayed
