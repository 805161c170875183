"""Messages: signing, the one form of a signature, and reading what others send (E4, E14, G12)."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from eth_account import Account
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from onus.protocol import (
    BatchHeader,
    Challenge,
    Claim,
    Domain,
    Expected,
    InvalidField,
    MalformedSignature,
    MalleableSignature,
    Manifest,
    ModelSpec,
    OnusError,
    OperatorState,
    Params,
    Receipt,
    ReceiptProof,
    Request,
    Signed,
    Struct,
    Voucher,
    WrongSigner,
    camel,
    recover,
    sign,
    to_address,
)
from tests.support.strategies import structs
from tests.vectors.generate import DOMAIN, KEYS, receipt, request

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
STRUCTS: list[type[Struct]] = [
    BatchHeader,
    Challenge,
    Claim,
    Expected,
    Manifest,
    ModelSpec,
    OperatorState,
    Params,
    Receipt,
    ReceiptProof,
    Request,
    Voucher,
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
few = settings(max_examples=40, deadline=None)


@few
@given(data=st.data(), cls=st.sampled_from(STRUCTS))
def test_struct__round_trips__json_abi(data: st.DataObject, cls: type[Struct]) -> None:
    value = data.draw(structs(cls))
    assert cls.from_json(json.loads(json.dumps(value.to_json()))) == value
    assert cls.from_abi(value.to_abi()) == value


@few
@given(data=st.data(), cls=st.sampled_from(STRUCTS), garbage=json_values)
def test_from_json__any_field_replaced__typed_error_or_the_same_meaning(
    data: st.DataObject, cls: type[Struct], garbage: Any
) -> None:
    """G12."""
    good = data.draw(structs(cls)).to_json()
    field = data.draw(st.sampled_from(sorted(good)))
    changed = {**good, field: garbage}
    try:
        value = cls.from_json(changed)
    except InvalidField as error:
        refused = (error.type_name, error.field)
    else:
        # What is accepted is written again as it came (but for the case of an address).
        refused = (cls.__name__, field)
        assert json.dumps(value.to_json()).lower() == json.dumps(changed).lower()
    assert refused == (cls.__name__, field)


@few
@given(garbage=json_values)
def test_from_json__garbage__typed_error(garbage: Any) -> None:
    """G12."""
    for cls in STRUCTS:
        with pytest.raises(InvalidField):
            cls.from_json(garbage)
    with pytest.raises(OnusError):
        Signed.from_json(Receipt, garbage)


@pytest.mark.parametrize("cls", STRUCTS)
@settings(max_examples=1, deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_from_json__a_field_missing_or_too_many__named(data: st.DataObject, cls: type[Struct]) -> None:
    good = data.draw(structs(cls)).to_json()
    for field in good:
        with pytest.raises(InvalidField, match=f"{field}: missing"):
            cls.from_json({key: value for key, value in good.items() if key != field})
    with pytest.raises(InvalidField, match="extra: unknown"):
        cls.from_json({**good, "extra": 1})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("maxFee", 10),  # a number where a decimal string is needed
        ("maxFee", "010"),
        ("maxFee", "+1"),
        ("maxFee", "٣"),
        ("maxFee", "-1"),
        ("maxFee", "1e3"),
        ("maxFee", str(2**128)),
        ("nonce", "9" * 5_000_000),
        ("expiresAt", "10"),
        ("expiresAt", True),
        ("expiresAt", 1.0),
        ("expiresAt", 2**40),
        ("expiresAt", -1),
        ("inputRoot", "ab" * 32),
        ("inputRoot", "0x" + "AB" * 32),
        ("inputRoot", "0x" + "ab" * 31),
        ("inputRoot", "0x" + "ab" * 33),
        ("payer", "0x" + "ab" * 19),
        ("payer", "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),  # one letter of the checksum
        ("payer", 5),
    ],
)
def test_request__one_field_of_another_form__refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidField) as refused:
        Request.from_json({**request().to_json(), field: value})
    assert refused.value.field == field
    assert len(str(refused.value)) < 300


def test_struct__address_of_any_case__is_one_value() -> None:
    low = request(payer=request().payer.lower())
    assert low == request()
    assert low.payer == request().payer


def test_struct__value_out_of_range__refused_when_made() -> None:
    bad = (("fee", 2**128), ("fee", -1), ("served_at", 2**40), ("request_id", b"short"), ("fee", 1.5))
    for field, value in bad:
        with pytest.raises(InvalidField, match=camel(field)):
            receipt(**{field: value})


# ---- Signatures ----------------------------------------------------------------------------------------


@few
@given(
    message=structs(Request) | structs(Receipt) | structs(Voucher), seed=st.binary(min_size=32, max_size=32)
)
def test_sign__any_message__recovers_to_the_signer(message: Any, seed: bytes) -> None:
    key = Account.from_key((int.from_bytes(seed) % (ORDER - 1) + 1).to_bytes(32))
    signed = Signed.by(key, message, domain=DOMAIN)
    assert signed.signer(DOMAIN) == key.address
    assert Signed.from_json(type(message), json.loads(json.dumps(signed.to_json()))) == signed


def test_signer__other_chain_or_contract__is_another() -> None:
    """E4: a voucher of another deployment draws on nobody here."""
    key = KEYS["payer"]
    signed = Signed.by(key, request(), domain=DOMAIN)
    for other in (Domain(1, DOMAIN.settlement), Domain(DOMAIN.chain_id, to_address("0x" + "11" * 20))):
        assert signed.signer(other) != key.address
        with pytest.raises(WrongSigner):
            signed.require_signer(to_address(key.address), domain=other)


def test_recover__high_s__refused() -> None:
    """E14: the other signature of the same message is no evidence."""
    signature = sign(request().digest(DOMAIN), KEYS["payer"])
    r, s, v = signature[:32], int.from_bytes(signature[32:64]), signature[64]
    twin = r + (ORDER - s).to_bytes(32) + bytes([55 - v])
    with pytest.raises(MalleableSignature):
        recover(request().digest(DOMAIN), twin)
    with pytest.raises(MalleableSignature):
        Signed(request(), twin)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(64),
        bytes(65),
        bytes(66),
        b"\1" * 64 + b"\0",
        b"\1" * 64 + b"\x1d",
        bytes(32) + b"\1" * 32 + b"\x1b",
        b"\1" * 32 + bytes(32) + b"\x1b",
        b"\xff" * 32 + b"\1" * 32 + b"\x1b",
        b"\1" * 31 + b"\2" + b"\xff" * 32 + b"\x1b",
    ],
)
def test_recover__malformed__refused(signature: bytes) -> None:
    with pytest.raises(MalformedSignature):
        recover(bytes(32), signature)


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, 519))
def test_recover__any_bit_flipped__another_signer_or_refused(position: int) -> None:
    signature = bytearray(sign(receipt().digest(DOMAIN), KEYS["operator"]))
    signature[position // 8] ^= 1 << position % 8
    with suppress(MalformedSignature, MalleableSignature):
        assert recover(receipt().digest(DOMAIN), bytes(signature)) != KEYS["operator"].address


@settings(max_examples=25, deadline=None)
@given(first=structs(Receipt), second=structs(Receipt))
def test_struct_hash__two_receipts__two_leaves(first: Receipt, second: Receipt) -> None:
    assert (first.struct_hash == second.struct_hash) == (first == second)
