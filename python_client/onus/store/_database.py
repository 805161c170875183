"""Connections, transactions, and whose database it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.engine import make_url

from onus.protocol import Address, Domain
from onus.store import _schema as schema
from onus.store._errors import SchemaMismatch, WrongOwner

__all__ = ["Database", "Owner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose records these are: they make sense for one role, on one chain, for one address."""

    role: str
    domain: Domain
    address: Address

    def __str__(self) -> str:
        return f"{self.role} {self.address} of {self.domain.settlement} on chain {self.domain.chain_id}"


class Database:
    """One database, made on first use.

    Thread-safe. Writers of SQLite take their lock when a transaction begins, so none fails half-way; every
    commit is on disk before it returns.

    Args:
        url: of SQLAlchemy, for example ``sqlite:///operator.db`` or ``postgresql+psycopg://host/name``.
        owner: recorded when the database is made, compared ever after.

    Raises:
        SchemaMismatch: it was made by another version.
        WrongOwner: it was made for somebody else.
    """

    def __init__(self, url: str, *, owner: Owner) -> None:
        self.owner = owner
        self._engine = _engine(url)
        self._reader = self._engine.execution_options(only_reads=True)
        schema.metadata.create_all(self._engine)
        with self.transaction() as connection:
            self._claim(connection, "schema", schema.SCHEMA_VERSION)
            self._claim(connection, "owner", str(owner))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose work is kept if the block ends well, and undone otherwise."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection to read with; waits for no writer."""
        with self._reader.begin() as connection:
            yield connection

    def close(self) -> None:
        """Gives back all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _claim(self, connection: Connection, key: str, value: str) -> None:
        table = schema.properties
        found = connection.execute(select(table.c.value).where(table.c.key == key)).scalar()
        if found is None:
            connection.execute(insert(table).values(key=key, value=value))
        elif found != value and key == "schema":
            raise SchemaMismatch(expected=value, actual=found)
        elif found != value:
            raise WrongOwner(expected=value, actual=found)


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    engine = create_engine(parsed, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # The driver would begin transactions too late, and only for some statements.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        only_reads = connection.get_execution_options().get("only_reads", False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return engine
