"""Frozen dataclasses whose fields are checked, ABI-encoded and written as JSON by their types.

The Solidity structs of ``contracts/types`` and these classes have the same fields in the same order; a field
named ``served_at`` here is ``servedAt`` there and in JSON.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Self, Union, get_args, get_origin, get_type_hints

from eth_typing import ChecksumAddress
from eth_utils.address import is_checksum_formatted_address, to_checksum_address

from onus.protocol.errors import InvalidField

Address = ChecksumAddress
"""A checksummed address, the same type as in web3."""

ZERO_ADDRESS: Final = Address("0x0000000000000000000000000000000000000000")  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True, slots=True)
class Bits:
    """Marks an ``int`` as an unsigned integer of this many bits."""

    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Width:
    """Marks ``bytes`` as having exactly this many."""

    size: int


Uint8 = Annotated[int, Bits(8)]
Uint16 = Annotated[int, Bits(16)]
Uint24 = Annotated[int, Bits(24)]
Uint32 = Annotated[int, Bits(32)]
Uint40 = Annotated[int, Bits(40)]
Uint48 = Annotated[int, Bits(48)]
Uint56 = Annotated[int, Bits(56)]
Uint64 = Annotated[int, Bits(64)]
Uint96 = Annotated[int, Bits(96)]
Uint128 = Annotated[int, Bits(128)]
Uint256 = Annotated[int, Bits(256)]
Bytes1 = Annotated[bytes, Width(1)]
Bytes4 = Annotated[bytes, Width(4)]
Bytes32 = Annotated[bytes, Width(32)]

# JSON numbers are exact up to 2^53 in every language: wider integers are written as decimal strings.
_JSON_NUMBER_BITS = 53


@functools.lru_cache(maxsize=4096)
def _checksummed(text: str) -> Address:
    address = Address(to_checksum_address(text))
    if is_checksum_formatted_address(text) and text != address:
        raise ValueError("wrong checksum")
    return address


def to_address(value: object) -> Address:
    """Checksums an address given as hex text or 20 bytes.

    Raises:
        InvalidField: it is neither, or its mixed case is not its checksum.
    """
    try:
        if isinstance(value, str) and value[:2] == "0x":
            return _checksummed(value)
        if isinstance(value, bytes) and len(value) == 20:
            return _checksummed("0x" + value.hex())
    except ValueError:
        pass
    raise InvalidField("Address", "", f"not an address: {value!r:.80}")


def word(value: int | bytes | str) -> bytes:
    """ABI word of an unsigned integer, an address (text) or 32 bytes."""
    if isinstance(value, int):
        return int(value).to_bytes(32, "big")
    if isinstance(value, str):
        return bytes(12) + bytes.fromhex(value[2:])
    if len(value) != 32:
        raise InvalidField("word", "", f"{len(value)} bytes")
    return value


def camel(name: str) -> str:
    """``served_at`` → ``servedAt``."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


