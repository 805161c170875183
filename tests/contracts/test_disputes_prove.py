"""Disputes.prove: a fault is shown, or nothing happens.

prove
├── by the challenger, in a later block, in time, opened before or not
│   ├── a fault of each kind: the batch is faulty, its lock slashed, the operator jailed, the bond returned
│   └── the reward is the one's that holds the place, otherwise the prover's
├── when there is no fault                      NoFault, or the verifier's own error
├── when the evidence is none                   BadEvidence, WrongRequest, WrongClaims
├── when the leaf is not in the batch           NotInBatch, or the tree's own error
├── when the caller may not move                Unknown, SameBlock, OutOfTime, WrongStatus
└── when the batch is decided                   Settlement_WrongStatus
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from onus.protocol import (
    BANNED,
    Batch,
    BatchStatus,
    ChallengeStatus,
    Claim,
    FaultKind,
    ModelId,
    Opening,
    faults,
    keccak256,
)
from onus.protocol.ids import account_of
from tests.support.actors import Actor
from tests.support.blocks import one_block
from tests.support.chain import Revert, Tx
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused, storage_of, variants
from tests.support.verdicts import (
    EVIDENCE,
    Case,
    Double,
    claim_case,
    every_case,
    execution_case,
    header_case,
    request_case,
)
from tests.support.world import CENT, Sealed, World

BOND = 25 * UNIT
KINDS = list(FaultKind)


@pytest.fixture
def model(world: World) -> ModelId:
    world.payer_ready(world.bob)
    return world.ready()


@pytest.fixture
def double(world: World, model: ModelId) -> Double:
    return Double(world)


def prove(world: World, case: Case, sealed: Sealed, *, sender: Any = None, at: int | None = None) -> Tx:
    args = world.prove_args(case.batch, sealed, kind=case.kind, evidence=case.evidence)
    return world.disputes.prove(*args, sender=sender or sealed.by, at=at)


def revert_of(
    world: World, case: Case, sealed: Sealed, *, sender: Any = None, at: int | None = None
) -> Revert | None:
    args = world.prove_args(case.batch, sealed, kind=case.kind, evidence=case.evidence)
    return world.disputes.prove.revert(*args, sender=sender or sealed.by, at=at or world.now + 1)


def refuse(world: World, expected: Revert, case: Case, sealed: Sealed, **options: Any) -> None:
    args = world.prove_args(case.batch, sealed, kind=case.kind, evidence=case.evidence)
    refused(world, expected, world.disputes.prove, *args, sender=options.pop("sender", sealed.by), **options)


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
    assert [(e.account, e.amount) for e in tx.events("Credited")] == [
        (account_of(world.watcher1.address), BOND)
    ]
    assert len(tx.logs) == 3
    assert world.disputes.challengeOf(sealed.id).status == ChallengeStatus.WON
    state = world.state_of(case.batch)
    assert (state.status, state.endedAt) == (BatchStatus.FAULTY, tx.timestamp)
    after = world.operators.stateOf(world.op1)
    assert (after.stake, after.locked) == (operator.stake - 150 * UNIT, operator.locked - 150 * UNIT)
    assert (after.reserve, after.faults, after.jailedUntil) == (operator.reserve, 1, jailed_until)
    assert (after.unbonding, after.nextSequence) == (operator.unbonding, operator.nextSequence)
    assert world.free(world.watcher1) == BOND
    buckets = world.assert_solvent()
    assert buckets.pots == {world.id_of(case.batch): 150 * UNIT}
    assert buckets.bonds == {}
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


# ---- Who gets the reward --------------------------------------------------------------------------------


def winner_of(world: World, batch: Batch, *challenges: Sealed) -> Sealed:
    """The one that won; checks that only one did, and that all bonds are back once the others are closed."""
    won = [each for each in challenges if world.disputes.challengeOf(each.id).status == ChallengeStatus.WON]
    assert len(won) == 1
    for each in challenges:
        if world.disputes.challengeOf(each.id).status in (ChallengeStatus.SEALED, ChallengeStatus.OPENED):
            world.disputes.close(batch.header, each.key, sender=world.stranger)
    assert world.assert_solvent().bonds == {}
    return won[0]


def opened(world: World, batch: Batch, sealed: Sealed, *, at: int | None = None) -> Sealed:
    world.disputes.open(batch.header, sealed.opening, sender=sealed.by, at=at)
    return sealed


@pytest.fixture
def case(world: World, model: ModelId) -> Case:
    """A committed batch whose leaf 1 differs from its header."""
    case = header_case(world, model)
    world.commit(case.batch)
    return case


def test_reward__when_another_was_sealed_first_and_opened__is_the_others(world: World, case: Case) -> None:
    """C4: evidence is not worth copying; both bonds are back."""
    honest = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher1))
    copier = world.challenge(case.batch, 1, by=world.watcher2)
    tx = prove(world, case, copier)
    shown = tx.event("FaultProven")
    assert (shown.id, shown.winner) == (copier.id, honest.id)
    assert sorted((e.account, e.amount) for e in tx.events("Credited")) == sorted(
        [(account_of(world.watcher1.address), BOND), (account_of(world.watcher2.address), BOND)]
    )
    assert world.disputes.challengeOf(copier.id).status == ChallengeStatus.CLOSED
    assert winner_of(world, case.batch, honest, copier) is honest
    world.forward(world.params.earning_delay)
    world.settle(case.batch, honest)
    assert world.free(world.watcher1) == BOND + 30 * UNIT
    assert world.free(world.watcher2) == BOND


def test_reward__when_another_was_sealed_first_but_not_opened__is_the_provers(
    world: World, case: Case
) -> None:
    """C4: a standing challenge that shows no place holds none."""
    silent = world.challenge(case.batch, 1, by=world.watcher2)
    prover = world.challenge(case.batch, 1, by=world.watcher1)
    prove(world, case, prover)
    assert winner_of(world, case.batch, silent, prover) is prover


def test_reward__when_another_place_was_opened_first__is_the_provers(world: World, case: Case) -> None:
    """C4: an older challenge on another leaf takes nothing."""
    elsewhere = opened(world, case.batch, world.challenge(case.batch, 2, by=world.watcher2))
    prover = world.challenge(case.batch, 1, by=world.watcher1)
    prove(world, case, prover)
    assert winner_of(world, case.batch, elsewhere, prover) is prover


def test_reward__when_the_first_proves_itself__is_its_own(world: World, case: Case) -> None:
    first = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher1))
    second = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher2))
    prove(world, case, first)
    assert winner_of(world, case.batch, first, second) is first


def test_reward__when_the_place_was_held_too_long__is_the_provers(world: World, case: Case) -> None:
    """C18, D1: `challengerTime` after its seal a place holds nothing, and the bond is lost."""
    holder = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher2))
    sealed_at = world.disputes.challengeOf(holder.id).sealedAt
    end = sealed_at + world.params.challenger_time
    world.time_to(end - 50)
    prover = world.challenge(case.batch, 1, by=world.watcher1)

    def check(at: int, offset: int) -> None:
        snapshot = world.mark()
        expected = holder if offset < 0 else prover
        assert prove(world, case, prover, at=at).event("FaultProven").winner == expected.id
        world.back_to(snapshot)

    around(end, check)
    world.time_to(end)
    world.disputes.timeout(case.batch.header, holder.key, sender=world.watcher1)
    prove(world, case, prover)
    assert world.disputes.challengeOf(holder.id).status == ChallengeStatus.LOST
    assert winner_of(world, case.batch, prover) is prover
    assert world.free(world.watcher2) == 0


def test_reward__when_the_holder_is_gone__next_in_line(world: World, case: Case) -> None:
    """C4, C17, C18: who was opened and sealed before the copier takes a lost place over."""
    holder = opened(world, case.batch, world.challenge(case.batch, 1, by=world.stranger))
    end = world.disputes.challengeOf(holder.id).sealedAt + world.params.challenger_time
    world.time_to(end - 50)
    honest = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher1))
    copier = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher2))
    assert world.disputes.firstOn(world.id_of(case.batch), 1) == holder.id
    world.time_to(end)
    # Whoever of the two comes first: the place is the honest one's once it has asked for it.
    opened(world, case.batch, copier)
    opened(world, case.batch, honest)
    assert world.disputes.firstOn(world.id_of(case.batch), 1) == honest.id
    prove(world, case, copier)
    assert winner_of(world, case.batch, holder, honest, copier) is honest


def test_reward__when_sealed_in_one_block__is_the_lower_ordinals(world: World, case: Case) -> None:
    """Ties in one block, in every order of opening and proving."""
    people = (world.watcher2, world.watcher1)
    for by in people:
        world.escrow.deposit(by, BOND, sender=by)
    sealed = [world.sealed(case.batch, 1, by=by) for by in people]
    calls = [(world.disputes.challenge, (case.batch.header, each.key.seal), each.by) for each in sealed]
    assert all(isinstance(each, Tx) for each in one_block(world.chain, *calls))
    for order, prover in itertools.product(itertools.permutations(sealed), sealed):
        snapshot = world.mark()
        for each in order:
            opened(world, case.batch, each)
        prove(world, case, prover)
        assert winner_of(world, case.batch, *sealed) is sealed[0]
        world.back_to(snapshot)


def _merges(left: tuple[str, ...], right: tuple[str, ...]) -> Iterator[list[tuple[int, str]]]:
    """Every order of two people's moves, each in its own order."""
    places = range(len(left) + len(right))
    for chosen in itertools.combinations(places, len(left)):
        moves = [iter(left), iter(right)]
        yield [(who := 0 if place in chosen else 1, next(moves[who])) for place in places]


