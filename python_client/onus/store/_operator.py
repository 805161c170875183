"""What an operator must not forget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from onus.protocol import Address, Batch, BatchHeader, BatchId, Claim, Receipt, Request, Signed, Voucher
from onus.store import _schema as schema
from onus.store._database import Database
from onus.store._errors import AlreadyServed, NotWaiting, UnknownBatch, WrongState
from onus.store._records import BatchStage, PayerAccount, ReceiptStage, ServedReceipt, StoredBatch

__all__ = ["OperatorStore"]

_OUTCOMES = {
    BatchStage.COMMITTED: ReceiptStage.COMMITTED,
    BatchStage.FINAL: ReceiptStage.FINAL,
    BatchStage.FAULTY: ReceiptStage.FAULTY,
}


class OperatorStore:
    """Receipts, vouchers and batches of one operator.

    The rules that keep an operator honest after a crash live here: a request has one receipt for ever, a
    receipt is in one live batch at most, and a batch is on disk before its commit is sent.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- receipts and vouchers -------------------------------------------------------------------

    def record(self, served: Sequence[ServedReceipt], accounts: Iterable[PayerAccount]) -> None:
        """Keeps receipts and the new standing of their payers, all or nothing, before any is handed out.

        Args:
            served: new ones; their requests were never recorded before.
            accounts: of all their payers, as they are after these receipts.

        Raises:
            AlreadyServed: one of the requests has a receipt already; nothing was kept.
        """
        if not served:
            return
        table = schema.receipts
        rows = [
            {
                "request_id": each.request_id,
                "leaf": each.receipt.message.struct_hash,
                "payer": each.receipt.message.payer,
                "stake": each.receipt.message.stake,
                "commit_by": each.receipt.message.commit_by,
                "request": each.request.to_json(),
                "receipt": each.receipt.to_json(),
                "input": each.input,
                "output": each.output,
                "stage": ReceiptStage.SERVED,
            }
            for each in served
        ]
        try:
            with self._database.transaction() as connection:
                connection.execute(insert(table), rows)
                for account in accounts:
                    self._write_account(connection, account)
        except IntegrityError as error:
            raise AlreadyServed("a request was served before") from error

    def served(self, request_ids: Iterable[bytes]) -> dict[bytes, ServedReceipt]:
        """What was served, by request id; requests without a receipt are missing."""
        wanted = list(dict.fromkeys(request_ids))
        if not wanted:
            return {}
        query = select(schema.receipts).where(schema.receipts.c.request_id.in_(wanted))
        return {bytes(each.request_id): each for each in self._receipts(query)}

    def accounts(self, payers: Iterable[Address]) -> dict[Address, PayerAccount]:
        """What is known about payers; unknown ones are missing."""
        query = select(schema.payers).where(schema.payers.c.payer.in_(list(dict.fromkeys(payers))))
        with self._database.snapshot() as connection:
            found = [_account(row) for row in connection.execute(query)]
        return {account.payer: account for account in found}

    def waiting(self) -> list[ServedReceipt]:
        """Receipts that are in no batch, in the order in which they were served."""
        table = schema.receipts
        return self._receipts(
            select(table).where(table.c.stage == ReceiptStage.SERVED).order_by(table.c.number)
        )

    def backlog(self) -> tuple[int, int]:
        """Number of receipts in no batch, and the earliest ``commit_by`` of them (0 without any)."""
        table = schema.receipts
        query = select(func.count(), func.coalesce(func.min(table.c.commit_by), 0))
        with self._database.snapshot() as connection:
            row = connection.execute(query.where(table.c.stage == ReceiptStage.SERVED)).one()
        return int(row[0]), int(row[1])

    def count(self, *stages: ReceiptStage) -> int:
        """Number of receipts in these stages."""
        table = schema.receipts
        query = select(func.count()).select_from(table).where(table.c.stage.in_(stages))
        with self._database.snapshot() as connection:
            return int(connection.execute(query).scalar_one())

    def exposure(self) -> int:
        """Collateral of everything that was served and is not committed, in token base units."""
        table = schema.receipts
        query = (
            select(table.c.stake, func.count())
            .where(table.c.stage.in_((ReceiptStage.SERVED, ReceiptStage.BATCHED)))
            .group_by(table.c.stake)
        )
        with self._database.snapshot() as connection:
            return sum(stake * count for stake, count in connection.execute(query))

    # ---- batches ---------------------------------------------------------------------------------

    def prepare(self, batch_id: BatchId, batch: Batch) -> StoredBatch:
        """Puts waiting receipts into a batch. To be called before its commit is sent.

        Raises:
            NotWaiting: a receipt is unknown or in another batch; nothing was changed.
        """
        table = schema.receipts
        stored = StoredBatch(
            batch_id=batch_id, header=batch.header, claims=batch.claims, stage=BatchStage.PREPARED
        )
        given_up = delete(schema.batches).where(
            schema.batches.c.batch_id == batch_id, schema.batches.c.stage == BatchStage.ABANDONED
        )
        with self._database.transaction() as connection:
            # The same content has the same name.
            connection.execute(given_up)
            connection.execute(insert(schema.batches).values(**_batch_row(stored)))
            change = (
                update(table)
                .where(table.c.leaf == bindparam("the_leaf"), table.c.stage == ReceiptStage.SERVED)
                .values(stage=ReceiptStage.BATCHED, batch_id=batch_id, leaf_index=bindparam("place"))
            )
            places = [{"the_leaf": leaf, "place": index} for index, leaf in enumerate(batch.tree.leaves)]
            moved = connection.execute(change, places).rowcount
            if moved != batch.header.count:
                raise NotWaiting(moved, batch.header.count)
        return stored

    def commit(
        self, batch_id: BatchId, *, transaction: str | None, committed_at: int, window_ends_at: int
    ) -> None:
        """Records that the chain has the batch. Again is no change.

        Args:
            batch_id: a prepared batch.
            transaction: hash of the commit, if this process sent it.
            committed_at: time of its block, in seconds.
            window_ends_at: first second at which no challenge can be opened.
        """
        self._advance(
            batch_id,
            BatchStage.COMMITTED,
            after=(BatchStage.PREPARED,),
            transaction=transaction,
            committed_at=committed_at,
            window_ends_at=window_ends_at,
        )

    def decide(self, batch_id: BatchId, *, final: bool) -> None:
        """Records how the batch ended on chain. Again is no change."""
        stage = BatchStage.FINAL if final else BatchStage.FAULTY
        self._advance(batch_id, stage, after=(BatchStage.COMMITTED,))

    def abandon(self, batch_id: BatchId) -> None:
        """Gives up a prepared batch; its receipts wait again.

        Only for one that the chain can never take any more: another batch has its sequence, or its parameter
        set is out of force for good.
        """
        table, receipts = schema.batches, schema.receipts
        with self._database.transaction() as connection:
            self._require(connection, batch_id, (BatchStage.PREPARED,), BatchStage.ABANDONED)
            connection.execute(
                update(table).where(table.c.batch_id == batch_id).values(stage=BatchStage.ABANDONED)
            )
            connection.execute(
                update(receipts)
                .where(receipts.c.batch_id == batch_id)
                .values(stage=ReceiptStage.SERVED, batch_id=None, leaf_index=None)
            )

    def batches(self, *stages: BatchStage) -> list[StoredBatch]:
        """Batches in these stages, by sequence."""
        table = schema.batches
        query = select(table).where(table.c.stage.in_(stages)).order_by(table.c.sequence)
        with self._database.snapshot() as connection:
            return [_batch(row) for row in connection.execute(query)]

    def batch(self, batch_id: bytes) -> StoredBatch:
        """One batch.

        Raises:
            UnknownBatch: there is no such batch.
        """
        table = schema.batches
        with self._database.snapshot() as connection:
            row = connection.execute(select(table).where(table.c.batch_id == batch_id)).one_or_none()
        if row is None:
            raise UnknownBatch(batch_id)
        return _batch(row)

    def receipts_of(self, batch_id: bytes) -> list[ServedReceipt]:
        """The receipts of a batch in leaf order."""
        table = schema.receipts
        query = select(table).where(table.c.batch_id == batch_id).order_by(table.c.leaf_index)
        return self._receipts(query)

    def receipt_at(self, batch_id: bytes, leaf_index: int) -> ServedReceipt | None:
        """One receipt of a batch."""
        table = schema.receipts
        query = select(table).where(table.c.batch_id == batch_id, table.c.leaf_index == leaf_index)
        return next(iter(self._receipts(query)), None)

    def leaves_of(self, batch_id: bytes) -> list[bytes]:
        """Leaves of a batch's tree, in order: enough for the path of any of its receipts."""
        table = schema.receipts
        query = select(table.c.leaf).where(table.c.batch_id == batch_id).order_by(table.c.leaf_index)
        with self._database.snapshot() as connection:
            return list(connection.execute(query).scalars())

    def oldest_open(self) -> int | None:
        """When the oldest batch that can still be challenged was committed, or a little before; in seconds.

        None if there is none. A prepared batch may be on chain already, from its first receipt on.
        """
        table, receipts = schema.batches, schema.receipts
        committed = select(func.min(table.c.committed_at)).where(table.c.stage == BatchStage.COMMITTED)
        prepared = select(table.c.batch_id).where(table.c.stage == BatchStage.PREPARED)
        with self._database.snapshot() as connection:
            times = [connection.execute(committed).scalar()]
            served = self._receipts(select(receipts).where(receipts.c.batch_id.in_(prepared)))
        times += [each.receipt.message.served_at for each in served]
        return min((int(time) for time in times if time is not None), default=None)

    # ---- inside ----------------------------------------------------------------------------------

    def _receipts(self, query: Select[Any]) -> list[ServedReceipt]:
        with self._database.snapshot() as connection:
            return [_served(row) for row in connection.execute(query)]

    def _write_account(self, connection: Connection, account: PayerAccount) -> None:
        table = schema.payers
        values = {
            "promised": account.promised,
            "cumulative": account.voucher.message.cumulative,
            "voucher": account.voucher.to_json(),
        }
        change = update(table).where(table.c.payer == account.payer).values(**values)
        if connection.execute(change).rowcount == 0:
            connection.execute(insert(table).values(payer=account.payer, **values))

    def _require(
        self, connection: Connection, batch_id: bytes, stages: tuple[BatchStage, ...], wanted: BatchStage
    ) -> BatchStage:
        table = schema.batches
        query = select(table.c.stage).where(table.c.batch_id == batch_id).with_for_update()
        found = connection.execute(query).scalar()
        if found is None:
            raise UnknownBatch(batch_id)
        if found != wanted and found not in stages:
            raise WrongState(f"batch 0x{batch_id.hex()}", stage=found, wanted=wanted)
        return BatchStage(found)

    def _advance(
        self, batch_id: bytes, stage: BatchStage, *, after: tuple[BatchStage, ...], **values: object
    ) -> None:
        table, receipts = schema.batches, schema.receipts
        with self._database.transaction() as connection:
            if self._require(connection, batch_id, after, stage) == stage:
                return
            connection.execute(
                update(table).where(table.c.batch_id == batch_id).values(stage=stage, **values)
            )
            connection.execute(
                update(receipts).where(receipts.c.batch_id == batch_id).values(stage=_OUTCOMES[stage])
            )


