"""Settlement.distribute: royalties move up the lineage, one level a call.

distribute
├── when there are royalties      each parent's account gets its share, the receiver the rest and the dust
└── when there are none           NothingToDistribute
"""

from __future__ import annotations

import pytest

from onus.protocol import ModelId, Parent
from onus.protocol.ids import BURNED, account_of, royalty_account_of
from tests.support.chain import Revert
from tests.support.deployment import UNIT
from tests.support.refusals import refused
from tests.support.world import World


def earn(world: World, model: ModelId, royalty: int) -> None:
    """Lets a model of 5,000 bps royalty earn exactly this much."""
    world.payer_ready(amount=2 * royalty)
    batch = world.batch(world.op1, model, count=1, fee=2 * royalty)
    world.commit(batch)
    world.past_window(batch)
    world.finalize(batch)
    assert pot(world, model) == royalty


def pot(world: World, model: ModelId) -> int:
    return int(world.escrow.balanceOf(royalty_account_of(model)))


def child(world: World, *parents: tuple[ModelId, int], receiver: object = None) -> ModelId:
    """A model of 5,000 bps royalty made from others."""
    spec = tuple(Parent(model_id=parent, share_bps=share) for parent, share in parents)
    address = getattr(receiver or world.provider, "address")  # noqa: B009
    return world.register_model(royalty_bps=5_000, royalty_receiver=address, parents=spec)


@pytest.fixture(autouse=True)
def operator(world: World) -> None:
    world.operator_ready(stake=10_000 * UNIT)


def test_distribute__when_no_parents__all_to_the_receiver(world: World) -> None:
    model = child(world, receiver=world.bob)
    earn(world, model, UNIT)
    assert world.settlement.distribute.call(model, sender=world.stranger) == UNIT
    tx = world.settlement.distribute(model, sender=world.stranger)
    assert (tx.event("RoyaltiesDistributed").modelId, tx.event("RoyaltiesDistributed").amount) == (
        model,
        UNIT,
    )
    assert (tx.event("Distributed").from_, tx.event("Distributed").amount) == (
        royalty_account_of(model),
        UNIT,
    )
    assert [(e.account, e.amount) for e in tx.events("Credited")] == [(account_of(world.bob.address), UNIT)]
    assert (world.free(world.bob), pot(world, model)) == (UNIT, 0)
    world.assert_solvent()


