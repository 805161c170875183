"""Batches with a fault of each kind, and a verifier that believes what it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from onus.protocol import (
    Batch,
    Claim,
    Execution,
    FaultKind,
    ModelCommitment,
    ModelId,
    Receipt,
    Request,
    faults,
    keccak256,
)
from tests.support.chain import Contract, Revert, Tx
from tests.support.refusals import refused
from tests.support.world import Sealed, World

EVIDENCE = b"the whole evidence"


@dataclass(frozen=True)
class Case:
    """A batch of which one leaf can be proven wrong, and with what."""

    batch: Batch
    leaf: int
    kind: FaultKind
    evidence: bytes
    slot: int = 0
    element: int = 0


class Double:
    """TestVerifier, allowed, with a model that names it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.contract: Contract = world.chain.deploy("TestVerifier", sender=world.deployer)
        world.govern(world.models.allowVerifier, self.contract)
        self.model = self.register()

    def register(self, **overrides: Any) -> ModelId:
        """Another model that this verifier judges."""
        return self.world.register_model(verifier=self.contract.address, **overrides)

    def commitment_of(self, model: ModelId) -> ModelCommitment:
        """What the verifier is given of a model."""
        return ModelCommitment.from_abi(self.world.models.verdictInfo(model).commitment)

    def accept(
        self, receipt: Receipt, evidence: bytes = EVIDENCE, *, slot: int = 3, element: int = 17
    ) -> None:
        """From now on this evidence shows a fault of this receipt's execution."""
        execution = Execution(
            input_root=receipt.input_root, output_root=receipt.output_root, trace_root=receipt.trace_root
        )
        model = self.commitment_of(receipt.model_id)
        self.contract.accept(model, execution, evidence, slot, element, sender=self.world.deployer)

    def what(self, model: ModelId, receipt: Receipt, evidence: bytes) -> bytes:
        """How the verifier names a claim that it does not believe."""
        commitment = self.commitment_of(model)
        roots = receipt.input_root + receipt.output_root + receipt.trace_root
        tail = (len(evidence)).to_bytes(32) + evidence + bytes(-len(evidence) % 32)
        head = commitment.words() + roots
        return keccak256(head + (len(head) + 32).to_bytes(32) + tail)


def execution_case(world: World, double: Double, *, leaf: int = 1) -> Case:
    """The double says that this leaf's execution is wrong."""
    batch = world.batch(world.op1, double.model)
    double.accept(batch.receipts[leaf])
    return Case(batch, leaf, FaultKind.EXECUTION, EVIDENCE, slot=3, element=17)


def header_case(world: World, model: ModelId, *, leaf: int = 1, **wrong: Any) -> Case:
    """A leaf that differs from its header (in its fee, unless said otherwise)."""
    batch = world.batch(world.op1, model)
    changed = replace(batch.receipts[leaf], **(wrong or {"fee": batch.header.fee + 1}))
    receipts = [changed if i == leaf else receipt for i, receipt in enumerate(batch.receipts)]
    # The first receipt may be the wrong one: the header says what the others say.
    h = batch.header
    batch = world.batch(
        world.op1, receipts=receipts, claims=batch.claims, fee=h.fee, stake=h.stake, model_id=h.model_id
    )
    return Case(batch, leaf, FaultKind.HEADER, faults.HEADER_EVIDENCE)


def request_case(
    world: World, model: ModelId, *, leaf: int = 1, request: Request | None = None, **wrong: Any
) -> Case:
    """A leaf that breaks its request (with a higher fee than allowed, unless said otherwise)."""
    request = request or world.request(world.alice, model, max_fee=10**16 - 1)
    receipts = [world.receipt(world.op1, model) for _ in range(3)]
    receipts[leaf] = world.receipt(world.op1, model, request=request, **wrong)
    claims = [Claim(payer=world.alice.address, receipts=3)]
    header = {name: getattr(receipts[0], name) for name in ("fee", "stake", "model_id")}
    batch = world.batch(world.op1, receipts=receipts, claims=claims, **header)
    return Case(batch, leaf, FaultKind.REQUEST, faults.request_evidence(request))


def claim_case(world: World, model: ModelId, *, leaf: int = 1) -> Case:
    """A leaf of bob's that lies under alice's claim."""
    receipts = [world.receipt(world.op1, model, payer=world.alice) for _ in range(3)]
    receipts[leaf] = world.receipt(world.op1, model, payer=world.bob)
    claims = [Claim(payer=world.alice.address, receipts=3)]
    batch = world.batch(world.op1, receipts=receipts, claims=claims)
    return Case(batch, leaf, FaultKind.CLAIM, faults.claims_evidence(claims))


def every_case(world: World, double: Double) -> dict[FaultKind, Callable[[], Case]]:
    """A way to make a batch with a fault of each kind."""
    model = double.model
    return {
        FaultKind.EXECUTION: lambda: execution_case(world, double),
        FaultKind.HEADER: lambda: header_case(world, model),
        FaultKind.REQUEST: lambda: request_case(world, model),
        FaultKind.CLAIM: lambda: claim_case(world, model),
    }


# ---- Showing it -----------------------------------------------------------------------------------------


def prove(world: World, case: Case, sealed: Sealed, *, sender: Any = None, at: int | None = None) -> Tx:
    """Shows the fault of a case."""
    args = world.prove_args(case.batch, sealed, kind=case.kind, evidence=case.evidence)
    return world.disputes.prove(*args, sender=sender or sealed.by, at=at)


def revert_of(
    world: World, case: Case, sealed: Sealed, *, sender: Any = None, at: int | None = None
) -> Revert | None:
    """Why that would revert in the next second."""
    args = world.prove_args(case.batch, sealed, kind=case.kind, evidence=case.evidence)
    return world.disputes.prove.revert(*args, sender=sender or sealed.by, at=at or world.now + 1)


def refuse(world: World, expected: Revert, case: Case, sealed: Sealed, **options: Any) -> None:
    """It reverts with this, and nothing is different."""
    args = world.prove_args(case.batch, sealed, kind=case.kind, evidence=case.evidence)
    refused(world, expected, world.disputes.prove, *args, sender=options.pop("sender", sealed.by), **options)
