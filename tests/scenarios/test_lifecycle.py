"""Every way through the life of a batch: the digits network, the real verifier, and all the money counted.

Each scenario ends with everybody leaving: whatever happened before, the two contracts that hold tokens are
empty then, and everybody's gain and loss is what it should be, to the wei.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from onus.protocol import (
    BatchStatus,
    ChallengeStatus,
    Claim,
    FaultKind,
    InferenceStatus,
    ModelId,
    Parent,
    faults,
)
from onus.protocol.ids import BURNED, royalty_account_of
from onus.trace import EvidenceKind, element_evidence, root_evidence
from tests.support import digits
from tests.support.actors import actor
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.digits import Digits, Served
from tests.support.refusals import refused
from tests.support.verdicts import Case
from tests.support.world import CENT, Sealed, World

BOND = 25 * UNIT
LOCK = 150 * UNIT
NAMES = ("op1", "op2", "alice", "bob", "watcher1", "watcher2", "provider", "treasury", "stranger")
BURN_ADDRESS = "0x000000000000000000000000000000000000dEaD"


# ---- All the money --------------------------------------------------------------------------------------


class Books:
    """What everybody had before, against what everybody has when all have left."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.before = self._wealth()

    def _wealth(self) -> dict[str, int]:
        token = self.world.token
        held = {name: int(token.balanceOf(actor(name))) for name in NAMES}
        return held | {"burned": int(token.balanceOf(BURN_ADDRESS))}

    def close(self, **expected: int) -> None:
        """Everybody leaves, nothing is left behind, and these are all the gains and losses."""
        self.world.assert_solvent()
        everybody_leaves(self.world)
        after = self._wealth()
        gains = {name: after[name] - self.before[name] for name in after}
        assert {name: gain for name, gain in gains.items() if gain} == expected
        assert sum(gains.values()) == 0


def everybody_leaves(world: World) -> None:
    """Royalties move up, everything is withdrawn, what is burned is sent away."""
    escrow, operators = world.escrow, world.operators
    people = {actor(name).address: actor(name) for name in NAMES}
    for payer, operator in sorted(world.ledger.reservations):
        if cover := escrow.coverOf(payer, operator):
            escrow.requestRelease(operator, cover, sender=payer)
    for operator in sorted(world.ledger.operators):
        state = operators.stateOf(operator)
        assert state.locked == 0
        if state.stake:
            operators.requestUnbond(state.stake, sender=operator)
        operators.requestReserveExit(sender=operator)
    world.forward(world.params.unbonding_delay)
    for payer, operator in sorted(world.ledger.reservations):
        if escrow.reservationOf(payer, operator).reserved:
            escrow.release(operator, sender=payer)
    for operator in sorted(world.ledger.operators):
        if operators.stateOf(operator).stake:
            operators.withdraw(operator, sender=operator)
        operators.withdrawReserve(operator, sender=operator)
    for _ in range(4):
        for account in sorted(world.ledger.accounts - {BURNED}):
            if account[:12] != bytes(12) and escrow.balanceOf(account):
                world.settlement.distribute(account, sender=world.stranger)
    for address, person in people.items():
        if balance := world.free(address):
            escrow.withdraw(address, balance, sender=person)
    if escrow.balanceOf(BURNED):
        escrow.sweepBurned(sender=world.stranger)
    assert world.token.balanceOf(operators) == world.token.balanceOf(escrow) == 0


def shares(fees: int, *, royalty_bps: int = 1_000) -> tuple[int, int, int]:
    """What operator, royalty account and treasury get of the fees of a batch."""
    protocol, royalty = fees * 200 // 10_000, fees * royalty_bps // 10_000
    return fees - protocol - royalty, royalty, protocol


# ---- A batch that becomes final -------------------------------------------------------------------------


