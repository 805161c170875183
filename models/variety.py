"""How varied a model's tensors are over random inputs: a wrong engine or proof must not hide in zeros.

    pip install tosa-tools
    python -m models.variety [--tensors] FILE

Runs the TOSA reference model on two kinds of int8 inputs: `uniform`, each element of its own, and `smooth`,
where neighbours are alike. Reports on the output, or with `--tensors` on the int8 result of every operator
that does more than move: how many of the 256 values occur, the shares of −128 and of 127, the most frequent
value's share, the mean deviation of an element, and the share of positions that never change.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tosa.DType import DType
from tosa.Op import Op

from models._reference import run_each, take_stdout, tapped
from models.listing import OPERATORS, only_block, operations, shape_of

KINDS = ("uniform", "smooth")
MOVEMENTS = (Op.RESHAPE, Op.SLICE, Op.TRANSPOSE)


@dataclass(frozen=True, slots=True)
class Variety:
    """Of one int8 tensor over many inputs."""

    values: int  # of 256 that occur
    lowest: float  # share of elements at −128
    highest: float  # share of elements at 127
    mode: float  # share of the most frequent value
    deviation: float  # of an element over the inputs, the mean of all
    constant: float  # share of positions whose value is the same for all inputs


def random_inputs(kind: str, count: int, shape: list[int], seed: int) -> np.ndarray:
    """`count` int8 inputs of a model whose input is `shape`, batch size 1: (count, …)."""
    random = np.random.default_rng(seed)
    size = (count, *shape[1:])
    if kind == "uniform":
        return random.integers(-128, 128, size, dtype=np.int8)
    coarse = random.normal(size=(*size[:-2], 4, 4)) * random.uniform(20, 80, (count, *[1] * len(shape[1:])))
    down, across = (stretch(4, length) for length in size[-2:])
    field = down @ coarse @ across.T + random.normal(size=size) * 4
    return np.clip(np.round(field), -128, 127).astype(np.int8)


def stretch(points: int, length: int) -> np.ndarray:
    """The matrix (length, points) that interpolates linearly between `points` values."""
    places = np.linspace(0, points - 1, length)
    return np.stack([np.interp(places, range(points), row) for row in np.eye(points)], axis=1)


def variety(tensor: np.ndarray) -> Variety:
    """Of one tensor, inputs along the first axis."""
    occurrences = np.bincount(tensor.ravel().astype(np.int64) + 128, minlength=256)
    shares = occurrences / tensor.size
    return Variety(
        values=int(np.count_nonzero(occurrences)),
        lowest=round(float(shares[0]), 4),
        highest=round(float(shares[-1]), 4),
        mode=round(float(shares.max()), 4),
        deviation=round(float(tensor.astype(np.float64).std(axis=0).mean()), 2),
        constant=round(float((tensor == tensor[0]).all(axis=0).mean()), 4),
    )


def computed(tosa: bytes) -> dict[str, bytes]:
    """Name of each int8 result that depends on the input and is not only moved, by number and operator."""
    reached = {only_block(tosa).Inputs(0)}
    found = {}
    for row, operation in enumerate(operations(tosa)):
        name = operation.result.Name()
        if any(tensor.Name() in reached for tensor in operation.operands):
            reached.add(name)
            if operation.result.Type() == DType.INT8 and operation.code not in MOVEMENTS:
                found[f"{row} {OPERATORS[operation.code]}"] = name
    return found


def measure(tosa: bytes, tensors: dict[str, bytes], inputs: np.ndarray) -> dict[str, Variety]:
    """Of the tensors, by their label."""
    runs = run_each(tapped(tosa, list(tensors.values())), inputs)
    return {
        label: variety(np.concatenate(seen))
        for label, seen in zip(tensors, zip(*runs, strict=True), strict=True)
    }


def rows(found: dict[str, dict[str, Variety]]) -> Iterator[str]:
    """A Markdown table."""
    yield "| inputs | tensor | values | −128 | 127 | most frequent | deviation | constant |"
    yield "|---|---|---|---|---|---|---|---|"
    for kind, seen in found.items():
        for label, each in seen.items():
            shares = f"{each.lowest:.1%} | {each.highest:.1%} | {each.mode:.1%}"
            yield f"| {kind} | {label} | {each.values} | {shares} | {each.deviation} | {each.constant:.1%} |"


def main() -> None:
    """Print a table, or one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, metavar="FILE")
    parser.add_argument("--inputs", type=int, default=256, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tensors", action="store_true", help="of every operator, not only the output")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    arguments = parser.parse_args()
    stdout = take_stdout()

    tosa = arguments.model.read_bytes()
    block = only_block(tosa)
    everything = map(block.Tensors, range(block.TensorsLength()))
    (shape,) = (shape_of(tensor) for tensor in everything if tensor.Name() == block.Inputs(0))
    tensors = computed(tosa) if arguments.tensors else {"output": block.Outputs(0)}
    found = {
        kind: measure(tosa, tensors, random_inputs(kind, arguments.inputs, shape, arguments.seed))
        for kind in KINDS
    }
    if arguments.json:
        plain = {kind: {label: asdict(each) for label, each in seen.items()} for kind, seen in found.items()}
        print(json.dumps(plain), file=stdout)
    else:
        print(*rows(found), sep="\n", file=stdout)


if __name__ == "__main__":
    main()
