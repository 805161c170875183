"""E13: an omission counts only if the batch could be committed at every second from servedAt to commitBy.

Commitments closed by the guardian, or the verifier under quarantine, at one of these seconds: nothing was
omitted. Anything else that comes between is the operator's own affair: it can still commit, or it pays.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from onus.protocol import ModelId, Receipt
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.world import World

BOND = 2 * UNIT


@pytest.fixture
def model(prompt_world: World) -> ModelId:
    model = prompt_world.ready()
    prompt_world.escrow.deposit(prompt_world.alice, 10 * BOND, sender=prompt_world.alice)
    return model


def claim_revert(world: World, model: ModelId, served_at: int, commit_by: int) -> Revert | None:
    """Why a claim of a receipt of these seconds would be refused as soon as it is possible."""
    receipt = world.receipt(world.op1, model, served_at=served_at, commit_by=commit_by)
    revert: Revert | None = world.omissions.claim.revert(
        receipt, world.signed(receipt), 1, sender=world.alice, at=max(commit_by, world.now) + 1
    )
    closed = Revert("Omissions_CommitsWereClosed", receipt.struct_hash)
    assert revert in (None, closed), revert
    return revert


Spans = list[tuple[int, int, bool]]


def check(world: World, model: ModelId, spans: Spans) -> None:
    """(servedAt, commitBy, whether something was closed in between) of receipts."""
    found = [(*span[:2], claim_revert(world, model, *span[:2]) is not None) for span in spans]
    assert found == spans


def around_closure(start: int, end: int) -> Spans:
    """Receipts that end or begin within a second of a closure, or lie about or within it."""
    return [
        (start - 100, start - 1, False),
        (start - 100, start, True),
        (start - 100, start + 1, True),
        (start - 1, start - 1, False),
        (start, start, True),
        (end - 2, end - 1, True),
        (end - 1, end - 1, True),
        (end - 1, end, True),
        (end, end, False),
        (end, end + 100, False),
        (end + 1, end + 100, False),
    ]


def close(world: World, start: int, end: int) -> None:
    """All commitments, from the second `start` to the second before `end`."""
    world.parameters.closeCommitments(sender=world.guardian, at=start)
    world.parameters.openCommitments(sender=world.council, at=end)


def test_claim__around_a_closure_of_all_commitments(prompt_world: World, model: ModelId) -> None:
    """D1, E13: in the second in which it closes nobody knows which came first: nobody is to blame."""
    world = prompt_world
    start = world.now + 500
    close(world, start, start + 300)
    check(world, model, [*around_closure(start, start + 300), (start - 100, start + 400, True)])


def test_claim__around_several_closures__each_counts(prompt_world: World, model: ModelId) -> None:
    """E13: one after the other, the last one still on; those that were over when it was served do not."""
    world = prompt_world
    start = world.now + 500
    first, second, third = start, start + 1_000, start + 2_000
    close(world, first, first + 300)
    close(world, second, second + 300)
    world.parameters.closeCommitments(sender=world.guardian, at=third)
    check(world, model, around_closure(first, first + 300))
    check(world, model, around_closure(second, second + 300))
    check(
        world,
        model,
        [
            (first + 300, second - 1, False),
            (first + 299, second - 1, True),
            (first - 1, second + 300, True),
            (second + 300, third - 1, False),
            (second + 300, third, True),
            (third + 5, third + 5, True),
            (first - 10, first - 1, False),
        ],
    )


def test_claim__around_a_closure_of_one_second(prompt_world: World, model: ModelId) -> None:
    """D1, E13."""
    world = prompt_world
    at = world.now + 500
    close(world, at, at + 1)
    check(world, model, [(at - 1, at - 1, False), (at, at, True), (at + 1, at + 1, False)])


def test_claim__around_a_quarantine_of_the_verifier(prompt_world: World, model: ModelId) -> None:
    """D1, E13: until it lapses; another verifier's quarantine does not matter."""
    world = prompt_world
    world.models.quarantine(world.stranger, sender=world.guardian)
    start = world.now + 500
    end = world.quarantine(at=start)
    check(world, model, [(start - 100, start - 1, False), (start - 100, start, True)])
    world.time_to(end - 10)
    check(world, model, around_closure(start, end)[5:])


def test_claim__around_several_quarantines__each_counts(prompt_world: World, model: ModelId) -> None:
    """E13: also two that follow each other without a gap."""
    world = prompt_world
    first = world.now + 500
    middle = world.quarantine(at=first)
    world.models.allowQuarantine(world.verifier, sender=world.council)
    end = world.quarantine(at=middle)
    check(world, model, [(middle - 1, middle - 1, True), (middle, middle, True), (middle - 1, middle, True)])
    world.time_to(end)
    check(world, model, [(end - 1, end, True), (end, end, False), (end, end + 100, False)])


