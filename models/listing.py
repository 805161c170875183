"""List the operators of a `.tosa` file, one a line: shapes, types, zero points, attributes.

    pip install tosa-tools
    python -m models.listing [--counts] FILE

Refuses a file that is not what the models of this folder promise to be: one block, int8 and int32 tensors
only, every RESCALE 32-bit and single round.
"""

import argparse
import importlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tosa.DType import DType
from tosa.Op import Op
from tosa.RoundingMode import RoundingMode
from tosa.TosaBasicBlock import TosaBasicBlock
from tosa.TosaGraph import TosaGraph
from tosa.TosaOperator import TosaOperator
from tosa.TosaTensor import TosaTensor

ELEMENTS = {DType.INT8: "i1", DType.INT32: "<i4"}
CONVOLUTIONS = (Op.CONV2D, Op.DEPTHWISE_CONV2D)
OPERANDS = {Op.ADD: 2, Op.SUB: 2, Op.MUL: 2, Op.MATMUL: 2}  # the others read one tensor, and parameters
ATTRIBUTES = {
    Op.AVG_POOL2D: ("AvgPool2dAttribute", ("Kernel", "Stride", "Pad")),
    Op.CLAMP: ("ClampAttribute", ("MinVal", "MaxVal")),
    Op.CONV2D: ("Conv2dAttribute", ("Pad", "Stride", "Dilation")),
    Op.DEPTHWISE_CONV2D: ("DepthwiseConv2dAttribute", ("Pad", "Stride", "Dilation")),
    Op.MAX_POOL2D: ("MaxPool2dAttribute", ("Kernel", "Stride", "Pad")),
    Op.REDUCE_MAX: ("ReduceMaxAttribute", ("Axis",)),
    Op.REDUCE_SUM: ("ReduceSumAttribute", ("Axis",)),
    Op.RESCALE: ("RescaleAttribute", ("Scale32", "RoundingMode", "PerChannel")),
    Op.TRANSPOSE: ("TransposeAttribute", ("Perms",)),
}
PLAIN = {Op.ADD, Op.MATMUL, Op.MUL, Op.RESHAPE, Op.SLICE, Op.SUB, Op.TABLE}  # no attributes


class Unexpected(ValueError):
    """The file is outside what the models of this folder promise."""


def names(enumeration: type) -> dict[int, str]:
    """Value to name, for one of the flatbuffer's enumerations."""
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


OPERATORS, TYPES, ROUNDING = names(Op), names(DType), names(RoundingMode)


def only_block(data: bytes) -> TosaBasicBlock:
    """The single block of the single region."""
    graph = TosaGraph.GetRootAs(data, 0)
    if graph.RegionsLength() != 1 or graph.Regions(0).BlocksLength() != 1:
        raise Unexpected("more than one region or block")
    return graph.Regions(0).Blocks(0)


def type_of(tensor: TosaTensor) -> str:
    """`int8` or `int32`."""
    if tensor.Type() not in ELEMENTS:
        raise Unexpected(f"{tensor.Name().decode()} is {TYPES[tensor.Type()]}")
    return TYPES[tensor.Type()].lower()


def shape_of(tensor: TosaTensor) -> list[int]:
    """The dimensions."""
    return [tensor.Shape(axis) for axis in range(tensor.ShapeLength())]


def shown(tensor: TosaTensor) -> str:
    """Type and shape, such as `int8[1,8,8,16]`, and whether it is a constant."""
    return f"{'const ' * is_constant(tensor)}{type_of(tensor)}[{','.join(map(str, shape_of(tensor)))}]"


def is_constant(tensor: TosaTensor) -> bool:
    """Constants carry their values."""
    return tensor.DataLength() > 0


def values(tensor: TosaTensor) -> np.ndarray:
    """Values of a constant, flat."""
    return np.frombuffer(tensor.DataAsNumpy().tobytes(), ELEMENTS[tensor.Type()])


def zero_point(tensor: TosaTensor) -> int:
    """The one zero point: ExecuTorch repeats that of the weights per channel, in a tensor of shape [1]."""
    found = values(tensor)
    if (found != found[0]).any():
        raise Unexpected(f"several zero points: {found}")
    return int(found[0])


@dataclass(frozen=True, slots=True)
class Operation:
    """One operator: the tensors that it reads as operands, its parameters, and the tensor that it makes."""

    operator: TosaOperator
    operands: list[TosaTensor]
    parameters: list[TosaTensor]  # weights, bias, multipliers, shifts, tables, zero points
    shapes: list[list[int]]  # of RESHAPE, SLICE
    result: TosaTensor

    @property
    def code(self) -> int:
        """A member of `Op`."""
        return self.operator.Op()

    @property
    def types(self) -> str:
        """Types of operands and result, such as `int8, int8 → int32`."""
        return f"{', '.join(map(type_of, self.operands))} → {type_of(self.result)}"

    @property
    def weights(self) -> TosaTensor | None:
        """Of a convolution."""
        return self.parameters[0] if self.code in CONVOLUTIONS else None

    @property
    def multiplications(self) -> int:
        """Products of a contraction, padding counted."""
        each = math.prod(shape_of(self.result))
        match self.code:
            case Op.CONV2D:
                return each * math.prod(shape_of(self.parameters[0])[1:])
            case Op.DEPTHWISE_CONV2D:
                return each * math.prod(shape_of(self.parameters[0])[:2])
            case Op.MATMUL:
                return each * shape_of(self.operands[0])[2]
            case _:
                return 0


