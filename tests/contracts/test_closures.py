"""Spans in which something was closed: what the contract finds is what counting seconds finds."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.world import World

LENGTHS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=5)
SECONDS = st.integers(0, 140)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=LENGTHS,
    still_closed=st.booleans(),
    spans=st.sets(st.tuples(SECONDS, SECONDS).map(sorted).map(tuple), min_size=40),
)
def test_were_commitments_closed__any_closures_and_any_span__as_counted(
    prompt_world: World, lengths: list[tuple[int, int]], still_closed: bool, spans: set[tuple[int, int]]
) -> None:
    """E13: every second from the first to the last of a span, against a set of all closed seconds."""
    world = prompt_world
    mark = world.mark()
    start = world.now
    at = start + 9
    closed: set[int] = set()
    for number, (open_for, closed_for) in enumerate(lengths):
        at += open_for
        world.parameters.closeCommitments(sender=world.guardian, at=at)
        if still_closed and number == len(lengths) - 1:
            closed |= set(range(at, start + 200))
            break
        closed |= set(range(at, at + closed_for))
        at += closed_for
        world.parameters.openCommitments(sender=world.council, at=at)
    views = {(start + first, start + last) for first, last in spans}
    found = world.chain.read([(world.parameters.wereCommitmentsClosed, span) for span in views])
    world.back_to(mark)
    expected = [not closed.isdisjoint(range(first, last + 1)) for first, last in views]
    assert found == expected


def test_were_commitments_closed__after_many_closures__costs_what_lies_since_the_span(
    prompt_world: World,
) -> None:
    """D7: what was long over when a receipt was served is not looked at."""
    world = prompt_world
    for _ in range(60):
        world.parameters.closeCommitments(sender=world.guardian)
        world.parameters.openCommitments(sender=world.council)
    view = world.parameters.wereCommitmentsClosed

    def gas(since: int) -> int:
        request = {"to": world.parameters.address, "data": view.data(since, since + 10)}
        return int(world.chain.rpc("eth_estimateGas", request), 16)

    recent, old = gas(world.now), gas(world.now - 100)
    assert recent < 40_000 < old
