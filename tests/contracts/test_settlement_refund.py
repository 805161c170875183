"""Settlement.refund: what becomes of batches whose verifier failed.

refund
├── of a pending batch, challenged or not   fees to every payer, the lock leaves
├── of a faulty batch                       fees to every payer, the pot returns, fault and ban are taken back
├── bonds                                   return by close, before or after, the winner's too
└── twice, of a decided batch, without a confirmed quarantine, with other claims    refused
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onus.protocol import (
    BANNED,
    Batch,
    BatchStatus,
    ChallengeStatus,
    Claim,
    Expected,
    InferenceStatus,
    ModelId,
)
from onus.protocol.ids import BURNED, account_of
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.moves import demand, reveal_args
from tests.support.refusals import refused
from tests.support.verdicts import Double
from tests.support.world import CENT, Sealed, World

BOND = 25 * UNIT
STAKE = 10_000 * UNIT
PAID = 100 * UNIT


@pytest.fixture
def model(world: World) -> ModelId:
    model = world.ready()
    world.payer_ready(world.bob)
    return model


def two_payers(world: World, model: ModelId, *, faulty: bool = False) -> Batch:
    """Two receipts of alice, one of bob, then one of alice; the first has another fee if `faulty`."""
    people = (world.alice, world.alice, world.bob, world.alice)
    receipts = [world.receipt(world.op1, model, payer=person) for person in people]
    fee = receipts[0].fee
    if faulty:
        receipts[0] = replace(receipts[0], fee=fee + 1)
    batch = world.batch(world.op1, receipts=receipts, fee=fee)
    world.commit(batch)
    return batch


def refuse(world: World, expected: Revert, batch: Batch, *claims: Claim) -> None:
    args = (batch.header, claims or batch.claims)
    refused(world, expected, world.settlement.refund, *args, sender=world.stranger)


# ---- Pending --------------------------------------------------------------------------------------------


def test_refund__of_a_pending_batch__fees_return_and_the_lock_leaves(world: World, model: ModelId) -> None:
    """C15, E1, E2: every payer exactly its claim, whoever calls."""
    batch = two_payers(world, model)
    before = world.buckets()
    world.fail_verifier()
    tx = world.refund(batch)
    assert tuple(tx.event("BatchRefunded").values) == (world.id_of(batch), 4 * CENT)
    assert [(e.account, e.amount) for e in tx.events("Credited")] == [
        (account_of(world.alice.address), 2 * CENT),
        (account_of(world.bob.address), CENT),
        (account_of(world.alice.address), CENT),
    ]
    assert len(tx.logs) == 4
    assert (world.free(world.alice), world.free(world.bob)) == (3 * CENT, CENT)
    state, operator = world.state_of(batch), world.operators.stateOf(world.op1)
    assert state.status == BatchStatus.REFUNDED
    # By the verifier's clock it ended when that stopped.
    assert state.endedAt == world.models.verifierOf(world.verifier).stoppedAt
    assert (operator.stake, operator.locked, operator.faults, operator.jailedUntil) == (STAKE, 0, 0, 0)
    after = world.assert_solvent()
    assert (after.stake, after.reserve, after.bonds) == (before.stake, before.reserve, {})
    assert after.fees == {} and world.escrow.balanceOf(BURNED) == 0


def test_refund__of_a_batch_whose_window_was_over__is_possible(world: World, model: ModelId) -> None:
    """C15: nobody had called finalize: it was not final."""
    batch = two_payers(world, model)
    world.past_window(batch)
    world.fail_verifier()
    world.refund(batch)
    world.assert_solvent()


def test_refund__of_a_challenged_batch__does_not_wait_for_the_challenges(
    world: World, model: ModelId
) -> None:
    """C15: also while a demand is open; what was challenged is void for a consumer."""
    batch = two_payers(world, model)
    asked = world.challenge(batch, 1)
    demand(world, batch, asked)
    world.fail_verifier()
    world.refund(batch)
    assert world.state_of(batch).openChallenges == 1
    assert world.settlement.statusOf(batch.header, batch.proof(1)) == (InferenceStatus.VOID, 0)
    anything = Expected(model_id=ModelId(bytes(32)), input_root=bytes(32), min_stake=0, published=False)
    wrong = Revert("Settlement_WrongStatus", world.id_of(batch), BatchStatus.REFUNDED)
    assert world.settlement.requireFinal.revert(batch.header, batch.proof(1), anything) == wrong
    tx = world.close_challenge(batch, asked)
    assert tx.event("ChallengeClosed").id == asked.id
    assert world.free(world.watcher1) == BOND
    world.assert_solvent()


# ---- Faulty ---------------------------------------------------------------------------------------------


def test_refund__of_a_faulty_batch__the_pot_returns_and_the_fault_with_it(
    world: World, model: ModelId
) -> None:
    """C15, C16: no slash, no reward, no restitution, nothing burned."""
    batch = two_payers(world, model, faulty=True)
    winner = world.convict(batch)
    assert world.operators.stateOf(world.op1).faults == 1
    jailed_until = world.operators.stateOf(world.op1).jailedUntil
    world.fail_verifier()
    tx = world.refund(batch)
    restored = tx.event("Restored")
    least = world.params.min_batch_stake
    assert tuple(restored.values) == (world.op1.address, least, 0, jailed_until)
    assert tx.event("BatchRefunded").refunded == 4 * CENT
    assert not tx.events("PenaltyPaid") and not tx.events("Transfer")
    operator = world.operators.stateOf(world.op1)
    assert (operator.stake, operator.locked, operator.faults) == (STAKE, 0, 0)
    assert (world.free(world.alice), world.free(world.bob)) == (3 * CENT, CENT)
    # The winner's bond would have come with its reward.
    assert world.assert_solvent().bonds == {winner.id: BOND}
    world.close_challenge(batch, winner)
    assert world.free(world.watcher1) == BOND and world.escrow.balanceOf(BURNED) == 0
    assert world.disputes.challengeOf(winner.id).status == ChallengeStatus.CLOSED
    world.assert_solvent()


def convicted(world: World, *models: ModelId) -> list[tuple[Batch, Sealed]]:
    """A faulty batch of op1 for each model, and who won it; all committed before a verdict jailed it."""
    batches = []
    for model in models:
        batches.append(world.faulty_batch(world.op1, model))
        world.commit(batches[-1])
    return [(batch, world.convict(batch)) for batch in batches]


def test_refund__of_a_fault_that_banned__ends_the_ban(world: World, model: ModelId) -> None:
    """C15: at one fault less than the limit, and not before."""
    batches = convicted(world, *[model] * (world.params.faults_to_ban + 1))
    assert world.operators.stateOf(world.op1).jailedUntil == BANNED
    world.fail_verifier()
    found = []
    for batch, _ in batches:
        tx = world.refund(batch)
        state = world.operators.stateOf(world.op1)
        found.append((state.faults, state.jailedUntil == BANNED))
        assert tx.event("Restored").jailedUntil == state.jailedUntil
        world.assert_solvent()
    assert found == [(3, True), (2, False), (1, False), (0, False)]
    # It can work again at once, for another verifier's models.
    other = Double(world)
    world.commit(world.batch(world.op1, other.model))


def test_refund__beside_faults_that_were_real__they_keep_their_ban(world: World, model: ModelId) -> None:
    """C15: what another verifier judged stays judged, and is still settled."""
    other = Double(world)
    (undone, _), *real = convicted(world, model, *[other.model] * world.params.faults_to_ban)
    world.fail_verifier()
    world.refund(undone)
    state = world.operators.stateOf(world.op1)
    assert (state.faults, state.jailedUntil) == (world.params.faults_to_ban, BANNED)
    for batch, winner in real:
        refuse(world, Revert("Settlement_NotConfirmed", world.id_of(batch)), batch)
        world.settle(batch, winner)
    world.assert_solvent()


def test_refund__while_the_operator_is_jailed_for_it__the_jail_ends_by_itself(
    world: World, model: ModelId
) -> None:
    """C15: time served is not given back, time to serve is short."""
    ((batch, _),) = convicted(world, model)
    until = world.operators.stateOf(world.op1).jailedUntil
    world.fail_verifier()
    world.refund(batch)
    other = Double(world)
    fresh = world.batch(world.op1, other.model)
    jailed = Revert("Operators_Jailed", world.op1, until)
    assert world.commit_revert(fresh, at=until - 1) == jailed
    assert world.commit_revert(fresh, at=until) is None


# ---- Bonds ----------------------------------------------------------------------------------------------


class Disputed:
    """A pending and a faulty batch with a challenge in every state that can be left over."""

    def __init__(self, world: World, model: ModelId) -> None:
        self.world = world
        self.pending = two_payers(world, model)
        self.faulty = two_payers(world, model, faulty=True)
        late = [world.challenge(batch, 3) for batch in (self.pending, self.faulty)]
        world.forward(world.params.challenger_time)
        sealed = world.challenge(self.pending, 0, by=world.watcher2)
        opened = world.challenge(self.pending, 1)
        world.disputes.open(self.pending.header, opened.opening, sender=opened.by)
        asked = world.challenge(self.pending, 2)
        demand(world, self.pending, asked)
        answered = world.challenge(self.pending, 3)
        demand(world, self.pending, answered)
        world.disputes.reveal(*reveal_args(self.pending, answered), sender=world.op1)
        moot = world.challenge(self.faulty, 2, by=world.watcher2)
        waiting = world.challenge(self.faulty, 1)
        demand(world, self.faulty, waiting)
        # Sealed and opened first: the reward would be its own, although another one shows the fault.
        holder = world.challenge(self.faulty, 0, by=world.watcher2)
        world.disputes.open(self.faulty.header, holder.opening, sender=holder.by)
        prover = world.convict(self.faulty)
        self.challenges: list[tuple[Batch, Sealed]] = [
            *((self.pending, each) for each in (late[0], sealed, opened, asked, answered)),
            *((self.faulty, each) for each in (late[1], moot, waiting, holder, prover)),
        ]
        assert world.disputes.challengeOf(holder.id).status == ChallengeStatus.WON

    def steps(self) -> list[str]:
        """What remains to be called, by name: the refund of each batch, and each challenge's end."""
        return ["refund pending", "refund faulty", *map(str, range(len(self.challenges)))]

    def take(self, step: str) -> bool:
        """Calls it if it is possible now; the winner's bond waits for the refund, nothing else waits."""
        world = self.world
        if step.startswith("refund"):
            world.refund(self.pending if step.endswith("pending") else self.faulty)
            return True
        batch, sealed = self.challenges[int(step)]
        revert = world.disputes.close.revert(batch.header, sealed.key, sender=world.stranger)
        if revert is None:
            world.close_challenge(batch, sealed)
            return True
        assert revert == Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.WON)
        assert world.state_of(batch).status == BatchStatus.FAULTY
        return False


