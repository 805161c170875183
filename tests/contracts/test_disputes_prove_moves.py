"""Disputes.prove: who may, when, about which leaf, and how often.

prove
├── again, or another fault of the batch        WrongStatus, Settlement_WrongStatus
├── when the leaf is not in the batch           NotInBatch, or the tree's own error
├── when the caller may not move                Unknown, SameBlock, OutOfTime, WrongStatus
└── with too little gas                         nothing changes
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import (
    BANNED,
    BatchStatus,
    ChallengeStatus,
    FaultKind,
    ModelId,
    Opening,
    faults,
    keccak256,
)
from tests.support.actors import Actor
from tests.support.blocks import one_block
from tests.support.chain import Revert, Tx
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused, storage_of, variants
from tests.support.verdicts import (
    EVIDENCE,
    Case,
    Double,
    every_case,
    execution_case,
    header_case,
    prove,
    refuse,
    revert_of,
)
from tests.support.world import World

BOND = 25 * UNIT
KINDS = list(FaultKind)


# ---- Two faults, twice the same -------------------------------------------------------------------------


def test_prove__again__reverts(world: World, case: Case) -> None:
    """B12, D13: one fault is punished once, whoever shows it again."""
    sealed = world.challenge(case.batch, 1)
    other = world.challenge(case.batch, 1, by=world.watcher2)
    prove(world, case, sealed)
    refuse(world, Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.WON), case, sealed)
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(case.batch), BatchStatus.FAULTY), case, other)
    world.disputes.close(case.batch.header, other.key, sender=world.stranger)
    refuse(world, Revert("Disputes_WrongStatus", other.id, ChallengeStatus.CLOSED), case, other)
    assert world.operators.stateOf(world.op1).stake == 10_000 * UNIT - 150 * UNIT


def test_prove__another_fault_of_the_batch__reverts(world: World, model: ModelId) -> None:
    """B11, B12: a batch is one offence, however many leaves and kinds."""
    case = header_case(world, model, leaf=0)
    receipts = list(case.batch.receipts)
    receipts[2] = replace(receipts[2], payer=world.bob.address)
    h = case.batch.header
    batch = world.batch(world.op1, receipts=receipts, claims=case.batch.claims, fee=h.fee)
    world.commit(batch)
    header = replace(case, batch=batch)
    claim = Case(batch, 2, FaultKind.CLAIM, faults.claims_evidence(batch.claims))
    first, second = world.challenge(batch, 2), world.challenge(batch, 0, by=world.watcher2)
    prove(world, claim, first)
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(batch), BatchStatus.FAULTY), header, second)
    assert world.operators.stateOf(world.op1).faults == 1


def test_prove__the_same_leaf_in_two_batches__each_is_an_offence(world: World, case: Case) -> None:
    """B11, C14: a second offence of the same kind is a new one."""
    again = replace(case, batch=replace(case.batch, header=replace(case.batch.header, sequence=1)))
    world.commit(again.batch)
    for each in (case, again):
        prove(world, each, world.challenge(each.batch, 1))
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.locked, state.faults) == (10_000 * UNIT - 300 * UNIT, 0, 2)
    world.assert_solvent()


def test_prove__two_conflicting_answers_that_are_both_wrong__both_slashable(
    world: World, double: Double
) -> None:
    """C14."""
    request = world.request(world.alice, double.model)
    for answer in (b"one", b"two"):
        receipt = world.receipt(world.op1, double.model, request=request, output_root=keccak256(answer))
        batch = world.batch(world.op1, receipts=[receipt])
        if world.operators.stateOf(world.op1).jailedUntil > world.now:
            world.time_to(world.operators.stateOf(world.op1).jailedUntil)
        world.commit(batch)
        double.accept(receipt)
        prove(world, Case(batch, 0, FaultKind.EXECUTION, EVIDENCE), world.challenge(batch))
    assert world.operators.stateOf(world.op1).faults == 2


def test_prove__when_stake_is_exactly_what_is_locked__all_of_it_goes(world: World) -> None:
    """C12: locks are exact: a dispute cannot take what backs another batch."""
    model = world.register_model()
    world.operator_ready(stake=300 * UNIT)
    world.payer_ready()
    cases = []
    for sequence in range(2):
        made = header_case(world, model)
        made = replace(made, batch=replace(made.batch, header=replace(made.batch.header, sequence=sequence)))
        world.commit(made.batch)
        cases.append(made)
    sealed = [world.challenge(each.batch, each.leaf) for each in cases]
    world.operators.requestUnbond(300 * UNIT, sender=world.op1)
    for each, by in zip(cases, sealed, strict=True):
        prove(world, each, by)
        world.assert_solvent()
    state = world.operators.stateOf(world.op1)
    assert (state.stake, state.locked, state.unbonding, state.exitAt) == (0, 0, 0, 0)
    assert world.operators.withdraw.revert(world.op1, sender=world.op1) == Revert(
        "Operators_NothingUnbonding", world.op1
    )


def test_prove__when_withdrawn_in_front_of_it__the_lock_is_still_there(world: World, case: Case) -> None:
    """B1, B4: a matured exit cannot take what backs a batch."""
    sealed = world.challenge(case.batch, 1, at=world.state_of(case.batch).windowEndsAt - 1)
    world.operators.requestUnbond(10_000 * UNIT, sender=world.op1)
    exit_at = world.operators.stateOf(world.op1).exitAt
    assert exit_at > world.disputes.clockOf(case.batch.header, sealed.key).deadline
    revert = world.operators.withdraw.revert(world.op1, sender=world.op1)
    assert revert == Revert("Operators_ExitNotReached", exit_at)
    prove(world, case, sealed)
    world.assert_solvent()


def test_prove__the_third_time__bans(world: World, model: ModelId) -> None:
    cases = []
    for sequence in range(4):
        made = header_case(world, model)
        batch = replace(made.batch, header=replace(made.batch.header, sequence=sequence))
        world.commit(batch)
        cases.append(replace(made, batch=batch))
    until = [
        prove(world, each, world.challenge(each.batch, 1)).event("Slashed").jailedUntil for each in cases
    ]
    assert until[0] < until[1] < BANNED
    assert until[2:] == [BANNED, BANNED]
    assert world.operators.stateOf(world.op1).faults == 4


def test_prove__when_everything_changed_meanwhile__follows_the_batchs_set(
    world: World, double: Double
) -> None:
    """B5, B8, F4, F7: new set, deprecated model, disallowed verifier, closed commitments, rotated key."""
    case = execution_case(world, double)
    world.commit(case.batch)
    world.models.deprecate(double.model, sender=world.provider)
    changed = replace(
        world.params, min_batch_stake=999 * UNIT, unjail_after=1, challenge_bond=1, faults_to_ban=1
    )
    decisions = (
        (world.models, world.models.disallowVerifier.data(double.contract)),
        (world.parameters, world.parameters.add.data(changed)),
    )
    for target, data in decisions:
        world.governance.schedule(target, bytes.fromhex(data[2:]), 0, sender=world.council)
    world.forward(world.deployment.bounds.council_delay)
    for target, data in decisions:
        world.governance.execute(target, bytes.fromhex(data[2:]), sender=world.council)
    world.parameters.closeCommitments(sender=world.guardian)
    world.operators.setSigner(world.stranger, sender=world.op1)
    world.operators.setEndpoint("https://elsewhere.example", sender=world.op1)
    world.time_to(world.state_of(case.batch).windowEndsAt - 10)
    tx = prove(world, case, world.challenge(case.batch, case.leaf))
    assert tx.event("Slashed").amount == 150 * UNIT
    assert tx.event("Slashed").jailedUntil == tx.timestamp + world.params.unjail_after
    assert world.assert_solvent().bonds == {tx.event("FaultProven").winner: BOND}


# ---- The leaf -------------------------------------------------------------------------------------------


def test_prove__when_a_field_of_the_receipt_is_wrong__reverts(world: World, case: Case) -> None:
    """E5: nobody is convicted for what is not in the batch."""
    sealed = world.challenge(case.batch, 1)
    proof = case.batch.proof(1)
    for receipt in variants(proof.receipt).values():
        args = (
            case.batch.header,
            sealed.opening.salt,
            replace(proof, receipt=receipt),
            case.kind,
            case.evidence,
        )
        expected = Revert("Disputes_NotInBatch", world.id_of(case.batch), receipt.struct_hash, 1)
        refused(world, expected, world.disputes.prove, *args, sender=sealed.by)


def test_prove__when_path_is_foreign__reverts(world: World, case: Case) -> None:
    """E5: another leaf's, turned, shorter, longer; at another index the seal does not open."""
    sealed = world.challenge(case.batch, 1)
    proof, header, salt = case.batch.proof(1), case.batch.header, sealed.opening.salt
    id, leaf = world.id_of(case.batch), proof.receipt.struct_hash
    wrong = Revert("Disputes_NotInBatch", id, leaf, 1)
    for path, expected in (
        (case.batch.proof(0).path, wrong),
        (tuple(reversed(proof.path)), wrong),
        (proof.path[:1], Revert("MerkleTree_ProofLength", 1, 2)),
        (proof.path[1:], Revert("MerkleTree_ProofLength", 1, 2)),
        ((*proof.path, bytes(32)), Revert("MerkleTree_ProofLength", 3, 2)),
    ):
        args = (header, salt, replace(proof, path=path), case.kind, case.evidence)
        refused(world, expected, world.disputes.prove, *args, sender=sealed.by)
    for index in (0, 2, 3, 2**32 - 1):
        other = Opening(leaf_index=index, salt=salt).key(sealed.by.address)
        args = (header, salt, replace(proof, leaf_index=index), case.kind, case.evidence)
        expected = (
            Revert("Disputes_Unknown", other.id(id)) if index < 3 else Revert("Disputes_NoLeaf", index, 3)
        )
        refused(world, expected, world.disputes.prove, *args, sender=sealed.by)


