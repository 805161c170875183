"""Accuracy of a TOSA classifier on quantised images, by the TOSA reference model.

    pip install tosa-tools
    python -m models.digits.evaluate

Needs neither torch nor Onus.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from models._reference import run, take_stdout

HERE = Path(__file__).parent


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
