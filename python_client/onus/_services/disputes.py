"""Challenges, for watchers."""

from __future__ import annotations

from dataclasses import dataclass

from onus._services.context import Context
from onus.chain import Call, Mined
from onus.chain.contracts import DisputesReads, TraceVerifier
from onus.protocol import (
    BatchHeader,
    ChallengeId,
    ChallengeKey,
    Execution,
    FaultKind,
    HeaderMismatch,
    Opening,
    ReceiptProof,
)

__all__ = ["DisputesService", "Fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that a verifier would accept: the accused element, if there is one."""

    kind: FaultKind
    slot: int
    element: int


class DisputesService(DisputesReads):
    """Challenges of the client's account; reads everybody's."""

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
        verifier, commitment = self._context.models.verdict_info(header.model_id)
        receipt = proof.receipt
        execution = Execution(
            input_root=receipt.input_root, output_root=receipt.output_root, trace_root=receipt.trace_root
        )
        slot, element = TraceVerifier(self._rpc, verifier).fault(
            commitment, execution=execution, evidence=evidence
        )
        return Fault(FaultKind.EXECUTION, slot, element)

    def timeout(self, header: BatchHeader, key: ChallengeKey) -> Mined[None]:
        """Ends a challenge whose clock ran out."""
        return self._context.send(self._calls.timeout(header, key=key))

    def close(self, header: BatchHeader, key: ChallengeKey) -> Mined[None]:
        """Returns the bond of a challenge whose batch was decided by another."""
        return self._context.send(self._calls.close(header, key=key))

    def key_of(self, opening: Opening) -> ChallengeKey:
        """Names the client's own challenge."""
        return opening.key(self._context.me)

    def _prove(
        self, header: BatchHeader, *, salt: bytes, proof: ReceiptProof, kind: FaultKind, evidence: bytes
    ) -> Call[None]:
        return self._calls.prove(header, salt=salt, proof=proof, kind=kind, evidence=evidence)
