"""Challenges and what they show (``contracts/types/Challenge.sol``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from onus.protocol._struct import Address, Bytes32, Struct, Uint16, Uint24, Uint32, Uint40
from onus.protocol.ids import BatchId, ChallengeId, challenge_id, seal_of
from onus.protocol.merkle import root_from_proof
from onus.protocol.messages import Receipt

__all__ = [
    "Challenge",
    "ChallengeKey",
    "ChallengeStatus",
    "FaultKind",
    "Opening",
    "ReceiptProof",
    "Turn",
]


class ChallengeStatus(IntEnum):
    """Sealed → Opened → (Won | Lost | Closed), or Sealed → (Won | Lost | Closed)."""

    NULL = 0
    SEALED = 1
    OPENED = 2
    WON = 3
    LOST = 4
    CLOSED = 5

    @property
    def is_over(self) -> bool:
        """Whether nothing can change it any more."""
        return self >= ChallengeStatus.WON


class Turn(IntEnum):
    """Whose clock runs."""

    CHALLENGER = 0
    OPERATOR = 1


class FaultKind(IntEnum):
    """What a challenger can show about a leaf."""

    EXECUTION = 0
    HEADER = 1
    REQUEST = 2
    CLAIM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge(Struct):
    """What is stored for a challenge; its place in the batch is not, every move brings the opening.

    Attributes:
        challenger: who took the bond upon itself.
        sealed_at: when.
        ordinal: its number among the challenges of the batch, from 1.
        status: what calls decided.
        turn: whose clock runs.
        demands: number of demands made; while it is 0, the challenger's clock runs from ``sealed_at``.
        moved_at: when the running clock started.
        challenger_used: seconds of the challenger's clock that are gone.
        operator_used: seconds of the operator's clock that are gone.
        answers: number of answers given.
    """

    challenger: Address
    sealed_at: Uint40
    ordinal: Uint24
    status: ChallengeStatus
    turn: Turn
    demands: Uint16
    moved_at: Uint40
    challenger_used: Uint40
    operator_used: Uint40
    answers: Uint16


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeKey(Struct):
    """Names a challenge of a batch."""

    challenger: Address
    seal: Bytes32

    def id(self, batch_id: BatchId) -> ChallengeId:
        """Its id on a batch."""
        return challenge_id(batch_id, challenger=self.challenger, seal=self.seal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening(Struct):
    """What opens a seal."""

    leaf_index: Uint32
    salt: Bytes32

    def seal(self, challenger: Address) -> bytes:
        """The seal of this opening."""
        return seal_of(challenger, leaf_index=self.leaf_index, salt=self.salt)

    def key(self, challenger: Address) -> ChallengeKey:
        """The challenge that ``challenger`` seals with it."""
        return ChallengeKey(challenger=challenger, seal=self.seal(challenger))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptProof(Struct):
    """A receipt and its path in its batch."""

    receipt: Receipt
    leaf_index: Uint32
    path: tuple[Bytes32, ...]

    def root(self, count: int) -> bytes:
        """The batch root that it proves.

        Raises:
            BadProof: the path cannot be one of a batch of ``count``.
        """
        return root_from_proof(self.receipt.struct_hash, self.leaf_index, self.path, count=count)
