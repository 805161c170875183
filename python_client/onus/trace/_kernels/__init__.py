"""The engine's definition of each operator: whole tensors of a batch, in numpy and compiled kernels.

Written apart from `_operators`, which defines the same operators one element at a time in unbounded integers.
"""

from __future__ import annotations

from collections.abc import Mapping

from onus.trace._entry import Opcode
from onus.trace._kernels._base import Kernel, Prepare
from onus.trace._kernels._convolution import conv2d, depthwise_conv2d
from onus.trace._kernels._indexing import gather, scatter
from onus.trace._kernels._matmul import matmul
from onus.trace._kernels._movement import concat, copy, cut, pad, reverse, tile, transpose
from onus.trace._kernels._pointwise import add, clamp, rescale
from onus.trace._kernels._pooling import max_pool2d
from onus.trace._kernels._resize import resize

__all__ = ["KERNELS", "VIEWS", "Kernel", "Prepare"]

KERNELS: Mapping[Opcode, Prepare] = {
    Opcode.CONV2D: conv2d,
    Opcode.CONV3D: conv2d,
    Opcode.DEPTHWISE_CONV2D: depthwise_conv2d,
    Opcode.MATMUL: matmul,
    Opcode.MAX_POOL2D: max_pool2d,
    Opcode.TRANSPOSE_CONV2D: conv2d,
    Opcode.CLAMP: clamp,
    Opcode.ADD: add,
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
    Opcode.RESCALE: rescale,
    Opcode.IDENTITY: copy,
}
VIEWS = frozenset((Opcode.RESHAPE, Opcode.IDENTITY))
"""Operators whose output is their input in the same order: nothing to do if it is not committed."""
