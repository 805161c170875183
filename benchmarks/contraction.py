"""A `.tosa` model of one layer, to measure what one long scalar product costs to prove.

input int8[1,h,h,n] ─ CONV2D, weights int8[64,k,k,n], bias int32[64] ─ RESCALE per channel ─ int8[1,o,o,64];
h = o = 1 for k = 1, a fully connected layer, otherwise o = 4 and the window lies inside everywhere.
"""

from __future__ import annotations

import numpy as np

OUTPUTS = 64


def tosa(length: int, kernel: int = 1) -> bytes:
    """The file for windows of `kernel` × `kernel` cells of `length` channels; the same bytes every time."""
    from serializer.tosa_serializer import DType, Op, TosaSerializer, TosaSerializerAttribute

    random = np.random.default_rng(length)
    graph = TosaSerializer("", tosa_version_major=1, tosa_version_minor=0, tosa_version_draft=False)
    side = 1 if kernel == 1 else 4
    shape, area = [1, side + kernel - 1, side + kernel - 1, length], [1, side, side, OUTPUTS]
    block = graph.currRegion.currBasicBlock
    block.addTensor("input", shape, DType.INT8)
    block.addInput("input")
    block.addTensor("sum", area, DType.INT32)
    block.addTensor("output", area, DType.INT8)
    block.addOutput("output")

    def constant(name: str, dtype: int, values: np.ndarray) -> str:
        return graph.addConst(list(values.shape), dtype, values, name=name).name

    one = np.zeros(1, np.int8)
    convolution = TosaSerializerAttribute()
    convolution.Conv2dAttribute([0, 0, 0, 0], [1, 1], [1, 1], False, DType.INT32)
    graph.addOperator(
        Op.CONV2D,
        [
            "input",
            constant(
                "weights",
                DType.INT8,
                random.integers(-127, 128, (OUTPUTS, kernel, kernel, length)).astype(np.int8),
            ),
            constant("bias", DType.INT32, random.integers(-(2**16), 2**16, OUTPUTS).astype(np.int32)),
            constant("input_zp", DType.INT8, one - 128),
            constant("weight_zp", DType.INT8, one),
        ],
        ["sum"],
        convolution,
    )
    rescale = TosaSerializerAttribute()
    rescale.RescaleAttribute(True, 1, True, False, False)
    graph.addOperator(
        Op.RESCALE,
        [
            "sum",
            constant("multiplier", DType.INT32, random.integers(2**30, 2**31, OUTPUTS).astype(np.int32)),
            constant("shift", DType.INT8, np.full(OUTPUTS, 48, np.int8)),
            constant("sum_zp", DType.INT32, np.zeros(1, np.int32)),
            constant("output_zp", DType.INT8, one),
        ],
        ["output"],
        rescale,
    )
    return bytes(graph.serialize())
