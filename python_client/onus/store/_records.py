"""Rows as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from onus.protocol import (
    Address,
    BatchHeader,
    BatchId,
    ChallengeId,
    Claim,
    FaultKind,
    Opening,
    Receipt,
    ReceiptProof,
    Request,
    RequestId,
    Signed,
    Voucher,
)

__all__ = [
    "BatchStage",
    "BlockRef",
    "ChallengeStage",
    "PayerAccount",
    "ReceiptStage",
    "SeenBatch",
    "SeenStage",
    "ServedReceipt",
    "StoredBatch",
    "StoredChallenge",
    "Verdict",
    "VerdictKind",
]


class ReceiptStage(StrEnum):
    """Where a served receipt is: served → batched → committed → (final | faulty)."""

    SERVED = "served"
    BATCHED = "batched"
    COMMITTED = "committed"
    FINAL = "final"
    FAULTY = "faulty"


class BatchStage(StrEnum):
    """Where an operator's batch is: prepared → committed → (final | faulty), or prepared → abandoned.

    ``prepared`` is written before the commit is sent; ``abandoned`` is a prepared batch that can never be
    committed, its receipts wait again.
    """

    PREPARED = "prepared"
    COMMITTED = "committed"
    FINAL = "final"
    FAULTY = "faulty"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerAccount:
    """What an operator knows about a payer, amounts in token base units.

    Attributes:
        payer: who.
        promised: fees of everything ever served to it, or more where the chain said so.
        voucher: the one with the highest ``cumulative`` so far.
    """

    payer: Address
    promised: int
    voucher: Signed[Voucher]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedReceipt:
    """One inference an operator answered.

    Attributes:
        request: what was asked.
        receipt: what was signed for it.
        input: the input in committed form.
        output: the output in committed form.
        stage: where it is.
        batch_id: the batch it is in.
        leaf_index: its place there.
    """

    request: Signed[Request]
    receipt: Signed[Receipt]
    input: bytes = field(repr=False)
    output: bytes = field(repr=False)
    stage: ReceiptStage = ReceiptStage.SERVED
    batch_id: BatchId | None = None
    leaf_index: int | None = None

    @property
    def request_id(self) -> RequestId:
        """Names it."""
        return RequestId(self.receipt.message.request_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """A batch of an operator; times in seconds, 0 before the commit."""

    batch_id: BatchId
    header: BatchHeader
    claims: tuple[Claim, ...]
    stage: BatchStage
    transaction: str | None = None
    committed_at: int = 0
    window_ends_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRef:
    """A block by number and hash: up to where a watcher has read."""

    number: int
    hash: bytes


class SeenStage(StrEnum):
    """Where a watcher is with a batch.

    ``seen`` → ``sound`` (all receipts right), ``faulty`` (something to challenge), ``unproven`` (something is
    wrong, but the contract does not see it), ``withheld`` (the operator gave no data, or data that are not
    those it committed), ``unsecured`` (of a model the watcher has not recompiled); ``closed``: the chain has
    decided it. A withheld batch is tried again while its window is open.
    """

    SEEN = "seen"
    SOUND = "sound"
    FAULTY = "faulty"
    UNPROVEN = "unproven"
    WITHHELD = "withheld"
    UNSECURED = "unsecured"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBatch:
    """A batch that a watcher saw; times in seconds."""

    batch_id: BatchId
    header: BatchHeader
    claims: tuple[Claim, ...]
    block: BlockRef
    window_ends_at: int
    stage: SeenStage = SeenStage.SEEN
    attempts: int = 0
    note: str = ""


class VerdictKind(StrEnum):
    """What a watcher found out about a receipt.

    ``wrong``: its execution is, and where was not looked for, as another receipt of the batch shows enough.
    ``withheld``: its execution is wrong, and the operator does not give what would show where.
    """

    RIGHT = "right"
    ELEMENT = "element"
    INPUT_ROOT = "input-root"
    OUTPUT_ROOT = "output-root"
    HEADER = "header"
    REQUEST = "request"
    CLAIM = "claim"
    WRONG = "wrong"
    WITHHELD = "withheld"

    @property
    def is_fault(self) -> bool:
        """Whether the operator did wrong."""
        return self not in (VerdictKind.RIGHT, VerdictKind.WITHHELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A watcher's own verdict on one receipt.

    Attributes:
        leaf_index: which.
        kind: what is wrong with it, if anything.
        slot: for `VerdictKind.ELEMENT` the trace slot of the first wrong tensor.
        element: and the row-major index of its first wrong element.
        note: for people.
    """

    leaf_index: int
    kind: VerdictKind
    slot: int | None = None
    element: int | None = None
    note: str = ""


class ChallengeStage(StrEnum):
    """planned → sealed → (won → settled | lost | closed); ``planned`` is written before anything is sent.

    ``closed``: another challenge won, or the batch was refunded, and the bond is back. ``settled``: bond and
    reward are paid. ``dropped``: never reached the chain, and cannot any more.
    """

    PLANNED = "planned"
    SEALED = "sealed"
    WON = "won"
    SETTLED = "settled"
    LOST = "lost"
    CLOSED = "closed"
    DROPPED = "dropped"

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self not in (ChallengeStage.PLANNED, ChallengeStage.SEALED, ChallengeStage.WON)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChallenge:
    """A challenge, with what is known about its leaf that the chain does not have.

    With evidence, nothing of the operator is needed any more; without it, what is missing is demanded.

    Attributes:
        challenge_id: names it, by content.
        batch_id: the batch.
        opening: leaf and salt of the seal.
        sampled: whether the leaf was chosen blindly: it may be right, and the bond lost.
        proof: the receipt and its path, if the operator served them or the chain has them.
        request: the preimage of its request id, if the operator served it.
        input: all input tensors in committed form, concatenated, if the operator served them.
        kind: what the evidence shows.
        evidence: as the contract takes it, once there is some.
        stage: where it is.
        sealed_at: time of its block, 0 before.
        transactions: hashes sent for it, oldest first.
        note: for people.
    """

    challenge_id: ChallengeId
    batch_id: BatchId
    opening: Opening
    sampled: bool = False
    proof: ReceiptProof | None = None
    request: Request | None = None
    input: bytes | None = field(default=None, repr=False)
    kind: FaultKind | None = None
    evidence: bytes | None = field(default=None, repr=False)
    stage: ChallengeStage = ChallengeStage.PLANNED
    sealed_at: int = 0
    transactions: tuple[str, ...] = ()
    note: str = ""
