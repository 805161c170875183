"""The events alone tell the whole state, and every getter answers about it (F8, F9)."""

from __future__ import annotations

from onus.protocol import (
    BatchStatus,
    ChallengeStatus,
    MerkleTree,
    OmissionStatus,
    Parent,
    TensorWitness,
    keccak256,
)
from tests.support.replay import check_replay
from tests.support.withheld import RECEIPT, REQUEST, Withheld, wide_source
from tests.support.world import World


def test_replay__of_a_rich_life__is_the_state(world: World) -> None:
    """F8, F9"""
    hour = 3_600
    for op in (world.op1, world.op2):
        world.operator_ready(op)
        world.payer_ready(world.alice, op)
    world.payer_ready(world.bob, world.op1)
    parent = world.register_model()
    model = world.register_model(parents=(Parent(model_id=parent, share_bps=2_500),), royalty_bps=5_000)
    check_replay(world)

    # Published, final, paid, distributed.
    data = bytes(range(256))
    root = MerkleTree([keccak256(data[:128]), keccak256(data[128:])]).root
    receipts = [
        world.receipt(world.op1, model, payer=payer, input_root=root)
        for payer in (world.alice, world.alice, world.bob)
    ]
    good = world.batch(world.op1, receipts=receipts)
    world.commit(good)
    world.settlement.publish(good.header, good.proof(2), [data], sender=world.bob)
    # Challenged four times: opened, thrown, won by who was first, closed after the verdict.
    bad = world.faulty_batch(world.op2, model, at=1)
    world.commit(bad)
    lost = world.challenge(bad, 0, by=world.watcher2)
    world.forward(20 * hour)
    first, second = world.challenge(bad, 1, by=world.watcher1), world.challenge(bad, 1, by=world.watcher2)
    moot = world.challenge(bad, 2, by=world.stranger)
    for sealed in (second, first, moot):
        world.disputes.open(bad.header, sealed.opening, sender=sealed.by)
    world.forward(8 * hour)
    world.disputes.timeout(bad.header, lost.key, sender=world.stranger)
    check_replay(world)
    world.prove(bad, second)
    for sealed in (moot, second):
        world.disputes.close(bad.header, sealed.key, sender=world.stranger)
    world.forward(world.params.earning_delay)
    world.settle(bad, first)
    world.past_window(good)
    world.finalize(good)
    world.settlement.distribute(model, sender=world.stranger)
    world.escrow.sweepBurned(sender=world.stranger)

    # Everything that leaves or changes.
    world.operators.setSigner(world.signer3, sender=world.op1)
    world.operators.setEndpoint("https://moved.example", sender=world.op1)
    world.operators.requestUnbond(5_000, sender=world.op1)
    world.operators.requestReserveExit(sender=world.op2)
    world.escrow.setVoucherKey(world.signer1, sender=world.alice)
    world.escrow.setVoucherKey(world.signer2, sender=world.alice)
    world.escrow.requestRelease(world.op1, 77, sender=world.alice)
    world.models.deprecate(model, sender=world.provider)
    world.parameters.closeCommitments(sender=world.guardian)
    check_replay(world)
    world.forward(11 * 24 * hour)
    world.operators.withdraw(world.op1, sender=world.op1)
    world.operators.withdrawReserve(world.op2, sender=world.op2)
    world.escrow.release(world.op1, sender=world.alice)
    world.escrow.setVoucherKey(world.signer3, sender=world.alice)
    world.escrow.withdraw(world.alice, world.free(world.alice), sender=world.alice)
    world.govern(world.parameters.openCommitments)
    world.govern(world.parameters.add, world.params)

    state = check_replay(world)
    world.assert_solvent()
    # It was a rich one.
    assert {batch["status"] for batch in state.batches.values()} == {BatchStatus.FINAL, BatchStatus.SETTLED}
    assert {challenge["status"] for challenge in state.challenges.values()} == {
        ChallengeStatus.WON,
        ChallengeStatus.LOST,
        ChallengeStatus.CLOSED,
    }
    assert state.published == {(world.id_of(good), 2)}
    assert state.places[world.id_of(bad), 1] == first.id
    assert len(state.sets) == 2 and len(state.models) == 2 and len(state.signers[world.op1.address]) == 2


def test_replay__of_disputes_with_demands__is_the_state(world: World) -> None:
    """F8, F9: clocks, places, everything that was revealed, verdicts by silence, histories."""
    withheld = Withheld(world, wide_source())
    batch, other = withheld.batch, withheld.commit()
    patient, silent = withheld.challenge(), withheld.challenge(by=world.watcher2)
    for position in (RECEIPT, REQUEST, *withheld.source.ends()[:100:20]):
        world.forward(100)
        withheld.demand(patient, position)
        world.forward(10)
        check_replay(world)
        withheld.reveal(patient, position)
    withheld.turn(silent, withheld.source.ends()[-1])
    check_replay(world)
    for sealed in (silent, patient):
        world.time_to(world.disputes.clockOf(batch.header, sealed.key).deadline)
        world.timeout(batch, sealed)
    withheld.batch = other
    against = withheld.challenge()
    withheld.demand(against, RECEIPT)
    check_replay(world)
    world.timeout(other, against, at=world.disputes.clockOf(other.header, against.key).deadline)
    world.forward(world.params.earning_delay)
    world.settle(other, against)
    world.past_window(batch)
    world.finalize(batch)
    world.reputation.record([batch.header, other.header], sender=world.stranger)
    world.forward(100 * 24 * 3_600)
    state = check_replay(world)
    assert sum(state.revealed.values()) == 8 and len(state.revealed) == 9
    assert {who for _, who in state.histories} == {world.op1.address, world.provider.address, withheld.model}


def test_replay__of_quarantine_and_omission__is_the_state(world: World) -> None:
    """F8, F9: a clock that stood still, one that stopped for good, refunds, a reserve that paid."""
    model = world.ready()
    world.payer_ready(world.alice, world.operator_ready(world.op2))
    omitted, late = (world.receipt(op, model) for op in (world.op1, world.op2))
    pending, faulty = world.batch(world.op1, model), world.faulty_batch(world.op2, model)
    for batch in (pending, faulty):
        world.commit(batch)
    world.time_to(omitted.commit_by)
    for receipt in (omitted, late):
        world.claim(receipt)
    challenged = world.challenge(pending, 1, by=world.watcher2)
    world.disputes.demand(pending.header, challenged.opening, RECEIPT, TensorWitness(), sender=challenged.by)
    world.time_to(world.quarantine())
    world.govern(world.models.allowQuarantine, world.verifier)
    check_replay(world)
    winner = world.challenge(faulty, 0)
    world.prove(faulty, winner)
    check_replay(world)
    world.omissions.punish(omitted, sender=world.stranger)
    world.fail_verifier()
    check_replay(world)
    for batch, sealed in ((pending, challenged), (faulty, winner)):
        world.refund(batch)
        check_replay(world)
        world.close_challenge(batch, sealed)
    world.reputation.record([pending.header, faulty.header], sender=world.stranger)
    state = check_replay(world)
    assert {batch["status"] for batch in state.batches.values()} == {BatchStatus.REFUNDED}
    assert [status for status, _, _ in state.omissions.values()] == [
        OmissionStatus.PUNISHED,
        OmissionStatus.CLAIMED,
    ]
    world.assert_solvent()
