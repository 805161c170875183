"""Small changes to generated files, so that the reference model can show what it computes.

It gives no output of 48 bits and takes no such input, nor one of 4 bits. So outputs of 48 bits are closed by
RESCALE, and inputs become constants, in the file that it gets; the contract and the engine get the test as it
was generated. (Nothing closes an output of 4 bits.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import tosa_serializer as ts
from tosa.TosaGraph import TosaGraph

from models._reference import tapped

__all__ = ["ModelFile", "closed", "held", "with_an_input"]

_OPERATORS_FIELD: Final = 6  # of the table TosaBasicBlock, in the schema
_INPUTS_FIELD: Final = 10


class ModelFile:
    """A `.tosa` file with one block, open for additions.

    Attributes:
        inputs: names of the block's inputs.
        outputs: names of its outputs.
    """

    def __init__(self, path: Path) -> None:
        self._graph = ts.TosaSerializer()
        if not self._graph.loadTosaFlatbuffer(str(path)):
            raise ValueError(f"{path} cannot be read")
        self._block = self._graph.regions[0].basicBlocks[0]
        self.inputs: list[str] = list(self._block.inputs)
        self.outputs: list[str] = list(self._block.outputs)

    def operator(self) -> Any:
        """The one under test: it makes the output."""
        return next(each for each in self._block.operators if self.outputs[0] in each.outputs)

    def is_tensor(self, name: str) -> bool:
        """Whether it is a tensor and no shape."""
        return name in self._block.tensors

    def dtype(self, name: str) -> str:
        """Element type of a tensor."""
        return str(self._block.getTensorByName(name).dtype.name)

    def shape(self, name: str) -> list[int]:
        """Shape of a tensor."""
        return list(self._block.getTensorByName(name).shape)

    def constant(self, name: str, dtype: Any, values: Sequence[int]) -> str:
        """Adds a constant of rank 1."""
        self._block.addTensor(name, [len(values)], dtype, list(values))
        return self.add(ts.Op.CONST, [], name, "ConstAttribute")

    def tensor(self, name: str, dtype: Any, shape: Sequence[int]) -> str:
        """Adds a tensor."""
        self._block.addTensor(name, list(shape), dtype)
        return name

    def add(self, op: Any, operands: list[str], result: str, attribute: str, *values: object) -> str:
        """Adds an operator behind the others; its result."""
        made = ts.TosaSerializerAttribute()
        getattr(made, attribute)(*values)
        self._block.addOperator(op, operands, [result], made)
        return result

    def add_input(self, name: str) -> None:
        """Makes a tensor an input."""
        self._block.addInput(name)

    def add_output(self, name: str) -> None:
        """Makes a tensor an output."""
        self._block.addOutput(name)

    def hold(self, name: str, values: Sequence[int]) -> None:
        """Gives a tensor contents, and makes it with a CONST operator."""
        self._block.getTensorByName(name).data = list(values)
        self.add(ts.Op.CONST, [], name, "ConstAttribute")

    def serialize(self) -> bytes:
        """The file."""
        return bytes(self._graph.serialize())


def with_an_input(path: Path) -> bytes:
    """A model without inputs, with one that nothing else depends on: a model has to have one."""
    file = ModelFile(path)
    given, copied = (file.tensor(f"beside-{k}", ts.DType.INT8, [1]) for k in range(2))
    file.add_input(given)
    file.add_output(file.add(ts.Op.IDENTITY, [given], copied, "IdentityAttribute"))
    return file.serialize()


def closed(path: Path, *, multiplier: int, shift: int) -> bytes:
    """The model with RESCALE to INT32 behind each output of 48 bits."""
    file = ModelFile(path)
    names = []
    for number, output in enumerate(file.outputs):
        if file.dtype(output) != "INT48":
            names.append(output)
            continue
        operands = [
            output,
            file.constant(f"multiplier-{number}", ts.DType.INT16, [multiplier]),
            file.constant(f"shift-{number}", ts.DType.INT8, [shift]),
            file.constant(f"input-zp-{number}", ts.DType.INT48, [0]),
            file.constant(f"output-zp-{number}", ts.DType.INT32, [0]),
        ]
        result = file.tensor(f"closed-{number}", ts.DType.INT32, file.shape(output))
        attributes = (False, ts.RoundingMode.SINGLE_ROUND, False, False, False)
        names.append(file.add(ts.Op.RESCALE, operands, result, "RescaleAttribute", *attributes))
    return tapped(file.serialize(), [name.encode() for name in names])


def held(path: Path, values: Sequence[Sequence[int]]) -> bytes:
    """The model with constants instead of its inputs.

    Args:
        path: of a file all of whose inputs become constants.
        values: of each input, row-major.
    """
    file = ModelFile(path)
    for name, contents in zip(file.inputs, values, strict=True):
        file.hold(name, contents)
    return _without_inputs(file.serialize(), made_last=len(values))


def _without_inputs(tosa: bytes, *, made_last: int) -> bytes:
    """Empties the list of inputs, and moves the last operators to the front."""
    table = TosaGraph.GetRootAs(tosa, 0).Regions(0).Blocks(0)._tab
    data = bytearray(tosa)

    def word(at: int) -> int:
        return int.from_bytes(data[at : at + 4], "little")

    def vector(field: int) -> int:
        place: int = table.Pos + table.Offset(field)
        return place + word(place)

    inputs, operators = vector(_INPUTS_FIELD), vector(_OPERATORS_FIELD)
    data[inputs : inputs + 4] = bytes(4)
    places = range(operators + 4, operators + 4 + 4 * word(operators), 4)
    # What a flatbuffer refers to lies behind it, so every operator can be named from any place of the list.
    targets = [place + word(place) for place in places]
    for place, target in zip(places, targets[-made_last:] + targets[:-made_last], strict=True):
        data[place : place + 4] = (target - place).to_bytes(4, "little")
    return bytes(data)
