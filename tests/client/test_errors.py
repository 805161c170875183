"""Every custom error of the contracts is one class, with its parameters; every event decodes (F9)."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi import encode
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from onus.chain import RawLog
from onus.chain.contracts._base import Event, abi_of, canonical, signature
from onus.chain.errors import (
    ContractReverted,
    EndpointFailed,
    EscrowRejected,
    EscrowVoucherExhausted,
    NotEnough,
    Panicked,
    RevertedWithReason,
    SettlementRejected,
    SettlementWindowClosed,
    TooLate,
    UnknownRevert,
    decode_revert,
)
from onus.protocol import Address, to_address
from scripts.bindings import CONTRACTS, generate, snake, stale
from scripts.build import Artifact
from tests.support.strategies import fixed, unsigned

NAMES = list(CONTRACTS)


def value_of(parameter: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A value of an ABI type, in range of the enums too."""
    kind: str = parameter["type"]
    if kind.endswith("[]"):
        return st.lists(value_of({**parameter, "type": kind[:-2]}), max_size=3)
    if kind == "tuple":
        return st.tuples(*(value_of(each) for each in parameter["components"]))
    if parameter["internalType"].startswith("enum"):
        return st.integers(0, 1)
    if kind.startswith("uint"):
        return unsigned(int(kind[4:]))
    if kind == "address":
        return fixed(20).map(lambda raw: "0x" + raw.hex())
    if kind == "bool":
        return st.booleans()
    if kind == "string":
        return st.text(max_size=20)
    return fixed(int(kind[5:])) if kind != "bytes" else st.binary(max_size=70)


def errors_of(artifact: Artifact) -> list[dict[str, Any]]:
    return [entry for entry in artifact.abi if entry["type"] == "error"]


def test_bindings__are_what_the_build_gives(artifacts: dict[str, Artifact]) -> None:
    """ABIs, contracts, events and errors in the package are not stale: else `make bindings`."""
    assert list(stale(generate(artifacts))) == []


def test_errors__every_custom_error_of_every_contract__has_a_class(artifacts: dict[str, Artifact]) -> None:
    missing = []
    for name in NAMES:
        for entry in errors_of(artifacts[CONTRACTS[name]]):
            known = ContractReverted.BY_SELECTOR.get(keccak(text=signature(entry))[:4])
            if known is None or known.__name__ != entry["name"].replace("_", ""):
                missing.append((name, entry["name"]))
            else:
                assert list(known.parameters()) == [snake(each["name"]) for each in entry["inputs"]]
    assert missing == []


def test_errors__every_class__stands_below_its_contract(artifacts: dict[str, Artifact]) -> None:
    for cls in ContractReverted.BY_SELECTOR.values():
        prefix = cls.SIGNATURE.split("_")[0]
        family = cls.__bases__[0].__name__
        if "_" in cls.SIGNATURE and prefix in (*CONTRACTS, "Trace"):
            assert family == f"{prefix}Rejected"
        assert issubclass(cls, ContractReverted)
        assert cls.__doc__


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_decode_revert__any_error_with_any_values__the_same_values(data: st.DataObject) -> None:
    entries = [entry for name in NAMES for entry in abi_of(name) if entry["type"] == "error"]
    entry = data.draw(st.sampled_from(entries))
    values = data.draw(st.tuples(*(value_of(each) for each in entry["inputs"])))
    selector = keccak(text=signature(entry))[:4]
    error = decode_revert(selector + encode([canonical(each) for each in entry["inputs"]], values))
    assert signature(entry) == error.SIGNATURE
    for parameter, value in zip(entry["inputs"], values, strict=True):
        found = getattr(error, snake(parameter["name"]))
        if parameter["type"] == "address":
            assert found == to_address(value)
        elif "tuple" not in parameter["type"]:
            assert found == (tuple(value) if isinstance(value, list) else value)
    assert str(error).startswith(entry["name"])


