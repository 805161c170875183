"""The watcher among slow operators, and what somebody else asks it to look into."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from onus.library import Library, ModelNotSecured
from onus.protocol import BadProof, BatchId, BatchStatus
from onus.store import SeenStage, UnknownBatch
from onus.trace import Alteration
from tests.nodes.town import DOLLAR, Town
from tests.watcher.faults import Liar


@pytest.fixture
def liar(town: Town) -> Liar:
    return Liar(town)


def wrong_batch(liar: Liar) -> bytes:
    return liar.commit([liar.leaf(), liar.leaf(alter=Alteration(slot=2, element=9, value=-90))])


class SlowSource:
    """Data that take as long as a test lets them, for one operator; another source's for all others."""

    def __init__(self, slow: Liar, other: Liar) -> None:
        self.slow, self.other = slow, other
        self.go = threading.Event()

    def batch(self, batch_id: Any, *, header: Any, claims: Any, model: Any) -> Any:
        if header.operator == self.slow.address:
            assert self.go.wait(60)
            return self.slow.batch(batch_id, header=header, claims=claims, model=model)
        return self.other.batch(batch_id, header=header, claims=claims, model=model)

    def trace(self, batch_id: Any, leaf_index: int, *, receipt: Any, model: Any) -> Any:
        source = self.slow if receipt.operator == self.slow.address else self.other
        return source.trace(batch_id, leaf_index, receipt=receipt, model=model)


def test_a_slow_operator__keeps_nobody_elses_fraud_waiting(town: Town, liar: Liar) -> None:
    """G2: the other's batch is examined and convicted while the first one's data are still under way."""
    start = town.reader.block_number()
    slow = Liar(town)
    hidden, wrong = slow.commit([slow.leaf()]), wrong_batch(liar)
    source = SlowSource(slow, liar)
    client = town.client()
    client.escrow.deposit(100 * DOLLAR)
    watcher = town.watcher(client=client, source=source, start_block=start, patience_seconds=0.5)
    for _ in range(30):
        watcher.step()
        if town.reader.settlement.batch_of(BatchId(wrong)).status is BatchStatus.FAULTY:
            break
        town.chain.advance(1)
    assert town.reader.settlement.batch_of(BatchId(wrong)).status is BatchStatus.FAULTY
    assert watcher.store.batch(hidden).stage is SeenStage.SEEN
    source.go.set()
    for _ in range(100):
        watcher.step()
        if watcher.store.batch(hidden).stage is SeenStage.SOUND:
            break
        threading.Event().wait(0.05)
    assert watcher.store.batch(hidden).stage is SeenStage.SOUND


def test_suspect__what_makes_no_sense__is_refused(town: Town, liar: Liar) -> None:
    start = town.reader.block_number()
    batch_id = wrong_batch(liar)
    watcher = town.watcher(source=liar, start_block=start, library=Library())
    watcher.step()
    with pytest.raises(UnknownBatch):
        watcher.suspect(BatchId(bytes(32)), 0)
    with pytest.raises(BadProof):
        watcher.suspect(BatchId(batch_id), 2)
    with pytest.raises(ModelNotSecured):
        watcher.suspect(BatchId(batch_id), 1)
    assert watcher.store.challenges() == []
    knowing = town.watcher(source=liar, start_block=start)
    knowing.step()
    first = knowing.suspect(BatchId(batch_id), 0)
    assert knowing.suspect(BatchId(batch_id), 0).challenge_id == first.challenge_id
