"""Acting on decisions: the only part that sends."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from onus.chain import ContractReverted
from onus.chain.errors import DisputesAlreadyRevealed, DisputesNoDemandsLeft, DisputesPlaceHeld
from onus.library import SecuredModel
from onus.protocol import (
    BatchHeader,
    ChallengeId,
    ChallengeStatus,
    DemandKind,
    FaultKind,
    ModelId,
    Opening,
    Position,
    ReceiptProof,
)
from onus.store import ChallengeStage, SeenBatch, StoredChallenge, WatcherStore
from onus.trace import Trace, witness_of
from onus.watcher._decide import Action, ChainView, decide
from onus.watcher._pursue import Known, next_move
from onus.watcher._reveals import read_known
from onus.watcher._solve import Finding

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["Responder"]

_log = logging.getLogger(__name__)
_NAMES_NO_TENSOR = (DemandKind.RECEIPT, DemandKind.REQUEST, DemandKind.TRACE_NODES)


class Responder:
    """Seals, demands, proves, closes and settles challenges, each step such that it can be done again.

    Args:
        client: of the watcher, with the key that challenges.
        store: records.
        models: the model under an id, as the watcher secured it.
    """

    def __init__(
        self, client: Onus, *, store: WatcherStore, models: Callable[[ModelId], SecuredModel]
    ) -> None:
        self._client = client
        self._challenger = client.require_signer().address
        self._store = store
        self._models = models
        self._run = lru_cache(maxsize=16)(self._execute)

    # ---- plans, of which nothing is sent yet -----------------------------------------------------

    def accuse(self, batch: SeenBatch, proof: ReceiptProof, finding: Finding) -> StoredChallenge | None:
        """Plans a challenge if the contract sees the fault.

        Returns:
            the plan, on disk; None if the contract does not agree.

        Raises:
            EndpointError: the chain could not be asked.
        """
        try:
            # What the receipt itself shows needs no verifier.
            if finding.kind is FaultKind.EXECUTION:
                self._client.disputes.judge(batch.header, proof=proof, evidence=finding.evidence)
        except ContractReverted as error:
            _log.error(
                "leaf %d of batch 0x%s: %s, but the contract says %s",
                proof.leaf_index,
                batch.batch_id.hex(),
                finding,
                error,
            )
            return None
        planned = replace(
            self._new(batch, proof.leaf_index),
            proof=proof,
            kind=finding.kind,
            evidence=finding.evidence,
            note=str(finding),
        )
        self._store.plan(planned)
        return planned

    def press(
        self, batch: SeenBatch, leaf_index: int, known: Known, *, sampled: bool = False, note: str
    ) -> StoredChallenge:
        """Plans a challenge whose evidence has to be demanded.

        Args:
            batch: of the leaf.
            leaf_index: which.
            known: what is not to be demanded.
            sampled: whether nothing says that the leaf is wrong.
            note: for people.
        """
        planned = replace(
            self._new(batch, leaf_index),
            sampled=sampled,
            proof=known.proof,
            request=known.request,
            input=known.input,
            note=note,
        )
        self._store.plan(planned)
        return planned

    def move_on(self, known: Known, leaf_index: int, batch: SeenBatch) -> Position | Finding | None:
        """What is next about a leaf: see `next_move`."""
        model = self._models(batch.header.model_id)
        return next_move(
            known,
            leaf_index=leaf_index,
            header=batch.header,
            claims=batch.claims,
            domain=self._client.domain,
            program=model.program,
            run=lambda data: self._run(model.model_id, data),
        )

    # ---- steps -----------------------------------------------------------------------------------

    def respond(self, challenge: StoredChallenge) -> StoredChallenge:
        """Does the next step of a challenge.

        Raises:
            ChainError: it could not be done now; the next call tries again.
        """
        batch = self._store.batch(challenge.batch_id)
        decision = decide(challenge, self._look(challenge, batch.header))
        if decision.stage is not challenge.stage:
            challenge = self._store.advance(
                challenge.challenge_id, decision.stage, note=decision.note or None
            )
        key = challenge.opening.key(self._challenger)
        match decision.action:
            case Action.SEAL:
                return self._seal(challenge, batch.header)
            case Action.OPEN:
                self._client.disputes.open(batch.header, challenge.opening)
                return challenge
            case Action.PURSUE:
                return self._pursue(challenge, batch)
            case Action.PROVE:
                return self._prove(challenge, batch.header)
            case Action.TIMEOUT:
                mined = self._client.disputes.timeout(batch.header, key)
                return self._done(challenge, ChallengeStage.WON, mined.hash, note="the operator was silent")
            case Action.CLOSE:
                mined = self._client.disputes.close(batch.header, key)
                return self._done(challenge, ChallengeStage.CLOSED, mined.hash)
            case Action.SETTLE:
                mined = self._client.settlement.settle(batch.header, batch.claims, winner=key)
                return self._done(challenge, ChallengeStage.SETTLED, mined.hash)
            case Action.REFUND:
                self._client.settlement.refund(batch.header, batch.claims)
                return challenge
            case Action.NOTHING:
                return challenge

    def _seal(self, challenge: StoredChallenge, header: BatchHeader) -> StoredChallenge:
        mined = self._client.disputes.challenge(header, challenge.opening)
        _log.info("sealed a challenge of leaf %d: %s", challenge.opening.leaf_index, challenge.note)
        return self._store.advance(
            challenge.challenge_id,
            ChallengeStage.SEALED,
            sealed_at=mined.timestamp,
            transaction=mined.hash,
        )

    def _pursue(self, challenge: StoredChallenge, batch: SeenBatch) -> StoredChallenge:
        """Demands the next thing that is missing, or keeps what can be shown now."""
        leaf = challenge.opening.leaf_index
        model = self._models(batch.header.model_id)
        told = read_known(self._client, batch, model=model).get(leaf, Known())
        known = told | Known(proof=challenge.proof, request=challenge.request, input=challenge.input)
        move = self.move_on(known, leaf, batch)
        if isinstance(move, Finding):
            assert known.proof is not None
            return self._store.show(
                challenge.challenge_id,
                proof=known.proof,
                kind=move.kind,
                evidence=move.evidence,
                note=str(move),
            )
        if move is None:
            # Moot if another challenge wins; lost otherwise.
            return self._note(challenge, f"leaf {leaf} is right")
        return self._demand(challenge, batch.header, move, model)

    def _demand(
        self, challenge: StoredChallenge, header: BatchHeader, position: Position, model: SecuredModel
    ) -> StoredChallenge:
        disputes = self._client.disputes
        witness = None if position.kind in _NAMES_NO_TENSOR else witness_of(model.program, position.slot)
        try:
            mined = disputes.demand(header, challenge.opening, position, witness)
        except DisputesAlreadyRevealed:
            # By somebody else, since it was looked up: the next step has it.
            return challenge
        except DisputesNoDemandsLeft:
            return self._note(challenge, f"no demands left for {position}")
        _log.info("demanded %s of leaf %d", position, challenge.opening.leaf_index)
        return self._store.advance(challenge.challenge_id, challenge.stage, transaction=mined.hash)

    def _prove(self, challenge: StoredChallenge, header: BatchHeader) -> StoredChallenge:
        if challenge.proof is None or challenge.kind is None or challenge.evidence is None:
            raise AssertionError("decided to prove without evidence")
        if not self._has_the_place(challenge, header):
            # Now it has: the proof comes in a later block.
            return challenge
        # The sender's dry run is the preview: no gas is spent on what is not seen as a fault.
        mined = self._client.disputes.prove(
            header,
            salt=challenge.opening.salt,
            proof=challenge.proof,
            kind=challenge.kind,
            evidence=challenge.evidence,
        )
        state = self._client.disputes.challenge_of(challenge.challenge_id)
        _log.info("proved: %s", challenge.note)
        if state.status is not ChallengeStatus.WON:
            # Another one held the place: the reward is its, and this one's bond is still to be fetched.
            return self._store.advance(challenge.challenge_id, challenge.stage, transaction=mined.hash)
        return self._done(challenge, ChallengeStage.WON, mined.hash)

    def _has_the_place(self, challenge: StoredChallenge, header: BatchHeader) -> bool:
        """Whether to go on: who held the leaf before may have lost it, and its place is to be had."""
        leaf = challenge.opening.leaf_index
        if self._client.disputes.first_on(challenge.batch_id, leaf_index=leaf) == challenge.challenge_id:
            return True
        try:
            self._client.disputes.open(header, challenge.opening)
        except DisputesPlaceHeld:
            # The reward is its, the bond comes back all the same.
            return True
        return False

    # ---- inside ----------------------------------------------------------------------------------

    def _new(self, batch: SeenBatch, leaf_index: int) -> StoredChallenge:
        opening = Opening(leaf_index=leaf_index, salt=secrets.token_bytes(32))
        return StoredChallenge(
            challenge_id=ChallengeId(opening.key(self._challenger).id(batch.batch_id)),
            batch_id=batch.batch_id,
            opening=opening,
        )

    def _execute(self, model_id: ModelId, data: bytes) -> Trace:
        return self._models(model_id).engine.run_encoded([data])[0]

    def _note(self, challenge: StoredChallenge, note: str) -> StoredChallenge:
        if challenge.note == note:
            return challenge
        _log.warning("challenge 0x%s: %s", challenge.challenge_id.hex(), note)
        return self._store.advance(challenge.challenge_id, challenge.stage, note=note)

    def _done(
        self, challenge: StoredChallenge, stage: ChallengeStage, transaction: str, *, note: str | None = None
    ) -> StoredChallenge:
        return self._store.advance(challenge.challenge_id, stage, transaction=transaction, note=note)

    def _look(self, challenge: StoredChallenge, header: BatchHeader) -> ChainView:
        client = self._client
        at = client.block_number()
        state = client.disputes.challenge_of(challenge.challenge_id, block=at)
        now, stopped, confirmed = client.models.clock_of(header.model_id, block=at)
        return ChainView(
            now=now,
            stopped=stopped,
            confirmed=confirmed,
            batch=client.settlement.batch_of(challenge.batch_id, block=at),
            challenge=state,
            earning_delay=client.parameters.params_of(header.param_set, block=at).earning_delay,
        )
