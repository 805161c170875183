"""Operators that take one element of each operand."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Final

from onus.trace._descriptor import ravel, unravel
from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._operators._base import Box, Lowered, Operand, Operator, Read, Source

_NUMBERS: Final = (DType.INT8, DType.INT16, DType.INT32)


# ---- One operand ---------------------------------------------------------------------------------


class _Unary(Operator):
    """One operand of the output's type and shape.

    Attributes:
        types: element types.
    """

    types: ClassVar[tuple[DType, ...]] = (DType.INT32,)

    @abstractmethod
    def map(self, entry: Entry, x: int) -> int:
        """The operator on one element, in unbounded integers."""

    def lower(self, source: Source) -> Lowered:
        source.operands(1)
        return Lowered({}, (self._operand(source),))

    def _operand(self, source: Source) -> Operand:
        operand = source.tensor(0, *self.types)
        source.makes(operand.dtype, operand.shape)
        return operand

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        return self.map(entry, read(0, element))

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return (box,)


class Clamp(_Unary):
    """min(max(x, min), max)."""

    opcode: ClassVar[Opcode] = Opcode.CLAMP
    reader: ClassVar[str] = "ClampAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (("MinVal", "u8*"), ("MaxVal", "u8*"), ("NanMode", "u32"))
    types: ClassVar[tuple[DType, ...]] = (DType.INT8, DType.INT16)

    def lower(self, source: Source) -> Lowered:
        source.operands(1)
        operand = self._operand(source)
        low, high = (self._bound(source, name, operand.dtype) for name in ("MinVal", "MaxVal"))
        source.require(low <= high, f"the smallest value {low} is above the largest {high}")
        return Lowered({"min": low, "max": high}, (operand,))

    def map(self, entry: Entry, x: int) -> int:
        return min(max(x, entry.attributes["min"]), entry.attributes["max"])

    @staticmethod
    def _bound(source: Source, name: str, dtype: DType) -> int:
        data = bytes(source.attributes[name])
        # Writers may fill the vector up with zero bytes.
        source.require(
            len(data) >= dtype.size and not any(data[dtype.size :]),
            f"{name} must be one element of {dtype.name}",
        )
        return int.from_bytes(data[: dtype.size], "little", signed=True)


class Abs(_Unary):
    """|x|; wrap."""

    opcode: ClassVar[Opcode] = Opcode.ABS

    def map(self, entry: Entry, x: int) -> int:
        return abs(x)


class BitwiseNot(_Unary):
    """~x."""

    opcode: ClassVar[Opcode] = Opcode.BITWISE_NOT
    types: ClassVar[tuple[DType, ...]] = _NUMBERS

    def map(self, entry: Entry, x: int) -> int:
        return ~x


class Clz(_Unary):
    """Zero bits above the highest one."""

    opcode: ClassVar[Opcode] = Opcode.CLZ

    def map(self, entry: Entry, x: int) -> int:
        return entry.output.dtype.bits - _unsigned(x, entry.output.dtype).bit_length()


class LogicalNot(_Unary):
    """Whether x is false."""

    opcode: ClassVar[Opcode] = Opcode.LOGICAL_NOT
    types: ClassVar[tuple[DType, ...]] = (DType.BOOL,)

    def map(self, entry: Entry, x: int) -> int:
        return int(x == 0)


class Negate(_Unary):
    """output_zp − (x − input_zp); INT8 and INT16 saturate, INT32 wraps."""

    opcode: ClassVar[Opcode] = Opcode.NEGATE
    types: ClassVar[tuple[DType, ...]] = _NUMBERS

    def lower(self, source: Source) -> Lowered:
        source.operands(3)
        operand = self._operand(source)
        points = (source.zero_point(index, operand.dtype) for index in (1, 2))
        return Lowered(dict(zip(("input_zp", "output_zp"), points, strict=True)), (operand,))

    def map(self, entry: Entry, x: int) -> int:
        value = entry.attributes["output_zp"] - (x - entry.attributes["input_zp"])
        dtype = entry.output.dtype
        return dtype.saturate(value) if dtype < DType.INT32 else value


class Cast(Operator):
    """The same number in another type: narrower ones truncate, BOOL is whether it is not 0."""

    opcode: ClassVar[Opcode] = Opcode.CAST

    def lower(self, source: Source) -> Lowered:
        source.operands(1)
        operand = source.tensor(0, DType.BOOL, *_NUMBERS)
        source.makes([d for d in (DType.BOOL, *_NUMBERS) if d is not operand.dtype], operand.shape)
        return Lowered({}, (operand,))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        return read(0, element)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return (box,)


class Table(Operator):
    """INT8: entry x + 128 of 256. INT16: between entries ⌊(x + 32768) / 128⌋ and the next of 513; wrap."""

    opcode: ClassVar[Opcode] = Opcode.TABLE

    def lower(self, source: Source) -> Lowered:
        source.operands(2)
        operand = source.tensor(0, DType.INT8, DType.INT16)
        narrow = operand.dtype is DType.INT8
        source.makes(DType.INT8 if narrow else DType.INT32, operand.shape)
        source.constant(1, operand.dtype, count=256 if narrow else 513)
        return Lowered({}, (operand, source.tensor(1)))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        x = read(0, element)
        if entry.inputs[0].dtype is not DType.INT16:
            return read(1, x + 128)
        place, fraction = divmod(x + 32768, 128)
        base = read(1, place)
        return (base << 7) + (read(1, place + 1) - base) * fraction

    def reads(self, entry: Entry) -> tuple[int, ...]:
        return (1, 2 if entry.inputs[0].dtype is DType.INT16 else 1)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return (box, None)


# ---- Several operands ----------------------------------------------------------------------------


class _Broadcast(Operator):
    """Operands of one rank, of which dimensions of 1 are broadcast."""

    def _broadcast(self, source: Source, result: DType, *operands: Operand) -> None:
        """Requires operands that fit together and an output of their shape."""
        shape = operands[0].shape
        for operand in operands[1:]:
            source.require(len(operand.shape) == len(shape), "the operands must have one rank")
            for a, b in zip(shape, operand.shape, strict=True):
                source.require(a == b or 1 in (a, b), f"{shape} and {operand.shape} do not broadcast")
            shape = tuple(map(max, shape, operand.shape))
        source.makes(result, shape)

    def _place(self, entry: Entry, number: int, element: int) -> int:
        """Row-major index in an operand of what stands in the place of an element of the output."""
        shape = entry.inputs[number].shape
        coordinates = unravel(element, entry.output.shape)
        return ravel([0 if d == 1 else c for c, d in zip(coordinates, shape, strict=True)], shape)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        return tuple(tuple(map(min, box, operand.shape)) for operand in entry.inputs)


class _Binary(_Broadcast):
    """Two operands of one type.

    Attributes:
        types: element types of the operands.
        result: element type of the output; the operands' if None.
    """

    types: ClassVar[tuple[DType, ...]] = (DType.INT32,)
    result: ClassVar[DType | None] = None

    @abstractmethod
    def combine(self, entry: Entry, a: int, b: int) -> int:
        """The operator on one element of each operand, in unbounded integers."""

    def lower(self, source: Source) -> Lowered:
        source.operands(2)
        return Lowered({}, self._operands(source))

    def _operands(self, source: Source) -> tuple[Operand, Operand]:
        left = source.tensor(0, *self.types)
        right = source.tensor(1, left.dtype)
        self._broadcast(source, self.result or left.dtype, left, right)
        return left, right

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        a, b = (read(number, self._place(entry, number, element)) for number in range(2))
        return self.combine(entry, a, b)


class Add(_Binary):
    """a + b; wrap."""

    opcode: ClassVar[Opcode] = Opcode.ADD

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return a + b


class ArithmeticRightShift(_Binary):
    """⌊a / 2^b⌋, or rounded with halves upwards; 0 for a shift that the type does not have."""

    opcode: ClassVar[Opcode] = Opcode.ARITHMETIC_RIGHT_SHIFT
    reader: ClassVar[str] = "ArithmeticRightShiftAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (("Round", "u8"),)
    types: ClassVar[tuple[DType, ...]] = _NUMBERS

    def lower(self, source: Source) -> Lowered:
        source.operands(2)
        return Lowered({"round": int(bool(source.attributes["Round"]))}, self._operands(source))

    def combine(self, entry: Entry, a: int, b: int) -> int:
        if not 0 <= b < entry.output.dtype.bits:
            return 0
        return (a + (1 << b >> 1 if entry.attributes["round"] else 0)) >> b


class LogicalLeftShift(_Binary):
    """a · 2^b; wrap; 0 for a shift that the type does not have."""

    opcode: ClassVar[Opcode] = Opcode.LOGICAL_LEFT_SHIFT
    types: ClassVar[tuple[DType, ...]] = _NUMBERS

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return a << b if 0 <= b < entry.output.dtype.bits else 0


class LogicalRightShift(_Binary):
    """⌊a / 2^b⌋ of a without sign; 0 for a shift that the type does not have."""

    opcode: ClassVar[Opcode] = Opcode.LOGICAL_RIGHT_SHIFT
    types: ClassVar[tuple[DType, ...]] = _NUMBERS

    def combine(self, entry: Entry, a: int, b: int) -> int:
        dtype = entry.output.dtype
        return _unsigned(a, dtype) >> b if 0 <= b < dtype.bits else 0


class BitwiseAnd(_Binary):
    """a & b."""

    opcode: ClassVar[Opcode] = Opcode.BITWISE_AND
    types: ClassVar[tuple[DType, ...]] = _NUMBERS

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return a & b


class BitwiseOr(_Binary):
    """a | b."""

    opcode: ClassVar[Opcode] = Opcode.BITWISE_OR
    types: ClassVar[tuple[DType, ...]] = _NUMBERS

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return a | b


class BitwiseXor(_Binary):
    """a ^ b."""

    opcode: ClassVar[Opcode] = Opcode.BITWISE_XOR
    types: ClassVar[tuple[DType, ...]] = _NUMBERS

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return a ^ b


class LogicalAnd(BitwiseAnd):
    """Whether both are true."""

    opcode: ClassVar[Opcode] = Opcode.LOGICAL_AND
    types: ClassVar[tuple[DType, ...]] = (DType.BOOL,)


class LogicalOr(BitwiseOr):
    """Whether one is true, or both."""

    opcode: ClassVar[Opcode] = Opcode.LOGICAL_OR
    types: ClassVar[tuple[DType, ...]] = (DType.BOOL,)


class LogicalXor(BitwiseXor):
    """Whether one is true, but not both."""

    opcode: ClassVar[Opcode] = Opcode.LOGICAL_XOR
    types: ClassVar[tuple[DType, ...]] = (DType.BOOL,)


class IntDiv(_Binary):
    """a / b towards zero; wrap; 0 if b is 0."""

    opcode: ClassVar[Opcode] = Opcode.INTDIV

    def combine(self, entry: Entry, a: int, b: int) -> int:
        quotient = abs(a) // abs(b) if b else 0
        return quotient if (a < 0) == (b < 0) else -quotient


class Maximum(_Binary):
    """The larger one."""

    opcode: ClassVar[Opcode] = Opcode.MAXIMUM

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return max(a, b)


class Minimum(_Binary):
    """The smaller one."""

    opcode: ClassVar[Opcode] = Opcode.MINIMUM

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return min(a, b)


class Mul(_Binary):
    """a · b / 2^shift, rounded with halves upwards; wrap."""

    opcode: ClassVar[Opcode] = Opcode.MUL
    types: ClassVar[tuple[DType, ...]] = _NUMBERS
    result: ClassVar[DType | None] = DType.INT32

    def lower(self, source: Source) -> Lowered:
        source.operands(3)
        operands = self._operands(source)
        (shift,) = source.constant(2, DType.INT8)
        source.require(0 <= shift <= 63, f"the shift {shift} must be from 0 to 63")
        dtype = operands[0].dtype
        source.require(shift == 0 or dtype is DType.INT32, f"{dtype.name} is multiplied without a shift")
        return Lowered({"shift": shift}, operands)

    def combine(self, entry: Entry, a: int, b: int) -> int:
        shift = entry.attributes["shift"]
        return (a * b + (1 << shift >> 1)) >> shift


class Sub(_Binary):
    """a − b; wrap."""

    opcode: ClassVar[Opcode] = Opcode.SUB

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return a - b


class Equal(_Binary):
    """Whether a = b."""

    opcode: ClassVar[Opcode] = Opcode.EQUAL
    result: ClassVar[DType | None] = DType.BOOL

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return int(a == b)


class Greater(_Binary):
    """Whether a > b."""

    opcode: ClassVar[Opcode] = Opcode.GREATER
    result: ClassVar[DType | None] = DType.BOOL

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return int(a > b)


class GreaterEqual(_Binary):
    """Whether a ≥ b."""

    opcode: ClassVar[Opcode] = Opcode.GREATER_EQUAL
    result: ClassVar[DType | None] = DType.BOOL

    def combine(self, entry: Entry, a: int, b: int) -> int:
        return int(a >= b)


class Select(_Broadcast):
    """The second operand where the first is true, otherwise the third."""

    opcode: ClassVar[Opcode] = Opcode.SELECT

    def lower(self, source: Source) -> Lowered:
        source.operands(3)
        condition, chosen = source.tensor(0, DType.BOOL), source.tensor(1, DType.BOOL, *_NUMBERS)
        other = source.tensor(2, chosen.dtype)
        self._broadcast(source, chosen.dtype, condition, chosen, other)
        return Lowered({}, (condition, chosen, other))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        number = 1 if read(0, self._place(entry, 0, element)) else 2
        return read(number, self._place(entry, number, element))


def _unsigned(value: int, dtype: DType) -> int:
    return value & ((1 << dtype.bits) - 1)
