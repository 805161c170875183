"""From file to program: deterministic, as docs/trace.md says, and within the limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from eth_abi import encode as abi_encode
from hypothesis import given, settings
from hypothesis import strategies as st

from onus.protocol.merkle import keccak256
from onus.protocol.merkle import root as merkle_root
from onus.trace import (
    DType,
    Engine,
    Entry,
    InvalidOperator,
    Kind,
    LimitExceeded,
    ManifestMismatch,
    Opcode,
    Program,
    Trace,
    UnsupportedOperator,
    UnsupportedStructure,
    UnsupportedType,
    check_model,
    compile_tosa,
    element_evidence,
    step,
)
from tests.trace.models import INEXACT, Model, RandomModel, Values, random_values

SEEDS = st.integers(0, 2**32 - 1)
R = np.random.default_rng(5)


def chain(program: Program, entry: Entry) -> list[str]:
    """Operators of a step, following the first operand."""
    names = [entry.opcode.name]
    while entry.inputs[0].kind is Kind.VIRTUAL:
        entry = program.entries[entry.inputs[0].reference]
        names.append(entry.opcode.name)
    return names


def slots_below(program: Program, entry: Entry) -> set[int]:
    """Slots that a step of an entry reads."""
    found = set()
    for descriptor in entry.inputs:
        if descriptor.kind is Kind.VIRTUAL:
            found |= slots_below(program, program.entries[descriptor.reference])
        elif descriptor.kind is not Kind.CONSTANT:
            found.add(descriptor.reference)
    return found


# ---- The program ---------------------------------------------------------------------------------


def test_compile__identical_operators_and_constants__become_one() -> None:
    model = Model()
    x = model.input((4, 5))
    one, two = (model.rescale(x, DType.INT32, [1 << 30], [30], input_zp=3) for _ in range(2))
    other = model.rescale(x, DType.INT32, [1 << 30], [31], input_zp=3)
    ones = [model.constant(np.ones((4, 5), np.int64), DType.INT32) for _ in range(2)]
    sums = [model.add(model.add(one, ones[0]), model.add(two, ones[1])), other]
    model.output(model.add(*sums))
    program = compile_tosa(model.serialize())
    assert sorted(entry.opcode.name for entry in program.entries) == ["ADD"] * 3 + ["RESCALE"] * 2
    assert len(program.constants) == 1
    twice = [e for e in program.entries if len(e.inputs) == 2 and e.inputs[0] == e.inputs[1]]
    assert [entry.opcode.name for entry in twice] == ["ADD"]


def test_compile__digits__is_this_program(digits: Program) -> None:
    """Golden: a change here is a change of the compiler's version."""
    assert digits.manifest.source_hash.hex().startswith("ce86a748a13a5352")
    assert [chain(digits, entry) for entry in digits.materialised] == [
        ["RESCALE", "DEPTHWISE_CONV2D", "RESHAPE"],
        ["RESCALE", "DEPTHWISE_CONV2D"],
        ["MAX_POOL2D", "CLAMP", "RESCALE", "ADD", "RESCALE"],
        ["RESHAPE", "TRANSPOSE", "MAX_POOL2D", "RESCALE", "CONV2D"],
        ["RESHAPE", "RESCALE", "CONV2D"],
    ]
    assert digits.commitment.program_root.hex() == PROGRAM_ROOT
    assert digits.commitment.weights_root.hex() == WEIGHTS_ROOT
    assert digits.manifest.hash.hex() == MANIFEST_HASH
    assert (digits.manifest.input_bytes, digits.manifest.trace_bytes) == (64, 2506)
    assert keccak256(digits.encode()).hex() == ENCODING


def test_run__digits__is_this_trace(digits: Program, images: np.ndarray) -> None:
    assert Engine(digits).run([images[:1]]).trace_roots[0].hex() == TRACE_ROOT


