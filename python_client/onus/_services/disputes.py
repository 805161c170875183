"""Challenges, for watchers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onus._services.context import Context
from onus.chain import Call, Mined
from onus.chain.contracts import DisputesReads, TraceVerifier
from onus.chain.errors import ContractReverted, decode_revert
from onus.protocol import (
    Address,
    Answer,
    BatchHeader,
    ChallengeId,
    ChallengeKey,
    Execution,
    FaultKind,
    HeaderMismatch,
    Opening,
    Position,
    ReceiptProof,
    Reply,
    TensorWitness,
    Turn,
)

__all__ = ["DisputesService", "Fault", "RevealedMany"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that a verifier would accept: the accused element, if there is one."""

    kind: FaultKind
    slot: int
    element: int


@dataclass(frozen=True, slots=True)
class RevealedMany:
    """What became of several replies.

    Attributes:
        answered: how many the contract took.
        skipped: the others by their place in the list, each with why.
    """

    answered: int
    skipped: tuple[tuple[int, ContractReverted], ...]


class DisputesService(DisputesReads):
    """Challenges of the client's account, answers to anybody's; reads everybody's.

    Inherited: ``challenge_of(id)``, ``first_on(batch_id, leaf_index=...)``,
    ``is_revealed(batch_id, leaf_index=..., position=...)``.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context.rpc, context.disputes.address)
        self._context = context
        self._calls = context.disputes

    def challenge(self, header: BatchHeader, opening: Opening) -> Mined[ChallengeId]:
        """Seals a leaf and takes the bond from the client's free balance in ``Escrow``.

        Args:
            header: of the batch.
            opening: what the seal hides; to be kept for the next move.
        """
        return self._context.send(self._calls.challenge(header, seal=opening.seal(self._context.me)))

    def open(self, header: BatchHeader, opening: Opening) -> Mined[None]:
        """Opens the seal, in a later block, so that the place is held."""
        return self._context.send(self._calls.open(header, opening=opening))

    def demand(
        self, header: BatchHeader, opening: Opening, position: Position, witness: TensorWitness | None = None
    ) -> Mined[None]:
        """Demands what stands at a position below the leaf; the operator's clock runs until it is revealed.

        Args:
            header: of the batch.
            opening: of the client's challenge; the first demand opens its seal.
            position: what is wanted; `onus.trace.pursue` says what to ask next.
            witness: shows the size of a tensor, see `onus.trace.witness_of`; None where none is named.

        Raises:
            DisputesAlreadyRevealed: the data is in a ``Revealed`` event.
            DisputesRejected, TraceRejected: another reason; a subclass says which.
        """
        witness = witness or TensorWitness()
        return self._context.send(
            self._calls.demand(header, opening=opening, position=position, witness=witness)
        )

    def reveal(
        self, header: BatchHeader, answer: Answer, *, challenger: Address, opening: Opening
    ) -> Mined[None]:
        """Answers the open demand of a challenge, whoever the client is.

        Args:
            header: of the batch.
            answer: what was demanded, see `onus.trace.answer_of`.
            challenger: of the challenge.
            opening: of the challenge, from its ``SealOpened`` event.
        """
        return self._context.send(
            self._calls.reveal(header, challenger=challenger, opening=opening, answer=answer)
        )

    def reveal_many(self, replies: Sequence[Reply]) -> Mined[RevealedMany]:
        """Answers several demands; one that is refused stops no other.

        Raises:
            DisputesNothingRevealed: all were refused.
        """
        mined = self._context.send(self._calls.reveal_many(replies))
        skipped = tuple(
            (event.item, decode_revert(event.reason)) for event in self.RevealSkipped.from_receipt(mined)
        )
        return mined.with_value(RevealedMany(len(replies) - len(skipped), skipped))

    def clock(self, header: BatchHeader, opening: Opening) -> tuple[Turn, int]:
        """Whose turn it is in the client's own challenge, and the first second at which it is out of time."""
        return self.clock_of(header, key=self.key_of(opening))

    def prove(
        self, header: BatchHeader, *, salt: bytes, proof: ReceiptProof, kind: FaultKind, evidence: bytes
    ) -> Mined[None]:
        """Shows a fault of the sealed leaf.

        Raises:
            DisputesRejected, TraceRejected: why it is none.
        """
        return self._context.send(self._prove(header, salt=salt, proof=proof, kind=kind, evidence=evidence))

    def preview(
        self, header: BatchHeader, *, salt: bytes, proof: ReceiptProof, kind: FaultKind, evidence: bytes
    ) -> None:
        """The verdict on a challenge of the client's, by ``eth_call``: raises what `prove` would."""
        call = self._prove(header, salt=salt, proof=proof, kind=kind, evidence=evidence)
        call.preview(self._rpc, sender=self._context.me)

    def judge(self, header: BatchHeader, *, proof: ReceiptProof, evidence: bytes) -> Fault:
        """The verifier's verdict on an execution, without a challenge or a key.

        Raises:
            TraceNoFault: the evidence is sound, and shows no fault.
            TraceRejected: it is not sound.
            HeaderMismatch: the receipt is not in the batch.
        """
        if proof.root(header.count) != header.root:
            raise HeaderMismatch("root", header.root.hex(), proof.root(header.count).hex())
        verifier, commitment, _ = self._context.models.verdict_info(header.model_id)
        receipt = proof.receipt
        execution = Execution(
            input_root=receipt.input_root, output_root=receipt.output_root, trace_root=receipt.trace_root
        )
        slot, element = TraceVerifier(self._rpc, verifier).fault(
            commitment, execution=execution, evidence=evidence
        )
        return Fault(FaultKind.EXECUTION, slot, element)

    def timeout(self, header: BatchHeader, key: ChallengeKey) -> Mined[None]:
        """Ends a challenge whose clock ran out: a silent operator is convicted, a silent challenger pays."""
        return self._context.send(self._calls.timeout(header, key=key))

    def close(self, header: BatchHeader, key: ChallengeKey) -> Mined[None]:
        """Returns the bond of a challenge whose batch was decided by another, or refunded."""
        return self._context.send(self._calls.close(header, key=key))

    def key_of(self, opening: Opening) -> ChallengeKey:
        """Names the client's own challenge."""
        return opening.key(self._context.me)

    def _prove(
        self, header: BatchHeader, *, salt: bytes, proof: ReceiptProof, kind: FaultKind, evidence: bytes
    ) -> Call[None]:
        return self._calls.prove(header, salt=salt, proof=proof, kind=kind, evidence=evidence)
