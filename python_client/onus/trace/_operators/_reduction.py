"""Operators that fold an axis of their operand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from onus.trace._dtypes import DType
from onus.trace._entry import Entry, Opcode
from onus.trace._operators._base import Box, Lowered, Operator, Read, Source, Walk

_NUMBERS = (DType.INT8, DType.INT16, DType.INT32)


class _Reduction(Operator):
    """Folds an axis, which keeps length 1.

    Attributes:
        types: element types of the operand, which the output shares.
    """

    schema: ClassVar[tuple[tuple[str, str], ...]] = (("Axis", "i32"),)
    gathers: ClassVar[bool] = True
    types: ClassVar[tuple[DType, ...]] = _NUMBERS

    @abstractmethod
    def fold(self, values: Sequence[int]) -> int:
        """The elements along the axis made into one."""

    def lower(self, source: Source) -> Lowered:
        source.operands(1)
        operand = source.tensor(0, *self.types)
        source.require(bool(operand.shape), "the operand has no axis")
        axis = source.number("Axis", 0, len(operand.shape) - 1)
        self._check(source, operand.dtype, operand.shape, axis)
        return Lowered({"axis": axis}, (operand,))

    def _check(self, source: Source, dtype: DType, shape: tuple[int, ...], axis: int) -> None:
        source.makes(dtype, (*shape[:axis], 1, *shape[axis + 1 :]))

    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        shape, axis = entry.inputs[0].shape, entry.attributes["axis"]
        stride = 1
        for dimension in shape[axis + 1 :]:
            stride *= dimension
        outer, inner = divmod(element, stride)
        start = outer * shape[axis] * stride + inner
        return self.fold([read(0, start + k * stride) for k in range(shape[axis])])

    def reads(self, entry: Entry) -> tuple[int, ...]:
        return (entry.inputs[0].shape[entry.attributes["axis"]],)

    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        axis = entry.attributes["axis"]
        after = box[axis:] if self.opcode is Opcode.ARGMAX else box[axis + 1 :]
        return ((*box[:axis], entry.inputs[0].shape[axis], *after),)

    def walks(self, entry: Entry) -> tuple[Walk | None, ...]:
        return (Walk(axis=entry.attributes["axis"], lines=1),)

    def layouts(self, entry: Entry) -> tuple[tuple[int, ...], ...]:
        axis, axes = entry.attributes["axis"], range(entry.inputs[0].rank)
        return ((*(k for k in axes if k != axis), axis) if axis != axes[-1] else (),)


class ArgMax(_Reduction):
    """Place along the axis of the first of the largest; the axis goes."""

    opcode: ClassVar[Opcode] = Opcode.ARGMAX
    reader: ClassVar[str] = "ArgMaxAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (("Axis", "i32"), ("NanMode", "u32"))
    types: ClassVar[tuple[DType, ...]] = (DType.INT8, DType.INT16)

    def _check(self, source: Source, dtype: DType, shape: tuple[int, ...], axis: int) -> None:
        source.makes(DType.INT32, (*shape[:axis], *shape[axis + 1 :]))

    def fold(self, values: Sequence[int]) -> int:
        return values.index(max(values))


class ReduceAll(_Reduction):
    """Whether all are true."""

    opcode: ClassVar[Opcode] = Opcode.REDUCE_ALL
    reader: ClassVar[str] = "ReduceAllAttribute"
    types: ClassVar[tuple[DType, ...]] = (DType.BOOL,)

    def fold(self, values: Sequence[int]) -> int:
        return min(values)


class ReduceAny(_Reduction):
    """Whether any is true."""

    opcode: ClassVar[Opcode] = Opcode.REDUCE_ANY
    reader: ClassVar[str] = "ReduceAnyAttribute"
    types: ClassVar[tuple[DType, ...]] = (DType.BOOL,)

    def fold(self, values: Sequence[int]) -> int:
        return max(values)


class ReduceMax(_Reduction):
    """Largest."""

    opcode: ClassVar[Opcode] = Opcode.REDUCE_MAX
    reader: ClassVar[str] = "ReduceMaxAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (("Axis", "i32"), ("NanMode", "u32"))

    def fold(self, values: Sequence[int]) -> int:
        return max(values)


class ReduceMin(_Reduction):
    """Smallest."""

    opcode: ClassVar[Opcode] = Opcode.REDUCE_MIN
    reader: ClassVar[str] = "ReduceMinAttribute"
    schema: ClassVar[tuple[tuple[str, str], ...]] = (("Axis", "i32"), ("NanMode", "u32"))

    def fold(self, values: Sequence[int]) -> int:
        return min(values)


class ReduceSum(_Reduction):
    """Sum; wrap."""

    opcode: ClassVar[Opcode] = Opcode.REDUCE_SUM
    reader: ClassVar[str] = "ReduceSumAttribute"
    types: ClassVar[tuple[DType, ...]] = (DType.INT32,)

    def fold(self, values: Sequence[int]) -> int:
        return sum(values)
