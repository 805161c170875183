"""Disputes with an operator that serves nothing, move by move: the steps of both sides, and the clock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from onus.client import Onus
from onus.protocol import BatchId, DemandKind
from onus.store import ChallengeStage, StoredChallenge
from onus.trace import Alteration
from onus.watcher import Sampling, Watcher
from scripts.demo.dishonest import DishonestExecutor
from tests.nodes.town import DOLLAR, Town
from tests.nodes.withholding import WithholdingOperator

__all__ = ["DEPOSIT", "KINDS", "balance", "cheat", "demands", "play", "until_demanded", "watch"]

DEPOSIT = 100 * DOLLAR
"""What a watcher puts into its balance."""
KINDS = [DemandKind.RECEIPT, DemandKind.INPUT_CHUNKS, DemandKind.TRACE_NODES, DemandKind.CHUNKS]
"""What has to be demanded for a wrong element of the digits network, of which nothing is known."""


def cheat(
    town: Town, *, at: int, slot: int = 2, element: int = 517, of: int = 5
) -> tuple[WithholdingOperator, BatchId]:
    """A committed batch with one altered element in one leaf, of which nothing is served."""
    images = [town.image() for _ in range(of)]
    model = town.library.secure(town.model_id, models=town.reader.models)
    right = int(np.asarray(model.engine.run_encoded([images[at]])[0].tensors[slot]).reshape(-1)[element])
    altered = Alteration(slot=slot, element=element, value=-(right + 1))
    operator = WithholdingOperator(town, executor=DishonestExecutor({images[at]: altered}))
    return operator, operator.commit(images)


def watch(town: Town, *, start: int, sampling: Sampling | None = None) -> tuple[Watcher, Onus]:
    """A watcher with money that has followed everything since a block."""
    client = town.client()
    client.escrow.deposit(DEPOSIT)
    watcher = town.watcher(client=client, start_block=start, sampling=sampling)
    watcher.step()
    return watcher, client


def play(
    town: Town,
    watcher: Watcher,
    stage: ChallengeStage,
    *,
    answer: Callable[[], object] = lambda: None,
    steps: int = 60,
) -> StoredChallenge:
    """The watcher's and the operator's steps, until the watcher's last challenge is in a stage."""
    for _ in range(steps):
        watcher.step()
        challenges = watcher.store.challenges()
        if challenges and challenges[-1].stage is stage:
            return challenges[-1]
        answer()
        town.chain.advance(1)
    raise AssertionError(f"never {stage}: {watcher.store.challenges()}")


def demands(town: Town, batch_id: BatchId) -> list[DemandKind]:
    """What was demanded of a batch, in this order."""
    logs = town.reader.disputes.Demanded.logs(from_block=town.manifest.first_block, batch_id=batch_id)
    return [each.event.position.kind for each in logs]


def until_demanded(
    town: Town, watcher: Watcher, operator: WithholdingOperator, batch_id: BatchId, count: int
) -> None:
    """The steps of both, until this much was demanded."""
    for _ in range(30):
        watcher.step()
        if demands(town, batch_id) == KINDS[:count]:
            return
        operator.answer()
        town.chain.advance(1)
    raise AssertionError(f"only {demands(town, batch_id)}")


def balance(client: Onus) -> int:
    """Free balance of a client's account."""
    return client.escrow.free_balance_of(client.require_signer().address)