def test_life__when_everything_is_right__everybody_is_paid(world: World) -> None:
    """E1, G1, G15: served, committed, published, final, relied on, withdrawn."""
    books = Books(world)
    service = Digits(world)
    consumer = world.chain.deploy(
        "AnswerConsumer", world.settlement, service.model, 10 * UNIT, sender=world.deployer
    )
    payers = (world.alice, world.alice, world.alice, world.bob, world.bob)
    served = [service.serve(image, payer=payer, stake=10 * UNIT) for image, payer in enumerate(payers)]
    assert all(service.accuse(None, 0, each) is None for each in served)  # type: ignore[arg-type]
    batch = service.batch(*served)
    for each in served:
        consumer.ask(each.receipt.request_id, each.request.input_root, sender=world.deployer)
    world.commit(batch)
    for leaf in (0, 3):
        inputs = [served[leaf].trace.input_bytes]
        world.settlement.publish(batch.header, batch.proof(leaf), inputs, sender=payers[leaf])
    world.past_window(batch)
    world.finalize(batch)

    statuses = [
        InferenceStatus(world.settlement.statusOf(batch.header, batch.proof(i)).status) for i in range(5)
    ]
    published = [status is InferenceStatus.FINAL_AND_PUBLISHED for status in statuses]
    assert published == [True, False, False, True, False]
    for leaf, each in enumerate(served):
        args = (batch.header, batch.proof(leaf), each.trace.output_bytes)
        if published[leaf]:
            acted = consumer.act(*args, sender=world.stranger).event("Acted")
            assert acted.class_ == digits.label(each.image)
        else:
            expected = Revert("Settlement_NotPublished", world.id_of(batch), leaf)
            refused(world, expected, consumer.act, *args, sender=world.stranger)
    operator, royalty, protocol = shares(5 * CENT)
    books.close(op1=operator, provider=royalty, treasury=protocol, alice=-3 * CENT, bob=-2 * CENT)


def test_life__when_challenged_without_a_fault__is_cleared_by_time(world: World) -> None:
    """C1, C16, G1: the challengers lose their bonds, the operator nothing."""
    books = Books(world)
    service = Digits(world)
    served = [service.serve(image) for image in range(3)]
    batch = service.batch(*served)
    world.commit(batch)
    opened = world.challenge(batch, 1, by=world.watcher1)
    silent = world.challenge(batch, 2, by=world.watcher2)
    world.disputes.open(batch.header, opened.opening, sender=opened.by)
    # It tries everything: evidence about right elements, right ends, and every other kind.
    trace, receipt = served[1].trace, served[1].receipt
    attempts = [
        (FaultKind.EXECUTION, element_evidence(trace, slot, element, check=False), "Trace_NoFault")
        for slot, element in ((1, 0), (2, 511), (3, 100), (4, 127), (5, 9))
    ]
    attempts += [
        (FaultKind.EXECUTION, root_evidence(trace, kind), "Trace_NoFault")
        for kind in (EvidenceKind.INPUT, EvidenceKind.OUTPUT)
    ]
    attempts += [
        (FaultKind.HEADER, faults.HEADER_EVIDENCE, "Disputes_NoFault"),
        (FaultKind.REQUEST, faults.request_evidence(world.requests[receipt.request_id]), "Disputes_NoFault"),
        (FaultKind.CLAIM, faults.claims_evidence(batch.claims), "Disputes_NoFault"),
    ]
    for kind, evidence, error in attempts:
        args = world.prove_args(batch, opened, kind=kind, evidence=evidence)
        world.expect_revert(error, world.disputes.prove, *args, sender=opened.by, at=world.now + 1)
    world.forward(world.params.challenger_time)
    for sealed in (opened, silent):
        world.disputes.timeout(batch.header, sealed.key, sender=world.stranger)
    assert world.state_of(batch).status == BatchStatus.PENDING
    world.past_window(batch)
    world.finalize(batch)
    operator, royalty, protocol = shares(3 * CENT)
    books.close(
        op1=operator,
        provider=royalty,
        treasury=protocol,
        alice=-3 * CENT,
        watcher1=-BOND,
        watcher2=-BOND,
        burned=2 * BOND,
    )