@pytest.mark.parametrize("leaf", [3, 4, 2**32 - 1])
def test_prove__on_a_leaf_that_does_not_exist__reverts(world: World, case: Case, leaf: int) -> None:
    """E5, G5: padding is not a receipt."""
    world.escrow.deposit(world.watcher1, BOND, sender=world.watcher1)
    sealed = world.sealed(case.batch, leaf)
    world.disputes.challenge(case.batch.header, sealed.key.seal, sender=world.watcher1)
    proof = replace(case.batch.proof(1), leaf_index=leaf)
    args = (case.batch.header, sealed.opening.salt, proof, case.kind, case.evidence)
    refused(world, Revert("Disputes_NoLeaf", leaf, 3), world.disputes.prove, *args, sender=sealed.by)


def test_prove__with_the_leaf_of_another_batch__reverts(world: World, case: Case, model: ModelId) -> None:
    """G6, D10."""
    right = world.batch(world.op1, model)
    world.commit(right)
    sealed = world.challenge(right, 1)
    proof = case.batch.proof(1)
    args = (right.header, sealed.opening.salt, proof, case.kind, case.evidence)
    expected = Revert("Disputes_NotInBatch", world.id_of(right), proof.receipt.struct_hash, 1)
    refused(world, expected, world.disputes.prove, *args, sender=sealed.by)


