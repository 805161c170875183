"""What a watcher must not forget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Row, delete, insert, null, select, update

from onus.protocol import (
    BatchHeader,
    BatchId,
    ChallengeId,
    Claim,
    FaultKind,
    Opening,
    ReceiptProof,
    Request,
    Struct,
)
from onus.store import _schema as schema
from onus.store._database import Database
from onus.store._errors import UnknownBatch, UnknownChallenge, WrongState
from onus.store._records import (
    BlockRef,
    ChallengeStage,
    SeenBatch,
    SeenStage,
    StoredChallenge,
    Verdict,
    VerdictKind,
)

__all__ = ["WatcherStore"]


_NEXT: Final = {
    # A process may have died between sending and recording, so that steps are skipped.
    ChallengeStage.PLANNED: frozenset(ChallengeStage) - {ChallengeStage.PLANNED},
    ChallengeStage.SEALED: frozenset(ChallengeStage) - {ChallengeStage.PLANNED},
    # Closed: the batch it won was refunded.
    ChallengeStage.WON: frozenset({ChallengeStage.SETTLED, ChallengeStage.CLOSED}),
    ChallengeStage.SETTLED: frozenset(),
    ChallengeStage.LOST: frozenset(),
    ChallengeStage.CLOSED: frozenset(),
    ChallengeStage.DROPPED: frozenset(),
}


class WatcherStore:
    """Blocks read, batches seen, verdicts reached, challenges made.

    A challenge's salt and what its operator served are on disk before it is sent: nobody else can open its
    seal, and its operator may be gone when the time to prove comes.
    """

    def __init__(self, database: Database, *, kept_blocks: int = 128) -> None:
        self._database = database
        self._kept_blocks = kept_blocks

    # ---- what was read ---------------------------------------------------------------------------

    def cursor(self) -> BlockRef | None:
        """The newest block that was read; None at the start."""
        return next(iter(self.blocks(limit=1)), None)

    def blocks(self, *, limit: int | None = None) -> list[BlockRef]:
        """The last blocks that were read, newest first: where a reorganisation is found."""
        table = schema.blocks
        query = select(table).order_by(table.c.number.desc()).limit(limit or self._kept_blocks)
        with self._database.snapshot() as connection:
            return [BlockRef(number=row.number, hash=row.hash) for row in connection.execute(query)]

    def read(self, block: BlockRef, batches: Sequence[SeenBatch]) -> None:
        """Records new batches together with the block up to which they are all."""
        table, seen = schema.blocks, schema.seen
        with self._database.transaction() as connection:
            connection.execute(delete(table).where(table.c.number >= block.number))
            connection.execute(delete(table).where(table.c.number <= block.number - self._kept_blocks))
            connection.execute(insert(table).values(number=block.number, hash=block.hash))
            for batch in batches:
                place = {
                    "block_number": batch.block.number,
                    "block_hash": batch.block.hash,
                    "window_ends_at": batch.window_ends_at,
                }
                change = update(seen).where(seen.c.batch_id == batch.batch_id).values(**place)
                if connection.execute(change).rowcount == 0:
                    connection.execute(
                        insert(seen).values(
                            batch_id=batch.batch_id,
                            header=batch.header.to_json(),
                            claims=[claim.to_json() for claim in batch.claims],
                            stage=batch.stage,
                            attempts=batch.attempts,
                            note=batch.note,
                            **place,
                        )
                    )

    def rewind(self, number: int) -> None:
        """Forgets that blocks after ``number`` were read, and batches that only they had.

        A batch with a challenge stays: its id is its content, and it may come again.
        """
        table, seen, challenges = schema.blocks, schema.seen, schema.challenges
        with self._database.transaction() as connection:
            connection.execute(delete(table).where(table.c.number > number))
            connection.execute(
                delete(seen).where(
                    seen.c.block_number > number, seen.c.batch_id.not_in(select(challenges.c.batch_id))
                )
            )

    # ---- batches and verdicts --------------------------------------------------------------------

    def batches(self, *stages: SeenStage) -> list[SeenBatch]:
        """Batches in these stages (all stages if none is given), oldest first."""
        table = schema.seen
        query = select(table).order_by(table.c.block_number, table.c.batch_id)
        if stages:
            query = query.where(table.c.stage.in_(stages))
        with self._database.snapshot() as connection:
            return [_seen(row) for row in connection.execute(query)]

    def batch(self, batch_id: bytes) -> SeenBatch:
        """One batch.

        Raises:
            UnknownBatch: it was never seen.
        """
        with self._database.snapshot() as connection:
            row = connection.execute(
                select(schema.seen).where(schema.seen.c.batch_id == batch_id)
            ).one_or_none()
        if row is None:
            raise UnknownBatch(batch_id)
        return _seen(row)

    def judge(
        self, batch_id: BatchId, stage: SeenStage, verdicts: Sequence[Verdict] = (), *, note: str = ""
    ) -> None:
        """Records the verdicts on a batch, in place of earlier ones.

        Raises:
            UnknownBatch: it was never seen.
        """
        table, seen = schema.verdicts, schema.seen
        with self._database.transaction() as connection:
            change = (
                update(seen)
                .where(seen.c.batch_id == batch_id)
                .values(stage=stage, note=note, attempts=seen.c.attempts + 1)
            )
            if connection.execute(change).rowcount == 0:
                raise UnknownBatch(batch_id)
            connection.execute(delete(table).where(table.c.batch_id == batch_id))
            if verdicts:
                connection.execute(
                    insert(table),
                    [
                        {
                            "batch_id": batch_id,
                            "leaf_index": verdict.leaf_index,
                            "kind": verdict.kind,
                            "slot": verdict.slot,
                            "element": verdict.element,
                            "note": verdict.note,
                        }
                        for verdict in verdicts
                    ],
                )

    def close(self, batch_id: BatchId, *, note: str = "") -> None:
        """Records that the chain has decided a batch."""
        table = schema.seen
        with self._database.transaction() as connection:
            connection.execute(
                update(table)
                .where(table.c.batch_id == batch_id)
                .values(stage=SeenStage.CLOSED, note=note or table.c.note)
            )

    def verdicts(self, batch_id: bytes) -> list[Verdict]:
        """Verdicts on a batch's receipts, in leaf order."""
        table = schema.verdicts
        query = select(table).where(table.c.batch_id == batch_id).order_by(table.c.leaf_index)
        with self._database.snapshot() as connection:
            return [
                Verdict(
                    leaf_index=row.leaf_index,
                    kind=VerdictKind(row.kind),
                    slot=row.slot,
                    element=row.element,
                    note=row.note,
                )
                for row in connection.execute(query)
            ]

    # ---- challenges ------------------------------------------------------------------------------

    def plan(self, challenge: StoredChallenge) -> None:
        """Keeps a challenge. To be called before it is sent."""
        with self._database.transaction() as connection:
            connection.execute(
                insert(schema.challenges).values(
                    challenge_id=challenge.challenge_id,
                    batch_id=challenge.batch_id,
                    leaf_index=challenge.opening.leaf_index,
                    salt=challenge.opening.salt,
                    sampled=challenge.sampled,
                    proof=_json(challenge.proof),
                    request=_json(challenge.request),
                    input=challenge.input,
                    kind=None if challenge.kind is None else challenge.kind.name,
                    evidence=challenge.evidence,
                    stage=challenge.stage,
                    sealed_at=challenge.sealed_at,
                    transactions=list(challenge.transactions),
                    note=challenge.note,
                )
            )

    def advance(
        self,
        challenge_id: ChallengeId,
        stage: ChallengeStage,
        *,
        sealed_at: int | None = None,
        transaction: str | None = None,
        note: str | None = None,
    ) -> StoredChallenge:
        """Records where a challenge is now. Again is no change but for what is given.

        Raises:
            UnknownChallenge: it was never planned.
            WrongState: it would go back.
        """
        table = schema.challenges
        with self._database.transaction() as connection:
            query = select(table).where(table.c.challenge_id == challenge_id).with_for_update()
            row = connection.execute(query).one_or_none()
            if row is None:
                raise UnknownChallenge(challenge_id)
            found = _challenge(row)
            if stage is not found.stage and stage not in _NEXT[found.stage]:
                raise WrongState(f"challenge 0x{challenge_id.hex()}", stage=found.stage, wanted=stage)
            changed = replace(
                found,
                stage=stage,
                sealed_at=found.sealed_at if sealed_at is None else sealed_at,
                transactions=found.transactions
                if transaction is None
                else (*found.transactions, transaction),
                note=found.note if note is None else note,
            )
            connection.execute(
                update(table)
                .where(table.c.challenge_id == challenge_id)
                .values(
                    stage=changed.stage,
                    sealed_at=changed.sealed_at,
                    transactions=list(changed.transactions),
                    note=changed.note,
                )
            )
        return changed

    def show(
        self, challenge_id: ChallengeId, *, proof: ReceiptProof, kind: FaultKind, evidence: bytes, note: str
    ) -> StoredChallenge:
        """Keeps what a challenge can show now.

        Raises:
            UnknownChallenge: it was never planned.
        """
        table = schema.challenges
        with self._database.transaction() as connection:
            change = (
                update(table)
                .where(table.c.challenge_id == challenge_id)
                .values(proof=_json(proof), kind=kind.name, evidence=evidence, note=note)
            )
            if connection.execute(change).rowcount == 0:
                raise UnknownChallenge(challenge_id)
            query = select(table).where(table.c.challenge_id == challenge_id)
            return _challenge(connection.execute(query).one())

    def challenges(self, *stages: ChallengeStage, batch_id: bytes | None = None) -> list[StoredChallenge]:
        """Challenges in these stages (all stages if none is given), oldest first."""
        table = schema.challenges
        query = select(table).order_by(table.c.number)
        if stages:
            query = query.where(table.c.stage.in_(stages))
        if batch_id is not None:
            query = query.where(table.c.batch_id == batch_id)
        with self._database.snapshot() as connection:
            return [_challenge(row) for row in connection.execute(query)]


