"""Operators that serve nothing: what is demanded on chain convicts them, or their silence does."""

from __future__ import annotations

import pytest

from onus.protocol import Batch, BatchStatus, DemandKind
from onus.store import ChallengeStage, SeenStage
from onus.trace import Alteration
from onus.watcher import Sampling
from scripts.demo.dishonest import DishonestExecutor
from tests.nodes.disputes import (
    DEPOSIT,
    KINDS,
    balance,
    cheat,
    demands,
    play,
    until_demanded,
    watch,
)
from tests.nodes.town import Town
from tests.nodes.withholding import WithholdingOperator

# ---- the way down -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slot", "element"), [(1, 0), (2, 517), (5, 9)])
def test_nothing_served__one_wrong_element__is_proven_through_forced_reveals(
    town: Town, slot: int, element: int
) -> None:
    """G2, G3, G5: from the batch root and a leaf index to the proof, within the model's depth budget."""
    start = town.reader.block_number() + 1
    operator, batch_id = cheat(town, at=3, slot=slot, element=element)
    watcher, client = watch(town, start=start)
    assert watcher.store.batch(batch_id).stage is SeenStage.WITHHELD
    watcher.suspect(batch_id, 3)
    play(town, watcher, ChallengeStage.WON, answer=operator.answer)
    (proven,) = town.reader.disputes.FaultProven.logs(from_block=start, batch_id=batch_id)
    assert (proven.event.leaf_index, proven.event.slot, proven.event.element) == (3, slot, element)
    manifest = operator.model.program.manifest
    assert demands(town, batch_id) == KINDS
    assert len(KINDS) <= manifest.depth_budget + -(-manifest.input_bytes // 8_192) <= town.params.max_demands
    play(town, watcher, ChallengeStage.SETTLED)
    reward = town.params.min_batch_stake * town.params.reward_bps // 10_000
    assert balance(client) == DEPOSIT + reward


@pytest.mark.parametrize("answered", range(len(KINDS)))
def test_silent_from_some_demand_on__is_out_of_time(town: Town, answered: int) -> None:
    """G5, D3: withheld at each level, also by one that answered until then."""
    start = town.reader.block_number() + 1
    operator, batch_id = cheat(town, at=1, of=2)
    watcher, client = watch(town, start=start)
    watcher.suspect(batch_id, 1)
    left = [operator.answer] * answered

    def answer() -> None:
        if left and operator.answer().revealed:
            left.pop()

    won = play(town, watcher, ChallengeStage.WON, answer=answer)
    assert won.note == "the operator was silent"
    assert demands(town, batch_id) == KINDS[: answered + 1]
    (silent,) = town.reader.disputes.OperatorTimedOut.logs(from_block=start, batch_id=batch_id)
    assert silent.event.id == won.challenge_id
    play(town, watcher, ChallengeStage.SETTLED)
    assert balance(client) > DEPOSIT


# ---- which leaf -------------------------------------------------------------------------------------------


def test_nobody_knows_a_leaf__a_sample_finds_it(town: Town) -> None:
    """G2: an operator that cheats on everything and serves nothing."""
    start = town.reader.block_number() + 1
    images = [town.image() for _ in range(4)]
    everywhere = DishonestExecutor({data: Alteration(slot=1, element=0, value=-100) for data in images})
    operator = WithholdingOperator(town, executor=everywhere)
    batch_id = operator.commit(images)
    watcher, _ = watch(town, start=start, sampling=Sampling(bonds=1, wait_bps=0))
    (sample,) = watcher.store.challenges()
    assert sample.sampled
    play(town, watcher, ChallengeStage.WON, answer=operator.answer)
    assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.FAULTY
    # Decided, and its data are still withheld: that is no reason to look into it again.
    play(town, watcher, ChallengeStage.SETTLED)
    for _ in range(3):
        watcher.step()
        town.chain.advance(1)
    assert len(watcher.store.challenges()) == 1


def test_a_sample_that_is_right__costs_one_bond__and_no_second_one(town: Town) -> None:
    """C1, G1: withholding right results is paid by whoever looks, within a budget."""
    start = town.reader.block_number() + 1
    operator = WithholdingOperator(town)
    first, second = operator.commit([town.image(), town.image()]), operator.commit([town.image()])
    watcher, client = watch(town, start=start, sampling=Sampling(leaves=2, bonds=1, wait_bps=0))
    lost = play(town, watcher, ChallengeStage.LOST, answer=operator.answer)
    assert lost.sampled
    assert lost.batch_id in (first, second)
    assert len(watcher.store.challenges()) == 1
    assert balance(client) == DEPOSIT - town.params.challenge_bond
    # Everything was answered, the request last: nothing else could have been wrong.
    kinds = [*KINDS[:2], DemandKind.REQUEST]
    assert demands(town, lost.batch_id) == kinds
    bond, most = town.params.challenge_bond, town.params.max_demands
    for _ in range(40):
        operator.answer()
        operator.committer.step()
        if town.reader.settlement.batch_of(lost.batch_id).status is BatchStatus.FINAL:
            break
        town.chain.advance(1)
    assert town.reader.settlement.batch_of(lost.batch_id).status is BatchStatus.FINAL
    (paid,) = town.reader.disputes.ChallengeLost.logs(from_block=start, id=lost.challenge_id)
    assert paid.event.paid == bond // 2 * len(kinds) // most
    assert paid.event.paid + paid.event.burned == bond


# ---- what others make known -------------------------------------------------------------------------------


def test_what_another_watcher_had_revealed__is_not_demanded_again(town: Town) -> None:
    """D11, C17: reveals are everybody's data; the place and its reward stay with who sealed first."""
    start = town.reader.block_number() + 1
    operator, batch_id = cheat(town, at=0, of=3)
    first, _ = watch(town, start=start)
    first.suspect(batch_id, 0)
    until_demanded(town, first, operator, batch_id, 3)
    operator.answer()
    # The first watcher is busy elsewhere; the second was told nothing.
    second, client = watch(town, start=start)
    (planned,) = second.store.challenges()
    assert (planned.opening.leaf_index, planned.sampled) == (0, False)
    play(town, second, ChallengeStage.CLOSED, answer=operator.answer)
    assert demands(town, batch_id) == KINDS
    assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.FAULTY
    assert balance(client) == DEPOSIT
    first.step()
    assert [each.stage for each in first.store.challenges()] == [ChallengeStage.WON]


def test_a_published_receipt__is_enough_to_start_from(town: Town) -> None:
    """G2, G15: its payer published receipt and input; only the trace is demanded."""
    start = town.reader.block_number() + 1
    operator, batch_id = cheat(town, at=1, of=2)
    served = operator.store.receipts_of(batch_id)
    header = operator.store.batch(batch_id).header
    leaf = 1
    batch = Batch.of(
        header,
        claims=operator.store.batch(batch_id).claims,
        receipts=[each.receipt.message for each in served],
    )
    operator.payer.settlement.publish(header, batch.proof(leaf), [served[leaf].input])
    watcher, _ = watch(town, start=start)
    (planned,) = watcher.store.challenges()
    assert planned.opening.leaf_index == leaf
    play(town, watcher, ChallengeStage.WON, answer=operator.answer)
    assert demands(town, batch_id) == KINDS[2:]


def test_a_restart_in_the_middle__goes_on_where_it_was(town: Town) -> None:
    start = town.reader.block_number() + 1
    operator, batch_id = cheat(town, at=0, of=1)
    client, database = town.client(), town.database()
    client.escrow.deposit(DEPOSIT)
    first = town.watcher(client=client, database=database, start_block=start)
    first.step()
    first.suspect(batch_id, 0)
    until_demanded(town, first, operator, batch_id, 2)
    first.stop()
    again = town.watcher(client=town.same(client.require_signer()), database=database, start_block=start)  # type: ignore[arg-type]
    play(town, again, ChallengeStage.WON, answer=operator.answer)
    assert demands(town, batch_id) == KINDS
    assert len(again.store.challenges()) == 1
