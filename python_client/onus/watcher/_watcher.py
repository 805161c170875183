"""The whole watcher, step by step."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from onus.chain import ChainError, EndpointError
from onus.chain.errors import EndpointUnreachable
from onus.library import Library, ModelNotSecured
from onus.protocol import Batch
from onus.store import (
    ChallengeStage,
    Database,
    Owner,
    SeenBatch,
    SeenStage,
    StoredChallenge,
    VerdictKind,
    WatcherStore,
)
from onus.watcher._errors import DataWithheld
from onus.watcher._examine import Examination, examine
from onus.watcher._follow import Follower
from onus.watcher._respond import Responder
from onus.watcher._source import DataSource, EndpointSource

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["Report", "Watcher"]

_log = logging.getLogger(__name__)
_OPEN: Final = (SeenStage.SEEN, SeenStage.WITHHELD, SeenStage.UNSECURED)
_UNDECIDED: Final = tuple(stage for stage in SeenStage if stage is not SeenStage.CLOSED)
_LIVE: Final = (ChallengeStage.PLANNED, ChallengeStage.SEALED, ChallengeStage.WON)
_LONGEST_PAUSE_SECONDS: Final = 60.0


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
    ) -> None:
        owner = Owner(role="watcher", domain=client.domain, address=client.require_signer().address)
        self._client = client
        self._library = library
        self._database = Database(database, owner=owner)
        self.store = WatcherStore(self._database)
        self._source = source or EndpointSource(client)
        self._follower = Follower(
            client, store=self.store, start_block=start_block, confirmations=confirmations
        )
        self._responder = Responder(client, store=self.store)
        self._poll_seconds = poll_seconds
        self._again_at: dict[bytes, float] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def step(self) -> Report:
        """Does what there is to do now.

        Raises:
            EndpointError: the chain could not be asked; the next step goes on.
        """
        seen = self._follower.follow()
        now = self._client.now()
        # What has a clock first: looking into batches takes as long as their operators make it take.
        moved = self._respond_all()
        examined = tuple(
            self._examine(batch) for batch in self.store.batches(*_OPEN) if self._is_due(batch, now)
        )
        moved += self._respond_all() if examined else ()
        self._close_decided(now)
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
        self._database.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- examining -------------------------------------------------------------------------------

    def _is_due(self, batch: SeenBatch, now: int) -> bool:
        return now < batch.window_ends_at and time.monotonic() >= self._again_at.get(batch.batch_id, 0.0)

    def _examine(self, batch: SeenBatch) -> SeenBatch:
        try:
            return self._judge(batch)
        except EndpointUnreachable:
            # The chain, not this batch.
            raise
        except ModelNotSecured as error:
            return self._later(batch, SeenStage.UNSECURED, str(error))
        except DataWithheld as error:
            return self._later(batch, SeenStage.WITHHELD, str(error))
        except Exception as error:
            # Whatever one operator serves must not keep the others' batches from being examined.
            _log.exception("batch 0x%s cannot be examined", batch.batch_id.hex())
            return self._later(batch, SeenStage.WITHHELD, f"{type(error).__name__}: {error}")

    def _judge(self, batch: SeenBatch) -> SeenBatch:
        model = self._library.secure(batch.header.model_id, models=self._client.models)
        data = self._source.batch(batch.batch_id, header=batch.header, claims=batch.claims, model=model)
        examination = examine(
            batch.batch_id, data, model=model, source=self._source, domain=self._client.domain
        )
        if examination.is_sound:
            stage = SeenStage.SOUND
        elif examination.findings:
            accused = self._accuse(batch, data.batch, examination)
            stage = SeenStage.FAULTY if accused else SeenStage.UNPROVEN
        else:
            withheld = [each for each in examination.verdicts if each.kind is not VerdictKind.RIGHT]
            return self._later(batch, SeenStage.WITHHELD, withheld[0].note, examination)
        self.store.judge(batch.batch_id, stage, examination.verdicts)
        return self.store.batch(batch.batch_id)

    def _accuse(self, batch: SeenBatch, receipts: Batch, examination: Examination) -> bool:
        """Plans a challenge of the first receipt whose fault the contract sees; one is enough for a batch."""
        if self.store.challenges(*_LIVE, batch_id=batch.batch_id):
            # From before a crash.
            return True
        return any(
            self._responder.accuse(batch, receipts.proof(leaf), finding) is not None
            for leaf, finding in sorted(examination.findings.items())
        )

    def _later(
        self, batch: SeenBatch, stage: SeenStage, note: str, examination: Examination | None = None
    ) -> SeenBatch:
        """Records why a batch cannot be judged, and when it is tried again: each time later."""
        if batch.note != note:
            _log.warning("batch 0x%s: %s", batch.batch_id.hex(), note)
        verdicts = () if examination is None else examination.verdicts
        self.store.judge(batch.batch_id, stage, verdicts, note=note)
        pause = min(self._poll_seconds * 2.0 ** min(batch.attempts, 16), _LONGEST_PAUSE_SECONDS)
        self._again_at[batch.batch_id] = time.monotonic() + pause
        return self.store.batch(batch.batch_id)

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
        except ChainError as error:
            _log.warning("challenge 0x%s: %s", challenge.challenge_id.hex(), error)
            return challenge

    def _close_decided(self, now: int) -> None:
        for batch in self.store.batches(*_UNDECIDED):
            if now < batch.window_ends_at:
                continue
            status = self._client.settlement.batch_of(batch.batch_id).status
            if status.is_decided:
                self.store.close(batch.batch_id, note=status.name.lower())
                self._again_at.pop(batch.batch_id, None)
