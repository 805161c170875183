"""Names by content, with chain and contract inside: the same as in ``contracts/types``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NewType

from eth_hash.auto import keccak

from onus.protocol._struct import Address, word

if TYPE_CHECKING:
    from onus.protocol.batch import BatchHeader, Claim
    from onus.protocol.models import Manifest

__all__ = [
    "BURNED",
    "Account",
    "Address",
    "BatchId",
    "ChallengeId",
    "ModelId",
    "RequestId",
    "account_of",
    "batch_id",
    "challenge_id",
    "claims_hash",
    "encode_claims",
    "manifest_hash",
    "model_id",
    "royalty_account_of",
    "seal_of",
]

ModelId = NewType("ModelId", bytes)
BatchId = NewType("BatchId", bytes)
ChallengeId = NewType("ChallengeId", bytes)
RequestId = NewType("RequestId", bytes)
Account = NewType("Account", bytes)
"""A bucket of money in ``Escrow``."""

BURNED: Final = Account(keccak(b"onus.account.burned"))
"""What is burned, until it is swept."""


def account_of(owner: Address) -> Account:
    """The free balance of an address."""
    return Account(word(owner))


def royalty_account_of(model_id: ModelId) -> Account:
    """The royalties of a model, before they are distributed."""
    return Account(model_id)


def manifest_hash(manifest: Manifest) -> bytes:
    """``keccak256(abi.encode(manifest))``."""
    return keccak(manifest.words())


def model_id(manifest_hash: bytes, *, provider: Address, chain_id: int, models: Address) -> ModelId:
    """The id that ``provider`` gets for a manifest in the contract ``models``."""
    return ModelId(keccak(word(chain_id) + word(models) + word(provider) + word(manifest_hash)))


def batch_id(header: BatchHeader, *, chain_id: int, settlement: Address) -> BatchId:
    """``keccak256(abi.encode(chainid, settlement, header))``."""
    return BatchId(keccak(word(chain_id) + word(settlement) + header.words()))


def claims_hash(claims: Sequence[Claim]) -> bytes:
    """``keccak256(abi.encode(claims))``."""
    return keccak(encode_claims(claims))


def encode_claims(claims: Sequence[Claim]) -> bytes:
    """``abi.encode(claims)``."""
    return word(32) + word(len(claims)) + b"".join(claim.words() for claim in claims)


def seal_of(challenger: Address, *, leaf_index: int, salt: bytes) -> bytes:
    """``keccak256(abi.encode(challenger, leafIndex, salt))``."""
    return keccak(word(challenger) + word(leaf_index) + word(salt))


def challenge_id(batch_id: BatchId, *, challenger: Address, seal: bytes) -> ChallengeId:
    """``keccak256(abi.encode(batchId, challenger, seal))``."""
    return ChallengeId(keccak(word(batch_id) + word(challenger) + word(seal)))
