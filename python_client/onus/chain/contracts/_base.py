"""What the generated bindings are made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from onus.chain._errors import EndpointFailed, parameter_types
from onus.chain._rpc import LATEST, BlockTag, RawLog, Rpc
from onus.protocol import Address, InvalidField, Struct, to_address
from onus.protocol._struct import convert

__all__ = ["BoundEvent", "Call", "Contract", "Event", "HasLogs", "Logged", "abi_of", "constructor_data"]

T = TypeVar("T")
E = TypeVar("E", bound="Event")


@cache
def abi_of(name: str) -> list[dict[str, Any]]:
    """The ABI of a contract, as shipped with this package."""
    text = files("onus.chain.abis").joinpath(f"{name}.json").read_text(encoding="utf8")
    entries: list[dict[str, Any]] = json.loads(text)
    return entries


def canonical(entry: dict[str, Any]) -> str:
    """The canonical type of an ABI parameter: structs as tuples."""
    kind: str = entry["type"]
    if kind.startswith("tuple"):
        inner = ",".join(canonical(each) for each in entry["components"])
        return f"({inner}){kind[len('tuple') :]}"
    return kind


def signature(entry: dict[str, Any]) -> str:
    """``name(type,…)`` of a function, event or error."""
    return f"{entry['name']}({','.join(canonical(each) for each in entry['inputs'])})"


def to_abi(value: Any) -> Any:
    """Structs to tuples, at any depth of sequences."""
    if isinstance(value, Struct):
        return value.to_abi()
    if isinstance(value, list | tuple):
        return [to_abi(each) for each in value]
    return value


def constructor_data(abi: Sequence[dict[str, Any]], bytecode: bytes, args: Sequence[Any]) -> bytes:
    """Creation code with its arguments."""
    inputs: list[Any] = next((entry["inputs"] for entry in abi if entry["type"] == "constructor"), [])
    return bytecode + encode([canonical(each) for each in inputs], [to_abi(each) for each in args])


@dataclass(frozen=True, slots=True)
class Function:
    """How one function is called."""

    name: str
    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def encode(self, args: Sequence[Any]) -> bytes:
        return self.selector + encode(self.inputs, [to_abi(each) for each in args])

    def decode(self, data: bytes, hints: Sequence[Any]) -> Any:
        try:
            raw = decode(self.outputs, data)
            values = tuple(
                convert(self.name, "result", hint, value) for hint, value in zip(hints, raw, strict=True)
            )
        except (DecodingError, InvalidField, ValueError) as error:
            raise EndpointFailed("eth_call", f"{self.name} answered 0x{data.hex():.200}") from error
        if len(values) == 1:
            return values[0]
        return values or None


@cache
def functions_of(contract: str) -> dict[str, Function]:
    """All functions of a contract by name."""
    return {
        entry["name"]: Function(
            name=f"{contract}.{entry['name']}",
            selector=keccak(signature(entry).encode())[:4],
            inputs=tuple(canonical(each) for each in entry["inputs"]),
            outputs=tuple(canonical(each) for each in entry["outputs"]),
        )
        for entry in abi_of(contract)
        if entry["type"] == "function"
    }


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A plan: one call of a contract, not sent yet.

    Attributes:
        name: ``Contract.function``, for logs and messages.
        to: the contract.
        data: selector and arguments.
    """

    name: str
    to: Address
    data: bytes
    function: Function
    hints: tuple[Any, ...]

    def result(self, data: bytes) -> T:
        """What it returns, decoded."""
        value: T = self.function.decode(data, self.hints)
        return value

    def preview(self, rpc: Rpc, *, sender: Address, block: BlockTag = LATEST) -> T:
        """What it would return if ``sender`` sent it now; raises what it would revert with."""
        return self.result(rpc.call(self.to, self.data, sender=sender, block=block))


class HasLogs(Protocol):
    """A mined transaction."""

    @property
    def logs(self) -> Sequence[RawLog]: ...


