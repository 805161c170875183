"""Traces: what an operator answers, what a watcher knows, how a fault is found and shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onus.protocol.merkle import keccak256
from onus.trace import (
    Alteration,
    CommittedTrace,
    Descriptor,
    DType,
    Engine,
    EvidenceKind,
    Fault,
    Kind,
    NoFault,
    NotRevealed,
    PartialTrace,
    PositionError,
    Program,
    Trace,
    compile_tosa,
    differing_element,
    element_evidence,
    evidence,
    find_fault,
    root_evidence,
    step,
    tree_depth,
    tree_width,
)
from tests.trace import spec
from tests.trace.models import Model, RandomModel, altered, random_values

SEEDS = st.integers(0, 2**32 - 1)


def specified(trace: Trace) -> tuple[spec.Execution, list[spec.Entry]]:
    """The same program and values as `spec.py` has them."""
    tensors: dict[tuple[Kind, int], spec.Tensor] = {}

    def tensor(descriptor: Descriptor, values: Any = None) -> spec.Tensor:
        key = (descriptor.kind, descriptor.reference)
        if key not in tensors:
            tensors[key] = spec.Tensor(
                spec.Kind(descriptor.kind),
                spec.Type(descriptor.dtype),
                descriptor.shape,
                layout=descriptor.layout,
            )
        if values is not None:
            tensors[key].values = [int(value) for value in values.reshape(-1)]
        return tensors[key]

    program = trace.program
    slots = [tensor(d, v) for d, v in zip(program.slots, trace.tensors, strict=True)]
    constants = [tensor(c.descriptor, c.values) for c in program.constants]
    entries = [
        spec.Entry(int(e.opcode), tensor(e.output), [tensor(d) for d in e.inputs], dict(e.attributes))
        for e in program.entries
    ]
    made = spec.Program(slots[: len(program.inputs)], constants, entries, program.outputs)
    return spec.Execution(made), entries


# ---- Evidence ------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_find_fault__one_altered_element_anywhere__is_found_and_shown(seed: int) -> None:
    """G8: first and last elements, partial chunks, any slot; the evidence is what docs/trace.md, 4 says."""
    model = RandomModel(seed)
    engine = Engine(compile_tosa(model.file), threads=1)
    inputs = model.inputs(1)
    other, alteration = altered(engine, inputs, model.random)
    fault = find_fault(engine.run(inputs)[0], other)
    assert fault == Fault(EvidenceKind.ELEMENT, alteration.slot, alteration.element)
    shown = step(other, fault.slot, fault.element)
    assert shown.is_fault
    assert shown.committed == alteration.value
    execution, entries = specified(other)
    assert execution.roots["traceRoot"] == other.trace_root
    assert execution.model["programRoot"] == engine.program.commitment.program_root
    entry = entries[fault.slot - len(engine.program.inputs)]
    assert evidence(other, fault) == execution.evidence(entry, fault.element).encode()


@pytest.mark.deep
@settings(max_examples=1_000, deadline=None)
@given(SEEDS)
def test_find_fault__many_altered_elements__are_found_and_shown(seed: int) -> None:
    test_find_fault__one_altered_element_anywhere__is_found_and_shown.hypothesis.inner_test(seed)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_evaluation__compiled_programs__agrees_with_the_page(seed: int) -> None:
    model = RandomModel(seed)
    trace = Engine(compile_tosa(model.file), threads=1).run(model.inputs(1))[0]
    execution, entries = specified(trace)
    for slot, entry in enumerate(entries[: len(trace.program.materialised)], len(trace.program.inputs)):
        for element in {0, entry.output.count - 1, entry.output.count // 3}:
            expected = spec.Evaluation().evaluate(entry, element)
            assert step(trace, slot, element).computed == expected == entry.output.values[element]
            assert (
                element_evidence(trace, slot, element, check=False)
                == execution.evidence(entry, element).encode()
            )


def test_find_fault__equal_traces__is_none(digits: Program, images: np.ndarray) -> None:
    engine = Engine(digits)
    first, second = engine.run([images[:1]])[0], engine.run([images[:1]])[0]
    assert find_fault(first, second, output_root=first.output_root) is None


def test_element_evidence__of_a_right_element__raises(digits: Program, images: np.ndarray) -> None:
    """G1: with no wrong element there is nothing to show."""
    trace = Engine(digits).run([images[:1]])[0]
    for slot in range(1, 6):
        with pytest.raises(NoFault):
            element_evidence(trace, slot, 0)
    with pytest.raises(PositionError):
        element_evidence(trace, 0, 0)
    with pytest.raises(PositionError):
        element_evidence(trace, 1, 1024)


def test_find_fault__another_input_or_output__is_shown_by_the_roots(
    digits: Program, images: np.ndarray
) -> None:
    """G4: wrong input, wrong output."""
    engine = Engine(digits)
    own, other = engine.run([images[:2]])
    fault = find_fault(own, other)
    assert fault == Fault(EvidenceKind.INPUT, 0, 0)
    siblings = [other.slot_roots[1], *(other.trace_nodes(level, 1, 1)[0] for level in (1, 2))]
    assert evidence(other, fault) == b"\x02" + other.slot_roots[0] + b"".join(siblings)

    fault = find_fault(own, own, output_root=other.output_root)
    assert fault == Fault(EvidenceKind.OUTPUT, 5, 0)
    shown = evidence(own, fault)
    assert shown[:33] == b"\x03" + own.slot_roots[5]
    node, index = own.slot_roots[5], 5
    for at in range(33, len(shown), 32):
        sibling = shown[at : at + 32]
        node = keccak256(sibling + node if index % 2 else node + sibling)
        index //= 2
    assert node == own.trace_root
    with pytest.raises(ValueError, match="place"):
        root_evidence(own, EvidenceKind.ELEMENT)


def test_evidence__window_in_the_padding__opens_what_it_links(images: np.ndarray) -> None:
    """Nothing of the input or the weight is read; both must be opened all the same."""
    model = Model()
    source = model.clamp(model.input((1, 2, 2, 3)), -100, 100)
    made = model.conv2d(
        source, np.ones((5, 1, 1, 3), np.int64), np.arange(5), pad=(3, 3, 3, 3), zero_points=(1, 0)
    )
    model.output(model.rescale(made, DType.INT8, [1 << 30], [30]))
    trace = Engine(compile_tosa(model.serialize())).run([np.full((1, 1, 2, 2, 3), 9)])[0]
    found = step(trace, 1, 4)
    assert (found.computed, found.is_fault) == (4, False)
    execution, entries = specified(trace)
    assert element_evidence(trace, 1, 4, check=False) == execution.evidence(entries[0], 4).encode()


# ---- What an operator answers --------------------------------------------------------------------


def test_nodes__every_level__hash_up_to_the_root(digits: Program, images: np.ndarray) -> None:
    trace = Engine(digits).run([images[:1]])[0]
    for slot in (*range(6), None):
        leaves = 6 if slot is None else trace.descriptor(slot).chunks
        root = trace.trace_root if slot is None else trace.slot_roots[slot]
        empty = bytes(32)
        for level in range(tree_depth(leaves)):
            nodes, above = (_nodes(trace, slot, k, tree_width(leaves, k)) for k in (level, level + 1))
            padded = [*nodes, empty] if len(nodes) % 2 else nodes
            assert above == [keccak256(a + b) for a, b in zip(padded[::2], padded[1::2], strict=True)]
            empty = keccak256(empty + empty)
        assert _nodes(trace, slot, tree_depth(leaves), 1) == [root]
        if slot is not None:
            chunks = trace.chunks(slot, 0, leaves)
            assert _nodes(trace, slot, 0, leaves) == [keccak256(chunk) for chunk in chunks]


def _nodes(trace: Trace, slot: int | None, level: int, count: int) -> list[bytes]:
    return trace.trace_nodes(level, 0, count) if slot is None else trace.tensor_nodes(slot, level, 0, count)


@pytest.mark.parametrize(
    "ask",
    [
        lambda t: t.trace_nodes(0, 6, 1),
        lambda t: t.trace_nodes(0, 5, 2),
        lambda t: t.trace_nodes(0, -1, 1),
        lambda t: t.trace_nodes(4, 0, 1),
        lambda t: t.trace_nodes(-1, 0, 1),
        lambda t: t.trace_nodes(2, 1, 2),
        lambda t: t.tensor_nodes(1, 0, 8, 1),
        lambda t: t.tensor_nodes(6, 0, 0, 1),
        lambda t: t.tensor_nodes(-1, 0, 0, 1),
        lambda t: t.chunks(1, 7, 2),
        lambda t: t.chunks(1, 8, 0),
        lambda t: t.chunks(1, 0, -1),
        lambda t: t.input_nodes(0, 1, 1),
    ],
)
def test_answers__beyond_the_real_width__are_refused(digits: Program, images: np.ndarray, ask: Any) -> None:
    """G5: a padding leaf is no position."""
    with pytest.raises(PositionError):
        ask(Engine(digits).run([images[:1]])[0])


# ---- What a watcher knows ------------------------------------------------------------------------


def dispute(own: Trace, operator: Trace) -> tuple[PartialTrace, Fault, int]:
    """A whole hostile dispute about an element: what is revealed, demand by demand; number of demands."""
    known = PartialTrace(own)
    demands = 2  # the receipt and its request
    slots = len(own.slot_roots)

    # Down the trace tree, 64 nodes at a time, to the first wrong slot.
    level, index = tree_depth(slots), 0
    while level:
        down = min(6, level)
        level, first = level - down, index << down
        count = min(1 << down, tree_width(slots, level) - first)
        nodes = operator.trace_nodes(level, first, count)
        known = known.with_trace_nodes(level, first, nodes)
        demands += 1
        index = first + _first_different(nodes, own.trace_nodes(level, first, count))
    slot, descriptor = index, own.descriptor(index)

    level, index = descriptor.depth, 0
    while level:
        down = min(6, level)
        level, first = level - down, index << down
        count = min(1 << down, tree_width(descriptor.chunks, level) - first)
        nodes = operator.tensor_nodes(slot, level, first, count)
        known = known.with_tensor_nodes(slot, level, first, nodes)
        demands += 1
        index = first + _first_different(nodes, own.tensor_nodes(slot, level, first, count))
    (chunk,) = operator.chunks(slot, index, 1)
    known = known.with_chunks(slot, index, [chunk])
    demands += 1
    element = differing_element(descriptor, own.chunk(slot, index), chunk, first_chunk=index)
    assert element is not None
    return known, Fault(EvidenceKind.ELEMENT, slot, element), demands


def _first_different(theirs: list[bytes], own: list[bytes]) -> int:
    return next(k for k, (a, b) in enumerate(zip(theirs, own, strict=True)) if a != b)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_partial_trace__after_the_demands__gives_the_same_evidence(seed: int) -> None:
    """G5: what was revealed and the own trace before it are enough; so is the depth budget."""
    model = RandomModel(seed)
    engine = Engine(compile_tosa(model.file), threads=1)
    inputs = model.inputs(1)
    operator, alteration = altered(engine, inputs, model.random)
    known, fault, demands = dispute(engine.run(inputs)[0], operator)
    assert (fault.slot, fault.element) == (alteration.slot, alteration.element)
    assert evidence(known, fault) == evidence(operator, fault)
    assert demands <= engine.program.manifest.depth_budget


def test_partial_trace__deep_trees__within_the_budget() -> None:
    """Seventy slots and a tensor of more than 64 chunks: two demands for each tree."""
    model = Model()
    name = model.input((1, 40, 40, 8))
    weight = random_values(np.random.default_rng(1), (8, 1, 1, 8), DType.INT8)
    for _ in range(75):
        made = model.conv2d(name, weight, np.zeros(8, np.int64))
        name = model.rescale(made, DType.INT8, [1 << 30], [36])
    model.output(name)
    engine = Engine(compile_tosa(model.serialize()))
    assert engine.program.commitment.slots > 64
    assert engine.program.manifest.depth_budget == 2 + 2 + 2 + 1
    inputs = [random_values(np.random.default_rng(2), (1, 1, 40, 40, 8), DType.INT8)]
    own = engine.run(inputs)[0]
    for slot, element in ((1, 12_799), (70, 6_400), (75, 0)):
        value = DType.INT8.wrap(int(own.tensors[slot].reshape(-1)[element]) + 1)
        operator = engine.run(inputs, alter=Alteration(slot, element, value))[0]
        known, fault, demands = dispute(own, operator)
        assert (fault.slot, fault.element) == (slot, element)
        assert evidence(known, fault) == evidence(operator, fault)
        assert demands <= 7


def test_partial_trace__nothing_revealed__says_what_is_missing(digits: Program, images: np.ndarray) -> None:
    engine = Engine(digits)
    own = engine.run([images[:1]])[0]
    operator = engine.run([images[:1]], alter=Alteration(2, 5, 1))[0]
    known: CommittedTrace = PartialTrace(own)
    with pytest.raises(NotRevealed) as caught:
        element_evidence(known, 2, 5)
    # Not even whether the operands are the own ones.
    assert (caught.value.what, caught.value.slot) == ("chunk", 1)
    known = PartialTrace(own).with_trace_nodes(0, 0, operator.trace_nodes(0, 0, 6))
    with pytest.raises(NotRevealed):
        element_evidence(known, 2, 5)
    known = known.with_chunks(2, 0, operator.chunks(2, 0, 1))
    with pytest.raises(NotRevealed) as caught:
        element_evidence(known, 2, 5)
    assert (caught.value.what, caught.value.slot, caught.value.level, caught.value.index) == (
        "tensor node",
        2,
        0,
        1,
    )
    known = known.with_tensor_nodes(2, 0, 0, operator.tensor_nodes(2, 0, 0, 8))
    assert element_evidence(known, 2, 5) == element_evidence(operator, 2, 5)


def test_differing_element__padding_only__is_none() -> None:
    """G8: wrong padding is no wrong element; its operator can never reveal it."""
    descriptor = Descriptor(Kind.MATERIALISED, DType.INT32, 1, (3, 3))
    own = bytes(128)
    assert differing_element(descriptor, own, own[:36] + b"\1" + own[37:]) is None
    assert differing_element(descriptor, own, own[:35] + b"\1" + own[36:]) == 8
    stored = Descriptor(Kind.MATERIALISED, DType.INT8, 1, (2, 200), (1, 0))
    assert differing_element(stored, own, b"\1" + own[1:], first_chunk=1) == 64
