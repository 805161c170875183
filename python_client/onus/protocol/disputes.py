"""Challenges, what they show and what they demand (``contracts/types/Challenge.sol``, ``Demand.sol``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from onus.protocol._struct import Address, Bytes32, Struct, Uint8, Uint16, Uint24, Uint32, Uint40
from onus.protocol.ids import BatchId, ChallengeId, challenge_id, seal_of
from onus.protocol.merkle import root_from_proof
from onus.protocol.messages import Receipt

__all__ = [
    "Answer",
    "Challenge",
    "ChallengeKey",
    "ChallengeStatus",
    "Demand",
    "DemandKind",
    "FaultKind",
    "Opening",
    "Position",
    "ReceiptProof",
    "TensorWitness",
    "Turn",
]


class ChallengeStatus(IntEnum):
    """Sealed → Opened → Engaged → (Won | Lost | Closed); states may be left out, none comes twice."""

    NULL = 0
    SEALED = 1
    OPENED = 2
    ENGAGED = 3
    WON = 4
    LOST = 5
    CLOSED = 6

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


class DemandKind(IntEnum):
    """What can be demanded of an operator, all of it below the batch root.

    RECEIPT: the opened leaf's receipt with its path. REQUEST: the preimage of its request id.
    TRACE_NODES: nodes of the trace tree. TENSOR_NODES, CHUNKS: of the tensor in a trace slot.
    INPUT_NODES, INPUT_CHUNKS: of an input tensor, below the receipt's input root.
    """

    NONE = 0
    RECEIPT = 1
    REQUEST = 2
    TRACE_NODES = 3
    TENSOR_NODES = 4
    CHUNKS = 5
    INPUT_NODES = 6
    INPUT_CHUNKS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(Struct):
    """Names what is wanted; the answer brings its own path.

    Attributes:
        kind: what.
        slot: trace slot of the tensor; 0 for RECEIPT, REQUEST and TRACE_NODES.
        level: nodes: level of the node (leaves are 0, at least 1 here) whose descendants are wanted, six
            levels below it or its leaves; chunks: 0.
        index: nodes: index of that node in its level; chunks: the first one of the run, a multiple of 64.
    """

    kind: DemandKind
    slot: Uint16 = 0
    level: Uint8 = 0
    index: Uint32 = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorWitness(Struct):
    """Shows the size of a tensor: an entry of the model's program in which it stands.

    Attributes:
        entry: bytes of the entry; empty where no tensor is named.
        entry_index: leaf of the program tree.
        operand: 0: the output, otherwise the input with this number, from 1.
        path: of the entry in the program tree.
    """

    entry: bytes = b""
    entry_index: Uint16 = 0
    operand: Uint8 = 0
    path: tuple[Bytes32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand(Struct):
    """What an operator has to answer: a `Position`, and the size of what it stands in.

    Attributes:
        size: bytes of the tensor; for TRACE_NODES the number of slots.
        above: levels from the tensor's root up to the root of the trace or of the inputs; for TRACE_NODES 0.
    """

    kind: DemandKind
    level: Uint8
    slot: Uint16
    index: Uint32
    size: Uint32
    above: Uint8

    @property
    def position(self) -> Position:
        """Where it is."""
        return Position(kind=self.kind, slot=self.slot, level=self.level, index=self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge(Struct):
    """What is stored for a challenge; its place in the batch is not, every move brings the opening.

    Attributes:
        challenger: who took the bond upon itself.
        sealed_at: when, as all times here by the verifier's clock.
        challenger_time: of the batch's set.
        ordinal: its number among the challenges of the batch, from 1.
        status: what calls decided.
        moved_at: when the running clock started; this and what follows from the first demand on.
        challenger_left: seconds that the challenger had left then.
        operator_left: seconds that the operator had left then.
        demands_left: number of demands that can still be made.
        answers: number of answers given.
        demand_kind: what the operator has to answer, NONE if it is the challenger's turn; see `demand`.
        demand_level: of it.
        demand_slot: of it.
        demand_index: of it.
        demand_size: of it.
        demand_above: of it.
    """

    challenger: Address
    sealed_at: Uint40
    challenger_time: Uint24
    ordinal: Uint24
    status: ChallengeStatus
    moved_at: Uint40
    challenger_left: Uint40
    operator_left: Uint40
    demands_left: Uint16
    answers: Uint16
    demand_kind: DemandKind
    demand_level: Uint8
    demand_slot: Uint16
    demand_index: Uint32
    demand_size: Uint32
    demand_above: Uint8

    @property
    def turn(self) -> Turn:
        """Whose clock runs."""
        demanded = self.status is ChallengeStatus.ENGAGED and self.demand_kind is not DemandKind.NONE
        return Turn.OPERATOR if demanded else Turn.CHALLENGER

    @property
    def deadline(self) -> int:
        """First second, by the verifier's clock, at which the side to move is out of time."""
        if self.status is not ChallengeStatus.ENGAGED:
            return self.sealed_at + self.challenger_time
        left = self.operator_left if self.turn is Turn.OPERATOR else self.challenger_left
        return self.moved_at + left

    @property
    def demand(self) -> Demand:
        """What the operator has to answer, or had to last."""
        return Demand(
            kind=self.demand_kind,
            level=self.demand_level,
            slot=self.demand_slot,
            index=self.demand_index,
            size=self.demand_size,
            above=self.demand_above,
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Struct):
    """What an operator answers.

    Attributes:
        proof: one, the receipt and its path in the batch; may be left out for what is below a trace root that
            was revealed on this batch before.
        data: RECEIPT: nothing; REQUEST: ``abi.encode(Request)``; nodes: 32 bytes for each real one; chunks:
            the bytes of the tensor in this run, without padding.
        path: from the demanded node (the top of the run) to the root of its tensor, then to the root of the
            trace or of the inputs.
    """

    proof: tuple[ReceiptProof, ...] = ()
    data: bytes = b""
    path: tuple[Bytes32, ...] = ()
