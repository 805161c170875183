"""A verifier's clock stands still under quarantine, exactly.

What is possible at a time without one is possible as many seconds later as it took, for every deadline.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onus.protocol import DemandKind, Position, TensorWitness, keccak256
from tests.support.chain import Revert
from tests.support.moves import INPUT, Move, demand, input_root, outcomes, reveal_args
from tests.support.world import World

WINDOW = 100 * 3_600
REQUEST = Position(kind=DemandKind.REQUEST)
CHALLENGER_USED, OPERATOR_USED = 1_000, 500


class Race:
    """Batches of which every clock runs, and for each clock the moves that its end allows or forbids.

    Attributes:
        moves: what is tried.
        ends: for each move the block time at which it begins or ceases to be possible, without quarantine.
        start: first second at which something can happen now.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.moves: dict[str, Move] = {}
        self.ends: dict[str, int] = {}
        self.model = world.register_model(challenge_window=WINDOW)
        self._window()
        self._disputes()
        self._pot()
        self.start = world.now + 1

    def probes(self) -> list[int]:
        """Every deadline, the second before and the second after."""
        return sorted({end + offset for end in self.ends.values() for offset in (-1, 0, 1)})

    def _add(self, name: str, end: int, move: Move) -> None:
        self.moves[name], self.ends[name] = move, end

    def _window(self) -> None:
        w = self.world
        request = w.request(w.alice, self.model, input_root=input_root())
        batch = w.batch(w.op1, receipts=[w.receipt(w.op1, self.model, request=request)])
        w.commit(batch)
        closes = w.now + WINDOW
        w.escrow.deposit(w.watcher2, w.params.challenge_bond, sender=w.watcher2)
        finalize = Move(w.settlement.finalize, ([batch.header],), w.stranger)
        challenge = Move(w.disputes.challenge, (batch.header, keccak256(b"late")), w.watcher2)
        publish = Move(w.settlement.publish, (batch.header, batch.proof(0), [INPUT]), w.stranger)
        self._add("finalize", closes, finalize)
        self._add("challenge", closes, challenge)
        self._add("publish", closes - WINDOW // 2, publish)

    def _disputes(self) -> None:
        """Challenges on one batch: nothing moved yet; it is the operator's turn; both have used time."""
        w, disputes = self.world, self.world.disputes
        batch = w.faulty_batch(w.op1, self.model)
        w.commit(batch)

        def both(name: str, end: int, late: Move, sealed: object) -> None:
            timeout = Move(disputes.timeout, (batch.header, sealed.key), w.stranger)  # type: ignore[attr-defined]
            self._add(name, end, late)
            self._add(f"timeout instead of {name}", end, timeout)

        sealed = w.challenge(batch, 0)
        prove = Move(disputes.prove, w.prove_args(batch, sealed), sealed.by)
        both("prove", w.now + w.params.challenger_time, prove, sealed)
        asked = w.challenge(batch, 1)
        demand(w, batch, asked)
        reveal = Move(disputes.reveal, reveal_args(batch, asked), w.stranger)
        both("reveal", w.now + w.params.operator_time, reveal, asked)
        answered = w.challenge(batch, 2)
        w.forward(CHALLENGER_USED - 1)
        demand(w, batch, answered)
        w.forward(OPERATOR_USED - 1)
        disputes.reveal(*reveal_args(batch, answered), sender=w.op1)
        left = w.disputes.challengeOf(answered.id)
        assert left.challengerLeft == w.params.challenger_time - CHALLENGER_USED
        assert left.operatorLeft == w.params.operator_time - OPERATOR_USED
        args = (batch.header, answered.opening, REQUEST, TensorWitness())
        again = Move(disputes.demand, args, answered.by)
        both("demand", w.now + w.params.challenger_time - CHALLENGER_USED, again, answered)

    def _pot(self) -> None:
        w = self.world
        batch = w.faulty_batch(w.op1, self.model)
        w.commit(batch)
        winner = w.convict(batch)
        settle = Move(w.settlement.settle, (batch.header, batch.claims, winner.key), w.stranger)
        self._add("settle", w.now + w.params.earning_delay, settle)


def stop(world: World, at: int) -> None:
    """A quarantine that begins at a given second, and the council's leave for the next one."""
    world.quarantine(at=at)
    world.models.allowQuarantine(world.verifier, sender=world.council)


Table = dict[int, dict[str, Revert | None]]


@pytest.fixture(params=[0, 2], ids=["never stopped before", "stopped twice before"])
def race(prompt_world: World, request: pytest.FixtureRequest) -> tuple[Race, Table]:
    """The race, and what would be possible when, if there were no quarantine.

    Also between batches that were committed when the verifier's clock was behind already.
    """
    world = prompt_world
    world.operator_ready()
    world.payer_ready()
    for _ in range(request.param):
        stop(world, world.now + 10)
        world.time_to(world.models.verifierOf(world.verifier).lapsesAt)
    race = Race(world)
    return race, {at: outcomes(race.moves, at) for at in race.probes()}


def test_race__without_quarantine__every_move_turns_at_its_deadline(race: tuple[Race, Table]) -> None:
    """D1: what the other test shifts does change, at that second and at no other."""
    scene, table = race
    first = min(table)
    for name, end in scene.ends.items():
        turned = [at for at in table if (table[at][name] is None) != (table[first][name] is None)]
        assert turned == [at for at in table if at >= end], name


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_quarantines__at_any_time__move_every_deadline_by_exactly_as_long(
    race: tuple[Race, Table], data: st.DataObject
) -> None:
    """C15, D1: nobody loses or gains a second, whenever and however often the verifier was stopped."""
    scene, table = race
    world = scene.world
    times = st.one_of(
        st.sampled_from([at for at in scene.probes() if at >= scene.start]),
        st.integers(scene.start, max(scene.ends.values())),
    )
    starts = sorted(data.draw(st.lists(times, min_size=1, max_size=3)))
    length = world.params.max_quarantine
    mark = world.mark()
    for number, start in enumerate(starts):
        # Seconds of the race, not of the chain: the earlier ones lie before it.
        stop(world, start + number * length)
    shift = len(starts) * length
    found = {at: outcomes(scene.moves, at + shift) for at in table if at >= starts[-1]}
    world.back_to(mark)
    assert found and found == {at: table[at] for at in found}
