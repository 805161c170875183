"""Gas of every action, from the receipts of whole transactions on Anvil with the Osaka rules.

`make bench-gas` (or `python -m benchmarks.gas`) prints the table and writes `benchmarks/results/gas.json`:
`{"rows": [{"action", "gas", "limit", "reference"}], "sizes": [{"contract", "bytes", "limit"}]}`. It fails if
a limit is broken. Keys, values and the clock are fixed, so the same code gives the same numbers; `--check`
writes nothing and fails if they are not the committed ones.

Unless an action says otherwise it is one of a running system: operator, payer, model and receivers were seen
before.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from web3 import HTTPProvider, Web3

from benchmarks.contraction import tosa
from benchmarks.wide import clamp
from onus.protocol import (
    Answer,
    Batch,
    BatchHeader,
    Claim,
    DemandKind,
    FaultKind,
    MerkleTree,
    ModelId,
    Parent,
    Position,
    Receipt,
    TensorWitness,
    keccak256,
    merkle,
)
from onus.protocol.ids import claims_hash
from onus.trace import (
    Alteration,
    Engine,
    Entry,
    Opcode,
    Program,
    Trace,
    answer_of,
    compile_tosa,
    descend,
    element_evidence,
    encode_inputs,
    witness_of,
)
from scripts.anvil import Anvil
from scripts.build import CODE_SIZE_LIMIT, ROOT, load
from tests.support.actors import Actor, actor
from tests.support.chain import Chain, Tx
from tests.support.deployment import UNIT, Deployment, deploy
from tests.support.world import CENT, Sealed, World

RESULTS = Path(__file__).parent / "results" / "gas.json"
START = 2_000_000_000  # of the chain's clock
TRANSACTION_LIMIT = 16_777_216  # EIP-7825
BATCH = 8_192
LEAF = 5_000
STAKE = 5 * CENT

UMA_COMMIT = "UMA, assert to settle, one item: 246,633"
BOUNDLESS_ITEM = "Boundless, an item in a batch of 8: 54,845"
UMA_SETTLE = "UMA settle: 61,828"
UMA_DISPUTE = "UMA dispute: 114,842"
CARTESI_STEP = "Cartesi step: 90,175, over 92 steps"
OPTIMISM = "Optimism: about 15 M and 73 levels"
CARTESI_LEAF = "Cartesi leaf: 127,728, after 9 M of steps"
BOUNDLESS_SLASH = "Boundless slash: 101,892"
DEPLOYED = (
    "Governance",
    "Parameters",
    "Models",
    "Operators",
    "Escrow",
    "Settlement",
    "Disputes",
    "Omissions",
    "Reputation",
    "TraceVerifier",
)

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """A measured action; `limit` is of docs/protocol.md or None, `reference` what others pay for the like."""

    action: str
    gas: float
    limit: int | None = None
    reference: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.limit is None or self.gas <= self.limit


@dataclass(frozen=True)
class Size:
    """Bytes of a contract's code."""

    contract: str
    bytes: int
    limit: int = CODE_SIZE_LIMIT


@dataclass(frozen=True)
class Results:
    """Everything that is committed."""

    rows: tuple[Row, ...]
    sizes: tuple[Size, ...]

    def to_json(self) -> dict[str, Any]:
        """As in the file."""
        return {"rows": [asdict(row) for row in self.rows], "sizes": [asdict(size) for size in self.sizes]}

    @property
    def broken(self) -> list[str]:
        """What is above its limit."""
        return [row.action for row in self.rows if not row.holds] + [
            f"code of {size.contract}" for size in self.sizes if size.bytes > size.limit
        ]


def measure() -> Results:
    """Measures everything on a chain of its own; some seconds."""
    artifacts = load()
    with Anvil.start(block_seconds=None) as anvil:
        chain = Chain(Web3(HTTPProvider(anvil.url)), artifacts)
        chain.rpc("anvil_setBlockTimestampInterval", 1)
        chain.rpc("evm_setNextBlockTimestamp", START)
        chain.rpc("evm_mine")
        deployment = deploy(chain)
        bench = _Bench(deployment)
        rows = (
            *_deployments(deployment),
            *bench.setting_up(),
            *bench.settling(),
            *bench.publishing(),
            *bench.disputing(),
            *bench.proving(),
            *bench.losing(),
            *bench.revealing(),
            *bench.in_a_hostile_dispute(),
            *bench.omitting(),
            *bench.quarantined(),
            *bench.remembering(),
            *bench.at_256_payers(),
        )
    sizes = tuple(Size(name, artifacts[name].size) for name in DEPLOYED)
    return Results(rows, sizes)


