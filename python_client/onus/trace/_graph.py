"""The compiler's view of a model: operators linked by tensors, with everything TOSA wants checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

import numpy as np

from onus.trace._costs import MAX_CHUNKS, MAX_CONTRACTION
from onus.trace._descriptor import CHUNK, MAX_RANK, Descriptor, Kind
from onus.trace._dtypes import Array, DType
from onus.trace._entry import Entry, Opcode
from onus.trace._errors import (
    InvalidOperator,
    LimitExceeded,
    NotTosa,
    Place,
    UnsupportedOperator,
    UnsupportedStructure,
    UnsupportedType,
)
from onus.trace._kernels import KERNELS
from onus.trace._operators import OPERATORS, Operand, Source
from onus.trace._tosa_file import CONST, CONST_SHAPE, TYPE_NAMES, File, FileOperator, FileTensor, show

MAX_FOLDED: Final = 1 << 24
"""Elements of all constants that are computed while compiling."""
MAX_FOLDED_READS: Final = 1 << 28
"""Elements read to compute them."""
MAX_ELEMENTS: Final = 1 << 30
"""Elements of all tensors of one execution: a small file can ask for any number by broadcasting."""


@dataclass(eq=False, slots=True)
class Node:
    """An operator whose output is not constant.

    Attributes:
        opcode: the operator.
        attributes: as in an entry.
        operands: tensors read.
        output: tensor made.
        place: where it stands in the file.
    """

    opcode: Opcode
    attributes: Mapping[str, int]
    operands: tuple[Operand, ...]
    output: Operand
    place: Place

    @property
    def gathers(self) -> bool:
        """Whether one element needs many of an operand."""
        return OPERATORS[self.opcode].gathers

    def entry(self) -> Entry:
        """An entry with descriptors that say no more than type and shape."""
        return Entry(
            self.opcode, outline(self.output), tuple(outline(o) for o in self.operands), self.attributes
        )


@dataclass(slots=True)
class Graph:
    """Operators in the order in which they run.

    Attributes:
        nodes: those whose output is not constant and is needed.
        inputs: input tensors.
        outputs: output tensors, each made by a node that no other node reads, all different.
    """

    nodes: list[Node]
    inputs: list[Operand]
    outputs: list[Operand] = field(default_factory=list)


def outline(operand: Operand) -> Descriptor:
    """Type and shape of a tensor as a descriptor; kind and reference say nothing."""
    return Descriptor(Kind.VIRTUAL, operand.dtype, 0, operand.shape)


def build(file: File) -> Graph:
    """Links, checks, folds and prunes.

    Raises:
        TosaFileError: for anything that is not a model of the integer profile.
    """
    return _Builder(file).build()


class _Builder:
    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[bytes, Operand | tuple[int, ...]] = {}
        self._constants: dict[tuple[DType, tuple[int, ...], bytes], Operand] = {}
        self._made: dict[Any, Operand] = {}
        self._nodes: list[Node] = []
        self._folded = self._folded_reads = self._elements = 0

    def build(self) -> Graph:
        inputs = [self._input(name) for name in self._file.inputs]
        if not inputs:
            raise UnsupportedStructure("the model has no inputs")
        for index, operator in enumerate(self._file.operators):
            self._add(index, operator)
        outputs = self._outputs()
        nodes = _needed(self._nodes, outputs)
        read = {operand for node in nodes for operand in node.operands}
        for operand, name in zip(inputs, self._file.inputs, strict=True):
            if operand not in read:
                # No entry would show its size, so nobody could demand it (docs/protocol.md, Forced reveals).
                raise UnsupportedStructure(
                    f"the input {show(name)} is read by nothing that leads to an output"
                )
        return Graph(nodes, inputs, outputs)

    def _input(self, name: bytes) -> Operand:
        tensor = self._file.tensors.get(name)
        if tensor is None or name in self._known:
            raise UnsupportedStructure(f"the input {show(name)} is no tensor of the block, or comes twice")
        operand = self._operand(tensor, None)
        self._known[name] = operand
        return operand

    def _operand(self, tensor: FileTensor, place: Place | None) -> Operand:
        name = show(tensor.name)
        if tensor.type not in tuple(DType):
            raise UnsupportedType(TYPE_NAMES.get(tensor.type, str(tensor.type)), place, f"the tensor {name}")
        dtype, shape = DType(tensor.type), tensor.shape
        if len(shape) > MAX_RANK:
            raise InvalidOperator(f"the tensor {name} has rank {len(shape)}, above {MAX_RANK}", place)
        if min(shape, default=1) < 1:
            raise InvalidOperator(f"the tensor {name} has shape {shape}", place)
        chunks = -(-prod(shape) * dtype.size // CHUNK)
        if chunks > MAX_CHUNKS:
            raise LimitExceeded("chunks of a tensor", chunks, MAX_CHUNKS, place)
        return Operand(name, dtype, shape)

    def _add(self, index: int, operator: FileOperator) -> None:
        first = operator.outputs[0] if operator.outputs else b""
        place = Place(index, operator.name, show(first))
        supported = operator.op in (CONST, CONST_SHAPE) or operator.op in tuple(OPERATORS)
        if not supported:
            raise UnsupportedOperator(operator.name, place)
        if len(operator.outputs) != 1:
            raise InvalidOperator(f"{len(operator.outputs)} outputs; one is needed", place)
        if first in self._known:
            raise InvalidOperator("the tensor is made twice", place)
        if operator.op == CONST_SHAPE:
            if first not in self._file.shapes:
                raise InvalidOperator("the shape has no contents", place)
            self._known[first] = self._file.shapes[first]
            return
        tensor = self._file.tensors.get(first)
        if tensor is None:
            raise InvalidOperator("the output is no tensor of the block", place)
        output = self._operand(tensor, place)
        if operator.op == CONST:
            output.values = constant_values(tensor, output, place)
            self._known[first] = self._shared(output)
        else:
            self._known[first] = self._lower(operator, output, place)

    def _shared(self, constant: Operand) -> Operand:
        """The one operand of all constants with these elements."""
        assert constant.values is not None
        return self._constants.setdefault(
            (constant.dtype, constant.shape, constant.values.tobytes()), constant
        )

    def _lower(self, operator: FileOperator, output: Operand, place: Place) -> Operand:
        """The operator's output, which is another's if that does the same."""
        inputs = []
        for name in operator.inputs:
            known = self._known.get(name)
            if known is None:
                raise InvalidOperator(f"{show(name)} is read before it is made", place)
            inputs.append(known)
        source = Source(place, tuple(inputs), output.dtype, output.shape, operator.attributes)
        opcode = Opcode(operator.op)
        lowered = OPERATORS[opcode].lower(source)
        operands = tuple(o if o.values is None else self._shared(o) for o in lowered.operands)
        node = Node(opcode, lowered.attributes, operands, output, place)
        same = (opcode, tuple(sorted(node.attributes.items())), operands, output.dtype, output.shape)
        if same in self._made:
            return self._made[same]
        count, reads = prod(output.shape), OPERATORS[opcode].reads(node.entry())
        if all(operand.values is not None for operand in node.operands):
            self._folded += count
            self._folded_reads += count * max(reads)
            _limit("products of one element", max(reads), MAX_CONTRACTION, place)
            _limit("elements of folded constants", self._folded, MAX_FOLDED, place)
            _limit("elements read to fold constants", self._folded_reads, MAX_FOLDED_READS, place)
            output.values = _evaluate(node)
            output = self._shared(output)
        else:
            self._elements += count
            _limit("elements of all tensors", self._elements, MAX_ELEMENTS, place)
            self._nodes.append(node)
        self._made[same] = output
        return output

    def _outputs(self) -> list[Operand]:
        """Output tensors, each with an IDENTITY of its own where it is not simply the result of a node."""
        read = {operand for node in self._nodes for operand in node.operands}
        made = {node.output for node in self._nodes}
        outputs: list[Operand] = []
        for name in self._file.outputs:
            operand = self._known.get(name)
            if not isinstance(operand, Operand):
                raise UnsupportedStructure(f"the output {show(name)} is not made by any operator")
            if operand in read or operand not in made or operand in outputs:
                copy = Operand(operand.name, operand.dtype, operand.shape)
                place = Place(len(self._file.operators), Opcode.IDENTITY.name, operand.name)
                self._nodes.append(Node(Opcode.IDENTITY, {}, (operand,), copy, place))
                operand = copy
            outputs.append(operand)
        return outputs


def _limit(limit: str, value: int, maximum: int, place: Place) -> None:
    if value > maximum:
        raise LimitExceeded(limit, value, maximum, place)


def _needed(nodes: Sequence[Node], outputs: Iterable[Operand]) -> list[Node]:
    needed = set(outputs)
    kept = []
    for node in reversed(nodes):
        if node.output in needed:
            needed.update(node.operands)
            kept.append(node)
    return kept[::-1]


def _evaluate(node: Node) -> Array:
    """The output of a node with constant operands, by the engine's kernel."""
    constants = [operand.values for operand in node.operands]
    target: Array = np.empty((1, *node.output.shape), node.output.dtype.array)
    KERNELS[node.opcode](node.entry(), constants)([c[None] for c in constants if c is not None], target)
    return target.reshape(node.output.shape)


