"""Contracts as plain Python objects over raw JSON-RPC, with exact errors and events.

A method of a contract is called by its Solidity name. A view returns its value at once; anything else sends a
transaction and returns a `Tx`:

    operators.stateOf(op)                                    a named tuple
    tx = operators.stake(100, sender=op)                     mined, or `Failed` with the decoded error
    tx.events("Staked")                                      decoded, of all contracts that took part
    operators.stake.call(100, sender=op)                     simulated: the return value
    operators.stake.revert(0, sender=op)                     simulated: `Revert("Operators_ZeroAmount")`

`at=` names the time of the block. Structs go in as `onus.protocol` values (by field name), mappings or
tuples; actors and contracts go in where an address is wanted.
"""

from __future__ import annotations

import json
import re
from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache, lru_cache
from http.client import HTTPConnection
from keyword import iskeyword
from typing import Any
from urllib.parse import urlsplit

from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address
from web3 import Web3

from onus.protocol import camel
from scripts.build import Artifact

GAS = 16_000_000
_HEX_DATA = re.compile(r"0x[0-9a-fA-F]*")


@dataclass(frozen=True)
class Revert:
    """Why a call reverted: the error's name and its arguments in order."""

    name: str
    args: tuple[Any, ...]

    def __init__(self, name: str, *args: Any) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "args", tuple(plain(arg) for arg in args))

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.args))})"


class Failed(AssertionError):
    """A transaction that was to succeed reverted."""

    def __init__(self, call: str, revert: Revert | None) -> None:
        super().__init__(f"{call} reverted with {revert}")
        self.revert = revert


@dataclass(frozen=True)
class Event:
    """A decoded event; its arguments are attributes: `event.amount`. `at` is the time of its block."""

    name: str
    address: str
    values: Any
    at: int = field(default=0, compare=False)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.values, name)

    def __repr__(self) -> str:
        return f"{self.name}{tuple(self.values)!r}"


@dataclass(frozen=True)
class Tx:
    """A mined transaction."""

    hash: str
    gas_used: int
    block_number: int
    timestamp: int
    logs: tuple[Event, ...] = field(repr=False)
    contract_address: str | None = None

    def events(self, name: str) -> list[Event]:
        """All events of this name, in order."""
        return [event for event in self.logs if event.name == name]

    def event(self, name: str) -> Event:
        """The only event of this name."""
        found = self.events(name)
        assert len(found) == 1, f"{len(found)} events {name} among {[event.name for event in self.logs]}"
        return found[0]


_checksummed = lru_cache(maxsize=4096)(to_checksum_address)


def address_of(value: Any) -> str:
    """Checksummed address of an actor, a contract, or a text."""
    return _checksummed(getattr(value, "address", value))


def plain(value: Any) -> Any:
    """What decoding would give for a value that tests write: addresses, ints, bytes, tuples."""
    if hasattr(value, "address") and not isinstance(value, type):
        return value.address
    if hasattr(value, "to_abi"):
        return value.to_abi()
    if isinstance(value, IntEnum):
        return int(value)
    if isinstance(value, list):
        return tuple(value)
    return value


def _type_of(component: Mapping[str, Any]) -> str:
    kind: str = component["type"]
    if kind.startswith("tuple"):
        inner = ",".join(map(_type_of, component["components"]))
        return f"({inner}){kind[5:]}"
    return kind


def _to_abi(component: Mapping[str, Any], value: Any) -> Any:
    kind: str = component["type"]
    if kind.endswith("]"):
        inner = {**component, "type": kind[: kind.rindex("[")]}
        return [_to_abi(inner, each) for each in value]
    if kind == "tuple":
        parts = component["components"]
        if isinstance(value, Mapping):
            return tuple(_to_abi(part, value[part["name"]]) for part in parts)
        if hasattr(value, "to_abi"):
            named = {camel(name): getattr(value, name) for name in value.__dataclass_fields__}
            return tuple(_to_abi(part, named[part["name"]]) for part in parts)
        return tuple(_to_abi(part, each) for part, each in zip(parts, value, strict=True))
    if kind == "address":
        return address_of(value)
    return value


@cache
def _tuple_type(names: tuple[str, ...]) -> Any:
    return namedtuple("Struct", names, rename=True)


def _from_abi(component: Mapping[str, Any], value: Any) -> Any:
    kind: str = component["type"]
    if kind.endswith("]"):
        inner = {**component, "type": kind[: kind.rindex("[")]}
        return tuple(_from_abi(inner, each) for each in value)
    if kind == "tuple":
        return _struct(component["components"], value)
    if kind == "address":
        return _checksummed(value)
    return value


