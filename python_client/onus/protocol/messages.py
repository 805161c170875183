"""Requests, receipts and vouchers: EIP-712, domain ``{Onus, 1, chainId, verifyingContract: Settlement}``.

A signature is plain ECDSA by a registered key, 65 bytes ``r || s || v``, with the lower ``s``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Final, Generic, Protocol, Self, TypeVar

from eth_account import Account as EthAccount
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from onus.protocol._struct import Address, Bytes32, Struct, Uint40, Uint128, Uint256, to_address, word
from onus.protocol.errors import (
    InvalidField,
    MalformedSignature,
    MalleableSignature,
    WrongSigner,
)
from onus.protocol.ids import ModelId, RequestId

__all__ = [
    "DigestSigner",
    "Domain",
    "Message",
    "Receipt",
    "Request",
    "Signed",
    "Voucher",
    "check_signature",
    "recover",
    "sign",
]

_DOMAIN_TYPEHASH: Final = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True)
class Domain:
    """Where a message counts: one chain, one ``Settlement``.

    Attributes:
        chain_id: of the chain.
        settlement: address of the contract.
    """

    chain_id: int
    settlement: Address

    def __post_init__(self) -> None:
        object.__setattr__(self, "settlement", to_address(self.settlement))

    @cached_property
    def separator(self) -> bytes:
        """EIP-712 domain separator."""
        return keccak(
            _DOMAIN_TYPEHASH + keccak(b"Onus") + keccak(b"1") + word(self.chain_id) + word(self.settlement)
        )

    def digest(self, struct_hash: bytes) -> bytes:
        """What is signed for a struct hash."""
        return keccak(b"\x19\x01" + self.separator + struct_hash)


class Message(Struct):
    """A struct that can be signed."""

    __slots__ = ()
    TYPE: ClassVar[str]
    TYPEHASH: ClassVar[bytes]

    @property
    def struct_hash(self) -> bytes:
        """EIP-712 struct hash: all fields are static, so it is the hash of their words."""
        return keccak(self.TYPEHASH + self.words())

    def digest(self, domain: Domain) -> bytes:
        """What is signed."""
        return domain.digest(self.struct_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Message):
    """What a payer asks for.

    Attributes:
        payer: who asks and pays.
        model_id: model version to run.
        input_root: root of the input.
        max_fee: highest fee, in token base units.
        min_stake: lowest collateral behind this one inference; at least twice what the answer is worth to a
            cheat, because half of a penalty can come back to one that is also the payer and the challenger.
        nonce: chosen by the payer.
        expires_at: last second at which it may be served.
    """

    TYPE: ClassVar[str] = (
        "Request(address payer,bytes32 modelId,bytes32 inputRoot,uint128 maxFee,uint128 minStake,"
        "uint256 nonce,uint40 expiresAt)"
    )
    TYPEHASH: ClassVar[bytes] = keccak(TYPE.encode())

    payer: Address
    model_id: ModelId
    input_root: Bytes32
    max_fee: Uint128
    min_stake: Uint128
    nonce: Uint256
    expires_at: Uint40

    def id(self, domain: Domain) -> RequestId:
        """The digest; a receipt names its request by it."""
        return RequestId(self.digest(domain))


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Message):
    """What an operator says it computed. Its struct hash is a leaf of a batch.

    Attributes:
        request_id: digest of the request.
        model_id: model version that ran.
        operator: who ran it.
        payer: who pays for it.
        input_root: root of the input.
        output_root: root of the output.
        trace_root: root of the execution.
        fee: price, in token base units.
        stake: collateral behind this inference from the commit on, in token base units.
        served_at: timestamp of the latest block when it was served.
        commit_by: last second at which it is committed.
    """

    TYPE: ClassVar[str] = (
        "Receipt(bytes32 requestId,bytes32 modelId,address operator,address payer,bytes32 inputRoot,"
        "bytes32 outputRoot,bytes32 traceRoot,uint128 fee,uint128 stake,uint40 servedAt,uint40 commitBy)"
    )
    TYPEHASH: ClassVar[bytes] = keccak(TYPE.encode())

    request_id: RequestId
    model_id: ModelId
    operator: Address
    payer: Address
    input_root: Bytes32
    output_root: Bytes32
    trace_root: Bytes32
    fee: Uint128
    stake: Uint128
    served_at: Uint40
    commit_by: Uint40


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher(Message):
    """A payer's promise to an operator; only grows.

    Attributes:
        payer: whose reservation pays.
        operator: who may draw on it.
        cumulative: everything ever promised by this payer to this operator, in token base units.
    """

    TYPE: ClassVar[str] = "Voucher(address payer,address operator,uint128 cumulative)"
    TYPEHASH: ClassVar[bytes] = keccak(TYPE.encode())

    payer: Address
    operator: Address
    cumulative: Uint128


def check_signature(signature: bytes) -> None:
    """Whether a signature has the one form that counts.

    Raises:
        MalformedSignature: not 65 bytes, v not 27 or 28, r or s out of range.
        MalleableSignature: s in the upper half.
    """
    if not isinstance(signature, bytes) or len(signature) != 65:
        raise MalformedSignature("a signature has 65 bytes: r, s, v")
    r, s, v = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]), signature[64]
    if v not in (27, 28):
        raise MalformedSignature(f"v is {v}, not 27 or 28")
    if not 0 < r < _ORDER or not 0 < s < _ORDER:
        raise MalformedSignature("r or s is out of range")
    if s > _HALF_ORDER:
        raise MalleableSignature("s is in the upper half")


def recover(digest: bytes, signature: bytes) -> Address:
    """Who signed a digest.

    Raises:
        InvalidSignature: the signature has not the one form that counts, or recovers to nobody.
    """
    check_signature(signature)
    try:
        parsed = Signature(signature[:64] + bytes([signature[64] - 27]))
        return Address(parsed.recover_public_key_from_msg_hash(digest).to_checksum_address())
    except (BadSignature, ValidationError) as error:
        raise MalformedSignature("recovers to nobody") from error


class DigestSigner(Protocol):
    """Whoever can sign a digest for one address."""

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes, lower s."""
        ...


