"""Faults of a leaf that need no execution: the same rules as in ``Disputes``, and their evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onus.protocol._struct import to_address
from onus.protocol.batch import BatchHeader, Claim, payer_at
from onus.protocol.disputes import FaultKind
from onus.protocol.errors import InvalidField
from onus.protocol.ids import ModelId, encode_claims
from onus.protocol.messages import Domain, Receipt, Request

__all__ = ["HEADER_EVIDENCE", "claims_evidence", "leaf_faults", "request_evidence", "request_of"]

HEADER_EVIDENCE = b""
"""A receipt that differs from its header needs none."""


def request_evidence(request: Request) -> bytes:
    """``abi.encode(request)``."""
    return request.words()


def request_of(evidence: bytes) -> Request:
    """The request of such evidence, which is also what answers a demand for it.

    Raises:
        InvalidField: it is not the encoding of a request.
    """
    if len(evidence) != 7 * 32:
        raise InvalidField("Request", "", f"{len(evidence)} bytes")
    words = [evidence[at : at + 32] for at in range(0, len(evidence), 32)]
    if any(words[0][:12]):
        raise InvalidField("Request", "payer", "not an address")
    return Request(
        payer=to_address(words[0][12:]),
        model_id=ModelId(words[1]),
        input_root=words[2],
        max_fee=int.from_bytes(words[3], "big"),
        min_stake=int.from_bytes(words[4], "big"),
        nonce=int.from_bytes(words[5], "big"),
        expires_at=int.from_bytes(words[6], "big"),
    )


def claims_evidence(claims: Sequence[Claim]) -> bytes:
    """``abi.encode(claims)``."""
    return encode_claims(claims)


def leaf_faults(
    receipt: Receipt,
    leaf_index: int,
    *,
    header: BatchHeader,
    claims: Sequence[Claim],
    domain: Domain,
    request: Request | None = None,
) -> tuple[FaultKind, ...]:
    """The faults of one committed receipt that can be seen without executing it.

    Args:
        receipt: the leaf.
        leaf_index: where it is.
        header: of its batch.
        claims: of its batch.
        domain: where the batch was committed.
        request: the preimage of the receipt's request id, where it is known; another request shows nothing.
    """
    return tuple(_faults(receipt, leaf_index, header=header, claims=claims, domain=domain, request=request))


def _faults(
    receipt: Receipt,
    leaf_index: int,
    *,
    header: BatchHeader,
    claims: Sequence[Claim],
    domain: Domain,
    request: Request | None,
) -> Iterator[FaultKind]:
    for name in ("operator", "model_id", "fee", "stake"):
        if getattr(receipt, name) != getattr(header, name):
            yield FaultKind.HEADER
            break
    if request is not None and request.id(domain) == receipt.request_id and breaks_request(receipt, request):
        yield FaultKind.REQUEST
    if payer_at(claims, leaf_index) != receipt.payer:
        yield FaultKind.CLAIM


def breaks_request(receipt: Receipt, request: Request) -> bool:
    """Whether a receipt contradicts the request that it names."""
    return (
        receipt.payer != request.payer
        or receipt.model_id != request.model_id
        or receipt.input_root != request.input_root
        or receipt.fee > request.max_fee
        or receipt.stake < request.min_stake
        or receipt.served_at > request.expires_at
    )