@settings(max_examples=100, deadline=None)
@given(
    selector=st.sampled_from(sorted(ContractReverted.BY_SELECTOR)) | st.binary(max_size=4),
    rest=st.binary(max_size=120),
)
def test_decode_revert__garbage__an_error_all_the_same(selector: bytes, rest: bytes) -> None:
    """G12."""
    error = decode_revert(selector + rest)
    assert isinstance(error, ContractReverted)
    assert error.data == selector + rest


def test_decode_revert__by_hand() -> None:
    data = keccak(text="Settlement_WindowClosed(bytes32,uint40)")[:4] + encode(
        ["bytes32", "uint40"], [b"\7" * 32, 99]
    )
    error = decode_revert(data)
    assert isinstance(error, SettlementWindowClosed)
    assert isinstance(error, SettlementRejected) and isinstance(error, TooLate)
    assert (error.id, error.closed_at) == (b"\7" * 32, 99)
    assert str(error) == f"Settlement_WindowClosed(id=0x{'07' * 32}, closedAt=99)"
    assert issubclass(EscrowVoucherExhausted, NotEnough) and issubclass(
        EscrowVoucherExhausted, EscrowRejected
    )
    assert isinstance(decode_revert(b"", message="execution reverted"), UnknownRevert)
    text = decode_revert(keccak(text="Error(string)")[:4] + encode(["string"], ["no"]))
    assert isinstance(text, RevertedWithReason) and text.reason == "no"
    panic = decode_revert(keccak(text="Panic(uint256)")[:4] + encode(["uint256"], [0x11]))
    assert isinstance(panic, Panicked) and panic.code == 0x11


def test_error__made_by_hand__needs_its_parameters() -> None:
    error = SettlementWindowClosed(id=b"\1" * 32, closed_at=5)
    assert error.closed_at == 5
    with pytest.raises(TypeError, match="closed_at"):
        SettlementWindowClosed(id=b"\1" * 32)


# ---- Events ----------------------------------------------------------------------------------------------


def events() -> list[tuple[str, type[Event], dict[str, Any]]]:
    import onus.chain.contracts as package

    found = []
    for name in NAMES:
        known = {event.SIGNATURE: event for event in getattr(package, name).EVENTS}
        for entry in abi_of(name):
            if entry["type"] == "event":
                found.append((name, known.pop(signature(entry)), entry))
        assert not known
    return found


def log_of(entry: dict[str, Any], values: tuple[Any, ...]) -> RawLog:
    topics, plain = [keccak(text=signature(entry))], []
    for parameter, value in zip(entry["inputs"], values, strict=True):
        if parameter["indexed"]:
            topics.append(encode([canonical(parameter)], [value]))
        else:
            plain.append((canonical(parameter), value))
    data = encode([kind for kind, _ in plain], [value for _, value in plain])
    return RawLog(
        address=Address("0x" + "00" * 20),  # type: ignore[arg-type]
        topics=tuple(topics),
        data=data,
        block_number=1,
        block_hash=bytes(32),
        transaction_hash="0x",
        log_index=0,
    )


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_event__any_with_any_values__decodes_to_them(data: st.DataObject) -> None:
    _, event, entry = data.draw(st.sampled_from(events()))
    values = data.draw(st.tuples(*(value_of(each) for each in entry["inputs"])))
    decoded = event.decode(log_of(entry, values))
    kinds = [canonical(each) for each in entry["inputs"]]
    assert encode(kinds, decoded.to_abi()) == encode(kinds, values)
    filters = {
        snake(each["name"]): value
        for each, value in zip(entry["inputs"], values, strict=True)
        if each["indexed"]
    }
    assert tuple(event.topics(**filters)) == log_of(entry, values).topics


def test_event__another_log__typed() -> None:
    _, first, _ = events()[0]
    entry = events()[1][2]
    with pytest.raises(EndpointFailed):
        first.decode(RawLog(Address("0x"), (b"\0" * 32,), b"", 0, b"", "", 0))  # type: ignore[arg-type]
    with pytest.raises(EndpointFailed):
        first.decode(RawLog(Address("0x"), (first.TOPIC,), b"\1", 0, b"", "", 0))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        first.topics(nothing=1)
    assert entry["name"]