@pytest.mark.parametrize("left", [("seal", "prove"), ("seal", "open", "prove")])
@pytest.mark.parametrize("right", [("seal", "prove"), ("seal", "open", "prove")])
def test_reward__two_watchers_in_every_order__exactly_one(
    world: World, case: Case, left: tuple[str, ...], right: tuple[str, ...]
) -> None:
    """C17, G3: one reward by the rule, the other's bond returns, nobody else gets anything."""
    people = (world.watcher1, world.watcher2)
    for by in people:
        world.escrow.deposit(by, BOND, sender=by)
    for order in _merges(left, right):
        snapshot = world.mark()
        ordinals: dict[int, int] = {}
        open_now: set[int] = set()
        expected = None
        sealed = [world.sealed(case.batch, 1, by=by) for by in people]
        for who, move in order:
            if move == "seal":
                revert = world.disputes.challenge.revert(
                    case.batch.header, sealed[who].key.seal, sender=people[who]
                )
                if expected is None:
                    world.disputes.challenge(case.batch.header, sealed[who].key.seal, sender=people[who])
                    ordinals[who] = len(ordinals)
                else:
                    assert revert.name == "Settlement_WrongStatus"
            elif move == "open":
                if expected is None:
                    opened(world, case.batch, sealed[who])
                    open_now.add(who)
            elif expected is None:
                earlier = [each for each in open_now if ordinals[each] < ordinals[who]]
                expected = sealed[min(earlier, key=ordinals.__getitem__, default=who)]
                prove(world, case, sealed[who])
            elif who in ordinals:
                revert = revert_of(world, case, sealed[who])
                assert revert is not None
                assert revert.name in ("Settlement_WrongStatus", "Disputes_WrongStatus")
        assert expected is not None
        known = [sealed[who] for who in ordinals]
        assert winner_of(world, case.batch, *known) is expected, order
        assert [world.free(by) for by in people] == [BOND, BOND]
        world.forward(world.params.earning_delay)
        world.settle(case.batch, expected)
        assert {by: world.free(by) for by in people} == {
            by: BOND + (30 * UNIT if by is expected.by else 0) for by in people
        }
        world.back_to(snapshot)


