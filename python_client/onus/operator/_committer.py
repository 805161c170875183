"""Commits what was served, and makes it final."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onus.chain import BlockTag, ChainError, ContractReverted
from onus.chain.errors import ParametersSetNotInForce
from onus.operator._plan import CommitPolicy, plan
from onus.protocol import Batch, BatchId, BatchStatus, Receipt
from onus.store import BatchStage, OperatorStore, StoredBatch

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["Committer", "Progress"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What one step did."""

    committed: tuple[BatchId, ...] = ()
    final: tuple[BatchId, ...] = ()
    faulty: tuple[BatchId, ...] = ()
    failed: tuple[tuple[BatchId, ChainError], ...] = ()


class Committer:
    """Brings receipts to the chain, in steps that can be broken off anywhere.

    A batch is written to the store before its commit is sent, under the sequence that it must have; its id is
    its content. So after a crash the chain says whether it arrived, sending it again commits it once, and no
    receipt is ever in two live batches.

    Args:
        client: of the operator.
        store: records.
        policy: when a batch is committed.
    """

    def __init__(self, client: Onus, *, store: OperatorStore, policy: CommitPolicy) -> None:
        self._client = client
        self._operator = client.require_signer().address
        self._store = store
        self._policy = policy
        self._lock = threading.Lock()

    def step(self, *, flush: bool = False) -> Progress:
        """Does what is due now.

        Args:
            flush: whether to commit all that waits.

        Raises:
            EndpointError: the chain could not be asked; the next step goes on.
        """
        with self._lock:
            self._reconcile()
            now = self._client.now()
            todo = plan(
                now=now,
                waiting=self._waiting(now, flush=flush),
                committed=self._store.batches(BatchStage.COMMITTED),
                policy=self._policy,
                flush=flush,
            )
            for receipts in todo.prepare:
                self._prepare(receipts)
            committed, failed = self._send_prepared()
            final, faulty, unfinished = self._finalize(todo.finalize)
        return Progress(committed=committed, final=final, faulty=faulty, failed=(*failed, *unfinished))

    def _waiting(self, now: int, *, flush: bool) -> list[Receipt]:
        # Most of the time nothing is due, and counting is cheaper than reading.
        count, earliest = self._store.backlog()
        idle = count < self._policy.max_receipts and earliest > now + self._policy.margin_seconds
        if count == 0 or (idle and not flush):
            return []
        return [each.receipt.message for each in self._store.waiting()]

    def _reconcile(self) -> None:
        """Learns what became of prepared batches, and gives up those that can never be committed."""
        prepared = self._store.batches(BatchStage.PREPARED)
        if not prepared:
            return
        # At one block: an endpoint may be several machines, one of them behind.
        at = self._client.block_number()
        next_sequence = self._client.operators.state_of(self._operator, block=at).next_sequence
        for batch in prepared:
            if self._record_if_committed(batch.batch_id, block=at):
                continue
            if batch.header.sequence < next_sequence:
                self._give_up(batch)
                break

    def _give_up(self, first: StoredBatch) -> None:
        """Abandons a batch that can never be committed, and those behind it: they wait for its sequence."""
        for batch in self._store.batches(BatchStage.PREPARED):
            if batch.header.sequence >= first.header.sequence:
                _log.warning("batch 0x%s can never be committed: its receipts wait", batch.batch_id.hex())
                self._store.abandon(batch.batch_id)

    def _prepare(self, receipts: Sequence[Receipt]) -> None:
        sequence = self._client.operators.state_of(self._operator).next_sequence
        prepared = self._store.batches(BatchStage.PREPARED)
        if prepared:
            sequence = max(sequence, prepared[-1].header.sequence + 1)
        batch = Batch.build(receipts, param_set=self._set_of(receipts), sequence=sequence)
        self._store.prepare(batch.id(self._client.domain), batch)

    def _set_of(self, receipts: Sequence[Receipt]) -> int:
        """The set that the receipts were served under, while it takes commits: a new one may ask for more."""
        parameters = self._client.parameters
        newest, _ = parameters.current()
        added_at = parameters.newest_added_at()
        if newest > 1 and min(receipt.served_at for receipt in receipts) < added_at:
            before = parameters.params_of(newest - 1)
            if self._client.now() < added_at + before.max_commit_delay + before.grace:
                return newest - 1
        return newest

    def _send_prepared(self) -> tuple[tuple[BatchId, ...], tuple[tuple[BatchId, ChainError], ...]]:
        committed: list[BatchId] = []
        for stored in self._store.batches(BatchStage.PREPARED):
            try:
                self._commit(stored)
            except ChainError as error:
                # Whether it arrived after all is seen in the next step; the ones behind it need its sequence.
                _log.warning("commit of batch 0x%s: %s", stored.batch_id.hex(), error)
                if isinstance(error, ParametersSetNotInForce) and error.set < error.newest:
                    self._give_up(stored)
                return tuple(committed), ((stored.batch_id, error),)
            committed.append(stored.batch_id)
        return tuple(committed), ()

    def _commit(self, stored: StoredBatch) -> None:
        receipts = [each.receipt.message for each in self._store.receipts_of(stored.batch_id)]
        batch = Batch.of(stored.header, claims=stored.claims, receipts=receipts)
        payers = [claim.payer for claim in stored.claims]
        accounts = self._store.accounts(payers)
        mined = self._client.settlement.commit(batch, [accounts[payer].voucher for payer in payers])
        self._record_if_committed(stored.batch_id, transaction=mined.hash)
        _log.info("committed batch 0x%s of %d", stored.batch_id.hex(), stored.header.count)

    def _record_if_committed(
        self, batch_id: BatchId, *, transaction: str | None = None, block: BlockTag = "latest"
    ) -> bool:
        state = self._client.settlement.batch_of(batch_id, block=block)
        if state.status is BatchStatus.NULL:
            return False
        self._store.commit(
            batch_id,
            transaction=transaction,
            committed_at=state.committed_at,
            window_ends_at=state.window_ends_at,
        )
        return True

    def _finalize(
        self, due: Sequence[StoredBatch]
    ) -> tuple[tuple[BatchId, ...], tuple[BatchId, ...], tuple[tuple[BatchId, ChainError], ...]]:
        open_ones = [batch for batch in due if self._is_ready(batch.batch_id)]
        failed: tuple[tuple[BatchId, ChainError], ...] = ()
        if open_ones:
            try:
                self._client.settlement.finalize([batch.header for batch in open_ones])
            except ContractReverted as error:
                failed = tuple((batch.batch_id, error) for batch in open_ones)
        final: list[BatchId] = []
        faulty: list[BatchId] = []
        for batch in due:
            status = self._client.settlement.batch_of(batch.batch_id).status
            if not status.is_decided:
                continue
            is_final = status is BatchStatus.FINAL
            self._store.decide(batch.batch_id, final=is_final)
            (final if is_final else faulty).append(batch.batch_id)
        return tuple(final), tuple(faulty), failed

    def _is_ready(self, batch_id: BatchId) -> bool:
        state = self._client.settlement.batch_of(batch_id)
        return state.status is BatchStatus.PENDING and state.open_challenges == 0