PROGRAM_ROOT = "fda7565c218f1599f0b6a99dd1032779a9852dc0a186458ddd6c31e21aa2f8de"
WEIGHTS_ROOT = "73bb8df91f07e7abc93b1876b3bb78b4b4b582f8b679b46840c72b9b8122d750"
MANIFEST_HASH = "2a40bbbf1202cf567e14081052b0bc529167d383ac27ed1d88b6dc14def37eee"
ENCODING = "54297d560635cbbff329527664f4761cf4b061ef1b37e6569bec86d7b81a84b5"
TRACE_ROOT = "7b4ff882b9a5150aeaeeedde1ba4aee0de5000a83a78bed793ef9d276cdc9baa"


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_compile__twice__same_bytes(seed: int) -> None:
    file = RandomModel(seed).file
    first, second = compile_tosa(file), compile_tosa(bytes(bytearray(file)))
    assert first.encode() == second.encode()
    assert first.manifest == second.manifest


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_compile__any_model__keeps_the_rules_of_the_format(seed: int) -> None:
    model = RandomModel(seed, operators=12)
    program = compile_tosa(model.file)
    commitment = program.commitment
    inputs, slots = commitment.inputs, commitment.slots
    assert inputs == len(program.inputs) >= 1
    assert (commitment.entries, commitment.constants) == (len(program.entries), len(program.constants))
    known: dict[tuple[bool, Kind, int], bytes] = {}
    for slot, descriptor in enumerate(program.inputs):
        assert (descriptor.kind, descriptor.reference, descriptor.layout) == (Kind.INPUT, slot, ())
    for index, constant in enumerate(program.constants):
        assert (constant.descriptor.kind, constant.descriptor.reference) == (Kind.CONSTANT, index)
    for index, entry in enumerate(program.entries):
        data = entry.encode()
        assert len(data) == 32 * (2 + len(entry.inputs)) != 64
        assert Entry.decode(data) == entry
        if index + inputs < slots:
            assert (entry.output.kind, entry.output.reference) == (Kind.MATERIALISED, index + inputs)
        else:
            assert (entry.output.kind, entry.output.reference) == (Kind.VIRTUAL, index)
        for descriptor in (entry.output, *entry.inputs):
            key = (descriptor.kind is Kind.CONSTANT, descriptor.kind, descriptor.reference)
            assert known.setdefault(key, descriptor.encode()) == descriptor.encode()
        for descriptor in entry.inputs:
            if descriptor.kind is Kind.VIRTUAL and entry.output.kind is Kind.VIRTUAL:
                assert descriptor.reference < index
    for slot, entry in enumerate(program.materialised, inputs):
        assert all(read < slot for read in slots_below(program, entry))
    for slot in program.output_slots:
        assert program.slots[slot].layout == ()
    assert [program.slots[s].shape for s in program.output_slots] == [
        model.model.shapes[name] for name in model.model.outputs
    ]


def test_manifest__hash__is_that_of_the_contract(digits: Program) -> None:
    m, c = digits.manifest, digits.commitment
    counts = ["uint16"] * 5
    encoded = abi_encode(
        ["bytes32", "bytes32", "bytes32", *counts, "uint32", "uint64", "uint16", "uint16"],
        [
            m.source_hash,
            c.program_root,
            c.weights_root,
            c.inputs,
            c.outputs,
            c.slots,
            c.entries,
            c.constants,
            m.input_bytes,
            m.trace_bytes,
            m.depth_budget,
            m.compiler_version,
        ],
    )
    assert m.hash == keccak256(encoded)


def test_manifest__roots__are_those_of_the_plain_definition(digits: Program, digits_file: bytes) -> None:
    assert digits.manifest.source_hash == keccak256(digits_file)
    assert digits.commitment.program_root == merkle_root([keccak256(e.encode()) for e in digits.entries])
    roots = []
    for constant in digits.constants:
        data = constant.committed.tobytes()
        roots.append(merkle_root([keccak256(data[at : at + 128]) for at in range(0, len(data), 128)]))
    assert digits.commitment.weights_root == merkle_root(roots)


