"""The wiring of a deployment: wrong peers cannot be deployed, right ones cannot be changed."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from onus.protocol import Peers
from tests.support.actors import actor
from tests.support.chain import Revert
from tests.support.deployment import create_address, plan_peers
from tests.support.world import World

ZERO = "0x" + "00" * 20
PLACES = ("parameters", "models", "operators", "escrow", "settlement", "disputes", "omissions")
# Reads the others and is called by none, so it has no place among them.
CONTRACTS = (*PLACES, "reputation")
HALF_LIFE = 90 * 86_400


def next_address(world: World) -> str:
    """Where the deployer's next contract will be."""
    deployer = actor("deployer").address
    return create_address(deployer, int(world.chain.rpc("eth_getTransactionCount", deployer, "latest"), 16))


def peers_with(world: World, place: str) -> Peers:
    """The peers of the deployment, with the deployer's next contract in `place`."""
    return replace(world.peers, **{place: next_address(world)}) if place in PLACES else world.peers


def deploy_revert(world: World, place: str, peers: Peers) -> Revert | None:
    extra: tuple[Any, ...] = ()
    if place == "parameters":
        extra = (world.deployment.bounds, world.params)
    if place == "reputation":
        extra = (HALF_LIFE,)
    return world.chain.deploy_revert(place.capitalize(), peers, *extra, sender=actor("deployer"))


@pytest.mark.parametrize("place", CONTRACTS)
def test_constructor__with_zero_for_any_peer__reverts(world: World, place: str) -> None:
    """F5, F6: each contract names the first peer that is missing."""
    good = peers_with(world, place)
    assert deploy_revert(world, place, good) is None
    found = {
        field.name: deploy_revert(world, place, replace(good, **{field.name: ZERO}))
        for field in fields(Peers)
    }
    assert found == {field.name: Revert("Peers_BadWiring", field.name) for field in fields(Peers)}


@pytest.mark.parametrize("place", PLACES)
def test_constructor__in_another_place_than_its_own__reverts(world: World, place: str) -> None:
    """F6: also in the place of another contract."""
    for wrong in (world.peers, peers_with(world, next(other for other in PLACES if other != place))):
        assert deploy_revert(world, place, wrong) == Revert("Peers_BadWiring", place)


def test_plan_peers__is_where_the_contracts_are(world: World) -> None:
    nonce = int(world.chain.rpc("eth_getTransactionCount", actor("deployer").address, "latest"), 16)
    planned = plan_peers(
        actor("deployer").address,
        nonce,
        token=world.token.address,
        authority=world.governance.address,
        treasury=world.treasury.address,
    )
    assert planned.parameters == next_address(world)
    assert world.peers == replace(planned, **{place: getattr(world, place).address for place in PLACES})


def test_wiring__of_all_contracts__is_one(world: World) -> None:
    """F6: the deploy script compares it: one contract with another peer is told from the rest."""
    assert {getattr(world, place).wiring() for place in CONTRACTS} == {world.peers.wiring}
    assert all(
        replace(world.peers, **{field.name: world.stranger.address}).wiring != world.peers.wiring
        for field in fields(Peers)
    )


def test_getters__say_what_was_wired(world: World) -> None:
    assert world.operators.token() == world.escrow.token() == world.token.address
    assert world.settlement.treasury() == world.treasury.address
    assert world.parameters.authority() == world.models.authority() == world.governance.address
    assert world.settlement.domainSeparator() == world.domain.separator
    assert world.reputation.halfLife() == HALF_LIFE


def test_set_authority__by_anyone__reverts(world: World) -> None:
    """F10: the authority cannot be re-pointed, not even by the admin behind its delay."""
    fixed = Revert("Peers_AuthorityFixed")
    for contract in (world.parameters, world.models):
        for caller in (world.stranger, world.council, world.guardian, world.deployer, world.governance):
            assert contract.setAuthority.revert(world.stranger, sender=caller) == fixed
        data = bytes.fromhex(world.governance.updateAuthority.data(contract, world.stranger)[2:])
        world.governance.schedule(world.governance, data, 0, sender=world.council)
        world.forward(world.deployment.bounds.council_delay)
        assert world.governance.execute.revert(world.governance, data, sender=world.council) == fixed
