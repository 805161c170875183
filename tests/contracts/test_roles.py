"""One address in several roles, in every combination: it has what they would have apart, added up (E11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from onus.protocol.ids import BURNED
from tests.support.actors import Actor, actor
from tests.support.deployment import UNIT
from tests.support.world import World

# Each role, and who has it if nobody else does. A group is played by the first of these.
ROLES = {"operator": "op1", "provider": "provider", "payer": "alice", "challenger": "watcher1"}
STAKE = 10_000 * UNIT


def partitions(roles: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Every way to give roles to people."""
    if not roles:
        yield ()
        return
    first, rest = roles[0], roles[1:]
    for others in partitions(rest):
        yield ((first,), *others)
        for at, group in enumerate(others):
            yield (*others[:at], (first, *group), *others[at + 1 :])


GROUPS = list(partitions(tuple(ROLES)))


def wealth(world: World, person: Actor, op: Actor) -> int:
    """Everything that is somebody's: tokens, balance, reservation, stake and reserve."""
    state = world.operators.stateOf(person)
    reserved = world.escrow.reservationOf(person, op).reserved
    held = world.token.balanceOf(person) + world.free(person)
    return int(held + reserved + state.stake + state.reserve)


def live(world: World, who: Mapping[str, Actor]) -> dict[str, int]:
    """A good batch, a faulty one, a challenge that was lost, an omission; what each person gained or lost."""
    op, payer = who["operator"], who["payer"]
    before = {person.name: wealth(world, person, op) for person in who.values()}
    world.operator_ready(op, stake=STAKE)
    world.payer_ready(payer, op, 100 * UNIT)
    model = world.register_model(by=who["provider"], royalty_receiver=who["provider"].address)
    good = world.batch(op, model, payer=payer, fee=UNIT)
    world.commit(good)
    bad = world.faulty_batch(op, model, payer=payer, at=1)
    world.commit(bad)
    omitted = world.receipt(op, model, payer=payer, stake=40 * UNIT)
    lost = world.challenge(good, by=who["challenger"])
    winner = world.convict(bad, 1, by=who["challenger"])
    world.time_to(omitted.commit_by)
    world.claim(omitted)
    world.forward(world.params.operator_time)
    world.omissions.punish(omitted, sender=world.stranger)
    world.disputes.timeout(good.header, lost.key, sender=world.stranger)
    world.settle(bad, winner)
    world.past_window(good)
    world.finalize(good)
    world.settlement.distribute(model, sender=world.stranger)
    world.reputation.record([good.header, bad.header], sender=world.stranger)
    world.assert_solvent()
    return {person.name: wealth(world, person, op) - before[person.name] for person in who.values()}


@pytest.fixture
def apart(world: World) -> dict[str, int]:
    """What each role gains or loses if four people have them."""
    mark = world.mark()
    who = {role: actor(name) for role, name in ROLES.items()}
    changes = live(world, who)
    world.back_to(mark)
    return {role: changes[who[role].name] for role in ROLES}


def test_roles__apart__are_paid_as_agreed(world: World, apart: dict[str, int]) -> None:
    """E11: fee less shares and penalties; royalty; restitution; reward less a lost bond."""
    params = world.params
    fees, penalty, bond = 3 * UNIT, params.min_batch_stake, params.challenge_bond
    assert apart == {
        "operator": fees * 88 // 100 - penalty - 40 * UNIT,
        "provider": fees * 10 // 100,
        "payer": -fees + penalty * 30 // 100 + 20 * UNIT,
        "challenger": penalty * 20 // 100 - bond,
    }


@pytest.mark.parametrize("groups", GROUPS, ids=lambda groups: " | ".join(map("+".join, groups)))
def test_roles__every_combination__the_same_sums(
    world: World, apart: dict[str, int], groups: tuple[tuple[str, ...], ...]
) -> None:
    """E11, C2, C13: nobody gains or loses a wei by being somebody else as well."""
    who = {role: actor(ROLES[group[0]]) for group in groups for role in group}
    burned = world.escrow.balanceOf(BURNED)
    changes = live(world, who)
    assert changes == {ROLES[group[0]]: sum(apart[role] for role in group) for group in groups}
    params = world.params
    half = params.min_batch_stake // 2 + 20 * UNIT + params.challenge_bond
    assert world.escrow.balanceOf(BURNED) - burned == half
    operator = world.reputation.ofOperator(who["operator"])
    provider = world.reputation.ofProvider(who["provider"])
    assert (operator.finalBatches, operator.faultyBatches) == (1, 1)
    assert (provider.finalBatches, provider.faultyBatches) == (1, 1)
