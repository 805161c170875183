"""Demands and answers, from a program and executions alone, and the way down to a fault."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onus.protocol import DemandKind, Position
from onus.protocol.merkle import keccak256, root_from_proof
from onus.trace import (
    CHUNK,
    Alteration,
    DType,
    Engine,
    EvidenceKind,
    PartialTrace,
    PositionError,
    Program,
    Trace,
    answer_of,
    compile_tosa,
    descend,
    evidence,
    next_input,
    pursue,
    tree_depth,
    tree_width,
    with_reveal,
    witness_of,
)
from onus.trace._errors import NoFault
from tests.trace.models import Model, RandomModel, altered, random_values

SEEDS = st.integers(0, 10_000)


@dataclass
class Deep:
    """More than 64 slots, and a tensor of more than 64 chunks."""

    engine: Engine
    inputs: list[np.ndarray]
    own: Trace


@pytest.fixture(scope="module")
def deep() -> Deep:
    model = Model()
    name = model.input((1, 40, 40, 8))
    weight = random_values(np.random.default_rng(1), (8, 1, 1, 8), DType.INT8)
    for _ in range(75):
        made = model.conv2d(name, weight, np.zeros(8, np.int64))
        name = model.rescale(made, DType.INT8, [1 << 30], [36])
    model.output(name)
    engine = Engine(compile_tosa(model.serialize()))
    inputs = [random_values(np.random.default_rng(2), (1, 1, 40, 40, 8), DType.INT8)]
    return Deep(engine, inputs, engine.run(inputs)[0])


def positions(program: Program) -> list[Position]:
    """Everything below a receipt that can be demanded."""
    found = _nodes(DemandKind.TRACE_NODES, 0, len(program.slots))
    for slot, descriptor in enumerate(program.slots):
        is_input = slot < len(program.inputs)
        for nodes, chunks in (
            (DemandKind.TENSOR_NODES, DemandKind.CHUNKS),
            *([(DemandKind.INPUT_NODES, DemandKind.INPUT_CHUNKS)] if is_input else []),
        ):
            found += _nodes(nodes, slot, descriptor.chunks)
            found += [Position(kind=chunks, slot=slot, index=at) for at in range(0, descriptor.chunks, 64)]
    return found


def _nodes(kind: DemandKind, slot: int, leaves: int) -> list[Position]:
    return [
        Position(kind=kind, slot=slot, level=level, index=index)
        for level in range(1, tree_depth(leaves) + 1)
        for index in range(tree_width(leaves, level))
    ]


def top(program: Program, position: Position, data: bytes) -> tuple[bytes, int, int]:
    """The node over an answer, folded with zeros by plain hashing: node, level, index."""
    if position.kind in (DemandKind.CHUNKS, DemandKind.INPUT_CHUNKS):
        nodes = [keccak256(data[at : at + CHUNK].ljust(CHUNK, b"\0")) for at in range(0, len(data), CHUNK)]
        span = level = min(6, program.slots[position.slot].depth)
        index = position.index >> level
    else:
        nodes = [data[at : at + 32] for at in range(0, len(data), 32)]
        level, index, span = position.level, position.index, min(6, position.level)
    padding = bytes(32)
    for _ in range(level - span):
        padding = keccak256(padding + padding)
    nodes += [padding] * ((1 << span) - len(nodes))
    while len(nodes) > 1:
        nodes = [keccak256(a + b) for a, b in zip(nodes[::2], nodes[1::2], strict=True)]
    return nodes[0], level, index


def climb(trace: Trace, position: Position) -> tuple[bytes, bytes]:
    """Where an answer leads, and the root that it has to lead to."""
    program, part = trace.program, answer_of(trace, position)
    node, level, index = top(program, position, part.data)
    path = list(part.path)
    of_trace = position.kind is DemandKind.TRACE_NODES
    leaves = len(program.slots) if of_trace else program.slots[position.slot].chunks
    for _ in range(tree_depth(leaves) - level):
        sibling = path.pop(0)
        node = keccak256(node + sibling) if index % 2 == 0 else keccak256(sibling + node)
        index >>= 1
    is_input = position.kind in (DemandKind.INPUT_NODES, DemandKind.INPUT_CHUNKS)
    if not of_trace:
        count = len(program.inputs) if is_input else len(program.slots)
        node = root_from_proof(node, position.slot, path, count=count)
    else:
        assert path == []
    return node, trace.input_root if is_input else trace.trace_root


# ---- answers ----------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_answer_of__every_position__leads_to_the_root(seed: int) -> None:
    """G1, G5: there is nothing real that an honest operator could not answer."""
    model = RandomModel(seed)
    trace = Engine(compile_tosa(model.file), threads=1).run(model.inputs(1))[0]
    for position in positions(trace.program):
        reached, root = climb(trace, position)
        assert reached == root, position


def test_answer_of__deep_trees__leads_to_the_root(deep: Deep) -> None:
    for position in positions(deep.own.program)[:400]:
        reached, root = climb(deep.own, position)
        assert reached == root, position


BAD = [
    Position(kind=DemandKind.RECEIPT),
    Position(kind=DemandKind.TRACE_NODES),
    Position(kind=DemandKind.TRACE_NODES, level=4),
    Position(kind=DemandKind.TRACE_NODES, level=3, index=1),
    Position(kind=DemandKind.TENSOR_NODES, slot=6, level=1),
    Position(kind=DemandKind.TENSOR_NODES, slot=0, level=1),
    Position(kind=DemandKind.TENSOR_NODES, slot=1, level=1, index=4),
    Position(kind=DemandKind.CHUNKS, slot=1, index=1),
    Position(kind=DemandKind.CHUNKS, slot=1, index=64),
    Position(kind=DemandKind.CHUNKS, slot=1, level=1),
    Position(kind=DemandKind.INPUT_CHUNKS, slot=1),
]


@pytest.mark.parametrize("position", BAD, ids=str)
def test_answer_of__what_does_not_exist__is_refused(digits: Program, position: Position) -> None:
    """G5: a padding leaf, an inner node as leaf, an index beyond the real size."""
    trace = Engine(digits).run_encoded([bytes(64)])[0]
    with pytest.raises(PositionError):
        answer_of(trace, position)


# ---- witnesses --------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_witness_of__every_slot__shows_its_descriptor_below_the_program_root(seed: int) -> None:
    program = compile_tosa(RandomModel(seed).file)
    for slot, descriptor in enumerate(program.slots):
        witness = witness_of(program, slot)
        word = 32 * (1 + witness.operand)
        assert witness.entry[word : word + 32] == descriptor.encode()
        root = root_from_proof(
            keccak256(witness.entry), witness.entry_index, witness.path, count=program.commitment.entries
        )
        assert root == program.commitment.program_root
    with pytest.raises(PositionError):
        witness_of(program, len(program.slots))


# ---- the way down -----------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_descend__any_altered_element__is_found_within_the_budget(seed: int) -> None:
    """G2, G5, G8: with the receipt and its request; the evidence is that of the whole trace."""
    model = RandomModel(seed)
    engine = Engine(compile_tosa(model.file), threads=1)
    inputs = model.inputs(1)
    operator, alteration = altered(engine, inputs, model.random)
    own = engine.run(inputs)[0]
    way, fault = descend(own, operator)
    assert (fault.slot, fault.element) == (alteration.slot, alteration.element)
    assert len(set(way)) == len(way)
    assert 2 + len(way) <= engine.program.manifest.depth_budget
    known = PartialTrace(own)
    for position in way:
        known = with_reveal(known, position, answer_of(operator, position).data)
    assert evidence(known, fault) == evidence(operator, fault)


def test_descend__deep_trees__two_demands_each(deep: Deep) -> None:
    for slot, element in ((1, 12_799), (64, 0), (70, 6_400), (75, 0)):
        value = DType.INT8.wrap(int(deep.own.tensors[slot].reshape(-1)[element]) + 1)
        operator = deep.engine.run(deep.inputs, alter=Alteration(slot, element, value))[0]
        way, fault = descend(deep.own, operator)
        assert (fault.slot, fault.element) == (slot, element)
        kinds = [position.kind for position in way]
        assert kinds == [DemandKind.TRACE_NODES] * 2 + [DemandKind.TENSOR_NODES, DemandKind.CHUNKS]
        assert 2 + len(way) <= deep.engine.program.manifest.depth_budget


def test_descend__another_input__is_shown_by_roots(digits: Program) -> None:
    """The trace is of an input that the receipt does not name."""
    engine = Engine(digits)
    own, other = engine.run_encoded([bytes(64), bytes([1]) * 64])
    way, fault = descend(own, other)
    assert [position.kind for position in way] == [DemandKind.TRACE_NODES]
    assert fault.kind is EvidenceKind.INPUT


def test_descend__an_output_that_the_receipt_does_not_name__is_shown_without_the_tensor(
    digits: Program,
) -> None:
    engine = Engine(digits)
    own = engine.run_encoded([bytes(64)])[0]
    operator = engine.run_encoded([bytes(64)], alter=Alteration(2, 5, 1))[0]
    way, fault = descend(own, operator, output_root=own.output_root)
    assert [position.kind for position in way] == [DemandKind.TRACE_NODES]
    assert fault.kind is EvidenceKind.OUTPUT


def test_pursue__what_was_revealed_to_others__is_not_asked_again(deep: Deep) -> None:
    """D11: also where others asked for other pieces than this client would."""
    slot, element = 70, 6_400
    value = DType.INT8.wrap(int(deep.own.tensors[slot].reshape(-1)[element]) + 1)
    operator = deep.engine.run(deep.inputs, alter=Alteration(slot, element, value))[0]
    way, fault = descend(deep.own, operator)
    for position in positions(operator.program):
        if position.kind in (DemandKind.INPUT_CHUNKS, DemandKind.INPUT_NODES):
            continue
        partial = with_reveal(PartialTrace(deep.own), position, answer_of(operator, position).data)
        asked = []
        while isinstance(step := pursue(partial), Position):
            asked.append(step)
            partial = with_reveal(partial, step, answer_of(operator, step).data)
        assert step == fault
        assert position not in asked
        assert len(asked) <= len(way)
        if position.slot not in (0, slot) and position.kind is not DemandKind.TRACE_NODES:
            break


def test_pursue__the_own_execution__shows_nothing(digits: Program) -> None:
    """G1: an honest operator's answers lead nowhere."""
    own = Engine(digits).run_encoded([bytes(64)])[0]
    partial = PartialTrace(own)
    step = pursue(partial)
    assert isinstance(step, Position)
    with pytest.raises(NoFault):
        pursue(with_reveal(partial, step, answer_of(own, step).data))


# ---- inputs -----------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_next_input__run_by_run__is_what_was_put_in(seed: int) -> None:
    """G5: nothing is served, so the input is demanded; with one demand for each begun 8 KiB of an input."""
    model = RandomModel(seed)
    trace = Engine(compile_tosa(model.file), threads=1).run(model.inputs(1))[0]
    known: dict[Position, bytes] = {}
    while isinstance(step := next_input(trace.program, known), Position):
        known[step] = answer_of(trace, step).data
    assert step == trace.input_bytes
    manifest = trace.program.manifest
    pages = -(-manifest.input_bytes // 8_192)
    # What several inputs need above that is in the depth budget.
    assert len(known) <= pages + len(trace.program.inputs) - 1


def test_an_input_without_influence__is_refused_by_name() -> None:
    """G13: nobody could demand it, so that nobody could execute again what its operator withholds."""
    from onus.trace import UnsupportedStructure

    model = Model()
    used, _ = model.input((1, 4, 4, 8)), model.input((1, 4, 4, 8))
    model.output(model.rescale(used, DType.INT8, [1 << 30], [30]))
    with pytest.raises(UnsupportedStructure, match="leads to an output"):
        compile_tosa(model.serialize())
