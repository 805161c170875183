"""Databases: SQLite always, and PostgreSQL where its binaries are found."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from onus.store import Database, Owner
from tests.store.people import OWNER


def _postgres_binaries() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


_BINARIES = _postgres_binaries()
_KINDS = ["sqlite", *(["postgresql"] if _BINARIES else [])]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a server of our own, in a folder of its own, gone afterwards."""
    assert _BINARIES is not None
    # The server refuses to run as root.
    user = None
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
    with tempfile.TemporaryDirectory(prefix="onus-postgres-") as folder:
        os.chmod(folder, 0o755)
        data, sockets = Path(folder, "data"), Path(folder, "run")
        for each in (data, sockets):
            each.mkdir()
            if user is not None:
                shutil.chown(each, user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        run = {"user": user, "cwd": "/", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        initdb = [_BINARIES / "initdb", "-D", data, "-U", "onus", "-A", "trust", "--no-sync"]
        subprocess.run(initdb, check=True, **run)  # type: ignore[call-overload]
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": sockets, "fsync": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = subprocess.Popen(  # type: ignore[call-overload]
            [_BINARIES / "postgres", "-D", data, "-p", str(port), *options], **run
        )
        try:
            url = f"postgresql+psycopg://onus@127.0.0.1:{port}/postgres"
            _wait_for(url)
            yield url
        finally:
            server.terminate()
            server.wait(20)


def _wait_for(url: str) -> None:
    engine = create_engine(url)
    for attempt in range(200):
        try:
            with engine.connect():
                break
        except Exception:
            if attempt == 199:
                raise
            import time

            time.sleep(0.05)
    engine.dispose()


@pytest.fixture(params=_KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a new, empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'node.db'}"
    server = request.getfixturevalue("postgres")
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.rpartition("/")[0] + "/" + name


@pytest.fixture
def connect(url: str) -> Iterator[Callable[..., Database]]:
    """Opens the database; each call is another process starting on it."""
    opened = []

    def connect(owner: Owner = OWNER) -> Database:
        database = Database(url, owner=owner)
        opened.append(database)
        return database

    yield connect
    for database in opened:
        database.close()