def _account(row: Row[Any]) -> PayerAccount:
    return PayerAccount(
        payer=row.payer, promised=row.promised, voucher=Signed.from_json(Voucher, row.voucher)
    )


def _served(row: Row[Any]) -> ServedReceipt:
    return ServedReceipt(
        request=Signed.from_json(Request, row.request),
        receipt=Signed.from_json(Receipt, row.receipt),
        input=bytes(row.input),
        output=bytes(row.output),
        stage=ReceiptStage(row.stage),
        batch_id=None if row.batch_id is None else BatchId(row.batch_id),
        leaf_index=row.leaf_index,
    )


def _batch_row(batch: StoredBatch) -> dict[str, Any]:
    return {
        "batch_id": batch.batch_id,
        "sequence": batch.header.sequence,
        "header": batch.header.to_json(),
        "claims": [claim.to_json() for claim in batch.claims],
        "stage": batch.stage,
        "transaction": batch.transaction,
        "committed_at": batch.committed_at,
        "window_ends_at": batch.window_ends_at,
    }


def _batch(row: Row[Any]) -> StoredBatch:
    return StoredBatch(
        batch_id=BatchId(row.batch_id),
        header=BatchHeader.from_json(row.header),
        claims=tuple(Claim.from_json(each) for each in row.claims),
        stage=BatchStage(row.stage),
        transaction=row.transaction,
        committed_at=row.committed_at,
        window_ends_at=row.window_ends_at,
    )
