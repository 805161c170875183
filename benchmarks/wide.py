"""A `.tosa` model of one CLAMP over a long vector, to measure what revealing a tensor costs."""

from __future__ import annotations


def clamp(length: int) -> bytes:
    """The file for int8[1,length] → int8[1,length]."""
    from serializer.tosa_serializer import DType, Op, TosaSerializer, TosaSerializerAttribute

    graph = TosaSerializer("", tosa_version_major=1, tosa_version_minor=0, tosa_version_draft=False)
    block = graph.currRegion.currBasicBlock
    for name in ("input", "output"):
        block.addTensor(name, [1, length], DType.INT8)
    block.addInput("input")
    block.addOutput("output")
    bounds = TosaSerializerAttribute()
    bounds.ClampAttribute(graph.builder, bytes([0x80]), bytes([0x7F]), 1)
    graph.addOperator(Op.CLAMP, ["input"], ["output"], bounds)
    return bytes(graph.serialize())
