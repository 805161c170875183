"""List the operators of a `.tosa` file, one a line: shapes, types, zero points, attributes.

    pip install tosa-tools
    python models/digits/listing.py [FILE]

Refuses a file that is not what `digits.tosa` promises to be: one block, int8 and int32 tensors only, every
RESCALE 32-bit and single round.
"""

import argparse
import importlib
from collections.abc import Iterator
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

HERE = Path(__file__).parent
ELEMENTS = {DType.INT8: "i1", DType.INT32: "<i4"}
ATTRIBUTES = {
    Op.CONV2D: ("Conv2dAttribute", ("Pad", "Stride", "Dilation")),
    Op.DEPTHWISE_CONV2D: ("DepthwiseConv2dAttribute", ("Pad", "Stride", "Dilation")),
    Op.MAX_POOL2D: ("MaxPool2dAttribute", ("Kernel", "Stride", "Pad")),
    Op.TRANSPOSE: ("TransposeAttribute", ("Perms",)),
    Op.RESCALE: ("RescaleAttribute", ("Scale32", "RoundingMode", "PerChannel")),
    Op.CLAMP: ("ClampAttribute", ("MinVal", "MaxVal")),
}


class Unexpected(ValueError):
    """The file is outside what `digits.tosa` promises."""


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


def constant(tensor: TosaTensor) -> np.ndarray:
    """Values of a constant, flat."""
    return np.frombuffer(tensor.DataAsNumpy().tobytes(), ELEMENTS[tensor.Type()])


def shown(tensor: TosaTensor) -> str:
    """Type and shape, such as `int8[1,8,8,16]`."""
    if tensor.Type() not in ELEMENTS:
        raise Unexpected(f"{tensor.Name().decode()} is {TYPES[tensor.Type()]}")
    shape = [tensor.Shape(axis) for axis in range(tensor.ShapeLength())]
    return f"{TYPES[tensor.Type()].lower()}[{','.join(map(str, shape))}]"


def zero_point(values: np.ndarray) -> int:
    """The one zero point: ExecuTorch repeats that of the weights per channel, in a tensor of shape [1]."""
    if (values != values[0]).any():
        raise Unexpected(f"several zero points: {values}")
    return int(values[0])


def compact(value: Any) -> str:
    """A list of equal numbers as one, such as `pad 1`."""
    if isinstance(value, list) and len(set(value)) == 1:
        return str(value[0])
    return str(value)


def attributes(operator: TosaOperator) -> dict[str, Any]:
    """The attributes that matter for integers, by their name in the schema."""
    if operator.Op() not in ATTRIBUTES:
        return {}
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


def notes(operator: TosaOperator, constants: list[np.ndarray]) -> str:
    """Zero points and attributes in a few words."""
    found = attributes(operator)
    match operator.Op():
        case Op.CONV2D | Op.DEPTHWISE_CONV2D:
            input_zp, weight_zp = map(zero_point, constants[-2:])
            return f"zero points {input_zp}, {weight_zp}; {spelled(found)}"
        case Op.RESCALE:
            multiplier, shift, *_ = constants
            input_zp, output_zp = map(zero_point, constants[-2:])
            return f"zero points {input_zp} → {output_zp}; {rescale_notes(found, multiplier, shift)}"
        case Op.CLAMP:
            return f"{found['MinVal']} … {found['MaxVal']}"
        case _:
            return spelled(found)


def listing(data: bytes) -> Iterator[str]:
    """One Markdown table row an operator, constants left out."""
    block = only_block(data)
    tensors = {tensor.Name(): tensor for tensor in map(block.Tensors, range(block.TensorsLength()))}
    yield "| # | operator | from | weights | to | zero points, attributes |"
    yield "|---|---|---|---|---|---|"
    row = 0
    for operator in map(block.Operators, range(block.OperatorsLength())):
        if operator.Op() in (Op.CONST, Op.CONST_SHAPE):
            continue
        inputs = [tensors.get(operator.Inputs(i)) for i in range(operator.InputsLength())]
        known = [tensor for tensor in inputs if tensor is not None]  # shapes are no tensors
        sources = " + ".join(shown(tensor) for tensor in known if not tensor.DataLength())
        constants = [tensor for tensor in known if tensor.DataLength()]
        weights = shown(constants[0]) if operator.Op() in (Op.CONV2D, Op.DEPTHWISE_CONV2D) else ""
        target = shown(tensors[operator.Outputs(0)])
        remark = notes(operator, [constant(tensor) for tensor in constants])
        yield f"| {row} | {OPERATORS[operator.Op()]} | {sources} | {weights} | {target} | {remark} |"
        row += 1


def main() -> None:
    """Print the listing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, nargs="?", default=HERE / "digits.tosa")
    for line in listing(parser.parse_args().model.read_bytes()):
        print(line)


if __name__ == "__main__":
    main()
