"""Quarantine in the middle of a dispute: nodes stand still with the verifier's clock, and go on with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onus.chain.contracts import Governance, Models
from onus.protocol import BatchStatus
from onus.store import ChallengeStage
from tests.nodes.disputes import (
    DEPOSIT,
    KINDS,
    balance,
    cheat,
    demands,
    play,
    until_demanded,
    watch,
)
from tests.nodes.town import Town, open_town


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Its own: a verifier has one quarantine."""
    with open_town(tmp_path) as town:
        yield town
        town.close_visit()


def stop_verifier(town: Town) -> int:
    """The guardian's quarantine; when it lapses."""
    verifier = town.manifest.address("TraceVerifier")
    town.world.clients["guardian"].models.quarantine(verifier)
    return town.reader.models.verifier_of(verifier).lapses_at


def confirm(town: Town) -> None:
    """The council makes it final, behind its delay."""
    council = town.world.clients["council"]
    models = Models(council.rpc, town.manifest.address("Models"))
    governance = Governance(council.rpc, town.manifest.address("Governance"))
    call = models.confirm_quarantine(town.manifest.address("TraceVerifier"))
    council.send(governance.schedule(call.to, data=call.data, when=0))
    town.chain.advance(town.manifest.param_bounds.council_delay)
    council.send(governance.execute(call.to, data=call.data))


def test_lapsed__everything_goes_on_where_it_stood(town: Town) -> None:
    """C15, D2: nobody acts, nobody runs out of time; the conviction comes after it."""
    start = town.reader.block_number() + 1
    operator, batch_id = cheat(town, at=0, of=2)
    watcher, _ = watch(town, start=start)
    watcher.suspect(batch_id, 0)
    until_demanded(town, watcher, operator, batch_id, 2)
    lapses_at = stop_verifier(town)
    town.chain.advance(town.params.operator_time + 1)
    # Longer than the operator had: but its clock stands still.
    assert operator.answer().is_idle
    assert watcher.step().is_idle
    assert demands(town, batch_id) == KINDS[:2]
    assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.PENDING
    town.chain.advance_to(lapses_at)
    play(town, watcher, ChallengeStage.WON, answer=operator.answer)
    assert demands(town, batch_id) == KINDS
    play(town, watcher, ChallengeStage.SETTLED)


def test_confirmed__the_bond_returns(town: Town) -> None:
    """C15: no reward, no slash."""
    start = town.reader.block_number() + 1
    operator, batch_id = cheat(town, at=0, of=2)
    watcher, client = watch(town, start=start)
    watcher.suspect(batch_id, 0)
    until_demanded(town, watcher, operator, batch_id, 1)
    stop_verifier(town)
    confirm(town)
    play(town, watcher, ChallengeStage.CLOSED)
    assert balance(client) == DEPOSIT
    assert operator.answer().is_idle


def test_confirmed_after_the_verdict__refund_and_bond(town: Town) -> None:
    """C15: pots still held return; who won gets the bond alone."""
    start = town.reader.block_number() + 1
    operator, batch_id = cheat(town, at=0, of=1)
    stake = operator.client.operators.state_of(operator.address).stake
    watcher, client = watch(town, start=start)
    watcher.suspect(batch_id, 0)
    play(town, watcher, ChallengeStage.WON, answer=operator.answer)
    stop_verifier(town)
    confirm(town)
    play(town, watcher, ChallengeStage.CLOSED)
    assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.REFUNDED
    assert balance(client) == DEPOSIT
    assert operator.client.operators.state_of(operator.address).stake == stake