def test_check_model__another_manifest__names_the_fields(digits: Program, digits_file: bytes) -> None:
    assert check_model(digits_file, digits.manifest).manifest == digits.manifest
    wrong = replace(digits.manifest, depth_budget=9, commitment=replace(digits.commitment, slots=7))
    with pytest.raises(ManifestMismatch, match="depth_budget, slots") as caught:
        check_model(digits_file, wrong)
    assert caught.value.fields == ("depth_budget", "slots")


def test_check_model__another_file__does_not_pass(digits: Program, digits_file: bytes) -> None:
    """G13: roots that do not recompile."""
    altered = bytearray(digits_file)
    at = digits_file.index(digits.constants[9].values.tobytes())
    altered[at] ^= 1
    with pytest.raises(ManifestMismatch) as caught:
        check_model(bytes(altered), digits.manifest)
    assert caught.value.fields == ("source_hash", "weights_root")


# ---- Choices -------------------------------------------------------------------------------------


def convolved(model: Model, source: str, outputs: int = 4) -> str:
    channels = model.shapes[source][3]
    weight = random_values(R, (outputs, 3, 3, channels), DType.INT8)
    made = model.conv2d(source, weight, random_values(R, (outputs,), DType.INT32), pad=(1, 1, 1, 1))
    return model.rescale(made, DType.INT8, [1 << 30], [38])


def test_compile__convolution_bias_rescale_clamp__is_one_step() -> None:
    model = Model()
    one = model.clamp(convolved(model, model.input((1, 6, 6, 8))), 0, 100)
    model.output(convolved(model, one))
    program = compile_tosa(model.serialize())
    assert [chain(program, e) for e in program.materialised] == [
        ["CLAMP", "RESCALE", "CONV2D"],
        ["RESCALE", "CONV2D"],
    ]


def test_compile__accumulators__are_never_committed() -> None:
    model = Model()
    made = convolved(model, convolved(model, convolved(model, model.input((1, 6, 6, 8)))))
    model.output(made)
    program = compile_tosa(model.serialize())
    assert {d.dtype for d in program.slots} == {DType.INT8}


def test_compile__constant_operators__are_folded() -> None:
    model = Model()
    values = random_values(R, (1, 4, 4, 3), DType.INT8)
    folded = model.rescale(model.constant(values, DType.INT8), DType.INT32, [1 << 30], [28])
    folded = model.add(folded, model.constant(np.full((1, 1, 1, 1), 7), DType.INT32))
    folded = model.transpose(folded, [0, 2, 1, 3])
    model.output(model.add(model.input((1, 4, 4, 3), DType.INT32), folded))
    program = compile_tosa(model.serialize())
    assert [e.opcode for e in program.entries] == [Opcode.ADD]
    assert len(program.constants) == 1
    expected = (values * 4 + 7).transpose(0, 2, 1, 3)
    assert np.array_equal(program.constants[0].values, expected)


def test_compile__operators_nobody_needs__are_left_out() -> None:
    model = Model()
    source = model.input((1, 4, 4, 3))
    convolved(model, source)
    model.output(model.clamp(source, 0, 5))
    assert [e.opcode for e in compile_tosa(model.serialize()).entries] == [Opcode.CLAMP]


def test_compile__outputs_that_are_something_else_too__get_an_identity() -> None:
    model = Model()
    source = model.input((2, 3))
    constant = model.constant(np.array([1, 2, 3]), DType.INT8)
    clamped = model.clamp(source, 0, 5)
    last = model.clamp(clamped, 0, 3)
    for name in (source, constant, clamped, last, last):
        model.output(name)
    program = compile_tosa(model.serialize())
    made = [program.producer(slot) for slot in program.output_slots]
    assert [e.opcode for e in made] == [
        Opcode.IDENTITY,
        Opcode.IDENTITY,
        Opcode.IDENTITY,
        Opcode.CLAMP,
        Opcode.IDENTITY,
    ]
    given = np.array([[[9, 4, -1], [2, 3, 1]]])
    outputs = [o[0].tolist() for o in Engine(program).execute([given])]
    clipped, cut = given[0].clip(0, 5).tolist(), given[0].clip(0, 3).tolist()
    assert outputs == [given[0].tolist(), [1, 2, 3], clipped, cut, cut]


