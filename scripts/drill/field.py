"""Where drills take place."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from onus.chain import LocalSigner
from onus.client import Onus
from onus.inference import BatchData, tensors_root
from onus.library import Library, SecuredModel, split
from onus.protocol import (
    Address,
    Batch,
    BatchHeader,
    BatchId,
    Claim,
    InferenceMode,
    Manifest,
    ModelId,
    ModelSpec,
    Preset,
    Receipt,
    Request,
    Signed,
    Voucher,
    preset,
)
from onus.trace import Trace
from onus.watcher import DataWithheld, OperatorTrace
from scripts.anvil import Anvil
from scripts.build import load
from scripts.demo.world import DOLLAR, World

__all__ = ["ACCUSER", "OPERATOR", "WATCHER", "Committed", "Field", "most_demands", "open_field", "preset_for"]

FEE: Final = DOLLAR // 100
STAKE: Final = 10 * DOLLAR
OPERATOR: Final = "operator A"
PAYER: Final = "payer 1"
ACCUSER: Final = "payer 2"
WATCHER: Final = "watcher"
_PAGE: Final = 8 * 1024
"""Bytes of input that one answer reveals at most."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A batch on chain.

    Attributes:
        batch_id: its id.
        batch: header, claims, receipts.
        requests: of each receipt.
        traces: what the operator claims that they give.
        number: block of the commit.
    """

    batch_id: BatchId
    batch: Batch
    requests: tuple[Request, ...]
    traces: tuple[Trace, ...]
    number: int


@dataclass(slots=True)
class Field:
    """A chain with everybody on it; between two rounds it is put back to where it was.

    Attributes:
        world: chain, contracts, clients.
        model: the registered model, recompiled.
        library: with its file.
        folder: for databases.
    """

    world: World
    model: SecuredModel
    library: Library
    folder: Path
    _served: dict[BatchId, tuple[BatchData, tuple[Trace, ...]]] = field(default_factory=dict)

    @property
    def chain(self) -> Anvil:
        """The chain."""
        return self.world.chain

    @property
    def reader(self) -> Onus:
        """For reading only."""
        return self.world.reader

    def client(self, name: str) -> Onus:
        """Somebody, with no memory of transactions that were put back."""
        signer = self.world.clients[name].require_signer()
        return Onus(self.chain.url, self.world.manifest, signer, verify=False, poll_seconds=0.01)

    @property
    def operator(self) -> Address:
        """The operator."""
        return self.world.address(OPERATOR)

    @contextmanager
    def round(self) -> Iterator[None]:
        """What happens on the chain in here has not happened afterwards."""
        snapshot = self.chain.request("evm_snapshot")
        try:
            yield
        finally:
            self.chain.request("evm_revert", snapshot)
            self._served.clear()

    def commit(self, data: Sequence[bytes], traces: Sequence[Trace], *, serves: bool = True) -> Committed:
        """The operator commits to executions, whatever they are.

        Args:
            data: inputs in committed form.
            traces: what is claimed that they give; the same number.
            serves: whether anybody gets data and traces who asks the operator for them.
        """
        operator, payer = self.client(OPERATOR), self.client(PAYER)
        now, params = operator.now(), self.world.manifest.first_params
        requests = [self._request(payer, each, nonce, now) for nonce, each in enumerate(data)]
        receipts = [
            Receipt(
                request_id=request.id(operator.domain),
                model_id=self.model.model_id,
                operator=self.operator,
                payer=request.payer,
                input_root=request.input_root,
                output_root=trace.output_root,
                trace_root=trace.trace_root,
                fee=FEE,
                stake=STAKE,
                served_at=now,
                commit_by=now + params.max_commit_delay,
            )
            for request, trace in zip(requests, traces, strict=True)
        ]
        newest, _ = operator.parameters.current()
        sequence = operator.operators.state_of(self.operator).next_sequence
        batch = Batch.build(receipts, param_set=newest, sequence=sequence)
        promise = Voucher(payer=self.world.address(PAYER), operator=self.operator, cumulative=len(data) * FEE)
        voucher = Signed.by(payer.require_signer(), promise, domain=payer.domain)
        mined = operator.settlement.commit(batch, [voucher])
        committed = Committed(mined.value, batch, tuple(requests), tuple(traces), mined.block_number)
        if serves:
            inputs = tuple(split(each, self.model.input_sizes) for each in data)
            batch_data = BatchData(batch=batch, requests=committed.requests, inputs=inputs)
            self._served[mined.value] = batch_data, committed.traces
        return committed

    def _request(self, payer: Onus, data: bytes, nonce: int, now: int) -> Request:
        return Request(
            payer=payer.require_signer().address,
            model_id=self.model.model_id,
            input_root=tensors_root(split(data, self.model.input_sizes)),
            max_fee=FEE,
            min_stake=STAKE,
            nonce=nonce,
            expires_at=now + 600,
        )

    # ---- what the operator serves (`onus.watcher.DataSource`) --------------------------------------------

    def batch(
        self, batch_id: BatchId, *, header: BatchHeader, claims: Sequence[Claim], model: SecuredModel
    ) -> BatchData:
        """Receipts, requests and inputs of a batch, through the checks of what comes over HTTP."""
        if batch_id not in self._served:
            raise DataWithheld("batch data", "not served")
        served, _ = self._served[batch_id]
        return BatchData.from_json(served.to_json(), header=header, claims=claims, domain=self.reader.domain)

    def trace(
        self, batch_id: BatchId, leaf_index: int, *, receipt: Receipt, model: SecuredModel
    ) -> OperatorTrace:
        """The execution behind a receipt, as it was committed to."""
        trace = self._served[batch_id][1][leaf_index]
        data = b"".join(trace.committed(slot) for slot in range(len(model.program.slots)))
        return OperatorTrace.of(data, model=model, trace_root=receipt.trace_root)


def most_demands(manifest: Manifest) -> int:
    """What a dispute about a model of which nothing is served takes at most: as the contract counts it."""
    return manifest.depth_budget + -(-manifest.input_bytes // _PAGE)


def preset_for(manifest: Manifest) -> Preset:
    """Clocks that no computation outlasts, as time is not waited for here; and room for any model."""
    start = preset("op-stack")
    pages = -(-manifest.input_bytes // _PAGE)
    params = replace(
        start.params,
        max_demands=max(start.params.max_demands, most_demands(manifest)),
        max_input_bytes=max(start.params.max_input_bytes, pages * _PAGE),
    )
    return Preset(params, start.bounds)


@contextmanager
def open_field(file: bytes, *, name: str = "drill") -> Iterator[Field]:
    """A chain with a model registered, an operator with stake, a payer and a watcher with money.

    Raises:
        TosaFileError: the file is no model that can be secured.
        OnusError: the contracts do not take it.
        AnvilError: there is no chain.
        BuildError: the contracts do not compile.
    """
    library = Library()
    program = library.add(file)
    artifacts = load()
    with (
        tempfile.TemporaryDirectory(prefix="onus-drill-") as folder,
        # Blocks come with transactions, and time when somebody waits for it.
        Anvil.start(block_seconds=None) as chain,
    ):
        start = preset_for(program.manifest)
        world = World.deploy(chain, Path(folder), artifacts, say=lambda _: None, start=start)
        try:
            params = world.manifest.first_params
            spec = ModelSpec(
                name=name,
                version="1",
                uri=name,
                mode=InferenceMode.TRACE,
                verifier=world.manifest.address("TraceVerifier"),
                manifest=program.manifest,
                royalty_bps=0,
                royalty_receiver=world.address("provider"),
                challenge_window=params.max_challenge_window,
            )
            world.model_id = ModelId(world.clients["provider"].models.register(spec).value)
            for who in (OPERATOR, PAYER, WATCHER, ACCUSER):
                world.mint(who, 20_000 * DOLLAR)
            operator = world.clients[OPERATOR].operators
            operator.register("http://127.0.0.1:9", signer=LocalSigner.create().address)
            operator.stake(10_000 * DOLLAR)
            operator.fund_reserve(params.reserve)
            world.clients[PAYER].escrow.deposit_and_reserve(world.address(OPERATOR), DOLLAR)
            for who in (WATCHER, ACCUSER):
                world.clients[who].escrow.deposit(1_000 * DOLLAR)
            model = library.secure(world.model_id, models=world.reader.models)
            yield Field(world, model, library, Path(folder))
        finally:
            world.close()
