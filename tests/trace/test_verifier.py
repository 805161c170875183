"""`TraceVerifier` decides as docs/trace.md says, and as the client computes: G8, G9, G10, G11, G14.

For every operator random programs at the extremes of shapes, attributes and values are evaluated four times:
by the contract, by `onus.trace`, by the plain model in `spec.py`, and as arrays.
"""

from __future__ import annotations

import numpy as np
import pytest

from onus import trace as onus
from scripts.build import ROOT
from tests.support.chain import Contract, Revert
from tests.trace import arrays
from tests.trace.cases import BINARY, Case, case
from tests.trace.client import evidence_of, step_of
from tests.trace.spec import REDUCTIONS, Entry, Execution, Kind, Op, Program, Tensor, Type

CASES, DEEP_CASES = 100, 1000


def verdict(verifier: Contract, execution: Execution, evidence: bytes) -> tuple[int, int] | Revert:
    """Slot and element of the fault shown, or why there is none."""
    arguments = (execution.model, execution.roots, evidence)
    return verifier.fault.revert(*arguments) or tuple(verifier.fault.call(*arguments))


def prove(verifier: Contract, case: Case) -> tuple[int, int] | Revert:
    """Verdict on the accused element as it stands."""
    execution = case.execution()
    return verdict(verifier, execution, execution.evidence(case.entry, case.element).encode())


# ---- Every operator ----------------------------------------------------------------------------------------


def check(verifier: Contract, case: Case, flip: int) -> None:
    output, element = case.entry.output, case.element
    value = case.settle()
    assert value == arrays.output(case.entry).reshape(-1)[element]
    execution = case.execution()
    evidence = execution.evidence(case.entry, element).encode()
    assert step_of(execution, case.entry, element) == value
    assert evidence_of(execution, case.entry, element) == evidence
    assert verdict(verifier, execution, evidence) == Revert("Trace_NoFault")

    # Any bit of the stored bytes: also those that decoding ignores.
    output.values[element] = value ^ 1 << flip % (8 * output.type.size)
    assert prove(verifier, case) == (output.reference, element)


@pytest.mark.parametrize("operator", Op, ids=lambda op: op.name)
def test_fault__random_programs__chain_client_spec_and_arrays_agree(verifier: Contract, operator: Op) -> None:
    for seed in range(CASES):
        check(verifier, case(operator, seed), seed)


@pytest.mark.deep
@pytest.mark.parametrize("operator", Op, ids=lambda op: op.name)
def test_fault__many_random_programs__all_agree(verifier: Contract, operator: Op) -> None:
    for seed in range(CASES, CASES + DEEP_CASES):
        check(verifier, case(operator, seed), seed)


@pytest.mark.parametrize("operator", Op, ids=lambda op: op.name)
def test_fault__right_tensor__no_element_of_it_is_a_fault(verifier: Contract, operator: Op) -> None:
    each = min((case(operator, seed) for seed in range(20)), key=lambda c: abs(c.entry.output.count - 24))
    each.settle_all()
    for element in range(each.entry.output.count):
        each.element = element
        assert prove(verifier, each) == Revert("Trace_NoFault")


# ---- Numbers worked out by hand ----------------------------------------------------------------------------


def unary(op: Op, attributes: dict[str, int], source: Type, target: Type, value: int) -> Case:
    """One element through one operator."""
    x = Tensor(Kind.INPUT, source, (1,), [value])
    entry = Entry(op, Tensor(Kind.MATERIALISED, target, (1,), [0]), [x], attributes)
    return Case(Program([x], [], [entry]), entry, 0)


