"""The operators of the format: what the file may hold, what an entry means, what a step needs.

`OPERATORS` is the one list of them. The engine's kernels stand apart (`_kernels`), so that the two
definitions of an operator can be held against each other.
"""

from __future__ import annotations

from collections.abc import Mapping

from onus.trace._entry import Opcode
from onus.trace._operators import _elementwise as elementwise
from onus.trace._operators import _reduction as reduction
from onus.trace._operators._base import Box, Lowered, Operand, Operator, Read, Source
from onus.trace._operators._convolution import Conv2d, Conv3d, DepthwiseConv2d, TransposeConv2d
from onus.trace._operators._indexing import Gather, Scatter
from onus.trace._operators._matmul import MatMul
from onus.trace._operators._movement import (
    Concat,
    Identity,
    Pad,
    Reshape,
    Reverse,
    Slice,
    Tile,
    Transpose,
    permutation,
)
from onus.trace._operators._pooling import AvgPool2d, MaxPool2d
from onus.trace._operators._rescale import Rescale
from onus.trace._operators._resize import Resize

__all__ = ["OPERATORS", "RENAMES", "Box", "Lowered", "Operand", "Operator", "Read", "Source", "permutation"]

RENAMES = frozenset((Opcode.RESHAPE, Opcode.IDENTITY))
"""Operators whose output has the elements of the input in the same order: a virtual one costs nothing."""
OPERATORS: Mapping[Opcode, Operator] = {
    operator.opcode: operator
    for operator in (
        reduction.ArgMax(),
        AvgPool2d(),
        Conv2d(),
        Conv3d(),
        DepthwiseConv2d(),
        MatMul(),
        MaxPool2d(),
        TransposeConv2d(),
        elementwise.Clamp(),
        elementwise.Add(),
        elementwise.ArithmeticRightShift(),
        elementwise.BitwiseAnd(),
        elementwise.BitwiseOr(),
        elementwise.BitwiseXor(),
        elementwise.IntDiv(),
        elementwise.LogicalAnd(),
        elementwise.LogicalLeftShift(),
        elementwise.LogicalRightShift(),
        elementwise.LogicalOr(),
        elementwise.LogicalXor(),
        elementwise.Maximum(),
        elementwise.Minimum(),
        elementwise.Mul(),
        elementwise.Sub(),
        elementwise.Table(),
        elementwise.Abs(),
        elementwise.BitwiseNot(),
        elementwise.Clz(),
        elementwise.LogicalNot(),
        elementwise.Negate(),
        elementwise.Select(),
        elementwise.Equal(),
        elementwise.Greater(),
        elementwise.GreaterEqual(),
        reduction.ReduceAll(),
        reduction.ReduceAny(),
        reduction.ReduceMax(),
        reduction.ReduceMin(),
        reduction.ReduceSum(),
        Concat(),
        Pad(),
        Reshape(),
        Reverse(),
        Slice(),
        Tile(),
        Transpose(),
        Gather(),
        Scatter(),
        Resize(),
        elementwise.Cast(),
        Rescale(),
        Identity(),
    )
}