def operations(data: bytes) -> Iterator[Operation]:
    """The operators in the order of the file, constants left out."""
    block = only_block(data)
    tensors = {tensor.Name(): tensor for tensor in map(block.Tensors, range(block.TensorsLength()))}
    shapes = {shape.Name(): shape for shape in map(block.Shapes, range(block.ShapesLength()))}
    for operator in map(block.Operators, range(block.OperatorsLength())):
        if operator.Op() in (Op.CONST, Op.CONST_SHAPE):
            continue
        inputs = [operator.Inputs(i) for i in range(operator.InputsLength())]
        known = [tensors[name] for name in inputs if name in tensors]
        sizes = [
            np.frombuffer(shapes[name].DataAsNumpy(), "<i8").tolist() for name in inputs if name in shapes
        ]
        count = OPERANDS.get(operator.Op(), 1)
        yield Operation(operator, known[:count], known[count:], sizes, tensors[operator.Outputs(0)])


def parameter_count(found: list[Operation]) -> int:
    """Numbers learnt: weights, biases, and constant operands; a tensor used twice counts once."""
    learnt: dict[bytes, int] = {}
    for operation in found:
        contracted = operation.parameters[:2] if operation.code in CONVOLUTIONS else []
        for tensor in (*filter(is_constant, operation.operands), *contracted):
            learnt[tensor.Name()] = math.prod(shape_of(tensor))
    return sum(learnt.values())


def compact(value: Any) -> str:
    """A list of equal numbers as one, such as `pad 1`."""
    if isinstance(value, list) and len(set(value)) == 1:
        return str(value[0])
    return str(value)


def attributes(operator: TosaOperator) -> dict[str, Any]:
    """The attributes that matter for integers, by their name in the schema."""
    if operator.Op() in PLAIN:
        return {}
    if operator.Op() not in ATTRIBUTES:
        raise Unexpected(OPERATORS[operator.Op()])
    kind, fields = ATTRIBUTES[operator.Op()]
    attribute = getattr(importlib.import_module(f"tosa.{kind}"), kind)()
    union = operator.Attribute()
    attribute.Init(union.Bytes, union.Pos)

    def value(field: str) -> Any:
        if not hasattr(attribute, field + "Length"):
            return getattr(attribute, field)()
        items = [getattr(attribute, field)(i) for i in range(getattr(attribute, field + "Length")())]
        return items if operator.Op() != Op.CLAMP else int.from_bytes(bytes(items), "little", signed=True)

    return {field: value(field) for field in fields}


def spelled(found: dict[str, Any]) -> str:
    """Attributes in their order, such as `kernel 2, stride 2, pad 0`."""
    return ", ".join(f"{name.lower()} {compact(value)}" for name, value in found.items())


def rescale_notes(found: dict[str, Any], multiplier: np.ndarray, shift: np.ndarray) -> str:
    """`x * multiplier >> shift`, where they are one number, or the range of shifts."""
    if not found["Scale32"] or found["RoundingMode"] != RoundingMode.SINGLE_ROUND:
        raise Unexpected(f"RESCALE: scale32 {found['Scale32']}, {ROUNDING[found['RoundingMode']]}")
    if found["PerChannel"]:
        return f"per channel, shift {shift.min()} … {shift.max()}"
    return f"multiplier {multiplier[0]}, shift {shift[0]}"


def notes(operation: Operation) -> str:
    """Zero points and attributes in a few words."""
    found = attributes(operation.operator)
    match operation.code:
        case Op.CONV2D | Op.DEPTHWISE_CONV2D | Op.AVG_POOL2D | Op.MATMUL:
            input_zp, other_zp = map(zero_point, operation.parameters[-2:])
            return f"zero points {input_zp}, {other_zp}{'; ' * bool(found)}{spelled(found)}"
        case Op.RESCALE:
            multiplier, shift = map(values, operation.parameters[:2])
            input_zp, output_zp = map(zero_point, operation.parameters[2:])
            return f"zero points {input_zp} → {output_zp}; {rescale_notes(found, multiplier, shift)}"
        case Op.MUL:
            return f"shift {values(operation.parameters[0])[0]}"
        case Op.SLICE:
            start, size = operation.shapes
            return f"start {start}, size {size}"
        case Op.CLAMP:
            return f"{found['MinVal']} … {found['MaxVal']}"
        case _:
            return spelled(found)


def listing(found: list[Operation]) -> Iterator[str]:
    """One Markdown table row an operator, constants left out."""
    yield "| # | operator | from | weights | to | zero points, attributes |"
    yield "|---|---|---|---|---|---|"
    for row, operation in enumerate(found):
        sources = " + ".join(map(shown, operation.operands))
        weights = shown(operation.weights).removeprefix("const ") if operation.weights else ""
        name, target, remark = OPERATORS[operation.code], shown(operation.result), notes(operation)
        yield f"| {row} | {name} | {sources} | {weights} | {target} | {remark} |"


def counts(found: list[Operation]) -> Iterator[str]:
    """One Markdown table row an operator and types."""
    yield "| operator | types | count |"
    yield "|---|---|---|"
    counted = Counter((OPERATORS[operation.code], operation.types) for operation in found)
    for (name, types), count in sorted(counted.items()):
        yield f"| {name} | {types} | {count} |"


def main() -> None:
    """Print the listing, or the counts with the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, metavar="FILE")
    parser.add_argument("--counts", action="store_true", help="operators by type, instead of one a line")
    arguments = parser.parse_args()
    data = arguments.model.read_bytes()
    found = list(operations(data))
    for line in counts(found) if arguments.counts else listing(found):
        print(line)
    if arguments.counts:
        multiplications = sum(operation.multiplications for operation in found)
        print(f"\n{len(found)} operators, {multiplications:,} multiplications, ", end="")
        print(f"{parameter_count(found):,} parameters, {len(data):,} bytes")


if __name__ == "__main__":
    main()