def test_reward__when_operator_accuses_itself_first__is_the_operators(world: World, case: Case) -> None:
    """C2, C13, G3: the watcher gets its bond back; what the operator gets back is less than half."""
    self_accusation = opened(world, case.batch, world.challenge(case.batch, 1, by=world.op1))
    watcher = world.challenge(case.batch, 1, by=world.watcher1)
    prove(world, case, watcher)
    assert winner_of(world, case.batch, self_accusation, watcher) is self_accusation
    world.forward(world.params.earning_delay)
    world.settle(case.batch, self_accusation)
    assert world.free(world.watcher1) == BOND
    assert world.free(world.op1) == BOND + 30 * UNIT < BOND + 150 * UNIT // 2


# ---- An accomplice, a copier, a front-runner ------------------------------------------------------------


def test_prove__after_an_accomplice_threw_its_challenge__still_wins(world: World, case: Case) -> None:
    """C3: a challenge that fails clears nothing."""
    accomplice = opened(world, case.batch, world.challenge(case.batch, 1, by=world.op1))
    world.forward(world.params.challenger_time)
    world.disputes.timeout(case.batch.header, accomplice.key, sender=world.op1)
    watcher = world.challenge(case.batch, 1)
    prove(world, case, watcher)
    assert winner_of(world, case.batch, watcher) is watcher


