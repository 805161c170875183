"""`make demo` as a test: the whole main job, and that a step which did not happen is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scripts.demo import books, run
from scripts.demo.__main__ import _amounts_as_text
from scripts.demo.dishonest import DishonestExecutor
from scripts.demo.run import Options, play
from scripts.demo.show import Show

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return play(Options(images=132, batch=20), Show(None), books=books.make)


def test_everything_happened(report: dict[str, Any]) -> None:
    assert [check for check, holds in report["checks"].items() if not holds] == []
    assert report["ok"]


def test_the_altered_batches_are_faulty__and_all_others_final(report: dict[str, Any]) -> None:
    by_status: dict[str, int] = {}
    for batch in report["batches"]:
        by_status[batch["status"]] = by_status.get(batch["status"], 0) + 1
    assert by_status.pop("SETTLED") == 3
    assert by_status.keys() == {"FINAL"}
    convicted = sorted(batch["operator"] for batch in report["batches"] if batch["status"] == "SETTLED")
    assert convicted == ["operator C", "operator C", "operator D"]


def test_the_money_adds_up(report: dict[str, Any]) -> None:
    """A1, C16: to the last base unit."""
    lost = sum(
        account["before"]["stake"] - account["after"]["stake"] for account in report["accounts"].values()
    )
    gained = report["burned"] + sum(
        account["earned"] for name, account in report["accounts"].items() if name.startswith(("payer", "wat"))
    )
    assert lost == gained > 0
    for held in report["solvency"].values():
        assert held["tokens"] == held["buckets"] > 0


def test_gas_of_each_kind__is_reported(report: dict[str, Any]) -> None:
    for kind in (
        "Settlement.commit",
        "Settlement.finalize",
        "Disputes.challenge",
        "Disputes.demand",
        "Disputes.reveal",
        "Disputes.prove",
    ):
        each = report["gas"][kind]
        assert 0 < each["least"] <= each["most"] <= each["total"]


def test_the_report__is_json(report: dict[str, Any]) -> None:
    read = json.loads(json.dumps(_amounts_as_text(report)))
    assert int(read["burned"]) == report["burned"]
    assert read["accuracy"]["honest"]["share"] >= 0.96


def test_a_step_that_did_not_happen__is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a cheat there is nothing to convict, and the demonstration has failed."""
    monkeypatch.setattr(run, "_plan_cheating", lambda *_: DishonestExecutor({}))
    monkeypatch.setattr(run, "_alter_last", lambda *_: DishonestExecutor({}))
    with pytest.raises(run.DemoFailed, match="what it looked into was right"):
        play(Options(images=45, batch=4), Show(None), books=books.make)


def test_interrupted__it_leaves_no_chain_behind() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.demo"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    child = _child_anvil(process.pid)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors.decode()
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _child_anvil(parent: int) -> int:
    for _ in range(600):
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = entry.read_text().partition("(")[2].rpartition(")")
            except OSError:
                continue
            if name == "anvil" and int(rest.split()[1]) == parent:
                return int(entry.parent.name)
        time.sleep(0.05)
    raise AssertionError("no chain was started")
