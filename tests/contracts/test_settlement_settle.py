"""Settlement.settle: what becomes of the money of a faulty batch.

settle
├── when its pot is open
│   ├── every payer gets its fees and its share of the restitution, the winner its reward, the rest burns
│   ├── parts add up to what was locked and paid, dust burns
│   └── whoever calls, in whatever order, whatever changed since
├── when it is not open yet                 PotClosed
├── when the claims are not the batch's     ClaimsMismatch
├── when the named challenge did not win    NotWinner
└── when the batch is not faulty            WrongStatus
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from onus.protocol import Batch, BatchStatus, ChallengeKey, Claim, ModelId
from onus.protocol.ids import BURNED, account_of, claims_hash
from tests.support.actors import Actor
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused, variants
from tests.support.world import CENT, Sealed, World


@pytest.fixture
def model(world: World) -> ModelId:
    return world.ready()


def convicted(
    world: World, model: ModelId, op: Actor | None = None, **options: object
) -> tuple[Batch, Sealed]:
    """A batch found faulty by watcher1."""
    batch = world.faulty_batch(op or world.op1, model, **options)
    world.commit(batch)
    return batch, world.convict(batch)


def open_pot(world: World, batch: Batch) -> int:
    """Goes to the first second at which the batch can be settled."""
    opens_at = world.state_of(batch).endedAt + world.params.earning_delay
    world.time_to(opens_at)
    return opens_at


def refuse(
    world: World,
    expected: Revert,
    batch: Batch,
    key: ChallengeKey,
    *,
    claims: tuple[Claim, ...] | None = None,
    at: int | None = None,
) -> None:
    claims = batch.claims if claims is None else claims
    args = (batch.header, claims, key)
    refused(world, expected, world.settlement.settle, *args, sender=world.stranger, at=at)


# ---- Success --------------------------------------------------------------------------------------------


def test_settle__when_pot_is_open__refunds_restores_rewards_and_burns(world: World, model: ModelId) -> None:
    """C11, C16, E2, G3."""
    batch, winner = convicted(world, model, stake=100 * UNIT)
    open_pot(world, batch)
    before = {name: world.free(getattr(world, name)) for name in ("alice", "watcher1", "op1", "stranger")}
    stake = world.operators.stateOf(world.op1).stake
    in_operators = world.token.balanceOf(world.operators)

    tx = world.settle(batch, winner)

    penalty = 300 * UNIT
    reward, restitution = penalty * 20 // 100, penalty * 30 // 100
    burned = penalty - reward - restitution
    settled = tx.event("BatchSettled")
    assert tuple(settled.values) == (world.id_of(batch), 3 * CENT, restitution, reward, burned)
    assert tx.event("PenaltyPaid").amount == penalty
    assert [(e.account, e.amount) for e in tx.events("Credited")] == [
        (account_of(world.alice.address), 3 * CENT + restitution),
        (account_of(world.watcher1.address), reward + world.params.challenge_bond),
        (BURNED, burned),
    ]
    transfer = tx.event("Transfer")
    assert tuple(transfer.values) == (world.operators.address, world.escrow.address, penalty)
    assert world.state_of(batch).status == BatchStatus.SETTLED
    assert world.free(world.alice) - before["alice"] == 3 * CENT + restitution
    # Its bond comes with it.
    assert world.free(world.watcher1) - before["watcher1"] == reward + world.params.challenge_bond
    assert world.free(world.op1) == before["op1"] and world.free(world.stranger) == before["stranger"]
    assert world.escrow.balanceOf(BURNED) == burned
    # The operator lost it with the verdict already.
    assert world.operators.stateOf(world.op1).stake == stake == 10_000 * UNIT - penalty
    assert in_operators - world.token.balanceOf(world.operators) == penalty
    world.assert_solvent()


def test_settle__around_the_opening_of_the_pot(world: World, model: ModelId) -> None:
    """D1, D14."""
    batch, winner = convicted(world, model)
    opens_at = world.state_of(batch).endedAt + world.params.earning_delay
    args = (batch.header, batch.claims, winner.key)

    def check(at: int, offset: int) -> None:
        revert = world.settlement.settle.revert(*args, sender=world.stranger, at=at)
        closed = Revert("Settlement_PotClosed", world.id_of(batch), opens_at)
        assert revert == (closed if offset < 0 else None)

    around(opens_at, check)
    refuse(
        world,
        Revert("Settlement_PotClosed", world.id_of(batch), opens_at),
        batch,
        winner.key,
        at=opens_at - 1,
    )
    world.settlement.settle(*args, sender=world.stranger, at=opens_at)


def test_settle__before_the_pot_opens__nobody_holds_any_of_it(world: World, model: ModelId) -> None:
    """D14, C2: no money is free before its delay."""
    batch, _ = convicted(world, model)
    world.time_to(world.state_of(batch).endedAt + world.params.earning_delay - 1)
    assert world.free(world.alice) == 0
    assert world.free(world.watcher1) == 0
    assert world.escrow.balanceOf(BURNED) == 0
    buckets = world.assert_solvent()
    assert buckets.pots == {world.id_of(batch): 150 * UNIT}
    assert buckets.fees == {world.id_of(batch): 3 * CENT}


@pytest.mark.parametrize(
    ("payers", "fee", "stake"),
    [
        ("a", 1, 1 * UNIT),
        ("aab", 7, 50 * UNIT + 1),
        ("aabbbbb", CENT, 21_428_571_428_571_428_571),
        ("abababa", 3, 22 * UNIT + 99),
        ("bbb", 0, 10**18 + 1),
    ],
)
def test_settle__whatever_the_shares__parts_add_up_and_dust_burns(
    world: World, model: ModelId, payers: str, fee: int, stake: int
) -> None:
    """A4, C11, E2, E7: every payer gets its claim back, rounding burns, at least half of it all burns."""
    world.payer_ready(world.bob)
    people = {"a": world.alice, "b": world.bob}
    receipts = [world.receipt(world.op1, model, payer=people[p], fee=fee, stake=stake) for p in payers]
    bad = replace(receipts[0], output_root=receipts[0].output_root, fee=fee + 1)
    batch = world.batch(world.op1, receipts=[bad, *receipts[1:]], fee=fee, stake=stake)
    world.commit(batch)
    winner = world.convict(batch)
    open_pot(world, batch)
    before = {p: world.free(people[p]) for p in "ab"}
    tx = world.settle(batch, winner)

    count = len(payers)
    penalty = max(count * stake, 150 * UNIT)
    pool = penalty * 3_000 // 10_000
    expected = {"a": 0, "b": 0}
    restitution = 0
    for claim in batch.claims:
        share = pool * claim.receipts // count
        restitution += share
        name = "a" if claim.payer == world.alice.address else "b"
        expected[name] += fee * claim.receipts + share
    assert {p: world.free(people[p]) - before[p] for p in "ab"} == expected
    settled = tx.event("BatchSettled")
    assert (settled.refunded, settled.restitution) == (fee * count, restitution)
    assert settled.reward == penalty * 2_000 // 10_000
    assert settled.restitution + settled.reward + settled.burned == penalty
    assert settled.burned >= penalty - penalty // 2
    assert pool - len(batch.claims) < restitution <= pool
    world.assert_solvent()


def test_settle__whoever_calls__same_receivers(world: World, model: ModelId) -> None:
    """D14, E2: nobody can redirect it."""
    batch, winner = convicted(world, model)
    open_pot(world, batch)
    for caller in (world.stranger, world.op1, world.alice, world.watcher1, world.provider):
        snapshot = world.mark()
        world.settle(batch, winner, sender=caller)
        assert world.free(world.alice) == 3 * CENT + 45 * UNIT
        assert world.free(world.watcher1) == 25 * UNIT + 30 * UNIT
        assert world.free(world.op1) == world.free(world.stranger) == world.free(world.provider) == 0
        world.back_to(snapshot)


def test_settle__several_batches_in_any_order__same_totals(world: World, model: ModelId) -> None:
    """B6, B11, C12, E2: each is slashed once, whichever comes first; the stake covers all of them."""
    world.operators.requestUnbond(9_400 * UNIT, sender=world.op1)
    batches = []
    for sequence, stake in enumerate((50 * UNIT, 100 * UNIT, 50 * UNIT)):
        batch = world.faulty_batch(world.op1, model, stake=stake)
        batches.append(replace(batch, header=replace(batch.header, sequence=sequence)))
        world.commit(batches[-1])
    assert world.operators.availableOf(world.op1) == 0
    sealed = [world.challenge(batch) for batch in batches]
    outcomes = set()
    for verdicts in itertools.permutations(range(3)):
        outer = world.mark()
        for i in verdicts:
            world.prove(batches[i], sealed[i])
        world.forward(world.params.earning_delay)
        for payouts in itertools.permutations(range(3)):
            inner = world.mark()
            for i in payouts:
                world.settle(batches[i], sealed[i])
            state = world.operators.stateOf(world.op1)
            world.assert_solvent()
            money = (world.free(world.alice), world.free(world.watcher1), world.escrow.balanceOf(BURNED))
            outcomes.add((money, state.stake, state.locked, state.unbonding, state.faults))
            world.back_to(inner)
        world.back_to(outer)
    penalty = 600 * UNIT
    bonds = 3 * world.params.challenge_bond
    assert outcomes == {
        (
            (9 * CENT + penalty * 30 // 100, bonds + penalty * 20 // 100, penalty // 2),
            9_400 * UNIT,
            0,
            9_400 * UNIT,
            3,
        )
    }


def test_settle__when_set_changed__follows_the_batchs(world: World, model: ModelId) -> None:
    """B8: shares, minimum and delay of the batch's own set."""
    batch, winner = convicted(world, model)
    changed = replace(
        world.params,
        reward_bps=4_000,
        restitution_bps=0,
        min_batch_stake=900 * UNIT,
        earning_delay=40 * 3_600,
    )
    world.govern(world.parameters.add, changed)
    open_pot(world, batch)
    settled = world.settle(batch, winner).event("BatchSettled")
    assert (settled.restitution, settled.reward, settled.burned) == (45 * UNIT, 30 * UNIT, 75 * UNIT)


