"""Reading a `.tosa` file: a flatbuffer with one block of operators, linked by the names of their tensors."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tosa.DType import DType as FileType
from tosa.Op import Op
from tosa.TosaGraph import TosaGraph

from onus.trace._errors import NotTosa, UnsupportedStructure, UnsupportedTosaVersion
from onus.trace._flatbuffer import STRING, Field, Scalar, Strings, Table, Tables, Vector, verify
from onus.trace._operators import OPERATORS

VERSION: Final = (1, 0)
"""Major and minor version of TOSA that is read."""
_IDENTIFIER: Final = b"TOSA"
_NAME_SHOWN: Final = 80

TYPE_NAMES: Mapping[int, str] = {v: k for k, v in vars(FileType).items() if isinstance(v, int)}
OPERATOR_NAMES: Mapping[int, str] = {v: k for k, v in vars(Op).items() if isinstance(v, int)}
CONST: Final[int] = Op.CONST
CONST_SHAPE: Final[int] = Op.CONST_SHAPE


@dataclass(frozen=True, slots=True)
class FileTensor:
    """A tensor of the file.

    Attributes:
        name: its name, unique in the file.
        type: TOSA's number of its type.
        shape: dimensions as the file says, unchecked.
        data: contents, empty if it is not constant.
    """

    name: bytes
    type: int
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class FileOperator:
    """An operator of the file, with its attributes if it is one of `OPERATORS`."""

    op: int
    attributes: Mapping[str, Any]
    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """TOSA's name."""
        return OPERATOR_NAMES.get(self.op, f"operator {self.op}")


@dataclass(frozen=True, slots=True)
class File:
    """What a file holds; nothing is checked yet but that it can be read.

    Attributes:
        tensors: by name.
        shapes: constant shapes by name.
        operators: in the order in which they run.
        inputs: names of the input tensors.
        outputs: names of the output tensors.
    """

    tensors: Mapping[bytes, FileTensor]
    shapes: Mapping[bytes, tuple[int, ...]]
    operators: tuple[FileOperator, ...]
    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]


def show(name: bytes) -> str:
    """A name of the file for a message: printable and short, whatever its bytes are."""
    text = name[:_NAME_SHOWN].decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text + "…" if len(name) > _NAME_SHOWN else text