# ---- A faulty batch, by each kind -----------------------------------------------------------------------


def _altered(slot: int) -> object:
    return lambda service: service.serve(1, trace=digits.altered(1, slot, 3))


WRONG = {
    # One element of a hidden tensor, and everything after it consistent with it.
    "element of slot 1": _altered(1),
    "element of slot 2": _altered(2),
    "element of slot 3": _altered(3),
    "element of slot 4": _altered(4),
    "element of the output": _altered(5),
    # Another class than computed: the output's root is not the trace's.
    "output": lambda service: service.serve(1, output_root=digits.run(2).output_root),
    # Another image than asked.
    "input": lambda service: service.serve(1, trace=digits.run(2)),
}


def _convict(world: World, case: Case, *, by: Sealed | None = None) -> Sealed:
    sealed = by or world.challenge(case.batch, case.leaf)
    shown = world.prove(case.batch, sealed, kind=case.kind, evidence=case.evidence).event("FaultProven")
    assert (shown.leafIndex, shown.kind) == (case.leaf, case.kind)
    assert (shown.slot, shown.element) == (case.slot, case.element)
    return sealed


def _settle(world: World, case: Case, winner: Sealed) -> None:
    world.forward(world.params.earning_delay)
    world.settle(case.batch, winner)


@pytest.mark.parametrize("what", WRONG)
def test_life__when_an_execution_is_wrong__is_proven_and_settled(world: World, what: str) -> None:
    """C16, E2, G2, G3, G4: a watcher that re-executes finds it, shows one element, and is rewarded."""
    books = Books(world)
    service = Digits(world)
    bad: Served = WRONG[what](service)  # type: ignore[operator]
    served = [service.serve(0), bad, service.serve(2, payer=world.bob)]
    batch = service.batch(*served)
    world.commit(batch)
    accusations = [service.accuse(batch, leaf, each) for leaf, each in enumerate(served)]
    assert [found is not None for found in accusations] == [False, True, False]
    case = accusations[1]
    assert case is not None
    # What shows the fault of one leaf shows nothing of another.
    elsewhere = world.challenge(batch, 0, by=world.watcher2)
    args = world.prove_args(batch, elsewhere, kind=case.kind, evidence=case.evidence)
    world.expect_revert("Trace_TraceRoot", world.disputes.prove, *args, sender=elsewhere.by, at=world.now + 1)

    winner = _convict(world, case)
    world.disputes.close(batch.header, elsewhere.key, sender=world.stranger)
    _settle(world, case, winner)
    pool = LOCK * 30 // 100
    alice, bob = pool * 2 // 3, pool // 3
    reward = LOCK * 20 // 100
    burned = LOCK - reward - alice - bob
    assert burned >= LOCK // 2
    books.close(op1=-LOCK, watcher1=reward, alice=alice, bob=bob, burned=burned)


LEAF_FAULTS = {
    FaultKind.HEADER: {"fee": CENT + 1},
    FaultKind.REQUEST: {"served_at": 2**40 - 1},
    FaultKind.CLAIM: {"payer": actor("bob").address},
}


@pytest.mark.parametrize("kind", LEAF_FAULTS)
def test_life__when_a_receipt_is_wrong__is_proven_and_settled(world: World, kind: FaultKind) -> None:
    """C16, E12, G4: against its header, its request, its claim; the execution is right."""
    books = Books(world)
    service = Digits(world)
    served = [service.serve(image) for image in range(3)]
    served[2] = served[2].receipt_with(**LEAF_FAULTS[kind])
    claims = [Claim(payer=world.alice.address, receipts=3)]
    batch = service.batch(*served, claims=claims)
    world.commit(batch)
    found = faults.leaf_faults(
        served[2].receipt,
        2,
        header=batch.header,
        claims=claims,
        domain=world.domain,
        request=served[2].request,
    )
    assert kind in found
    evidence = {
        FaultKind.HEADER: faults.HEADER_EVIDENCE,
        FaultKind.REQUEST: faults.request_evidence(served[2].request),
        FaultKind.CLAIM: faults.claims_evidence(claims),
    }[kind]
    case = Case(batch, 2, kind, evidence)
    _settle(world, case, _convict(world, case))
    reward, restitution = LOCK * 20 // 100, LOCK * 30 // 100
    books.close(op1=-LOCK, watcher1=reward, alice=restitution, burned=LOCK - reward - restitution)


