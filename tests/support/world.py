"""The system under test with its people: deploys nothing by itself, but does in one line what a test needs.

    def test_commit__when_jailed__reverts(world):
        op = world.operator_ready(world.op1)
        model = world.register_model()
        world.payer_ready(world.alice, op, 10 * UNIT)
        batch = world.batch(op, model, payer=world.alice, count=3)
        tx = world.commit(batch)
        world.assert_solvent()

Contracts are attributes (`world.settlement.batchOf(id)`, see `tests.support.chain`), and so are actors
(`world.op1`, see `tests.support.actors`). Receipts, trees, headers, claims and vouchers come from
`onus.protocol`, so every test holds Python against Solidity as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from onus.protocol import (
    Answer,
    Batch,
    BatchHeader,
    BatchId,
    ChallengeId,
    Claim,
    Domain,
    FaultKind,
    InferenceMode,
    Manifest,
    MerkleTree,
    ModelCommitment,
    ModelId,
    ModelSpec,
    Opening,
    Params,
    Position,
    Receipt,
    Reply,
    Request,
    Signed,
    TensorWitness,
    Voucher,
    VoucherSignature,
    keccak256,
)
from onus.protocol.disputes import ChallengeKey
from onus.protocol.ids import challenge_id, claims_hash
from tests.support.actors import NAMES, Actor, actor
from tests.support.chain import Method, Revert, Tx, address_of, plain
from tests.support.deployment import UNIT, Deployment
from tests.support.ledger import Buckets, Ledger

CENT = UNIT // 100


@dataclass(frozen=True)
class Sealed:
    """A challenge as its challenger knows it."""

    id: ChallengeId
    key: ChallengeKey
    opening: Opening
    by: Actor


class World:
    """A deployed system and the record of one test."""

    council: Actor
    guardian: Actor
    treasury: Actor
    provider: Actor
    op1: Actor
    op2: Actor
    op3: Actor
    alice: Actor
    bob: Actor
    watcher1: Actor
    watcher2: Actor
    stranger: Actor
    deployer: Actor

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.chain = deployment.chain
        self.peers = deployment.peers
        self.params: Params = deployment.params
        self.governance = deployment.governance
        self.token = deployment.token
        self.parameters = deployment.parameters
        self.models = deployment.models
        self.operators = deployment.operators
        self.escrow = deployment.escrow
        self.settlement = deployment.settlement
        self.disputes = deployment.disputes
        self.omissions = deployment.omissions
        self.reputation = deployment.reputation
        self.verifier = deployment.verifier
        for name in NAMES:
            setattr(self, name, actor(name))
        chain_id = int(self.chain.rpc("eth_chainId"), 16)
        self.domain = Domain(chain_id=chain_id, settlement=self.settlement.address)  # type: ignore[arg-type]
        self.requests: dict[bytes, Request] = {}
        self.programs: dict[ModelId, Sequence[bytes]] = {}
        self.ledger = Ledger(deployment)
        self._numbers = itertools.count(1)
        self.chain.listeners.append(self.ledger.record)

    def close(self) -> None:
        """Stops recording; the fixture calls it."""
        self.chain.listeners.remove(self.ledger.record)

    # ---- Time ---------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Timestamp of the latest block."""
        return self.chain.now

    def time_to(self, timestamp: int) -> None:
        """Mines a block at `timestamp`: calls see it; the next transaction comes a second later, or `at=`."""
        self.chain.time_to(timestamp)

    def forward(self, seconds: int) -> int:
        """`time_to(now + seconds)`; returns the new time."""
        self.chain.time_to(self.now + seconds)
        return self.now

    def mark(self) -> tuple[str, Ledger]:
        """Where things stand, for `back_to`; marks are undone in the reverse order."""
        return self.chain.rpc("evm_snapshot"), deepcopy(self.ledger)

    def back_to(self, mark: tuple[str, Ledger]) -> None:
        """Undoes everything since the mark, which is used up."""
        snapshot, ledger = mark
        self.chain.undo(snapshot)
        self.chain.listeners.remove(self.ledger.record)
        self.ledger = ledger
        self.chain.listeners.append(self.ledger.record)

    # ---- Reverts ------------------------------------------------------------------------------------------

    def revert_of(
        self, method: Method, *args: Any, sender: Any = None, at: int | None = None
    ) -> Revert | None:
        """Why a call would revert now; None if it would not. Changes nothing."""
        return method.revert(*args, sender=sender, at=at)

    def expect_revert(
        self, error: str, method: Method, *args: Any, sender: Any = None, at: int | None = None, **fields: Any
    ) -> Revert:
        """The call reverts with this error, with these arguments in its fields (those that are named)."""
        revert = method.revert(*args, sender=sender, at=at)
        assert revert is not None, f"{method} succeeded, {error} was expected"
        assert revert.name == error, f"{method}: {revert}, {error} was expected"
        names = self._error_fields(error)
        actual = dict(zip(names, revert.args, strict=True))
        for name, value in fields.items():
            assert name in actual, f"{error} has the fields {names}"
            assert actual[name] == plain(value), (
                f"{error}.{name}: {actual[name]!r}, expected {plain(value)!r}"
            )
        return revert

    def _error_fields(self, error: str) -> list[str]:
        entry = next(e for e in self.chain.codec.errors.values() if e["name"] == error)
        return [part["name"] for part in entry["inputs"]]

    # ---- Setting up ---------------------------------------------------------------------------------------

    def spec(self, **overrides: Any) -> ModelSpec:
        """A model that can be registered, new each time; fields of spec, manifest or commitment by name."""
        number = next(self._numbers)

        def pick(cls: type, values: dict[str, Any]) -> dict[str, Any]:
            named = {name: overrides.pop(name) for name in cls.__dataclass_fields__ if name in overrides}
            return values | named

        commitment = pick(
            ModelCommitment,
            {
                "program_root": keccak256(b"program %d" % number),
                "weights_root": keccak256(b"weights %d" % number),
                "inputs": 1,
                "outputs": 1,
                "slots": 4,
                "entries": 5,
                "constants": 2,
            },
        )
        manifest = pick(
            Manifest,
            {
                "source_hash": keccak256(b"file %d" % number),
                "commitment": ModelCommitment(**commitment),
                "input_bytes": 256,
                "trace_bytes": 4096,
                "depth_budget": 6,
                "compiler_version": 1,
            },
        )
        spec = pick(
            ModelSpec,
            {
                "name": f"model {number}",
                "version": "1",
                "uri": "ipfs://model",
                "mode": InferenceMode.TRACE,
                "verifier": self.verifier.address,
                "manifest": Manifest(**manifest),
                "royalty_bps": 1_000,
                "royalty_receiver": self.provider.address,
                "challenge_window": 100 * 3_600,
                "parents": (),
            },
        )
        assert not overrides, f"no such fields: {sorted(overrides)}"
        return ModelSpec(**spec)

    def register_model(self, *, by: Actor | None = None, **overrides: Any) -> ModelId:
        """Registers a model (of the provider unless `by`); overrides as in `spec`."""
        tx = self.models.register(self.spec(**overrides), sender=by or self.provider)
        return ModelId(tx.event("ModelRegistered").modelId)

    def operator_ready(
        self, op: Actor | None = None, *, stake: int = 10_000 * UNIT, reserve: int | None = None
    ) -> Actor:
        """Registers an operator (op1) with signing key `signerN`, stakes, and fills its reserve."""
        op = op or self.op1
        self.operators.register(f"https://{op.name}.example", self.signer_of(op), sender=op)
        if stake:
            self.operators.stake(stake, sender=op)
        reserve = self.params.reserve if reserve is None else reserve
        if reserve:
            self.operators.fundReserve(reserve, sender=op)
        return op

    def signer_of(self, op: Actor) -> Actor:
        """The first signing key of an operator of `operator_ready`."""
        return actor(f"signer{op.name[-1]}")

    def payer_ready(
        self, payer: Actor | None = None, op: Actor | None = None, amount: int = 100 * UNIT
    ) -> Actor:
        """Deposits and reserves for an operator (alice for op1)."""
        payer = payer or self.alice
        self.escrow.depositAndReserve(op or self.op1, amount, sender=payer)
        return payer

    def ready(self) -> ModelId:
        """op1 can serve alice: a model, an operator, a payer."""
        self.operator_ready()
        self.payer_ready()
        return self.register_model()

    # ---- Messages -----------------------------------------------------------------------------------------

    def voucher(
        self,
        payer: Actor,
        op: Any,
        cumulative: int | None = None,
        *,
        amount: int | None = None,
        key: Actor | None = None,
    ) -> VoucherSignature:
        """A voucher signed by the payer (or `key`): `cumulative`, or `amount` more than what was redeemed."""
        if cumulative is None:
            assert amount is not None, "cumulative or amount"
            cumulative = self.escrow.reservationOf(payer, op).redeemed + amount
        message = Voucher(payer=payer.address, operator=address_of(op), cumulative=cumulative)  # type: ignore[arg-type]
        return VoucherSignature.of(Signed.by((key or payer).key, message, domain=self.domain))

    def request(self, payer: Actor, model: ModelId, **overrides: Any) -> Request:
        """What a payer asks; a new nonce each time. Found again in `world.requests` by its id."""
        nonce = next(self._numbers)
        values: dict[str, Any] = {
            "payer": payer.address,
            "model_id": model,
            "input_root": keccak256(b"input %d" % nonce),
            "max_fee": UNIT,
            "min_stake": 0,
            "nonce": nonce,
            "expires_at": self.now + 3_600,
        }
        request = Request(**(values | overrides))
        self.requests[request.id(self.domain)] = request
        return request

    def receipt(
        self,
        op: Actor,
        model: ModelId,
        *,
        payer: Actor | None = None,
        request: Request | None = None,
        **overrides: Any,
    ) -> Receipt:
        """What an operator answers to a request (a new one by alice): 1 cent, 5 cents of stake, now."""
        request = request or self.request(payer or self.alice, model)
        now = self.now
        values: dict[str, Any] = {
            "request_id": request.id(self.domain),
            "model_id": model,
            "operator": op.address,
            "payer": request.payer,
            "input_root": request.input_root,
            "output_root": keccak256(b"output" + request.input_root),
            "trace_root": keccak256(b"trace" + request.input_root),
            "fee": CENT,
            "stake": self.params.min_stake_per_inference,
            "served_at": now,
            "commit_by": now + self.params.max_commit_delay,
        }
        return Receipt(**(values | overrides))

    def batch(
        self,
        op: Actor,
        model: ModelId | None = None,
        *,
        receipts: Sequence[Receipt] | None = None,
        payer: Actor | None = None,
        count: int = 3,
        claims: Sequence[Claim] | None = None,
        fee: int | None = None,
        stake: int | None = None,
        **header: Any,
    ) -> Batch:
        """A batch with the operator's next sequence.

        Args:
            op: who commits it.
            model: of its receipts, unless they are given.
            receipts: the leaves, in order; otherwise `count` new ones for `payer` with `fee` and `stake`.
            payer: of all receipts (alice).
            count: how many.
            claims: otherwise they follow from the receipts' payers, in leaf order.
            fee: of each receipt.
            stake: of each receipt.
            **header: other values for fields of the header; the batch may be refused, or faulty.
        """
        money = {name: value for name, value in (("fee", fee), ("stake", stake)) if value is not None}
        if receipts is None:
            assert model is not None, "a model or receipts"
            receipts = [self.receipt(op, model, payer=payer, **money) for _ in range(count)]
        first = receipts[0]
        if claims is None:
            groups = itertools.groupby(receipt.payer for receipt in receipts)
            claims = [Claim(payer=each, receipts=len(list(group))) for each, group in groups]
        tree = MerkleTree([receipt.struct_hash for receipt in receipts])
        values: dict[str, Any] = {
            "operator": op.address,
            "model_id": first.model_id,
            "root": tree.root,
            "count": len(receipts),
            "fee": first.fee,
            "stake": first.stake,
            "claims_hash": claims_hash(claims),
            "param_set": self.parameters.current().set,
            "sequence": self.operators.stateOf(op).nextSequence,
        }
        return Batch(
            header=BatchHeader(**(values | money | header)),
            claims=tuple(claims),
            receipts=tuple(receipts),
            tree=tree,
        )

    def faulty_batch(
        self, op: Actor, model: ModelId, *, at: int = 0, count: int = 3, **options: Any
    ) -> Batch:
        """A batch whose leaf `at` has a higher fee than its header: a provable fault of kind Header."""
        batch = self.batch(op, model, count=count, **options)
        receipts = list(batch.receipts)
        receipts[at] = replace(receipts[at], fee=receipts[at].fee + 1)
        return self.batch(op, receipts=receipts, fee=batch.header.fee, stake=batch.header.stake)

    def vouchers(self, batch: Batch) -> list[VoucherSignature]:
        """Vouchers that cover a batch's claims exactly, signed by their payers (who must be actors)."""
        people = {actor(name).address: actor(name) for name in NAMES}
        drawn: dict[str, int] = {}
        result = []
        for claim in batch.claims:
            drawn[claim.payer] = drawn.get(claim.payer, 0) + claim.receipts * batch.header.fee
            result.append(self.voucher(people[claim.payer], batch.header.operator, amount=drawn[claim.payer]))
        return result

    # ---- A batch's life -----------------------------------------------------------------------------------

    def id_of(self, batch: Batch) -> BatchId:
        """The batch's id, by Python."""
        return batch.id(self.domain)

    def commit(
        self,
        batch: Batch,
        vouchers: Sequence[VoucherSignature] | None = None,
        *,
        sender: Any = None,
        at: int | None = None,
    ) -> Tx:
        """Commits, with vouchers that cover it exactly unless others are given."""
        vouchers = self.vouchers(batch) if vouchers is None else vouchers
        return self.settlement.commit(
            batch.header, batch.claims, vouchers, sender=sender or batch.header.operator, at=at
        )

    def commit_revert(
        self,
        batch: Batch,
        vouchers: Sequence[VoucherSignature] | None = None,
        *,
        sender: Any = None,
        at: int | None = None,
    ) -> Revert | None:
        """Why `commit` would revert now."""
        vouchers = self.vouchers(batch) if vouchers is None else vouchers
        return self.settlement.commit.revert(
            batch.header, batch.claims, vouchers, sender=sender or batch.header.operator, at=at
        )

    def state_of(self, batch: Batch) -> Any:
        """The stored word of a batch, decoded."""
        return self.settlement.batchOf(self.id_of(batch))

    def past_window(self, *batches: Batch) -> int:
        """Goes to the first second at which all windows are over."""
        self.time_to(max(self.state_of(batch).windowEndsAt for batch in batches))
        return self.now

    def finalize(self, *batches: Batch, sender: Any = None, at: int | None = None) -> Tx:
        """Finalizes what is final, as a stranger."""
        headers = [batch.header for batch in batches]
        return self.settlement.finalize(headers, sender=sender or self.stranger, at=at)

    def sealed(
        self, batch: Batch, leaf_index: int = 0, *, by: Actor | None = None, salt: bytes = b""
    ) -> Sealed:
        """A challenge that was not sent."""
        by = by or self.watcher1
        opening = Opening(leaf_index=leaf_index, salt=salt or keccak256(b"salt %d" % next(self._numbers)))
        key = opening.key(by.address)  # type: ignore[arg-type]
        id = challenge_id(self.id_of(batch), challenger=key.challenger, seal=key.seal)
        return Sealed(id=id, key=key, opening=opening, by=by)

    def challenge(
        self, batch: Batch, leaf_index: int = 0, *, by: Actor | None = None, at: int | None = None
    ) -> Sealed:
        """Deposits the bond and challenges a leaf (as watcher1)."""
        sealed = self.sealed(batch, leaf_index, by=by)
        bond = self.parameters.disputeTerms(batch.header.param_set).challengeBond
        self.escrow.deposit(sealed.by, bond, sender=sealed.by)
        self.disputes.challenge(batch.header, sealed.key.seal, sender=sealed.by, at=at)
        return sealed

    def prove_args(
        self, batch: Batch, sealed: Sealed, *, kind: FaultKind = FaultKind.HEADER, evidence: bytes = b""
    ) -> tuple[Any, ...]:
        """Arguments of `Disputes.prove` for the sealed leaf."""
        proof = batch.proof(sealed.opening.leaf_index)
        return batch.header, sealed.opening.salt, proof, kind, evidence

    def prove(
        self, batch: Batch, sealed: Sealed, *, kind: FaultKind = FaultKind.HEADER, evidence: bytes = b""
    ) -> Tx:
        """Shows the fault of the sealed leaf."""
        return self.disputes.prove(
            *self.prove_args(batch, sealed, kind=kind, evidence=evidence), sender=sealed.by
        )

    def convict(self, batch: Batch, leaf_index: int = 0, *, by: Actor | None = None) -> Sealed:
        """Challenges and proves a leaf of `faulty_batch`; the winner's key settles it."""
        sealed = self.challenge(batch, leaf_index, by=by)
        self.prove(batch, sealed)
        return sealed

    def settle(self, batch: Batch, winner: Sealed, *, sender: Any = None, at: int | None = None) -> Tx:
        """Settles a faulty batch whose pot is open, as a stranger."""
        return self.settlement.settle(
            batch.header, batch.claims, winner.key, sender=sender or self.stranger, at=at
        )

    # ---- Demands ------------------------------------------------------------------------------------------

    def demand(
        self,
        batch: Batch,
        sealed: Sealed,
        position: Position,
        witness: TensorWitness | None = None,
        *,
        at: int | None = None,
    ) -> Tx:
        """The challenger demands what stands at a position."""
        witness = witness or TensorWitness()
        return self.disputes.demand(batch.header, sealed.opening, position, witness, sender=sealed.by, at=at)

    def answer(self, batch: Batch, sealed: Sealed, data: bytes = b"", path: Sequence[bytes] = ()) -> Answer:
        """What answers a demand of a challenge; its receipt and path are those of its leaf."""
        return Answer(proof=(batch.proof(sealed.opening.leaf_index),), data=data, path=tuple(path))

    def reply(self, batch: Batch, sealed: Sealed, answer: Answer) -> Reply:
        """An item of `revealMany`."""
        return Reply(
            header=batch.header,
            challenger=sealed.by.address,  # type: ignore[arg-type]
            opening=sealed.opening,
            answer=answer,
        )

    def reveal(
        self, batch: Batch, sealed: Sealed, answer: Answer, *, sender: Any = None, at: int | None = None
    ) -> Tx:
        """Answers the demand of a challenge, as the operator."""
        return self.disputes.reveal(
            batch.header,
            sealed.by,
            sealed.opening,
            answer,
            sender=sender or batch.header.operator,
            at=at,
        )

    def timeout(self, batch: Batch, sealed: Sealed, *, at: int | None = None) -> Tx:
        """Says that whoever's turn it is is out of time, as a stranger."""
        return self.disputes.timeout(batch.header, sealed.key, sender=self.stranger, at=at)

    # ---- Quarantine and omissions -------------------------------------------------------------------------

    def quarantine(self, verifier: Any = None, *, at: int | None = None) -> int:
        """The guardian stops a verifier (TraceVerifier); returns when that lapses."""
        tx = self.models.quarantine(verifier or self.verifier, sender=self.guardian, at=at)
        return int(tx.event("VerifierQuarantined").lapsesAt)

    def fail_verifier(self, verifier: Any = None) -> Tx:
        """Stops a verifier (TraceVerifier), and the council confirms it after its delay."""
        self.quarantine(verifier)
        return self.govern(self.models.confirmQuarantine, verifier or self.verifier)

    def refund(self, batch: Batch, *, sender: Any = None) -> Tx:
        """Refunds a batch of a verifier that failed, as a stranger."""
        return self.settlement.refund(batch.header, batch.claims, sender=sender or self.stranger)

    def close_challenge(self, batch: Batch, sealed: Sealed, *, sender: Any = None) -> Tx:
        """Closes a challenge that is moot, as a stranger."""
        return self.disputes.close(batch.header, sealed.key, sender=sender or self.stranger)

    def signed(self, receipt: Receipt, key: Actor | None = None) -> bytes:
        """Signature of a receipt by its operator's first signing key, or another one."""
        if key is None:
            owners = {actor(name).address: actor(name) for name in NAMES}
            key = self.signer_of(owners[receipt.operator])
        return Signed.by(key.key, receipt, domain=self.domain).signature

    def claim(self, receipt: Receipt, *, set: int = 1, at: int | None = None) -> Tx:
        """The payer deposits the bond and claims that its receipt was omitted."""
        payer = next(actor(name) for name in NAMES if actor(name).address == receipt.payer)
        self.escrow.deposit(payer, self.parameters.paramsOf(set).omissionBond, sender=payer)
        return self.omissions.claim(receipt, self.signed(receipt), set, sender=payer, at=at)

    # ---- Governance ---------------------------------------------------------------------------------------

    def govern(self, method: Method, *args: Any) -> Tx:
        """The council schedules a call, waits for its delay, if it has one, and executes it."""
        if not self.deployment.bounds.council_delay:
            return method(*args, sender=self.council)  # type: ignore[no-any-return]
        data = bytes.fromhex(method.data(*args)[2:])
        self.governance.schedule(method.contract, data, 0, sender=self.council)
        self.forward(self.deployment.bounds.council_delay)
        return self.governance.execute(method.contract, data, sender=self.council)

    # ---- Money --------------------------------------------------------------------------------------------

    def free(self, owner: Any) -> int:
        """Free balance in Escrow."""
        return int(self.escrow.freeBalanceOf(owner))

    def buckets(self) -> Buckets:
        """Every bucket of Operators and Escrow now."""
        return self.ledger.buckets()

    def assert_solvent(self) -> Buckets:
        """Each contract holds exactly what it owes, and every lock is covered; returns the buckets."""
        return self.ledger.check()
