"""Executions that an operator committed and keeps to itself: of the digits network, and of a wide program.

withheld = Withheld(world, wide_source())
sealed = withheld.challenge()
withheld.demand(sealed, position)            with the witness that it needs
withheld.reveal(sealed, position)            the right answer to it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from onus.protocol import (
    Answer,
    Batch,
    Demand,
    DemandKind,
    Execution,
    Manifest,
    ModelCommitment,
    ModelId,
    Position,
    TensorWitness,
    faults,
    keccak256,
)
from tests.support import reveals
from tests.support.actors import Actor
from tests.support.chain import Revert, Tx
from tests.support.digits import program as digits
from tests.support.digits import run
from tests.support.reveals import Committed, depth_of
from tests.support.world import Sealed, World
from tests.trace.spec import Entry, Kind, Op, Program, Tensor, Type, levels

LEAF = 1
"""Of a batch of three."""
ABOVE = (DemandKind.RECEIPT, DemandKind.REQUEST)
RECEIPT = Position(kind=DemandKind.RECEIPT)
REQUEST = Position(kind=DemandKind.REQUEST)


@dataclass(frozen=True, eq=False)
class Source:
    """A program and one execution of it."""

    entries: Sequence[bytes]
    manifest: Manifest
    committed: Committed

    @property
    def model(self) -> ModelCommitment:
        """What is registered."""
        return self.manifest.commitment

    @property
    def roots(self) -> Execution:
        """What a receipt names."""
        c = self.committed
        return Execution(
            input_root=c.input_root,
            output_root=c.output_root(self.model.outputs),
            trace_root=c.trace_root,
        )

    def positions(self) -> list[Position]:
        """All that exist below a receipt's roots."""
        return list(self.committed.positions(self.model.inputs))

    def ends(self) -> list[Position]:
        """The first and the last position of each kind, slot and level."""
        groups: dict[tuple[int, int, int], list[Position]] = {}
        for position in self.positions():
            key = (position.kind, position.slot, position.level)
            groups.setdefault(key, []).append(position)
        return [position for group in groups.values() for position in dict.fromkeys((group[0], group[-1]))]

    def witness(self, position: Position) -> TensorWitness:
        """What a demand needs."""
        if position.kind in (*ABOVE, DemandKind.TRACE_NODES):
            return TensorWitness()
        return reveals.witness(self.entries, self.model, position.slot)

    def wanted(self, position: Position) -> Demand:
        """What is stored of a demand."""
        found = reveals.demand_size(self.model, position, self.witness(position))
        assert not isinstance(found, Revert), found
        size, above = found
        fields = {name: getattr(position, name) for name in ("kind", "level", "slot", "index")}
        return Demand(**fields, size=size, above=above)

    def root(self, position: Position) -> bytes:
        """Below which it lies."""
        of_input = position.kind in reveals.OF_INPUT
        return self.committed.input_root if of_input else self.committed.trace_root


@cache
def digits_source() -> Source:
    """The digits network on a held-out image: one input, six slots."""
    trace, model = run(0), digits()
    tensors = [trace.committed(slot) for slot in range(model.commitment.slots)]
    committed = Committed(tensors, model.commitment.inputs)
    return Source([entry.encode() for entry in model.entries], model.manifest, committed)


@cache
def wide_source() -> Source:
    """What a small network does not have: 70 slots, several inputs and runs, a tensor of over 64 · 64 chunks.

    A row and a column are added up to a table; a short vector is copied again and again.
    """
    random = np.random.default_rng(3)
    row, column = (random.integers(-(2**29), 2**29, size).astype(">i4") for size in ((1, 2_100), (64, 1)))
    vector = random.integers(-128, 128, 100).astype("i1")
    inputs = [_tensor(Type.INT32, row), _tensor(Type.INT32, column), _tensor(Type.INT8, vector)]
    entries = [Entry(Op.ADD, _tensor(Type.INT32, table := row + column), inputs[:2])]
    while len(entries) < 67:
        source = inputs[2] if len(entries) == 1 else entries[-1].output
        entries.append(Entry(Op.IDENTITY, _tensor(Type.INT8, vector), [source]))
    program = Program(inputs, [], entries)
    values = [row, column, vector, table.astype(">i4"), *[vector] * 66]
    tensors = [value.tobytes() for value in values]
    encoded = [entry.encode() for entry in program.entries]
    return Source(encoded, _manifest(encoded, tensors, inputs=3), Committed(tensors, 3))