RESCALED = [
    # value, multiplier, shift, double round, result: ties go up, also below zero.
    (1, 1 << 30, 31, False, 1),
    (-1, 1 << 30, 31, False, 0),
    (-3, 1 << 30, 31, False, -1),
    (3, 1 << 30, 31, False, 2),
    (-3, 1, 2, False, -1),
    (-2, 1, 2, False, 0),
    (-6, 1, 2, False, -1),
    # Double rounding applies above a shift of 31, away from zero.
    (-1, 1 << 30, 31, True, 0),
    (-1, 1 << 30, 32, True, 0),
    (-1, 1 << 30, 32, False, 0),
    (2, 1 << 30, 32, False, 1),
    (2, 1 << 30, 32, True, 1),
    (-2, 1 << 30, 32, False, 0),
    (-2, 1 << 30, 32, True, -1),
    (1, 1 << 30, 32, False, 0),
    (1, 1 << 30, 32, True, 1),
    (-(2**31), 2**31 - 1, 62, False, -1),
    (2**31 - 1, 2**31 - 1, 62, False, 1),
    # Saturation, at both ends.
    (2**31 - 1, 2**31 - 1, 2, False, 127),
    (-(2**31), 2**31 - 1, 2, False, -128),
    (127 * 4, 1, 2, False, 127),
    (128 * 4, 1, 2, False, 127),
    (-128 * 4 - 2, 1, 2, False, -128),
    (-129 * 4 - 2, 1, 2, False, -128),
]


@pytest.mark.parametrize(("value", "multiplier", "shift", "double", "result"), RESCALED)
def test_rescale__rounding_and_saturation(
    verifier: Contract, value: int, multiplier: int, shift: int, double: bool, result: int
) -> None:
    attributes = {"multiplier": multiplier, "shift": shift, "flags": 1 + 2 * double}
    each = unary(Op.RESCALE, attributes, Type.INT32, Type.INT8, value)
    each.entry.output.values = [result]
    assert prove(verifier, each) == Revert("Trace_NoFault")
    each.entry.output.values = [result ^ 1]
    assert prove(verifier, each) == (1, 0)


@pytest.mark.parametrize(
    ("source", "target", "flags", "value", "result"),
    [
        (Type.INT8, Type.INT16, 8, -1, 255),
        (Type.INT8, Type.INT8, 8, -128, 127),
        (Type.INT16, Type.INT8, 16, 200, 200 - 256),
        (Type.INT16, Type.INT8, 16, 300, 255 - 256),
        (Type.INT16, Type.INT8, 16, -300, 0),
        (Type.INT16, Type.INT16, 24, -1, -1),
        (Type.INT48, Type.INT32, 0, 2**47 - 1, 2**31 - 1),
        (Type.INT48, Type.INT32, 0, -(2**47), -(2**31)),
        (Type.INT32, Type.INT48, 0, -(2**31), -(2**31)),
    ],
)
def test_rescale__unsigned_and_wide(
    verifier: Contract, source: Type, target: Type, flags: int, value: int, result: int
) -> None:
    each = unary(Op.RESCALE, {"multiplier": 4, "shift": 2, "flags": flags}, source, target, value)
    each.entry.output.values = [result]
    assert prove(verifier, each) == Revert("Trace_NoFault")


