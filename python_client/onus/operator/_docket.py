"""Which challenges and claims there are against an operator, from the chain's events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from onus.protocol import Address, BatchId, ChallengeId, ChallengeKey, Opening, Receipt
from onus.store import OperatorStore, UnknownBatch

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["Docket", "Filed"]

_BLOCKS_AT_ONCE: Final = 2_000
_READ_AGAIN: Final = 64
"""Newest blocks that are read each time: a reorganisation may have changed them."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A challenge as its events tell it."""

    challenge_id: ChallengeId
    batch_id: BatchId
    key: ChallengeKey
    opening: Opening | None = None


class Docket:
    """Follows events from the oldest batch on that can still be challenged; keeps nothing on disk.

    What it has read is only where to look: the chain's state says what is open.

    Args:
        client: reads only.
        store: says where to begin.
    """

    def __init__(self, client: Onus, *, store: OperatorStore) -> None:
        self._client = client
        self._store = store
        self._operator: Address = client.require_signer().address
        self._start: int | None = None
        self._next = 0
        self.challenges: dict[ChallengeId, Filed] = {}
        self.claims: dict[bytes, Receipt] = {}

    def read(self) -> None:
        """Reads up to the newest block.

        Raises:
            EndpointError: the chain could not be asked; the next call goes on.
        """
        head = self._client.block_number()
        if self._start is None:
            self._start = self._next = self._first_block(head)
        first = max(self._start, min(self._next, head + 1) - _READ_AGAIN)
        while first <= head:
            last = min(first + _BLOCKS_AT_ONCE - 1, head)
            self._read(first, last)
            self._next = first = last + 1

    def _read(self, first: int, last: int) -> None:
        disputes, omissions = self._client.disputes, self._client.omissions
        for opened in disputes.ChallengeOpened.logs(from_block=first, to_block=last):
            event = opened.event
            if self._is_own(event.batch_id):
                key = ChallengeKey(challenger=event.challenger, seal=event.seal)
                self.challenges.setdefault(event.id, Filed(event.id, event.batch_id, key))
        for unsealed in disputes.SealOpened.logs(from_block=first, to_block=last):
            place = unsealed.event
            if place.id in self.challenges:
                opening = Opening(leaf_index=place.leaf_index, salt=place.salt)
                self.challenges[place.id] = replace(self.challenges[place.id], opening=opening)
        claims = omissions.OmissionClaimed.logs(from_block=first, to_block=last, operator=self._operator)
        for claimed in claims:
            self.claims[claimed.event.receipt_hash] = claimed.event.receipt

    def _is_own(self, batch_id: BatchId) -> bool:
        try:
            self._store.batch(batch_id)
        except UnknownBatch:
            return False
        return True

    def _first_block(self, head: int) -> int:
        """The newest block before which nothing happened that is still open, found by its time."""
        parameters = self._client.parameters
        newest, _ = parameters.current()
        # A claim is answered or over after this time.
        longest = max(parameters.params_of(each).operator_time for each in range(1, newest + 1))
        wanted = self._client.now() - longest
        since = self._store.oldest_open()
        if since is not None:
            wanted = min(wanted, since)
        first, last = self._client.manifest.first_block, head
        while first < last:
            middle = (first + last) // 2
            if self._client.rpc.block(middle).timestamp < wanted:
                first = middle + 1
            else:
                last = middle
        return first
