"""The hand-written part of the tree of errors; `onus.chain.errors` shows the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from onus.protocol import OnusError, camel
from onus.protocol._struct import Uint256, convert

if TYPE_CHECKING:
    from onus.chain._rpc import TransactionReceipt


class ChainError(OnusError):
    """Something between here and the chain, or on it."""


class EndpointError(ChainError):
    """The endpoint did not do what it was asked."""


class EndpointUnreachable(EndpointError):
    """No answer: refused, timed out, or cut off."""


class EndpointFailed(EndpointError):
    """An answer that is an error of the endpoint, or none that makes sense.

    Attributes:
        method: what was called.
        code: JSON-RPC error code; 0 if the answer was none.
    """

    def __init__(self, method: str, message: str, *, code: int = 0) -> None:
        super().__init__(f"{method}: {message:.500}")
        self.method = method
        self.message = message
        self.code = code


class ManifestError(ChainError):
    """A deployment manifest that cannot be used."""


class ManifestUnreadable(ManifestError):
    """Not a manifest, or of another version."""


class WrongChain(ManifestError):
    """The endpoint serves another chain."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(f"the endpoint is on chain {actual}, not {expected}")
        self.expected = expected
        self.actual = actual


class MissingCode(ManifestError):
    """There is no contract at an address of the manifest."""


class CodeMismatch(ManifestError):
    """There is another code at an address than was deployed there."""


class WiringMismatch(ManifestError):
    """A contract has other peers than the manifest says."""


class RolesMismatch(ManifestError):
    """Somebody may do, or may do sooner, what the deployment did not intend."""


class SignerError(ChainError):
    """A key that cannot be used."""


class NoSigner(SignerError):
    """A transaction or a signature needs a key, and the client has none."""


class KeystoreUnreadable(SignerError):
    """Not a keystore file, or the wrong password."""


class TransactionError(ChainError):
    """A transaction that did not go through, for another reason than the contracts'."""


class InsufficientFunds(TransactionError):
    """The account cannot pay for the gas."""


class GasTooHigh(TransactionError):
    """It needs more than one transaction may have.

    Attributes:
        needed: gas.
        limit: of one transaction.
    """

    def __init__(self, name: str, *, needed: int, limit: int) -> None:
        super().__init__(f"{name} needs {needed:,} gas, a transaction may have {limit:,}")
        self.needed = needed
        self.limit = limit


class FeeTooHigh(TransactionError):
    """The chain asks for more per gas than the sender may pay."""


class TransactionRejected(TransactionError):
    """The endpoint refused it for a reason of its own; it is not in flight."""


class NotConfirmed(TransactionError):
    """Not mined, or not deep enough, in time. It may still be: its nonce stays taken.

    Attributes:
        nonce: of the transaction.
        hashes: of all its versions; one at most can be mined.
    """

    def __init__(self, name: str, *, nonce: int, hashes: tuple[str, ...], reason: str) -> None:
        super().__init__(f"{name} (nonce {nonce}) is not confirmed: {reason}")
        self.nonce = nonce
        self.hashes = hashes


class NonceTaken(TransactionError):
    """Another transaction of the same account was mined with this nonce: somebody else uses the key."""

    def __init__(self, name: str, *, nonce: int) -> None:
        super().__init__(f"{name}: nonce {nonce} was used by another transaction")
        self.nonce = nonce


