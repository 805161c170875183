"""Errors of the pure layer, and the root of all errors of this package.

::

    OnusError
    ├── ProtocolError
    │   ├── InvalidField            a field is missing, unknown, of the wrong type or out of range
    │   ├── InvalidSignature
    │   │   ├── MalformedSignature  not 65 bytes, v not 27 or 28, r or s out of range
    │   │   ├── MalleableSignature  s in the upper half: another signature of the same message exists
    │   │   └── WrongSigner         a sound signature, by somebody else
    │   ├── BadTree                 a tree without leaves, or a leaf that is not there
    │   ├── BadProof                a path of the wrong length, or an index beyond the tree
    │   ├── BadBatch
    │   │   ├── EmptyBatch
    │   │   ├── MixedBatch          receipts of one batch differ in operator, model, fee or stake
    │   │   ├── RepeatedReceipt
    │   │   ├── TooManyPayers
    │   │   └── HeaderMismatch      receipts or claims are not those of a header
    │   ├── BrokenRelation          a parameter set breaks a rule of docs/protocol.md, Parameters
    │   ├── CoverTooSmall           a voucher promises more than its reservation holds
    │   └── ReceiptRejected         why a client does not take a receipt
    │       ├── ReceiptMismatch     it does not answer the request
    │       ├── ReceiptUntimely     served or to be committed at another time than it may
    │       └── OperatorUnfit       its operator's reserve is not full, leaving, or it is jailed
    └── ChainError                  see `onus.chain.errors`
"""

__all__ = [
    "BadBatch",
    "BadProof",
    "BadTree",
    "BrokenRelation",
    "CoverTooSmall",
    "EmptyBatch",
    "HeaderMismatch",
    "InvalidField",
    "InvalidSignature",
    "MalformedSignature",
    "MalleableSignature",
    "MixedBatch",
    "OnusError",
    "OperatorUnfit",
    "ProtocolError",
    "ReceiptMismatch",
    "ReceiptRejected",
    "ReceiptUntimely",
    "RepeatedReceipt",
    "TooManyPayers",
    "WrongSigner",
]


class OnusError(Exception):
    """Everything this package raises on purpose."""


class ProtocolError(OnusError):
    """Something contradicts the protocol, without asking any chain."""


class InvalidField(ProtocolError):
    """A field is missing, unknown, of the wrong type or out of range."""

    def __init__(self, type_name: str, field: str, reason: str) -> None:
        super().__init__(f"{type_name}.{field}: {reason}" if field else f"{type_name}: {reason}")
        self.type_name = type_name
        self.field = field
        self.reason = reason


class InvalidSignature(ProtocolError):
    """A signature that proves nothing."""


class MalformedSignature(InvalidSignature):
    """Not 65 bytes, v not 27 or 28, r or s out of range, or nothing to recover."""


class MalleableSignature(InvalidSignature):
    """s lies in the upper half of the order."""


class WrongSigner(InvalidSignature):
    """Signed by somebody else."""

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(f"signed by {actual}, not by {expected}")
        self.expected = expected
        self.actual = actual


class BadTree(ProtocolError):
    """A tree without leaves, a leaf of the wrong size, or one that is not there."""


class BadProof(ProtocolError):
    """A path that cannot prove anything."""


class BadBatch(ProtocolError):
    """Receipts that do not make a batch."""


class EmptyBatch(BadBatch):
    """No receipts."""


class MixedBatch(BadBatch):
    """Receipts of one batch have the same operator, model, fee and stake."""

    def __init__(self, field: str, expected: object, actual: object) -> None:
        super().__init__(f"{field} is {actual} in a batch of {expected}")
        self.field = field


class RepeatedReceipt(BadBatch):
    """The same receipt twice: it would lock stake and earn nothing."""

    def __init__(self, leaf: bytes) -> None:
        super().__init__(f"receipt 0x{leaf.hex()} twice")
        self.leaf = leaf


class TooManyPayers(BadBatch):
    """More claims than the contract settles in one transaction."""

    def __init__(self, payers: int, most: int) -> None:
        super().__init__(f"{payers} payers in a batch, at most {most}")
        self.payers = payers


class HeaderMismatch(BadBatch):
    """Receipts or claims are not those that a header names."""

    def __init__(self, field: str, expected: object, actual: object) -> None:
        super().__init__(f"{field}: the header says {expected}, the data give {actual}")
        self.field = field


class BrokenRelation(ProtocolError):
    """A parameter set breaks a rule; ``rule`` is the same text as in the contract's error."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"the parameter set breaks the rule {rule!r}")
        self.rule = rule


class CoverTooSmall(ProtocolError):
    """A voucher promises more than its reservation holds, without what is thawing."""

    def __init__(self, *, needed: int, cover: int) -> None:
        super().__init__(f"the voucher needs {needed} of a reservation that covers {cover}")
        self.needed = needed
        self.cover = cover


class ReceiptRejected(ProtocolError):
    """Why a client does not take a receipt."""


class ReceiptMismatch(ReceiptRejected):
    """The receipt does not answer the request."""

    def __init__(self, field: str, expected: object, actual: object) -> None:
        super().__init__(f"{field} is {actual}, the request needs {expected}")
        self.field = field


class ReceiptUntimely(ReceiptRejected):
    """Served, or to be committed, at another time than it may be."""


class OperatorUnfit(ReceiptRejected):
    """Its operator's reserve is not full or is leaving, or it may not commit."""