@pytest.fixture
def disputed(world: World, model: ModelId) -> Disputed:
    return Disputed(world, model)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)))
def test_refund_and_close__in_every_order__everybody_has_what_it_had(
    disputed: Disputed, order: list[int]
) -> None:
    """B6, C15, C16, E2: all bonds return in full, the winner's and those of who was out of time too."""
    mark = disputed.world.mark()
    try:
        undo_all(disputed, order)
    finally:
        disputed.world.back_to(mark)


def undo_all(disputed: Disputed, order: list[int]) -> None:
    world = disputed.world
    world.fail_verifier()
    steps = disputed.steps()
    waiting = [step for step in map(steps.__getitem__, order) if not disputed.take(step)]
    assert all(disputed.take(step) for step in waiting)
    after = world.assert_solvent()
    assert (after.bonds, after.fees, after.pots) == ({}, {}, {})
    assert world.escrow.balanceOf(BURNED) == world.free(world.op1) == 0
    for watcher in (world.watcher1, world.watcher2):
        paid = BOND * sum(sealed.by == watcher for _, sealed in disputed.challenges)
        assert world.free(watcher) == paid
    for payer in (world.alice, world.bob):
        assert world.escrow.reservationOf(payer, world.op1).reserved + world.free(payer) == PAID
    operator = world.operators.stateOf(world.op1)
    assert (operator.stake, operator.locked, operator.faults) == (STAKE, 0, 0)