def read(data: bytes) -> File:
    """Reads a file.

    Raises:
        NotTosa: if it is no TOSA flatbuffer, or a damaged one.
        UnsupportedTosaVersion: if it is not TOSA 1.0.
        UnsupportedStructure: if it has not exactly one region with one block with operators, or has
            variables, unranked tensors, or data outside the file.
        LimitExceeded: if it lists more than a model can need.
    """
    verify(data, _GRAPH, _IDENTIFIER)
    try:
        return _read(data)
    except (struct.error, ValueError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise NotTosa("truncated or damaged") from error


def _read(data: bytes) -> File:
    graph = TosaGraph.GetRootAs(data, 0)
    version = graph.Version()
    if version is None:
        raise NotTosa("truncated or damaged: no version")
    numbers = (version._Major(), version._Minor(), version._Patch())
    if numbers[:2] != VERSION or version._Draft():
        raise UnsupportedTosaVersion(numbers, bool(version._Draft()))
    if graph.RegionsLength() != 1:
        raise UnsupportedStructure(f"{graph.RegionsLength()} regions; one is supported")
    region = graph.Regions(0)
    if region.BlocksLength() != 1:
        raise UnsupportedStructure(f"{region.BlocksLength()} blocks in a region; one is supported")
    block = region.Blocks(0)
    if not block.OperatorsLength() or not block.OutputsLength():
        raise UnsupportedStructure("the block has no operators or no outputs")
    return File(
        tensors=_by_name(_tensor(block.Tensors(i)) for i in range(block.TensorsLength())),
        shapes=dict(_shape(block.Shapes(i)) for i in range(block.ShapesLength())),
        operators=tuple(_operator(block.Operators(i)) for i in range(block.OperatorsLength())),
        inputs=tuple(_name(block.Inputs(i)) for i in range(block.InputsLength())),
        outputs=tuple(_name(block.Outputs(i)) for i in range(block.OutputsLength())),
    )


def _by_name(tensors: Any) -> dict[bytes, FileTensor]:
    out: dict[bytes, FileTensor] = {}
    for tensor in tensors:
        if tensor.name in out:
            raise UnsupportedStructure(f"two tensors have the name {show(tensor.name)}")
        out[tensor.name] = tensor
    return out


def _name(value: bytes | str | None) -> bytes:
    if not isinstance(value, bytes):
        raise NotTosa("truncated or damaged: a name is missing")
    return value


def _bytes(length: int, vector: Any) -> bytes:
    # Where a vector is absent the readers return the number 0.
    return bytes(vector().tobytes()) if length else b""


def _tensor(tensor: Any) -> FileTensor:
    name = _name(tensor.Name())
    if tensor.Variable() or tensor.IsUnranked():
        raise UnsupportedStructure(f"the tensor {show(name)} is a variable or has no shape")
    if tensor.Offset() > 1 or tensor.Size():
        raise UnsupportedStructure(f"the tensor {show(name)} lies outside the file")
    shape = tuple(int(d) for d in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
    return FileTensor(name, int(tensor.Type()), shape, _bytes(tensor.DataLength(), tensor.DataAsNumpy))


def _shape(shape: Any) -> tuple[bytes, tuple[int, ...]]:
    data = _bytes(shape.DataLength(), shape.DataAsNumpy)
    name, rank = _name(shape.Name()), int(shape.Rank())
    if rank == 0:
        data = b""  # TOSA's own serialiser writes a word all the same
    if len(data) != 8 * rank:
        raise NotTosa(f"truncated or damaged: the shape {show(name)} has {len(data)} bytes for rank {rank}")
    return name, struct.unpack(f"<{rank}q", data)


def _operator(operator: Any) -> FileOperator:
    op = int(operator.Op())
    known = _KNOWN.get(op)
    attributes: dict[str, Any] = {}
    if known is not None and known.reader:
        union = operator.Attribute()
        # The attribute's type is numbered like the operator.
        if union is None or operator.AttributeType() != op:
            raise NotTosa(f"truncated or damaged: {OPERATOR_NAMES[op]} without its attributes")
        reader = getattr(importlib.import_module(f"tosa.{known.reader}"), known.reader)()
        reader.Init(union.Bytes, union.Pos)
        for name, kind in known.schema:
            get = getattr(reader, name)
            if kind.endswith("*"):
                attributes[name] = [int(get(i)) for i in range(getattr(reader, f"{name}Length")())]
            else:
                attributes[name] = int(get())
    return FileOperator(
        op,
        attributes,
        tuple(_name(operator.Inputs(i)) for i in range(operator.InputsLength())),
        tuple(_name(operator.Outputs(i)) for i in range(operator.OutputsLength())),
    )


_KNOWN = {int(opcode): operator for opcode, operator in OPERATORS.items()}
_KINDS: Mapping[str, Field] = {
    "u8": Scalar(1),
    "u32": Scalar(4),
    "i32": Scalar(4),
    "u8*": Vector(1),
    "i32*": Vector(4),
}
_ATTRIBUTES = {
    op: Table(operator.reader, tuple(_KINDS[kind] for _, kind in operator.schema))
    for op, operator in _KNOWN.items()
    if operator.reader
}
_VERSION = Table("Version", (Scalar(4), Scalar(4), Scalar(4), Scalar(1)))
_TENSOR = Table(
    "TosaTensor",
    (STRING, Vector(4), Scalar(4), Vector(1), Scalar(1), Scalar(1), STRING, Scalar(8), Scalar(8)),
)
_SHAPE = Table("TosaShape", (STRING, Scalar(4), Vector(1)))
_OPERATOR = Table("TosaOperator", (Scalar(4), None, None, Strings(), Strings()), unions={1: _ATTRIBUTES})
_BLOCK = Table(
    "TosaBasicBlock", (STRING, Tables(_OPERATOR), Tables(_TENSOR), Strings(), Strings(), Tables(_SHAPE))
)
_REGION = Table("TosaRegion", (STRING, Tables(_BLOCK)))
_GRAPH = Table("TosaGraph", (_VERSION, Tables(_REGION)))
