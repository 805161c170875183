"""From a batch root and a leaf index to a proof, against an operator that serves nothing (G2, G5).

What the watcher knows is what `Revealed` events say. Demands cannot run out before the deepest step of a
model is reached: its depth budget and one for each 8 KiB of input suffice, and a commit asks for as many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onus.protocol import BatchStatus, ChallengeStatus, DemandKind, FaultKind, Position
from onus.trace import Descriptor, DType, Kind, PartialTrace, differing_element, element_evidence
from onus.trace._program import depth_budget
from tests.support import digits, reveals
from tests.support.digits import engine, program
from tests.support.reveals import Committed, chunks_of, depth_of
from tests.support.withheld import RECEIPT, REQUEST, Source, Withheld, digits_source, wide_source
from tests.support.world import Sealed, World

PAGE = 8 * 1024


def way_down(sizes: Sequence[int], inputs: int, slot: int) -> Iterator[tuple[DemandKind, int]]:
    """All that somebody who knows nothing has to demand to see one chunk of a slot; kind and level."""
    yield DemandKind.RECEIPT, 0
    yield DemandKind.REQUEST, 0
    for size in sizes[:inputs]:
        for _ in range(0, chunks_of(size), 64):
            yield DemandKind.INPUT_CHUNKS, 0
    for level in range(depth_of(len(sizes)), 0, -6):
        yield DemandKind.TRACE_NODES, level
    # A run of chunks shows its own six levels.
    for level in range(depth_of(chunks_of(sizes[slot])), 6, -6):
        yield DemandKind.TENSOR_NODES, level
    yield DemandKind.CHUNKS, 0


@settings(max_examples=300, deadline=None)
@given(
    inputs=st.lists(st.integers(1, 40_000), min_size=1, max_size=40),
    others=st.lists(st.integers(1, 2**31), min_size=1, max_size=200),
)
def test_depth_budget__of_any_model__reaches_every_element(inputs: list[int], others: list[int]) -> None:
    """G5: whatever the sizes of its tensors and the number of its inputs."""
    sizes = [*inputs, *others]
    slots = tuple(Descriptor(Kind.MATERIALISED, DType.INT8, at, (size,)) for at, size in enumerate(sizes))
    budget = depth_budget(slots, inputs=len(inputs)) + -(-sum(inputs) // PAGE)
    deepest = max(range(len(sizes)), key=sizes.__getitem__)
    assert len([*way_down(sizes, len(inputs), deepest)]) <= budget


@pytest.mark.parametrize("source", [digits_source, wide_source], ids=["digits", "wide"])
def test_demands__to_the_deepest_chunk__fit_into_one_challenge(world: World, source: object) -> None:
    """G5: of the last element of every tensor that is deepest, all of them asked for and answered."""
    withheld = Withheld(world, source())  # type: ignore[operator]
    manifest, tensors = withheld.source.manifest, withheld.source.committed.tensors
    model, sealed = manifest.commitment, withheld.challenge()
    slot = max(range(model.slots), key=lambda each: len(tensors[each]))
    last = chunks_of(len(tensors[slot])) - 1
    inputs = [
        Position(kind=DemandKind.INPUT_CHUNKS, slot=each, index=index)
        for each in range(model.inputs)
        for index in range(0, chunks_of(len(tensors[each])), 64)
    ]
    steps = [*way_down(list(map(len, tensors)), model.inputs, slot)]
    assert len(steps) <= manifest.depth_budget + -(-manifest.input_bytes // PAGE) <= world.params.max_demands
    for kind, level in steps:
        match kind:
            case DemandKind.RECEIPT | DemandKind.REQUEST:
                position = Position(kind=kind)
            case DemandKind.INPUT_CHUNKS:
                position = inputs.pop(0)
            case DemandKind.TRACE_NODES:
                position = Position(kind=kind, level=level, index=slot >> level)
            case DemandKind.TENSOR_NODES:
                position = Position(kind=kind, slot=slot, level=level, index=last >> level)
            case _:
                position = Position(kind=kind, slot=slot, index=last // 64 * 64)
        withheld.turn(sealed, position)
    assert world.disputes.challengeOf(sealed.id).answers == len(steps)


# ---- A watcher that holds nothing -------------------------------------------------------------------------


@dataclass
class Watcher:
    """Knows the header, a leaf index, the model, and what was revealed to it."""

    withheld: Withheld
    sealed: Sealed
    silent_from: int = 99
    demands: int = 0

    def ask(self, position: Position) -> tuple[bytes, list[bytes]]:
        """Data, and in pieces of 32 bytes; the operator answers unless it has fallen silent."""
        self.withheld.demand(self.sealed, position)
        self.demands += 1
        if self.demands > self.silent_from:
            raise TimeoutError
        tx = self.withheld.reveal(self.sealed, position)
        self.receipts = tx.event("Revealed").answer.proof
        data = tx.event("Revealed").answer.data
        return data, [data[at : at + 32] for at in range(0, len(data), 32)]

    def evidence(self) -> bytes:
        """All the way down to the first wrong element."""
        self.ask(RECEIPT)
        trace_root = self.receipts[0].receipt.traceRoot
        self.ask(REQUEST)
        pixels, _ = self.ask(Position(kind=DemandKind.INPUT_CHUNKS))
        own = engine().run_encoded([pixels])[0]
        assert own.trace_root != trace_root
        _, roots = self.ask(Position(kind=DemandKind.TRACE_NODES, level=3))
        slot = next(at for at, root in enumerate(roots) if own.slot_roots[at] != root)
        data, _ = self.ask(Position(kind=DemandKind.CHUNKS, slot=slot))
        chunks = reveals.chunked(data)
        partial = PartialTrace(own).with_trace_nodes(0, 0, roots).with_chunks(slot, 0, chunks)
        element = next(
            found
            for at, chunk in enumerate(chunks)
            if (found := differing_element(own.descriptor(slot), own.chunk(slot, at), chunk, first_chunk=at))
            is not None
        )
        return element_evidence(partial, slot, element)


def altered_source(slot: int, element: int) -> Source:
    """The network with one element off by one, everything after it consistent."""
    trace = digits.altered(0, slot, element)
    right = digits_source()
    tensors = [trace.committed(each) for each in range(right.model.slots)]
    return Source(right.entries, right.manifest, Committed(tensors, right.model.inputs))


@pytest.mark.parametrize("slot", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("end", ["first", "last"])
def test_watcher__that_holds_nothing__convicts_a_wrong_operator(world: World, slot: int, end: str) -> None:
    """G2, G8: in as many demands as the budget allows; the first and the last element of every slot."""
    count = int(np.prod(program().slots[slot].shape))
    source = altered_source(slot, 0 if end == "first" else count - 1)
    withheld = Withheld(world, source)
    watcher = Watcher(withheld, withheld.challenge())
    evidence = watcher.evidence()
    tx = world.prove(withheld.batch, watcher.sealed, kind=FaultKind.EXECUTION, evidence=evidence)
    shown = tx.event("FaultProven")
    assert shown.slot == slot
    assert watcher.demands <= source.manifest.depth_budget + 1
    assert world.state_of(withheld.batch).status == BatchStatus.FAULTY


@pytest.mark.parametrize("answered", range(5))
def test_watcher__when_the_operator_falls_silent_at_any_step__wins_as_well(
    world: World, answered: int
) -> None:
    """G2, G5, D3: receipt, request, input, nodes or chunks: revealed in time, or lost."""
    withheld = Withheld(world, altered_source(2, 7))
    watcher = Watcher(withheld, withheld.challenge(), silent_from=answered)
    with pytest.raises(TimeoutError):
        watcher.evidence()
    deadline = world.disputes.clockOf(withheld.batch.header, watcher.sealed.key).deadline
    world.timeout(withheld.batch, watcher.sealed, at=deadline)
    assert world.disputes.challengeOf(watcher.sealed.id).status == ChallengeStatus.WON
    world.forward(world.params.earning_delay)
    world.settle(withheld.batch, watcher.sealed)
    world.assert_solvent()