def test_compile__sums_of_sums__stay_within_the_limits() -> None:
    """14 nested ADD(t, t) read 2^14 elements for one: some of them are committed."""
    model = Model()
    name = model.input((3,), DType.INT32)
    for _ in range(60):
        name = model.add(name, name)
    model.output(name)
    program = compile_tosa(model.serialize())
    assert max(cost.evaluations for cost in program.costs) <= 2_000
    assert max(cost.depth for cost in program.costs) <= 64
    trace = Engine(program).run([np.array([[1, -5, 3]])])[0]
    assert trace.outputs[0].tolist() == [0, 0, 0]


def test_compile__long_chains__are_cut() -> None:
    model = Model()
    name = model.input((3,))
    for k in range(3000):
        name = model.clamp(name, -100 + k % 50, 100)
    model.output(name)
    program = compile_tosa(model.serialize())
    assert max(cost.depth for cost in program.costs) <= 64
    assert Engine(program).execute([np.array([[-128, 0, 127]])])[0].tolist() == [[-51, 0, 100]]


def test_compile__depthwise_weights__are_stored_by_channel() -> None:
    """A step reads the nine weights of one channel: together they are in one chunk, else in nine."""
    model = Model()
    source = model.input((1, 5, 5, 256))
    weight = random_values(R, (3, 3, 256, 1), DType.INT8)
    made = model.conv2d(source, weight, np.zeros(256, np.int64), depthwise=True)
    model.output(made)
    program = compile_tosa(model.serialize())
    stored = next(c for c in program.constants if c.descriptor.shape == (3, 3, 256, 1))
    assert stored.descriptor.layout == (2, 3, 0, 1)
    trace = Engine(program).run([random_values(R, (1, 1, 5, 5, 256), DType.INT8)])[0]
    assert not any(step(trace, 1, element).is_fault for element in range(0, 9 * 256, 100))


