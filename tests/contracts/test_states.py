"""Every function in every state of a batch and its challenge: what is legal, which error, no way back (D12).

The batch has a fault in leaf 0; `open`, `prove`, `timeout`, `close` and `settle` are about its challenge
(one that was never made, where there is none yet).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from onus.protocol import Batch, ChallengeStatus, Expected, InferenceStatus
from tests.contracts.test_settlement_publish import INPUTS, batch_on, model_on
from tests.support.chain import Method, Revert
from tests.support.deployment import UNIT
from tests.support.world import Sealed, World

# ok, or the error; errors of finalize are those of its only item.
EXPECTED = """
state      commit           finalize     settle       publish           challenge    open         prove        timeout      close          requireFinal
unknown    ok               WrongStatus  WrongStatus  WrongStatus       WrongStatus  WrongStatus  Unknown      Unknown      Unknown        WrongStatus
pending    AlreadyCommitted WindowOpen   WrongStatus  ok                ok           Unknown      Unknown      Unknown      Unknown        WrongStatus
sealed     AlreadyCommitted WindowOpen   WrongStatus  ok                ok           ok           ok           NotOutOfTime BatchUndecided WrongStatus
opened     AlreadyCommitted WindowOpen   WrongStatus  ok                ok           PlaceHeld    ok           NotOutOfTime BatchUndecided WrongStatus
expired    AlreadyCommitted WindowOpen   WrongStatus  ok                ok           OutOfTime    OutOfTime    ok           BatchUndecided WrongStatus
cleared    AlreadyCommitted WindowOpen   WrongStatus  ok                ok           WrongStatus  WrongStatus  WrongStatus  WrongStatus    WrongStatus
over       AlreadyCommitted ok           WrongStatus  PublicationClosed WindowClosed Unknown      Unknown      Unknown      Unknown        WrongStatus
late       AlreadyCommitted Challenged   WrongStatus  PublicationClosed WindowClosed ok           ok           NotOutOfTime BatchUndecided WrongStatus
too_late   AlreadyCommitted Challenged   WrongStatus  PublicationClosed WindowClosed OutOfTime    OutOfTime    ok           BatchUndecided WrongStatus
final      AlreadyCommitted WrongStatus  WrongStatus  WrongStatus       WrongStatus  WrongStatus  WrongStatus  WrongStatus  WrongStatus    ok
faulty     AlreadyCommitted WrongStatus  PotClosed    WrongStatus       WrongStatus  WrongStatus  WrongStatus  WrongStatus  WrongStatus    WrongStatus
moot       AlreadyCommitted WrongStatus  NotWinner    WrongStatus       WrongStatus  WrongStatus  WrongStatus  NotOutOfTime ok             WrongStatus
moot_old   AlreadyCommitted WrongStatus  NotWinner    WrongStatus       WrongStatus  WrongStatus  OutOfTime    WrongStatus  ok             WrongStatus
payable    AlreadyCommitted WrongStatus  ok           WrongStatus       WrongStatus  WrongStatus  WrongStatus  WrongStatus  WrongStatus    WrongStatus
settled    AlreadyCommitted WrongStatus  WrongStatus  WrongStatus       WrongStatus  WrongStatus  WrongStatus  WrongStatus  WrongStatus    WrongStatus
"""  # noqa: E501


@dataclass
class Scene:
    """A batch and the challenge in question."""

    world: World
    batch: Batch
    sealed: Sealed

    def calls(self) -> dict[str, tuple[Method, tuple[Any, ...], Any]]:
        """Every function, with arguments that are right but for the state."""
        w, h = self.world, self.batch.header
        fresh = w.sealed(self.batch, 1, by=w.stranger)
        proof = self.batch.proof(1)
        nothing = Expected(model_id=bytes(32), input_root=bytes(32), min_stake=0, published=False)  # type: ignore[arg-type]
        return {
            "commit": (w.settlement.commit, (h, self.batch.claims, w.vouchers(self.batch)), w.op1),
            "finalize": (w.settlement.finalize, ([h],), w.stranger),
            "settle": (w.settlement.settle, (h, self.batch.claims, self.sealed.key), w.stranger),
            "publish": (w.settlement.publish, (h, proof, INPUTS), w.stranger),
            "challenge": (w.disputes.challenge, (h, fresh.key.seal), w.stranger),
            "open": (w.disputes.open, (h, self.sealed.opening), w.watcher1),
            "prove": (w.disputes.prove, w.prove_args(self.batch, self.sealed), w.watcher1),
            "timeout": (w.disputes.timeout, (h, self.sealed.key), w.stranger),
            "close": (w.disputes.close, (h, self.sealed.key), w.stranger),
            "requireFinal": (w.settlement.requireFinal, (h, proof, nothing), w.stranger),
        }

    def outcome(self, method: Method, args: tuple[Any, ...], sender: Any) -> str:
        """ "ok" or the error, in the next second."""
        revert = method.revert(*args, sender=sender, at=self.world.now + 1)
        if revert is not None and revert.name == "Settlement_NothingFinalized":
            revert = self.world.chain.codec.revert(revert.args[0])
        return "ok" if revert is None else revert.name.partition("_")[2]

    def position(self) -> tuple[int, int, bool]:
        """Status of the batch and of the challenge, and whether it was decided: none may shrink."""
        state = self.world.state_of(self.batch)
        challenge = self.world.disputes.challengeOf(self.sealed.id).status
        return state.status, challenge, state.endedAt != 0


def _seal(scene: Scene, *, at: int | None = None) -> None:
    scene.world.disputes.challenge(
        scene.batch.header, scene.sealed.key.seal, sender=scene.world.watcher1, at=at
    )


def _commit(scene: Scene) -> None:
    scene.world.commit(scene.batch)


def _sealed(scene: Scene) -> None:
    _commit(scene)
    _seal(scene)


def _opened(scene: Scene) -> None:
    _sealed(scene)
    scene.world.disputes.open(scene.batch.header, scene.sealed.opening, sender=scene.world.watcher1)


def _expired(scene: Scene) -> None:
    _opened(scene)
    scene.world.forward(scene.world.params.challenger_time)


def _cleared(scene: Scene) -> None:
    _expired(scene)
    scene.world.disputes.timeout(scene.batch.header, scene.sealed.key, sender=scene.world.stranger)


def _over(scene: Scene) -> None:
    _commit(scene)
    scene.world.past_window(scene.batch)


def _late(scene: Scene) -> None:
    _commit(scene)
    _seal(scene, at=scene.world.state_of(scene.batch).windowEndsAt - 1)


def _too_late(scene: Scene) -> None:
    _late(scene)
    scene.world.forward(scene.world.params.challenger_time)


def _final(scene: Scene) -> None:
    _cleared(scene)
    scene.world.past_window(scene.batch)
    scene.world.finalize(scene.batch)


def _faulty(scene: Scene) -> None:
    _sealed(scene)
    scene.world.prove(scene.batch, scene.sealed)


def _moot(scene: Scene) -> None:
    _sealed(scene)
    scene.world.convict(scene.batch, 0, by=scene.world.watcher2)
    scene.world.forward(scene.world.params.earning_delay)


def _moot_old(scene: Scene) -> None:
    _moot(scene)
    scene.world.forward(scene.world.params.challenger_time)


def _payable(scene: Scene) -> None:
    _faulty(scene)
    scene.world.forward(scene.world.params.earning_delay)


def _settled(scene: Scene) -> None:
    _payable(scene)
    scene.world.settle(scene.batch, scene.sealed)


STATES: dict[str, Callable[[Scene], None]] = {
    "unknown": lambda _: None,
    "pending": _commit,
    "sealed": _sealed,
    "opened": _opened,
    "expired": _expired,
    "cleared": _cleared,
    "over": _over,
    "late": _late,
    "too_late": _too_late,
    "final": _final,
    "faulty": _faulty,
    "moot": _moot,
    "moot_old": _moot_old,
    "payable": _payable,
    "settled": _settled,
}
HEAD, *ROWS = (line.split() for line in EXPECTED.strip().splitlines())
TABLE = {row[0]: dict(zip(HEAD[1:], row[1:], strict=True)) for row in ROWS}


@pytest.fixture
def scene(world: World) -> Scene:
    """A batch about to be committed; everybody can pay a bond."""
    model = model_on(world)
    right = batch_on(world, model)
    wrong = [world.receipt(world.op1, model, fee=right.header.fee + 1), *right.receipts[1:]]
    batch = world.batch(world.op1, receipts=wrong, fee=right.header.fee)
    for by in (world.watcher1, world.watcher2, world.stranger):
        world.escrow.deposit(by, 100 * UNIT, sender=by)
    return Scene(world, batch, world.sealed(batch, 0))


def test_table__has_every_state() -> None:
    assert list(TABLE) == list(STATES)


@pytest.mark.parametrize("state", STATES)
def test_every_function__in_every_state(scene: Scene, state: str) -> None:
    """D12: exactly the legal ones pass; every other one has its own error."""
    STATES[state](scene)
    found = {name: scene.outcome(*call) for name, call in scene.calls().items()}
    assert found == TABLE[state]


@pytest.mark.parametrize("state", STATES)
def test_every_legal_call__in_every_state__moves_forward(scene: Scene, state: str) -> None:
    """D12, D13: no status goes back, the money is there, and what was done cannot be done again."""
    STATES[state](scene)
    before = scene.position()
    for name, (method, args, sender) in scene.calls().items():
        if TABLE[state][name] != "ok" or method.is_view:
            continue
        mark = scene.world.mark()
        method(*args, sender=sender)
        after = scene.position()
        assert all(new >= old for old, new in zip(before, after, strict=True)), name
        scene.world.assert_solvent()
        assert scene.outcome(method, args, sender) != "ok", name
        scene.world.back_to(mark)


@pytest.mark.parametrize("state", STATES)
def test_every_view__in_every_state__returns(scene: Scene, state: str) -> None:
    """F8; a clock that does not run says so."""
    STATES[state](scene)
    world, id = scene.world, scene.world.id_of(scene.batch)
    world.settlement.batchOf(id)
    world.disputes.challengeOf(scene.sealed.id)
    world.disputes.firstOn(id, 0)
    world.operators.stateOf(world.op1)
    assert world.settlement.isPublished(id, 0) is False
    status = InferenceStatus(world.settlement.statusOf(scene.batch.header, scene.batch.proof(0)).status)
    assert (
        status
        is {
            "unknown": InferenceStatus.UNKNOWN,
            "pending": InferenceStatus.PENDING,
            "cleared": InferenceStatus.PENDING,
            "over": InferenceStatus.PENDING,
            "final": InferenceStatus.FINAL,
            **dict.fromkeys(("sealed", "opened", "expired", "late", "too_late"), InferenceStatus.CHALLENGED),
            **dict.fromkeys(("faulty", "moot", "moot_old", "payable", "settled"), InferenceStatus.VOID),
        }[state]
    )
    challenge = ChallengeStatus(world.disputes.challengeOf(scene.sealed.id).status)
    revert = world.disputes.clockOf.revert(scene.batch.header, scene.sealed.key)
    if challenge is ChallengeStatus.NULL:
        assert revert == Revert("Disputes_Unknown", scene.sealed.id)
    elif challenge.is_over:
        assert revert == Revert("Disputes_WrongStatus", scene.sealed.id, challenge)
    else:
        assert revert is None