LEAST = -(2**31)
ROUNDED = {"round": 1}
BY_HAND: list[tuple[Op, dict[str, int], Type, Type, tuple[int, ...], int]] = [
    # operator, attributes, type of the operands and of the result, operands, result
    (Op.INTDIV, {}, Type.INT32, Type.INT32, (7, -2), -3),
    (Op.INTDIV, {}, Type.INT32, Type.INT32, (-7, 2), -3),
    (Op.INTDIV, {}, Type.INT32, Type.INT32, (-7, 0), 0),
    (Op.INTDIV, {}, Type.INT32, Type.INT32, (LEAST, -1), LEAST),
    (Op.MUL, {"shift": 1}, Type.INT32, Type.INT32, (3, 1), 2),
    (Op.MUL, {"shift": 1}, Type.INT32, Type.INT32, (-3, 1), -1),
    (Op.MUL, {"shift": 63}, Type.INT32, Type.INT32, (LEAST, LEAST), 1),
    (Op.MUL, {}, Type.INT32, Type.INT32, (1 << 16, 1 << 15), LEAST),
    (Op.MUL, {}, Type.INT8, Type.INT32, (-128, -128), 1 << 14),
    (Op.ARITHMETIC_RIGHT_SHIFT, {}, Type.INT32, Type.INT32, (-5, 1), -3),
    (Op.ARITHMETIC_RIGHT_SHIFT, ROUNDED, Type.INT32, Type.INT32, (-5, 1), -2),
    (Op.ARITHMETIC_RIGHT_SHIFT, ROUNDED, Type.INT32, Type.INT32, (5, 1), 3),
    (Op.ARITHMETIC_RIGHT_SHIFT, ROUNDED, Type.INT32, Type.INT32, (5, 0), 5),
    (Op.ARITHMETIC_RIGHT_SHIFT, {}, Type.INT32, Type.INT32, (-1, 32), 0),
    (Op.ARITHMETIC_RIGHT_SHIFT, {}, Type.INT32, Type.INT32, (-1, -1), 0),
    (Op.LOGICAL_RIGHT_SHIFT, {}, Type.INT8, Type.INT8, (-1, 1), 127),
    (Op.LOGICAL_RIGHT_SHIFT, {}, Type.INT8, Type.INT8, (-1, 8), 0),
    (Op.LOGICAL_LEFT_SHIFT, {}, Type.INT8, Type.INT8, (3, 7), -128),
    (Op.LOGICAL_LEFT_SHIFT, {}, Type.INT8, Type.INT8, (3, -128), 0),
    (Op.SUB, {}, Type.INT32, Type.INT32, (LEAST, 1), 2**31 - 1),
    (Op.NEGATE, {}, Type.INT8, Type.INT8, (-128,), 127),
    (Op.NEGATE, {"input_zp": -3, "output_zp": 4}, Type.INT8, Type.INT8, (5,), -4),
    (Op.NEGATE, {}, Type.INT16, Type.INT16, (-(2**15),), 2**15 - 1),
    (Op.NEGATE, {}, Type.INT32, Type.INT32, (LEAST,), LEAST),
    (Op.ABS, {}, Type.INT32, Type.INT32, (LEAST,), LEAST),
    (Op.CLZ, {}, Type.INT32, Type.INT32, (0,), 32),
    (Op.CLZ, {}, Type.INT32, Type.INT32, (1,), 31),
    (Op.CLZ, {}, Type.INT32, Type.INT32, (-1,), 0),
    (Op.CAST, {}, Type.INT16, Type.INT8, (0x180,), -128),
    (Op.CAST, {}, Type.INT16, Type.BOOL, (256,), 1),
    (Op.GREATER, {}, Type.INT32, Type.BOOL, (LEAST, 2**31 - 1), 0),
    (Op.GREATER_EQUAL, {}, Type.INT32, Type.BOOL, (-5, -5), 1),
]


@pytest.mark.parametrize(("op", "attributes", "source", "target", "values", "result"), BY_HAND)
def test_elementwise__worked_out_by_hand(
    verifier: Contract,
    op: Op,
    attributes: dict[str, int],
    source: Type,
    target: Type,
    values: tuple[int, ...],
    result: int,
) -> None:
    inputs = [Tensor(Kind.INPUT, source, (1,), [value]) for value in values]
    entry = Entry(op, Tensor(Kind.MATERIALISED, target, (1,), [result]), inputs, attributes)
    assert prove(verifier, Case(Program(inputs, [], [entry]), entry, 0)) == Revert("Trace_NoFault")


