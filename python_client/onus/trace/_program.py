"""A compiled model: entries, constants, their roots, and the manifest that binds them to the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from onus.protocol.merkle import keccak256
from onus.protocol.models import Manifest, ModelCommitment
from onus.trace._costs import StepCost
from onus.trace._descriptor import CHUNK, Descriptor
from onus.trace._dtypes import Array, Bytes
from onus.trace._entry import Entry
from onus.trace._errors import PositionError
from onus.trace._tree import Tree

COMPILER_VERSION: Final = 1
"""Version of the program format and of the choices of the compiler; part of every manifest."""


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A constant of a program.

    Attributes:
        descriptor: what it is.
        values: the elements, read-only, shape `descriptor.shape`.
        committed: committed bytes, filled up to chunks.
        tree: its tensor tree.
    """

    descriptor: Descriptor
    values: Array
    committed: Bytes
    tree: Tree

    @staticmethod
    def of(descriptor: Descriptor, values: Array) -> Constant:
        """Commits to values."""
        kept = np.array(values, descriptor.dtype.array).reshape(descriptor.shape)
        kept.flags.writeable = False
        committed = descriptor.commit(kept[None])[0]
        return Constant(descriptor, kept, committed, Tree.of_chunks(committed))

    def chunk(self, index: int) -> bytes:
        """A chunk, 128 bytes."""
        return self.committed[index * CHUNK : (index + 1) * CHUNK].tobytes()


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """What a `.tosa` file compiles to.

    Attributes:
        entries: operators; those that make a slot first, in the order of the slots.
        constants: in the order of the weights tree.
        inputs: descriptors of the input slots.
        outputs: number of output slots, the last ones.
        manifest: identity of file and compilation.
        costs: what it takes to prove one element of each slot that an entry makes, in the order of the slots.
        program_tree: tree of the entries.
        weights_tree: tree of the constants' roots; None without constants.
    """

    entries: tuple[Entry, ...]
    constants: tuple[Constant, ...]
    inputs: tuple[Descriptor, ...]
    outputs: int
    manifest: Manifest
    costs: tuple[StepCost, ...]
    program_tree: Tree = field(repr=False)
    weights_tree: Tree | None = field(repr=False)

    @staticmethod
    def build(
        source: bytes,
        entries: tuple[Entry, ...],
        constants: tuple[Constant, ...],
        inputs: tuple[Descriptor, ...],
        *,
        outputs: int,
        materialised: int,
        costs: tuple[StepCost, ...],
    ) -> Program:
        """Computes roots and manifest.

        Args:
            source: the file.
            entries: as in the class.
            constants: as in the class.
            inputs: as in the class.
            outputs: as in the class.
            materialised: number of entries that make a slot.
            costs: as in the class.
        """
        program_tree = Tree.of_hashes([keccak256(entry.encode()) for entry in entries])
        weights_tree = Tree.of_hashes([c.tree.root for c in constants]) if constants else None
        slots = (*inputs, *(entry.output for entry in entries[:materialised]))
        commitment = ModelCommitment(
            program_root=program_tree.root,
            weights_root=weights_tree.root if weights_tree else bytes(32),
            inputs=len(inputs),
            outputs=outputs,
            slots=len(slots),
            entries=len(entries),
            constants=len(constants),
        )
        manifest = Manifest(
            source_hash=keccak256(source),
            commitment=commitment,
            input_bytes=sum(d.size for d in inputs),
            trace_bytes=sum(d.size for d in slots),
            depth_budget=depth_budget(slots, inputs=len(inputs)),
            compiler_version=COMPILER_VERSION,
        )
        return Program(entries, constants, inputs, outputs, manifest, costs, program_tree, weights_tree)

    @property
    def commitment(self) -> ModelCommitment:
        """Roots and counts."""
        return self.manifest.commitment

    @property
    def materialised(self) -> tuple[Entry, ...]:
        """The entries that make a slot: that of slot s is number s − inputs."""
        return self.entries[: self.commitment.slots - len(self.inputs)]

    @property
    def slots(self) -> tuple[Descriptor, ...]:
        """Descriptors of the committed tensors of an execution."""
        return (*self.inputs, *(entry.output for entry in self.materialised))

    @property
    def output_slots(self) -> range:
        """Slots of the outputs."""
        return range(self.commitment.slots - self.outputs, self.commitment.slots)

    def producer(self, slot: int) -> Entry:
        """The entry that makes a slot.

        Raises:
            PositionError: if the slot is an input or none.
        """
        if not len(self.inputs) <= slot < self.commitment.slots:
            raise PositionError("slot made by an operator", slot, self.commitment.slots)
        return self.entries[slot - len(self.inputs)]

    def encode(self) -> bytes:
        """All that is committed to but the input, in one canonical string.

        Six 16-bit counts (inputs, outputs, slots, entries, constants, compiler version), the descriptors of
        the inputs, the entries, and each constant's descriptor and committed bytes. Equal strings are equal
        programs.
        """
        c = self.commitment
        counts = (c.inputs, c.outputs, c.slots, c.entries, c.constants, COMPILER_VERSION)
        return b"".join(
            (
                *(count.to_bytes(2, "big") for count in counts),
                *(descriptor.encode() for descriptor in self.inputs),
                *(entry.encode() for entry in self.entries),
                *(part for k in self.constants for part in (k.descriptor.encode(), k.committed.tobytes())),
            )
        )


def depth_budget(slots: tuple[Descriptor, ...], *, inputs: int) -> int:
    """Demands that suffice to prove any element of an execution whose operator answers nothing unasked.

    One each for the receipt and its request; for the trace tree and then for the deepest tensor tree, one
    for every six levels (64 descendants an answer); and one for the chunk. A tree of one leaf needs no
    demand for its nodes. The input comes on top, with one for each 8 KiB of it: every input after the first
    may begin another 8 KiB, and inputs that stand under several nodes of 64 are shown by as many answers.
    """
    levels = (len(slots) - 1).bit_length()
    deepest = max(descriptor.depth for descriptor in slots)
    return 2 + -(-levels // 6) + -(-deepest // 6) + 1 + (inputs - 1) + (inputs - 1) // 64
