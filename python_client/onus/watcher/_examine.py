"""Executing a batch again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from onus.inference import BatchData, tensors_root
from onus.library import SecuredModel, split
from onus.protocol import BatchId, Domain
from onus.store import Verdict, VerdictKind
from onus.trace import Trace
from onus.watcher._errors import DataWithheld
from onus.watcher._solve import Finding, TraceNeeded, solve_execution, solve_leaf
from onus.watcher._source import DataSource

__all__ = ["Examination", "examine", "fit_input"]

_MOST_BYTES: Final = 64 * 1024 * 1024
"""Traces that are held at a time."""
_MOST_TRACES: Final = 4
"""One wrong receipt is enough for a batch; operators are asked for no more traces than these."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What came out.

    Attributes:
        verdicts: on each receipt, in leaf order.
        findings: what can be shown, by leaf.
    """

    verdicts: tuple[Verdict, ...]
    findings: Mapping[int, Finding]

    @property
    def is_sound(self) -> bool:
        """Whether every receipt is right."""
        return all(verdict.kind is VerdictKind.RIGHT for verdict in self.verdicts)


def examine(
    batch_id: BatchId, data: BatchData, *, model: SecuredModel, source: DataSource, domain: Domain
) -> Examination:
    """Executes every receipt of a batch again, many at a time.

    Args:
        batch_id: which batch.
        data: its receipts and inputs, checked against its header.
        model: the model that its header names.
        source: asked for the traces of receipts that are wrong.
        domain: where it was committed.
    """
    at_once = max(1, _MOST_BYTES // model.trace_bytes)
    work = _Work(batch_id, data, model, source, domain)
    for start in range(0, len(data.inputs), at_once):
        end = min(start + at_once, len(data.inputs))
        runs = model.engine.run_encoded([work.input_of(leaf) for leaf in range(start, end)])
        for leaf in range(start, end):
            work.judge(leaf, runs[leaf - start])
    return Examination(tuple(work.verdicts), work.findings)


def fit_input(tensors: Sequence[bytes], sizes: tuple[int, ...], *, root: bytes) -> bytes | None:
    """Tensors of an input root as a model takes them, concatenated; None if it is no input of this model.

    A tensor and the same one with zeros behind it have one root; the model's sizes say which is meant.
    """
    if tuple(map(len, tensors)) == sizes:
        return b"".join(tensors)
    # The same bytes in other pieces can have the same root: one of chunks, or of tensors of a chunk.
    for pieces in (tensors, split(b"".join(tensors), sizes)):
        fitted = [piece[:size].ljust(size, b"\0") for piece, size in zip(pieces, sizes, strict=False)]
        if len(pieces) == len(sizes) and tensors_root(fitted) == root:
            return b"".join(fitted)
    return None


class _Work:
    def __init__(
        self, batch_id: BatchId, data: BatchData, model: SecuredModel, source: DataSource, domain: Domain
    ) -> None:
        self._batch_id = batch_id
        self._data = data
        self._model = model
        self._source = source
        self._domain = domain
        self._asked = 0
        self.verdicts: list[Verdict] = []
        self.findings: dict[int, Finding] = {}

    def input_of(self, leaf: int) -> bytes:
        """What to run: the input, or zeros if the receipt's input is none of this model."""
        root = self._data.batch.receipts[leaf].input_root
        fitted = fit_input(self._data.inputs[leaf], self._model.input_sizes, root=root)
        return bytes(self._model.input_bytes) if fitted is None else fitted

    def judge(self, leaf: int, own: Trace) -> None:
        """Records the verdict on one receipt, given the own execution of its input."""
        try:
            finding = self._solve(leaf, own)
        except TraceNeeded as error:
            self.verdicts.append(Verdict(leaf_index=leaf, kind=VerdictKind.WRONG, note=str(error)))
            return
        except DataWithheld as error:
            self.verdicts.append(Verdict(leaf_index=leaf, kind=VerdictKind.WITHHELD, note=str(error)))
            return
        if finding is None:
            self.verdicts.append(Verdict(leaf_index=leaf, kind=VerdictKind.RIGHT))
            return
        self.findings[leaf] = finding
        self.verdicts.append(
            Verdict(
                leaf_index=leaf,
                kind=finding.verdict,
                slot=finding.slot,
                element=finding.element,
                note=str(finding),
            )
        )

    def _solve(self, leaf: int, own: Trace) -> Finding | None:
        receipt = self._data.batch.receipts[leaf]
        found = solve_leaf(
            receipt,
            leaf,
            header=self._data.batch.header,
            claims=self._data.batch.claims,
            request=self._data.requests[leaf],
            domain=self._domain,
        )
        if found is not None:
            return found
        try:
            return solve_execution(receipt, own=own)
        except TraceNeeded:
            if self.findings or self._asked == _MOST_TRACES:
                raise
        self._asked += 1
        theirs = self._source.trace(self._batch_id, leaf, receipt=receipt, model=self._model)
        return solve_execution(receipt, own=own, theirs=theirs)