def _struct(components: Sequence[Mapping[str, Any]], values: Iterable[Any]) -> Any:
    names = tuple(
        part["name"] + "_" * iskeyword(part["name"]) or f"_{i}" for i, part in enumerate(components)
    )
    return _tuple_type(names)(*(_from_abi(part, each) for part, each in zip(components, values, strict=True)))


class Codec:
    """Selectors of every error and topics of every event of every contract."""

    def __init__(self, artifacts: Mapping[str, Artifact]) -> None:
        self.errors: dict[bytes, dict[str, Any]] = {
            keccak(text="Error(string)")[:4]: {
                "name": "Error",
                "inputs": [{"name": "text", "type": "string"}],
            },
            keccak(text="Panic(uint256)")[:4]: {
                "name": "Panic",
                "inputs": [{"name": "code", "type": "uint256"}],
            },
        }
        # Two contracts may have the same event with other names for its arguments: the emitter's own counts.
        self._events: dict[tuple[str | None, bytes, int], dict[str, Any]] = {}
        self._names: dict[str, str] = {}
        for artifact in artifacts.values():
            for entry in artifact.abi:
                if entry["type"] not in ("error", "event"):
                    continue
                text = f"{entry['name']}({','.join(map(_type_of, entry['inputs']))})"
                if entry["type"] == "error":
                    self.errors[keccak(text=text)[:4]] = entry
                else:
                    indexed = sum(part["indexed"] for part in entry["inputs"])
                    for name in (artifact.name, None):
                        self._events[name, keccak(text=text), indexed] = entry

    def know(self, address: str, name: str) -> None:
        """From now on logs of this address are read with this contract's ABI."""
        self._names[to_checksum_address(address)] = name

    def revert(self, data: bytes) -> Revert:
        """The error in revert data."""
        entry = self.errors.get(data[:4])
        if entry is None:
            return Revert("unknown" if data else "empty", *([data] if data else []))
        values = decode([_type_of(part) for part in entry["inputs"]], data[4:])
        return Revert(entry["name"], *_struct(entry["inputs"], values))

    def event(self, log: Mapping[str, Any]) -> Event | None:
        """The event in a log; None if no contract knows it."""
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        if not topics:
            return None
        address = to_checksum_address(log["address"])
        name, key = self._names.get(address), (topics[0], len(topics) - 1)
        entry = self._events.get((name, *key)) or self._events.get((None, *key))
        if entry is None:
            return None
        indexed = [part for part in entry["inputs"] if part["indexed"]]
        others = [part for part in entry["inputs"] if not part["indexed"]]
        values = dict(
            zip(
                [part["name"] for part in others],
                decode([_type_of(part) for part in others], bytes.fromhex(log["data"][2:])),
                strict=True,
            )
        )
        for part, topic in zip(indexed, topics[1:], strict=True):
            dynamic = part["type"] in ("string", "bytes") or part["type"].endswith("]")
            values[part["name"]] = topic if dynamic else decode([_type_of(part)], topic)[0]
        ordered = [values[part["name"]] for part in entry["inputs"]]
        time = int(log.get("blockTimestamp") or "0x0", 16)
        return Event(entry["name"], address, _struct(entry["inputs"], ordered), time)


