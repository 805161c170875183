"""One local chain with the contracts and the digits model, where each test brings its own people."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onus.chain import LocalSigner, Manifest
from onus.client import Onus
from onus.inference import Inference, Order, Session, tensors_root
from onus.library import Library
from onus.operator import CommitPolicy, Executor, Node, Offer
from onus.protocol import Address, ModelId, Params, Request, Signed, Voucher
from onus.watcher import DataSource, Sampling, Watcher
from scripts.anvil import Anvil
from scripts.build import load
from scripts.demo.world import DOLLAR, MODEL, World, heldout

FEE = DOLLAR // 100
STAKE = 10 * DOLLAR
BATCH = 8

__all__ = ["BATCH", "DOLLAR", "FEE", "STAKE", "Town", "open_town"]


class Town:
    """Everybody in it is new and has money; what a test starts is stopped by `close_visit`."""

    def __init__(self, world: World, library: Library, folder: Path) -> None:
        self.world = world
        self.chain: Anvil = world.chain
        self.manifest: Manifest = world.manifest
        self.model_id: ModelId = world.model_id
        self.library = library
        self.images: NDArray[np.int8] = heldout()[0]
        self._folder = folder
        self._number = itertools.count()
        self._image = itertools.count()
        self.visit = ExitStack()
        self.stay = ExitStack()

    @property
    def params(self) -> Params:
        """The set in force."""
        return self.manifest.first_params

    @property
    def reader(self) -> Onus:
        """Somebody who only reads."""
        return self.world.reader

    def image(self) -> bytes:
        """The next held-out image in committed form."""
        return self.images[next(self._image) % len(self.images)].tobytes()

    def database(self) -> str:
        """URL of a new one."""
        return f"sqlite:///{self._folder / f'{next(self._number)}.db'}"

    def client(self, signer: LocalSigner | None = None, *, tokens: int = 100_000 * DOLLAR) -> Onus:
        """Somebody new, with ether and tokens."""
        signer = signer or LocalSigner.create()
        self.chain.request("anvil_setBalance", signer.address, hex(10**20))
        self.world.clients["deployer"].token.mint(signer.address, tokens)
        return self.same(signer)

    def same(self, signer: LocalSigner) -> Onus:
        """A client of somebody who is here already, as after a restart."""
        return Onus(self.chain.url, self.manifest, signer, verify=False, poll_seconds=0.05)

    def node(
        self,
        client: Onus,
        key: LocalSigner,
        *,
        database: str | None = None,
        executor: Executor | None = None,
        max_receipts: int = BATCH,
        margin_seconds: int = 1,
        poll_seconds: float = 0.05,
    ) -> Node:
        """A node that is not started; it is stopped with the visit."""
        node = Node(
            client,
            signer=key,
            offers=[Offer(model_id=self.model_id, fee=FEE, stake=STAKE)],
            library=self.library,
            database=database or self.database(),
            executor=executor,
            policy=CommitPolicy(max_receipts=max_receipts, margin_seconds=margin_seconds),
            poll_seconds=poll_seconds,
        )
        self.visit.callback(node.stop)
        return node

    @contextmanager
    def staying(self) -> Iterator[None]:
        """What is started in here is not stopped with the visit, but with the town."""
        visit, self.visit = self.visit, self.stay
        try:
            yield
        finally:
            self.visit = visit

    def operator(self, *, executor: Executor | None = None, max_receipts: int = BATCH) -> Node:
        """A running operator with stake and a full reserve; commits only full batches, or when told to."""
        client, key = self.client(), LocalSigner.create()
        # It never commits by the clock: tests say when.
        node = self.node(client, key, executor=executor, max_receipts=max_receipts, margin_seconds=-(10**6))
        self.register(client, key, node.url)
        node.start()
        return node

    def register(self, client: Onus, key: LocalSigner, url: str, *, stake: int = 5_000 * DOLLAR) -> None:
        """Makes somebody an operator."""
        client.operators.register(url, signer=key.address)
        client.operators.stake(stake)
        client.operators.fund_reserve(self.params.reserve)

    def payer(self, *operators: Address, reserve: int = 5 * DOLLAR) -> Onus:
        """A payer with reservations."""
        client = self.client()
        for operator in operators:
            client.escrow.deposit_and_reserve(operator, reserve)
        return client

    def order(
        self,
        payer: Onus,
        operator: Address,
        *,
        cumulative: int = FEE,
        data: bytes | None = None,
        max_fee: int = FEE,
        min_stake: int = STAKE,
        model_id: ModelId | None = None,
        expires_in: int = 600,
        input_root: bytes | None = None,
        signer: LocalSigner | None = None,
        voucher_signer: LocalSigner | None = None,
        voucher: Voucher | None = None,
        nonce: int | None = None,
    ) -> Order:
        """An order, right unless something else is said."""
        key = payer.require_signer()
        data = self.image() if data is None else data
        request = Request(
            payer=key.address,
            model_id=model_id or self.model_id,
            input_root=input_root or tensors_root([data]),
            max_fee=max_fee,
            min_stake=min_stake,
            nonce=next(self._number) if nonce is None else nonce,
            expires_at=payer.now() + expires_in,
        )
        promise = voucher or Voucher(payer=key.address, operator=operator, cumulative=cumulative)
        return Order(
            request=Signed.by(signer or key, request, domain=payer.domain),
            voucher=Signed.by(voucher_signer or key, promise, domain=payer.domain),
            inputs=(data,),
        )

    def ask(self, payer: Onus, node: Node, count: int, *, inputs: Sequence[bytes] = ()) -> list[Inference]:
        """Inferences, one after the other."""
        images = [*inputs, *(self.image() for _ in range(count - len(inputs)))]
        with Session(payer, node.service.operator) as session:
            return [session.infer(self.model_id, [data], max_fee=FEE, min_stake=STAKE) for data in images]

    def watcher(
        self,
        *,
        client: Onus | None = None,
        database: str | None = None,
        source: DataSource | None = None,
        library: Library | None = None,
        start_block: int | None = None,
        deposit: int = 200 * DOLLAR,
        sampling: Sampling | None = None,
        patience_seconds: float = 20,
    ) -> Watcher:
        """A watcher that reads from the next block on and risks nothing, unless something else is said.

        To be stepped.
        """
        if client is None:
            client = self.client()
            if deposit:
                client.escrow.deposit(deposit)
        watcher = Watcher(
            client,
            library=library or self.library,
            database=database or self.database(),
            source=source,
            start_block=self.reader.block_number() + 1 if start_block is None else start_block,
            poll_seconds=0.01,
            sampling=sampling or Sampling(bonds=0),
            patience_seconds=patience_seconds,
        )
        self.visit.callback(watcher.stop)
        return watcher

    def close_visit(self) -> None:
        """Stops what a test started."""
        self.visit.close()
        self.visit = ExitStack()


@contextmanager
def open_town(folder: Path) -> Iterator[Town]:
    """A town of its own, with the digits model registered."""
    with Anvil.start() as chain:
        world = World.deploy(chain, folder, load(), say=lambda _: None)
        world.register_model(royalty_bps=1_000)
        library = Library.of_files([MODEL])
        library.secure(world.model_id, models=world.reader.models).engine.run_encoded([bytes(64)])
        town = Town(world, library, folder)
        try:
            yield town
        finally:
            town.close_visit()
            town.stay.close()