def _deployments(deployment: Deployment) -> list[Row]:
    chain = deployment.chain
    made = {}
    for number in range(int(chain.rpc("eth_blockNumber"), 16) + 1):
        for receipt in chain.rpc("eth_getBlockReceipts", hex(number)):
            made[receipt["contractAddress"]] = int(receipt["gasUsed"], 16)
    contracts = {each.name: each.address.lower() for each in (*deployment.contracts, deployment.verifier)}
    return [Row(f"deploy {name}", made[contracts[name]]) for name in DEPLOYED]


class _Bench:
    """A world in which everybody was seen before, and the measurements in it."""

    def __init__(self, deployment: Deployment) -> None:
        self.world = World(deployment)

    # ---- Measurements, in the order of a system's life --------------------------------------------------

    def setting_up(self) -> list[Row]:
        w, op = self.world, self.world.op1
        rows = [Row("register model", w.models.register(w.spec(), sender=w.provider).gas_used)]
        self.parent, self.model = w.register_model(), w.register_model()
        spec = w.spec(parents=(Parent(model_id=self.parent, share_bps=2_500),))
        rows.append(Row("register model, each parent", self._registered(spec) - rows[0].gas))
        rows += [
            Row(
                "register operator",
                w.operators.register("https://op1.example", w.signer1, sender=op).gas_used,
            ),
            Row("stake, first", w.operators.stake(100_000 * UNIT, sender=op).gas_used),
            Row("stake, again", w.operators.stake(UNIT, sender=op).gas_used),
            Row("fund reserve", w.operators.fundReserve(w.params.reserve, sender=op).gas_used),
            Row("deposit, first", w.escrow.deposit(w.alice, 10_000 * UNIT, sender=w.alice).gas_used),
            Row("deposit, again", w.escrow.deposit(w.alice, 100 * UNIT, sender=w.alice).gas_used),
            Row("reserve, first", w.escrow.reserve(op, UNIT, sender=w.alice).gas_used),
            Row(
                "deposit and reserve, again",
                w.escrow.depositAndReserve(op, 99_999 * UNIT, sender=w.alice).gas_used,
            ),
            Row("withdraw balance", w.escrow.withdraw(w.alice, UNIT, sender=w.alice).gas_used),
            Row("request unbonding", w.operators.requestUnbond(UNIT, sender=op).gas_used),
        ]
        w.time_to(w.operators.stateOf(op).exitAt)
        rows.append(Row("withdraw stake", w.operators.withdraw(op, sender=op).gas_used))
        for payer in (w.bob, w.watcher1, w.watcher2):
            w.escrow.depositAndReserve(op, 1_000 * UNIT, sender=payer)
            w.escrow.deposit(payer, 1_000 * UNIT, sender=payer)
        w.escrow.deposit(w.treasury, 1, sender=w.stranger)
        w.escrow.deposit(op, 1, sender=w.stranger)
        return rows

    def settling(self) -> list[Row]:
        w = self.world
        rows = []
        self._commit(self._batch(1))
        limit, reference = 130_000, UMA_COMMIT
        costs = {count: self._commit(self._batch(count)).gas_used for count in (1, 10, 1_000, BATCH)}
        rows += [Row(f"commit, batch of {count:,}", gas, limit, reference) for count, gas in costs.items()]
        rows.append(
            Row(f"commit, per inference at {BATCH:,}", round(costs[BATCH] / BATCH, 2), 16, BOUNDLESS_ITEM)
        )
        self._commit(self._batch(BATCH, w.alice, w.bob))
        further = self._commit(self._batch(BATCH, w.alice, w.bob)).gas_used - costs[BATCH]
        rows.append(Row("commit, each further payer", further, 45_000))

        batches = []
        for _ in range(12):
            batches.append(self._batch(BATCH))
            self._commit(batches[-1])
        w.past_window(*batches)
        w.finalize(batches[0])
        one = w.finalize(batches[1]).gas_used
        ten = w.finalize(*batches[2:]).gas_used
        rows.append(Row("finalize, one batch", one, 90_000, UMA_SETTLE))
        rows.append(Row("finalize, each of ten in a list", round(ten / 10)))
        w.settlement.distribute(self.model, sender=w.stranger)
        self._final(self._batch(1))
        rows.append(
            Row(
                "distribute royalties, no parent",
                w.settlement.distribute(self.model, sender=w.stranger).gas_used,
            )
        )
        return rows

    def publishing(self) -> list[Row]:
        w = self.world
        rows = []
        for size in (64, 8 * 1024):
            data = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
            chunks = [keccak256(data[at : at + 128].ljust(128, b"\0")) for at in range(0, size, 128)]
            model = w.register_model(input_bytes=size, trace_bytes=10**6)
            receipt = replace(self._receipt(model), input_root=merkle.root(chunks))
            batch = self._batch(BATCH, receipt=receipt)
            self._commit(batch)
            tx = w.settlement.publish(batch.header, batch.proof(LEAF), [data], sender=w.stranger)
            rows.append(Row(f"publish, input of {size:,} bytes", tx.gas_used))
        return rows

    def disputing(self) -> list[Row]:
        w = self.world
        batch = self._batch(BATCH)
        self._commit(batch)
        self._seal(batch, w.watcher2)
        sealed = w.sealed(batch, LEAF)
        tx = w.disputes.challenge(batch.header, sealed.key.seal, sender=w.watcher1)
        return [
            Row("challenge", tx.gas_used, 130_000, UMA_DISPUTE),
            Row("open", w.disputes.open(batch.header, sealed.opening, sender=w.watcher1).gas_used),
        ]

    def proving(self) -> list[Row]:
        w = self.world
        null = w.chain.deploy("NullVerifier", sender=w.deployer)
        w.govern(w.models.allowVerifier, null)
        bare = self._receipt(w.register_model(verifier=null.address))
        rows = [
            self._apart(
                lambda: self._prove("with everything but the verifier", bare, 125_000, BOUNDLESS_SLASH)
            )
        ]
        limits = {1_024: 330_000, 4_096: 600_000}
        for length, limit in limits.items():
            program = compile_tosa(tosa(length))
            name = f"one element, contraction length {length:,}"
            rows.append(
                self._apart(lambda p=program, n=name, m=limit: self._prove_element(p, n, m, CARTESI_LEAF))
            )  # type: ignore[misc]
        elements: list[tuple[str, bytes, Callable[[Entry], bool], int | None]] = [
            ("3×3 convolution of 256 channels", tosa(256, 3), _any, 500_000),
            ("digits, its costliest", _network("digits"), _any, None),
            ("mobilenet, its costliest", _network("mobilenet"), _any, None),
            ("encoder, its costliest: layer norm over 64", _network("encoder"), _any, 600_000),
            ("encoder, softmax", _network("encoder"), lambda e: e.output.shape == (1, 4, 16, 16), 600_000),
            ("resnet, its costliest", _network("resnet"), _any, None),
            (
                "resnet, global average pool over 8×8",
                _network("resnet"),
                lambda e: e.opcode is Opcode.AVG_POOL2D,
                300_000,
            ),
        ]
        for what, file, among, most in elements:
            program, name = compile_tosa(file), f"one element, {what}"
            rows.append(
                self._apart(
                    lambda p=program, n=name, m=most, a=among: self._prove_element(
                        p, n, m, CARTESI_LEAF if m else None, a
                    )  # type: ignore[misc]
                )
            )
        wrong = replace(self._receipt(self.model), fee=CENT + 1)
        rows.append(
            self._apart(
                lambda: self._prove("a receipt that differs from its header", wrong, kind=FaultKind.HEADER)
            )
        )
        return rows

    def losing(self) -> list[Row]:
        w = self.world

        def lost() -> list[Row]:
            batch = self._batch(BATCH)
            self._commit(batch)
            self._expire(batch, self._seal(batch, w.watcher2))
            return [
                Row("timeout, challenger silent", self._expire(batch, self._seal(batch, w.watcher1)).gas_used)
            ]

        def settled(*payers: Actor) -> list[Row]:
            wrong = replace(self._receipt(self.model), fee=CENT + 1)
            batch = self._batch(BATCH, *payers, receipt=wrong, fee=CENT)
            self._commit(batch)
            moot, winner = self._seal(batch, w.watcher2), self._seal(batch, w.watcher1)
            w.prove(batch, winner)
            closed = w.disputes.close(batch.header, moot.key, sender=w.stranger).gas_used
            w.forward(w.params.earning_delay)
            return [Row("close", closed), Row("settle, one payer", w.settle(batch, winner).gas_used)]

        rows = self._apart(lost)
        # Once before, so that the burned bucket exists.
        close, one = self._apart(lambda: (settled(w.alice), self._wait_for_jail(), settled(w.alice))[-1])
        _, two = self._apart(lambda: (settled(w.alice), self._wait_for_jail(), settled(w.alice, w.bob))[-1])
        return [*rows, close, one, Row("settle, each further payer", two.gas - one.gas)]

    def revealing(self) -> list[Row]:
        """The largest answers there are, of a model with one large tensor, in a batch of 8,192."""
        w = self.world
        program = compile_tosa(clamp(64 * 1_024))
        inputs = [np.random.default_rng(1).integers(-128, 128, (1, 1, 64 * 1_024)).astype(np.int8)]
        trace = Engine(program, threads=1).run(inputs)[0]
        dispute = self._dispute(program, trace)

        def moved(position: Position) -> tuple[Tx, Tx]:
            return dispute.demand(position), dispute.reveal(position)

        receipt = moved(Position(kind=DemandKind.RECEIPT))
        # 512 chunks: the node above 64 of its nodes, a run of 64 chunks.
        nodes = moved(Position(kind=DemandKind.TENSOR_NODES, slot=1, level=9))
        chunks = moved(Position(kind=DemandKind.CHUNKS, slot=1, index=64))
        demanded = dispute.demand(Position(kind=DemandKind.CHUNKS, slot=0))
        w.forward(w.params.operator_time)
        silent = w.disputes.timeout(dispute.batch.header, dispute.sealed.key, sender=w.stranger)
        self._wait_for_jail()
        return [
            Row("demand, first move", receipt[0].gas_used, 140_000, CARTESI_STEP),
            Row("demand, of a tensor", max(nodes[0].gas_used, demanded.gas_used), 140_000, CARTESI_STEP),
            Row("reveal, receipt", receipt[1].gas_used, 140_000, CARTESI_STEP),
            Row("reveal, 64 nodes", nodes[1].gas_used, 140_000, CARTESI_STEP),
            Row("reveal, 64 chunks of 128 bytes", chunks[1].gas_used),
            Row("timeout, operator silent", silent.gas_used),
        ]

    def in_a_hostile_dispute(self) -> list[Row]:
        """An operator that serves nothing: all transactions of both, from the challenge to the money."""
        program = compile_tosa(_network("digits"))
        random = np.random.default_rng(1)
        inputs = [random.integers(-128, 128, (1, *program.inputs[0].shape)).astype(np.int8)]
        engine = Engine(program, threads=1)
        right = engine.run(inputs)[0]
        rows: list[Row] = []
        # The dearest slot to prove, as the compiler counts it.
        slot = max(range(len(program.costs)), key=lambda i: program.costs[i].gas) + len(program.inputs)
        element = program.slots[slot].count // 2
        value = int(right.tensors[slot].reshape(-1)[element])
        wrong = engine.run(inputs, alter=Alteration(slot, element, value ^ 1))[0]
        gas = self._apart(lambda: self._hostile(program, right, wrong))
        # The last one moves the money, when the verdict is long done.
        dispute = gas[:-1]
        rows.append(Row("hostile dispute, digits, to the verdict", sum(dispute), 1_200_000, OPTIMISM))
        rows.append(Row("hostile dispute, digits, transactions", len(dispute), 12, OPTIMISM))
        rows.append(Row("hostile dispute, digits, settled", sum(gas)))
        return rows

    def _hostile(self, program: Program, right: Trace, wrong: Trace) -> list[int]:
        w = self.world
        dispute = self._dispute(program, wrong, name="hostile")
        gas = [dispute.challenged.gas_used]
        inputs, (steps, fault) = Position(kind=DemandKind.INPUT_CHUNKS), descend(right, wrong)
        for position in (Position(kind=DemandKind.RECEIPT), inputs, *steps):
            gas += [dispute.demand(position).gas_used, dispute.reveal(position).gas_used]
        evidence = element_evidence(wrong, fault.slot, fault.element)
        proven = w.prove(dispute.batch, dispute.sealed, kind=FaultKind.EXECUTION, evidence=evidence)
        w.forward(w.params.earning_delay)
        return [*gas, proven.gas_used, w.settle(dispute.batch, dispute.sealed).gas_used]

    def omitting(self) -> list[Row]:
        w = self.world
        w.escrow.deposit(w.alice, 100 * UNIT, sender=w.alice)

        def claim(receipt: Receipt) -> Tx:
            w.time_to(receipt.commit_by)
            return w.omissions.claim(receipt, w.signed(receipt), 1, sender=w.alice)

        def answered() -> list[Row]:
            batch = self._batch(BATCH)
            self._commit(batch)
            receipt = batch.receipts[LEAF]
            claimed = claim(receipt).gas_used
            answer = w.omissions.answer(receipt, batch.header, batch.proof(LEAF), sender=w.op1)
            return [Row("omission, claim", claimed), Row("omission, answer", answer.gas_used)]

        def punished() -> list[Row]:
            receipt = self._receipt(self.model)
            claim(receipt)
            w.forward(w.params.operator_time)
            return [Row("omission, punish", w.omissions.punish(receipt, sender=w.stranger).gas_used)]

        return [*self._apart(answered), *self._apart(punished)]

    def quarantined(self) -> list[Row]:
        w = self.world

        def refunded() -> list[Row]:
            batches = []
            for _ in range(2):
                batches.append(self._batch(BATCH))
                self._commit(batches[-1])
            stopped = w.models.quarantine(w.verifier, sender=w.guardian)
            w.govern(w.models.confirmQuarantine, w.verifier)
            w.refund(batches[0])
            return [
                Row("quarantine", stopped.gas_used),
                Row("refund, one payer", w.refund(batches[1]).gas_used),
            ]

        return self._apart(refunded)

    def remembering(self) -> list[Row]:
        w = self.world

        def recorded() -> list[Row]:
            for _ in range(2):
                batch = self._batch(BATCH)
                self._final(batch)
                tx = w.reputation.record([batch.header], sender=w.stranger)
            return [Row("record, one batch", tx.gas_used)]

        return self._apart(recorded)

    def at_256_payers(self) -> list[Row]:
        w = self.world
        payers = [actor(f"payer {i}") for i in range(256)]
        w.chain.fund(*(payer.address for payer in payers))
        w.token.mint(w.stranger, 256 * UNIT, sender=w.deployer)
        for payer in payers:
            w.token.mint(payer, UNIT, sender=w.deployer)
            w.token.approve(w.escrow, UNIT, sender=payer)
            w.escrow.depositAndReserve(w.op1, UNIT, sender=payer)
        wrong = replace(self._receipt(self.model), fee=CENT + 1)
        batch = self._batch(256, *payers, receipt=wrong, fee=CENT)
        committed = w.commit(batch, [w.voucher(payer, w.op1, CENT) for payer in payers])
        winner = self._seal(batch, w.watcher1, leaf=0)
        w.prove(batch, winner)
        w.forward(w.params.earning_delay)
        return [
            Row("commit, 256 payers, for the first time", committed.gas_used, TRANSACTION_LIMIT),
            Row(
                "settle, 256 payers, for the first time", w.settle(batch, winner).gas_used, TRANSACTION_LIMIT
            ),
        ]

    # ---- Parts ------------------------------------------------------------------------------------------

    def _apart(self, action: Callable[[], T]) -> T:
        """Does something that leaves no trace in the world."""
        snapshot = self.world.chain.rpc("evm_snapshot")
        result = action()
        self.world.chain.undo(snapshot)
        return result

    def _registered(self, spec: object) -> int:
        return int(self.world.models.register(spec, sender=self.world.provider).gas_used)

    def _receipt(self, model: ModelId) -> Receipt:
        return self.world.receipt(self.world.op1, model, fee=CENT, stake=STAKE)

    def _batch(
        self, count: int, *payers: Actor, receipt: Receipt | None = None, fee: int | None = None
    ) -> Batch:
        """A batch with one real receipt, at LEAF or at 0; what the other leaves are costs nothing."""
        w = self.world
        receipt = receipt or self._receipt(self.model)
        payers = payers or (w.alice,)
        each, rest = divmod(count, len(payers))
        claims = [
            Claim(payer=p.address, receipts=each + (rest if i == 0 else 0)) for i, p in enumerate(payers)
        ]
        tree = _Tree(receipt.struct_hash, count)
        header = BatchHeader(
            operator=w.op1.address,
            model_id=receipt.model_id,
            root=tree.root,
            count=count,
            fee=receipt.fee if fee is None else fee,
            stake=receipt.stake,
            claims_hash=claims_hash(claims),
            param_set=1,
            sequence=w.operators.stateOf(w.op1).nextSequence,
        )
        return Batch(header=header, claims=tuple(claims), receipts=(receipt,) * count, tree=tree)  # type: ignore[arg-type]

    def _commit(self, batch: Batch) -> Tx:
        return self.world.commit(batch)

    def _final(self, batch: Batch) -> Tx:
        self._commit(batch)
        self.world.past_window(batch)
        return self.world.finalize(batch)

    def _seal(self, batch: Batch, by: Actor, leaf: int = LEAF) -> Sealed:
        sealed = self.world.sealed(batch, leaf, by=by)
        self.world.disputes.challenge(batch.header, sealed.key.seal, sender=by)
        return sealed

    def _expire(self, batch: Batch, sealed: Sealed) -> Tx:
        self.world.forward(self.world.params.challenger_time)
        return self.world.disputes.timeout(batch.header, sealed.key, sender=self.world.stranger)

    def _wait_for_jail(self) -> None:
        w = self.world
        w.time_to(w.operators.stateOf(w.op1).jailedUntil)

    def _prove(
        self,
        name: str,
        receipt: Receipt,
        limit: int | None = None,
        reference: str | None = None,
        *,
        kind: FaultKind = FaultKind.EXECUTION,
        evidence: bytes = b"",
    ) -> Row:
        """Commits a batch with this receipt, challenges it, and proves as the first move; slash included."""
        batch = self._batch(BATCH, receipt=receipt, fee=CENT)
        self._commit(batch)
        sealed = self._seal(batch, self.world.watcher1)
        return Row(
            f"prove {name}",
            self.world.prove(batch, sealed, kind=kind, evidence=evidence).gas_used,
            limit,
            reference,
        )

    def _dispute(self, program: Program, trace: Trace, name: str = "reveals") -> _Dispute:
        """A batch with this execution of a model, challenged."""
        w = self.world
        spec = replace(w.spec(name=name), manifest=program.manifest)
        model = ModelId(w.models.register(spec, sender=w.provider).event("ModelRegistered").modelId)
        receipt = replace(
            self._receipt(model),
            input_root=trace.input_root,
            output_root=trace.output_root,
            trace_root=trace.trace_root,
        )
        batch = self._batch(BATCH, receipt=receipt)
        self._commit(batch)
        sealed = w.sealed(batch, LEAF)
        challenged = w.disputes.challenge(batch.header, sealed.key.seal, sender=w.watcher1)
        return _Dispute(w, program, trace, batch, sealed, challenged)

    def _prove_element(
        self,
        program: Program,
        name: str,
        limit: int | None,
        reference: str | None,
        among: Callable[[Entry], bool] | None = None,
    ) -> Row:
        w, manifest = self.world, program.manifest
        spec = replace(w.spec(), manifest=manifest)
        model = ModelId(w.models.register(spec, sender=w.provider).event("ModelRegistered").modelId)
        random = np.random.default_rng(1)
        inputs = [random.integers(-128, 128, (1, *program.inputs[0].shape)).astype(np.int8)]
        assert len(encode_inputs(program, inputs)[0]) == manifest.input_bytes
        # The most expensive slot to prove, as the compiler counts it.
        places = [i for i, entry in enumerate(program.materialised) if among is None or among(entry)]
        place = max(places, key=lambda i: program.costs[i].gas)
        slot = place + len(program.inputs)
        engine = Engine(program, threads=1)
        right = engine.run(inputs)[0]
        element = program.slots[slot].count // 2
        value = int(right.tensors[slot].reshape(-1)[element])
        trace = engine.run(inputs, alter=Alteration(slot, element, value ^ 1))[0]
        receipt = replace(
            self._receipt(model),
            input_root=trace.input_root,
            output_root=trace.output_root,
            trace_root=trace.trace_root,
        )
        evidence = element_evidence(trace, slot, element)
        return self._prove(name, receipt, limit, reference, evidence=evidence)


