"""What an operator is to the compiler and to the step; the modules beside this one have the operators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from onus.trace._dtypes import Array, DType
from onus.trace._entry import Entry, Opcode
from onus.trace._errors import InvalidOperator, Place, UnsupportedType

Box = tuple[int, ...]
"""Extents of a block of neighbouring elements, one for each axis."""
Read = Callable[[int, int], int]
"""Value of an operand's element: operand, row-major index → value."""


@dataclass(eq=False, slots=True)
class Operand:
    """An input of an operator of the file.

    Attributes:
        name: the tensor's name, for messages.
        dtype: element type.
        shape: dimensions.
        values: the elements if the tensor is constant, shape `shape`, else None.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    values: Array | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """An operator of the file as `Operator.lower` sees it.

    Attributes:
        place: where it is.
        inputs: its operands; a tuple of integers where TOSA wants a shape.
        dtype: element type of the output.
        shape: dimensions of the output.
        attributes: attributes by TOSA's name.
    """

    place: Place
    inputs: tuple[Operand | tuple[int, ...], ...]
    dtype: DType
    shape: tuple[int, ...]
    attributes: Mapping[str, Any]

    def require(self, condition: bool, message: str) -> None:
        """Raises `InvalidOperator` unless the condition holds."""
        if not condition:
            raise InvalidOperator(message, self.place)

    def operands(self, count: int) -> None:
        """Requires a number of inputs."""
        self.require(len(self.inputs) == count, f"{count} inputs are needed, {len(self.inputs)} given")

    def tensor(self, index: int, *dtypes: DType, rank: int | None = None) -> Operand:
        """An operand that must be a tensor of one of some types, and maybe of a rank."""
        operand = self.inputs[index]
        if not isinstance(operand, Operand):
            raise InvalidOperator(f"input {index} must be a tensor, not a shape", self.place)
        if dtypes and operand.dtype not in dtypes:
            raise UnsupportedType(
                operand.dtype.name, self.place, f"input {index}", [dtype.name for dtype in dtypes]
            )
        self.require(rank is None or len(operand.shape) == rank, f"input {index} must have rank {rank}")
        return operand

    def makes(self, dtype: DType | Sequence[DType], shape: Sequence[int]) -> None:
        """Requires the output to have a type, or one of some, and a shape."""
        allowed = (dtype,) if isinstance(dtype, DType) else dtype
        if self.dtype not in allowed:
            raise UnsupportedType(self.dtype.name, self.place, "an output", [each.name for each in allowed])
        self.require(self.shape == tuple(shape), f"the output has shape {self.shape}, not {tuple(shape)}")

    def constant(self, index: int, *dtypes: DType, count: int = 1) -> list[int]:
        """The elements of an operand that must be a constant vector of a length."""
        operand = self.tensor(index, *dtypes, rank=1)
        if operand.values is None:
            raise InvalidOperator(f"input {index} must be constant", self.place)
        self.require(operand.shape == (count,), f"input {index} must have shape ({count},)")
        return [int(value) for value in operand.values]

    def zero_point(self, index: int, dtype: DType) -> int:
        """A zero point, which must be constant; 0 except for INT8."""
        (value,) = self.constant(index, dtype)
        self.require(value == 0 or dtype is DType.INT8, f"input {index}: only INT8 has a zero point")
        return value

    def number(self, name: str, minimum: int, maximum: int) -> int:
        """An attribute that must be in a range."""
        value = int(self.attributes[name])
        self.require(minimum <= value <= maximum, f"{name} {value} must be from {minimum} to {maximum}")
        return value

    def dimensions(self, index: int, count: int | None = None) -> tuple[int, ...]:
        """An operand that must be a constant shape, maybe with a number of dimensions."""
        shape = self.inputs[index]
        if not isinstance(shape, tuple):
            raise InvalidOperator(f"input {index} must be a constant shape", self.place)
        self.require(count is None or len(shape) == count, f"input {index} must have {count} numbers")
        return shape

    def numbers(self, name: str, count: int, minimum: int, maximum: int = 0xFFFF) -> list[int]:
        """An attribute that must be a list of a length with every number in a range."""
        values = [int(value) for value in self.attributes[name]]
        self.require(len(values) == count, f"{name} must have {count} numbers")
        self.require(
            all(minimum <= value <= maximum for value in values),
            f"{name} {values} must be from {minimum} to {maximum}",
        )
        return values


@dataclass(frozen=True, slots=True)
class Lowered:
    """An operator as it stands in an entry.

    Attributes:
        attributes: by the names of `FIELDS`.
        operands: tensors it reads; zero points, shapes and the like have moved into the attributes.
    """

    attributes: Mapping[str, int]
    operands: tuple[Operand, ...]


class Walk(NamedTuple):
    """Elements taken one after another along an axis of an operand.

    Attributes:
        axis: the axis.
        lines: how often an element of the output begins anew.
    """

    axis: int
    lines: int


class Operator(ABC):
    """One operator of the format.

    Attributes:
        opcode: its number.
        reader: name of the generated reader class of its attributes, empty if it has none.
        schema: attributes in the file, in the order of TOSA's schema: name of the reader's method, and type
            (`u8`, `u32`, `i32`, with a star for a list).
        gathers: whether one element needs many elements of an operand, which then wants to be committed.
        contracts: whether it sums products, as many as it reads elements of its first operand.
        packs: layouts of the first two operands in which the contract multiplies their elements many at a
            time, if they are committed bytes; empty if it never does.
    """

    opcode: ClassVar[Opcode]
    reader: ClassVar[str] = ""
    schema: ClassVar[tuple[tuple[str, str], ...]] = ()
    gathers: ClassVar[bool] = False
    contracts: ClassVar[bool] = False
    packs: ClassVar[tuple[tuple[int, ...], ...]] = ()

    @abstractmethod
    def lower(self, source: Source) -> Lowered:
        """Checks an operator of the file and turns it into what an entry holds.

        Raises:
            InvalidOperator: for what TOSA does not define.
            UnsupportedType: for types outside the integer profile.
        """

    @abstractmethod
    def evaluate(self, entry: Entry, element: int, read: Read) -> int:
        """One element of the output in unbounded integers, before it is reduced to the output's type."""

    def reads(self, entry: Entry) -> tuple[int, ...]:
        """Most elements of each operand that one element of the output needs."""
        return (1,) * len(entry.inputs)

    @abstractmethod
    def boxes(self, entry: Entry, box: Box) -> tuple[Box | None, ...]:
        """Block of each operand that covers what a block of the output needs; None if no block does."""

    def walks(self, entry: Entry) -> tuple[Walk | None, ...]:
        """How the contract goes through each operand; None if it finds each element anew."""
        return (None,) * len(entry.inputs)

    def layouts(self, entry: Entry) -> tuple[tuple[int, ...], ...]:
        """Axis order of each operand that makes what one element reads contiguous; empty for row-major."""
        return ((),) * len(entry.inputs)
