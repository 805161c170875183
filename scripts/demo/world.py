"""Who takes part, and where it happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from onus.chain import LocalSigner, Manifest, Rpc, Sender
from onus.chain.deploy import Terms, deploy
from onus.client import Onus
from onus.library import Library
from onus.operator import CommitPolicy, Executor, Node, Offer
from onus.protocol import Address, InferenceMode, ModelId, ModelSpec, Preset, preset, to_address
from onus.watcher import Sampling, Watcher
from scripts.anvil import CHAIN_ID, Anvil
from scripts.build import Artifact

__all__ = ["DOLLAR", "MODEL", "OPERATORS", "PAYERS", "WITHHOLDER", "World", "heldout"]

ROOT: Final = Path(__file__).resolve().parent.parent.parent
MODEL: Final = ROOT / "models" / "digits" / "digits.tosa"
DOLLAR: Final = 10**18

OPERATORS: Final = ("operator A", "operator B", "operator C")
WITHHOLDER: Final = "operator D"
PAYERS: Final = ("payer 1", "payer 2")
NAMES: Final = (
    "deployer",
    "council",
    "guardian",
    "treasury",
    "provider",
    *OPERATORS,
    *PAYERS,
    "watcher",
    WITHHOLDER,
)


def heldout() -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    """Images and labels that the model was not trained on: (599, 1, 8, 8) and (599,)."""
    with np.load(MODEL.parent / "heldout.npz") as data:
        return data["inputs"], data["labels"]


@dataclass(slots=True)
class World:
    """A chain, the contracts on it, and a client for everybody; leaves nothing behind when it is closed.

    Attributes:
        chain: the local chain.
        folder: for databases and the manifest.
        manifest: of the deployment.
        clients: by name.
        model_id: of the registered model.
        nodes: running operators, by name.
    """

    chain: Anvil
    folder: Path
    manifest: Manifest
    clients: dict[str, Onus]
    model_id: ModelId = field(default=ModelId(bytes(32)))
    nodes: dict[str, Node] = field(default_factory=dict)
    jumped_seconds: int = 0
    _exit: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def deploy(
        cls,
        chain: Anvil,
        folder: Path,
        artifacts: dict[str, Artifact],
        *,
        say: Callable[[str], None],
        start: Preset | None = None,
    ) -> World:
        """Deploys as `scripts/deploy.py` does, with the local parameter set if no other is given."""
        signers = {name: LocalSigner.from_key(chain.accounts[at].key) for at, name in enumerate(NAMES)}
        start = start or preset("local-demo")
        terms = Terms(
            chain_id=CHAIN_ID,
            name="local-demo",
            params=start.params,
            bounds=start.bounds,
            council=signers["council"].address,
            guardian=signers["guardian"].address,
            treasury=signers["treasury"].address,
        )
        path = folder / "deployments" / f"{CHAIN_ID}.json"
        rpc = Rpc(chain.url)
        deployer = Sender(rpc, signers["deployer"], poll_seconds=0.05)
        manifest = deploy(deployer, terms, artifacts, path=path, say=say)
        clients = {
            name: Onus(chain.url, manifest, signer, verify=False, poll_seconds=0.05)
            for name, signer in signers.items()
        }
        return cls(chain=chain, folder=folder, manifest=manifest, clients=clients)

    def address(self, name: str) -> Address:
        """Of somebody."""
        return self.clients[name].require_signer().address

    def name_of(self, address: str) -> str:
        """Of an address, or the address."""
        wanted = to_address(address)
        return next((name for name in self.clients if self.address(name) == wanted), address)

    @property
    def reader(self) -> Onus:
        """For reading only."""
        return self.clients["deployer"]

    def mint(self, name: str, amount: int) -> None:
        """Gives somebody tokens."""
        self.clients["deployer"].token.mint(self.address(name), amount)

    def register_model(self, *, royalty_bps: int) -> ModelId:
        """The provider registers the digits network."""
        library = Library()
        program = library.add(MODEL.read_bytes())
        spec = ModelSpec(
            name="digits",
            version="1",
            uri=MODEL.name,
            mode=InferenceMode.TRACE,
            verifier=self.manifest.address("TraceVerifier"),
            manifest=program.manifest,
            royalty_bps=royalty_bps,
            royalty_receiver=self.address("provider"),
            challenge_window=self.manifest.first_params.max_challenge_window,
        )
        self.model_id = self.clients["provider"].models.register(spec).value
        return self.model_id

    def library(self) -> Library:
        """A party's own: it compiles the file itself."""
        return Library.of_files([MODEL])

    def start_operator(
        self, name: str, *, stake: int, offer: Offer, policy: CommitPolicy, executor: Executor | None = None
    ) -> Node:
        """Registers an operator with its endpoint, stakes, fills its reserve, and starts its node."""
        client = self.clients[name]
        key = LocalSigner.create()
        node = Node(
            client,
            signer=key,
            offers=[offer],
            library=self.library(),
            database=f"sqlite:///{self.folder / (name.replace(' ', '-') + '.db')}",
            executor=executor,
            policy=policy,
            poll_seconds=0.1,
        )
        self._exit.callback(node.stop)
        client.operators.register(node.url, signer=key.address)
        client.operators.stake(stake)
        client.operators.fund_reserve(self.manifest.first_params.reserve)
        node.start()
        self.nodes[name] = node
        return node

    def watcher(self, *, sampling: Sampling | None = None) -> Watcher:
        """A watcher that is not running yet."""
        watcher = Watcher(
            self.clients["watcher"],
            library=self.library(),
            database=f"sqlite:///{self.folder / 'watcher.db'}",
            sampling=sampling,
        )
        self._exit.callback(watcher.stop)
        return watcher

    def jump(self, timestamp: int) -> int:
        """Moves the chain's time forward to a moment, instead of waiting for it; by how many seconds."""
        seconds = self.chain.advance_to(timestamp)
        self.jumped_seconds += seconds
        return seconds

    def close(self) -> None:
        """Stops everything but the chain; again does nothing."""
        self._exit.close()


def in_parallel(work: dict[str, Callable[[], object]]) -> None:
    """Does things at once, each in a thread, and raises the first error."""
    errors: list[BaseException] = []

    def run(each: Callable[[], object]) -> None:
        try:
            each()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(each,), name=name) for name, each in work.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