@pytest.mark.parametrize(
    ("cells", "zero_points", "result"),
    [
        # The reciprocal is rounded up: halves go away from zero.
        ((1, 2), (0, 0), 2),
        ((-1, -2), (0, 0), -2),
        ((1, 1, 2), (0, 0), 1),
        ((127,) * 6, (-128, 1), 127),
        ((-128,) * 6, (127, -1), -128),
        ((5,), (-3, -10), -2),
    ],
)
def test_avg_pool2d__worked_out_by_hand(
    verifier: Contract, cells: tuple[int, ...], zero_points: tuple[int, int], result: int
) -> None:
    image = Tensor(Kind.INPUT, Type.INT8, (1, 1, len(cells), 1), [*cells])
    attributes = {"kernel_y": 3, "pad_top": 1, "pad_bottom": 1, "kernel_x": len(cells), "stride_y": 1}
    attributes |= {"stride_x": 1, "input_zp": zero_points[0], "output_zp": zero_points[1]}
    entry = Entry(
        Op.AVG_POOL2D, Tensor(Kind.MATERIALISED, Type.INT8, (1, 1, 1, 1), [result]), [image], attributes
    )
    assert prove(verifier, Case(Program([image], [], [entry]), entry, 0)) == Revert("Trace_NoFault")


@pytest.mark.parametrize(
    ("x", "result"), [(-(2**15), 0), (-(2**15) + 1, 3), (-(2**15) + 128, 384), (2**15 - 1, 1536 * 128 - 3)]
)
def test_table__between_two_entries(verifier: Contract, x: int, result: int) -> None:
    """Entries that grow by 3: of 128 steps between two of them each is 3."""
    source = Tensor(Kind.INPUT, Type.INT16, (1,), [x])
    table = Tensor(Kind.CONSTANT, Type.INT16, (513,), [3 * k for k in range(513)])
    entry = Entry(Op.TABLE, Tensor(Kind.MATERIALISED, Type.INT32, (1,), [result]), [source, table])
    assert prove(verifier, Case(Program([source], [table], [entry]), entry, 0)) == Revert("Trace_NoFault")


def test_argmax__equal_elements__the_first(verifier: Contract) -> None:
    x = Tensor(Kind.INPUT, Type.INT8, (5,), [-128, 7, -5, 7, 7])
    entry = Entry(Op.ARGMAX, Tensor(Kind.MATERIALISED, Type.INT32, (), [1]), [x], {"axis": 0})
    assert prove(verifier, Case(Program([x], [], [entry]), entry, 0)) == Revert("Trace_NoFault")


def test_add__wraps(verifier: Contract) -> None:
    for type_ in (Type.INT8, Type.INT16, Type.INT32, Type.INT48):
        a, b = (Tensor(Kind.INPUT, type_, (2,), [type_.high, type_.low]) for _ in range(2))
        entry = Entry(Op.ADD, Tensor(Kind.MATERIALISED, type_, (2,), [-2, 0]), [a, b])
        for element in range(2):
            assert prove(verifier, Case(Program([a, b], [], [entry]), entry, element)) == Revert(
                "Trace_NoFault"
            )


def contraction(
    length: int, image: list[int], weight: list[int], bias: int, zero_points: tuple[int, int]
) -> Case:
    """CONV2D with one output element."""
    x = Tensor(Kind.INPUT, Type.INT8, (1, 1, 1, length), image)
    w = Tensor(Kind.CONSTANT, Type.INT8, (1, 1, 1, length), weight)
    b = Tensor(Kind.CONSTANT, Type.INT32, (1,), [bias])
    attributes = {"stride_y": 1, "stride_x": 1, "dilation_y": 1, "dilation_x": 1}
    attributes |= {"input_zp": zero_points[0], "weight_zp": zero_points[1]}
    entry = Entry(Op.CONV2D, Tensor(Kind.MATERIALISED, Type.INT32, (1, 1, 1, 1), [0]), [x, w, b], attributes)
    return Case(Program([x], [w, b], [entry]), entry, 0)