def _json(struct: Struct | None) -> Any:
    # A JSON null would be a value; what is not known is none.
    return null() if struct is None else struct.to_json()


def _seen(row: Row[Any]) -> SeenBatch:
    return SeenBatch(
        batch_id=BatchId(row.batch_id),
        header=BatchHeader.from_json(row.header),
        claims=tuple(Claim.from_json(each) for each in row.claims),
        block=BlockRef(number=row.block_number, hash=row.block_hash),
        window_ends_at=row.window_ends_at,
        stage=SeenStage(row.stage),
        attempts=row.attempts,
        note=row.note,
    )


def _challenge(row: Row[Any]) -> StoredChallenge:
    return StoredChallenge(
        challenge_id=ChallengeId(row.challenge_id),
        batch_id=BatchId(row.batch_id),
        opening=Opening(leaf_index=row.leaf_index, salt=row.salt),
        sampled=row.sampled,
        proof=None if row.proof is None else ReceiptProof.from_json(row.proof),
        request=None if row.request is None else Request.from_json(row.request),
        input=None if row.input is None else bytes(row.input),
        kind=None if row.kind is None else FaultKind[row.kind],
        evidence=None if row.evidence is None else bytes(row.evidence),
        stage=ChallengeStage(row.stage),
        sealed_at=row.sealed_at,
        transactions=tuple(row.transactions),
        note=row.note,
    )