@pytest.mark.parametrize("leaf", [0, 1, 2, 3, 4])
def test_prove__on_every_leaf_of_an_odd_batch__works(world: World, model: ModelId, leaf: int) -> None:
    """E5: the last one of an odd count too."""
    batch = world.faulty_batch(world.op1, model, at=leaf, count=5)
    world.commit(batch)
    world.convict(batch, leaf)
    assert world.state_of(batch).status == BatchStatus.FAULTY


def test_prove__in_a_batch_of_one__needs_no_path(world: World, model: ModelId) -> None:
    batch = world.faulty_batch(world.op1, model, count=1)
    assert batch.proof(0).path == ()
    # The root of one leaf is the leaf.
    assert batch.header.root == batch.receipts[0].struct_hash
    batch = world.batch(world.op1, receipts=batch.receipts, fee=batch.receipts[0].fee - 1)
    world.commit(batch)
    world.convict(batch)
    assert world.state_of(batch).status == BatchStatus.FAULTY


# ---- Who may move, and when -----------------------------------------------------------------------------


def test_prove__by_anyone_but_the_challenger__reverts(world: World, case: Case) -> None:
    """C4, G6: with the same salt, proof and evidence."""
    sealed = world.challenge(case.batch, 1)
    people: list[Actor] = [world.watcher2, world.op1, world.alice, world.stranger, world.council]
    for someone in people:
        expected = Revert("Disputes_Unknown", sealed.opening.key(someone.address).id(world.id_of(case.batch)))
        refuse(world, expected, case, sealed, sender=someone)


