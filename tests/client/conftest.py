"""One deployment by the code under test; each test starts from it, with fresh clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3
from web3.providers.base import BaseProvider

from onus.chain import LocalSigner, Manifest, Rpc, Sender
from onus.chain.deploy import Terms, deploy
from onus.client import Onus
from onus.protocol import keccak256, preset
from scripts.build import Artifact

UNIT = 10**18
START = preset("local-demo")


def key(name: str) -> LocalSigner:
    """The account of this name: the same in every test."""
    return LocalSigner.from_key(keccak256(f"client test {name}".encode()))


def terms(**changes: Any) -> Terms:
    """What the tests deploy."""
    fields: dict[str, Any] = {
        "chain_id": 31337,
        "name": "local-demo",
        "params": START.params,
        "bounds": START.bounds,
        "council": key("council").address,
        "guardian": key("guardian").address,
        "treasury": key("treasury").address,
    }
    return Terms(**fields | changes)


class Hooked(BaseProvider):
    """An endpoint that a test can break: `hook(method, params, forward)` answers instead of the chain."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        self.calls: list[str] = []
        self.hook: Callable[[str, Any, Callable[[], Any]], Any] | None = None

    def make_request(self, method: Any, params: Any) -> Any:
        self.calls.append(method)

        def forward() -> Any:
            return self.inner.make_request(method, params)

        return forward() if self.hook is None else self.hook(method, params, forward)


@dataclass
class Chain:
    """The local chain, and how a test moves it."""

    web3: Web3
    rpc: Rpc = field(init=False)

    def __post_init__(self) -> None:
        self.rpc = Rpc(self.web3)

    def do(self, method: str, *params: Any) -> Any:
        return self.rpc.request(method, *params)

    def mine(self, blocks: int = 1) -> None:
        self.do("anvil_mine", hex(blocks))

    def advance(self, seconds: int) -> None:
        self.do("evm_increaseTime", seconds)
        self.mine()

    def undo(self, snapshot: Any) -> None:
        """Goes back to a snapshot, which is used up."""
        self.do("evm_revert", snapshot)
        # Anvil treats it as a reorganisation and would mine what was undone once more.
        self.do("anvil_dropAllTransactions")

    def automine(self, on: bool) -> None:
        self.do("evm_setAutomine", on)

    def fund(self, *names: str) -> None:
        for name in names:
            self.do("anvil_setBalance", key(name).address, hex(1_000 * UNIT))

    def hooked(self) -> tuple[Rpc, Hooked]:
        """The same chain through an endpoint that can be broken."""
        provider = Hooked(self.web3.provider)
        return Rpc(Web3(provider)), provider

    def waiting(self) -> int:
        """Transactions in the pool."""
        status = self.do("txpool_status")
        return int(status["pending"], 16) + int(status["queued"], 16)


PEOPLE = ("deployer", "operator", "payer", "provider", "watcher", "stranger")


@pytest.fixture(scope="session")
def chain(w3: Web3) -> Chain:
    return Chain(w3)


def _deployed(chain: Chain, artifacts: dict[str, Artifact], path: Path) -> Manifest:
    chain.fund(*PEOPLE)
    path.unlink(missing_ok=True)
    manifest = deploy(Sender(chain.rpc, key("deployer")), terms(), artifacts, path=path, say=lambda _: None)
    client = Onus(chain.rpc, manifest, key("deployer"))
    for name in PEOPLE:
        client.token.mint(key(name).address, 100_000 * UNIT)
    return manifest


@pytest.fixture(scope="session")
def _made(
    chain: Chain, artifacts: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("deployment") / "31337.json"
    return {"path": path, "manifest": _deployed(chain, artifacts, path)}


@pytest.fixture
def at_start(chain: Chain) -> Iterator[None]:
    """Whatever a test does to the chain is undone."""
    snapshot = chain.do("evm_snapshot")
    yield
    chain.automine(True)
    chain.undo(snapshot)


@pytest.fixture
def manifest(chain: Chain, artifacts: dict[str, Artifact], _made: dict[str, Any]) -> Iterator[Manifest]:
    """A complete deployment with the demo parameters, made once; undone is what the test does."""
    known: Manifest = _made["manifest"]
    if not chain.rpc.code(known.address("Disputes")):
        # The chain was put back to a time before the deployment.
        known = _made["manifest"] = _deployed(chain, artifacts, _made["path"])
    snapshot = chain.do("evm_snapshot")
    yield known
    chain.automine(True)
    chain.undo(snapshot)


@pytest.fixture
def manifest_path(manifest: Manifest, tmp_path: Path) -> Path:
    path = tmp_path / "31337.json"
    manifest.save(path)
    return path


@pytest.fixture
def client(chain: Chain, manifest: Manifest) -> Callable[..., Onus]:
    """`client("payer")` is the client of a named account, `client()` a reader."""

    def make(name: str | None = None, **options: Any) -> Onus:
        options = {"timeout_seconds": 20, **options} if name else {}
        return Onus(chain.rpc, manifest, key(name) if name else None, verify=False, **options)

    return make