@dataclass(frozen=True)
class _Dispute:
    """A challenge by watcher1 of the receipt at LEAF, and the execution that it names."""

    world: World
    program: Program
    trace: Trace
    batch: Batch
    sealed: Sealed
    challenged: Tx

    def demand(self, position: Position) -> Tx:
        named = position.kind not in (DemandKind.RECEIPT, DemandKind.REQUEST, DemandKind.TRACE_NODES)
        witness = witness_of(self.program, position.slot) if named else TensorWitness()
        return self.world.disputes.demand(
            self.batch.header, self.sealed.opening, position, witness, sender=self.sealed.by
        )

    def reveal(self, position: Position) -> Tx:
        proof = (self.batch.proof(LEAF),)
        answer = Answer(proof=proof)
        if position.kind is not DemandKind.RECEIPT:
            part = answer_of(self.trace, position)
            # The receipt was revealed first, which gave the trace root.
            known = position.kind is not DemandKind.INPUT_CHUNKS
            answer = Answer(proof=() if known else proof, data=part.data, path=part.path)
        return self.world.disputes.reveal(
            self.batch.header, self.sealed.by, self.sealed.opening, answer, sender=self.world.op1
        )


def _network(name: str) -> bytes:
    return (ROOT / "models" / name / f"{name}.tosa").read_bytes()


