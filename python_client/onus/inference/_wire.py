"""What travels between payers, operators and watchers, as JSON.

The same strictness as `onus.protocol.Struct`: one form, nothing unknown, nothing missing. Tensors are
lower-case hexadecimal text of their committed form, one for each input or output of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from onus.inference._roots import tensors_root
from onus.protocol import (
    Batch,
    BatchHeader,
    Claim,
    Domain,
    HeaderMismatch,
    InvalidField,
    Receipt,
    Request,
    Signed,
    Voucher,
)

__all__ = ["Answer", "BatchData", "Order", "Problem"]


def _object(name: str, value: object, *keys: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidField(name, "", "an object is needed")
    for key in sorted(map(str, value.keys() ^ set(keys))):
        raise InvalidField(name, key, "unknown field" if key in value else "missing")
    return value


def _list(name: str, key: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidField(name, key, "a list is needed")
    return value


def _write(tensors: Sequence[bytes]) -> list[str]:
    return ["0x" + tensor.hex() for tensor in tensors]


def _read(name: str, key: str, value: object) -> tuple[bytes, ...]:
    tensors = []
    for text in _list(name, key, value):
        try:
            data = bytes.fromhex(text.removeprefix("0x"))
        except (AttributeError, TypeError, ValueError):
            data = b""
        if not data or text != "0x" + data.hex():
            raise InvalidField(name, key, "lower-case hexadecimal text with 0x is needed")
        tensors.append(data)
    if not tensors:
        raise InvalidField(name, key, "at least one tensor is needed")
    return tuple(tensors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a payer sends: ``POST /v1/inferences``.

    Attributes:
        request: what it asks for, signed.
        voucher: covers this inference and all before it.
        inputs: each input tensor in committed form.
    """

    request: Signed[Request]
    voucher: Signed[Voucher]
    inputs: tuple[bytes, ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """As it travels."""
        return {
            "request": self.request.to_json(),
            "voucher": self.voucher.to_json(),
            "inputs": _write(self.inputs),
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            InvalidField: a field is missing, unknown, or of another form.
            InvalidSignature: a signature has not the one form that counts.
        """
        fields = _object("Order", value, "request", "voucher", "inputs")
        return cls(
            request=Signed.from_json(Request, fields["request"]),
            voucher=Signed.from_json(Voucher, fields["voucher"]),
            inputs=_read("Order", "inputs", fields["inputs"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operator gives back; also ``GET /v1/receipts/{requestId}``.

    Attributes:
        receipt: signed by the operator's key.
        outputs: each output tensor in committed form.
    """

    receipt: Signed[Receipt]
    outputs: tuple[bytes, ...] = field(repr=False)

    @property
    def output_root(self) -> bytes:
        """Root of the outputs that came."""
        return tensors_root(self.outputs)

    def to_json(self) -> dict[str, Any]:
        """As it travels."""
        return {"receipt": self.receipt.to_json(), "outputs": _write(self.outputs)}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Reads what `to_json` wrote; raises `InvalidField` or `InvalidSignature`."""
        fields = _object("Answer", value, "receipt", "outputs")
        return cls(
            receipt=Signed.from_json(Receipt, fields["receipt"]),
            outputs=_read("Answer", "outputs", fields["outputs"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchData:
    """A batch's data file: ``GET /v1/batches/{batchId}``.

    Attributes:
        batch: header, claims, and receipts in leaf order.
        requests: preimages of the receipts' request ids, in leaf order.
        inputs: the input tensors of each receipt, in leaf order.
    """

    batch: Batch
    requests: tuple[Request, ...]
    inputs: tuple[tuple[bytes, ...], ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """As it travels."""
        return {
            "batch": self.batch.to_json(),
            "requests": [request.to_json() for request in self.requests],
            "inputs": [_write(tensors) for tensors in self.inputs],
        }

    @classmethod
    def from_json(
        cls, value: object, *, header: BatchHeader, claims: Sequence[Claim], domain: Domain
    ) -> Self:
        """Reads a data file, and checks every byte of it against what the chain has.

        Args:
            value: from JSON.
            header: of the batch, from the chain.
            claims: of the batch, from the chain.
            domain: of the chain.

        Raises:
            InvalidField: a field is missing, unknown, or of another form.
            HeaderMismatch: these are not the receipts, requests or inputs that were committed to.
        """
        fields = _object("BatchData", value, "batch", "requests", "inputs")
        batch = Batch.from_json(fields["batch"])
        if batch.header != header:
            raise HeaderMismatch("header", header.root.hex(), batch.header.root.hex())
        if batch.claims != tuple(claims):
            raise HeaderMismatch("claims", len(claims), len(batch.claims))
        requests = tuple(
            Request.from_json(each) for each in _list("BatchData", "requests", fields["requests"])
        )
        inputs = tuple(
            _read("BatchData", "inputs", each) for each in _list("BatchData", "inputs", fields["inputs"])
        )
        if not len(requests) == len(inputs) == header.count:
            raise HeaderMismatch("count", header.count, f"{len(requests)} requests, {len(inputs)} inputs")
        for receipt, request, tensors in zip(batch.receipts, requests, inputs, strict=True):
            if request.id(domain) != receipt.request_id:
                raise HeaderMismatch("requestId", receipt.request_id.hex(), request.id(domain).hex())
            if tensors_root(tensors) != receipt.input_root:
                raise HeaderMismatch("inputRoot", receipt.input_root.hex(), tensors_root(tensors).hex())
        return cls(batch=batch, requests=requests, inputs=inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why something was refused (RFC 9457, ``application/problem+json``).

    Attributes:
        type: ``urn:onus:problem:…``, for programs.
        title: the same in a few words.
        status: HTTP status.
        detail: what exactly.
        values: the numbers behind it, by name.
    """

    type: str
    title: str
    status: int
    detail: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The last part of the type, for example ``voucher-too-low``."""
        return self.type.rpartition(":")[2]

    def to_json(self) -> dict[str, Any]:
        """As it travels."""
        named = {"type": self.type, "title": self.title, "status": self.status, "detail": self.detail}
        return {**self.values, **named}

    @classmethod
    def from_json(cls, value: object, *, status: int) -> Self:
        """Reads a problem leniently: a proxy in between may have written it."""
        fields = dict(value) if isinstance(value, Mapping) else {}
        kind, title, detail = (
            str(fields.pop(key, otherwise))[:500]
            for key, otherwise in (("type", "about:blank"), ("title", "refused"), ("detail", ""))
        )
        fields.pop("status", None)
        return cls(type=kind, title=title, status=status, detail=detail, values=fields)