def test_refund_and_close__twice__reverts(world: World, disputed: Disputed) -> None:
    """D13: nothing returns twice, whichever way is tried."""
    world.fail_verifier()
    for step in disputed.steps():
        assert disputed.take(step)
    stopped = Revert("Models_VerifierStopped", world.verifier)
    for batch, sealed in disputed.challenges:
        closed = Revert("Disputes_WrongStatus", sealed.id, ChallengeStatus.CLOSED)
        refused(world, closed, world.disputes.close, batch.header, sealed.key, sender=world.stranger)
        refused(world, closed, world.disputes.timeout, batch.header, sealed.key, sender=world.stranger)
        again = Revert("Settlement_WrongStatus", world.id_of(batch), BatchStatus.REFUNDED)
        refuse(world, again, batch)
        args = (batch.header, batch.claims, sealed.key)
        refused(world, again, world.settlement.settle, *args, sender=world.stranger)
        seal = (batch.header, b"\x01" * 32)
        refused(world, stopped, world.disputes.challenge, *seal, sender=world.watcher1)


# ---- Refusals -------------------------------------------------------------------------------------------


def test_confirmed__no_verdict_and_no_payment_any_more(world: World, disputed: Disputed) -> None:
    """C15, D12: what is confirmed can only be refunded, and closed."""
    world.fail_verifier()
    world.forward(365 * 86_400)
    stopped = Revert("Models_VerifierStopped", world.verifier)
    pending, faulty = disputed.pending, disputed.faulty
    _, late = disputed.challenges[0]
    _, prover = disputed.challenges[-1]
    _, holder = disputed.challenges[-2]
    timeout = (pending.header, late.key)
    refused(world, stopped, world.disputes.timeout, *timeout, sender=world.stranger)
    settle = (faulty.header, faulty.claims, holder.key)
    refused(world, stopped, world.settlement.settle, *settle, sender=world.stranger)
    prove = world.prove_args(faulty, prover)
    refused(world, stopped, world.disputes.prove, *prove, sender=prover.by)
    revert = world.settlement.finalize.revert([pending.header], sender=world.stranger)
    assert revert is not None and revert.name == "Settlement_NothingFinalized"
    assert world.chain.codec.revert(revert.args[0]) == Revert(
        "Settlement_VerifierStopped", world.id_of(pending)
    )


