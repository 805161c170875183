"""What an operator may alter."""

from __future__ import annotations

import random

from onus.trace import Alteration, PositionError, Program, Trace

__all__ = ["another_value", "random_alteration"]


def random_alteration(program: Program, honest: Trace, choose: random.Random) -> Alteration:
    """An element of any slot that an operator makes, with another value than the honest one."""
    slot = choose.randrange(len(program.inputs), len(program.slots))
    count = program.slots[slot].count
    # Ends and the last, partial chunk as often as anything else.
    element = choose.choice((0, count - 1, max(0, count - 1 - choose.randrange(32)), choose.randrange(count)))
    return another_value(program, honest, slot, element, choose)


def another_value(
    program: Program, honest: Trace, slot: int, element: int, choose: random.Random
) -> Alteration:
    """Another value for an element: one more or less, an end of the type, or any.

    Raises:
        PositionError: there is no such element, or no operator makes it.
    """
    descriptor = program.producer(slot).output
    if not 0 <= element < descriptor.count:
        raise PositionError("element", element, descriptor.count)
    dtype, value = descriptor.dtype, int(honest.tensors[slot].reshape(-1)[element])
    candidates = [
        *(dtype.wrap(value + 1), dtype.wrap(value - 1)),
        *(dtype.minimum, dtype.maximum, choose.randint(dtype.minimum, dtype.maximum)),
    ]
    return Alteration(slot, element, choose.choice([each for each in candidates if each != value]))