def _any(_: Entry) -> bool:
    return True


class _Tree:
    """A tree of `count` leaves with a given one at LEAF, or at 0 if there are fewer."""

    def __init__(self, leaf: bytes, count: int) -> None:
        self._index = LEAF if count > LEAF else 0
        self._path = _path(self._index, count)
        self.root = merkle.root_from_proof(leaf, self._index, self._path, count=count)

    def proof(self, index: int) -> tuple[bytes, ...]:
        """Path of the one leaf."""
        assert index == self._index
        return self._path


@cache
def _path(index: int, count: int) -> tuple[bytes, ...]:
    return MerkleTree([keccak256(b"leaf %d" % i) for i in range(count)]).proof(index)


# ---- Output ---------------------------------------------------------------------------------------------


def table(results: Results) -> str:
    """Everything, beside limits and references."""
    rows = [("action", "gas", "limit", "of it", "elsewhere")]
    for row in results.rows:
        share = f"{row.gas / row.limit:.0%}" if row.limit else ""
        limit = f"{row.limit:,}" if row.limit else ""
        rows.append((row.action, f"{row.gas:,}", limit, share, row.reference or ""))
    sizes = [("contract", "bytes", "limit", "of it", "")]
    for size in results.sizes:
        sizes.append(
            (size.contract, f"{size.bytes:,}", f"{size.limit:,}", f"{size.bytes / size.limit:.0%}", "")
        )
    return _align(rows) + "\n\n" + _align(sizes)


def _align(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in (1, 2, 3)), row[4]]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gas", description="Measures gas and code sizes."
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed numbers, write nothing"
    )
    args = parser.parse_args()
    results = measure()
    fresh = json.dumps(results.to_json(), indent=1, ensure_ascii=False) + "\n"
    print(table(results))
    if args.check:
        if not RESULTS.exists() or RESULTS.read_text(encoding="utf8") != fresh:
            print(f"\n{RESULTS.relative_to(ROOT)} is not up to date: run `make bench-gas`", file=sys.stderr)
            return 1
    else:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(fresh, encoding="utf8")
    for action in results.broken:
        print(f"above its limit: {action}", file=sys.stderr)
    return 1 if results.broken else 0


if __name__ == "__main__":
    sys.exit(main())
