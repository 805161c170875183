"""Omissions with a token that misbehaves: a penalty that did not arrive is handed out to nobody."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onus.protocol import OmissionStatus, Receipt
from tests.contracts.test_hostile_tokens import Mode
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.world import World

STAKE = 41 * UNIT


@pytest.fixture
def hostile(another_world: Callable[..., World]) -> World:
    return another_world(token="HostileToken")


@pytest.fixture
def receipt(hostile: World) -> Receipt:
    """Claimed, and out of time."""
    receipt = hostile.receipt(hostile.op1, hostile.ready(), stake=STAKE)
    hostile.time_to(receipt.commit_by)
    hostile.claim(receipt)
    hostile.forward(hostile.params.operator_time)
    return receipt


def turn(world: World, mode: Mode) -> None:
    world.token.setMode(mode, sender=world.stranger)


@pytest.mark.parametrize(
    ("mode", "received"),
    [(Mode.TAKES_FEE, STAKE - STAKE // 10 - 1), (Mode.GIVES_MORE, STAKE + 1), (Mode.LIES_TRUE, 0)],
)
def test_punish__when_another_amount_arrives__reverts(
    hostile: World, receipt: Receipt, mode: Mode, received: int
) -> None:
    """A11: not at the cost of the other accounts in Escrow."""
    turn(hostile, mode)
    expected = Revert("Operators_BadToken", STAKE, received)
    assert hostile.omissions.punish.revert(receipt, sender=hostile.stranger) == expected


@pytest.mark.parametrize("mode", [Mode.RETURNS_FALSE, Mode.REVERTS])
def test_punish__when_the_token_refuses__waits_for_it(hostile: World, receipt: Receipt, mode: Mode) -> None:
    """A11, E8, E9: nothing half done, and nothing lost by waiting."""
    turn(hostile, mode)
    assert hostile.omissions.punish.revert(receipt, sender=hostile.stranger) is not None
    assert hostile.omissions.omissionOf(receipt.struct_hash).status == OmissionStatus.CLAIMED
    hostile.assert_solvent()
    turn(hostile, Mode.HONEST)
    tx = hostile.omissions.punish(receipt, sender=hostile.stranger)
    assert tx.event("OmissionPunished").penalty == STAKE
    hostile.assert_solvent()


def test_claim_and_answer__when_the_token_is_dead__go_on(hostile: World) -> None:
    """E8: bonds move inside Escrow, so an operator can always answer in time."""
    world = hostile
    model = world.ready()
    batch = world.batch(world.op1, model)
    world.commit(batch)
    world.escrow.deposit(world.alice, world.params.omission_bond, sender=world.alice)
    turn(world, Mode.REVERTS)
    claimed = batch.receipts[1]
    world.time_to(claimed.commit_by)
    world.omissions.claim(claimed, world.signed(claimed), 1, sender=world.alice)
    world.omissions.answer(claimed, batch.header, batch.proof(1), sender=world.op1)
    world.assert_solvent()
