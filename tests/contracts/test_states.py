"""Every function in every state of a batch and its challenge, by everybody, around every deadline (D1, D12).

`states.txt` is the table; `WRITE_STATES=1 ape test tests/contracts/test_states.py` writes it anew.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from onus.protocol import ChallengeStatus, InferenceStatus
from tests.support.chain import Revert
from tests.support.states import STATES, Scene, reach, table
from tests.support.withheld import LEAF, RECEIPT
from tests.support.world import World

TABLE = Path(__file__).with_name("states.txt")
WRITES = bool(os.environ.get("WRITE_STATES"))
HEAD = """\
What every function does in every state of a batch and a challenge on it, a second before, at and after the
next deadline; one word where it is always the same. Written by test_states.py.
"""
# Where nothing is left to do with this challenge, or a pot or a quarantine has to end first.
QUIET = ("final", "settled", "won", "won by silence", "moot, closed", "refunded, closed")
# Who may do what only its own may.
OWNERS = {"commit": "op1", "open": "watcher1", "demand": "watcher1", "prove": "watcher1"}


@cache
def expected() -> dict[str, str]:
    """The committed sections, by state."""
    sections = TABLE.read_text().split("\n\n")[1:] if TABLE.exists() else []
    return {section.partition("    deadline:")[0].strip(): section.strip() + "\n" for section in sections}


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def test_table__has_every_state() -> None:
    if WRITES:
        TABLE.write_text(HEAD)
        expected.cache_clear()
    else:
        assert TABLE.read_text().startswith(HEAD)
        assert list(expected()) == list(STATES)


@pytest.mark.parametrize("state", STATES)
def test_every_function__in_every_state__as_in_the_table(scene: Scene, state: str) -> None:
    """D1, D12: exactly the legal calls of the right people pass; every other one has its own error."""
    reach(scene, state)
    found = table(scene, state)
    if WRITES:
        with TABLE.open("a") as file:
            file.write("\n" + found)
    else:
        assert found == expected()[state]


@pytest.mark.parametrize("state", STATES)
def test_every_legal_call__in_every_state__moves_forward(scene: Scene, state: str) -> None:
    """D12, D13: no status goes back, the money is there, and what was done cannot be done again."""
    reach(scene, state)
    world = scene.world
    before = position(scene)
    done = 0
    for name, (method, args) in scene.calls().items():
        sender = getattr(world, OWNERS.get(name, "stranger"))
        if method.is_view or method.revert(*args, sender=sender, at=world.now + 1) is not None:
            continue
        mark = world.mark()
        method(*args, sender=sender)
        after = position(scene)
        assert all(new >= old for old, new in zip(before, after, strict=True)), name
        world.assert_solvent()
        assert method.revert(*args, sender=sender, at=world.now + 1) is not None, name
        world.back_to(mark)
        done += 1
    assert (done == 0) == (state in QUIET or state.startswith("stopped"))


def position(scene: Scene) -> tuple[int, int, bool]:
    """Status of the batch and of the challenge, and whether it was decided: none may shrink."""
    state = scene.world.state_of(scene.batch)
    challenge = scene.world.disputes.challengeOf(scene.sealed.id).status
    return state.status, challenge, state.endedAt != 0


@pytest.mark.parametrize("state", STATES)
def test_every_view__in_every_state__returns(scene: Scene, state: str) -> None:
    """F8; a clock that does not run says so."""
    reach(scene, state)
    world, id = scene.world, scene.world.id_of(scene.batch)
    assert world.settlement.isPublished(id, LEAF) is False
    assert world.disputes.isRevealed(id, LEAF, RECEIPT) in (True, False)
    world.disputes.firstOn(id, LEAF)
    world.operators.stateOf(world.op1)
    world.models.clockOf(scene.withheld.model)
    inference = world.settlement.statusOf(scene.batch.header, scene.batch.proof(LEAF)).status
    batch = world.state_of(scene.batch)
    of_status = {0: InferenceStatus.UNKNOWN, 2: InferenceStatus.FINAL}
    if batch.status == 1:
        waits = batch.openChallenges > 0
        assert inference == (InferenceStatus.CHALLENGED if waits else InferenceStatus.PENDING)
    else:
        assert inference == of_status.get(batch.status, InferenceStatus.VOID)
    challenge = ChallengeStatus(world.disputes.challengeOf(scene.sealed.id).status)
    revert = world.disputes.clockOf.revert(scene.batch.header, scene.sealed.key)
    if challenge is ChallengeStatus.NULL:
        assert revert == Revert("Disputes_Unknown", scene.sealed.id)
    elif challenge.is_over:
        assert revert == Revert("Disputes_WrongStatus", scene.sealed.id, challenge)
    else:
        assert revert is None