@pytest.mark.parametrize("length", [1, 31, 32, 33, 1023, 4096, 30_000])
def test_conv2d__largest_products__exact(verifier: Contract, length: int) -> None:
    for x, w, zero_points in ((-128, -128, (127, 127)), (127, -128, (-128, 127)), (127, 127, (-128, -128))):
        total = length * (x - zero_points[0]) * (w - zero_points[1])
        each = contraction(length, [x] * length, [w] * length, 7, zero_points)
        each.entry.output.values = [Type.INT32.wrap(total + 7)]
        assert prove(verifier, each) == Revert("Trace_NoFault")


def test_conv2d__sum_beyond_int32__wraps_once(verifier: Contract) -> None:
    each = contraction(1, [1], [1], 2**31 - 1, (0, 0))
    each.entry.output.values = [-(2**31)]
    assert prove(verifier, each) == Revert("Trace_NoFault")


def test_dot_product__blocks_and_tails__exact(trace_harness: Contract) -> None:
    """Longer than one block of products, and every length of the last word."""
    for length in (*range(1, 70), 65_535, 65_536, 65_537, 70_001):
        for x, y in ((b"\x80", b"\x80"), (b"\x7f", b"\x80"), (b"\x7f", b"\x7f")):
            value = (int.from_bytes(x, signed=True) - 127) * (int.from_bytes(y, signed=True) + 128)
            total, _ = trace_harness.dot(x * length, y * length, 127, -128)
            assert total == length * value


# ---- Inputs and outputs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [2, 3])
@pytest.mark.parametrize("slots", [1, 2, 3, 5, 8])
def test_ends__root_differs_from_the_receipts__fault(verifier: Contract, kind: int, slots: int) -> None:
    inputs = [Tensor(Kind.INPUT, Type.INT8, (2,), [k, -k]) for k in range(slots)]
    entries = [
        Entry(Op.IDENTITY, Tensor(Kind.MATERIALISED, Type.INT8, (2,), [k, -k]), [inputs[k]])
        for k in range(slots)
    ]
    execution = Execution(Program(inputs, [], entries, outputs=slots))
    evidence = execution.ends(kind)
    assert verdict(verifier, execution, evidence) == Revert("Trace_NoFault")
    for name in ("inputRoot", "outputRoot", "traceRoot"):
        roots = execution.roots | {name: bytes(31) + b"\1"}
        answer = verifier.fault.revert(execution.model, roots, evidence)
        if name == "traceRoot":
            assert answer == Revert("Trace_TraceRoot", execution.roots["traceRoot"])
        elif name == {2: "inputRoot", 3: "outputRoot"}[kind]:
            assert answer is None
            assert tuple(verifier.fault(execution.model, roots, evidence)) == ({2: 0, 3: slots}[kind], 0)
        else:
            assert answer == Revert("Trace_NoFault")


# ---- Depth -------------------------------------------------------------------------------------------------


WINDOWS = (
    Op.ARGMAX,
    Op.AVG_POOL2D,
    Op.CONV2D,
    Op.CONV3D,
    Op.DEPTHWISE_CONV2D,
    Op.MATMUL,
    Op.MAX_POOL2D,
    Op.TRANSPOSE_CONV2D,
    *REDUCTIONS,
    Op.SCATTER,
    Op.RESIZE,
)


