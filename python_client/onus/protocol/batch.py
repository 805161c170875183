"""Batches: one commitment for any number of receipts (``contracts/types/Batch.sol``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, Self

from onus.protocol._struct import Address, Bytes32, Struct, Uint24, Uint32, Uint40, Uint64, Uint128
from onus.protocol.disputes import Answer, Opening, ReceiptProof
from onus.protocol.errors import (
    EmptyBatch,
    HeaderMismatch,
    InvalidField,
    MixedBatch,
    RepeatedReceipt,
    TooManyPayers,
)
from onus.protocol.ids import BatchId, ModelId, batch_id, claims_hash
from onus.protocol.merkle import MerkleTree
from onus.protocol.messages import Domain, Receipt, Signed, Voucher

__all__ = [
    "MAX_CLAIMS",
    "Batch",
    "BatchHeader",
    "BatchState",
    "BatchStatus",
    "Claim",
    "Expected",
    "InferenceStatus",
    "Reply",
    "VoucherSignature",
    "payer_at",
]


MAX_CLAIMS: Final = 256
"""Most payers in a batch, so that settling it always fits in a transaction."""


class BatchStatus(IntEnum):
    """Stored states. "Challenged" is PENDING with open challenges."""

    NULL = 0
    PENDING = 1
    FINAL = 2
    FAULTY = 3
    SETTLED = 4
    REFUNDED = 5

    @property
    def is_decided(self) -> bool:
        """Whether it is final or failed, for ever."""
        return self >= BatchStatus.FINAL


class InferenceStatus(IntEnum):
    """What a consumer is told about one inference."""

    UNKNOWN = 0
    PENDING = 1
    CHALLENGED = 2
    FINAL = 3
    FINAL_AND_PUBLISHED = 4
    VOID = 5

    @property
    def is_final(self) -> bool:
        """Whether it stands for ever."""
        return self in (InferenceStatus.FINAL, InferenceStatus.FINAL_AND_PUBLISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchHeader(Struct):
    """Everything a batch is; the chain stores its hash and one word.

    Attributes:
        operator: who commits and answers for it.
        model_id: model of all its receipts.
        root: root of the tree of receipt struct hashes, in leaf order.
        count: number of receipts, at least 1.
        fee: of each receipt, in token base units.
        stake: of each receipt, in token base units.
        claims_hash: hash of the (payer, receipts) pairs.
        param_set: parameter set that everything about this batch follows.
        sequence: number of this batch among the operator's, from 0.
    """

    operator: Address
    model_id: ModelId
    root: Bytes32
    count: Uint32
    fee: Uint128
    stake: Uint128
    claims_hash: Bytes32
    param_set: Uint32
    sequence: Uint64

    def id(self, domain: Domain) -> BatchId:
        """Its name on one chain, in one ``Settlement``."""
        return batch_id(self, chain_id=domain.chain_id, settlement=domain.settlement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(Struct):
    """The next ``receipts`` leaves are paid by ``payer``."""

    payer: Address
    receipts: Uint32


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherSignature(Struct):
    """What makes a claim payable at commit."""

    cumulative: Uint128
    signature: bytes

    @classmethod
    def of(cls, voucher: Signed[Voucher]) -> Self:
        """From a signed voucher."""
        return cls(cumulative=voucher.message.cumulative, signature=voucher.signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState(Struct):
    """The one word stored for a batch."""

    status: BatchStatus
    open_challenges: Uint24
    challenges: Uint24
    committed_at: Uint40
    window_ends_at: Uint40
    ended_at: Uint40
    frozen_at_commit: Uint40


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Struct):
    """One item of ``Disputes.revealMany``."""

    header: BatchHeader
    challenger: Address
    opening: Opening
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected(Struct):
    """What a consumer relies on; a zero ``model_id`` or ``input_root`` is not compared.

    Attributes:
        model_id: the model that must have run.
        input_root: what must have gone in.
        min_stake: least collateral behind it, in token base units.
        published: whether it must have been published; False only for who holds the data itself.
    """

    model_id: ModelId
    input_root: Bytes32
    min_stake: Uint128
    published: bool = True


def payer_at(claims: Iterable[Claim], leaf_index: int) -> Address:
    """Who pays for a leaf.

    Raises:
        HeaderMismatch: the claims do not reach that far.
    """
    start = 0
    for claim in claims:
        start += claim.receipts
        if leaf_index < start:
            return claim.payer
    raise HeaderMismatch("claims", f"leaf {leaf_index}", f"{start} receipts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Receipts in leaf order with their header and claims; made by `build` or `of`."""

    header: BatchHeader
    claims: tuple[Claim, ...]
    receipts: tuple[Receipt, ...]
    tree: MerkleTree = field(repr=False, compare=False)

    @classmethod
    def build(cls, receipts: Sequence[Receipt], *, param_set: int, sequence: int) -> Self:
        """Orders receipts by payer (by arrival within a payer) and makes header and claims.

        Args:
            receipts: of one operator, model, fee and stake; each once.
            param_set: number of the set in force.
            sequence: the operator's next.

        Raises:
            EmptyBatch: no receipts.
            MixedBatch: they differ where they must not.
            RepeatedReceipt: one is there twice.
            TooManyPayers: more than `MAX_CLAIMS`.
        """
        if not receipts:
            raise EmptyBatch("a batch has at least one receipt")
        first = receipts[0]
        for name in ("operator", "model_id", "fee", "stake"):
            expected = getattr(first, name)
            for receipt in receipts:
                if getattr(receipt, name) != expected:
                    raise MixedBatch(name, expected, getattr(receipt, name))
        ordered = tuple(sorted(receipts, key=lambda receipt: int(receipt.payer, 16)))
        leaves = [receipt.struct_hash for receipt in ordered]
        if len(set(leaves)) != len(leaves):
            raise RepeatedReceipt(next(leaf for leaf in leaves if leaves.count(leaf) > 1))
        tree = MerkleTree(leaves)
        claims = _claims_of(ordered)
        if len(claims) > MAX_CLAIMS:
            raise TooManyPayers(len(claims), MAX_CLAIMS)
        header = BatchHeader(
            operator=first.operator,
            model_id=first.model_id,
            root=tree.root,
            count=len(ordered),
            fee=first.fee,
            stake=first.stake,
            claims_hash=claims_hash(claims),
            param_set=param_set,
            sequence=sequence,
        )
        return cls(header=header, claims=claims, receipts=ordered, tree=tree)

    @classmethod
    def of(cls, header: BatchHeader, *, claims: Sequence[Claim], receipts: Sequence[Receipt]) -> Self:
        """A batch that somebody else made: checks only that these are the receipts and claims it names.

        Whether receipts agree with header and claims is for a watcher to judge: where not, it is a fault.

        Raises:
            HeaderMismatch: count, root, or claims are not the header's.
        """
        if len(receipts) != header.count or not receipts:
            raise HeaderMismatch("count", header.count, len(receipts))
        tree = MerkleTree([receipt.struct_hash for receipt in receipts])
        if tree.root != header.root:
            raise HeaderMismatch("root", header.root.hex(), tree.root.hex())
        if claims_hash(claims) != header.claims_hash:
            raise HeaderMismatch("claimsHash", header.claims_hash.hex(), claims_hash(claims).hex())
        if sum(claim.receipts for claim in claims) != header.count:
            raise HeaderMismatch("claims", header.count, sum(claim.receipts for claim in claims))
        return cls(header=header, claims=tuple(claims), receipts=tuple(receipts), tree=tree)

    def id(self, domain: Domain) -> BatchId:
        """Its name on one chain, in one ``Settlement``."""
        return self.header.id(domain)

    def proof(self, leaf_index: int) -> ReceiptProof:
        """The receipt at ``leaf_index`` with its path.

        Raises:
            BadTree: there is no such leaf.
        """
        path = self.tree.proof(leaf_index)
        return ReceiptProof(receipt=self.receipts[leaf_index], leaf_index=leaf_index, path=path)

    def index_of(self, receipt: Receipt) -> int:
        """Where a receipt is.

        Raises:
            HeaderMismatch: it is not in this batch.
        """
        leaf = receipt.struct_hash
        for index, each in enumerate(self.tree.leaves):
            if each == leaf:
                return index
        raise HeaderMismatch("receipt", f"0x{leaf.hex()}", "absent")

    def fee_of(self, payer: Address) -> int:
        """What the batch draws on a payer's reservation, in token base units."""
        return self.header.fee * sum(claim.receipts for claim in self.claims if claim.payer == payer)

    def to_json(self) -> dict[str, Any]:
        """Header, claims and receipts in leaf order."""
        return {
            "header": self.header.to_json(),
            "claims": [claim.to_json() for claim in self.claims],
            "receipts": [receipt.to_json() for receipt in self.receipts],
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Reads what `to_json` wrote and checks it against its own header.

        Raises:
            InvalidField: a field is wrong.
            HeaderMismatch: see `of`.
        """
        if not isinstance(value, dict) or value.keys() != {"header", "claims", "receipts"}:
            raise InvalidField("Batch", "", "header, claims and receipts are needed, nothing else")
        if not isinstance(value["claims"], list) or not isinstance(value["receipts"], list):
            raise InvalidField("Batch", "", "claims and receipts are lists")
        return cls.of(
            BatchHeader.from_json(value["header"]),
            claims=[Claim.from_json(each) for each in value["claims"]],
            receipts=[Receipt.from_json(each) for each in value["receipts"]],
        )


def _claims_of(ordered: Sequence[Receipt]) -> tuple[Claim, ...]:
    groups = groupby(ordered, key=attrgetter("payer"))
    return tuple(Claim(payer=payer, receipts=sum(1 for _ in group)) for payer, group in groups)