def test_refund__of_what_was_decided_before__reverts(world: World, model: ModelId) -> None:
    """C15, D12, E1: final stays final, settled stays settled: nothing is both paid and refunded."""
    final = two_payers(world, model)
    settled = two_payers(world, model, faulty=True)
    winner = world.convict(settled)
    world.past_window(final)
    world.finalize(final)
    world.settle(settled, winner)
    world.fail_verifier()
    for batch, status in ((final, BatchStatus.FINAL), (settled, BatchStatus.SETTLED)):
        refuse(world, Revert("Settlement_WrongStatus", world.id_of(batch), status), batch)
    unknown = world.batch(world.op1, model)
    refuse(world, Revert("Settlement_WrongStatus", world.id_of(unknown), BatchStatus.NULL), unknown)
    world.assert_solvent()


def test_refund__with_other_claims__reverts(world: World, model: ModelId) -> None:
    """E2, E12: refunds reach exactly who was served."""
    batch = two_payers(world, model)
    world.fail_verifier()
    for claims in (
        batch.claims[:-1],
        batch.claims[::-1],
        (Claim(payer=world.stranger.address, receipts=4),),
        (*batch.claims, Claim(payer=world.stranger.address, receipts=0)),
    ):
        revert = world.settlement.refund.revert(batch.header, claims, sender=world.stranger)
        assert revert is not None and revert.name == "Settlement_ClaimsMismatch"
    world.refund(batch)
