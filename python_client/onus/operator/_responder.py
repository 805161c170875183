"""Answers what challengers demand and payers claim, before anything else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter

from onus.chain import ContractReverted
from onus.library import SecuredModel
from onus.operator._answers import BELOW_THE_TRACE, Answers
from onus.operator._docket import Docket, Filed
from onus.operator._duties import OpenChallenge, duties_of, in_transactions
from onus.operator._errors import Unanswerable
from onus.operator._executor import Executor
from onus.protocol import (
    Answer,
    BatchStatus,
    Challenge,
    ChallengeId,
    ChallengeStatus,
    DemandKind,
    ModelId,
    OmissionStatus,
    OnusError,
    Position,
    Receipt,
    Reply,
)
from onus.store import OperatorStore

if TYPE_CHECKING:
    from onus.client import Onus

__all__ = ["Responder", "Response"]

_log = logging.getLogger(__name__)
_RECEIPT: Final = Position(kind=DemandKind.RECEIPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What one step did.

    Attributes:
        revealed: challenges whose demand was answered.
        ended: challenges whose challenger was out of time.
        shown: receipts whose claim of omission was answered, by their hash.
        unanswerable: what cannot be answered, by challenge or receipt hash.
    """

    revealed: tuple[ChallengeId, ...] = ()
    ended: tuple[ChallengeId, ...] = ()
    shown: tuple[bytes, ...] = ()
    unanswerable: tuple[bytes, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.revealed or self.ended or self.shown or self.unanswerable)


