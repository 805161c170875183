"""Reading committed batches, block by block."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from onus.protocol import BatchId
from onus.store import BlockRef, SeenBatch, WatcherStore

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["Follower"]

_log = logging.getLogger(__name__)
_BLOCKS_AT_ONCE: Final = 2_000


class Follower:
    """Reads ``BatchCommitted`` from where it stopped; what a reorganisation took away is read again.

    Args:
        client: reads only.
        store: records.
        start_block: where to begin; by default where ``Settlement`` was deployed.
        confirmations: newest blocks that are left for later.
    """

    def __init__(
        self, client: Onus, *, store: WatcherStore, start_block: int | None = None, confirmations: int = 0
    ) -> None:
        self._client = client
        self._store = store
        if start_block is None:
            start_block = client.manifest.contracts["Settlement"].block
        self._start = start_block
        self._confirmations = confirmations

    def follow(self) -> list[SeenBatch]:
        """Reads up to the newest block; the batches that were new.

        Raises:
            EndpointError: the chain could not be asked; the next call goes on.
        """
        head = self._client.rpc.block("latest").number - self._confirmations
        first = self._resume(head)
        found: list[SeenBatch] = []
        while first <= head:
            last = min(first + _BLOCKS_AT_ONCE - 1, head)
            read = self._read(first, last)
            if read is None:
                # The chain changed while it was read: the next call sees where.
                break
            found += read
            first = last + 1
        return found

    def _resume(self, head: int) -> int:
        """The first block to read, after going back to what the chain still has."""
        blocks = self._store.blocks()
        for known in blocks:
            if known.number <= head + self._confirmations and self._hash(known.number) == known.hash:
                if known != blocks[0]:
                    _log.warning(
                        "reorganised: going back from block %d to %d", blocks[0].number, known.number
                    )
                    self._store.rewind(known.number)
                return known.number + 1
        if blocks:
            _log.warning("reorganised deeper than what is remembered: reading from the start")
            self._store.rewind(self._start - 1)
        return self._start

    def _read(self, first: int, last: int) -> list[SeenBatch] | None:
        settlement = self._client.settlement
        end = self._hash(last)
        logs = settlement.BatchCommitted.logs(from_block=first, to_block=last)
        found = []
        for logged in logs:
            event = logged.event
            batch_id = BatchId(event.id)
            if event.header.id(self._client.domain) != batch_id:
                _log.error("batch 0x%s is not the hash of its header: wrong endpoint?", batch_id.hex())
                continue
            found.append(
                SeenBatch(
                    batch_id=batch_id,
                    header=event.header,
                    claims=tuple(event.claims),
                    block=BlockRef(number=logged.block_number, hash=logged.block_hash),
                    window_ends_at=settlement.batch_of(batch_id).window_ends_at,
                )
            )
        if self._hash(last) != end:
            return None
        self._store.read(BlockRef(number=last, hash=end), found)
        return found

    def _hash(self, number: int) -> bytes:
        return self._client.rpc.block(number).hash