def test_claim__of_a_verifier_that_failed__never(prompt_world: World, model: ModelId) -> None:
    """E13: from that second on nothing can be committed; what was omitted before it counts."""
    world = prompt_world
    start = world.now + 500
    lapses = world.quarantine(at=start)
    world.models.confirmQuarantine(world.verifier, sender=world.council)
    check(world, model, [(start - 100, start - 1, False), (start - 100, start, True)])
    world.time_to(lapses + 10_000)
    check(world, model, [(lapses, lapses + 1, True), (lapses + 5_000, lapses + 6_000, True)])


# ---- What else can come between -------------------------------------------------------------------------


def punished(world: World, receipt: Receipt) -> int:
    """Claims, waits and punishes; returns what it cost."""
    world.time_to(receipt.commit_by)
    world.omissions.claim(receipt, world.signed(receipt), 1, sender=world.alice)
    world.forward(world.params.operator_time)
    return int(world.omissions.punish(receipt, sender=world.stranger).event("OmissionPunished").penalty)


def committed_and_answered(world: World, receipt: Receipt, at: int) -> None:
    """The operator commits in the last moment, and has an answer to the claim."""
    batch = world.batch(world.op1, receipts=[receipt], param_set=1)
    world.commit(batch, at=at)
    world.omissions.claim(receipt, world.signed(receipt), 1, sender=world.alice, at=receipt.commit_by + 1)
    world.omissions.answer(receipt, batch.header, batch.proof(0), sender=world.op1)


def both_ways(world: World, receipt: Receipt) -> None:
    """It can still be committed in its last second; who does not pays."""
    mark = world.mark()
    committed_and_answered(world, receipt, at=receipt.commit_by)
    world.assert_solvent()
    world.back_to(mark)
    assert punished(world, receipt) == receipt.stake
    world.assert_solvent()


def test_model_deprecated_in_between__can_still_be_committed(prompt_world: World, model: ModelId) -> None:
    """B8, E13: no trap for the honest, no way out for the cheat that is also the provider."""
    world = prompt_world
    receipt = world.receipt(world.op1, model)
    world.models.deprecate(model, sender=world.provider)
    both_ways(world, receipt)


def test_set_changed_in_between__can_still_be_committed_under_the_old_one(
    prompt_world: World, model: ModelId
) -> None:
    """B8, D6, E13: a reserve, a stake or a delay that were raised do not cut anybody off."""
    world = prompt_world
    receipt = world.receipt(world.op1, model)
    stricter = replace(world.params, max_commit_delay=1, min_stake_per_inference=UNIT, omission_bond=2 * BOND)
    world.parameters.add(stricter, sender=world.council)
    both_ways(world, receipt)


def test_verifier_disallowed_in_between__can_still_be_committed(prompt_world: World, model: ModelId) -> None:
    """E13: that is about new models."""
    world = prompt_world
    receipt = world.receipt(world.op1, model)
    world.models.disallowVerifier(world.verifier, sender=world.council)
    both_ways(world, receipt)


def test_key_changed_in_between__the_old_signature_still_binds(prompt_world: World, model: ModelId) -> None:
    """B5, E14."""
    world = prompt_world
    receipt = world.receipt(world.op1, model)
    world.operators.setSigner(world.signer3, sender=world.op1)
    both_ways(world, receipt)


def test_operator_jailed_in_between__is_still_punished(prompt_world: World, model: ModelId) -> None:
    """E13: that it cannot commit is its own doing; a fault is no way out of the reserve."""
    world = prompt_world
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    receipt = world.receipt(world.op1, model, stake=40 * UNIT)
    world.convict(bad)
    fresh = world.batch(world.op1, receipts=[receipt])
    until = world.operators.stateOf(world.op1).jailedUntil
    assert until > receipt.commit_by
    revert = world.commit_revert(fresh, at=receipt.commit_by)
    assert revert == Revert("Operators_Jailed", world.op1, until)
    assert punished(world, receipt) == 40 * UNIT
    world.assert_solvent()


@pytest.mark.parametrize("failed", [False, True])
def test_verifier_stopped_after_the_claim__the_claim_goes_on(
    prompt_world: World, model: ModelId, failed: bool
) -> None:
    """B17, E13, F7: whether it was committed needs no verdict: answer and punishment keep their times."""
    world = prompt_world
    batch = world.batch(world.op1, model)
    world.commit(batch)
    answered, omitted = batch.receipts[0], world.receipt(world.op1, model, stake=40 * UNIT)
    world.time_to(omitted.commit_by)
    for receipt in (answered, omitted):
        world.omissions.claim(receipt, world.signed(receipt), 1, sender=world.alice)
    world.parameters.closeCommitments(sender=world.guardian)
    world.quarantine()
    if failed:
        world.models.confirmQuarantine(world.verifier, sender=world.council)
    world.omissions.answer(answered, batch.header, batch.proof(0), sender=world.op1)
    deadline = world.omissions.omissionOf(omitted.struct_hash).deadline
    early = Revert("Omissions_NotOutOfTime", omitted.struct_hash, deadline)
    assert world.omissions.punish.revert(omitted, sender=world.stranger, at=deadline - 1) == early
    tx = world.omissions.punish(omitted, sender=world.stranger, at=deadline)
    assert tx.event("OmissionPunished").penalty == 40 * UNIT
    world.assert_solvent()
