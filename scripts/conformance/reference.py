"""TOSA's reference model, in a process of its own: some inputs end the process it runs in.

`python -m scripts.conformance.reference` reads paths of questions, one a line, and answers each with a line.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from scripts.build import ROOT

__all__ = ["ENDED", "TIMED_OUT", "VALID", "Answer", "Reference"]

VALID: Final = "TOSA_VALID"
ENDED: Final = "ended its process"
TIMED_OUT: Final = "gave no answer in time"


@dataclass(frozen=True, slots=True)
class Answer:
    """What it said about one model and its inputs.

    Attributes:
        status: `VALID`, another status of TOSA's, an error, `ENDED` or `TIMED_OUT`.
        outputs: defined only if valid.
    """

    status: str
    outputs: tuple[np.ndarray[Any, Any], ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether TOSA defines the outputs."""
        return self.status == VALID


class Reference:
    """The reference model; started when it is first asked, and again whenever it ended.

    Args:
        timeout_seconds: for one answer.
    """

    def __init__(self, *, timeout_seconds: float = 60) -> None:
        self._timeout = timeout_seconds
        self._process: subprocess.Popen[str] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="onus-reference-")

    def run(self, tosa: Path, inputs: Sequence[Path]) -> Answer:
        """Runs a model.

        Args:
            tosa: its file.
            inputs: files of its inputs, without a batch axis.
        """
        out = Path(self._folder.name) / "outputs.npz"
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        question = {"tosa": str(tosa), "inputs": list(map(str, inputs)), "out": str(out)}
        try:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], self._timeout)[0]:
                self._stop()
                return Answer(TIMED_OUT)
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._stop()
            return Answer(ENDED)
        status = json.loads(line)
        if status != VALID:
            return Answer(status)
        with np.load(out) as arrays:
            return Answer(status, tuple(arrays[f"output{k}"] for k in range(len(arrays))))

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scripts.conformance.reference"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._folder.cleanup()


def _answer(question: dict[str, Any]) -> str:
    import tosa_reference_model

    inputs = [np.ascontiguousarray(np.load(path)) for path in question["inputs"]]
    # It takes no arrays without axes, and shows none: a single element has one.
    inputs = [array.reshape(1) if array.ndim == 0 else array for array in inputs]
    try:
        outputs, status = tosa_reference_model.run(Path(question["tosa"]).read_bytes(), inputs)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    np.savez(question["out"], **{f"output{k}": output for k, output in enumerate(outputs)})
    return str(status.name)


def main() -> int:
    """Answers until nobody asks any more."""
    from models._reference import take_stdout

    stdout = take_stdout()
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=stdout, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
