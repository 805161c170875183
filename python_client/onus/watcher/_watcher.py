"""The whole watcher, step by step."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from onus.chain import ChainError, EndpointError
from onus.library import Library
from onus.protocol import Address, BadProof, BatchId, ModelId, OnusError
from onus.store import (
    ChallengeStage,
    Database,
    Owner,
    SeenBatch,
    SeenStage,
    StoredChallenge,
    WatcherStore,
)
from onus.watcher._follow import Follower
from onus.watcher._inspect import Inspector
from onus.watcher._pool import OnePerKey
from onus.watcher._pursue import Known
from onus.watcher._respond import Responder
from onus.watcher._sample import Sampling
from onus.watcher._source import DataSource, EndpointSource

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["Report", "Watcher"]

_log = logging.getLogger(__name__)
_OPEN: Final = (SeenStage.SEEN, SeenStage.WITHHELD, SeenStage.UNSECURED)
_UNDECIDED: Final = tuple(stage for stage in SeenStage if stage is not SeenStage.CLOSED)
_LIVE: Final = (ChallengeStage.PLANNED, ChallengeStage.SEALED, ChallengeStage.WON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one step did."""

    seen: tuple[SeenBatch, ...] = ()
    examined: tuple[SeenBatch, ...] = ()
    moved: tuple[StoredChallenge, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether nothing happened."""
        return not (self.seen or self.examined or self.moved)


class Watcher:
    """Follows, examines and challenges, in steps that can be broken off anywhere.

    Args:
        client: of the watcher, with the key that challenges and whose free balance pays the bonds.
        library: model files.
        database: URL, for example ``sqlite:///watcher.db``.
        source: where data come from; by default the operators' endpoints.
        start_block: where to begin; by default where the contracts were deployed.
        confirmations: newest blocks that are left for later.
        poll_seconds: between two steps of `run`.
        sampling: what is risked on batches of which nothing is served.
        workers: operators that are asked for data at a time.
        patience_seconds: how long a step waits for operators that it began to ask.
        operator_seconds: after this much time on one operator's batches, the others' are first.

    Raises:
        StoreError: the database belongs to somebody else.
    """

    def __init__(
        self,
        client: Onus,
        *,
        library: Library,
        database: str,
        source: DataSource | None = None,
        start_block: int | None = None,
        confirmations: int = 0,
        poll_seconds: float = 0.25,
        sampling: Sampling | None = None,
        workers: int = 4,
        patience_seconds: float = 5.0,
        operator_seconds: float = 60.0,
    ) -> None:
        owner = Owner(role="watcher", domain=client.domain, address=client.require_signer().address)
        self._client = client
        self._library = library
        self._database = Database(database, owner=owner)
        self.store = WatcherStore(self._database)
        self._follower = Follower(
            client, store=self.store, start_block=start_block, confirmations=confirmations
        )
        self._responder = Responder(
            client, store=self.store, models=lambda model_id: library.secure(model_id, models=client.models)
        )
        self._inspector = Inspector(
            client,
            library=library,
            store=self.store,
            source=source or EndpointSource(client),
            responder=self._responder,
            sampling=sampling or Sampling(),
            pause_seconds=poll_seconds,
        )
        self._fetching: OnePerKey[Address, list[SeenBatch]] = OnePerKey(
            workers=workers, patience_seconds=patience_seconds
        )
        self._operator_seconds = operator_seconds
        self._poll_seconds = poll_seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def step(self) -> Report:
        """Does what there is to do now.

        Raises:
            EndpointError: the chain could not be asked; the next step goes on.
        """
        seen = self._follower.follow()
        # What has a clock first: looking into batches takes as long as their operators make it take.
        moved = self._respond_all()
        examined = self._examine_due()
        moved += self._respond_all() if examined else ()
        self._close_decided()
        return Report(seen=tuple(seen), examined=examined, moved=moved)

    def run(self) -> None:
        """Steps until `stop`."""
        while not self._stop.is_set():
            try:
                idle = self.step().is_idle
            except ChainError as error:
                _log.warning("the watcher waits for the chain: %s", error)
                idle = True
            except Exception:
                _log.exception("the watcher goes on after an error")
                idle = True
            if idle:
                self._stop.wait(self._poll_seconds)

    def start(self) -> None:
        """Runs in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="onus-watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when nothing of it runs any more; again does nothing."""
        self._stop.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout=60)
        self._fetching.close()
        self._database.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def suspect(self, batch_id: BatchId, leaf_index: int) -> StoredChallenge:
        """Plans a challenge of one leaf, for somebody who has reason to doubt it; what shows it is demanded.

        The bond is lost if the leaf is right.

        Args:
            batch_id: a batch that was followed.
            leaf_index: which of its receipts.

        Raises:
            UnknownBatch: it was not followed.
            BadProof: it has no such leaf.
            ModelNotSecured: nobody here could tell what is right.
        """
        batch = self.store.batch(batch_id)
        if not 0 <= leaf_index < batch.header.count:
            raise BadProof(f"no leaf {leaf_index} among {batch.header.count}")
        self._library.secure(batch.header.model_id, models=self._client.models)
        for known in self.store.challenges(*_LIVE, batch_id=batch_id):
            if known.opening.leaf_index == leaf_index:
                return known
        return self._responder.press(batch, leaf_index, Known(), note="suspected")

    # ---- examining -------------------------------------------------------------------------------

    def _examine_due(self) -> tuple[SeenBatch, ...]:
        """Looks into batches, one operator's after the other, several operators' at a time."""
        clocks = _Clocks(self._client)
        due: defaultdict[Address, list[SeenBatch]] = defaultdict(list)
        for batch in self.store.batches(*_OPEN):
            now, stopped = clocks.of(batch)
            if now < batch.window_ends_at and not stopped and self._inspector.is_due(batch):
                due[batch.header.operator].append(batch)
        jobs = {operator: partial(self._examine, batches) for operator, batches in due.items()}
        return tuple(batch for done in self._fetching.run(jobs) for batch in done)

    def _examine(self, batches: Sequence[SeenBatch]) -> list[SeenBatch]:
        ends = time.monotonic() + self._operator_seconds
        done = []
        for batch in batches:
            done.append(self._inspector.inspect(batch))
            if time.monotonic() > ends:
                # The next turn goes on.
                break
        return done

    # ---- challenging -----------------------------------------------------------------------------

    def _respond_all(self) -> tuple[StoredChallenge, ...]:
        return tuple(
            after
            for challenge in self.store.challenges(*_LIVE)
            if (after := self._respond(challenge)) != challenge
        )

    def _respond(self, challenge: StoredChallenge) -> StoredChallenge:
        try:
            return self._responder.respond(challenge)
        except EndpointError:
            raise
        except OnusError as error:
            _log.warning("challenge 0x%s: %s", challenge.challenge_id.hex(), error)
            return challenge

    def _close_decided(self) -> None:
        clocks = _Clocks(self._client)
        for batch in self.store.batches(*_UNDECIDED):
            now, stopped = clocks.of(batch)
            if now < batch.window_ends_at and not stopped:
                continue
            status = self._client.settlement.batch_of(batch.batch_id).status
            if status.is_decided:
                self.store.close(batch.batch_id, note=status.name.lower())
                self._inspector.forget(batch)


class _Clocks:
    """The clock of each model's verifier, asked once."""

    def __init__(self, client: Onus) -> None:
        self._client = client
        self._known: dict[bytes, tuple[int, bool]] = {}

    def of(self, batch: SeenBatch) -> tuple[int, bool]:
        """Its time in seconds, and whether it stands still."""
        model_id = ModelId(batch.header.model_id)
        if model_id not in self._known:
            now, stopped, _ = self._client.models.clock_of(model_id)
            self._known[model_id] = (now, stopped)
        return self._known[model_id]
