"""A `.tosa` model of one fully connected layer, to measure what one long scalar product costs to prove.

input int8[1,1,1,n] ─ CONV2D, weights int8[64,1,1,n], bias int32[64] ─ RESCALE per channel ─ int8[1,1,1,64]
"""

from __future__ import annotations

import numpy as np

OUTPUTS = 64


def tosa(length: int) -> bytes:
    """The file for a contraction of `length` products; the same bytes every time."""
    from serializer.tosa_serializer import DType, Op, TosaSerializer, TosaSerializerAttribute

    random = np.random.default_rng(length)
    graph = TosaSerializer("", tosa_version_major=1, tosa_version_minor=0, tosa_version_draft=False)
    shape = [1, 1, 1, length]
    block = graph.currRegion.currBasicBlock
    block.addTensor("input", shape, DType.INT8)
    block.addInput("input")
    block.addTensor("sum", [1, 1, 1, OUTPUTS], DType.INT32)
    block.addTensor("output", [1, 1, 1, OUTPUTS], DType.INT8)
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
                "weights", DType.INT8, random.integers(-127, 128, (OUTPUTS, 1, 1, length)).astype(np.int8)
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