def test_prove__copied_with_a_higher_tip__gains_nothing(world: World, case: Case) -> None:
    """C4: who sees a proof pending can seal the place, but not open it in the same block."""
    honest = world.challenge(case.batch, 1, by=world.watcher1)
    copier = world.sealed(case.batch, 1, by=world.watcher2)
    world.escrow.deposit(world.watcher2, BOND, sender=world.watcher2)
    copied = world.prove_args(case.batch, copier, kind=case.kind, evidence=case.evidence)
    own = world.prove_args(case.batch, honest, kind=case.kind, evidence=case.evidence)
    outcome = one_block(
        world.chain,
        (world.disputes.challenge, (case.batch.header, copier.key.seal), world.watcher2),
        (world.disputes.prove, copied, world.watcher2),
        (world.disputes.prove, own, world.watcher1),
    )
    assert isinstance(outcome[0], Tx)
    assert outcome[1] == Revert("Disputes_SameBlock", copier.id)
    assert isinstance(outcome[2], Tx)
    assert winner_of(world, case.batch, honest, copier) is honest
    assert world.free(world.watcher1) == world.free(world.watcher2) == BOND


def test_prove__copied_by_an_older_challenge_on_another_leaf__impossible(world: World, case: Case) -> None:
    """C4: its seal opens its own leaf only."""
    standing = world.challenge(case.batch, 0, by=world.watcher2)
    honest = world.challenge(case.batch, 1, by=world.watcher1)
    for salt in (standing.opening.salt, honest.opening.salt):
        args = (case.batch.header, salt, case.batch.proof(1), case.kind, case.evidence)
        id = Opening(leaf_index=1, salt=salt).key(world.watcher2.address).id(world.id_of(case.batch))
        refused(world, Revert("Disputes_Unknown", id), world.disputes.prove, *args, sender=world.watcher2)
    own = replace(case, leaf=0)
    refuse(world, Revert("Disputes_NoFault", FaultKind.HEADER), own, standing)


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
    assert tx.event("Credited").amount == BOND


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
        refused(
            world, Revert("Disputes_Unknown", other.id(id)), world.disputes.prove, *args, sender=sealed.by
        )


@pytest.mark.parametrize("leaf", [3, 4, 2**32 - 1])
def test_prove__on_a_leaf_that_does_not_exist__reverts(world: World, case: Case, leaf: int) -> None:
    """E5, G5: padding is not a receipt."""
    world.escrow.deposit(world.watcher1, BOND, sender=world.watcher1)
    sealed = world.sealed(case.batch, leaf)
    world.disputes.challenge(case.batch.header, sealed.key.seal, sender=world.watcher1)
    proof = replace(case.batch.proof(1), leaf_index=leaf)
    args = (case.batch.header, sealed.opening.salt, proof, case.kind, case.evidence)
    refused(world, Revert("MerkleTree_Index", leaf, 3), world.disputes.prove, *args, sender=sealed.by)


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
        if header.param_set != case.batch.header.param_set:
            expected = Revert("Parameters_UnknownSet", header.param_set)
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
        opened(world, case.batch, world.challenge(case.batch, 0, by=world.watcher2))
    assert abs(prove(world, case, sealed).gas_used - alone) < 100
