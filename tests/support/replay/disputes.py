"""Folds events about batches, challenges and omissions; their times are of the verifier's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onus.protocol import BatchStatus, ChallengeStatus, Claim, DemandKind, OmissionStatus
from onus.protocol.ids import claims_hash as hash_claims
from tests.support.replay.clocks import Clocks
from tests.support.reputation import Book, Outcome
from tests.support.reveals import OF_INPUT, depth_of, size_shown

if TYPE_CHECKING:
    from tests.support.chain import Event
    from tests.support.world import World

DEMANDED = ("Kind", "Level", "Slot", "Index", "Size", "Above")


class DisputeFolds(Clocks):
    """Settlement, Disputes, Omissions, Reputation."""

    world: World
    book: Book

    def _time(self, batch_id: bytes, at: int) -> int:
        return self.time_of(self.state.headers[batch_id].modelId, at)

    def _lock(self, id: bytes) -> int:
        header = self.state.headers[id]
        return max(header.count * header.stake, self.state.sets[header.paramSet].minBatchStake)

    # ---- Batches ------------------------------------------------------------------------------------------

    def on_BatchCommitted(self, e: Event) -> None:
        params = self.state.sets[e.header.paramSet]
        claims = [Claim(payer=claim.payer, receipts=claim.receipts) for claim in e.claims]
        assert hash_claims(claims) == e.header.claimsHash
        window = self.state.models[e.modelId]["challengeWindow"]
        window = min(max(window, params.minChallengeWindow), params.maxChallengeWindow)
        time = self.time_of(e.modelId, e.at)
        self.state.headers[e.id] = e.header
        self.state.batches[e.id] = {
            "status": BatchStatus.PENDING,
            "openChallenges": 0,
            "challenges": 0,
            "committedAt": e.at,
            "windowEndsAt": time + window,
            "endedAt": 0,
            "frozenAtCommit": e.at - time,
        }
        op = self.state.operators[e.operator]
        op["locked"] += self._lock(e.id)
        op["nextSequence"] = e.header.sequence + 1
        for claim in claims:
            reservation = self.state.reservation(claim.payer, e.operator)
            reservation["reserved"] -= claim.receipts * e.header.fee
            reservation["redeemed"] += claim.receipts * e.header.fee

    def _end(self, id: bytes, status: BatchStatus, at: int) -> BatchStatus:
        """Ends a batch; returns what it was."""
        batch = self.state.batches[id]
        before = BatchStatus(batch["status"])
        batch |= {"status": status, "endedAt": self._time(id, at)}
        return before

    def on_BatchFinal(self, e: Event) -> None:
        assert self._end(e.id, BatchStatus.FINAL, e.at) is BatchStatus.PENDING
        self.state.operators[e.operator]["locked"] -= self._lock(e.id)

    def on_BatchSettled(self, e: Event) -> None:
        self.state.batches[e.id]["status"] = BatchStatus.SETTLED

    def on_BatchRefunded(self, e: Event) -> None:
        # A pot returns with an event of its own.
        if self._end(e.id, BatchStatus.REFUNDED, e.at) is BatchStatus.PENDING:
            self.state.operators[self.state.headers[e.id].operator]["locked"] -= self._lock(e.id)

    def on_ReceiptPublished(self, e: Event) -> None:
        self.state.published.add((e.id, e.leafIndex))

    def on_BatchRecorded(self, e: Event) -> None:
        header, batch = self.state.headers[e.batchId], self.state.batches[e.batchId]
        params = self.state.sets[header.paramSet]
        outcome = Outcome(
            whose=(("ofOperator", e.operator), ("ofModel", e.modelId), ("ofProvider", e.provider)),
            status=BatchStatus(batch["status"]),
            ended_at=batch["endedAt"],
            inferences=header.count,
            challenges=batch["challenges"],
            protocol_fee=header.fee * header.count * params.protocolFeeBps // 10_000,
            penalty=self._lock(e.batchId),
        )
        self.book.record(outcome, e.at)
        self.state.recorded[e.operator, header.sequence] = True

    # ---- Challenges ---------------------------------------------------------------------------------------

    def on_ChallengeOpened(self, e: Event) -> None:
        batch = self.state.batches[e.batchId]
        batch["openChallenges"] += 1
        batch["challenges"] = e.ordinal
        self.state.batch_of[e.id] = e.batchId
        terms = self.state.sets[self.state.headers[e.batchId].paramSet]
        names = ("movedAt", "challengerLeft", "operatorLeft", "demandsLeft", "answers")
        self.state.challenges[e.id] = {
            "challenger": e.challenger,
            "sealedAt": self._time(e.batchId, e.at),
            "challengerTime": terms.challengerTime,
            "ordinal": e.ordinal,
            "status": ChallengeStatus.SEALED,
            **dict.fromkeys((*names, *(f"demand{name}" for name in DEMANDED)), 0),
        }

    def on_SealOpened(self, e: Event) -> None:
        batch_id = self.state.batch_of[e.id]
        place = (batch_id, e.leafIndex)
        challenge = self.state.challenges[e.id]
        holder = self.state.challenges.get(self.state.places.get(place, b""))
        held = (
            holder is not None
            and holder["status"] in (ChallengeStatus.OPENED, ChallengeStatus.ENGAGED)
            and self._time(batch_id, e.at) < holder["sealedAt"] + holder["challengerTime"]
            and holder["ordinal"] <= challenge["ordinal"]
        )
        challenge["status"] = max(challenge["status"], ChallengeStatus.OPENED)
        if not held:
            self.state.places[place] = e.id

    def on_Demanded(self, e: Event) -> None:
        challenge, time = self.state.challenges[e.id], self._time(e.batchId, e.at)
        if challenge["status"] is not ChallengeStatus.ENGAGED:
            terms = self.state.sets[self.state.headers[e.batchId].paramSet]
            challenge |= {
                "status": ChallengeStatus.ENGAGED,
                "movedAt": challenge["sealedAt"],
                "challengerLeft": challenge["challengerTime"],
                "operatorLeft": terms.operatorTime,
                "demandsLeft": terms.maxDemands,
            }
        challenge["challengerLeft"] -= time - challenge["movedAt"]
        challenge["demandsLeft"] -= 1
        challenge["movedAt"] = time
        p = e.position
        values = (p.kind, p.level, p.slot, p.index, *self._size(e))
        challenge |= {f"demand{name}": value for name, value in zip(DEMANDED, values, strict=True)}
        self.state.revealed.setdefault((e.batchId, e.leafIndex, tuple(p)), False)

    def _size(self, e: Event) -> tuple[int, int]:
        """Size and levels above, from the public program; the event says where the tensor stands in it."""
        if e.position.kind in (DemandKind.RECEIPT, DemandKind.REQUEST):
            return 0, 0
        id = self.state.headers[e.batchId].modelId
        model = self.state.models[id]["commitment"]
        if e.position.kind == DemandKind.TRACE_NODES:
            return model.slots, 0
        width = model.inputs if e.position.kind in OF_INPUT else model.slots
        return size_shown(self.world.programs[id][e.entryIndex], e.operand), depth_of(width)

    def on_Revealed(self, e: Event) -> None:
        challenge, time = self.state.challenges[e.id], self._time(e.batchId, e.at)
        challenge["operatorLeft"] -= time - challenge["movedAt"]
        challenge["answers"] += 1
        challenge |= {"movedAt": time, "demandKind": DemandKind.NONE}
        self.state.revealed[e.batchId, e.leafIndex, tuple(e.position)] = True

    def on_FaultProven(self, e: Event) -> None:
        self._end(e.batchId, BatchStatus.FAULTY, e.at)
        self.state.challenges[e.winner]["status"] = ChallengeStatus.WON

    def on_OperatorTimedOut(self, e: Event) -> None:
        self._end(e.batchId, BatchStatus.FAULTY, e.at)
        self.state.challenges[e.id]["status"] = ChallengeStatus.WON

    def on_ChallengeLost(self, e: Event) -> None:
        self._close(e.id, ChallengeStatus.LOST)

    def on_ChallengeClosed(self, e: Event) -> None:
        self._close(e.id, ChallengeStatus.CLOSED)

    def _close(self, id: bytes, status: ChallengeStatus) -> None:
        self.state.challenges[id]["status"] = status
        batch = self.state.batches[self.state.batch_of[id]]
        # Once the batch is decided nobody counts any more.
        if batch["status"] is BatchStatus.PENDING:
            batch["openChallenges"] -= 1

    # ---- Omissions ----------------------------------------------------------------------------------------

    def on_OmissionClaimed(self, e: Event) -> None:
        deadline = e.at + self.state.sets[e.set].operatorTime
        self.state.omissions[e.receiptHash] = (OmissionStatus.CLAIMED, e.set, deadline)

    def on_OmissionAnswered(self, e: Event) -> None:
        self._decide(e.receiptHash, OmissionStatus.ANSWERED)

    def on_OmissionPunished(self, e: Event) -> None:
        self._decide(e.receiptHash, OmissionStatus.PUNISHED)

    def _decide(self, receipt_hash: bytes, status: OmissionStatus) -> None:
        _, *rest = self.state.omissions[receipt_hash]
        self.state.omissions[receipt_hash] = (status, *rest)  # type: ignore[assignment]
