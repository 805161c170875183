"""Entries of a program: one operator with its operands (docs/trace.md, 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from onus.trace._descriptor import Descriptor
from onus.trace._errors import MalformedEvidence

WORD = 32


class Opcode(IntEnum):
    """Operators an entry can have, numbered as in TOSA's file format."""

    ARGMAX = 1
    AVG_POOL2D = 2
    CONV2D = 3
    CONV3D = 4
    DEPTHWISE_CONV2D = 5
    MATMUL = 7
    MAX_POOL2D = 8
    TRANSPOSE_CONV2D = 10
    CLAMP = 11
    ADD = 15
    ARITHMETIC_RIGHT_SHIFT = 16
    BITWISE_AND = 17
    BITWISE_OR = 18
    BITWISE_XOR = 19
    INTDIV = 20
    LOGICAL_AND = 21
    LOGICAL_LEFT_SHIFT = 22
    LOGICAL_RIGHT_SHIFT = 23
    LOGICAL_OR = 24
    LOGICAL_XOR = 25
    MAXIMUM = 26
    MINIMUM = 27
    MUL = 28
    SUB = 30
    TABLE = 31
    ABS = 32
    BITWISE_NOT = 33
    CLZ = 35
    LOGICAL_NOT = 40
    NEGATE = 41
    SELECT = 45
    EQUAL = 46
    GREATER = 47
    GREATER_EQUAL = 48
    REDUCE_ALL = 49
    REDUCE_ANY = 50
    REDUCE_MAX = 51
    REDUCE_MIN = 52
    REDUCE_SUM = 54
    CONCAT = 55
    PAD = 56
    RESHAPE = 57
    REVERSE = 58
    SLICE = 59
    TILE = 60
    TRANSPOSE = 61
    GATHER = 62
    SCATTER = 63
    RESIZE = 64
    CAST = 65
    RESCALE = 66
    IDENTITY = 68


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute's place in the first word of an entry.

    Attributes:
        name: the attribute.
        offset: its first byte.
        size: bytes.
        signed: two's complement if set.
    """

    name: str
    offset: int
    size: int
    signed: bool = False


def _run(offset: int, size: int, *names: str, signed: bool = False) -> tuple[Field, ...]:
    return tuple(Field(name, offset + size * k, size, signed) for k, name in enumerate(names))


_CONVOLUTION = (
    *_run(2, 2, "pad_top", "pad_bottom", "pad_left", "pad_right"),
    *_run(10, 2, "stride_y", "stride_x", "dilation_y", "dilation_x"),
    *_run(18, 2, "input_zp", "weight_zp", signed=True),
)
_POOL = (
    *_run(2, 2, "kernel_y", "kernel_x", "stride_y", "stride_x"),
    *_run(10, 2, "pad_top", "pad_bottom", "pad_left", "pad_right"),
)
_AXIS = (Field("axis", 2, 1),)
_FIELDS: Mapping[Opcode, tuple[Field, ...]] = {
    Opcode.ARGMAX: _AXIS,
    Opcode.AVG_POOL2D: (*_POOL, *_run(18, 2, "input_zp", "output_zp", signed=True)),
    Opcode.CONV2D: _CONVOLUTION,
    Opcode.CONV3D: (*_CONVOLUTION, *_run(22, 2, "pad_d0", "pad_d1", "stride_d", "dilation_d")),
    Opcode.DEPTHWISE_CONV2D: _CONVOLUTION,
    Opcode.MATMUL: _run(18, 2, "a_zp", "b_zp", signed=True),
    Opcode.MAX_POOL2D: _POOL,
    Opcode.TRANSPOSE_CONV2D: (
        *_run(2, 2, "out_pad_top", "out_pad_bottom", "out_pad_left", "out_pad_right", signed=True),
        *_run(10, 2, "stride_y", "stride_x"),
        *_run(18, 2, "input_zp", "weight_zp", signed=True),
    ),
    Opcode.CLAMP: _run(2, 4, "min", "max", signed=True),
    Opcode.ARITHMETIC_RIGHT_SHIFT: (Field("round", 2, 1),),
    Opcode.MUL: (Field("shift", 2, 1),),
    Opcode.NEGATE: _run(2, 2, "input_zp", "output_zp", signed=True),
    Opcode.REDUCE_ALL: _AXIS,
    Opcode.REDUCE_ANY: _AXIS,
    Opcode.REDUCE_MAX: _AXIS,
    Opcode.REDUCE_MIN: _AXIS,
    Opcode.REDUCE_SUM: _AXIS,
    Opcode.CONCAT: _AXIS,
    Opcode.PAD: (
        *_run(2, 4, *(f"before{k}" for k in range(6))),
        Field("pad_const", 26, 4, signed=True),
    ),
    Opcode.REVERSE: _AXIS,
    Opcode.SLICE: _run(2, 4, *(f"start{k}" for k in range(6))),
    Opcode.TRANSPOSE: _run(2, 1, *(f"perm{k}" for k in range(6))),
    Opcode.GATHER: (),
    Opcode.SCATTER: (),
    Opcode.RESIZE: (
        *_run(2, 2, "scale_y_n", "scale_y_d", "scale_x_n", "scale_x_d"),
        *_run(10, 2, "offset_y", "offset_x", signed=True),
        Field("mode", 14, 1),
    ),
    Opcode.RESCALE: (
        Field("multiplier", 2, 4, signed=True),
        Field("shift", 6, 1),
        Field("input_zp", 7, 4, signed=True),
        Field("output_zp", 11, 4, signed=True),
        Field("flags", 15, 1),
    ),
}
FIELDS: Mapping[Opcode, tuple[Field, ...]] = {opcode: _FIELDS.get(opcode, ()) for opcode in Opcode}
"""Attributes of each operator and where they stand."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One operator of a program.

    Attributes:
        opcode: the operator.
        output: the tensor it makes.
        inputs: the tensors it reads, at least one.
        attributes: every attribute of the operator by name; `FIELDS` lists them.
    """

    opcode: Opcode
    output: Descriptor
    inputs: tuple[Descriptor, ...]
    attributes: Mapping[str, int]

    def __post_init__(self) -> None:
        names = {field.name for field in FIELDS[self.opcode]}
        if names != set(self.attributes):
            raise ValueError(f"{self.opcode.name} has the attributes {sorted(names)}")
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    def encode(self) -> bytes:
        """The bytes whose hash is the entry's leaf: 32 * (2 + inputs).

        Raises:
            OverflowError: if an attribute does not fit its field.
        """
        head = bytearray(WORD)
        head[0], head[1] = self.opcode, len(self.inputs)
        for field in FIELDS[self.opcode]:
            value = self.attributes[field.name].to_bytes(field.size, "big", signed=field.signed)
            head[field.offset : field.offset + field.size] = value
        return bytes(head) + b"".join(d.encode() for d in (self.output, *self.inputs))

    @staticmethod
    def decode(data: bytes) -> Entry:
        """Inverse of `encode`.

        Raises:
            MalformedEvidence: if the bytes are no canonical entry.
        """
        try:
            opcode, inputs = Opcode(data[0]), data[1]
            attributes = {
                f.name: int.from_bytes(data[f.offset : f.offset + f.size], "big", signed=f.signed)
                for f in FIELDS[opcode]
            }
            words = [data[at : at + WORD] for at in range(WORD, len(data), WORD)]
            descriptors = tuple(Descriptor.decode(word) for word in words)
            entry = Entry(opcode, descriptors[0], descriptors[1:], attributes)
        except (ValueError, IndexError) as error:
            raise MalformedEvidence("no entry") from error
        if not inputs or len(descriptors) != 1 + inputs or entry.encode() != data:
            raise MalformedEvidence("no canonical entry")
        return entry