def test_settle__when_operator_has_left__pot_is_whole(world: World, model: ModelId) -> None:
    """B4, B7: what the verdict took cannot be withdrawn, however long nobody settles."""
    batch, winner = convicted(world, model)
    world.operators.requestUnbond(10_000 * UNIT - 150 * UNIT, sender=world.op1)
    world.operators.requestReserveExit(sender=world.op1)
    world.forward(world.params.unbonding_delay)
    world.operators.withdraw(world.op1, sender=world.op1)
    world.operators.withdrawReserve(world.op1, sender=world.op1)
    assert world.token.balanceOf(world.operators) == 150 * UNIT
    settled = world.settle(batch, winner).event("BatchSettled")
    assert settled.restitution + settled.reward + settled.burned == 150 * UNIT
    assert world.token.balanceOf(world.operators) == 0
    world.assert_solvent()


def test_settle__when_operator_payer_and_challenger_are_one__loses_at_least_half(world: World) -> None:
    """C2, C13, E11: who accuses itself, pays itself and refunds itself pays the burned share."""
    op = world.operator_ready()
    world.payer_ready(op, op)
    model = world.register_model(by=op, royalty_receiver=op.address)
    world.escrow.deposit(op, world.params.challenge_bond, sender=op)

    def wealth() -> int:
        state = world.operators.stateOf(op)
        reserved = world.escrow.reservationOf(op, op).reserved
        return world.free(op) + reserved + state.stake + state.reserve + world.token.balanceOf(op)

    before = wealth()
    receipts = [world.receipt(op, model, payer=op, fee=UNIT, stake=100 * UNIT) for _ in range(3)]
    receipts[1] = replace(receipts[1], fee=UNIT + 1)
    batch = world.batch(op, receipts=receipts)
    world.commit(batch)
    winner = world.convict(batch, 1, by=op)
    assert wealth() <= before - 300 * UNIT
    open_pot(world, batch)
    world.settle(batch, winner)
    assert before - wealth() == 150 * UNIT
    assert world.escrow.balanceOf(BURNED) == 150 * UNIT
    world.assert_solvent()


