"""Run a `.tosa` file in the TOSA reference model, which may end its process: give it one of its own."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

import numpy as np
import tosa_reference_model
from tosa.TosaGraph import TosaGraph

OUTPUTS_FIELD = 12  # of the table TosaBasicBlock, in the schema


class NotValid(RuntimeError):
    """The reference model did not report `TOSA_VALID`: its output means nothing."""


def run_each(tosa: bytes, inputs: np.ndarray) -> Iterator[list[np.ndarray]]:
    """All outputs of a model with one input of batch size 1, for each of inputs (n, …)."""
    for index in range(len(inputs)):
        outputs, status = tosa_reference_model.run(tosa, [inputs[index : index + 1]])
        if status != tosa_reference_model.GraphStatus.TOSA_VALID:
            raise NotValid(f"input {index}: {status.name}")
        yield outputs


def run(tosa: bytes, inputs: np.ndarray) -> np.ndarray:
    """Outputs (n, …) of a model with one input and one output of batch size 1, on inputs (n, …)."""
    return np.concatenate([output for (output,) in run_each(tosa, inputs)])


def tapped(tosa: bytes, tensors: Sequence[bytes]) -> bytes:
    """The model with `tensors`, by name, as its outputs: the reference model then shows its inside."""
    block = TosaGraph.GetRootAs(tosa, 0).Regions(0).Blocks(0)
    field = block._tab.Pos + block._tab.Offset(OUTPUTS_FIELD)
    data = bytearray(tosa)

    def word(value: int) -> bytes:
        return value.to_bytes(4, "little")

    def align() -> None:
        data.extend(bytes(-len(data) % 4))

    align()
    vector = len(data)
    data[field : field + 4] = word(vector - field)
    data += word(len(tensors)) + bytes(4 * len(tensors))
    for index, name in enumerate(tensors):
        place = vector + 4 + 4 * index
        data[place : place + 4] = word(len(data) - place)
        data += word(len(name)) + name + b"\0"
        align()
    return bytes(data)


def take_stdout() -> TextIO:
    """Standard output for this program alone: the reference model writes a warning there at every run."""
    sys.stdout.flush()
    stdout = os.fdopen(os.dup(1), "w")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.close(silence)
    return stdout
