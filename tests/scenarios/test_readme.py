"""The README's Python block runs as it stands, against the devnet that it names."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FACTS = ROOT / ".build" / "devnet.json"


@pytest.fixture
def devnet() -> Iterator[None]:
    """`make devnet`, stopped as a user would stop it."""
    FACTS.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.devnet"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        deadline = time.monotonic() + 120
        while not FACTS.exists():
            assert process.poll() is None, process.stdout and process.stdout.read().decode()
            assert time.monotonic() < deadline, "devnet does not come up"
            time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert not FACTS.exists()


def test_readme__when_the_block_is_run__gives_a_final_answer(devnet: None) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert sum(bool(line.strip()) for line in block.splitlines()) <= 20
    # Its waiting is real: windows of seconds pass on the devnet.
    result = subprocess.run(
        [sys.executable, "-c", block],
        cwd=ROOT,
        env=dict(os.environ),
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert result.returncode == 0, result.stderr
    said, right = re.fullmatch(r"says (\d) is (\d)\n", result.stdout).groups()
    assert said == right
