"""What all tests share: the compiled contracts and the chain that Ape runs, put back after each test."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import pytest

from scripts.build import Artifact, load
from tests.support.fixtures import _deployments, another_world, onus_chain, prompt_world, world  # noqa: F401

if TYPE_CHECKING:
    from ape.contracts import ContractContainer
    from web3 import Web3


@pytest.hookimpl(wrapper=True)
def pytest_exception_interact(report: pytest.TestReport) -> Generator[None, object, object]:
    """Keeps pytest's own report of a failure: Ape's adds every frame inside `.venv`, with its locals."""
    text = report.longrepr
    result = yield
    report.longrepr = text
    return result


@pytest.fixture(scope="session")
def artifacts() -> dict[str, Artifact]:
    """ABI and code of every contract by name: what scripts deploy, not a second compilation."""
    return load()


@pytest.fixture(scope="session")
def contract(artifacts: dict[str, Artifact]) -> Callable[[str], ContractContainer]:
    """`contract("Models")` is Ape's container: `owner.deploy(contract("Models"), ...)`, `.at(address)`."""
    from ape.contracts import ContractContainer
    from ethpm_types import ContractType

    def container(name: str) -> ContractContainer:
        artifact = artifacts[name]
        return ContractContainer(
            ContractType.model_validate(
                {
                    "contractName": name,
                    "sourceId": artifact.source,
                    "abi": artifact.abi,
                    "deploymentBytecode": {"bytecode": artifact.bytecode},
                    "runtimeBytecode": {"bytecode": artifact.runtime},
                }
            )
        )

    return container


@pytest.fixture(scope="session")
def w3() -> Web3:
    """web3.py on Ape's chain, for the client under test."""
    from ape import networks

    return networks.provider.web3
