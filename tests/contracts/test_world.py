"""The world that contract tests are built on does what it says."""

from __future__ import annotations

from onus.protocol import BatchStatus
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.world import World


def test_world__one_life__honest(world: World) -> None:
    model = world.ready()
    world.payer_ready(world.bob, world.op1)
    receipts = [
        world.receipt(world.op1, model, payer=payer) for payer in (world.alice, world.alice, world.bob)
    ]
    batch = world.batch(world.op1, receipts=receipts)
    tx = world.commit(batch)
    assert tx.event("BatchCommitted").id == world.id_of(batch) == world.settlement.batchIdOf(batch.header)
    world.assert_solvent()
    world.past_window(batch)
    world.finalize(batch)
    assert world.state_of(batch).status == BatchStatus.FINAL
    assert world.free(world.op1) > 0
    world.assert_solvent()


def test_world__one_life__faulty(world: World) -> None:
    model = world.ready()
    batch = world.faulty_batch(world.op1, model, at=1)
    world.commit(batch)
    winner = world.convict(batch, 1)
    world.assert_solvent()
    world.forward(world.params.earning_delay)
    world.settle(batch, winner)
    assert world.state_of(batch).status == BatchStatus.SETTLED
    world.assert_solvent()


def test_world__errors_are_exact(world: World) -> None:
    assert world.operators.stake.revert(UNIT, sender=world.op1) == Revert(
        "Operators_NotRegistered", world.op1
    )
    world.expect_revert(
        "Operators_NotRegistered", world.operators.stake, 1, sender=world.op1, operator=world.op1
    )
    world.operator_ready()
    later = world.now + 5
    assert world.operators.register.revert("x", world.op2, sender=world.op1, at=later) == Revert(
        "Operators_AlreadyRegistered", world.op1
    )
    tx = world.operators.requestUnbond(UNIT, sender=world.op1, at=later)
    assert tx.timestamp == later
    exit_at = later + world.params.unbonding_delay
    assert world.operators.withdraw.revert(world.op1, sender=world.op1, at=exit_at - 1) == Revert(
        "Operators_ExitNotReached", exit_at
    )
    assert world.operators.withdraw.revert(world.op1, sender=world.op1, at=exit_at) is None