def test_prove__without_a_challenge__reverts(world: World, case: Case) -> None:
    sealed = world.sealed(case.batch, 1)
    refuse(world, Revert("Disputes_Unknown", sealed.id), case, sealed)


def test_prove__with_another_header__reverts(world: World, case: Case) -> None:
    """D10: the seal was for one batch."""
    sealed = world.challenge(case.batch, 1)
    for header in variants(case.batch.header, operator=world.op2.address).values():
        other = replace(case, batch=replace(case.batch, header=header))
        expected = Revert("Disputes_Unknown", sealed.key.id(world.id_of(other.batch)))
        refuse(world, expected, other, sealed)


def test_prove__in_the_block_of_the_seal__reverts(world: World, case: Case) -> None:
    """C4."""
    world.escrow.deposit(world.watcher1, BOND, sender=world.watcher1)
    sealed = world.sealed(case.batch, 1)
    outcome = one_block(
        world.chain,
        (world.disputes.challenge, (case.batch.header, sealed.key.seal), world.watcher1),
        (world.disputes.prove, world.prove_args(case.batch, sealed), world.watcher1),
    )
    assert isinstance(outcome[0], Tx)
    assert outcome[1] == Revert("Disputes_SameBlock", sealed.id)


def test_prove__around_the_deadline__exactly_one_of_prove_and_timeout(world: World, case: Case) -> None:
    """D1, D3."""
    sealed = world.challenge(case.batch, 1)
    deadline = world.disputes.clockOf(case.batch.header, sealed.key).deadline

    def check(at: int, offset: int) -> None:
        proving = revert_of(world, case, sealed, at=at)
        ending = world.disputes.timeout.revert(case.batch.header, sealed.key, sender=world.stranger, at=at)
        if offset < 0:
            assert proving is None
            assert ending == Revert("Disputes_NotOutOfTime", sealed.id, deadline)
        else:
            assert proving == Revert("Disputes_OutOfTime", sealed.id, deadline)
            assert ending is None

    around(deadline, check)
    refuse(world, Revert("Disputes_OutOfTime", sealed.id, deadline), case, sealed, at=deadline)


def test_prove__when_lost__reverts(world: World, case: Case) -> None:
    sealed = world.challenge(case.batch, 1)
    world.forward(world.params.challenger_time)
    world.disputes.timeout(case.batch.header, sealed.key, sender=world.stranger)
    refuse(world, Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.LOST), case, sealed)


# ---- Starved, flat --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FaultKind.EXECUTION, FaultKind.HEADER])
def test_prove__with_too_little_gas__changes_nothing(world: World, double: Double, kind: FaultKind) -> None:
    """E9: wherever it runs dry, an inner call included, there is no half effect."""
    case = every_case(world, double)[kind]()
    world.commit(case.batch)
    sealed = world.challenge(case.batch, case.leaf)
    args = world.prove_args(case.batch, sealed, kind=case.kind, evidence=case.evidence)
    before = storage_of(world)
    snapshot = world.mark()
    needed = prove(world, case, sealed).gas_used
    world.back_to(snapshot)
    for percent in (50, 60, 70, 80, 90, 95, 99):
        request = {
            "from": sealed.by.address,
            "to": world.disputes.address,
            "data": world.disputes.prove.data(*args),
            "gas": hex(needed * percent // 100),
        }
        tx_hash = world.chain.rpc("eth_sendTransaction", request)
        while (receipt := world.chain.rpc("eth_getTransactionReceipt", tx_hash)) is None:
            pass
        assert receipt["status"] == "0x0"
        assert storage_of(world) == before
    prove(world, case, sealed)


def test_prove__when_many_challenges_are_open__costs_the_same(world: World, case: Case) -> None:
    """C8, D7: the batch's size and its other challenges cost nothing."""
    sealed = world.challenge(case.batch, 1)
    snapshot = world.mark()
    alone = prove(world, case, sealed).gas_used
    world.back_to(snapshot)
    for _ in range(10):
        other = world.challenge(case.batch, 0, by=world.watcher2)
        world.disputes.open(case.batch.header, other.opening, sender=other.by)
    assert abs(prove(world, case, sealed).gas_used - alone) < 100
