"""Disputes.prove: a fault is shown.

prove
├── by the challenger, in a later block, in time, opened before or not
│   └── a fault of each kind: the batch is faulty, its lock slashed, the operator jailed
└── what is a fault of a kind, and what just is none
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from onus.protocol import (
    BatchStatus,
    ChallengeStatus,
    Claim,
    FaultKind,
    ModelId,
    faults,
)
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import storage_of, variants
from tests.support.verdicts import (
    Case,
    Double,
    every_case,
    header_case,
    prove,
    refuse,
    request_case,
    revert_of,
)
from tests.support.world import CENT, World

BOND = 25 * UNIT
KINDS = list(FaultKind)


# ---- A fault of each kind -------------------------------------------------------------------------------


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_prove__when_there_is_a_fault__convicts(
    world: World, double: Double, kind: FaultKind, opened: bool
) -> None:
    """G3, G4: the batch is faulty, its lock slashed, the operator jailed; the bond is back."""
    case = every_case(world, double)[kind]()
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    if opened:
        world.disputes.open(case.batch.header, sealed.opening, sender=sealed.by)
    before = world.buckets()
    operator = world.operators.stateOf(world.op1)

    tx = prove(world, case, sealed)

    shown = tx.event("FaultProven")
    assert tuple(shown.values) == (
        world.id_of(case.batch), sealed.id, sealed.id, case.leaf, kind, case.slot, case.element
    )  # fmt: skip
    slashed = tx.event("Slashed")
    jailed_until = tx.timestamp + world.params.unjail_after
    assert tuple(slashed.values) == (world.op1.address, 150 * UNIT, jailed_until)
    assert len(tx.logs) == 2
    assert world.disputes.challengeOf(sealed.id).status == ChallengeStatus.WON
    state = world.state_of(case.batch)
    assert (state.status, state.endedAt) == (BatchStatus.FAULTY, tx.timestamp)
    after = world.operators.stateOf(world.op1)
    assert (after.stake, after.locked) == (operator.stake - 150 * UNIT, operator.locked - 150 * UNIT)
    assert (after.reserve, after.faults, after.jailedUntil) == (operator.reserve, 1, jailed_until)
    assert (after.unbonding, after.nextSequence) == (operator.unbonding, operator.nextSequence)
    # The bond comes with the reward.
    assert world.free(world.watcher1) == 0
    buckets = world.assert_solvent()
    assert buckets.pots == {world.id_of(case.batch): 150 * UNIT}
    assert buckets.bonds == {sealed.id: BOND}
    assert (buckets.fees, buckets.reservations) == (before.fees, before.reservations)


@pytest.mark.parametrize("kind", KINDS)
def test_prove__by_eth_call__shows_the_verdict_before_it_is_paid_for(
    world: World, double: Double, kind: FaultKind
) -> None:
    case = every_case(world, double)[kind]()
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    before = storage_of(world)
    assert revert_of(world, case, sealed) is None
    assert storage_of(world) == before


@pytest.mark.parametrize("leaf", [0, 1, 2])
@pytest.mark.parametrize("field", ["operator", "model_id", "fee", "stake"])
def test_prove_header__when_one_field_differs__convicts(
    world: World, model: ModelId, field: str, leaf: int
) -> None:
    """G4, E14: another model version, another operator's receipt, another fee or stake."""
    old = world.batch(world.op1, model).receipts[0]
    wrong = variants(old, operator=world.op2.address, model_id=world.register_model())[field]
    case = header_case(world, model, leaf=leaf, **{field: getattr(wrong, field)})
    world.commit(case.batch)
    sealed = world.challenge(case.batch, leaf)
    assert prove(world, case, sealed).event("FaultProven").kind == FaultKind.HEADER