class Responder:
    """Answers every demand at once, in steps that can be broken off anywhere.

    Nothing of it is on disk: the chain says what is open, the records say what the answer is, and an answer
    that arrived twice changes nothing.

    Args:
        client: of the operator.
        store: records.
        models: the model under an id, as the operator secured it.
        executor: the one that made what was committed.
        margin_seconds: below this much time to answer, whatever is still open is an alert.
        registry: for its counters.
    """

    def __init__(
        self,
        client: Onus,
        *,
        store: OperatorStore,
        models: Callable[[ModelId], SecuredModel],
        executor: Executor,
        margin_seconds: int = 3_600,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._client = client
        self._store = store
        self._answers = Answers(store=store, models=models, executor=executor)
        self._docket = Docket(client, store=store)
        self._margin_seconds = margin_seconds
        self._alerted: set[bytes] = set()
        self._lock = threading.Lock()
        registry = registry or CollectorRegistry()
        self._revealed = Counter("onus_demands_answered", "Demands answered on chain", registry=registry)
        self._shown = Counter("onus_omissions_answered", "Claims of omission answered", registry=registry)
        self._ended = Counter("onus_challengers_timed_out", "Challenges ended by time", registry=registry)
        self._alerts = Counter(
            "onus_demands_unanswered", "Demands and claims in danger: the stake is", registry=registry
        )

    def step(self) -> Response:
        """Does what is due now.

        Raises:
            EndpointError: the chain could not be asked; the next step goes on.
        """
        with self._lock:
            self._docket.read()
            duties = duties_of(self._open_challenges())
            unanswerable: list[bytes] = []
            for late in duties.late:
                self._alert(_id_of(late), f"a demand of {late.key.challenger} was not answered in time")
            revealed = self._reveal(duties.answer, unanswerable)
            ended = tuple(_id_of(each) for each in duties.end if self._end(each))
            shown = tuple(
                hash
                for hash, receipt in tuple(self._docket.claims.items())
                if self._show(receipt, unanswerable)
            )
        return Response(revealed=revealed, ended=ended, shown=shown, unanswerable=tuple(unanswerable))

    # ---- challenges ------------------------------------------------------------------------------

    def _open_challenges(self) -> list[OpenChallenge]:
        """What is live, all at one block; what is over is forgotten."""
        found = []
        at = self._client.block_number()
        for filed in tuple(self._docket.challenges.values()):
            state = self._client.disputes.challenge_of(filed.challenge_id, block=at)
            if state.status.is_over:
                del self._docket.challenges[filed.challenge_id]
            elif state.status is not ChallengeStatus.NULL:
                found += self._open(filed, state, at)
        return found

    def _open(self, filed: Filed, state: Challenge, at: int) -> list[OpenChallenge]:
        """The challenge, unless nothing can be done: its batch is decided, or its verifier stands still."""
        client = self._client
        header = self._store.batch(filed.batch_id).header
        now, stopped, _ = client.models.clock_of(ModelId(header.model_id), block=at)
        if stopped or client.settlement.batch_of(filed.batch_id, block=at).status is not BatchStatus.PENDING:
            return []
        is_known = filed.opening is not None and client.disputes.is_revealed(
            filed.batch_id, leaf_index=filed.opening.leaf_index, position=_RECEIPT, block=at
        )
        return [
            OpenChallenge(
                batch_id=filed.batch_id,
                header=header,
                key=filed.key,
                opening=filed.opening,
                state=state,
                now=now,
                receipt_is_known=is_known,
            )
        ]

    def _reveal(self, demands: Sequence[OpenChallenge], unanswerable: list[bytes]) -> tuple[ChallengeId, ...]:
        replies: list[Reply] = []
        ids: dict[int, ChallengeId] = {}
        for demand in demands:
            # Known since the block of the demand; the next step has it otherwise.
            if demand.opening is None:
                continue
            try:
                answer = self._answer(demand, demand.opening.leaf_index)
            except OnusError as error:
                unanswerable.append(_id_of(demand))
                self._alert(_id_of(demand), str(error))
                continue
            if demand.seconds_left <= self._margin_seconds:
                _log.warning("a demand is answered with %d seconds left", demand.seconds_left)
            reply = Reply(
                header=demand.header,
                challenger=demand.key.challenger,
                opening=demand.opening,
                answer=answer,
            )
            replies.append(reply)
            ids[id(reply)] = _id_of(demand)
        sent: list[ChallengeId] = []
        for group in in_transactions(replies):
            sent += [ids[id(reply)] for reply in self._send(group)]
        self._revealed.inc(len(sent))
        return tuple(sent)

    def _answer(self, demand: OpenChallenge, leaf_index: int) -> Answer:
        position = demand.state.demand.position
        spared = demand.receipt_is_known and position.kind in BELOW_THE_TRACE
        return self._answers.answer(demand.batch_id, leaf_index, position, with_receipt=not spared)

    def _send(self, group: Sequence[Reply]) -> list[Reply]:
        """Those that the contract took. Anything else is looked at again in the next step."""
        disputes = self._client.disputes
        try:
            if len(group) == 1:
                (reply,) = group
                disputes.reveal(
                    reply.header, reply.answer, challenger=reply.challenger, opening=reply.opening
                )
                return list(group)
            skipped = {place for place, _ in disputes.reveal_many(group).value.skipped}
        except ContractReverted as error:
            _log.warning("%d answers were not taken: %s", len(group), error)
            return []
        return [reply for place, reply in enumerate(group) if place not in skipped]

    def _end(self, challenge: OpenChallenge) -> bool:
        try:
            self._client.disputes.timeout(challenge.header, challenge.key)
        except ContractReverted as error:
            _log.info("a challenge that is out of time: %s", error)
            return False
        self._ended.inc()
        return True

    # ---- omissions -------------------------------------------------------------------------------

    def _show(self, receipt: Receipt, unanswerable: list[bytes]) -> bool:
        """Answers a claim with the inclusion, once the receipt is in a batch."""
        client, hash = self._client, receipt.struct_hash
        state = client.omissions.of(receipt)
        now = client.now()
        if state.status is not OmissionStatus.CLAIMED or now >= state.deadline:
            if state.status is OmissionStatus.CLAIMED:
                self._alert(hash, "a claim of omission was not answered in time")
            del self._docket.claims[hash]
            return False
        served = self._store.served([receipt.request_id]).get(bytes(receipt.request_id))
        if served is None:
            unanswerable.append(hash)
            self._alert(hash, f"no receipt for request 0x{receipt.request_id.hex()} in the records")
            return False
        batch_id, leaf_index = served.batch_id, served.leaf_index
        if batch_id is None or leaf_index is None:
            # Not committed yet: late is better than never.
            return False
        if client.settlement.batch_of(batch_id).status is BatchStatus.NULL:
            return False
        try:
            proof = self._answers.proof(batch_id, leaf_index)
            client.omissions.answer(receipt, self._store.batch(batch_id).header, proof)
        except (ContractReverted, Unanswerable) as error:
            self._alert(hash, f"a claim of omission: {error}")
            return False
        del self._docket.claims[hash]
        self._shown.inc()
        return True

    def _alert(self, what: bytes, why: str) -> None:
        """Once for each: somebody has to look, or the stake is gone."""
        if what not in self._alerted:
            self._alerted.add(what)
            self._alerts.inc()
            _log.error("UNANSWERED 0x%s: %s", what.hex(), why)


def _id_of(challenge: OpenChallenge) -> ChallengeId:
    return ChallengeId(challenge.key.id(challenge.batch_id))
