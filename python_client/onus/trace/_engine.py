"""Execution of a program on batches of inputs, with the commitments to it.

A batch is cut into blocks that fit a core's cache; each worker takes a block through the whole program and
hashes what it committed to. Everything is integer arithmetic in compiled kernels that hold no lock, so that
threads of one process use all cores, and nothing depends on their number or on the size of a batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

import numpy as np

from onus.trace._descriptor import CHUNK, Descriptor, Kind
from onus.trace._dtypes import Array, Bytes
from onus.trace._entry import Entry
from onus.trace._errors import BatchTooLarge, OutOfRange, PositionError
from onus.trace._inputs import check_inputs, decode_inputs
from onus.trace._kernels import KERNELS, Kernel
from onus.trace._operators import RENAMES
from onus.trace._program import Program
from onus.trace._trace import TraceBatch
from onus.trace._tree import trace_roots

_BLOCK_BYTES: Final = 4 << 20
"""Tensors of a block, all together. Small enough for a cache, large enough that calls do not count."""
_MOST_BLOCK: Final = 256
MAX_BATCH_BYTES: Final = 2 << 30
"""Committed tensors of one batch."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """One element changed after it was computed, for tests and demonstrations of what a fault leads to.

    Attributes:
        slot: a slot made by an operator.
        element: row-major index.
        value: what it becomes; an integer of the tensor's type.
    """

    slot: int
    element: int
    value: int


@dataclass(frozen=True, slots=True)
class _Step:
    """One operator of the plan.

    Attributes:
        kernel: None if the result is a view of the operand.
        operands: numbers of the tensors read.
        result: number of the tensor made.
        shape: shape of the result.
        buffer: scratch buffer of the result; None if it is committed or a view.
    """

    kernel: Kernel | None
    operands: tuple[int, ...]
    result: int
    shape: tuple[int, ...]
    buffer: int | None


class Engine:
    """Runs a program.

    Safe to use from several threads. Keep one engine for a program: the first run of a process loads the
    compiled kernels (and the first run on a machine compiles them, which takes a minute).

    Args:
        program: the model.
        threads: workers; all cores this process may use if None.
    """

    def __init__(self, program: Program, *, threads: int | None = None) -> None:
        self.program = program
        self._threads = threads or _cores()
        self._plan = _Plan(program)
        self._scratch: SimpleQueue[list[Array]] = SimpleQueue()
        self._pool = ThreadPoolExecutor(self._threads, "engine") if self._threads > 1 else None

    @property
    def threads(self) -> int:
        """Number of workers."""
        return self._threads

    def run(self, inputs: Sequence[Array], *, alter: Alteration | None = None) -> TraceBatch:
        """Executes a batch and commits to every execution.

        Args:
            inputs: one array of integers for each input of the model, (batch, *shape).
            alter: an element to change in every execution of the batch; what follows from it is computed
                from the changed value.

        Raises:
            InputError: if the inputs are not the model's, or the batch is too large.
            PositionError: if there is no such slot or element to alter.
        """
        arrays = check_inputs(self.program, inputs)
        return self._run(arrays, (None,) * len(arrays), alter)

    def run_encoded(self, inputs: Sequence[bytes], *, alter: Alteration | None = None) -> TraceBatch:
        """Executes a batch of encoded inputs; defined for any bytes of the right length.

        Args:
            inputs: for each inference all its inputs in committed form, one after the other:
                `manifest.input_bytes`.
            alter: as in `run`.

        Raises:
            InputError: if one has another length, or the batch is too large.
        """
        arrays, raws = decode_inputs(self.program, inputs)
        return self._run(arrays, raws, alter)

    def execute(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Executes a batch without committing to it.

        Returns:
            the elements of each output, (batch, *shape).

        Raises:
            InputError: if the inputs are not the model's, or the batch is too large.
        """
        arrays = check_inputs(self.program, inputs)
        tensors = self._allocate(arrays)
        self._over_blocks(len(arrays[0]), lambda first, last: self._compute(tensors, first, last, None))
        return tuple(tensors[slot] for slot in self.program.output_slots)

    def close(self) -> None:
        """Ends the workers."""
        if self._pool is not None:
            self._pool.shutdown()

    def _run(
        self, inputs: list[Array], raws: tuple[Bytes | None, ...], alter: Alteration | None
    ) -> TraceBatch:
        if alter is not None:
            self._check_alteration(alter)
        tensors = self._allocate(inputs)
        batch = len(inputs[0])
        slot_roots = np.empty((batch, len(tensors), 32), np.uint8)
        roots = np.empty((batch, 32), np.uint8)

        def block(first: int, last: int) -> None:
            self._compute(tensors, first, last, alter)
            count, at = last - first, 0
            chunks = np.empty(count * self._plan.chunk_bytes, np.uint8)
            for slot, (descriptor, tensor) in enumerate(zip(self._plan.slots, tensors, strict=True)):
                raw = raws[slot] if slot < len(raws) else None
                size = count * descriptor.chunks * CHUNK
                place = chunks[at : at + size].reshape(count, -1)
                if raw is None:
                    descriptor.commit(tensor[first:last], place)
                else:
                    place[:] = raw[first:last]
                at += size
            trace_roots(chunks, self._plan.chunk_counts, count, slot_roots[first:last], roots[first:last])

        self._over_blocks(batch, block)
        return TraceBatch(self.program, tuple(tensors), slot_roots, roots, raws)

    def _allocate(self, inputs: list[Array]) -> list[Array]:
        batch = len(inputs[0])
        needed = batch * self._plan.committed_bytes
        if needed > MAX_BATCH_BYTES:
            raise BatchTooLarge(needed, MAX_BATCH_BYTES)
        made = self._plan.slots[len(inputs) :]
        return [*inputs, *(np.empty((batch, *d.shape), d.dtype.array) for d in made)]

    def _over_blocks(self, batch: int, work: Callable[[int, int], None]) -> None:
        size = self._plan.block
        if self._pool is not None and batch > 1:
            size = min(size, -(-batch // self._threads))
        blocks = [(first, min(first + size, batch)) for first in range(0, batch, size)]
        if self._pool is None or len(blocks) == 1:
            for first, last in blocks:
                work(first, last)
        else:
            for future in [self._pool.submit(work, first, last) for first, last in blocks]:
                future.result()

    def _compute(self, tensors: list[Array], first: int, last: int, alter: Alteration | None) -> None:
        """Fills the slots of inferences first … last − 1."""
        plan, count = self._plan, last - first
        try:
            scratch = self._scratch.get_nowait()
        except Empty:
            scratch = [np.empty(plan.block * size, np.uint8) for size in plan.buffers]
        values: list[Array | None] = [*(t[first:last] for t in tensors), *plan.constants, *plan.virtual]
        for step in plan.steps:
            operands = [values[number] for number in step.operands]
            if step.kernel is None:
                operand = operands[0]
                assert operand is not None
                values[step.result] = operand.reshape(len(operand), *step.shape)
                continue
            target = values[step.result]
            if step.buffer is not None:
                dtype = plan.dtypes[step.result]
                size = count * plan.counts[step.result] * dtype.itemsize
                target = scratch[step.buffer][:size].view(dtype).reshape(count, *step.shape)
                values[step.result] = target
            assert target is not None
            step.kernel([o for o in operands if o is not None], target)
            if alter is not None and step.result == alter.slot:
                target.reshape(count, -1)[:, alter.element] = alter.value
        self._scratch.put(scratch)

    def _check_alteration(self, alter: Alteration) -> None:
        descriptor = self.program.producer(alter.slot).output
        if not 0 <= alter.element < descriptor.count:
            raise PositionError("element", alter.element, descriptor.count)
        dtype = descriptor.dtype
        if not dtype.minimum <= alter.value <= dtype.maximum:
            raise OutOfRange(alter.slot, alter.value, dtype.minimum, dtype.maximum)


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Plan:
    """Order of the operators, numbers of their tensors, and scratch buffers that are used again when they
    are free.

    Tensors are numbered: slots, then constants, then virtual tensors.
    """

    def __init__(self, program: Program) -> None:
        self.slots = program.slots
        self.constants = [constant.values[None] for constant in program.constants]
        self.committed_bytes = sum(d.count * d.dtype.array.itemsize for d in self.slots)
        self.chunk_counts = np.array([d.chunks for d in self.slots], np.int64)
        self.chunk_bytes = int(self.chunk_counts.sum()) * CHUNK
        self._slot_count = len(self.slots)
        self._first_virtual = self._slot_count + len(self.constants)
        materialised = len(program.materialised)
        entries = self._order(program)
        self.virtual: list[Array | None] = [None] * (len(program.entries) - materialised)
        self._materialised = materialised
        numbers = [self._number(entry.output) for entry in entries]
        descriptors = {number: entry.output for number, entry in zip(numbers, entries, strict=True)}
        self.dtypes = {number: d.dtype.array for number, d in descriptors.items()}
        self.counts = {number: d.count for number, d in descriptors.items()}
        self.buffers: list[int] = []
        self.steps = self._assign(program, entries)
        bytes_each = self.committed_bytes + self.chunk_bytes + sum(self.buffers)
        self.block = max(1, min(_MOST_BLOCK, _BLOCK_BYTES // bytes_each))

    def _number(self, descriptor: Descriptor) -> int:
        if descriptor.kind is Kind.CONSTANT:
            return self._slot_count + descriptor.reference
        if descriptor.kind is Kind.VIRTUAL:
            return self._first_virtual + descriptor.reference - self._materialised
        return descriptor.reference

    def _order(self, program: Program) -> list[Entry]:
        """Entries in an order in which they can run: each slot after the virtual tensors it needs."""
        done: set[int] = set()
        order: list[Entry] = []
        for entry in program.materialised:
            stack = [(entry, False)]
            while stack:
                current, ready = stack.pop()
                if id(current) in done:
                    continue
                if ready:
                    done.add(id(current))
                    order.append(current)
                    continue
                stack.append((current, True))
                stack += [
                    (program.entries[d.reference], False) for d in current.inputs if d.kind is Kind.VIRTUAL
                ]
        return order

    def _assign(self, program: Program, entries: list[Entry]) -> list[_Step]:
        # A view keeps its operand's buffer in use, so uses are counted by the tensor that owns the buffer.
        owner: dict[int, int] = {}
        last_use: dict[int, int] = {}
        for index, entry in enumerate(entries):
            result = self._number(entry.output)
            numbers = [self._number(d) for d in entry.inputs]
            is_view = entry.opcode in RENAMES and entry.output.kind is Kind.VIRTUAL
            owner[result] = owner.get(numbers[0], numbers[0]) if is_view else result
            for operand in numbers:
                last_use[owner.get(operand, operand)] = index
        free: list[int] = []
        held: dict[int, int] = {}
        steps = []
        for index, entry in enumerate(entries):
            result = self._number(entry.output)
            operands = tuple(self._number(d) for d in entry.inputs)
            is_view = entry.opcode in RENAMES and entry.output.kind is Kind.VIRTUAL
            buffer = None
            if entry.output.kind is Kind.VIRTUAL and not is_view:
                size = entry.output.count * entry.output.dtype.array.itemsize
                buffer = held[result] = self._take(free, size)
            known = [
                program.constants[d.reference].values if d.kind is Kind.CONSTANT else None
                for d in entry.inputs
            ]
            kernel = None if is_view else KERNELS[entry.opcode](entry, known)
            steps.append(_Step(kernel, operands, result, entry.output.shape, buffer))
            for operand in {owner.get(operand, operand) for operand in operands}:
                if operand in held and last_use[operand] == index:
                    free.append(held.pop(operand))
        return steps

    def _take(self, free: list[int], size: int) -> int:
        """A free buffer, the smallest that fits or else the largest made larger, or a new one."""
        if not free:
            self.buffers.append(size)
            return len(self.buffers) - 1
        fitting = [b for b in free if self.buffers[b] >= size]
        chosen = (
            min(fitting, key=self.buffers.__getitem__) if fitting else max(free, key=self.buffers.__getitem__)
        )
        free.remove(chosen)
        self.buffers[chosen] = max(self.buffers[chosen], size)
        return chosen