def sign(digest: bytes, key: LocalAccount | DigestSigner) -> bytes:
    """Signs a digest: 65 bytes, lower s."""
    if not isinstance(key, LocalAccount):
        return key.sign_digest(digest)
    return bytes(EthAccount.unsafe_sign_hash(digest, key.key).signature)


M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Signed(Generic[M]):
    """A message and its signature, as they travel.

    The form of the signature is checked when it is made; whose it is, by `signer` or `require_signer`.
    """

    message: M
    signature: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_signature(self.signature)

    @classmethod
    def by(cls, key: LocalAccount | DigestSigner, message: M, *, domain: Domain) -> Self:
        """Signs ``message``."""
        return cls(message, sign(message.digest(domain), key))

    def signer(self, domain: Domain) -> Address:
        """Who signed it."""
        return recover(self.message.digest(domain), self.signature)

    def require_signer(self, expected: Address, *, domain: Domain) -> None:
        """Raises `WrongSigner` unless ``expected`` signed it."""
        actual = self.signer(domain)
        if actual != expected:
            raise WrongSigner(expected=expected, actual=actual)

    def to_json(self) -> dict[str, Any]:
        """``{"message": …, "signature": "0x…"}``."""
        return {"message": self.message.to_json(), "signature": "0x" + self.signature.hex()}

    @classmethod
    def from_json(cls, kind: type[M], value: object) -> Signed[M]:
        """Reads a signed message of ``kind``.

        Raises:
            InvalidField: anything but what `to_json` writes.
            InvalidSignature: the signature has not the one form that counts.
        """
        name = f"Signed{kind.__name__}"
        if not isinstance(value, Mapping):
            raise InvalidField(name, "", "an object is needed")
        for key in sorted(map(str, value.keys() ^ {"message", "signature"})):
            raise InvalidField(name, key, "unknown field" if key in value else "missing")
        text = value["signature"]
        try:
            signature = bytes.fromhex(text.removeprefix("0x"))
        except (AttributeError, TypeError, ValueError):
            signature = b""
        if text != "0x" + signature.hex():
            raise InvalidField(name, "signature", "lower-case hexadecimal text with 0x is needed")
        return Signed(kind.from_json(value["message"]), signature)
