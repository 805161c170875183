"""Settlement tokens that misbehave: what is credited is what arrived, or nothing is (A11, E8)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import pytest

from onus.protocol.ids import BURNED, account_of
from tests.support.chain import Method, Revert
from tests.support.world import World


class Mode(IntEnum):
    """Of `contracts/test/HostileToken.sol`."""

    HONEST = 0
    TAKES_FEE = 1
    GIVES_MORE = 2
    RETURNS_FALSE = 3
    LIES_TRUE = 4
    RETURNS_NOTHING = 5
    RETURNS_BOMB = 6
    REVERTS = 7


AMOUNT = 1_000
FEE = AMOUNT // 10 + 1


@pytest.fixture
def hostile(another_world: Callable[..., World]) -> World:
    """A world whose settlement token is hostile, honest so far; op1 is registered."""
    world = another_world(token="HostileToken")
    world.operator_ready(stake=5_000, reserve=500)
    return world


def turn(world: World, mode: Mode) -> None:
    world.token.setMode(mode, sender=world.stranger)


def pulls(world: World) -> list[tuple[Method, tuple[Any, ...]]]:
    """Every function that takes tokens."""
    permit = (AMOUNT, 0, 27, bytes(32), bytes(32))
    return [
        (world.operators.stake, (AMOUNT,)),
        (world.operators.fundReserve, (AMOUNT,)),
        (world.escrow.deposit, (world.op1, AMOUNT)),
        (world.escrow.depositWithPermit, (world.op1, *permit)),
        (world.escrow.depositAndReserve, (world.op2, AMOUNT)),
    ]


@pytest.mark.parametrize(
    ("mode", "received"),
    [(Mode.TAKES_FEE, AMOUNT - FEE), (Mode.GIVES_MORE, AMOUNT + 1), (Mode.LIES_TRUE, 0)],
)
def test_pull__when_another_amount_arrives__reverts_with_it(
    hostile: World, mode: Mode, received: int
) -> None:
    """A11"""
    turn(hostile, mode)
    errors = {"Operators": "Operators_BadToken", "Escrow": "Escrow_BadToken"}
    for method, args in pulls(hostile):
        expected = Revert(errors[method.contract.name], AMOUNT, received)
        assert method.revert(*args, sender=hostile.op1) == expected, method


@pytest.mark.parametrize("mode", [Mode.RETURNS_FALSE, Mode.RETURNS_BOMB])
def test_pull__when_the_token_says_no__reverts(hostile: World, mode: Mode) -> None:
    """A11, E8"""
    turn(hostile, mode)
    for method, args in pulls(hostile):
        refused = Revert("SafeERC20FailedOperation", hostile.token)
        assert method.revert(*args, sender=hostile.op1) == refused, method


def test_pull__when_the_token_reverts__reverts_with_its_error(hostile: World) -> None:
    """A11"""
    turn(hostile, Mode.REVERTS)
    for method, args in pulls(hostile):
        assert method.revert(*args, sender=hostile.op1) == Revert("HostileToken_Refused"), method


def test_pull__when_the_token_returns_nothing__is_credited(hostile: World) -> None:
    """A11: as some old tokens do. A token without permit works with an allowance."""
    turn(hostile, Mode.RETURNS_NOTHING)
    for method, args in pulls(hostile):
        method(*args, sender=hostile.op1)
    state = hostile.operators.stateOf(hostile.op1)
    assert (state.stake, state.reserve) == (5_000 + AMOUNT, 500 + AMOUNT)
    assert hostile.free(hostile.op1) == 2 * AMOUNT
    assert hostile.escrow.coverOf(hostile.op1, hostile.op2) == AMOUNT
    hostile.assert_solvent()


def ready_to_pay(world: World) -> list[tuple[Method, tuple[Any, ...]]]:
    """Every function that pays tokens out to somebody, all of them ready."""
    world.escrow.deposit(world.op1, 2 * AMOUNT, sender=world.op1)
    world.escrow.hold(world.op1, AMOUNT, sender=world.disputes)
    world.escrow.credit([(BURNED, AMOUNT)], sender=world.disputes)
    world.operators.requestUnbond(AMOUNT, sender=world.op1)
    world.operators.requestReserveExit(sender=world.op1)
    world.time_to(world.operators.stateOf(world.op1).reserveExitAt)
    return [
        (world.operators.withdraw, (world.op1,)),
        (world.operators.withdrawReserve, (world.op1,)),
        (world.escrow.withdraw, (world.op1, AMOUNT)),
        (world.escrow.sweepBurned, ()),
    ]


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (Mode.RETURNS_FALSE, "SafeERC20FailedOperation"),
        (Mode.RETURNS_BOMB, "SafeERC20FailedOperation"),
        (Mode.REVERTS, "HostileToken_Refused"),
    ],
)
def test_pay__when_the_token_refuses__reverts_and_nothing_is_lost(
    hostile: World, mode: Mode, error: str
) -> None:
    """A11, E8: as soon as the token works again, everything can be had."""
    payments = ready_to_pay(hostile)
    turn(hostile, mode)
    for method, args in payments:
        revert = method.revert(*args, sender=hostile.op1)
        assert revert is not None and revert.name == error, method
    turn(hostile, Mode.HONEST)
    for method, args in payments:
        method(*args, sender=hostile.op1)
    hostile.assert_solvent()


def test_pay__when_the_token_takes_a_fee__only_the_receiver_bears_it(hostile: World) -> None:
    """A11: what a contract owes falls by what left it."""
    payments = ready_to_pay(hostile)
    turn(hostile, Mode.TAKES_FEE)
    for method, args in payments:
        method(*args, sender=hostile.op1)
        hostile.assert_solvent()


def convicted(world: World) -> tuple[Any, ...]:
    """Arguments that settle a faulty batch."""
    world.operators.stake(world.params.min_batch_stake, sender=world.op1)
    world.operators.fundReserve(world.params.reserve, sender=world.op1)
    world.payer_ready()
    batch = world.faulty_batch(world.op1, world.register_model())
    world.commit(batch)
    winner = world.convict(batch)
    world.forward(world.params.earning_delay)
    return batch.header, batch.claims, winner.key


@pytest.mark.parametrize("mode", [Mode.TAKES_FEE, Mode.GIVES_MORE, Mode.LIES_TRUE])
def test_settle__when_another_amount_arrives__reverts(hostile: World, mode: Mode) -> None:
    """A11: a pot that did not arrive is not handed out at the cost of the other accounts."""
    args = convicted(hostile)
    turn(hostile, mode)
    penalty = hostile.params.min_batch_stake
    received = {Mode.TAKES_FEE: penalty - penalty // 10 - 1, Mode.GIVES_MORE: penalty + 1, Mode.LIES_TRUE: 0}[
        mode
    ]
    assert hostile.settlement.settle.revert(*args) == Revert("Operators_BadToken", penalty, received)


@pytest.mark.parametrize("mode", [Mode.RETURNS_FALSE, Mode.REVERTS])
def test_settle__when_the_token_refuses__waits_for_it(hostile: World, mode: Mode) -> None:
    """A11, E8: nothing half done."""
    args = convicted(hostile)
    turn(hostile, mode)
    assert hostile.settlement.settle.revert(*args) is not None
    turn(hostile, Mode.HONEST)
    hostile.settlement.settle(*args, sender=hostile.stranger)
    hostile.assert_solvent()


def test_finality_and_verdicts__when_the_token_is_dead__go_on(hostile: World) -> None:
    """E8: nothing but deposits, withdrawals and the opening of a pot touches the token."""
    world = hostile
    world.operators.stake(3 * world.params.min_batch_stake, sender=world.op1)
    world.operators.fundReserve(world.params.reserve, sender=world.op1)
    world.payer_ready()
    world.escrow.deposit(world.watcher1, world.params.challenge_bond, sender=world.watcher1)
    model = world.register_model()
    turn(world, Mode.REVERTS)
    good = world.batch(world.op1, model)
    world.commit(good)
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    sealed = world.sealed(bad)
    world.disputes.challenge(bad.header, sealed.key.seal, sender=sealed.by)
    world.prove(bad, sealed)
    world.past_window(good)
    world.finalize(good)
    world.settlement.distribute(model, sender=world.stranger)
    assert world.free(world.op1) > 0
    world.assert_solvent()


def test_caller__through_a_contract__is_the_contract(hostile: World) -> None:
    """F3: what a contract does is its own, never of who signed the transaction."""
    w, token = hostile, hostile.token
    w.escrow.deposit(w.op1, AMOUNT, sender=w.op1)

    def through(method: Method, *args: Any) -> None:
        token.act(method.contract, bytes.fromhex(method.data(*args)[2:]), sender=w.op1)

    token.mint(token, 10 * AMOUNT, sender=w.op1)
    for holder in (w.operators, w.escrow):
        through(token.approve, holder, 2**256 - 1)
    before = w.operators.stateOf(w.op1), w.token.balanceOf(w.op1)
    through(w.operators.register, "x", w.signer2)
    through(w.operators.stake, AMOUNT)
    through(w.escrow.depositAndReserve, w.op2, AMOUNT)
    through(w.escrow.deposit, token, AMOUNT)
    through(w.escrow.withdraw, token, AMOUNT // 2)
    assert (w.operators.stateOf(w.op1), w.token.balanceOf(w.op1)) == before
    assert w.free(w.op1) == AMOUNT
    assert (w.free(token), w.operators.stateOf(token).stake) == (AMOUNT // 2, AMOUNT)
    assert w.escrow.coverOf(token, w.op2) == AMOUNT
    assert token.act.revert(
        w.escrow, bytes.fromhex(w.escrow.withdraw.data(token, AMOUNT)[2:]), sender=w.op1
    ) == Revert("Escrow_InsufficientBalance", account_of(token.address), AMOUNT // 2, AMOUNT)
    w.assert_solvent()
