"""Tables, the same in SQLite and PostgreSQL.

Amounts of up to 256 bits are zero-padded decimal text: exact everywhere, and ordered as numbers are.
Protocol structs are stored in the JSON form in which they travel.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import JSON

__all__ = [
    "SCHEMA_VERSION",
    "batches",
    "blocks",
    "challenges",
    "metadata",
    "payers",
    "properties",
    "receipts",
    "seen",
    "verdicts",
]

SCHEMA_VERSION: Final = "2"

# SQLite numbers rows only in a column of exactly this type.
_RowNumber = BigInteger().with_variant(Integer(), "sqlite")


class Amount(TypeDecorator[int]):
    """An unsigned integer of up to 128 bits."""

    impl = String(39)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        """To 39 digits."""
        return None if value is None else f"{value:039d}"

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """From 39 digits."""
        return None if value is None else int(value)


class Hash(TypeDecorator[bytes]):
    """32 bytes."""

    impl = LargeBinary(32)
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Also from `hexbytes` and other subclasses."""
        return None if value is None else bytes(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        """Also from a memory view."""
        return None if value is None else bytes(value)


_Address = String(42)
_Stage = String(12)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

properties = Table(
    "properties",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# ---- operator -------------------------------------------------------------------------------------------

payers = Table(
    "payers",
    metadata,
    Column("payer", _Address, primary_key=True),
    Column("promised", Amount, nullable=False),
    Column("cumulative", Amount, nullable=False),
    Column("voucher", JSON, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("batch_id", Hash, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("header", JSON, nullable=False),
    Column("claims", JSON, nullable=False),
    Column("stage", _Stage, nullable=False),
    Column("transaction", String(66)),
    Column("committed_at", BigInteger, nullable=False, default=0),
    Column("window_ends_at", BigInteger, nullable=False, default=0),
    Index(None, "stage"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("number", _RowNumber, primary_key=True, autoincrement=True),
    Column("request_id", Hash, nullable=False, unique=True),
    Column("leaf", Hash, nullable=False, unique=True),
    Column("payer", _Address, nullable=False),
    Column("stake", Amount, nullable=False),
    Column("commit_by", BigInteger, nullable=False),
    Column("request", JSON, nullable=False),
    Column("receipt", JSON, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("output", LargeBinary, nullable=False),
    Column("stage", _Stage, nullable=False),
    Column("batch_id", Hash, ForeignKey("batches.batch_id")),
    Column("leaf_index", BigInteger),
    Index(None, "stage"),
    Index(None, "batch_id", "leaf_index"),
)

# ---- watcher --------------------------------------------------------------------------------------------

blocks = Table(
    "blocks",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Hash, nullable=False),
)

seen = Table(
    "seen",
    metadata,
    Column("batch_id", Hash, primary_key=True),
    Column("header", JSON, nullable=False),
    Column("claims", JSON, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Hash, nullable=False),
    Column("window_ends_at", BigInteger, nullable=False),
    Column("stage", _Stage, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "stage"),
    Index(None, "block_number"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("batch_id", Hash, ForeignKey("seen.batch_id", ondelete="CASCADE"), primary_key=True),
    Column("leaf_index", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", _Stage, nullable=False),
    Column("slot", BigInteger),
    Column("element", BigInteger),
    Column("note", Text, nullable=False),
)

challenges = Table(
    "challenges",
    metadata,
    Column("number", _RowNumber, primary_key=True, autoincrement=True),
    Column("challenge_id", Hash, nullable=False, unique=True),
    Column("batch_id", Hash, nullable=False),
    Column("leaf_index", BigInteger, nullable=False),
    Column("salt", Hash, nullable=False),
    Column("sampled", Boolean, nullable=False),
    Column("proof", JSON),
    Column("request", JSON),
    Column("input", LargeBinary),
    Column("kind", _Stage),
    Column("evidence", LargeBinary),
    Column("stage", _Stage, nullable=False),
    Column("sealed_at", BigInteger, nullable=False),
    Column("transactions", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "stage"),
    Index(None, "batch_id"),
)
