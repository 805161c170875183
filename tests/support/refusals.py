"""Refusals that leave no trace: the exact error, simulated and sent, and every contract as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

import pytest

from onus.protocol import Struct
from tests.support.chain import Failed, Method, Revert
from tests.support.world import World

S = TypeVar("S", bound=Struct)
STATEFUL = (
    "parameters",
    "models",
    "operators",
    "escrow",
    "settlement",
    "disputes",
    "omissions",
    "reputation",
    "token",
)


def storage_of(world: World) -> dict[str, str]:
    """Root of everything that each contract stores."""
    return {
        name: world.chain.rpc("eth_getProof", getattr(world, name).address, [], "latest")["storageHash"]
        for name in STATEFUL
    }


def refused(
    world: World, expected: Revert, method: Method, *args: Any, sender: Any, at: int | None = None
) -> None:
    """The call reverts with exactly this error and these arguments, and nothing is different afterwards.

    At `at`, or in the next second.
    """
    at = world.now + 1 if at is None else at
    simulated = method.revert(*args, sender=sender, at=at)
    assert simulated == expected, f"{method}: {simulated}, expected {expected}"
    before = storage_of(world)
    with pytest.raises(Failed) as failure:
        method(*args, sender=sender, at=at)
    assert failure.value.revert == expected
    assert storage_of(world) == before


def variants(value: S, **others: Any) -> dict[str, S]:
    """A struct with one field wrong at a time: `{field: struct}`.

    Numbers become one more, words and addresses get another last bit, unless `others` says otherwise.
    """
    changed = {}
    for field in fields(value):  # type: ignore[arg-type]
        old = getattr(value, field.name)
        changed[field.name] = replace(value, **{field.name: others.get(field.name, _other(old))})  # type: ignore[type-var]
    assert not others.keys() - changed.keys()
    return changed


def _other(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | bytes | str):
        raise TypeError(f"say what the other {value!r} is")
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return "0x" + bytes.fromhex(value[2:-2]).hex() + f"{int(value[-2:], 16) ^ 1:02x}"


def around(deadline: int, check: Callable[[int, int], None]) -> None:
    """Runs `check(at, offset)` for the seconds −1, 0 and +1 of a deadline."""
    for offset in (-1, 0, 1):
        check(deadline + offset, offset)