# ---- Two watchers, two payers, two batches --------------------------------------------------------------


@pytest.mark.parametrize("first", ["watcher1", "watcher2"])
@pytest.mark.parametrize("prover", ["watcher1", "watcher2"])
def test_life__when_two_watchers_find_it__one_is_rewarded(world: World, first: str, prover: str) -> None:
    """C16, C17, G3: whoever sealed first and opened; the other only has its bond back."""
    books = Books(world)
    service = Digits(world)
    batch = service.batch(service.serve(0), service.serve(1, trace=digits.altered(1, 3, 7)))
    world.commit(batch)
    order = [getattr(world, first), world.watcher1 if first == "watcher2" else world.watcher2]
    sealed = {by.name: world.challenge(batch, 1, by=by) for by in order}
    for each in sealed.values():
        world.disputes.open(batch.header, each.opening, sender=each.by)
    case = service.accuse(batch, 1, service.serve(1, trace=digits.altered(1, 3, 7)))
    assert case is not None
    _convict(world, case, by=sealed[prover])
    loser = next(each for name, each in sealed.items() if name != first)
    if world.disputes.challengeOf(loser.id).status != ChallengeStatus.CLOSED:
        world.disputes.close(batch.header, loser.key, sender=world.stranger)
    _settle(world, case, sealed[first])
    reward, restitution = LOCK * 20 // 100, LOCK * 30 // 100
    books.close(**{"op1": -LOCK, first: reward, "alice": restitution, "burned": LOCK // 2})


def test_life__when_one_of_three_batches_is_faulty__the_others_are_paid(world: World) -> None:
    """B11, E1, E2: each batch for itself; nothing is both paid and refunded."""
    books = Books(world)
    service = Digits(world)
    batches = []
    for number in range(3):
        trace = digits.altered(number, 2) if number == 1 else None
        served = [
            service.serve(
                number, payer=payer, trace=trace if payer is world.bob else None, fee=7 * CENT + number
            )
            for payer in (world.alice, world.bob)
        ]
        batches.append((service.batch(*served), served))
        world.commit(batches[-1][0])
    bad, served = batches[1]
    case = service.accuse(bad, 1, served[1])
    assert case is not None
    winner = _convict(world, case)
    world.past_window(batches[2][0])
    tx = world.finalize(*(batch for batch, _ in batches))
    assert [e.id for e in tx.events("BatchFinal")] == [world.id_of(batches[0][0]), world.id_of(batches[2][0])]
    world.settle(bad, winner)
    fees = [2 * (7 * CENT + number) for number in (0, 2)]
    operator, royalty, protocol = (sum(part) for part in zip(*map(shares, fees), strict=True))
    reward, restitution = LOCK * 20 // 100, LOCK * 30 // 100
    books.close(
        op1=operator - LOCK,
        provider=royalty,
        treasury=protocol,
        alice=-sum(fees) // 2 + restitution // 2,
        bob=-sum(fees) // 2 + restitution // 2,
        watcher1=reward,
        burned=LOCK - reward - restitution,
    )


def test_life__when_both_of_two_conflicting_answers_are_wrong__both_are_slashed(world: World) -> None:
    """B11, C14: an old and a new offence, whichever is shown first."""
    service = Digits(world)
    request = service.request(5, world.alice)
    cases = []
    for sequence, trace in enumerate((digits.altered(5, 1), digits.altered(5, 4))):
        answer = service.serve(5, request=request, trace=trace)
        batch = service.batch(answer, sequence=sequence)
        world.commit(batch)
        case = service.accuse(batch, 0, answer)
        assert case is not None
        cases.append(case)
    for order in itertools.permutations(cases):
        mark = world.mark()
        books = Books(world)
        stake = world.operators.stateOf(world.op1).stake
        winners = [(_convict(world, case), case) for case in order]
        assert stake - world.operators.stateOf(world.op1).stake == 2 * LOCK
        assert world.operators.stateOf(world.op1).faults == 2
        for winner, case in winners:
            _settle(world, case, winner)
        assert world.free(world.watcher1) == 2 * BOND + 2 * LOCK * 20 // 100
        assert books.before["watcher1"] - world.token.balanceOf(world.watcher1) == 2 * BOND
        world.back_to(mark)


def test_life__when_an_accomplice_throws_its_challenges__the_honest_watcher_still_wins(world: World) -> None:
    """C3, C18, G2: every place held, every challenge thrown, and the fault is shown before finality."""
    books = Books(world)
    service = Digits(world)
    bad = service.serve(1, trace=digits.altered(1, 4, 99))
    batch = service.batch(service.serve(0), bad, service.serve(2))
    world.commit(batch)
    thrown = [world.challenge(batch, leaf, by=world.watcher2) for leaf in range(3)]
    for each in thrown:
        world.disputes.open(batch.header, each.opening, sender=each.by)
    # The watcher waits until nobody holds the place any more, in the last second of the window if it must.
    end = world.state_of(batch).windowEndsAt
    honest = world.challenge(batch, 1, at=end - 1)
    for each in thrown:
        world.disputes.timeout(batch.header, each.key, sender=world.stranger)
    case = service.accuse(batch, 1, bad)
    assert case is not None
    _settle(world, case, _convict(world, case, by=honest))
    reward, restitution = LOCK * 20 // 100, LOCK * 30 // 100
    books.close(
        op1=-LOCK,
        watcher1=reward,
        watcher2=-3 * BOND,
        alice=restitution,
        burned=LOCK - reward - restitution + 3 * BOND,
    )


def test_life__when_the_cheat_plays_every_role__it_loses_the_burned_half(world: World) -> None:
    """C2, C11, C13, E11: operator, payer, provider's receiver and first accuser in one."""
    books = Books(world)
    service = Digits(world)
    op = world.op1
    world.payer_ready(op)
    bad = service.serve(3, payer=op, trace=digits.altered(3, 2, 5), fee=UNIT, stake=60 * UNIT)
    batch = service.batch(*(service.serve(i, payer=op, fee=UNIT, stake=60 * UNIT) for i in range(3)), bad)
    world.commit(batch)
    itself = world.challenge(batch, 3, by=op)
    world.disputes.open(batch.header, itself.opening, sender=op)
    watcher = world.challenge(batch, 3)
    case = service.accuse(batch, 3, bad)
    assert case is not None
    shown = world.prove(batch, watcher, kind=case.kind, evidence=case.evidence).event("FaultProven")
    assert shown.winner == itself.id
    world.close_challenge(batch, watcher)
    _settle(world, case, itself)
    books.close(op1=-120 * UNIT, burned=120 * UNIT)


# ---- Royalties, and what the payer watches itself -------------------------------------------------------


def test_life__when_the_model_has_three_ancestors__royalties_reach_them_all(world: World) -> None:
    """E7, E10: four levels, one call each."""
    books = Books(world)
    receivers = (world.bob, world.watcher1, world.watcher2)
    lineage: list[ModelId] = []
    for receiver in receivers:
        parents = tuple(Parent(model_id=each, share_bps=3_000) for each in lineage[-1:])
        lineage.append(world.register_model(royalty_receiver=receiver.address, parents=parents))
    service = Digits(world, parents=[Parent(model_id=lineage[-1], share_bps=5_000)], royalty_bps=5_000)
    assert world.models.levelOf(service.model) == 3
    batch = service.batch(*(service.serve(image, fee=33 * CENT + 1) for image in range(3)))
    world.commit(batch)
    world.past_window(batch)
    world.finalize(batch)
    operator, royalty, protocol = shares(batch.header.fee * 3, royalty_bps=5_000)
    assert world.escrow.balanceOf(royalty_account_of(service.model)) == royalty
    up = [royalty * 5_000 // 10_000]
    up += [up[0] * 3_000 // 10_000]
    up += [up[1] * 3_000 // 10_000]
    books.close(
        alice=-3 * batch.header.fee,
        op1=operator,
        treasury=protocol,
        provider=royalty - up[0],
        watcher2=up[0] - up[1],
        watcher1=up[1] - up[2],
        bob=up[2],
    )


def test_life__when_the_payer_watches_itself__it_is_made_whole(world: World) -> None:
    """C13, G4: the one that was lied to has the receipt and the input, and needs nobody."""
    books = Books(world)
    service = Digits(world)
    lie = service.serve(4, payer=world.bob, output_root=digits.run(8).output_root, stake=100 * UNIT, fee=UNIT)
    batch = service.batch(service.serve(0, stake=100 * UNIT, fee=UNIT), lie)
    world.commit(batch)
    case = service.accuse(batch, 1, lie)
    assert case is not None
    winner = world.challenge(batch, 1, by=world.bob)
    _settle(world, case, _convict(world, case, by=winner))
    lock = 200 * UNIT
    books.close(
        op1=-lock,
        bob=lock * 20 // 100 + lock * 15 // 100,
        alice=lock * 15 // 100,
        burned=lock // 2,
    )


def test_life__after_a_fault__the_operator_comes_back_when_its_jail_is_over(world: World) -> None:
    """A5: what it stakes afterwards is untouched by the past."""
    books = Books(world)
    service = Digits(world)
    bad = service.serve(0, trace=digits.altered(0, 5))
    first = service.batch(bad)
    world.commit(first)
    case = service.accuse(first, 0, bad)
    assert case is not None
    _settle(world, case, _convict(world, case))
    until = world.operators.stateOf(world.op1).jailedUntil
    second = service.batch(service.serve(1))
    assert world.commit_revert(second, at=until - 1) == Revert("Operators_Jailed", world.op1, until)
    world.time_to(until)
    world.commit(second)
    world.past_window(second)
    world.finalize(second)
    operator, royalty, protocol = shares(CENT)
    reward, restitution = LOCK * 20 // 100, LOCK * 30 // 100
    books.close(
        op1=operator - LOCK,
        provider=royalty,
        treasury=protocol,
        alice=restitution - CENT,
        watcher1=reward,
        burned=LOCK - reward - restitution,
    )


def test_life__with_new_terms_on_the_way__each_batch_keeps_its_own(world: World) -> None:
    """B8, D6: one set at its commit, for its whole life."""
    books = Books(world)
    service = Digits(world)
    old = service.batch(service.serve(0))
    world.commit(old)
    changed = replace(
        world.params, protocol_fee_bps=1_000, min_batch_stake=500 * UNIT, challenge_bond=50 * UNIT
    )
    world.govern(world.parameters.add, changed)
    bad = service.serve(1, trace=digits.altered(1, 1))
    new = service.batch(bad)
    assert (old.header.param_set, new.header.param_set) == (1, 2)
    world.commit(new)
    assert world.operators.stateOf(world.op1).locked == 650 * UNIT
    case = service.accuse(new, 0, bad)
    assert case is not None
    winner = _convict(world, case)
    _settle(world, case, winner)
    world.past_window(old)
    world.finalize(old)
    operator, royalty, protocol = shares(CENT)
    books.close(
        op1=operator - 500 * UNIT,
        provider=royalty,
        treasury=protocol,
        alice=150 * UNIT - CENT,
        watcher1=100 * UNIT,
        burned=250 * UNIT,
    )
