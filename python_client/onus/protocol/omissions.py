"""Signed receipts that are in no batch (``contracts/types/Omission.sol``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from onus.protocol._struct import Struct, Uint32, Uint40

__all__ = ["Omission", "OmissionStatus"]


class OmissionStatus(IntEnum):
    """Claimed → (Answered | Punished)."""

    NULL = 0
    CLAIMED = 1
    ANSWERED = 2
    PUNISHED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission(Struct):
    """What is stored for a claimed receipt.

    Attributes:
        status: what calls decided.
        set: parameter set that it follows.
        deadline: first second at which the operator is out of time.
    """

    status: OmissionStatus
    set: Uint32
    deadline: Uint40
