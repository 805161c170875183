"""The command, as a process of its own and in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from onus.cli._app import app

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """What a command left."""

    code: int
    stdout: str
    stderr: str


def command(*words: str | Path, timeout: float = 300) -> Ended:
    """Runs ``onus`` as a user does."""
    ended = subprocess.run(
        [sys.executable, "-m", "onus.cli", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "python_client"), "TERM": "dumb", "COLUMNS": "100"},
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def invoke(*words: str | Path) -> Ended:
    """Runs ``onus`` in this process; anything it does not mean to raise comes through."""
    result = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    return Ended(result.exit_code, result.stdout, result.stderr)
