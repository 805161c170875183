"""Disputes.revealMany: several answers, each for itself.

revealMany
├── all good                                all revealed, in order
├── some bad                                the others revealed, each bad one's reason in an event (D8)
├── none good                               NothingRevealed with the first reason
├── with little gas                         nothing by half (E9)
└── revealOne by anybody else               OnlySelf
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from random import Random
from time import monotonic

import pytest

from onus.protocol import Answer, Reply
from tests.contracts.test_disputes_demand import CHUNKS
from tests.contracts.test_disputes_reveal import INPUT, NODES, TRACE, bare
from tests.support.chain import Revert
from tests.support.refusals import refused
from tests.support.withheld import RECEIPT, Withheld, digits_source
from tests.support.world import Sealed, World

POSITIONS = (RECEIPT, TRACE, NODES, CHUNKS, INPUT)


@pytest.fixture
def withheld(world: World) -> Withheld:
    return Withheld(world, digits_source())


@pytest.fixture
def open_demands(withheld: Withheld) -> list[tuple[Sealed, Reply]]:
    """Five challenges, on two batches, with a demand each; and the right replies."""
    world, result = withheld.world, []
    for number, position in enumerate(POSITIONS):
        if number == 3:
            withheld.batch = withheld.commit()
        sealed = withheld.challenge(by=(world.watcher1, world.watcher2)[number % 2])
        withheld.demand(sealed, position)
        reply = world.reply(withheld.batch, sealed, withheld.answer(sealed, position))
        result.append((sealed, reply))
    return result


def answers_of(world: World, demands: list[tuple[Sealed, Reply]]) -> list[int]:
    return [world.disputes.challengeOf(sealed.id).answers for sealed, _ in demands]


def reason_of(world: World, reason: bytes) -> Revert:
    return world.chain.codec.revert(reason)


def spoilt(reply: Reply) -> Reply:
    """Another byte, where there is one."""
    answer = reply.answer
    return replace(reply, answer=replace(answer, data=answer.data[:-1] + b"\x01" + answer.data[-1:]))


def test_reveal_many__when_all_are_good__reveals_all_in_order(
    world: World, open_demands: list[tuple[Sealed, Reply]]
) -> None:
    replies = [reply for _, reply in open_demands]
    assert world.disputes.revealMany.call(replies, sender=world.stranger) == 5
    before = world.buckets()
    tx = world.disputes.revealMany(replies, sender=world.stranger)
    assert [event.name for event in tx.logs] == ["Revealed"] * 5
    assert [event.id for event in tx.logs] == [sealed.id for sealed, _ in open_demands]
    assert [Answer.from_abi(event.answer) for event in tx.logs] == [reply.answer for reply in replies]
    assert answers_of(world, open_demands) == [1] * 5
    assert world.assert_solvent() == before


def test_reveal_many__with_bad_ones__reveals_the_others(
    world: World, withheld: Withheld, open_demands: list[tuple[Sealed, Reply]]
) -> None:
    """D8: wherever they stand and whatever is wrong with them: a bad one cannot stop a good one."""
    good = [reply for _, reply in open_demands[1:3]]
    never = world.sealed(withheld.batch, 1)
    bad = [
        (spoilt(open_demands[3][1]), "Verifier_WrongLength"),
        (replace(open_demands[4][1], opening=never.opening), "Disputes_Unknown"),
        (replace(open_demands[0][1], header=withheld.batch.header), "Disputes_Unknown"),
        (replace(open_demands[4][1], answer=bare(open_demands[4][1].answer)), "Disputes_ReceiptMissing"),
        (replace(open_demands[3][1], answer=Answer(path=(bytes(32),) * 40)), "Disputes_ReceiptMissing"),
    ]
    items = [(reply, None) for reply in good] + bad
    for order in Random(1).sample([*permutations(range(len(items)))], 8):
        mark = world.mark()
        tx = world.disputes.revealMany([items[place][0] for place in order], sender=world.op1)
        skipped = {event.item: reason_of(world, event.reason).name for event in tx.events("RevealSkipped")}
        assert skipped == {at: items[place][1] for at, place in enumerate(order) if items[place][1]}
        assert len(tx.events("Revealed")) == 2
        assert answers_of(world, open_demands) == [0, 1, 1, 0, 0]
        world.back_to(mark)


def test_reveal_many__the_same_twice__counts_once(
    world: World, open_demands: list[tuple[Sealed, Reply]]
) -> None:
    """D13."""
    sealed, reply = open_demands[0]
    tx = world.disputes.revealMany([reply, reply], sender=world.op1)
    skipped = tx.event("RevealSkipped")
    assert (skipped.item, reason_of(world, skipped.reason)) == (1, Revert("Disputes_NotDemanded", sealed.id))
    assert answers_of(world, open_demands) == [1, 0, 0, 0, 0]


def test_reveal_many__where_one_makes_another_good__in_that_order(
    world: World, withheld: Withheld, open_demands: list[tuple[Sealed, Reply]]
) -> None:
    """A receipt that comes first suffices for what is below it."""
    receipt, trace = open_demands[0][1], open_demands[1][1]
    without = replace(trace, answer=bare(trace.answer))
    missing = world.disputes.revealMany([without, receipt], sender=world.op1).event("RevealSkipped")
    assert reason_of(world, missing.reason).name == "Disputes_ReceiptMissing"
    assert answers_of(world, open_demands)[:2] == [1, 0]
    assert not world.disputes.revealMany([without], sender=world.op1).events("RevealSkipped")


def test_reveal_many__when_none_is_good__reverts_with_the_first_reason(
    world: World, open_demands: list[tuple[Sealed, Reply]]
) -> None:
    (sealed, reply), (_, other) = open_demands[3], open_demands[4]
    first = world.disputes.reveal.revert(
        reply.header, reply.challenger, reply.opening, spoilt(reply).answer, sender=world.op1
    )
    assert first is not None and first.name == "Verifier_WrongLength"
    revert = world.disputes.revealMany.revert([spoilt(reply), spoilt(other)], sender=world.op1)
    assert revert is not None and revert.name == "Disputes_NothingRevealed"
    assert reason_of(world, revert.args[0]) == first
    refused(world, revert, world.disputes.revealMany, [spoilt(reply), spoilt(other)], sender=world.op1)
    empty = Revert("Disputes_NothingRevealed", b"")
    refused(world, empty, world.disputes.revealMany, [], sender=world.op1)
    assert world.disputes.challengeOf(sealed.id).answers == 0


def test_reveal_one__by_anybody_else__reverts(world: World, open_demands: list[tuple[Sealed, Reply]]) -> None:
    """F2, F3: it has no guard of its own."""
    reply = open_demands[0][1]
    for someone in (world.op1, world.watcher1, world.stranger, world.settlement, world.council):
        expected = Revert("Disputes_OnlySelf", someone.address)
        refused(world, expected, world.disputes.revealOne, reply, sender=someone)


def test_reveal_many__with_any_amount_of_gas__nothing_by_half(
    world: World, open_demands: list[tuple[Sealed, Reply]]
) -> None:
    """E9: each answer is given whole or not at all, and one that starved can be sent again."""
    replies = [reply for _, reply in open_demands[:3]]
    data = world.disputes.revealMany.data(replies)
    mark = world.mark()
    used = world.disputes.revealMany(replies, sender=world.op1).gas_used
    world.back_to(mark)
    # With less than its calldata costs in any case, a transaction is none.
    payload = bytes.fromhex(data[2:])
    least = 21_000 + 10 * (4 * len(payload) - 3 * payload.count(0))
    outcomes = set()
    for gas in range(least, used * 13 // 10, used // 30):
        mark = world.mark()
        answers = sent(world, data, gas)
        # In order: those before the one that starved.
        assert answers == sorted(answers, reverse=True)
        for (sealed, _), count in zip(open_demands, answers, strict=False):
            stored = world.disputes.challengeOf(sealed.id)
            assert (stored.answers, stored.demandKind == 0) == (count, bool(count))
        outcomes.add(sum(answers))
        if 0 < sum(answers) < 3:
            world.disputes.revealMany(replies[sum(answers) :], sender=world.op1)
            assert answers_of(world, open_demands[:3]) == [1, 1, 1]
        world.assert_solvent()
        world.back_to(mark)
    assert {0, 3} <= outcomes


def sent(world: World, data: str, gas: int) -> list[int]:
    """Which of the first three have an answer after a transaction with this much gas."""
    request = {"from": world.op1.address, "to": world.disputes.address, "data": data, "gas": hex(gas)}
    tx_hash = world.chain.rpc("eth_sendTransaction", request)
    deadline = monotonic() + 20
    while (receipt := world.chain.rpc("eth_getTransactionReceipt", tx_hash)) is None:
        assert monotonic() < deadline
    logs = [event for log in receipt["logs"] if (event := world.chain.codec.event(log))]
    revealed = sum(event.name == "Revealed" for event in logs)
    assert (int(receipt["status"], 16) == 1) == (revealed > 0)
    return [1] * revealed + [0] * (3 - revealed)