def _tensor(type_: Type, values: np.ndarray[Any, Any]) -> Tensor:
    return Tensor(Kind.MATERIALISED, type_, values.shape)


def _manifest(entries: Sequence[bytes], tensors: Sequence[bytes], *, inputs: int) -> Manifest:
    deepest = depth_of(max(map(reveals.chunks_of, map(len, tensors))))
    nodes = -(-depth_of(len(tensors)) // 6) + -(-deepest // 6)
    return Manifest(
        source_hash=keccak256(b"".join(entries)),
        commitment=ModelCommitment(
            program_root=levels([keccak256(entry) for entry in entries])[-1][0],
            weights_root=bytes(32),
            inputs=inputs,
            outputs=1,
            slots=len(tensors),
            entries=len(entries),
            constants=0,
        ),
        input_bytes=sum(map(len, tensors[:inputs])),
        trace_bytes=sum(map(len, tensors)),
        depth_budget=3 + nodes + inputs - 1,
        compiler_version=1,
    )


class Withheld:
    """In a world where op1 committed a batch whose leaf 1 is this execution.

    Args:
        world: with nothing in it yet.
        source: the program and its execution.
        committed: what the operator's receipt names, if not the execution.
        commit: whether the batch is committed already.
        **header: other fields of the batch's header.
    """

    def __init__(
        self,
        world: World,
        source: Source,
        *,
        committed: Committed | None = None,
        commit: bool = True,
        **header: Any,
    ) -> None:
        self.world = world
        self.source = replace(source, committed=committed or source.committed)
        world.operator_ready()
        world.payer_ready()
        self.model = self.register()
        self.batch = self.make(**header)
        if commit:
            world.commit(self.batch)

    def register(self) -> ModelId:
        """Registers the program."""
        spec = replace(self.world.spec(), manifest=self.source.manifest)
        tx = self.world.models.register(spec, sender=self.world.provider)
        model = ModelId(tx.event("ModelRegistered").modelId)
        self.world.programs[model] = self.source.entries
        return model

    def commit(self, **header: Any) -> Batch:
        """Commits another one."""
        batch = self.make(**header)
        self.world.commit(batch)
        return batch

    def make(self, **header: Any) -> Batch:
        """A batch of three with the execution in leaf 1."""
        world, roots = self.world, self.source.roots
        asked = world.request(world.alice, self.model, input_root=roots.input_root)
        served = world.receipt(
            world.op1, self.model, request=asked, output_root=roots.output_root, trace_root=roots.trace_root
        )
        receipts = [world.receipt(world.op1, self.model) for _ in range(3)]
        receipts[LEAF] = served
        return world.batch(world.op1, receipts=receipts, **header)

    def challenge(self, leaf: int = LEAF, *, by: Actor | None = None, at: int | None = None) -> Sealed:
        """Seals a challenge of the leaf (as watcher1)."""
        return self.world.challenge(self.batch, leaf, by=by, at=at)

    def demand(self, sealed: Sealed, position: Position, *, at: int | None = None) -> Tx:
        """Demands a position, with the witness that it needs."""
        witness = self.source.witness(position)
        return self.world.demand(self.batch, sealed, position, witness, at=at)

    def demand_args(self, sealed: Sealed, position: Position) -> tuple[Any, ...]:
        """Arguments of `Disputes.demand`."""
        return self.batch.header, sealed.opening, position, self.source.witness(position)

    def answer(self, sealed: Sealed, position: Position) -> Answer:
        """The right answer."""
        if position.kind is DemandKind.RECEIPT:
            return self.world.answer(self.batch, sealed)
        if position.kind is DemandKind.REQUEST:
            request = self.world.requests[self.batch.receipts[sealed.opening.leaf_index].request_id]
            return self.world.answer(self.batch, sealed, faults.request_evidence(request))
        return self.world.answer(self.batch, sealed, *self.source.committed.answer(position))

    def reveal(self, sealed: Sealed, position: Position, *, at: int | None = None) -> Tx:
        """Gives the right answer, as the operator."""
        return self.world.reveal(self.batch, sealed, self.answer(sealed, position), at=at)

    def reveal_args(self, sealed: Sealed, answer: Answer) -> tuple[Any, ...]:
        """Arguments of `Disputes.reveal`."""
        return self.batch.header, sealed.by, sealed.opening, answer

    def turn(self, sealed: Sealed, position: Position) -> None:
        """A demand and its answer."""
        self.demand(sealed, position)
        self.reveal(sealed, position)
