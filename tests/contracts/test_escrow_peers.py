"""Escrow: what Settlement and Disputes move, and nobody else."""

from __future__ import annotations

from onus.protocol.ids import BURNED, account_of, royalty_account_of
from tests.support.chain import Revert
from tests.support.world import World


def test_hold__of_free_balance__leaves_it(world: World) -> None:
    world.escrow.deposit(world.watcher1, 100, sender=world.watcher1)
    event = world.escrow.hold(world.watcher1, 60, sender=world.disputes).event("Held")
    assert (event.from_, event.amount) == (world.watcher1.address, 60)
    assert world.free(world.watcher1) == 40
    assert world.escrow.hold.revert(world.watcher1, 41, sender=world.disputes) == Revert(
        "Escrow_InsufficientBalance", account_of(world.watcher1.address), 40, 41
    )
    assert world.escrow.hold.revert(world.watcher1, 40, sender=world.disputes) is None


def test_hold__of_what_is_reserved__reverts(world: World) -> None:
    """E3: a bond cannot be taken from what an operator counts on."""
    world.payer_ready(amount=100)
    assert world.escrow.hold.revert(world.alice, 1, sender=world.disputes) == Revert(
        "Escrow_InsufficientBalance", account_of(world.alice.address), 0, 1
    )


def test_credit__payments__reach_their_accounts(world: World) -> None:
    """E11: one address in several roles keeps its accounts apart."""
    world.escrow.deposit(world.watcher1, 100, sender=world.watcher1)
    world.escrow.hold(world.watcher1, 100, sender=world.disputes)
    model = b"\x07" * 32
    mine = account_of(world.alice.address)
    payments = [(mine, 50), (BURNED, 20), (royalty_account_of(model), 30), (account_of(world.bob.address), 0)]  # type: ignore[arg-type]
    for sender in (world.settlement, world.disputes):
        assert world.escrow.credit.revert(payments, sender=sender) is None
    tx = world.escrow.credit(payments, sender=world.settlement)
    assert [(event.account, event.amount) for event in tx.events("Credited")] == payments[:3]
    assert [world.escrow.balanceOf(account) for account, _ in payments] == [50, 20, 30, 0]
    assert world.free(world.alice) == 50
    world.ledger.accounts.add(model)
    buckets = world.buckets()
    assert buckets.escrow == world.token.balanceOf(world.escrow)


def test_distribute__out_of_an_account__moves_no_more_than_it_has(world: World) -> None:
    model = b"\x07" * 32
    world.escrow.deposit(world.watcher1, 100, sender=world.watcher1)
    world.escrow.hold(world.watcher1, 100, sender=world.disputes)
    world.escrow.credit([(model, 100)], sender=world.settlement)
    mine = account_of(world.provider.address)
    assert world.escrow.distribute.revert(
        model, [(mine, 60), (BURNED, 41)], sender=world.settlement
    ) == Revert("Escrow_InsufficientBalance", model, 100, 101)
    tx = world.escrow.distribute(model, [(mine, 60), (BURNED, 39)], sender=world.settlement)
    event = tx.event("Distributed")
    assert (event.from_, event.amount) == (model, 99)
    assert [world.escrow.balanceOf(account) for account in (model, mine, BURNED)] == [1, 60, 39]


def test_hold_credit_distribute__by_others__reverts(world: World) -> None:
    """F2, D14: nobody else, also no peer that has no business with it, moves held money."""
    escrow = world.escrow
    common = (
        world.stranger,
        world.alice,
        world.op1,
        world.council,
        world.guardian,
        world.operators,
        world.escrow,
    )
    for caller in common:
        assert escrow.credit.revert([], sender=caller) == Revert("Escrow_OnlyPeer", caller)
    for caller in (*common, world.settlement):
        assert escrow.hold.revert(world.alice, 0, sender=caller) == Revert("Escrow_OnlyPeer", caller)
    for caller in (*common, world.disputes):
        assert escrow.distribute.revert(BURNED, [], sender=caller) == Revert("Escrow_OnlyPeer", caller)


def test_distribute__of_an_account_that_is_no_models__reverts(world: World) -> None:
    """F2: a free balance or the burned bucket cannot be moved by naming its account as a model."""
    world.escrow.deposit(world.alice, 100, sender=world.alice)
    world.escrow.hold(world.alice, 10, sender=world.disputes)
    world.escrow.credit([(BURNED, 10)], sender=world.disputes)
    for account in (account_of(world.alice.address), BURNED):
        assert world.settlement.distribute.revert(account, sender=world.stranger) == Revert(
            "Models_Unknown", account
        )