@pytest.mark.parametrize(
    "field", ["request_id", "payer", "input_root", "output_root", "trace_root", "served_at", "commit_by"]
)
def test_prove_header__when_another_field_differs__no_fault(world: World, model: ModelId, field: str) -> None:
    old = world.batch(world.op1, model).receipts[0]
    wrong = variants(old, payer=world.bob.address)[field]
    case = header_case(world, model, **{field: getattr(wrong, field)})
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    refuse(world, Revert("Disputes_NoFault", FaultKind.HEADER), case, sealed)


REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # What the request says, and what the receipt says; the receipt breaks it by one.
    "payer": ({}, {"payer": "bob"}),
    "model": ({"model_id": b"\7" * 32}, {}),
    "input": ({}, {"input_root": b"\7" * 32}),
    "fee": ({"max_fee": CENT - 1}, {}),
    "stake": ({"min_stake": 5 * CENT + 1}, {}),
    "late": ({"expires_at": "served - 1"}, {}),
}
KEPT: dict[str, dict[str, Any]] = {
    "fee": {"max_fee": CENT},
    "stake": {"min_stake": 5 * CENT},
    "in time": {"expires_at": "served"},
    "anything": {"max_fee": 2**128 - 1, "min_stake": 0, "expires_at": 2**40 - 1, "nonce": 2**256 - 1},
}


def _request_case(world: World, model: ModelId, asked: dict[str, Any], answered: dict[str, Any]) -> Case:
    served_at = world.now
    dates = {"served": served_at, "served - 1": served_at - 1}
    asked = {
        name: dates.get(value, value) if isinstance(value, str) else value for name, value in asked.items()
    }
    request = world.request(world.alice, model, **asked)
    payer = answered.pop("payer", None)
    case = request_case(world, model, request=request, served_at=served_at, **answered)
    if payer:
        receipts = list(case.batch.receipts)
        receipts[case.leaf] = replace(receipts[case.leaf], payer=getattr(world, payer).address)
        case = replace(case, batch=world.batch(world.op1, receipts=receipts))
    return case


@pytest.mark.parametrize("what", REQUESTS)
def test_prove_request__when_the_receipt_breaks_it_by_one__convicts(
    world: World, model: ModelId, what: str
) -> None:
    """G4: another payer, model or input, a higher fee, less stake, served late."""
    asked, answered = REQUESTS[what]
    case = _request_case(world, model, asked, dict(answered))
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    assert prove(world, case, sealed).event("FaultProven").kind == FaultKind.REQUEST


@pytest.mark.parametrize("what", KEPT)
def test_prove_request__when_the_receipt_just_keeps_it__no_fault(
    world: World, model: ModelId, what: str
) -> None:
    case = _request_case(world, model, KEPT[what], {})
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    refuse(world, Revert("Disputes_NoFault", FaultKind.REQUEST), case, sealed)


@pytest.mark.parametrize("payers", ["ab", "aab", "abab", "bbaa"])
def test_prove_claim__for_every_leaf__exactly_those_of_another_payer(
    world: World, model: ModelId, payers: str
) -> None:
    """E12: a leaf under another payer's claim is provable, a leaf under its own is not."""
    people = {"a": world.alice, "b": world.bob}
    receipts = [world.receipt(world.op1, model, payer=people[p]) for p in payers]
    half = len(payers) // 2
    claims = [
        Claim(payer=world.bob.address, receipts=0),
        Claim(payer=world.alice.address, receipts=half),
        Claim(payer=world.bob.address, receipts=len(payers) - half),
    ]
    batch = world.batch(world.op1, receipts=receipts, claims=claims)
    vouchers = [world.voucher(person, world.op1, UNIT) for person in (world.bob, world.alice, world.bob)]
    world.commit(batch, vouchers)
    for leaf, name in enumerate(payers):
        case = Case(batch, leaf, FaultKind.CLAIM, faults.claims_evidence(claims))
        sealed = world.challenge(batch, leaf)
        wrong = name != ("a" if leaf < half else "b")
        assert revert_of(world, case, sealed) == (
            None if wrong else Revert("Disputes_NoFault", FaultKind.CLAIM)
        )