def test_compile__input_of_a_global_pool__is_stored_by_channel_if_that_is_cheaper() -> None:
    """64 cells far apart are 64 chunks; together they are one, but each row of them is dearer to find."""

    def pooled(outputs: int) -> tuple[Program, Trace]:
        model = Model()
        source = convolved(model, model.input((1, 8, 8, 2)))
        model.output(model.max_pool2d(convolved(model, source, outputs), (8, 8), (1, 1)))
        program = compile_tosa(model.serialize())
        return program, Engine(program).run([random_values(R, (1, 1, 8, 8, 2), DType.INT8)])[0]

    program, trace = pooled(512)
    source = program.producer(program.output_slots.start).inputs[0]
    assert (source.kind, source.layout) == (Kind.MATERIALISED, (0, 3, 1, 2))
    for slot, element in ((source.reference, 777), (program.output_slots.start, 511)):
        found = step(trace, slot, element)
        assert not found.is_fault
        assert len(found.chunks.get(source, ())) <= 2
    program, _ = pooled(16)
    assert program.producer(program.output_slots.start).inputs[0].layout == ()


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_costs__are_upper_bounds(seed: int) -> None:
    model = RandomModel(seed)
    program = compile_tosa(model.file)
    trace = Engine(program, threads=1).run(model.inputs(1))[0]
    for slot, cost in enumerate(program.costs, len(program.inputs)):
        for element in {0, program.slots[slot].count - 1, program.slots[slot].count // 2}:
            assert len(element_evidence(trace, slot, element, check=False)) <= cost.evidence_bytes


# ---- Refusals ------------------------------------------------------------------------------------


def refuse(build: Callable[[Model], str], error: type[Exception], match: str) -> None:
    model = Model()
    model.output(build(model))
    with pytest.raises(error, match=match):
        compile_tosa(model.serialize())


def test_compile__unsupported_operator__is_named_with_its_place() -> None:
    model = Model()
    source = model.clamp(model.input((1, 4)), 0, 5)
    model.output(model.operator(14, [source], (1, 4), DType.INT8))
    with pytest.raises(UnsupportedOperator, match=r"operator 1, TANH \(tensor2\): not supported") as caught:
        compile_tosa(model.serialize())
    assert (caught.value.name, caught.value.place.index, caught.value.place.output) == ("TANH", 1, "tensor2")  # type: ignore[union-attr]


def conv(**changes: object) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        weight: Values = np.ones((2, 3, 3, 4), np.int64)
        options = {"weight": weight, "bias": np.zeros(2, np.int64)} | changes
        return model.conv2d(model.input((1, 6, 6, 4)), **options)  # type: ignore[arg-type]

    return build


def scale(**changes: object) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        options = {
            "dtype": DType.INT8,
            "multipliers": [1 << 30],
            "shifts": [30],
            "given": DType.INT8,
        } | changes
        return model.rescale(model.input((2, 3), options.pop("given")), **options)  # type: ignore[arg-type]

    return build


def pair(model: Model, dtype: DType) -> tuple[str, str]:
    return model.input((2,), dtype), model.input((2,), dtype)


@pytest.mark.parametrize(
    ("build", "error", "match"),
    [
        (conv(stride=(2, 2)), InvalidOperator, "do not divide"),
        (conv(weight=np.ones((2, 3, 3, 5), np.int64)), InvalidOperator, "5 channels, the input has 4"),
        (conv(bias=np.zeros(3, np.int64)), InvalidOperator, "bias has 3 elements"),
        (conv(pad=(-1, 0, 0, 0)), InvalidOperator, "Pad"),
        (conv(pad=(70000, 0, 0, 0)), InvalidOperator, "Pad"),
        (conv(pad=(65535, 65462, 65535, 65462), stride=(1000, 1000)), LimitExceeded, "padded input"),
        (conv(weight=np.ones((1, 1, 1, 4), np.int64), weight_type=DType.INT16), UnsupportedType, "INT16"),
        (conv(weight=np.full((1, 1, 1, 4), -8), weight_type=DType.INT4), InvalidOperator, "INT4 ends at -7"),
        (scale(shifts=[1]), InvalidOperator, "shifts must be"),
        (scale(shifts=[63]), InvalidOperator, "shifts must be"),
        (scale(multipliers=[-1]), InvalidOperator, "negative"),
        (scale(rounding=INEXACT), InvalidOperator, "rounding mode 2"),
        (scale(dtype=DType.INT16, output_zp=1), InvalidOperator, "zero point 1 is not allowed"),
        (scale(given=DType.INT32, input_zp=3), InvalidOperator, "zero point 3 is not allowed"),
        (scale(given=DType.INT48), InvalidOperator, "16-bit scale"),
        (scale(input_unsigned=True, output_unsigned=True), InvalidOperator, "both be unsigned"),
        (scale(dtype=DType.INT32, input_unsigned=True), InvalidOperator, "cannot be rescaled"),
        (scale(dtype=DType.INT48), UnsupportedType, "INT48"),
        (scale(multipliers=[1, 2, 3], shifts=[2, 3, 4]), InvalidOperator, r"shape \(1,\)"),
        (lambda m: m.clamp(m.input((2,)), 5, 4), InvalidOperator, "smallest value 5"),
        (lambda m: m.add(m.input((2,)), m.input((2,))), UnsupportedType, "INT8"),
        (
            lambda m: m.max_pool2d(m.input((1, 4, 4, 1)), (2, 2), (1, 1), (2, 0, 0, 0)),
            InvalidOperator,
            "padding",
        ),
        (lambda m: m.transpose(m.input((2, 3)), [0, 0]), InvalidOperator, "no permutation"),
        (lambda m: m.reshape(m.input((2, 3)), (7,)), InvalidOperator, "cannot be reshaped"),
        (lambda m: m.reshape(m.input((2, 3), DType.INT48), (6,)), UnsupportedType, "INT48"),
        (lambda m: m.identity(m.input((1,) * 7)), InvalidOperator, "rank 7"),
        # Types.
        (lambda m: m.elementwise("ABS", m.input((2,))), UnsupportedType, "ABS .* INT8 .* must be INT32"),
        (lambda m: m.elementwise("SUB", *pair(m, DType.INT16)), UnsupportedType, "INT16 .* must be INT32"),
        (lambda m: m.elementwise("MAXIMUM", *pair(m, DType.INT8)), UnsupportedType, "must be INT32"),
        (lambda m: m.elementwise("LOGICAL_AND", *pair(m, DType.INT8)), UnsupportedType, "must be BOOL"),
        (lambda m: m.elementwise("BITWISE_OR", *pair(m, DType.BOOL)), UnsupportedType, "must be INT8 or"),
        (
            lambda m: m.elementwise("ADD", m.input((2,), DType.INT32), m.input((2,))),
            UnsupportedType,
            "input 1 of type INT8",
        ),
        (
            lambda m: m.elementwise("EQUAL", *pair(m, DType.INT32)),
            UnsupportedType,
            "an output of type INT32 is not supported; it must be BOOL",
        ),
        (lambda m: m.elementwise("SELECT", *[m.input((2,))] * 3), UnsupportedType, "must be BOOL"),
        (
            lambda m: m.elementwise("CAST", m.input((2,))),
            UnsupportedType,
            "output of type INT8 .* BOOL or INT16",
        ),
        (lambda m: m.negate(m.input((2,), DType.INT48)), UnsupportedType, "INT48"),
        (lambda m: m.table(m.input((2,), DType.INT32), np.zeros(256)), UnsupportedType, "INT32"),
        (
            lambda m: m.avg_pool2d(m.input((1, 2, 2, 1), DType.INT32), (2, 2), (1, 1)),
            UnsupportedType,
            "INT32",
        ),
        (lambda m: m.reduce("REDUCE_SUM", m.input((2, 3)), 1), UnsupportedType, "must be INT32"),
        (lambda m: m.reduce("REDUCE_ANY", m.input((2, 3)), 1), UnsupportedType, "must be BOOL"),
        (lambda m: m.reduce("ARGMAX", m.input((2, 3), DType.INT32), 1), UnsupportedType, "INT8 or INT16"),
        # Shapes and attributes.
        (
            lambda m: m.operator(
                30, [m.input((2, 3), DType.INT32), m.input((2,), DType.INT32)], (2, 3), DType.INT32
            ),
            InvalidOperator,
            "one rank",
        ),
        (
            lambda m: m.operator(
                30, [m.input((2,), DType.INT32), m.input((3,), DType.INT32)], (3,), DType.INT32
            ),
            InvalidOperator,
            "do not broadcast",
        ),
        (lambda m: m.mul(*pair(m, DType.INT32), shift=64), InvalidOperator, "from 0 to 63"),
        (
            lambda m: m.mul(*pair(m, DType.INT8), shift=1),
            InvalidOperator,
            "INT8 is multiplied without a shift",
        ),
        (
            lambda m: m.negate(m.input((2,), DType.INT16), (1, 0)),
            InvalidOperator,
            "only INT8 has a zero point",
        ),
        (lambda m: m.table(m.input((2,)), np.zeros(255)), InvalidOperator, r"shape \(256,\)"),
        (lambda m: m.table(m.input((2,), DType.INT16), np.zeros(512)), InvalidOperator, r"shape \(513,\)"),
        (lambda m: m.table(m.input((2,)), m.input((256,))), InvalidOperator, "must be constant"),
        (
            lambda m: m.avg_pool2d(m.input((1, 4, 4, 1)), (2, 2), (1, 1), (2, 0, 0, 0)),
            InvalidOperator,
            "padding must be smaller",
        ),
        (
            lambda m: m.avg_pool2d(m.input((1, 4, 4, 1)), (2, 2), (1, 1), total=DType.INT16),
            InvalidOperator,
            "accumulator must be INT32",
        ),
        (
            lambda m: m.avg_pool2d(m.input((1, 4, 4, 1), DType.INT16), (2, 2), (1, 1), zero_points=(0, 1)),
            InvalidOperator,
            "only INT8 has a zero point",
        ),
        (lambda m: m.reduce("REDUCE_MAX", m.input((2, 3)), 2), InvalidOperator, "Axis 2 must be from 0 to 1"),
        (lambda m: m.reduce("REDUCE_MAX", m.input((2, 3)), -1), InvalidOperator, "Axis -1 must be"),
        (lambda m: m.reduce("REDUCE_MIN", m.input(()), 0), InvalidOperator, "has no axis"),
        (
            lambda m: m.operator(32, [m.input((2,), DType.INT32)] * 2, (2,), DType.INT32),
            InvalidOperator,
            "1 inputs are needed, 2 given",
        ),
    ],
)
def test_compile__what_tosa_does_not_define__is_refused(
    build: Callable[[Model], str], error: type[Exception], match: str
) -> None:
    refuse(build, error, match)


@pytest.mark.parametrize("type_", [7, 8, 9, 11, 17, 18])
def test_compile__other_types__are_refused_with_their_place(type_: int) -> None:
    model = Model()
    source = model.input((2, 3))
    model.output(model.operator(15, [source, source], (2, 3), type_))  # type: ignore[arg-type]
    with pytest.raises(UnsupportedType, match=r"operator 0, ADD \(tensor1\)"):
        compile_tosa(model.serialize())


def test_compile__no_inputs__is_refused() -> None:
    refuse(lambda m: m.identity(m.vector([1, 2], DType.INT8)), UnsupportedStructure, "no inputs")


def test_compile__at_the_limit_of_a_contraction__passes_and_above_it_does_not() -> None:
    """G11."""

    def dense(length: int) -> bytes:
        model = Model()
        weight = np.ones((1, 1, 1, length), np.int64)
        model.output(model.conv2d(model.input((1, 1, 1, length)), weight, np.zeros(1, np.int64)))
        return model.serialize()

    program = compile_tosa(dense(25_000))
    trace = Engine(program).run([random_values(R, (1, 1, 1, 1, 25_000), DType.INT8)])[0]
    assert not step(trace, 1, 0).is_fault
    assert len(element_evidence(trace, 1, 0, check=False)) <= 64 * 1024
    with pytest.raises(LimitExceeded, match=r"products of one element: 30001 is above 30000") as caught:
        compile_tosa(dense(30_001))
    assert caught.value.place is not None


def test_compile__too_many_tensors__is_refused() -> None:
    model = Model()
    name = model.input((1,))
    for _ in range(4_200):
        name = model.identity(name)
    model.output(name)
    with pytest.raises(LimitExceeded, match="entries of the program"):
        compile_tosa(model.serialize())


def test_compile__small_file_with_huge_tensors__is_refused_at_once() -> None:
    """G12: broadcasting and constant folding cost nothing in the file."""
    wide = Model()
    left, right = wide.input((1 << 14, 1), DType.INT32), wide.input((1, 1 << 14), DType.INT32)
    name = wide.add(left, right)
    for _ in range(5):
        name = wide.add(name, name)
    wide.output(name)
    with pytest.raises(LimitExceeded, match="elements of all tensors"):
        compile_tosa(wide.serialize())

    folded = Model()
    axes = [folded.constant(np.zeros(shape, np.int64), DType.INT32) for shape in ((1 << 13, 1), (1, 1 << 13))]
    folded.output(folded.add(folded.input((1, 1), DType.INT32), folded.add(*axes)))
    with pytest.raises(LimitExceeded, match="folded constants"):
        compile_tosa(folded.serialize())
