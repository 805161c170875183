"""Accuracy of a TOSA classifier on quantised images, by the TOSA reference model.

    pip install tosa-tools
    python models/digits/evaluate.py

Needs neither torch nor Onus.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TextIO

import numpy as np
import tosa_reference_model

HERE = Path(__file__).parent


class NotValid(RuntimeError):
    """The reference model did not report `TOSA_VALID`: its output means nothing."""


def run(tosa: bytes, inputs: np.ndarray) -> np.ndarray:
    """Outputs (n, …) of a model with one input and one output of batch size 1, on inputs (n, …)."""
    outputs = []
    for index in range(len(inputs)):
        (output,), status = tosa_reference_model.run(tosa, [inputs[index : index + 1]])
        if status != tosa_reference_model.GraphStatus.TOSA_VALID:
            raise NotValid(f"image {index}: {status.name}")
        outputs.append(output)
    return np.concatenate(outputs)


def take_stdout() -> TextIO:
    """Standard output for this program alone: the reference model writes a warning there at every run."""
    sys.stdout.flush()
    stdout = os.fdopen(os.dup(1), "w")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.close(silence)
    return stdout


def main() -> None:
    """Print the accuracy, as a sentence or as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, nargs="?", default=HERE / "digits.tosa")
    parser.add_argument("heldout", type=Path, nargs="?", default=HERE / "heldout.npz")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    arguments = parser.parse_args()
    stdout = take_stdout()

    with np.load(arguments.heldout) as heldout:
        inputs, labels = heldout["inputs"], heldout["labels"]
    correct = int((run(arguments.model.read_bytes(), inputs).argmax(axis=1) == labels).sum())
    images = len(labels)
    if arguments.json:
        print(json.dumps({"images": images, "correct": correct, "accuracy": correct / images}), file=stdout)
    else:
        print(f"{correct} of {images}: {correct / images:.2%}", file=stdout)


if __name__ == "__main__":
    main()