class _Kind(enum.Enum):
    UINT = enum.auto()
    FIXED = enum.auto()
    BYTES = enum.auto()
    ADDRESS = enum.auto()
    TEXT = enum.auto()
    BOOL = enum.auto()
    ENUM = enum.auto()
    STRUCT = enum.auto()
    LIST = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class _Spec:
    """What one field may be."""

    owner: str
    name: str
    kind: _Kind
    size: int = 0
    cls: Any = None
    item: _Spec | None = None

    def fail(self, reason: str) -> InvalidField:
        return InvalidField(self.owner, camel(self.name), reason)

    def check(self, value: Any) -> Any:
        """The value in its canonical form; raises `InvalidField`."""
        match self.kind:
            case _Kind.UINT:
                if type(value) is not int and (isinstance(value, bool) or not isinstance(value, int)):
                    raise self.fail(f"an integer is needed, not {type(value).__name__}")
                if not 0 <= value < 1 << self.size:
                    raise self.fail(f"outside uint{self.size}")
                return value
            case _Kind.FIXED:
                if not isinstance(value, bytes) or len(value) != self.size:
                    raise self.fail(f"{self.size} bytes are needed")
                return bytes(value) if type(value) is not bytes else value
            case _Kind.BYTES:
                if not isinstance(value, bytes):
                    raise self.fail("bytes are needed")
                return value
            case _Kind.ADDRESS:
                try:
                    return to_address(value)
                except InvalidField as error:
                    raise self.fail(error.reason) from None
            case _Kind.TEXT:
                if not isinstance(value, str):
                    raise self.fail("text is needed")
                return value
            case _Kind.BOOL:
                if not isinstance(value, bool):
                    raise self.fail("a boolean is needed")
                return value
            case _Kind.ENUM:
                try:
                    return self.cls(value)
                except ValueError:
                    raise self.fail(f"no {self.cls.__name__} {value!r:.80}") from None
            case _Kind.STRUCT:
                if not isinstance(value, self.cls):
                    raise self.fail(f"a {self.cls.__name__} is needed")
                return value
            case _Kind.LIST:
                if not isinstance(value, tuple | list):
                    raise self.fail("a sequence is needed")
                assert self.item is not None
                return tuple(self.item.check(each) for each in value)

    def write(self, value: Any) -> Any:
        """The value for JSON."""
        match self.kind:
            case _Kind.UINT:
                return value if self.size <= _JSON_NUMBER_BITS else str(value)
            case _Kind.FIXED | _Kind.BYTES:
                return "0x" + value.hex()
            case _Kind.ENUM:
                return value.name
            case _Kind.STRUCT:
                return value.to_json()
            case _Kind.LIST:
                assert self.item is not None
                return [self.item.write(each) for each in value]
            case _:
                return value

    def read(self, value: Any) -> Any:
        """The value from JSON, in no other form than `write` gives it; raises `InvalidField`."""
        match self.kind:
            case _Kind.UINT if self.size > _JSON_NUMBER_BITS:
                # At most 78 digits: garbage must not cost quadratic time.
                if not isinstance(value, str) or not (value.isascii() and value.isdigit()) or len(value) > 78:
                    raise self.fail("a decimal string is needed")
                if value[0] == "0" and len(value) > 1:
                    raise self.fail("a decimal string without leading zeros is needed")
                return int(value)
            case _Kind.FIXED | _Kind.BYTES:
                if not isinstance(value, str) or value[:2] != "0x":
                    raise self.fail("hexadecimal text with 0x is needed")
                try:
                    data = bytes.fromhex(value[2:])
                except ValueError:
                    data = b""
                if value != "0x" + data.hex():
                    raise self.fail("lower-case hexadecimal text is needed")
                return data
            case _Kind.ADDRESS:
                if not isinstance(value, str):
                    raise self.fail("an address is needed")
                return value
            case _Kind.ENUM:
                if not isinstance(value, str) or value not in self.cls.__members__:
                    raise self.fail(f"no {self.cls.__name__} {value!r:.80}")
                return self.cls[value]
            case _Kind.STRUCT:
                try:
                    return self.cls.from_json(value)
                except InvalidField as error:
                    raise self.fail(str(error)) from error
            case _Kind.LIST:
                if not isinstance(value, list):
                    raise self.fail("a list is needed")
                assert self.item is not None
                return tuple(self.item.read(each) for each in value)
            case _:
                return value

    def words(self, value: Any) -> bytes:
        """ABI words of a static value."""
        match self.kind:
            case _Kind.STRUCT:
                return bytes(value.words())
            case _Kind.LIST | _Kind.BYTES | _Kind.TEXT:
                raise TypeError(f"{self.owner}.{self.name} is not static")
            case _:
                return word(value)

    def abi(self, value: Any) -> Any:
        """The value as eth-abi takes it."""
        match self.kind:
            case _Kind.STRUCT:
                return value.to_abi()
            case _Kind.LIST:
                assert self.item is not None
                return [self.item.abi(each) for each in value]
            case _Kind.ENUM:
                return int(value)
            case _:
                return value

    def unabi(self, value: Any) -> Any:
        """The value from what eth-abi gives."""
        match self.kind:
            case _Kind.STRUCT:
                return self.cls.from_abi(value)
            case _Kind.LIST:
                assert self.item is not None
                return tuple(self.item.unabi(each) for each in value)
            case _:
                return value


