"""Governance: delays that cannot be shortened, roles that cannot be moved, and nobody who is needed."""

from __future__ import annotations

import pytest

from tests.support.chain import Revert
from tests.support.deployment import ADMIN, COUNCIL, GUARDIAN
from tests.support.refusals import around
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


# ---- Functions and their roles ----------------------------------------------------------------------------


GUARDED = {
    "parameters": {"add": COUNCIL, "openCommitments": COUNCIL, "closeCommitments": GUARDIAN},
    "models": {
        "allowVerifier": COUNCIL,
        "disallowVerifier": COUNCIL,
        "confirmQuarantine": COUNCIL,
        "allowQuarantine": COUNCIL,
        "quarantine": GUARDIAN,
    },
}


def test_functions__have_the_documented_roles(world: World) -> None:
    """F2: every restricted function, and no other one has left the admin's role."""
    for name in ("parameters", "models", "operators", "escrow", "settlement", "disputes", "omissions"):
        contract = getattr(world, name)
        functions = [entry["name"] for entry in contract.abi if entry["type"] == "function"]
        roles = {
            function: world.governance.getTargetFunctionRole(contract, getattr(contract, function).selector)
            for function in functions
        }
        assert {function: role for function, role in roles.items() if role != ADMIN} == GUARDED.get(name, {})


@pytest.mark.parametrize("role", [ADMIN, COUNCIL, GUARDIAN, 7, 2**64 - 1])
def test_set_target_function_role__of_a_function_that_has_one__reverts(world: World, role: int) -> None:
    """F4, F10: nobody can move the council's functions to a role without delay, nor take the guardian's."""
    for name, functions in GUARDED.items():
        contract = getattr(world, name)
        for function, fixed in functions.items():
            selector = getattr(contract, function).selector
            data = world.governance.setTargetFunctionRole.data(contract, [selector], role)
            expected = Revert("Governance_RoleFixed", contract, selector, fixed)
            call = bytes.fromhex(data[2:])
            mark = world.mark()
            world.governance.schedule(world.governance, call, 0, sender=world.council)
            world.forward(world.deployment.bounds.council_delay)
            revert = world.governance.execute.revert(world.governance, call, sender=world.council)
            assert revert == expected, function
            world.back_to(mark)


def test_set_target_function_role__one_fixed_among_others__reverts(world: World) -> None:
    """D8, F10: and a function that has no role yet gets one, once."""
    contract = world.models
    free, fixed = contract.register.selector, contract.quarantine.selector
    method = world.governance.setTargetFunctionRole
    data = bytes.fromhex(method.data(contract, [free, fixed], COUNCIL)[2:])
    world.governance.schedule(world.governance, data, 0, sender=world.council)
    world.forward(world.deployment.bounds.council_delay)
    revert = world.governance.execute.revert(world.governance, data, sender=world.council)
    assert revert == Revert("Governance_RoleFixed", contract, fixed, GUARDIAN)
    world.govern(method, contract, [free], COUNCIL)
    assert world.governance.getTargetFunctionRole(contract, free) == COUNCIL
    again = bytes.fromhex(method.data(contract, [free], GUARDIAN)[2:])
    world.governance.schedule(world.governance, again, 0, sender=world.council)
    world.forward(world.deployment.bounds.council_delay)
    revert = world.governance.execute.revert(world.governance, again, sender=world.council)
    assert revert == Revert("Governance_RoleFixed", contract, free, COUNCIL)


def test_set_target_function_role__by_others__reverts(world: World) -> None:
    """F2."""
    selector = world.models.register.selector
    for person in (world.stranger, world.guardian, world.deployer):
        revert = world.governance.setTargetFunctionRole.revert(
            world.models, [selector], COUNCIL, sender=person
        )
        assert revert == Revert("AccessManagerUnauthorizedAccount", person, ADMIN)


# ---- Delays -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "function"),
    [(name, each) for name, functions in GUARDED.items() for each in functions if functions[each] == COUNCIL],
)
def test_council__each_function_around_its_delay(world: World, contract: str, function: str) -> None:
    """D1, F4: scheduled, not a second early; executed once."""
    target = getattr(world, contract)
    other = world.chain.deploy("TraceVerifier", sender=world.deployer)
    arguments = {"add": (world.params,), "openCommitments": (), "allowVerifier": (other,)}
    if function == "openCommitments":
        world.parameters.closeCommitments(sender=world.guardian)
    if function in ("confirmQuarantine", "allowQuarantine"):
        world.quarantine()
    args = arguments.get(function, (world.verifier,))
    data = bytes.fromhex(getattr(target, function).data(*args)[2:])
    scheduled = world.governance.schedule(target, data, 0, sender=world.council).timestamp
    ready = scheduled + world.deployment.bounds.council_delay

    def check(at: int, offset: int) -> None:
        revert = world.governance.execute.revert(target, data, sender=world.council, at=at)
        assert (revert and revert.name) == ("AccessManagerNotReady" if offset < 0 else None)

    around(ready, check)
    world.governance.execute(target, data, sender=world.council, at=ready)
    revert = world.governance.execute.revert(target, data, sender=world.council)
    assert revert is not None and revert.name == "AccessManagerNotScheduled"


def test_guardian__replaced_by_the_admin__loses_its_office(world: World) -> None:
    """F10: one that closes without need can be removed, behind the delay."""
    world.govern(world.governance.revokeRole, GUARDIAN, world.guardian)
    denied = Revert("AccessManagedUnauthorized", world.guardian)
    assert world.parameters.closeCommitments.revert(sender=world.guardian) == denied
    assert world.models.quarantine.revert(world.verifier, sender=world.guardian) == denied
