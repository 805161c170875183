"""The first contradiction of a receipt, and the evidence that shows it: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from onus.protocol import BatchHeader, Claim, Domain, FaultKind, Receipt, Request, merkle
from onus.protocol.faults import HEADER_EVIDENCE, claims_evidence, leaf_faults, request_evidence
from onus.store import VerdictKind
from onus.trace import (
    CHUNK,
    CommittedTrace,
    EvidenceKind,
    Fault,
    PartialTrace,
    Trace,
    differing_element,
    evidence,
    root_evidence,
)
from onus.watcher._errors import DataWithheld
from onus.watcher._source import OperatorTrace

__all__ = ["Finding", "TraceNeeded", "finding_of", "solve", "solve_execution", "solve_leaf"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong with a receipt, and what shows it to the contract.

    Attributes:
        verdict: what is wrong.
        kind: how the contract calls it.
        evidence: as the contract takes it.
        slot: for an element: the trace slot.
        element: for an element: its row-major index.
        committed: for an element: the committed bytes.
        expected: for an element: what the model computes, in committed form.
    """

    verdict: VerdictKind
    kind: FaultKind
    evidence: bytes = field(repr=False)
    slot: int | None = None
    element: int | None = None
    committed: bytes = b""
    expected: bytes = b""

    def __str__(self) -> str:
        if self.verdict is not VerdictKind.ELEMENT:
            return f"{self.verdict} contradicts the receipt"
        return (
            f"element {self.element} of slot {self.slot} is 0x{self.committed.hex()}, "
            f"computed is 0x{self.expected.hex()}"
        )


class TraceNeeded(Exception):
    """The receipt is wrong, and only its operator's trace can show where."""


def solve(
    receipt: Receipt,
    leaf_index: int,
    *,
    header: BatchHeader,
    claims: Sequence[Claim],
    request: Request | None,
    domain: Domain,
    own: Trace,
    theirs: OperatorTrace | None = None,
) -> Finding | None:
    """What is wrong with a receipt, the cheapest to show first; None if nothing is.

    Args:
        receipt: the leaf.
        leaf_index: where it is.
        header: of its batch.
        claims: of its batch.
        request: preimage of its request id, where it is known.
        domain: where it counts.
        own: the watcher's execution of the receipt's input.
        theirs: the operator's execution, where it is known.

    Raises:
        TraceNeeded: see there.
    """
    found = solve_leaf(receipt, leaf_index, header=header, claims=claims, request=request, domain=domain)
    return found or solve_execution(receipt, own=own, theirs=theirs)


def solve_leaf(
    receipt: Receipt,
    leaf_index: int,
    *,
    header: BatchHeader,
    claims: Sequence[Claim],
    request: Request | None,
    domain: Domain,
) -> Finding | None:
    """What is wrong with a receipt without looking at its execution, as far as its request is known."""
    faults = leaf_faults(receipt, leaf_index, header=header, claims=claims, domain=domain, request=request)
    if FaultKind.HEADER in faults:
        return Finding(verdict=VerdictKind.HEADER, kind=FaultKind.HEADER, evidence=HEADER_EVIDENCE)
    if request is not None and FaultKind.REQUEST in faults:
        evidence = request_evidence(request)
        return Finding(verdict=VerdictKind.REQUEST, kind=FaultKind.REQUEST, evidence=evidence)
    if FaultKind.CLAIM in faults:
        return Finding(verdict=VerdictKind.CLAIM, kind=FaultKind.CLAIM, evidence=claims_evidence(claims))
    return None


def solve_execution(receipt: Receipt, *, own: Trace, theirs: OperatorTrace | None = None) -> Finding | None:
    """What is wrong with an execution.

    Everything before the first wrong slot equals the own trace, so that its element can be recomputed from
    own tensors; of the operator's trace only the wrong one itself and the roots are needed.

    Raises:
        TraceNeeded: the trace root is wrong, and the operator's trace is not known.
    """
    if receipt.trace_root == own.trace_root:
        # The execution is right; what the receipt says about it may not be.
        return _wrong_root(receipt, own, own.input_root, own.output_root)
    if theirs is None:
        raise TraceNeeded("the trace root is not the one that the model gives")
    program = own.program
    inputs = theirs.slot_roots[: len(program.inputs)]
    outputs = theirs.slot_roots[program.output_slots.start :]
    partial = PartialTrace(own).with_trace_nodes(0, 0, theirs.slot_roots)
    found = _wrong_root(receipt, partial, merkle.root(inputs), merkle.root(outputs))
    return found or _wrong_element(own, partial, theirs)


def _wrong_root(
    receipt: Receipt, trace: CommittedTrace, input_root: bytes, output_root: bytes
) -> Finding | None:
    """Whether a receipt names other inputs or outputs than its trace has."""
    for verdict, kind, named, traced in (
        (VerdictKind.INPUT_ROOT, EvidenceKind.INPUT, receipt.input_root, input_root),
        (VerdictKind.OUTPUT_ROOT, EvidenceKind.OUTPUT, receipt.output_root, output_root),
    ):
        if named != traced:
            evidence = root_evidence(trace, kind)
            return Finding(verdict=verdict, kind=FaultKind.EXECUTION, evidence=evidence)
    return None


def finding_of(partial: PartialTrace, fault: Fault) -> Finding:
    """A fault of which everything is known, with its evidence."""
    shown = evidence(partial, fault)
    if fault.kind is not EvidenceKind.ELEMENT:
        is_input = fault.kind is EvidenceKind.INPUT
        verdict = VerdictKind.INPUT_ROOT if is_input else VerdictKind.OUTPUT_ROOT
        return Finding(verdict=verdict, kind=FaultKind.EXECUTION, evidence=shown)
    descriptor = partial.program.slots[fault.slot]
    chunk, start = descriptor.chunk_of(fault.element)
    end = start + descriptor.dtype.size
    return Finding(
        verdict=VerdictKind.ELEMENT,
        kind=FaultKind.EXECUTION,
        evidence=shown,
        slot=fault.slot,
        element=fault.element,
        committed=partial.chunk(fault.slot, chunk)[start:end],
        expected=partial.own.chunk(fault.slot, chunk)[start:end],
    )


def _wrong_element(own: Trace, partial: PartialTrace, theirs: OperatorTrace) -> Finding:
    slot = next(slot for slot, root in enumerate(theirs.slot_roots) if root != own.slot_roots[slot])
    if slot < len(own.program.inputs):
        # What was executed here is not what the operator committed to as its input: that was not served.
        raise DataWithheld("input", f"what came has not the root of input {slot}")
    # Inputs are equal here, so the first slot that differs has a producer whose operands are all right.
    committed = theirs.tensors[slot]
    element = differing_element(own.program.slots[slot], own.committed(slot), committed)
    # Roots that differ are over bytes that differ: neither has padding here.
    assert element is not None
    chunks = [
        committed[start : start + CHUNK].ljust(CHUNK, b"\0") for start in range(0, len(committed), CHUNK)
    ]
    fault = Fault(EvidenceKind.ELEMENT, slot, element)
    return finding_of(partial.with_chunks(slot, 0, chunks), fault)
