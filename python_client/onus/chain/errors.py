"""Everything that can go wrong between a program and the contracts.

::

    OnusError
    ├── ProtocolError                 see `onus.protocol.errors`
    └── ChainError
        ├── EndpointError
        │   ├── EndpointUnreachable   no answer
        │   └── EndpointFailed        an error of the endpoint, or an answer that is none
        ├── ManifestError
        │   ├── ManifestUnreadable
        │   ├── WrongChain
        │   ├── MissingCode
        │   ├── CodeMismatch
        │   ├── WiringMismatch
        │   └── RolesMismatch
        ├── SignerError
        │   ├── NoSigner
        │   └── KeystoreUnreadable
        ├── TransactionError
        │   ├── InsufficientFunds
        │   ├── GasTooHigh
        │   ├── FeeTooHigh
        │   ├── TransactionRejected   the endpoint refused it, nothing is in flight
        │   ├── NotConfirmed          not mined in time; it still may be
        │   └── NonceTaken            somebody else uses the key
        └── ContractReverted          a contract refused
            ├── UnknownRevert
            ├── RevertedWithReason
            ├── Panicked
            ├── ParametersRejected ─ ParametersTooSoon, …
            ├── ModelsRejected ───── ModelsDeprecated, …
            ├── OperatorsRejected ── OperatorsJailed, …
            ├── EscrowRejected ───── EscrowVoucherExhausted, …
            ├── SettlementRejected ─ SettlementWindowClosed, …
            ├── DisputesRejected ─── DisputesNoFault, …
            ├── TraceRejected ────── TraceNoFault, …
            ├── GovernanceRejected ─ AccessManagedUnauthorized, …
            ├── OmissionsRejected ── OmissionsWrongSigner, …
            ├── ReputationRejected ─ ReputationNotEnded, …
            ├── TokenRejected ────── ERC20InsufficientAllowance, …
            └── LibraryRejected ──── PeersBadWiring, …

The custom error ``Settlement_WindowClosed(id, closedAt)`` is the class `SettlementWindowClosed` with the
attributes ``id`` and ``closed_at``. Across contracts, a refusal may also be one of a kind: `TooEarly`,
`TooLate`, `NotAllowed`, `NotEnough`, `NotKnown`, `AlreadyDone`.
"""

from onus.chain import _reverts
from onus.chain._errors import (
    AlreadyDone,
    ChainError,
    CodeMismatch,
    ContractReverted,
    DisputesRejected,
    EndpointError,
    EndpointFailed,
    EndpointUnreachable,
    EscrowRejected,
    FeeTooHigh,
    GasTooHigh,
    GovernanceRejected,
    InsufficientFunds,
    KeystoreUnreadable,
    LibraryRejected,
    ManifestError,
    ManifestUnreadable,
    MissingCode,
    ModelsRejected,
    NonceTaken,
    NoSigner,
    NotAllowed,
    NotConfirmed,
    NotEnough,
    NotKnown,
    OmissionsRejected,
    OperatorsRejected,
    Panicked,
    ParametersRejected,
    ReputationRejected,
    RevertedWithReason,
    RolesMismatch,
    SettlementRejected,
    SignerError,
    TokenRejected,
    TooEarly,
    TooLate,
    TraceRejected,
    TransactionError,
    TransactionRejected,
    UnknownRevert,
    WiringMismatch,
    WrongChain,
)
from onus.chain._reverts import *  # noqa: F403

__all__ = [
    "AlreadyDone",
    "ChainError",
    "CodeMismatch",
    "ContractReverted",
    "DisputesRejected",
    "EndpointError",
    "EndpointFailed",
    "EndpointUnreachable",
    "EscrowRejected",
    "FeeTooHigh",
    "GasTooHigh",
    "GovernanceRejected",
    "InsufficientFunds",
    "KeystoreUnreadable",
    "LibraryRejected",
    "ManifestError",
    "ManifestUnreadable",
    "MissingCode",
    "ModelsRejected",
    "NoSigner",
    "NonceTaken",
    "NotAllowed",
    "NotConfirmed",
    "NotEnough",
    "NotKnown",
    "OmissionsRejected",
    "OperatorsRejected",
    "Panicked",
    "ParametersRejected",
    "ReputationRejected",
    "RevertedWithReason",
    "RolesMismatch",
    "SettlementRejected",
    "SignerError",
    "TokenRejected",
    "TooEarly",
    "TooLate",
    "TraceRejected",
    "TransactionError",
    "TransactionRejected",
    "UnknownRevert",
    "WiringMismatch",
    "WrongChain",
    "decode_revert",
]
__all__ += _reverts.__all__


def decode_revert(data: bytes, *, message: str = "") -> ContractReverted:
    """The typed error for what a contract reverted with.

    Args:
        data: selector and parameters; empty if it gave none.
        message: what the endpoint said, shown when the data say nothing.
    """
    known = ContractReverted.BY_SELECTOR.get(data[:4])
    if known is None:
        return UnknownRevert(message if not data else "", data=data)
    return known.from_data(data)
