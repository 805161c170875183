"""Disputes.prove: where there is no fault, nothing happens.

prove
├── when there is no fault                      NoFault, or the verifier's own error
└── when the evidence is none                   BadEvidence, WrongRequest, WrongClaims
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import (
    ChallengeStatus,
    FaultKind,
    ModelId,
    faults,
    keccak256,
)
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import refused, variants
from tests.support.verdicts import (
    EVIDENCE,
    Case,
    Double,
    claim_case,
    every_case,
    execution_case,
    refuse,
    request_case,
    revert_of,
)
from tests.support.world import CENT, World

BOND = 25 * UNIT
KINDS = list(FaultKind)


# ---- No fault -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_prove__when_there_is_none__changes_nothing(world: World, double: Double, kind: FaultKind) -> None:
    """C1, G1: a right leaf cannot be convicted by any kind, and the challenge goes on."""
    request = world.request(world.alice, double.model)
    receipts = [
        world.receipt(world.op1, double.model, request=request),
        world.receipt(world.op1, double.model),
    ]
    batch = world.batch(world.op1, receipts=receipts)
    world.commit(batch)
    sealed = world.challenge(batch, 0)
    evidence = {
        FaultKind.EXECUTION: EVIDENCE,
        FaultKind.HEADER: faults.HEADER_EVIDENCE,
        FaultKind.REQUEST: faults.request_evidence(request),
        FaultKind.CLAIM: faults.claims_evidence(batch.claims),
    }[kind]
    expected = Revert("Disputes_NoFault", kind)
    if kind is FaultKind.EXECUTION:
        expected = Revert("TestVerifier_NoFault", double.what(double.model, receipts[0], evidence))
    refuse(world, expected, Case(batch, 0, kind, evidence), sealed)
    assert world.disputes.challengeOf(sealed.id).status == ChallengeStatus.SEALED


@pytest.mark.parametrize("shown", KINDS)
@pytest.mark.parametrize("fault", KINDS)
def test_prove__a_fault_of_another_kind__refused(
    world: World, double: Double, fault: FaultKind, shown: FaultKind
) -> None:
    """B12: each kind shows its own."""
    case = every_case(world, double)[fault]()
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    receipt = case.batch.receipts[case.leaf]
    request = world.requests[receipt.request_id]
    evidence = {
        FaultKind.EXECUTION: EVIDENCE,
        FaultKind.HEADER: faults.HEADER_EVIDENCE,
        FaultKind.REQUEST: faults.request_evidence(request),
        FaultKind.CLAIM: faults.claims_evidence(case.batch.claims),
    }[shown]
    also_broken = fault is FaultKind.HEADER and shown is FaultKind.REQUEST and receipt.fee > request.max_fee
    revert = revert_of(world, replace(case, kind=shown, evidence=evidence), sealed)
    if fault is shown or also_broken:
        assert revert is None
    elif shown is FaultKind.EXECUTION:
        assert revert == Revert("TestVerifier_NoFault", double.what(receipt.model_id, receipt, evidence))
    else:
        assert revert == Revert("Disputes_NoFault", shown)


def test_prove_execution__with_the_evidence_of_another_leaf__refused(world: World, double: Double) -> None:
    """G6: evidence belongs to one execution of one model."""
    case = execution_case(world, double, leaf=1)
    world.commit(case.batch)
    sealed = world.challenge(case.batch, 0)
    right = case.batch.receipts[0]
    expected = Revert("TestVerifier_NoFault", double.what(double.model, right, EVIDENCE))
    refuse(world, expected, replace(case, leaf=0), sealed)
    # The same roots under another model are another execution.
    other = double.register()
    copied = replace(case.batch.receipts[1], model_id=other)
    batch = world.batch(world.op1, receipts=[copied])
    world.commit(batch)
    sealed = world.challenge(batch)
    expected = Revert("TestVerifier_NoFault", double.what(other, copied, EVIDENCE))
    refuse(world, expected, Case(batch, 0, FaultKind.EXECUTION, EVIDENCE), sealed)


def test_prove_execution__with_other_evidence__refused(world: World, double: Double) -> None:
    """G7."""
    case = execution_case(world, double)
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    receipt = case.batch.receipts[case.leaf]
    for evidence in (b"", EVIDENCE[:-1], EVIDENCE + b"\0", b"\0" + EVIDENCE):
        expected = Revert("TestVerifier_NoFault", double.what(double.model, receipt, evidence))
        refuse(world, expected, replace(case, evidence=evidence), sealed)


@pytest.mark.parametrize("size", [1, 32])
def test_prove_header__with_any_evidence__refused(world: World, case: Case, size: int) -> None:
    """B12: there is one form of it."""
    sealed = world.challenge(case.batch, 1)
    refuse(
        world, Revert("Disputes_BadEvidence", FaultKind.HEADER), replace(case, evidence=bytes(size)), sealed
    )


@pytest.mark.parametrize("size", [0, 1, 223, 225, 256, 448])
def test_prove_request__with_evidence_of_another_size__refused(
    world: World, model: ModelId, size: int
) -> None:
    case = request_case(world, model)
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    evidence = case.evidence.ljust(size, b"\0")[:size]
    refuse(world, Revert("Disputes_BadEvidence", FaultKind.REQUEST), replace(case, evidence=evidence), sealed)


@pytest.mark.parametrize("bit", [0, "last"])
@pytest.mark.parametrize(("word", "bits"), [(0, 160), (3, 128), (4, 128), (6, 40)])
def test_prove_request__with_a_field_out_of_range__refused(
    world: World, model: ModelId, word: int, bits: int, bit: int | str
) -> None:
    """B12, G7: bits beyond an address, a uint128 or a uint40 are no other form of the same request."""
    case = request_case(world, model)
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    place = slice(32 * word, 32 * word + 32)
    evidence = bytearray(case.evidence)
    value = int.from_bytes(evidence[place]) | 1 << (bits if bit == 0 else 255)
    evidence[place] = value.to_bytes(32)
    case = replace(case, evidence=bytes(evidence))
    refuse(world, Revert("Disputes_BadEvidence", FaultKind.REQUEST), case, sealed)


def test_prove_request__with_another_request__refused(world: World, model: ModelId) -> None:
    """E14, G4: the receipt names one request by its digest, with chain and contract inside."""
    request = world.request(world.alice, model, max_fee=CENT - 1)
    case = request_case(world, model, request=request)
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    named = request.id(world.domain)
    for other in variants(request).values():
        expected = Revert("Disputes_WrongRequest", named, other.id(world.domain))
        refuse(world, expected, replace(case, evidence=faults.request_evidence(other)), sealed)


def test_prove_request__when_the_id_is_of_another_chain__shows_nothing(world: World, model: ModelId) -> None:
    """E14."""
    request = world.request(world.alice, model, max_fee=CENT - 1)
    elsewhere = replace(world.domain, chain_id=1).digest(request.struct_hash)
    case = request_case(world, model, request=request, request_id=elsewhere)
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    refuse(world, Revert("Disputes_WrongRequest", elsewhere, request.id(world.domain)), case, sealed)


def test_prove_claim__with_other_claims__refused(world: World, model: ModelId) -> None:
    """E12, B12: only the batch's own, in their one encoding."""
    case = claim_case(world, model)
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    (claim,) = case.batch.claims
    own = faults.claims_evidence([claim])
    dirty = own[:64] + b"\1" + own[65:]
    moved = (64).to_bytes(32) + bytes(32) + own[32:]
    for evidence in (
        b"",
        faults.claims_evidence([]),
        faults.claims_evidence([replace(claim, payer=world.stranger.address)]),
        faults.claims_evidence([replace(claim, receipts=2), replace(claim, receipts=1)]),
        own + bytes(32),
        own[:-1],
        dirty,
        moved,
    ):
        expected = Revert("Disputes_WrongClaims", case.batch.header.claims_hash, keccak256(evidence))
        refuse(world, expected, replace(case, evidence=evidence), sealed)


@pytest.mark.parametrize("kind", [4, 5, 255])
def test_prove__of_an_unknown_kind__reverts(world: World, case: Case, kind: int) -> None:
    sealed = world.challenge(case.batch, 1)
    args = (case.batch.header, sealed.opening.salt, case.batch.proof(1), kind, b"")
    refused(world, Revert("empty"), world.disputes.prove, *args, sender=sealed.by)
