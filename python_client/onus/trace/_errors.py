"""Everything that can be wrong with a model file, an input, a piece of evidence, or a position.

TraceError
├── TosaFileError            the file is no model that can be secured
│   ├── NotTosa              not a TOSA flatbuffer, or a damaged one
│   ├── UnsupportedTosaVersion
│   ├── UnsupportedStructure several regions or blocks, nothing in it, variables, external data
│   ├── UnsupportedOperator
│   ├── UnsupportedType      floating point, or a type the operator does not take
│   ├── InvalidOperator      attributes, shapes or constants that TOSA does not define
│   └── LimitExceeded        too large to be proven on chain, or to be read safely
├── ManifestMismatch         the file does not compile to what is registered
├── InputError
│   ├── WrongInputCount
│   ├── WrongLength
│   ├── WrongShape
│   ├── WrongType
│   ├── OutOfRange
│   └── BatchTooLarge
├── PositionError            no such slot, element, node or chunk
└── EvidenceError
    ├── NoFault              the trace agrees with the program there
    ├── NotRevealed          a piece of the operator's trace is not known yet
    └── MalformedEvidence
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onus.protocol.errors import OnusError


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file.

    Attributes:
        index: the operator's position in its block.
        operator: its name in TOSA.
        output: the tensor it makes.
    """

    index: int
    operator: str
    output: str

    def __str__(self) -> str:
        return f"operator {self.index}, {self.operator} ({self.output})"


class TraceError(OnusError):
    """Base of everything this package raises on purpose."""


class TosaFileError(TraceError):
    """The file cannot be compiled.

    Attributes:
        place: the operator concerned, if one is.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message if place is None else f"{place}: {message}")
        self.place = place


class NotTosa(TosaFileError):
    """Not a TOSA flatbuffer, truncated, or damaged."""


class UnsupportedTosaVersion(TosaFileError):
    """Another version of TOSA, or a draft.

    Attributes:
        version: major, minor, patch.
        draft: whether the file says that it follows a draft.
    """

    def __init__(self, version: tuple[int, int, int], draft: bool) -> None:
        text = ".".join(map(str, version)) + (" draft" if draft else "")
        super().__init__(f"the file is TOSA {text}; TOSA 1.0 is needed")
        self.version = version
        self.draft = draft


class UnsupportedStructure(TosaFileError):
    """Several regions or blocks, an empty one, variables, unranked tensors, data outside the file."""


class UnsupportedOperator(TosaFileError):
    """An operator that no verifier evaluates yet.

    Attributes:
        name: the operator's name in TOSA.
    """

    def __init__(self, name: str, place: Place) -> None:
        super().__init__("not supported; operators of the integer profile that compute tensors are", place)
        self.name = name


class UnsupportedType(TosaFileError):
    """A tensor of a type that the operator does not take in the integer profile.

    Attributes:
        dtype: the type's name in TOSA.
    """

    def __init__(self, dtype: str, place: Place | None, what: str, wanted: Sequence[str] = ()) -> None:
        hint = f"; it must be {' or '.join(wanted)}" if wanted else ""
        super().__init__(f"{what} of type {dtype} is not supported{hint}", place)
        self.dtype = dtype


class InvalidOperator(TosaFileError):
    """An operator whose attributes, shapes or constants TOSA does not define."""


class LimitExceeded(TosaFileError):
    """Larger than what can be proven in one transaction or read safely.

    Attributes:
        limit: name of the limit.
        value: what the file needs.
        maximum: what is allowed.
    """

    def __init__(self, limit: str, value: int, maximum: int, place: Place | None = None) -> None:
        super().__init__(f"{limit}: {value} is above {maximum}", place)
        self.limit = limit
        self.value = value
        self.maximum = maximum


class ManifestMismatch(TraceError):
    """The file compiles to something else than the manifest says.

    Attributes:
        fields: names of the fields that differ.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(f"the file does not compile to this manifest: {', '.join(fields)} differ")
        self.fields = tuple(fields)


class InputError(TraceError):
    """What was given cannot be an input of the model."""


class WrongInputCount(InputError):
    """Not as many inputs as the model has."""

    def __init__(self, given: int, expected: int) -> None:
        super().__init__(f"{given} inputs given, the model takes {expected}")
        self.given = given
        self.expected = expected


class WrongLength(InputError):
    """An encoded input of another size."""

    def __init__(self, given: int, expected: int) -> None:
        super().__init__(f"{given} bytes given, the inputs of the model have {expected}")
        self.given = given
        self.expected = expected


class WrongShape(InputError):
    """An input of another shape."""

    def __init__(self, index: int, given: tuple[int, ...], expected: tuple[int, ...]) -> None:
        super().__init__(
            f"input {index} has shape {given}, expected (batch, {', '.join(map(str, expected))})"
        )
        self.index = index
        self.given = given
        self.expected = expected


class WrongType(InputError):
    """An input whose elements are no integers."""

    def __init__(self, index: int, given: str, expected: str) -> None:
        super().__init__(f"input {index} has elements of type {given}, expected integers for {expected}")
        self.index = index
        self.given = given
        self.expected = expected


class OutOfRange(InputError):
    """An input with a value that its type does not have."""

    def __init__(self, index: int, value: int, minimum: int, maximum: int) -> None:
        super().__init__(f"input {index} has the value {value}, expected {minimum} to {maximum}")
        self.index = index
        self.value = value
        self.minimum = minimum
        self.maximum = maximum


class BatchTooLarge(InputError):
    """The traces of a batch would take too much memory.

    Attributes:
        needed: bytes of the batch's committed tensors.
        maximum: what one batch may have.
    """

    def __init__(self, needed: int, maximum: int) -> None:
        super().__init__(
            f"the traces of this batch have {needed} bytes, above {maximum}: take smaller batches"
        )
        self.needed = needed
        self.maximum = maximum


class PositionError(TraceError):
    """No such slot, element, node or chunk.

    Attributes:
        what: the kind of position.
        value: the position asked for.
        count: how many there are.
    """

    def __init__(self, what: str, value: int, count: int) -> None:
        super().__init__(f"no {what} {value}: there are {count}")
        self.what = what
        self.value = value
        self.count = count


class EvidenceError(TraceError):
    """No evidence can be built, or this is none."""


class NoFault(EvidenceError):
    """The trace agrees with the program where it is accused."""


class NotRevealed(EvidenceError):
    """A part of the operator's trace that the evidence needs has not been revealed.

    Attributes:
        what: `trace node`, `tensor node` or `chunk`.
        slot: the tensor's slot, None for a node of the trace tree.
        level: level above the leaves, 0 for a chunk.
        index: position in the level.
    """

    def __init__(self, what: str, slot: int | None, level: int, index: int) -> None:
        where = "" if slot is None else f" of slot {slot}"
        super().__init__(f"{what}{where} at level {level}, position {index} has not been revealed")
        self.what = what
        self.slot = slot
        self.level = level
        self.index = index


class MalformedEvidence(EvidenceError):
    """Bytes that are no evidence as docs/trace.md, 4 defines it."""
