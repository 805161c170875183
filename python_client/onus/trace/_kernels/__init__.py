"""The engine's definition of each operator: whole tensors of a batch, in numpy and compiled kernels.

Written apart from `_operators`, which defines the same operators one element at a time in unbounded integers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from onus.trace._entry import Opcode
from onus.trace._kernels import _pointwise as pointwise
from onus.trace._kernels._base import Kernel, Prepare
from onus.trace._kernels._convolution import conv2d, depthwise_conv2d
from onus.trace._kernels._indexing import gather, scatter
from onus.trace._kernels._matmul import matmul
from onus.trace._kernels._movement import concat, copy, cut, pad, reverse, tile, transpose
from onus.trace._kernels._pooling import avg_pool2d, max_pool2d
from onus.trace._kernels._reduction import argmax, reduction
from onus.trace._kernels._resize import resize

__all__ = ["KERNELS", "Kernel", "Prepare"]

KERNELS: Mapping[Opcode, Prepare] = {
    Opcode.ARGMAX: argmax,
    Opcode.AVG_POOL2D: avg_pool2d,
    Opcode.CONV2D: conv2d,
    Opcode.CONV3D: conv2d,
    Opcode.DEPTHWISE_CONV2D: depthwise_conv2d,
    Opcode.MATMUL: matmul,
    Opcode.MAX_POOL2D: max_pool2d,
    Opcode.TRANSPOSE_CONV2D: conv2d,
    Opcode.CLAMP: pointwise.clamp,
    Opcode.ADD: pointwise.elementwise(np.add),
    Opcode.ARITHMETIC_RIGHT_SHIFT: pointwise.arithmetic_right_shift,
    Opcode.BITWISE_AND: pointwise.elementwise(np.bitwise_and),
    Opcode.BITWISE_OR: pointwise.elementwise(np.bitwise_or),
    Opcode.BITWISE_XOR: pointwise.elementwise(np.bitwise_xor),
    Opcode.INTDIV: pointwise.intdiv,
    Opcode.LOGICAL_AND: pointwise.elementwise(np.bitwise_and),
    Opcode.LOGICAL_LEFT_SHIFT: pointwise.logical_left_shift,
    Opcode.LOGICAL_RIGHT_SHIFT: pointwise.logical_right_shift,
    Opcode.LOGICAL_OR: pointwise.elementwise(np.bitwise_or),
    Opcode.LOGICAL_XOR: pointwise.elementwise(np.bitwise_xor),
    Opcode.MAXIMUM: pointwise.elementwise(np.maximum),
    Opcode.MINIMUM: pointwise.elementwise(np.minimum),
    Opcode.MUL: pointwise.mul,
    Opcode.SUB: pointwise.elementwise(np.subtract),
    Opcode.TABLE: pointwise.table,
    Opcode.ABS: pointwise.elementwise(np.absolute),
    Opcode.BITWISE_NOT: pointwise.elementwise(np.invert),
    Opcode.CLZ: pointwise.clz,
    Opcode.LOGICAL_NOT: pointwise.logical_not,
    Opcode.NEGATE: pointwise.negate,
    Opcode.SELECT: pointwise.select,
    Opcode.EQUAL: pointwise.elementwise(np.equal),
    Opcode.GREATER: pointwise.elementwise(np.greater),
    Opcode.GREATER_EQUAL: pointwise.elementwise(np.greater_equal),
    Opcode.REDUCE_ALL: reduction(np.minimum),
    Opcode.REDUCE_ANY: reduction(np.maximum),
    Opcode.REDUCE_MAX: reduction(np.maximum),
    Opcode.REDUCE_MIN: reduction(np.minimum),
    Opcode.REDUCE_SUM: reduction(np.add),
    Opcode.CONCAT: concat,
    Opcode.PAD: pad,
    Opcode.RESHAPE: copy,
    Opcode.REVERSE: reverse,
    Opcode.SLICE: cut,
    Opcode.TILE: tile,
    Opcode.TRANSPOSE: transpose,
    Opcode.GATHER: gather,
    Opcode.SCATTER: scatter,
    Opcode.RESIZE: resize,
    Opcode.CAST: pointwise.cast,
    Opcode.RESCALE: pointwise.rescale,
    Opcode.IDENTITY: copy,
}
