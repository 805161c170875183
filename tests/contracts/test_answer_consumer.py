"""AnswerConsumer: a contract that acts on an answer, once, and only when `requireFinal` lets it.

act
├── when final, of its model, on its input, with enough behind it, and published in time     acts, once
├── while anything of this is missing       the error of Settlement
└── with another output or question         its own error
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from onus.protocol import BatchStatus, ModelId, Receipt, ReceiptProof, keccak256
from tests.contracts.test_settlement_publish import INPUTS, model_on, root_of
from tests.support.chain import Contract, Revert
from tests.support.deployment import UNIT
from tests.support.refusals import refused
from tests.support.world import World

STAKE = 10 * UNIT
OUTPUT = bytes((0x90, 0x12, 0x7F, 0x00, 0xFF, 0x7E, 0x01, 0x80, 0x13, 0x12))


class Asked:
    """A consumer that asked one question, and the batch in which it is answered."""

    def __init__(self, world: World, model: ModelId, **receipt: Any) -> None:
        self.world = world
        self.consumer: Contract = world.chain.deploy(
            "AnswerConsumer", world.settlement, model, STAKE, sender=world.deployer
        )
        request = world.request(world.alice, model, input_root=root_of(INPUTS), min_stake=STAKE)
        self.request_id = request.id(world.domain)
        self.consumer.ask(self.request_id, root_of(INPUTS), sender=world.deployer)
        values = {"stake": STAKE, "output_root": keccak256(OUTPUT.ljust(128, b"\0"))} | receipt
        self.answer: Receipt = world.receipt(world.op1, model, request=request, **values)
        other = world.receipt(world.op1, self.answer.model_id, stake=self.answer.stake)
        self.batch = world.batch(world.op1, receipts=[other, self.answer])

    def finish(self, *, publish: bool = True) -> None:
        """The batch becomes final, and the answer is published."""
        self.world.commit(self.batch)
        if publish:
            args = (self.batch.header, self.batch.proof(1), INPUTS)
            self.world.settlement.publish(*args, sender=self.world.alice)
        self.world.past_window(self.batch)
        self.world.finalize(self.batch)

    def refuse(self, expected: Revert, output: bytes = OUTPUT, proof: ReceiptProof | None = None) -> None:
        args = (self.batch.header, proof or self.batch.proof(1), output)
        refused(self.world, expected, self.consumer.act, *args, sender=self.world.stranger)


@pytest.fixture
def model(world: World) -> ModelId:
    return model_on(world)


@pytest.fixture
def asked(world: World, model: ModelId) -> Asked:
    return Asked(world, model)


def test_act__only_when_final_and_published__once(world: World, asked: Asked) -> None:
    """The line that a consumer puts before it acts, through a whole life."""
    batch, id = asked.batch, world.id_of(asked.batch)
    asked.refuse(Revert("Settlement_WrongStatus", id, BatchStatus.NULL))
    world.commit(batch)
    asked.refuse(Revert("Settlement_WrongStatus", id, BatchStatus.PENDING))
    world.settlement.publish(batch.header, batch.proof(1), INPUTS, sender=world.alice)
    world.past_window(batch)
    asked.refuse(Revert("Settlement_WrongStatus", id, BatchStatus.PENDING))
    world.finalize(batch)
    tx = asked.consumer.act(batch.header, batch.proof(1), OUTPUT, sender=world.stranger)
    assert (tx.event("Acted").requestId, tx.event("Acted").class_) == (asked.request_id, 2)
    asked.refuse(Revert("AnswerConsumer_AlreadyAnswered", asked.request_id))


def test_ask__when_not_the_owner__refuses(world: World, asked: Asked) -> None:
    """Whoever could say what was asked could choose the answer."""
    args = (asked.request_id, keccak256(b"another image"))
    expected = Revert("AnswerConsumer_NotOwner", world.stranger)
    assert asked.consumer.ask.revert(*args, sender=world.stranger) == expected


def test_act__when_never_published__refuses_what_is_final(world: World, asked: Asked) -> None:
    """G15."""
    asked.finish(publish=False)
    asked.refuse(Revert("Settlement_NotPublished", world.id_of(asked.batch), 1))


def test_act__when_batch_was_faulty__refuses(world: World, asked: Asked) -> None:
    other = replace(asked.batch.receipts[0], fee=0)
    asked.batch = world.batch(
        world.op1, receipts=[other, asked.batch.receipts[1]], fee=asked.batch.header.fee
    )
    world.commit(asked.batch)
    world.settlement.publish(asked.batch.header, asked.batch.proof(1), INPUTS, sender=world.alice)
    world.convict(asked.batch, 0)
    asked.refuse(Revert("Settlement_WrongStatus", world.id_of(asked.batch), BatchStatus.FAULTY))


def test_act__when_output_or_question_is_another__refuses(world: World, asked: Asked) -> None:
    """The bytes must be those of the root and as many as the model has: zeros at the end change no root."""
    batch = asked.batch
    asked.finish()
    changed = OUTPUT[:-1] + b"\x7f"
    committed = batch.receipts[1].output_root
    found = keccak256(changed.ljust(128, b"\0"))
    asked.refuse(Revert("AnswerConsumer_WrongOutput", committed, found), changed)
    for output in (OUTPUT + b"\0", OUTPUT[:-1], b""):
        asked.refuse(Revert("AnswerConsumer_WrongLength", len(output)), output)
    other = batch.receipts[0].request_id
    asked.refuse(Revert("AnswerConsumer_OtherRequest", bytes(32), other), OUTPUT, batch.proof(0))


def test_act__while_challenged_and_after_the_challenge_failed__waits_and_acts(
    world: World, asked: Asked
) -> None:
    """C1, G15: a challenge of a right answer delays it, and no more."""
    batch, id = asked.batch, world.id_of(asked.batch)
    world.commit(batch)
    world.settlement.publish(batch.header, batch.proof(1), INPUTS, sender=world.alice)
    sealed = world.challenge(batch, 1)
    world.past_window(batch)
    asked.refuse(Revert("Settlement_WrongStatus", id, BatchStatus.PENDING))
    world.disputes.timeout(batch.header, sealed.key, sender=world.stranger)
    world.finalize(batch)
    assert asked.consumer.act.revert(batch.header, batch.proof(1), OUTPUT, sender=world.stranger) is None


def test_act__when_the_verifier_failed__never(world: World, asked: Asked) -> None:
    """C15: what no verdict can be taken on any more is not relied on, before and after the refund."""
    batch, id = asked.batch, world.id_of(asked.batch)
    world.commit(batch)
    world.settlement.publish(batch.header, batch.proof(1), INPUTS, sender=world.alice)
    world.past_window(batch)
    world.fail_verifier()
    asked.refuse(Revert("Settlement_WrongStatus", id, BatchStatus.PENDING))
    world.refund(batch)
    asked.refuse(Revert("Settlement_WrongStatus", id, BatchStatus.REFUNDED))


def test_act__with_less_behind_it_than_wanted__refuses(world: World, model: ModelId) -> None:
    """What the answer is worth to a cheat decides how much must be behind it: one wei less is too little."""
    asked = Asked(world, model, stake=STAKE - 1)
    asked.finish()
    asked.refuse(Revert("Settlement_CollateralTooSmall", STAKE, STAKE - 1))


def test_act__on_another_model_or_input__refuses(world: World, model: ModelId) -> None:
    """G4: the request's id alone does not say what ran: an operator can put it on anything."""
    size = sum(map(len, INPUTS))
    other = world.register_model(input_bytes=size, trace_bytes=2 * size)
    asked = Asked(world, model, model_id=other)
    asked.finish()
    asked.refuse(Revert("Settlement_UnexpectedModel", model, other))


