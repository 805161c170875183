"""Fixtures of the world: one deployment a session, a fresh record for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from onus.protocol import preset
from scripts.build import Artifact
from tests.support.chain import Chain
from tests.support.deployment import Deployment, deploy
from tests.support.world import World

if TYPE_CHECKING:
    from web3 import Web3


@pytest.fixture(scope="session")
def onus_chain(w3: Web3, artifacts: dict[str, Artifact]) -> Chain:
    """Raw access to Ape's chain."""
    return Chain(w3, artifacts)


@pytest.fixture(scope="session")
def _deployments(onus_chain: Chain) -> list[Deployment]:
    return [deploy(onus_chain)]


@pytest.fixture
def world(onus_chain: Chain, _deployments: list[Deployment]) -> Iterator[World]:
    """The deployed system as it was at the start; what a test does to it is undone afterwards."""
    if onus_chain.rpc("eth_getCode", _deployments[0].settlement.address, "latest") == "0x":
        # The chain was put back to a time before the deployment.
        _deployments[0] = deploy(onus_chain)
    with _isolated(onus_chain):
        result = World(_deployments[0])
        yield result
        result.close()


@pytest.fixture
def another_world(onus_chain: Chain) -> Iterator[Callable[..., World]]:
    """`another_world(token="FeeToken")` deploys a system of its own; arguments as in `deploy`."""
    made: list[World] = []

    def make(**options: Any) -> World:
        made.append(World(deploy(onus_chain, **options)))
        return made[-1]

    with _isolated(onus_chain):
        yield make
        for each in made:
            each.close()


@pytest.fixture
def prompt_world(another_world: Callable[..., World]) -> World:
    """A world whose council has no delay: `world.parameters.add(params, sender=world.council)` at once."""
    return another_world(bounds=replace(preset("op-stack").bounds, council_delay=0))


class _isolated:
    """A snapshot, and a clock that only transactions move: one second a block."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain

    def __enter__(self) -> None:
        self.chain.rpc("anvil_autoImpersonateAccount", True)
        self.snapshot = self.chain.rpc("evm_snapshot")
        self.chain.rpc("anvil_setBlockTimestampInterval", 1)

    def __exit__(self, *_: object) -> None:
        self.chain.rpc("anvil_removeBlockTimestampInterval")
        self.chain.undo(self.snapshot)