# ---- Refusals -------------------------------------------------------------------------------------------


def test_settle__when_batch_is_not_faulty__reverts(world: World, model: ModelId) -> None:
    batch = world.batch(world.op1, model)
    key = world.sealed(batch).key
    for status in (BatchStatus.NULL, BatchStatus.PENDING, BatchStatus.FINAL):
        if status is BatchStatus.PENDING:
            world.commit(batch)
        if status is BatchStatus.FINAL:
            world.past_window(batch)
            world.finalize(batch)
        refuse(world, Revert("Settlement_WrongStatus", world.id_of(batch), status), batch, key)


def test_settle__twice__reverts(world: World, model: ModelId) -> None:
    """D13, E2: nothing is refunded twice."""
    batch, winner = convicted(world, model)
    open_pot(world, batch)
    world.settle(batch, winner)
    expected = Revert("Settlement_WrongStatus", world.id_of(batch), BatchStatus.SETTLED)
    refuse(world, expected, batch, winner.key)


def test_settle__when_claims_are_others__reverts(world: World, model: ModelId) -> None:
    """E2, E12: refunds reach exactly who was served."""
    world.payer_ready(world.bob)
    receipts = [world.receipt(world.op1, model, payer=p) for p in (world.alice, world.bob, world.bob)]
    receipts[0] = replace(receipts[0], fee=2 * CENT)
    batch = world.batch(world.op1, receipts=receipts, fee=CENT)
    world.commit(batch)
    winner = world.convict(batch)
    open_pot(world, batch)
    first, second = batch.claims
    for claims in (
        (),
        (first,),
        (second, first),
        (first, second, second),
        (replace(first, payer=world.stranger.address), second),
        (replace(first, receipts=2), replace(second, receipts=1)),
        (replace(first, receipts=3),),
    ):
        expected = Revert("Settlement_ClaimsMismatch", claims_hash(claims))
        refuse(world, expected, batch, winner.key, claims=claims)