def test_act__on_another_input__refuses(world: World, model: ModelId) -> None:
    """G4."""
    inputs = (INPUTS[0][:-1] + b"!",)
    asked = Asked(world, model, input_root=root_of(inputs))
    world.commit(asked.batch)
    args = (asked.batch.header, asked.batch.proof(1), inputs)
    world.settlement.publish(*args, sender=world.alice)
    world.past_window(asked.batch)
    world.finalize(asked.batch)
    asked.refuse(Revert("Settlement_UnexpectedInput", root_of(INPUTS), root_of(inputs)))


def test_act__on_an_answer_dated_ahead_of_its_commit__refuses(world: World, model: ModelId) -> None:
    """E14: who serves after the commit has not committed to what it served."""
    asked = Asked(world, model, served_at=world.now + 3_600)
    asked.finish()
    committed_at = world.state_of(asked.batch).committedAt
    id, served_at = world.id_of(asked.batch), asked.answer.served_at
    asked.refuse(Revert("Settlement_CommittedBeforeServed", id, served_at, committed_at))


def test_act__with_a_leaf_of_another_batch__refuses(world: World, asked: Asked) -> None:
    """D10, E5: header and proof must belong together."""
    asked.finish()
    stray = replace(asked.batch.proof(1), leaf_index=0)
    id, leaf = world.id_of(asked.batch), asked.answer.struct_hash
    asked.refuse(Revert("Settlement_NotInBatch", id, leaf, 0), OUTPUT, stray)


@pytest.mark.parametrize("name", ["alice", "op1", "watcher1", "stranger"])
def test_act__whoever_brings_the_answer__the_same(world: World, asked: Asked, name: str) -> None:
    """F3: nobody is trusted for it, so anybody may."""
    asked.finish()
    act: Callable[..., Any] = asked.consumer.act.call
    args = (asked.batch.header, asked.batch.proof(1), OUTPUT)
    assert act(*args, sender=getattr(world, name)) == 2
