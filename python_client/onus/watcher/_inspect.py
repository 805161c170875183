"""Looking into a batch: what its operator serves, or what the chain has of it."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from onus.chain.errors import EndpointUnreachable
from onus.inference import BatchData
from onus.library import Library, ModelNotSecured, SecuredModel
from onus.protocol import BatchState, ModelId
from onus.store import (
    ChallengeStage,
    SeenBatch,
    SeenStage,
    StoredChallenge,
    Verdict,
    VerdictKind,
    WatcherStore,
)
from onus.watcher._errors import DataWithheld
from onus.watcher._examine import Examination, examine, fit_input
from onus.watcher._pursue import Known, shows_a_wrong_trace
from onus.watcher._respond import Responder
from onus.watcher._reveals import read_known
from onus.watcher._sample import Sampling, is_time_to_sample, plan_samples
from onus.watcher._solve import Finding
from onus.watcher._source import DataSource

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["Inspector"]

_log = logging.getLogger(__name__)
_LIVE: Final = (ChallengeStage.PLANNED, ChallengeStage.SEALED, ChallengeStage.WON)
_AT_STAKE: Final = (ChallengeStage.PLANNED, ChallengeStage.SEALED, ChallengeStage.LOST)
_LONGEST_PAUSE_SECONDS: Final = 60.0


class Inspector:
    """Judges batches, and plans challenges of what is wrong or withheld. Safe to share between threads.

    Args:
        client: of the watcher.
        library: model files.
        store: records.
        source: where data come from.
        responder: plans challenges.
        sampling: what is risked on batches of which nothing is served.
        pause_seconds: after the first attempt at a batch; twice as long after each further one.
    """

    def __init__(
        self,
        client: Onus,
        *,
        library: Library,
        store: WatcherStore,
        source: DataSource,
        responder: Responder,
        sampling: Sampling,
        pause_seconds: float,
    ) -> None:
        self._client = client
        self._library = library
        self._store = store
        self._source = source
        self._responder = responder
        self._sampling = sampling
        self._pause_seconds = pause_seconds
        self._again_at: dict[bytes, float] = {}
        self._sampling_lock = threading.Lock()

    def is_due(self, batch: SeenBatch) -> bool:
        """Whether it may be tried again already."""
        return time.monotonic() >= self._again_at.get(batch.batch_id, 0.0)

    def forget(self, batch: SeenBatch) -> None:
        """It is decided."""
        self._again_at.pop(batch.batch_id, None)

    def inspect(self, batch: SeenBatch) -> SeenBatch:
        """Looks into a batch once; as it is in the records after it.

        Raises:
            EndpointUnreachable: the chain could not be asked.
        """
        try:
            return self._inspect(batch)
        except EndpointUnreachable:
            # The chain, not this batch.
            raise
        except ModelNotSecured as error:
            return self._later(batch, SeenStage.UNSECURED, str(error))
        except Exception as error:
            # Whatever one operator serves must not keep the others' batches from being examined.
            _log.exception("batch 0x%s cannot be examined", batch.batch_id.hex())
            return self._later(batch, SeenStage.WITHHELD, f"{type(error).__name__}: {error}")

    def _inspect(self, batch: SeenBatch) -> SeenBatch:
        model = self._library.secure(batch.header.model_id, models=self._client.models)
        state = self._client.settlement.batch_of(batch.batch_id)
        if state.status.is_decided:
            # Not closed yet: until its window is over, a reorganisation may change it.
            return self._later(batch, batch.stage, state.status.name.lower())
        try:
            data = self._source.batch(batch.batch_id, header=batch.header, claims=batch.claims, model=model)
        except DataWithheld as error:
            accused = self._use_the_chain(batch, model)
            if not accused:
                self._sample(batch, state)
            return self._later(batch, SeenStage.FAULTY if accused else SeenStage.WITHHELD, str(error))
        examination = examine(
            batch.batch_id, data, model=model, source=self._source, domain=self._client.domain
        )
        if examination.is_sound:
            stage = SeenStage.SOUND
        elif examination.findings:
            accused = self._accuse(batch, data, examination)
            stage = SeenStage.FAULTY if accused else SeenStage.UNPROVEN
        else:
            self._press(batch, data, examination, model)
            stage = SeenStage.FAULTY
        self._store.judge(batch.batch_id, stage, examination.verdicts)
        return self._store.batch(batch.batch_id)

    def _accuse(self, batch: SeenBatch, data: BatchData, examination: Examination) -> bool:
        """Plans a challenge of the first receipt whose fault the contract sees; one is enough for a batch."""
        if self._is_accused(batch):
            # From before a crash.
            return True
        return any(
            self._responder.accuse(batch, data.batch.proof(leaf), finding) is not None
            for leaf, finding in sorted(examination.findings.items())
        )

    def _press(
        self, batch: SeenBatch, data: BatchData, examination: Examination, model: SecuredModel
    ) -> None:
        """Plans a challenge of a receipt that is wrong, where its operator does not serve what shows it."""
        if self._is_accused(batch):
            return
        wrong = next(each for each in examination.verdicts if each.kind is not VerdictKind.RIGHT)
        leaf = wrong.leaf_index
        receipt = data.batch.receipts[leaf]
        known = Known(
            proof=data.batch.proof(leaf),
            request=data.requests[leaf],
            input=fit_input(data.inputs[leaf], model.input_sizes, root=receipt.input_root),
        )
        self._responder.press(batch, leaf, known, note=wrong.note)

    def _use_the_chain(self, batch: SeenBatch, model: SecuredModel) -> bool:
        """Judges what was revealed or published; whether it leads to a challenge."""
        if self._is_accused(batch):
            return True
        live = [each.opening.leaf_index for each in self._store.challenges(*_LIVE, batch_id=batch.batch_id)]
        for leaf, known in sorted(read_known(self._client, batch, model=model).items()):
            if leaf in live:
                # A challenge of a sampled leaf finds it by itself.
                continue
            move = self._responder.move_on(known, leaf, batch)
            if isinstance(move, Finding) and known.proof is not None:
                if self._responder.accuse(batch, known.proof, move) is not None:
                    return True
            elif shows_a_wrong_trace(move):
                self._responder.press(batch, leaf, known, note=f"leaf {leaf} is wrong, its trace is withheld")
                return True
        return False

    def _sample(self, batch: SeenBatch, state: BatchState) -> None:
        """Plans challenges of leaves chosen blindly, when the operator had its time."""
        now, _, _ = self._client.models.clock_of(ModelId(batch.header.model_id))
        if not is_time_to_sample(state, now=now, sampling=self._sampling):
            return
        with self._sampling_lock:
            at_stake = self._store.challenges(*_AT_STAKE)
            taken = [each.opening.leaf_index for each in self._store.challenges(batch_id=batch.batch_id)]
            leaves = plan_samples(
                batch.batch_id,
                batch.header.count,
                sampling=self._sampling,
                taken=taken,
                spent=sum(each.sampled for each in at_stake),
            )
            for leaf in leaves:
                self._responder.press(batch, leaf, Known(), sampled=True, note="nothing is served")

    def _is_accused(self, batch: SeenBatch) -> bool:
        live: list[StoredChallenge] = self._store.challenges(*_LIVE, batch_id=batch.batch_id)
        return any(not each.sampled or each.evidence is not None for each in live)

    def _later(self, batch: SeenBatch, stage: SeenStage, note: str) -> SeenBatch:
        """Records why a batch cannot be judged, and when it is tried again: each time later."""
        if batch.note != note:
            _log.warning("batch 0x%s: %s", batch.batch_id.hex(), note)
        verdicts: tuple[Verdict, ...] = ()
        self._store.judge(batch.batch_id, stage, verdicts, note=note)
        pause = min(self._pause_seconds * 2.0 ** min(batch.attempts, 16), _LONGEST_PAUSE_SECONDS)
        self._again_at[batch.batch_id] = time.monotonic() + pause
        return self._store.batch(batch.batch_id)