_FILE_TYPES: Final = {
    DType.BOOL: "u1",
    DType.INT8: "i1",
    DType.INT16: "<i2",
    DType.INT32: "<i4",
}


def constant_values(tensor: FileTensor, operand: Operand, place: Place) -> Array:
    """The elements of a constant tensor.

    The file may hold more bytes than the shape says: zeros up to a multiple of eight, or, as some exporters
    write zero points, one element repeated.

    Raises:
        NotTosa: if the bytes do not fit the shape.
    """
    dtype, count, data = operand.dtype, prod(operand.shape), tensor.data
    size = {DType.INT4: -(-count // 2), DType.INT48: 6 * count}.get(dtype, dtype.size * count)
    surplus = data[size:]
    padding = len(surplus) < 8 and len(data) % 8 == 0 and not any(surplus)
    repeated = count == 1 and len(data) % size == 0 and data == data[:size] * (len(data) // size)
    if len(data) < size or (surplus and not padding and not repeated):
        raise NotTosa(f"{place}: {len(data)} bytes where the shape {operand.shape} needs {size}")
    raw = np.frombuffer(data, np.uint8, size)
    values: Array
    if dtype is DType.INT4:
        values = np.stack((raw & 15, raw >> 4), axis=-1).reshape(-1)[:count].astype(np.int8)
        values = (values << 4) >> 4
    elif dtype is DType.INT48:
        wide = np.zeros((count, 8), np.uint8)
        wide[:, 2:] = raw.reshape(count, 6)
        values = wide.view("<i8").reshape(-1) >> 16
    else:
        values = raw.view(_FILE_TYPES[dtype])
        if dtype is DType.BOOL:
            values = values != 0
    return values.astype(dtype.array).reshape(operand.shape)