class Chain:
    """Raw access to one Anvil: no middleware, no signing, every address may send, one connection."""

    def __init__(self, w3: Web3, artifacts: Mapping[str, Artifact]) -> None:
        self.w3 = w3
        place = urlsplit(str(w3.provider.endpoint_uri))  # type: ignore[attr-defined]
        self._http = HTTPConnection(place.hostname or "localhost", place.port, timeout=60)
        self.artifacts = artifacts
        self.codec = Codec(artifacts)
        self.listeners: list[Any] = []

    def _post(self, body: object) -> Any:
        self._http.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(self._http.getresponse().read())

    def _answer(self, method: str, *params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return answer

    def rpc(self, method: str, *params: Any) -> Any:
        """Result of a JSON-RPC call."""
        answer = self._answer(method, *params)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def read(self, calls: Sequence[tuple[Method, tuple[Any, ...]]]) -> list[Any]:
        """Values of many views in one round trip; none may revert."""
        requests = [
            {
                "jsonrpc": "2.0",
                "id": i,
                "method": "eth_call",
                "params": [{"to": method.contract.address, "data": method.data(*args)}, "latest"],
            }
            for i, (method, args) in enumerate(calls)
        ]
        if not requests:
            return []
        answers = {answer["id"]: answer for answer in self._post(requests)}
        return [
            method.decoded(bytes.fromhex(answers[i]["result"][2:]), len(args))
            for i, (method, args) in enumerate(calls)
        ]

    def reverts(self, calls: Sequence[tuple[Method, tuple[Any, ...], Any, int]]) -> list[Revert | None]:
        """Why each of many calls `(method, args, sender, at)` would revert, in one round trip."""
        requests = []
        for i, (method, args, sender, at) in enumerate(calls):
            request = {"from": address_of(sender), "to": method.contract.address, "data": method.data(*args)}
            params = [request | {"gas": hex(GAS)}, "latest", {}, {"time": hex(at)}]
            requests.append({"jsonrpc": "2.0", "id": i, "method": "eth_call", "params": params})
        answers = {answer["id"]: answer for answer in self._post(requests)}
        reasons = [answers[i].get("error", {}).get("data") for i in range(len(calls))]
        assert all(isinstance(answers[i].get("error", {"data": ""})["data"], str) for i in range(len(calls)))
        return [None if data is None else self.codec.revert(bytes.fromhex(data[2:])) for data in reasons]

    @property
    def now(self) -> int:
        """Timestamp of the latest block."""
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def undo(self, snapshot: str) -> None:
        """Goes back to a snapshot, which is used up."""
        self.rpc("evm_revert", snapshot)
        # Anvil treats it as a reorganisation and would mine what was undone once more.
        self.rpc("anvil_dropAllTransactions")

    def time_to(self, timestamp: int) -> None:
        """Mines a block with this timestamp: calls see it, what is sent next comes a second later."""
        if timestamp > self.now:
            self.rpc("evm_setNextBlockTimestamp", timestamp)
            self.rpc("evm_mine")

    def call(
        self, to: str | None, data: str, sender: Any = None, at: int | None = None
    ) -> tuple[bool, bytes]:
        """Simulates a call now, or at another time: (succeeded, returned or revert data)."""
        request = {"from": address_of(sender) if sender else "0x" + "11" * 20, "data": data, "gas": hex(GAS)}
        if to is not None:
            request["to"] = to
        params: list[Any] = [request, "latest"]
        if at is not None:
            params += [{}, {"time": hex(at)}]
        answer = self._answer("eth_call", *params)
        if "error" not in answer:
            return True, bytes.fromhex(answer["result"][2:])
        raw = answer["error"].get("data")
        text = raw if isinstance(raw, str) else "0x"
        assert _HEX_DATA.fullmatch(text), answer
        if text == "0x" and "revert" not in answer["error"]["message"].lower():
            return False, b"\xff" + answer["error"]["message"].encode()
        return False, bytes.fromhex(text[2:])

    def send(self, to: str | None, data: str, sender: Any, at: int | None = None, label: str = "") -> Tx:
        """Sends a transaction from any address and waits for its block."""
        if at is not None:
            self.rpc("evm_setNextBlockTimestamp", at)
        request = {"from": address_of(sender), "data": data, "gas": hex(GAS)}
        if to is not None:
            request["to"] = to
        tx_hash = self.rpc("eth_sendTransaction", request)
        receipt = self.rpc("eth_getTransactionReceipt", tx_hash)
        while receipt is None:  # pragma: no cover - automine answers at once
            receipt = self.rpc("eth_getTransactionReceipt", tx_hash)
        if int(receipt["status"], 16) != 1:
            succeeded, answer = self.call(to, data, sender, at)
            raise Failed(label or data[:10], None if succeeded else self.codec.revert(answer))
        block = receipt["logs"][0].get("blockTimestamp") if receipt["logs"] else None
        timestamp = int(block, 16) if block else self.now
        tx = Tx(
            hash=tx_hash,
            gas_used=int(receipt["gasUsed"], 16),
            block_number=int(receipt["blockNumber"], 16),
            timestamp=timestamp,
            logs=tuple(event for log in receipt["logs"] if (event := self.codec.event(log))),
            contract_address=receipt["contractAddress"] and to_checksum_address(receipt["contractAddress"]),
        )
        for listener in self.listeners:
            listener(tx)
        return tx

    def events(self, from_block: str) -> list[Event]:
        """All events since a block that a contract of the build can have."""
        logs = self.rpc("eth_getLogs", {"fromBlock": from_block, "toBlock": "latest"})
        return [event for log in logs if (event := self.codec.event(log))]

    def creation(self, name: str, *args: Any) -> str:
        """Creation code with constructor arguments."""
        artifact = self.artifacts[name]
        inputs = next((e["inputs"] for e in artifact.abi if e["type"] == "constructor"), [])
        values = [_to_abi(part, value) for part, value in zip(inputs, args, strict=True)]
        return artifact.bytecode + encode([_type_of(part) for part in inputs], values).hex()

    def deploy(self, name: str, *args: Any, sender: Any) -> Contract:
        """Deploys a contract of the build."""
        tx = self.send(None, self.creation(name, *args), sender, label=f"new {name}")
        assert tx.contract_address
        return self.at(name, tx.contract_address)

    def deploy_revert(self, name: str, *args: Any, sender: Any) -> Revert | None:
        """Why a deployment would revert; None if it would not."""
        succeeded, data = self.call(None, self.creation(name, *args), sender)
        return None if succeeded else self.codec.revert(data)

    def at(self, name: str, address: str) -> Contract:
        """A contract of the build at an address."""
        self.codec.know(address, name)
        return Contract(self, name, address)

    def fund(self, *addresses: str) -> None:
        """Gives ether, for gas."""
        for address in addresses:
            self.rpc("anvil_setBalance", address, hex(10**24))


class Contract:
    """A deployed contract; its methods are attributes."""

    def __init__(self, chain: Chain, name: str, address: str) -> None:
        self.chain = chain
        self.name = name
        self.address = to_checksum_address(address)
        self.abi = chain.artifacts[name].abi

    def __getattr__(self, name: str) -> Method:
        if name.startswith("__"):
            raise AttributeError(name)
        entries = [e for e in self.abi if e["type"] == "function" and e["name"] == name]
        if not entries:
            raise AttributeError(f"{self.name} has no function {name}")
        method = Method(self, entries)
        object.__setattr__(self, name, method)
        return method

    def __repr__(self) -> str:
        return f"<{self.name} {self.address}>"


class Method:
    """A function of a contract, overloads by number of arguments."""

    def __init__(self, contract: Contract, entries: Sequence[Mapping[str, Any]]) -> None:
        self.contract = contract
        self.entries = {len(entry["inputs"]): entry for entry in entries}
        self.name: str = entries[0]["name"]
        self._types = {
            count: [_type_of(part) for part in entry["inputs"]] for count, entry in self.entries.items()
        }
        self._selectors = {
            count: keccak(text=f"{self.name}({','.join(types)})")[:4] for count, types in self._types.items()
        }
        self.is_view = entries[0]["stateMutability"] in ("view", "pure")

    @property
    def selector(self) -> bytes:
        """Of the first overload."""
        return next(iter(self._selectors.values()))

    def data(self, *args: Any) -> str:
        """Encoded call."""
        entry = self.entries.get(len(args))
        assert entry is not None, f"{self} takes {sorted(self.entries)} arguments, not {len(args)}"
        values = [_to_abi(part, value) for part, value in zip(entry["inputs"], args, strict=True)]
        return "0x" + (self._selectors[len(args)] + encode(self._types[len(args)], values)).hex()

    def decoded(self, data: bytes, count: int) -> Any:
        """The value in what the overload with `count` arguments returned."""
        outputs = self.entries[count]["outputs"]
        values = _struct(outputs, decode([_type_of(part) for part in outputs], data))
        return None if not outputs else values[0] if len(outputs) == 1 else values

    def __call__(self, *args: Any, sender: Any = None, at: int | None = None) -> Any:
        """A view's value, or the mined transaction; `Failed` if it reverts."""
        if self.is_view:
            return self.call(*args, sender=sender, at=at)
        assert sender is not None, f"{self} needs a sender"
        return self.contract.chain.send(
            self.contract.address, self.data(*args), sender, at=at, label=repr(self)
        )

    def call(self, *args: Any, sender: Any = None, at: int | None = None) -> Any:
        """The return value, simulated."""
        chain = self.contract.chain
        succeeded, data = chain.call(self.contract.address, self.data(*args), sender, at)
        if not succeeded:
            raise Failed(repr(self), chain.codec.revert(data))
        return self.decoded(data, len(args))

    def revert(self, *args: Any, sender: Any = None, at: int | None = None) -> Revert | None:
        """Why it would revert now; None if it would not."""
        chain = self.contract.chain
        succeeded, data = chain.call(self.contract.address, self.data(*args), sender, at)
        return None if succeeded else chain.codec.revert(data)

    def __repr__(self) -> str:
        return f"{self.contract.name}.{self.name}"