@dataclass(frozen=True, slots=True)
class Event(Struct):
    """Base of every event; its fields are the event's parameters."""

    SIGNATURE: ClassVar[str] = "Event()"
    INDEXED: ClassVar[tuple[bool, ...]] = ()
    TOPIC: ClassVar[bytes] = b""
    TYPES: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.TOPIC = keccak(cls.SIGNATURE.encode())
        cls.TYPES = tuple(parameter_types(cls.SIGNATURE))

    @classmethod
    def decode(cls, log: RawLog) -> Self:
        """Reads a log with this event's topic.

        Raises:
            EndpointFailed: it is not one.
        """
        try:
            if log.topics[0] != cls.TOPIC or len(log.topics) != 1 + sum(cls.INDEXED):
                raise ValueError("another event")
            topics = iter(log.topics[1:])
            plain = [kind for kind, indexed in zip(cls.TYPES, cls.INDEXED, strict=True) if not indexed]
            rest = iter(decode(plain, log.data))
            return cls.from_abi(
                [
                    decode([kind], next(topics))[0] if indexed else next(rest)
                    for kind, indexed in zip(cls.TYPES, cls.INDEXED, strict=True)
                ]
            )
        except (DecodingError, InvalidField, ValueError, IndexError) as error:
            raise EndpointFailed("eth_getLogs", f"not a {cls.__name__}: {log}") from error

    @classmethod
    def topics(cls, **filters: Any) -> list[bytes | None]:
        """Topics that select this event, with indexed parameters of given values.

        Raises:
            TypeError: a filter names no indexed parameter.
        """
        names = [field.name for field, indexed in zip(fields(cls), cls.INDEXED, strict=True) if indexed]
        kinds = [kind for kind, indexed in zip(cls.TYPES, cls.INDEXED, strict=True) if indexed]
        if unknown := filters.keys() - set(names):
            raise TypeError(f"{cls.__name__} has no indexed {', '.join(sorted(unknown))}")
        topics: list[bytes | None] = [cls.TOPIC]
        for name, kind in zip(names, kinds, strict=True):
            topics.append(encode([kind], [filters[name]]) if name in filters else None)
        while topics[-1] is None:
            topics.pop()
        return topics


@dataclass(frozen=True, slots=True)
class Logged(Generic[E]):
    """An event and where it happened."""

    event: E
    address: Address
    block_number: int
    block_hash: bytes
    transaction_hash: str
    log_index: int

    @classmethod
    def of(cls, event: E, log: RawLog) -> Logged[E]:
        return Logged(
            event, log.address, log.block_number, log.block_hash, log.transaction_hash, log.log_index
        )


class BoundEvent(Generic[E]):
    """An event of one contract: ``(log,) = settlement.BatchFinal.from_receipt(mined)``."""

    def __init__(self, rpc: Rpc, address: Address, event: type[E]) -> None:
        self._rpc = rpc
        self._address = address
        self.event = event

    def from_receipt(self, mined: HasLogs) -> tuple[E, ...]:
        """All of them in one transaction."""
        return tuple(
            self.event.decode(log)
            for log in mined.logs
            if log.address == self._address and log.topics and log.topics[0] == self.event.TOPIC
        )

    def logs(
        self, *, from_block: BlockTag = "earliest", to_block: BlockTag = LATEST, **filters: Any
    ) -> list[Logged[E]]:
        """All of them in a range of blocks, with indexed parameters of the given values."""
        raw = self._rpc.logs(
            addresses=[self._address],
            topics=self.event.topics(**filters),
            from_block=from_block,
            to_block=to_block,
        )
        return [Logged.of(self.event.decode(log), log) for log in raw]


class Contract:
    """A deployed contract: reads as methods, writes as plans, events as `BoundEvent`."""

    NAME: ClassVar[str]
    EVENTS: ClassVar[tuple[type[Event], ...]] = ()

    def __init__(self, rpc: Rpc, address: Address | str) -> None:
        self._rpc = rpc
        self.address = to_address(address)

    def __repr__(self) -> str:
        return f"{self.NAME}({self.address})"

    def _read(self, name: str, args: Sequence[Any], hints: tuple[Any, ...], block: BlockTag) -> Any:
        function = functions_of(self.NAME)[name]
        return function.decode(self._rpc.call(self.address, function.encode(args), block=block), hints)

    def _call(self, name: str, args: Sequence[Any], hints: tuple[Any, ...]) -> Call[Any]:
        function = functions_of(self.NAME)[name]
        return Call(function.name, self.address, function.encode(args), function, hints)

    def _event(self, event: type[E]) -> BoundEvent[E]:
        return BoundEvent(self._rpc, self.address, event)

    def decode_logs(self, logs: Sequence[RawLog]) -> Iterator[Logged[Event]]:
        """The events of this contract among ``logs``; others are passed over."""
        known = {event.TOPIC: event for event in self.EVENTS}
        for log in logs:
            if log.address == self.address and log.topics and log.topics[0] in known:
                yield Logged.of(known[log.topics[0]].decode(log), log)
