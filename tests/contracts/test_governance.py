"""Governance: delays that cannot be shortened, and a system that works without anybody in office."""

from __future__ import annotations

import pytest

from tests.support.chain import Revert
from tests.support.deployment import ADMIN, COUNCIL, GUARDIAN
from tests.support.world import World


def test_constructor__leaves_council_and_guardian_in_office(world: World) -> None:
    """F10: the deployer kept nothing."""
    delay = world.deployment.bounds.council_delay
    governance = world.governance
    assert delay == governance.COUNCIL_DELAY() == 3 * 24 * 3_600
    assert (governance.COUNCIL(), governance.GUARDIAN()) == (COUNCIL, GUARDIAN)
    assert governance.hasRole(COUNCIL, world.council) == (True, delay)
    assert governance.hasRole(ADMIN, world.council) == (True, delay)
    assert governance.hasRole(GUARDIAN, world.guardian) == (True, 0)
    for role in (ADMIN, COUNCIL, GUARDIAN):
        assert governance.hasRole(role, world.deployer) == (False, 0)
        assert governance.hasRole(role, world.stranger) == (False, 0)


@pytest.mark.parametrize("role", [ADMIN, COUNCIL, 7])
def test_grant_role__with_a_short_delay__reverts(world: World, role: int) -> None:
    """F4, F10: at the least −1 refused, at it granted; whoever asks."""
    least = world.deployment.bounds.council_delay
    grant = world.governance.grantRole
    for sender in (world.council, world.stranger):
        for delay in (0, least - 1):
            assert grant.revert(role, world.bob, delay, sender=sender) == Revert(
                "Governance_DelayTooShort", role, delay, least
            )
    world.govern(grant, role, world.bob, least)
    assert world.governance.hasRole(role, world.bob) == (True, least)


def test_grant_role__of_the_guardian__needs_no_delay_of_its_own_but_the_admins(world: World) -> None:
    grant = world.governance.grantRole
    assert grant.revert(GUARDIAN, world.bob, 0, sender=world.stranger) == Revert(
        "AccessManagerUnauthorizedAccount", world.stranger, ADMIN
    )
    assert grant.revert(GUARDIAN, world.bob, 0, sender=world.guardian) == Revert(
        "AccessManagerUnauthorizedAccount", world.guardian, ADMIN
    )
    revert = grant.revert(GUARDIAN, world.bob, 0, sender=world.council)
    assert revert is not None and revert.name == "AccessManagerNotScheduled"
    world.govern(grant, GUARDIAN, world.bob, 0)
    world.parameters.closeCommitments(sender=world.bob)


def test_admin__handing_over__takes_two_delayed_steps(world: World) -> None:
    """F10: the new admin is there before the old one goes, and each step waits."""
    delay = world.deployment.bounds.council_delay
    world.govern(world.governance.grantRole, ADMIN, world.bob, delay)
    assert world.governance.hasRole(ADMIN, world.council) == (True, delay)
    data = bytes.fromhex(world.governance.revokeRole.data(ADMIN, world.council)[2:])
    tx = world.governance.schedule(world.governance, data, 0, sender=world.bob)
    ready = tx.timestamp + delay
    revert = world.governance.execute.revert(world.governance, data, sender=world.bob, at=ready - 1)
    assert revert is not None and revert.name == "AccessManagerNotReady"
    world.governance.execute(world.governance, data, sender=world.bob, at=ready)
    assert world.governance.hasRole(ADMIN, world.council) == (False, 0)


def test_everybody__renounced__the_system_goes_on(world: World) -> None:
    """F10: nobody is needed for commits, finality, disputes, exits."""
    for role in (COUNCIL, ADMIN):
        world.governance.renounceRole(role, world.council, sender=world.council)
    world.governance.renounceRole(GUARDIAN, world.guardian, sender=world.guardian)
    model = world.ready()
    batch = world.batch(world.op1, model)
    world.commit(batch)
    faulty = world.faulty_batch(world.op1, model)
    world.commit(faulty)
    winner = world.convict(faulty)
    world.past_window(batch)
    world.finalize(batch)
    world.settle(faulty, winner)
    assert world.settlement.distribute(model, sender=world.stranger).event("RoyaltiesDistributed").amount > 0
    world.assert_solvent()
    data = bytes.fromhex(world.parameters.add.data(world.params)[2:])
    assert world.governance.schedule.revert(world.parameters, data, 0, sender=world.council) is not None
