"""Every kind of fault: found, challenged, proved, slashed. And right batches: never challenged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from onus.protocol import BatchId, BatchStatus, FaultKind
from onus.store import ChallengeStage, SeenStage, VerdictKind
from onus.trace import Alteration
from onus.watcher import Watcher
from tests.nodes.town import DOLLAR, Town
from tests.watcher.faults import BENDS, Liar, another, wrong_request


@pytest.fixture
def liar(town: Town) -> Liar:
    return Liar(town)


def block_of(town: Town, batch_id: BatchId) -> int:
    first = town.manifest.first_block
    (logged,) = town.reader.settlement.BatchCommitted.logs(from_block=first, id=batch_id)
    return logged.block_number


def convict(town: Town, liar: Liar, batch_id: BatchId) -> tuple[Watcher, FaultKind]:
    """Lets a watcher find and prove what is wrong with the only batch it sees."""
    watcher = town.watcher(source=liar, start_block=block_of(town, batch_id))
    faults = liar.client.operators.state_of(liar.address).faults
    for _ in range(60):
        watcher.step()
        challenges = watcher.store.challenges()
        if challenges and challenges[0].stage is ChallengeStage.WON:
            break
        town.chain.advance(1)
    (challenge,) = watcher.store.challenges()
    assert challenge.stage is ChallengeStage.WON
    assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.FAULTY
    state = liar.client.operators.state_of(liar.address)
    assert state.faults == faults + 1
    assert state.jailed_until > town.reader.now()
    assert watcher.store.batch(batch_id).stage is SeenStage.FAULTY
    return watcher, challenge.kind


def verdicts(watcher: Watcher, batch_id: BatchId) -> list[VerdictKind]:
    return [verdict.kind for verdict in watcher.store.verdicts(batch_id)]


def test_an_altered_element__in_every_slot__first_and_last(town: Town, liar: Liar) -> None:
    """G2, G8: the watcher names the very element, and the contract agrees."""
    slots = liar.model.program.slots
    places = [(slot, element) for slot in range(1, len(slots)) for element in {0, slots[slot].count - 1}]
    start = town.reader.block_number()
    batches = {}
    for slot, element in places:
        data = liar.leaf()
        computed = int(np.asarray(data.trace.tensors[slot]).reshape(-1)[element])
        how = Alteration(slot=slot, element=element, value=-(computed + 1))
        leaves = [liar.leaf(), liar.altered(data, how), liar.leaf(payer=1)]
        batches[liar.commit(leaves)] = (slot, element)
    watcher = town.watcher(source=liar, start_block=start, deposit=1_000 * DOLLAR)
    for _ in range(60):
        watcher.step()
        challenges = watcher.store.challenges()
        if len(challenges) == len(places) and all(each.stage is ChallengeStage.WON for each in challenges):
            break
        town.chain.advance(1)
    proven = town.reader.disputes.FaultProven.logs(from_block=start)
    assert {(each.event.batch_id): (each.event.slot, each.event.element) for each in proven} == batches
    for batch_id, place in batches.items():
        (found,) = [each for each in watcher.store.verdicts(batch_id) if each.kind.is_fault]
        assert (found.kind, (found.slot, found.element)) == (VerdictKind.ELEMENT, place)
        assert town.reader.settlement.batch_of(batch_id).status is BatchStatus.FAULTY


def test_an_output_root_that_is_not_the_traces(town: Town, liar: Liar) -> None:
    leaf = liar.leaf()
    leaf.receipt = replace(leaf.receipt, output_root=another(leaf.receipt.output_root))
    batch_id = liar.commit([leaf])
    watcher, kind = convict(town, liar, batch_id)
    assert kind is FaultKind.EXECUTION
    assert verdicts(watcher, batch_id) == [VerdictKind.OUTPUT_ROOT]


def test_a_trace_of_another_input(town: Town, liar: Liar) -> None:
    leaf, other = liar.leaf(), liar.leaf()
    roots = {"trace_root": other.receipt.trace_root, "output_root": other.receipt.output_root}
    leaf.receipt, leaf.trace = replace(leaf.receipt, **roots), other.trace
    batch_id = liar.commit([leaf])
    watcher, kind = convict(town, liar, batch_id)
    assert kind is FaultKind.EXECUTION
    assert verdicts(watcher, batch_id) == [VerdictKind.INPUT_ROOT]


def test_another_output_root_over_an_altered_trace(town: Town, liar: Liar) -> None:
    leaf = liar.leaf(alter=Alteration(slot=3, element=5, value=-77))
    leaf.receipt = replace(leaf.receipt, output_root=another(leaf.receipt.output_root))
    batch_id = liar.commit([leaf])
    watcher, _ = convict(town, liar, batch_id)
    assert verdicts(watcher, batch_id) == [VerdictKind.OUTPUT_ROOT]


@pytest.mark.parametrize("field", BENDS)
def test_a_receipt_that_is_not_its_headers(town: Town, liar: Liar, field: str) -> None:
    batch_id = liar.commit(
        [liar.leaf(), liar.leaf()], bend=lambda receipts: [receipts[0], BENDS[field](receipts[1])]
    )
    watcher, kind = convict(town, liar, batch_id)
    assert kind is FaultKind.HEADER
    assert verdicts(watcher, batch_id) == [VerdictKind.RIGHT, VerdictKind.HEADER]


@pytest.mark.parametrize(
    "changes",
    [{"max_fee": 1}, {"min_stake": 1_000 * DOLLAR}, {"expires_at": 1}],
    ids=["fee", "stake", "late"],
)
def test_a_receipt_that_breaks_its_request(town: Town, liar: Liar, changes: dict[str, int]) -> None:
    batch_id = liar.commit([wrong_request(liar.leaf(), liar, **changes)])
    watcher, kind = convict(town, liar, batch_id)
    assert kind is FaultKind.REQUEST
    assert verdicts(watcher, batch_id) == [VerdictKind.REQUEST]


def test_a_receipt_under_another_payers_claim(town: Town, liar: Liar) -> None:
    """E12."""
    first, second = liar.payers[0].require_signer().address, liar.payers[1].require_signer().address

    def swap(receipts: list) -> list:  # type: ignore[type-arg]
        return receipts[::-1]

    batch_id = liar.commit([liar.leaf(payer=0), liar.leaf(payer=1)], bend=swap)
    data = liar.committed[batch_id]
    # What belongs to the receipts is swapped with them.
    liar.committed[batch_id] = replace(data, requests=data.requests[::-1], inputs=data.inputs[::-1])
    watcher, kind = convict(town, liar, batch_id)
    assert first != second
    assert kind is FaultKind.CLAIM
    assert verdicts(watcher, batch_id) == [VerdictKind.CLAIM, VerdictKind.CLAIM]


def test_right_batches__are_never_challenged(town: Town, liar: Liar) -> None:
    """G1 as seen from the watcher: it accuses nobody who is right."""
    batch_id = liar.commit([liar.leaf(payer=n % 2) for n in range(7)])
    watcher = town.watcher(source=liar, start_block=block_of(town, batch_id))
    for _ in range(3):
        watcher.step()
    assert watcher.store.batch(batch_id).stage is SeenStage.SOUND
    assert set(verdicts(watcher, batch_id)) == {VerdictKind.RIGHT}
    assert watcher.store.challenges() == []


def test_many_wrong_receipts_in_one_batch__are_one_challenge(town: Town, liar: Liar) -> None:
    """A batch falls once; the operator is not asked for every trace."""
    wrong = [liar.leaf(alter=Alteration(slot=2, element=n, value=-101)) for n in range(6)]
    batch_id = liar.commit(wrong)
    watcher, _ = convict(town, liar, batch_id)
    found = verdicts(watcher, batch_id)
    assert found.count(VerdictKind.ELEMENT) == 1
    assert found.count(VerdictKind.WRONG) == 5