def nested(op: Op, entries: int, which: int = 0) -> Case:
    """A chain of one operator, computed element from element by its input `which`."""
    shape = (1,) * {Op.CONV3D: 5, Op.MATMUL: 3, Op.GATHER: 3, Op.SCATTER: 3}.get(op, 4)
    x = Tensor(Kind.INPUT, Type.INT32, shape, [5])
    one = Tensor(Kind.CONSTANT, Type.INT8, shape, [1])
    index = Tensor(Kind.CONSTANT, Type.INT32, (1, 1), [0 if op is Op.GATHER or which == 2 else 7])
    bias = Tensor(Kind.CONSTANT, Type.INT32, (1,), [1])
    scale = Tensor(Kind.CONSTANT, Type.INT48, (1,), [(30 << 32) + (1 << 30)])
    no = Tensor(Kind.CONSTANT, Type.BOOL, shape, [0])
    table = Tensor(Kind.CONSTANT, Type.INT8, (256,), [97 - k % 200 for k in range(256)])
    others = {
        Op.CONV2D: [one, bias],
        Op.CONV3D: [one, bias],
        Op.DEPTHWISE_CONV2D: [one, bias],
        Op.MATMUL: [one],
        Op.TRANSPOSE_CONV2D: [one, bias],
        Op.GATHER: [index],
        Op.SCATTER: [one, index] if which == 2 else [index, one],
        Op.RESCALE: [scale],
        Op.SELECT: [no, x] if which == 2 else [x, x],
        Op.TABLE: [table],
        **{binary: [x] for binary in BINARY},
    }.get(op, [])
    ones = ("kernel_y", "kernel_x", "stride_y", "stride_x", "dilation_y", "dilation_x", "output_zp", "mode")
    ones += ("stride_d", "dilation_d", "scale_y_n", "scale_y_d", "scale_x_n", "scale_x_d")
    attributes = {"min": -100, "max": 100, "flags": 7, **dict.fromkeys(ones, 1)}
    attributes |= {f"perm{k}": k for k in range(4)}
    chain: list[Entry] = []
    for depth in range(entries):
        kind = Kind.MATERIALISED if depth == entries - 1 else Kind.VIRTUAL
        inputs = [*others]
        inputs.insert(which, chain[-1].output if chain else x)
        chain.append(Entry(op, Tensor(kind, Type.INT32, shape, [0]), inputs, attributes))
        if op is Op.ARGMAX:
            # It takes an axis away; RESHAPE, which does not count, brings it back.
            chain[-1].output.shape = shape[1:]
            if kind is Kind.VIRTUAL:
                chain.append(Entry(Op.RESHAPE, Tensor(kind, Type.INT32, shape), [chain[-1].output]))
    accused = chain.pop()
    constants = [t for t in others if t is not x]
    return Case(Program([x], constants, [accused, *chain]), accused, 0)


@pytest.mark.parametrize(
    ("operator", "which"),
    [
        *((op, 0) for op in Op if op not in (Op.RESHAPE, Op.IDENTITY)),
        *((op, 1) for op in BINARY),
        (Op.SELECT, 1),
        (Op.SELECT, 2),
        (Op.CONV2D, 1),
        (Op.CONV3D, 1),
        (Op.DEPTHWISE_CONV2D, 1),
        (Op.MATMUL, 1),
        (Op.TRANSPOSE_CONV2D, 1),
        (Op.SCATTER, 2),
    ],
    ids=lambda value: value.name if isinstance(value, Op) else str(value),
)
def test_depth__as_deep_as_allowed__evaluates(verifier: Contract, operator: Op, which: int) -> None:
    limit = 24 if operator in WINDOWS else 72
    deepest = nested(operator, limit, which)
    value = deepest.settle()
    assert prove(verifier, deepest) == Revert("Trace_NoFault")
    deepest.entry.output.values = [value ^ 1]
    assert prove(verifier, deepest) == (1, 0)
    # With ARGMAX the RESHAPE below the accused entry is refused already, which nothing could read.
    refused = 2 * limit if operator is Op.ARGMAX else 0
    assert prove(verifier, nested(operator, limit + 1, which)) == Revert("Trace_Depth", refused, 72)


@pytest.mark.parametrize("operator", [Op.RESHAPE, Op.IDENTITY], ids=lambda op: op.name)
def test_depth__renamed_elements__do_not_count(verifier: Contract, operator: Op) -> None:
    each = nested(operator, 200)
    each.settle()
    assert prove(verifier, each) == Revert("Trace_NoFault")


# ---- Whole steps -------------------------------------------------------------------------------------------