def test_distribute__when_four_parents__each_its_share(world: World) -> None:
    """E7, E10."""
    parents = [child(world, receiver=world.bob) for _ in range(4)]
    shares = (1, 3_333, 2_500, 4_166)
    model = child(world, *zip(parents, shares, strict=True), receiver=world.stranger)
    earn(world, model, UNIT + 7)
    world.settlement.distribute(model, sender=world.watcher1)
    parts = [(UNIT + 7) * share // 10_000 for share in shares]
    assert [pot(world, parent) for parent in parents] == parts
    assert world.free(world.stranger) == UNIT + 7 - sum(parts) >= 0
    assert world.free(world.bob) == world.free(world.provider) == 0
    world.assert_solvent()


@pytest.mark.parametrize("royalty", [1, 2, 3, 99, 10**18 + 1])
def test_distribute__whatever_the_amount__dust_to_the_receiver(world: World, royalty: int) -> None:
    """E7: parts add up, everything is somebody's."""
    parents = [child(world, receiver=world.bob) for _ in range(3)]
    model = child(world, *((parent, 3_333) for parent in parents), receiver=world.stranger)
    earn(world, model, royalty)
    world.settlement.distribute(model, sender=world.bob)
    part = royalty * 3_333 // 10_000
    assert [pot(world, parent) for parent in parents] == [part] * 3
    assert world.free(world.stranger) == royalty - 3 * part
    world.assert_solvent()


def test_distribute__when_parents_have_everything__nothing_for_the_receiver_but_dust(world: World) -> None:
    parents = [child(world, receiver=world.bob) for _ in range(2)]
    model = child(world, (parents[0], 4_999), (parents[1], 5_001), receiver=world.stranger)
    earn(world, model, 9_999)
    world.settlement.distribute(model, sender=world.bob)
    assert [pot(world, parent) for parent in parents] == [4_998, 5_000]
    assert world.free(world.stranger) == 1


def test_distribute__when_lineage_has_four_levels__reaches_the_oldest(world: World) -> None:
    """E10: one call a level, each at bounded cost."""
    lineage = [child(world, receiver=world.bob)]
    for _ in range(3):
        lineage.append(child(world, (lineage[-1], 5_000), receiver=world.stranger))
    assert [world.models.levelOf(model) for model in lineage] == [0, 1, 2, 3]
    earn(world, lineage[-1], 8_000)
    for level in (3, 2, 1, 0):
        world.settlement.distribute(lineage[level], sender=world.watcher1)
        assert pot(world, lineage[level]) == 0
        world.assert_solvent()
    assert world.free(world.stranger) == 4_000 + 2_000 + 1_000
    assert world.free(world.bob) == 1_000


def test_distribute__when_called_out_of_order__same_in_the_end(world: World) -> None:
    grandparent = child(world, receiver=world.bob)
    parent = child(world, (grandparent, 2_000), receiver=world.provider)
    model = child(world, (parent, 7_500), (grandparent, 2_500), receiver=world.stranger)
    earn(world, model, 1_000)
    earn(world, parent, 400)
    for each in (parent, model, grandparent, parent, grandparent):
        world.settlement.distribute(each, sender=world.stranger)
    assert world.free(world.provider) == 320 + 600
    assert world.free(world.bob) == 80 + 250 + 150
    assert world.free(world.stranger) == 0
    world.assert_solvent()


def test_distribute__when_model_or_parent_is_deprecated__is_paid_all_the_same(world: World) -> None:
    """E10, B8: deprecation ends new batches, not earnings."""
    parent = child(world, receiver=world.bob)
    model = child(world, (parent, 5_000), receiver=world.stranger)
    earn(world, model, 1_000)
    for each in (parent, model):
        world.models.deprecate(each, sender=world.provider)
    world.forward(10 * 24 * 3_600)
    for each in (model, parent):
        world.settlement.distribute(each, sender=world.stranger)
    assert (world.free(world.bob), world.free(world.stranger)) == (500, 500)


def test_distribute__when_nothing_was_earned__reverts(world: World) -> None:
    """D13: also the second time, and for a model that is none."""
    model = child(world)
    unknown = ModelId(b"\1" * 32)
    for each in (model, unknown):
        expected = Revert("Settlement_NothingToDistribute", each)
        refused(world, expected, world.settlement.distribute, each, sender=world.stranger)
    earn(world, model, 10)
    world.settlement.distribute(model, sender=world.stranger)
    expected = Revert("Settlement_NothingToDistribute", model)
    refused(world, expected, world.settlement.distribute, model, sender=world.stranger)


def test_distribute__when_id_is_an_address__takes_nobodys_balance(world: World) -> None:
    """E11, D14: a free balance or the burned bucket is no model's royalty."""
    world.payer_ready()
    world.escrow.deposit(world.alice, UNIT, sender=world.alice)
    batch = world.batch(world.op1, child(world))
    world.commit(batch)
    sealed = world.challenge(batch)
    world.forward(world.params.challenger_time)
    world.disputes.timeout(batch.header, sealed.key, sender=world.stranger)
    for account in (account_of(world.alice.address), BURNED):
        assert world.escrow.balanceOf(account) > 0
        expected = Revert("Models_Unknown", account)
        refused(world, expected, world.settlement.distribute, account, sender=world.stranger)


def test_register__when_lineage_is_wrong__refused(world: World) -> None:
    """E10: fifth level, five parents, shares above all, none, the same parent twice, itself."""
    models = [child(world)]
    for _ in range(3):
        models.append(child(world, (models[-1], 100)))

    def refuse(expected: Revert, *parents: tuple[ModelId, int]) -> None:
        spec = world.spec(parents=tuple(Parent(model_id=p, share_bps=s) for p, s in parents))
        refused(world, expected, world.models.register, spec, sender=world.provider)

    refuse(Revert("Models_TooDeep", models[3]), (models[0], 100), (models[3], 100))
    roots = [child(world) for _ in range(5)]
    refuse(Revert("Models_TooManyParents", 5), *((root, 100) for root in roots))
    refuse(Revert("Models_BadShares", 10_001), (roots[0], 5_000), (roots[1], 5_001))
    refuse(Revert("Models_BadShares", 0), (roots[0], 0))
    refuse(Revert("Models_RepeatedParent", roots[0]), (roots[0], 1), (roots[1], 1), (roots[0], 1))
    spec = world.spec()
    itself = world.models.idOf(world.provider, spec.manifest.hash)
    refuse(Revert("Models_Unknown", itself), (itself, 100))