def test_settle__when_a_field_of_the_header_is_wrong__is_another_batch(world: World, model: ModelId) -> None:
    """D10: no other stake, fee, count or set can be settled for it."""
    batch, winner = convicted(world, model)
    open_pot(world, batch)
    for header in variants(batch.header, operator=world.op2.address).values():
        other = replace(batch, header=header)
        expected = Revert("Settlement_WrongStatus", world.id_of(other), BatchStatus.NULL)
        refuse(world, expected, other, winner.key)


def test_settle__when_named_challenge_did_not_win__reverts(world: World, model: ModelId) -> None:
    """C5, C17, D14: unknown, somebody else's, sealed, opened, closed, lost: none takes the reward."""
    batch = world.faulty_batch(world.op1, model, at=0)
    world.commit(batch)
    lost = world.challenge(batch, 1, by=world.watcher2)
    world.forward(world.params.challenger_time)
    world.disputes.timeout(batch.header, lost.key, sender=world.stranger)
    sealed = world.challenge(batch, 0, by=world.watcher2)
    opened = world.challenge(batch, 1, by=world.watcher2)
    world.disputes.open(batch.header, opened.opening, sender=opened.by)
    closed = world.challenge(batch, 2, by=world.watcher2)
    winner = world.convict(batch, 0)
    world.disputes.close(batch.header, closed.key, sender=world.stranger)
    open_pot(world, batch)
    unknown = ChallengeKey(challenger=world.stranger.address, seal=winner.key.seal)
    for key in (unknown, lost.key, sealed.key, opened.key, closed.key, replace(winner.key, seal=bytes(32))):
        expected = Revert("Settlement_NotWinner", world.id_of(batch), key.id(world.id_of(batch)))
        refuse(world, expected, batch, key)
    world.settle(batch, winner)


def test_settle__when_winner_is_of_another_batch__reverts(world: World, model: ModelId) -> None:
    """G6, B11: a challenge wins its own batch only."""
    one, first = convicted(world, model)
    world.operator_ready(world.op2)
    world.payer_ready(op=world.op2)
    two, second = convicted(world, model, world.op2)
    open_pot(world, two)
    expected = Revert("Settlement_NotWinner", world.id_of(two), first.key.id(world.id_of(two)))
    refuse(world, expected, two, first.key)
    world.settle(one, first)
    world.settle(two, second)
    world.assert_solvent()