def layer(length: int, kernel: int, outputs: int, side: int) -> Case:
    """CONV2D and RESCALE on an image of the given side, as in a network."""
    shape, weights = (1, side, side, length), (outputs, kernel, kernel, length)
    area = (1, side, side, outputs)
    values = [
        (k * 7919 % 255) - 127 for k in range(max(side * side * length, outputs * kernel * kernel * length))
    ]
    x = Tensor(Kind.INPUT, Type.INT8, shape, values[: side * side * length])
    w = Tensor(Kind.CONSTANT, Type.INT8, weights, values[: outputs * kernel * kernel * length])
    b = Tensor(Kind.CONSTANT, Type.INT32, (outputs,), [1000 * k for k in range(outputs)])
    sums = Tensor(Kind.VIRTUAL, Type.INT32, area)
    pad = dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), kernel // 2)
    one = dict.fromkeys(("stride_y", "stride_x", "dilation_y", "dilation_x"), 1)
    convolution = Entry(Op.CONV2D, sums, [x, w, b], {**pad, **one, "input_zp": -3, "weight_zp": 0})
    output = Tensor(Kind.MATERIALISED, Type.INT8, area, [0] * side * side * outputs)
    rescale = Entry(
        Op.RESCALE,
        output,
        [sums],
        {"multiplier": 1 << 30, "shift": 40, "output_zp": -5, "input_zp": 0, "flags": 1},
    )
    element = (side + 1) * outputs + 3
    case = Case(Program([x], [w, b], [rescale, convolution]), rescale, element)
    output.values[element] = case.settle() ^ 1
    return case


@pytest.mark.parametrize(
    ("length", "kernel", "outputs", "side", "most"),
    [(1024, 1, 256, 4, 150_000), (4096, 1, 64, 4, 390_000), (256, 3, 64, 4, 255_000)],
    ids=["1024", "4096", "3x3x256"],
)
def test_gas__contraction__whole_transaction(
    verifier: Contract, account: str, length: int, kernel: int, outputs: int, side: int, most: int
) -> None:
    each = layer(length, kernel, outputs, side)
    execution = each.execution()
    evidence = execution.evidence(each.entry, each.element).encode()
    assert verdict(verifier, execution, evidence) == (1, each.element)
    data = verifier.fault.data(execution.model, execution.roots, evidence)
    used = verifier.chain.send(verifier.address, data, account).gas_used
    assert used <= most, f"{used:,} gas"


# ---- A network ---------------------------------------------------------------------------------------------


def test_digits__altered_element_of_every_slot__proven(verifier: Contract) -> None:
    """G8: first, middle and last element of every tensor of a compiled network."""
    program = onus.compile_tosa((ROOT / "models/digits/digits.tosa").read_bytes())
    engine = onus.Engine(program, threads=1)
    inputs = [np.random.default_rng(0).integers(-128, 128, (1, *d.shape)) for d in program.inputs]
    right = engine.run(inputs)[0]
    for slot in range(len(program.inputs), program.commitment.slots):
        values = right.tensors[slot].reshape(-1)
        for element in {0, len(values) // 2, len(values) - 1}:
            alter = onus.Alteration(slot, element, int(values[element]) ^ 1)
            wrong = engine.run(inputs, alter=alter)[0]
            roots = {
                "inputRoot": wrong.input_root,
                "outputRoot": wrong.output_root,
                "traceRoot": wrong.trace_root,
            }
            found = onus.find_fault(right, wrong)
            assert found and (found.slot, found.element) == (slot, element)
            evidence = onus.evidence(wrong, found)
            assert tuple(verifier.fault(program.commitment, roots, evidence)) == (slot, element)
            roots["traceRoot"] = right.trace_root
            unfounded = onus.element_evidence(right, slot, element, check=False)
            assert verifier.fault.revert(program.commitment, roots, unfounded) == Revert("Trace_NoFault")