class ContractReverted(ChainError):
    """A contract refused, in a dry run or on chain.

    Each custom error of the contracts is a class below this one; its parameters are attributes.

    Attributes:
        data: what the contract returned.
        transaction: set if money was spent on it: the mined transaction.
    """

    SIGNATURE: ClassVar[str] = ""
    BY_SELECTOR: ClassVar[dict[bytes, type[ContractReverted]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.SIGNATURE:
            ContractReverted.BY_SELECTOR[keccak(cls.SIGNATURE.encode())[:4]] = cls

    def __init__(self, message: str = "", *, data: bytes = b"", **values: Any) -> None:
        names = self.parameters().keys()
        if values.keys() != names:
            raise TypeError(f"{type(self).__name__} has {', '.join(names) or 'no parameters'}")
        self.data = data
        self.values = values
        self.transaction: TransactionReceipt | None = None
        for name, value in values.items():
            setattr(self, name, value)
        super().__init__(message or self._describe())

    def _describe(self) -> str:
        if not self.SIGNATURE:
            return "reverted without a reason" if not self.data else f"reverted with 0x{self.data.hex():.200}"
        shown = ", ".join(f"{camel(name.rstrip('_'))}={_show(value)}" for name, value in self.values.items())
        return f"{self.SIGNATURE.split('(')[0]}({shown})"

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """Names and types of its parameters, in order."""
        if not cls.SIGNATURE:
            return {}
        hints = get_type_hints(cls, include_extras=True)
        return {name: hints[name] for name in cls.__annotations__ if name != "SIGNATURE"}

    @classmethod
    def from_data(cls, data: bytes) -> ContractReverted:
        """This error with the parameters in ``data``; a plain `UnknownRevert` if they do not decode."""
        try:
            raw = decode(parameter_types(cls.SIGNATURE), data[4:])
            values = {
                name: convert(cls.__name__, name, hint, value)
                for (name, hint), value in zip(cls.parameters().items(), raw, strict=True)
            }
        except (DecodingError, OnusError, ValueError):
            return UnknownRevert(data=data)
        return cls(data=data, **values)


def parameter_types(signature: str) -> list[str]:
    """``f(a,(b,c)[])`` → ``["a", "(b,c)[]"]``."""
    parts, part, level = [], "", 0
    for letter in signature[signature.index("(") + 1 : -1]:
        if letter == "," and level == 0:
            parts.append(part)
            part = ""
        else:
            level += (letter == "(") - (letter == ")")
            part += letter
    return [*parts, part] if part else parts


def _show(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(getattr(value, "name", value))


class UnknownRevert(ContractReverted):
    """Reverted with data that no ABI of this package explains, or with none."""


class RevertedWithReason(ContractReverted):
    """``require(..., reason)`` of a contract that is not of this project (a token)."""

    SIGNATURE = "Error(string)"
    reason: str


class Panicked(ContractReverted):
    """Overflow, division by zero, or another failure inside the EVM code: a bug.

    Attributes:
        code: Solidity's panic code.
    """

    SIGNATURE = "Panic(uint256)"
    code: Uint256


class ParametersRejected(ContractReverted):
    """``Parameters`` refused."""


class ModelsRejected(ContractReverted):
    """``Models`` refused."""


class OperatorsRejected(ContractReverted):
    """``Operators`` refused."""


class EscrowRejected(ContractReverted):
    """``Escrow`` refused."""


class SettlementRejected(ContractReverted):
    """``Settlement`` refused."""


class DisputesRejected(ContractReverted):
    """``Disputes`` refused."""


class OmissionsRejected(ContractReverted):
    """``Omissions`` refused."""


class TraceRejected(ContractReverted):
    """``TraceVerifier`` refused: the evidence is malformed, or shows no fault."""


class GovernanceRejected(ContractReverted):
    """``Governance`` refused, or a contract on its behalf."""


class ReputationRejected(ContractReverted):
    """``Reputation`` refused."""


class TokenRejected(ContractReverted):
    """The settlement token refused."""


class LibraryRejected(ContractReverted):
    """Something that several contracts have in common: trees, wiring, reentrancy."""


class TooEarly(ContractReverted):
    """Time alone will allow it."""


class TooLate(ContractReverted):
    """Time has ruled it out."""


class NotAllowed(ContractReverted):
    """Not for this caller or this key."""


class NotEnough(ContractReverted):
    """Balance, stake, reserve, reservation or voucher are too small."""


class NotKnown(ContractReverted):
    """There is no such thing."""


class AlreadyDone(ContractReverted):
    """It is so already."""