def _spec(owner: str, name: str, hint: Any) -> _Spec:
    bare: Any = hint
    marks: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        bare, *rest = get_args(hint)
        marks = tuple(rest)
    origin = get_origin(bare)
    if origin is tuple:
        return _Spec(owner, name, _Kind.LIST, item=_spec(owner, name, get_args(bare)[0]))
    if origin in (Union, types.UnionType):
        raise TypeError(f"{owner}.{name}: a struct has no optional fields")
    for mark in marks:
        if isinstance(mark, Bits):
            return _Spec(owner, name, _Kind.UINT, mark.size)
        if isinstance(mark, Width):
            return _Spec(owner, name, _Kind.FIXED, mark.size)
    if bare is Address:
        return _Spec(owner, name, _Kind.ADDRESS)
    while hasattr(bare, "__supertype__"):
        # Every other NewType of this package names 32 bytes.
        bare = bare.__supertype__
        if bare is bytes:
            return _Spec(owner, name, _Kind.FIXED, 32)
    if bare is bytes:
        return _Spec(owner, name, _Kind.BYTES)
    if bare is str:
        return _Spec(owner, name, _Kind.TEXT)
    if bare is bool:
        return _Spec(owner, name, _Kind.BOOL)
    if isinstance(bare, type) and issubclass(bare, enum.IntEnum):
        return _Spec(owner, name, _Kind.ENUM, cls=bare)
    if isinstance(bare, type) and issubclass(bare, Struct):
        return _Spec(owner, name, _Kind.STRUCT, cls=bare)
    raise TypeError(f"{owner}.{name}: {hint} is not a field type")


def convert(owner: str, name: str, hint: Any, value: Any) -> Any:
    """A value as eth-abi gives it, as the type that ``hint`` says; raises `InvalidField`."""
    spec = _spec(owner, name, hint)
    return spec.check(spec.unabi(value))


_SPECS: Final[dict[type, tuple[_Spec, ...]]] = {}


def _specs(cls: type[Struct]) -> tuple[_Spec, ...]:
    known = _SPECS.get(cls)
    if known is not None:
        return known
    hints = get_type_hints(cls, include_extras=True)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    _SPECS[cls] = tuple(_spec(cls.__name__, field.name, hints[field.name]) for field in fields)
    return _SPECS[cls]


class Struct:
    """Base of every struct: checks its fields when it is made, and knows its encodings."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for spec in _specs(type(self)):
            given = getattr(self, spec.name)
            value = spec.check(given)
            if value is not given:
                object.__setattr__(self, spec.name, value)

    def words(self) -> bytes:
        """``abi.encode`` of a struct without dynamic fields."""
        return b"".join(spec.words(getattr(self, spec.name)) for spec in _specs(type(self)))

    def to_abi(self) -> tuple[Any, ...]:
        """The fields in order, nested structs as tuples, as eth-abi and web3 take them."""
        return tuple(spec.abi(getattr(self, spec.name)) for spec in _specs(type(self)))

    @classmethod
    def from_abi(cls, values: Sequence[Any]) -> Self:
        """The inverse of `to_abi`."""
        specs = _specs(cls)
        if len(values) != len(specs):
            raise InvalidField(cls.__name__, "", f"{len(values)} values for {len(specs)} fields")
        return cls(**{spec.name: spec.unabi(value) for spec, value in zip(specs, values, strict=True)})

    def to_json(self) -> dict[str, Any]:
        """Camel-case keys; integers wider than 53 bits as decimal strings; bytes as 0x hexadecimal."""
        return {camel(spec.name): spec.write(getattr(self, spec.name)) for spec in _specs(type(self))}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Reads what `to_json` wrote, and nothing else.

        Raises:
            InvalidField: a field is missing, unknown, of another type or form, or out of range.
        """
        if not isinstance(value, Mapping):
            raise InvalidField(cls.__name__, "", "an object is needed")
        specs = _specs(cls)
        unknown = value.keys() - {camel(spec.name) for spec in specs}
        if unknown:
            raise InvalidField(cls.__name__, min(map(str, unknown)), "unknown field")
        fields = {}
        for spec in specs:
            if camel(spec.name) not in value:
                raise spec.fail("missing")
            fields[spec.name] = spec.read(value[camel(spec.name)])
        return cls(**fields)
