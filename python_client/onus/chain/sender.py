"""Transactions: dry run, nonce, fees, waiting. One sender an account; safe to share between threads.

A nonce is never spent on two different calls: whatever an endpoint may have taken keeps its nonce, is sent
again if it was dropped, and is replaced only by itself with higher fees.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from onus.chain._errors import (
    ContractReverted,
    EndpointError,
    EndpointFailed,
    FeeTooHigh,
    GasTooHigh,
    InsufficientFunds,
    NonceTaken,
    NotConfirmed,
    TransactionRejected,
    UnknownRevert,
)
from onus.chain._rpc import Block, RawLog, Rpc, TransactionReceipt
from onus.chain.contracts import Call
from onus.chain.signer import Signer
from onus.protocol import Address

__all__ = ["MAX_TRANSACTION_GAS", "Mined", "Pending", "Sender", "create_address"]

T = TypeVar("T")

MAX_TRANSACTION_GAS: Final = 16_777_216
"""The most that one transaction may have (EIP-7825)."""

_GWEI: Final = 10**9
# Nodes replace a waiting transaction only for at least a tenth more.
_BUMP_PERCENT: Final = 125
# Answers after which a transaction is certainly not waiting anywhere.
_CERTAIN: Final = (
    "insufficient funds",
    "intrinsic gas",
    "gas limit",
    "invalid",
    "oversized",
    "not supported",
    "unsupported",
    "initcode",
)
_DOUBTS: Final = 4


@dataclass(frozen=True, slots=True)
class Mined(Generic[T]):
    """A transaction that succeeded and is as deep as was asked.

    Attributes:
        value: what the call returned (in the dry run just before), or what the service says it means.
        receipt: what the transaction left.
        timestamp: of its block, in seconds.
    """

    value: T
    receipt: TransactionReceipt
    timestamp: int

    @property
    def hash(self) -> str:
        return self.receipt.hash

    @property
    def block_number(self) -> int:
        return self.receipt.block_number

    @property
    def gas_used(self) -> int:
        return self.receipt.gas_used

    @property
    def logs(self) -> Sequence[RawLog]:
        return self.receipt.logs

    def with_value(self, value: Any) -> Mined[Any]:
        """The same transaction, meaning something else."""
        return replace(self, value=value)


@dataclass(slots=True)
class _Flight:
    """One nonce and every version of the transaction that was ever sent with it."""

    name: str
    nonce: int
    fields: dict[str, Any]
    raws: dict[str, bytes] = field(default_factory=dict)
    newest: str = ""
    bumps: int = 0
    doubts: int = 0
    landed: bool = False
    told: str = "not mined"


class Sender:
    """Sends calls of one account.

    Args:
        rpc: the endpoint.
        signer: whose account.
        confirmations: blocks that a transaction must have, its own included.
        timeout_seconds: how long `send` waits before it raises `NotConfirmed`.
        bump_seconds: how long a version may wait before it is replaced with higher fees.
        max_fee_per_gas: never more, in wei.
        min_priority_fee: never less tip, in wei.
        gas_margin_percent: gas limit above the estimate.
        poll_seconds: longest pause between two looks.
        clock: monotonic seconds (tests).
        sleep: pause (tests).
    """

    def __init__(
        self,
        rpc: Rpc,
        signer: Signer,
        *,
        confirmations: int = 1,
        timeout_seconds: float = 180,
        bump_seconds: float = 30,
        max_fee_per_gas: int = 500 * _GWEI,
        min_priority_fee: int = 1_000_000,
        gas_margin_percent: int = 20,
        poll_seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rpc = rpc
        self.signer = signer
        self._confirmations = max(1, confirmations)
        self._timeout = timeout_seconds
        self._bump_after = bump_seconds
        self._max_fee = max_fee_per_gas
        self._min_tip = min_priority_fee
        self._margin = gas_margin_percent
        self._poll = poll_seconds
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.RLock()
        self._chain_id: int | None = None
        self._next_nonce: int | None = None
        self._flights: dict[int, _Flight] = {}

    @property
    def address(self) -> Address:
        """The account."""
        return self.signer.address

    def send(self, call: Call[T], *, gas: int | None = None) -> Mined[T]:
        """Dry run, then the transaction, then the wait.

        Raises:
            ContractReverted: the contract refuses; before money is spent, or, if something came in between,
                with ``transaction`` set.
            TransactionError: it did not go through.
            EndpointError: the endpoint did not answer before anything was sent.
        """
        return self.submit(call, gas=gas).wait()

    def submit(self, call: Call[T], *, gas: int | None = None) -> Pending[T]:
        """The same without the wait.

        Args:
            call: what to send.
            gas: limit; by default the estimate and a margin.
        """
        value = call.preview(self.rpc, sender=self.address)
        flight = self._launch(call.name, call.to, call.data, gas)
        return Pending(self, flight, value, call)

    def deploy(self, name: str, creation: bytes, *, gas: int | None = None) -> Mined[Address]:
        """Creates a contract; its address."""
        flight = self._launch(f"deploy {name}", None, creation, gas)
        receipt = self._wait(flight)
        address = create_address(self.address, flight.nonce)
        return self._mined(receipt, address, flight, None)

    def pending_nonce(self) -> int:
        """The nonce that the next transaction gets."""
        with self._lock:
            return self._peek_nonce()

    def _launch(self, name: str, to: Address | None, data: bytes, gas: int | None) -> _Flight:
        limit = self._gas_limit(name, to, data) if gas is None else gas
        if limit > MAX_TRANSACTION_GAS:
            raise GasTooHigh(name, needed=limit, limit=MAX_TRANSACTION_GAS)
        if self._chain_id is None:
            self._chain_id = self.rpc.chain_id
        # Nonces are given in the order in which transactions reach the endpoint.
        with self._lock:
            self._resend_waiting()
            fields: dict[str, Any] = {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": self._peek_nonce(),
                "to": to or "",
                "value": 0,
                "data": data,
                "gas": limit,
                **self._fees(),
            }
            flight = _Flight(name, fields["nonce"], fields)
            hash = self._sign(flight)
            self._flights[flight.nonce] = flight
            self._next_nonce = flight.nonce + 1
            try:
                self._resend(flight, hash, is_first=True)
            except (InsufficientFunds, TransactionRejected):
                # Refused for certain: nothing carries this nonce.
                del self._flights[flight.nonce]
                self._next_nonce = flight.nonce
                raise
            return flight

    def _gas_limit(self, name: str, to: Address | None, data: bytes) -> int:
        try:
            estimate = self.rpc.estimate_gas(to, data, sender=self.address)
        except EndpointFailed as error:
            if "insufficient funds" in str(error).lower():
                raise InsufficientFunds(f"{name}: {error}") from error
            if "gas" in str(error).lower():
                raise GasTooHigh(name, needed=MAX_TRANSACTION_GAS + 1, limit=MAX_TRANSACTION_GAS) from error
            raise
        if estimate > MAX_TRANSACTION_GAS:
            raise GasTooHigh(name, needed=estimate, limit=MAX_TRANSACTION_GAS)
        return min(estimate + estimate * self._margin // 100, MAX_TRANSACTION_GAS)

    def _peek_nonce(self) -> int:
        waiting = self.rpc.nonce(self.address, "pending")
        nonce = max(waiting, self._next_nonce or 0)
        # A nonce in flight is taken even if every endpoint has forgotten it.
        while nonce in self._flights:
            nonce += 1
        return nonce

    def _fees(self) -> dict[str, int]:
        base = self.rpc.block().base_fee
        tip = max(self.rpc.priority_fee(), self._min_tip)
        if base + tip > self._max_fee:
            raise FeeTooHigh(f"{base + tip} wei per gas, at most {self._max_fee} are allowed")
        # Twice the base fee lasts six full blocks.
        return {"maxFeePerGas": min(2 * base + tip, self._max_fee), "maxPriorityFeePerGas": tip}

    def _sign(self, flight: _Flight) -> str:
        raw = self.signer.sign_transaction(flight.fields)
        hash = "0x" + keccak(raw).hex()
        flight.raws[hash] = raw
        flight.newest = hash
        return hash

    def _resend(self, flight: _Flight, hash: str, *, is_first: bool = False) -> None:
        """Hands a version to the endpoint; what may have arrived counts as sent.

        Raises:
            InsufficientFunds: the first version, refused: nothing is waiting anywhere.
            TransactionRejected: the same for another reason.
        """
        try:
            self.rpc.send_raw(flight.raws[hash])
        except EndpointFailed as error:
            text = error.message.lower()
            flight.told = error.message
            if any(known in text for known in ("already known", "already imported", "known transaction")):
                return
            if "nonce too low" in text or "nonce is too low" in text or "already used" in text:
                return  # Mined, or taken: the wait finds out.
            if "underpriced" in text or "replacement" in text or "fee cap less" in text or "max fee" in text:
                if len(flight.raws) > 1 or flight.bumps:
                    return  # An older version waits; the next bump is higher.
                self._bump(flight)
                return
            if not is_first or not any(sure in text for sure in _CERTAIN):
                return  # It may be waiting somewhere: the nonce is taken, the wait goes on sending it.
            if "insufficient funds" in text:
                raise InsufficientFunds(f"{flight.name}: {error.message}") from error
            raise TransactionRejected(f"{flight.name}: {error.message}") from error
        except EndpointError as error:
            flight.told = str(error)  # It may have arrived.

    def _bump(self, flight: _Flight) -> None:
        """A new version of the same transaction with the same nonce and higher fees."""
        fees = self._fees_bumped(flight)
        if fees is None:
            return
        flight.bumps += 1
        flight.fields = {**flight.fields, **fees}
        self._resend(flight, self._sign(flight))

    def _fees_bumped(self, flight: _Flight) -> dict[str, int] | None:
        old_fee = int(flight.fields["maxFeePerGas"])
        old_tip = int(flight.fields["maxPriorityFeePerGas"])
        try:
            new = self._fees()
        except (FeeTooHigh, EndpointError):
            new = {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
        tip = max(new["maxPriorityFeePerGas"], old_tip * _BUMP_PERCENT // 100 + 1)
        fee = max(new["maxFeePerGas"], old_fee * _BUMP_PERCENT // 100 + 1)
        if fee > self._max_fee:
            return None  # It waits with what it has.
        return {"maxFeePerGas": fee, "maxPriorityFeePerGas": min(tip, fee)}

    def _resend_waiting(self) -> None:
        """What was sent before and is not mined goes first: a gap would block everything after it."""
        if not self._flights:
            return
        mined = self.rpc.nonce(self.address)
        for nonce in sorted(self._flights):
            flight = self._flights[nonce]
            if nonce < mined or flight.landed:
                del self._flights[nonce]
            elif not self.rpc.knows_transaction(flight.newest):
                self._resend(flight, flight.newest)

    def _wait(self, flight: _Flight) -> TransactionReceipt:
        started = self._clock()
        sent = started
        pause = 0.02
        while True:
            reason = flight.told
            try:
                receipt = self._find(flight)
                if receipt is not None:
                    head = self.rpc.block().number
                    if head - receipt.block_number + 1 >= self._confirmations:
                        with self._lock:
                            flight.landed = True
                            self._flights.pop(flight.nonce, None)
                        return receipt
                    reason = f"{head - receipt.block_number + 1} of {self._confirmations} confirmations"
                else:
                    with self._lock:
                        if self._clock() - sent >= self._bump_after:
                            sent = self._clock()
                            self._bump(flight)
                        elif not self.rpc.knows_transaction(flight.newest):
                            self._resend(flight, flight.newest)
            except EndpointError as error:
                reason = str(error)
            if self._clock() - started >= self._timeout:
                hashes = tuple(flight.raws)
                raise NotConfirmed(flight.name, nonce=flight.nonce, hashes=hashes, reason=reason)
            self._sleep(pause)
            pause = min(pause * 1.5, self._poll)

    def _find(self, flight: _Flight) -> TransactionReceipt | None:
        """The receipt of whichever version was mined."""
        for hash in reversed(list(flight.raws)):
            receipt = self.rpc.receipt(hash)
            if receipt is not None:
                return receipt
        if self.rpc.nonce(self.address) > flight.nonce:
            # Asked once more: it may have been mined between the two questions.
            for hash in flight.raws:
                receipt = self.rpc.receipt(hash)
                if receipt is not None:
                    return receipt
            # Endpoints behind one address may differ for a moment: certain only when seen again and again.
            flight.doubts += 1
            if flight.doubts >= _DOUBTS:
                with self._lock:
                    flight.landed = True
                    self._flights.pop(flight.nonce, None)
                raise NonceTaken(flight.name, nonce=flight.nonce)
        return None

    def _mined(
        self, receipt: TransactionReceipt, value: T, flight: _Flight, call: Call[T] | None
    ) -> Mined[T]:
        block: Block = self.rpc.block(receipt.block_number)
        if not receipt.succeeded:
            error = self._why(receipt, call)
            error.transaction = receipt
            raise error
        return Mined(value, receipt, block.timestamp)

    def _why(self, receipt: TransactionReceipt, call: Call[Any] | None) -> ContractReverted:
        """Runs what was mined and reverted again, as near as can be to where it was."""
        if call is not None:
            for block in (receipt.block_number, receipt.block_number - 1):
                try:
                    call.preview(self.rpc, sender=self.address, block=block)
                except ContractReverted as error:
                    return error
                except EndpointError:
                    continue
        return UnknownRevert(f"reverted on chain in {receipt.hash}")


class Pending(Generic[T]):
    """A transaction on its way.

    Attributes:
        value: what the dry run returned.
    """

    def __init__(self, sender: Sender, flight: _Flight, value: T, call: Call[T]) -> None:
        self._sender = sender
        self._flight = flight
        self._call = call
        self.value = value

    @property
    def nonce(self) -> int:
        """Its nonce: every version has the same."""
        return self._flight.nonce

    @property
    def hashes(self) -> tuple[str, ...]:
        """Of all versions so far."""
        return tuple(self._flight.raws)

    def wait(self) -> Mined[T]:
        """Until it is as deep as the sender asks; raises as `Sender.send`. May be called again."""
        receipt = self._sender._wait(self._flight)
        return self._sender._mined(receipt, self.value, self._flight, self._call)


def create_address(creator: Address, nonce: int) -> Address:
    """Where a contract that ``creator`` creates with ``nonce`` will be."""
    encoded = _rlp_uint(nonce)
    body = b"\x94" + bytes.fromhex(creator[2:]) + encoded
    return Address(to_checksum_address(keccak(bytes([0xC0 + len(body)]) + body)[12:]))


def _rlp_uint(value: int) -> bytes:
    if value == 0:
        return b"\x80"
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return data if value < 0x80 else bytes([0x80 + len(data)]) + data
