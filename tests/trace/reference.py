"""TOSA's reference model, in a process of its own: some inputs end the process it runs in.

python -m tests.trace.reference JOBS.pickle RESULTS.pickle
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Values = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Job:
    """One model on several inputs.

    Attributes:
        file: the model.
        inputs: for each run, the input tensors in the types the model wants.
    """

    file: bytes
    inputs: Sequence[Sequence[Values]]


Result = list[tuple[str, list[Values]]]
"""Of each run: `TOSA_VALID` or another status, and the outputs."""


def run(jobs: Sequence[Job]) -> list[Result]:
    """Runs jobs; raises if the reference model ends its process."""
    with tempfile.TemporaryDirectory() as folder:
        given, answered = Path(folder) / "jobs", Path(folder) / "results"
        given.write_bytes(pickle.dumps(jobs))
        subprocess.run(
            [sys.executable, "-m", "tests.trace.reference", str(given), str(answered)],
            check=True,
            capture_output=True,
            cwd=Path(__file__).parents[2],
        )
        results: list[Result] = pickle.loads(answered.read_bytes())
        return results


def _run(job: Job) -> Result:
    import tosa_reference_model

    results: Result = []
    for inputs in job.inputs:
        try:
            outputs, status = tosa_reference_model.run(job.file, [np.ascontiguousarray(x) for x in inputs])
            results.append((status.name, list(outputs)))
        except Exception as error:
            results.append((repr(error), []))
    return results


if __name__ == "__main__":
    from tests.trace.reference import Job

    jobs: list[Job] = pickle.loads(Path(sys.argv[1]).read_bytes())
    Path(sys.argv[2]).write_bytes(pickle.dumps([_run(job) for job in jobs]))
