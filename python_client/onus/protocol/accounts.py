"""Buckets of money and standing of an operator (``contracts/types/Accounts.sol``, ``Operator.sol``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from onus.protocol._struct import Address, Struct, Uint8, Uint40, Uint64, Uint96, Uint128

__all__ = ["BANNED", "OperatorState", "Reservation", "SigningKey", "VoucherKey"]

BANNED: Final = (1 << 40) - 1
"""``jailed_until`` of a banned operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation(Struct):
    """A payer's reservation for one operator, in token base units.

    Attributes:
        reserved: what vouchers can draw on, thawing part included.
        redeemed: what they ever drew; a voucher's ``cumulative`` counts against it.
        thawing: part of ``reserved`` that is leaving.
        thaws_at: when it may leave.
    """

    reserved: Uint128
    redeemed: Uint128
    thawing: Uint128
    thaws_at: Uint40

    @property
    def cover(self) -> int:
        """What a new voucher can rely on."""
        return self.reserved - self.thawing


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherKey(Struct):
    """A contract payer's key for vouchers; a replacement holds from ``next_from`` on."""

    key: Address
    next_from: Uint40
    next: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorState(Struct):
    """An operator's stake and standing, amounts in token base units.

    Attributes:
        stake: slashable, locked and unbonding included, reserve excluded.
        locked: part of it that backs batches which are not final.
        next_sequence: sequence that its next batch must have.
        unbonding: part of the stake that is leaving.
        reserve: bucket of its own that backs no batch.
        jailed_until: no commit before; `BANNED` is for ever.
        faults: number of faulty batches, stops at 255.
        registered: whether it ever registered.
        reserve_leaving: whether the exit of the reserve was requested.
        exit_at: when the unbonding stake may leave.
        reserve_exit_at: when the reserve may leave, if it is leaving.
    """

    stake: Uint96
    locked: Uint96
    next_sequence: Uint64
    unbonding: Uint96
    reserve: Uint96
    jailed_until: Uint40
    faults: Uint8
    registered: bool
    reserve_leaving: bool
    exit_at: Uint40
    reserve_exit_at: Uint40

    @property
    def available(self) -> int:
        """Stake that a new batch could lock."""
        return max(0, self.stake - self.unbonding - self.locked)

    @property
    def is_banned(self) -> bool:
        """Whether it can never commit again."""
        return self.jailed_until == BANNED


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey(Struct):
    """A signing key and the time from which it holds, until the next one does."""

    key: Address
    valid_from: Uint40
