"""Acting on decisions: the only part that sends."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from onus.chain import ContractReverted
from onus.protocol import (
    BatchHeader,
    ChallengeId,
    ChallengeStatus,
    Claim,
    FaultKind,
    Opening,
    ReceiptProof,
)
from onus.store import ChallengeStage, SeenBatch, StoredChallenge, WatcherStore
from onus.watcher._decide import Action, ChainView, decide
from onus.watcher._solve import Finding

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["Responder"]

_log = logging.getLogger(__name__)


class Responder:
    """Seals, proves, closes and settles challenges, each step such that it can be done again.

    Args:
        client: of the watcher, with the key that challenges.
        store: records.
    """

    def __init__(self, client: Onus, *, store: WatcherStore) -> None:
        self._client = client
        self._challenger = client.require_signer().address
        self._store = store

    def accuse(self, batch: SeenBatch, proof: ReceiptProof, finding: Finding) -> StoredChallenge | None:
        """Plans a challenge if the contract sees the fault; nothing is sent yet.

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
        opening = Opening(leaf_index=proof.leaf_index, salt=secrets.token_bytes(32))
        planned = StoredChallenge(
            challenge_id=ChallengeId(opening.key(self._challenger).id(batch.batch_id)),
            batch_id=batch.batch_id,
            opening=opening,
            kind=finding.kind,
            evidence=finding.evidence,
            path=proof.path,
            receipt=proof.receipt,
            note=str(finding),
        )
        self._store.plan(planned)
        return planned

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
        match decision.action:
            case Action.SEAL:
                return self._seal(challenge, batch.header)
            case Action.OPEN:
                self._client.disputes.open(batch.header, challenge.opening)
                return challenge
            case Action.PROVE:
                return self._prove(challenge, batch.header)
            case Action.CLOSE:
                key = challenge.opening.key(self._challenger)
                return self._done(
                    challenge, ChallengeStage.CLOSED, self._client.disputes.close(batch.header, key).hash
                )
            case Action.SETTLE:
                return self._settle(challenge, batch.header, batch.claims)
            case Action.NOTHING:
                return challenge

    # ---- one step each ---------------------------------------------------------------------------

    def _seal(self, challenge: StoredChallenge, header: BatchHeader) -> StoredChallenge:
        mined = self._client.disputes.challenge(header, challenge.opening)
        _log.info("sealed a challenge of leaf %d: %s", challenge.opening.leaf_index, challenge.note)
        return self._store.advance(
            challenge.challenge_id,
            ChallengeStage.SEALED,
            sealed_at=mined.timestamp,
            transaction=mined.hash,
        )

    def _prove(self, challenge: StoredChallenge, header: BatchHeader) -> StoredChallenge:
        proof = ReceiptProof(
            receipt=challenge.receipt, leaf_index=challenge.opening.leaf_index, path=challenge.path
        )
        # The sender's dry run is the preview: no gas is spent on what is not seen as a fault.
        mined = self._client.disputes.prove(
            header,
            salt=challenge.opening.salt,
            proof=proof,
            kind=challenge.kind,
            evidence=challenge.evidence,
        )
        state = self._client.disputes.challenge_of(challenge.challenge_id)
        won = state.status is ChallengeStatus.WON
        _log.info("proved: %s", challenge.note)
        return self._done(challenge, ChallengeStage.WON if won else ChallengeStage.CLOSED, mined.hash)

    def _settle(
        self, challenge: StoredChallenge, header: BatchHeader, claims: tuple[Claim, ...]
    ) -> StoredChallenge:
        key = challenge.opening.key(self._challenger)
        mined = self._client.settlement.settle(header, claims, winner=key)
        return self._done(challenge, ChallengeStage.SETTLED, mined.hash)

    def _done(self, challenge: StoredChallenge, stage: ChallengeStage, transaction: str) -> StoredChallenge:
        return self._store.advance(challenge.challenge_id, stage, transaction=transaction)

    def _look(self, challenge: StoredChallenge, header: BatchHeader) -> ChainView:
        client = self._client
        block = client.rpc.block("latest")
        at = block.number
        state = client.disputes.challenge_of(challenge.challenge_id, block=at)
        deadline = 0
        if state.status is not ChallengeStatus.NULL and not state.status.is_over:
            key = challenge.opening.key(self._challenger)
            _, deadline = client.disputes.clock_of(header, key=key, block=at)
        return ChainView(
            now=block.timestamp,
            batch=client.settlement.batch_of(challenge.batch_id, block=at),
            challenge=state,
            deadline=deadline,
            earning_delay=client.parameters.params_of(header.param_set, block=at).earning_delay,
        )
