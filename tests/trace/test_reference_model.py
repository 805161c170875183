"""The engine against TOSA's reference model, wherever that defines a result (G10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from tosa.Op import Op
from tosa.TosaGraph import TosaGraph

from models._reference import tapped
from onus.trace import DType, Engine, Program, compile_tosa
from scripts.build import ROOT
from tests.trace.models import (
    DOUBLE,
    SINGLE,
    Model,
    RandomModel,
    Values,
    random_inputs,
    random_values,
    resize_axis,
)
from tests.trace.reference import Job, run

VALID = "TOSA_VALID"


def compare(models: list[tuple[Model, list[Values]]]) -> Counter[str]:
    """Holds the engine against the reference model; counts what that says about its results."""
    jobs, ours = [], []
    for model, inputs in models:
        file = model.serialize()
        program = compile_tosa(file)
        arrays = [x.astype(d.dtype.array) for x, d in zip(inputs, program.inputs, strict=True)]
        ours.append(Engine(program, threads=1).execute(arrays))
        jobs.append(Job(file, [[array[k] for array in arrays] for k in range(len(arrays[0]))]))
    seen: Counter[str] = Counter()
    for number, (results, outputs) in enumerate(zip(run(jobs), ours, strict=True)):
        for k, (status, expected) in enumerate(results):
            seen[status] += 1
            if status == VALID:
                for theirs, mine in zip(expected, outputs, strict=True):
                    assert np.array_equal(theirs, mine[k]), (number, k)
    return seen


def test_digits__all_held_out_images__bit_for_bit(
    digits: Program, digits_file: bytes, images: np.ndarray, labels: np.ndarray
) -> None:
    (results,) = run([Job(digits_file, [[image] for image in images])])
    assert {status for status, _ in results} == {VALID}
    expected = np.stack([outputs[0] for _, outputs in results])
    (found,) = Engine(digits).execute([images])
    assert np.array_equal(expected, found)
    assert int((found[:, 0].argmax(axis=1) == labels).sum()) == 591


@pytest.mark.parametrize("name", ["mobilenet", "encoder", "resnet"])
def test_network__every_tensor_for_random_inputs__bit_for_bit(name: str) -> None:
    """Not only the output: also everything on the way to it, constants that are folded included."""
    file = (ROOT / "models" / name / f"{name}.tosa").read_bytes()
    block = TosaGraph.GetRootAs(file, 0).Regions(0).Blocks(0)
    operators = [block.Operators(k) for k in range(block.OperatorsLength())]
    inside = tapped(file, [o.Outputs(0) for o in operators if o.Op() not in (Op.CONST, Op.CONST_SHAPE)])
    program = compile_tosa(file)
    shape = program.inputs[0].shape
    random = np.random.default_rng(5)
    batch = np.stack([*random.integers(-128, 128, (4, *shape)), *(np.full(shape, v) for v in (-128, 0, 127))])
    inputs = batch.astype(np.int8)
    (results,) = run([Job(inside, [[x] for x in inputs])])
    assert {status for status, _ in results} == {VALID}
    every = Engine(compile_tosa(inside)).execute([inputs])
    for k, (_, expected) in enumerate(results):
        assert len(expected) == len(every) > 35
        for tensor, (theirs, mine) in enumerate(zip(expected, every, strict=True)):
            assert np.array_equal(theirs, mine[k]), (k, tensor)
    # The last operator makes the output.
    assert np.array_equal(Engine(program).execute([inputs])[0], every[-1])


@pytest.mark.parametrize("first", [0, 10_000])
def test_random_models__agree(first: int) -> None:
    models = []
    for seed in range(first, first + 100):
        made = RandomModel(seed)
        # It refuses to give outputs of 48 bits.
        if not any(d.dtype is DType.INT48 for d in _outputs(compile_tosa(made.file))):
            models.append((made.model, made.inputs(2)))
    seen = compare(models)
    assert seen[VALID] > 60
    assert set(seen) <= {VALID, "TOSA_UNPREDICTABLE"}


def _outputs(program: Program) -> list:
    return [program.slots[slot] for slot in program.output_slots]


# ---- Each operator alone -------------------------------------------------------------------------


def _conv2d(model: Model, r: np.random.Generator) -> str:
    c, o = int(r.choice((1, 2, 3, 8, 16, 31, 33))), int(r.choice((1, 5, 16, 17, 40)))
    ky, kx = (int(v) for v in r.integers(1, 4, 2))
    source = model.input((1, int(r.integers(3, 7)), int(r.integers(3, 7)), c))
    weight = random_values(r, (o, ky, kx, c), DType.INT8)
    bias = r.integers(-(2**20), 2**20, (o if r.random() < 0.8 else 1,))
    points = (int(r.choice((-128, 0, 127))), int(r.choice((-128, 0, 127))))
    pad = [ky - 1, ky - 1, kx - 1, kx - 1] if r.random() < 0.5 else [0, 0, 0, 0]
    return model.conv2d(source, weight, bias, pad=pad, zero_points=points)


def _conv2d_all_inputs(model: Model, r: np.random.Generator) -> str:
    depthwise = bool(r.random() < 0.5)
    source = model.input((1, 4, 5, 3))
    weight = model.input((2, 2, 3, 2) if depthwise else (6, 2, 2, 3))
    bias = model.rescale(model.input((6,)), DType.INT32, [1 << 30], [25])
    return model.conv2d(source, weight, bias, zero_points=(5, -7), depthwise=depthwise)


def _depthwise(model: Model, r: np.random.Generator) -> str:
    c, m = int(r.choice((1, 2, 3, 8, 16, 31, 33))), int(r.choice((1, 2, 5)))
    source = model.input((1, 6, 5, c))
    weight = random_values(r, (3, 2, c, m), DType.INT8)
    bias = r.integers(-(2**20), 2**20, (c * m,))
    points = (int(r.choice((-128, 0, 127))), int(r.choice((-128, 0, 127))))
    return model.conv2d(
        source, weight, bias, pad=(1, 2, 0, 1), dilation=(2, 1), zero_points=points, depthwise=True
    )


def _conv2d_wide(model: Model, r: np.random.Generator) -> str:
    source = model.input((1, 4, 4, 9), DType.INT16)
    made = model.conv2d(
        source,
        random_values(r, (7, 3, 3, 9), DType.INT8),
        r.integers(-(2**40), 2**40, (7,)),
        pad=(1, 1, 1, 1),
    )
    return model.rescale(made, DType.INT32, [int(r.integers(1, 1 << 15))], [24], scale32=False)


def _matmul(model: Model, r: np.random.Generator) -> str:
    n, h, c, w = (int(v) for v in (*r.integers(1, 5, 2), r.choice((1, 7, 32, 100)), r.integers(1, 20)))
    points = (int(r.choice((-128, 0, 127))), int(r.choice((-128, 0, 127))))
    left = model.input((n, h, c))
    shape = (n, c, w)
    right = (
        model.input(shape)
        if r.random() < 0.5
        else model.constant(random_values(r, shape, DType.INT8), DType.INT8)
    )
    return model.matmul(left, right, points)


def _matmul_wide(model: Model, r: np.random.Generator) -> str:
    made = model.matmul(model.input((2, 3, 9), DType.INT16), model.input((2, 9, 4), DType.INT16))
    return model.rescale(made, DType.INT32, [int(r.integers(1, 1 << 15))], [24], scale32=False)


def _moved_type(r: np.random.Generator) -> DType:
    return DType(int(r.choice((DType.INT8, DType.INT16, DType.INT32))))


def _concat(model: Model, r: np.random.Generator) -> str:
    dtype, axis = _moved_type(r), int(r.integers(3))
    parts = []
    for _ in range(int(r.integers(1, 5))):
        shape = [2, 3, 4]
        shape[axis] = int(r.integers(1, 4))
        parts.append(model.input(shape, dtype))
    if r.random() < 0.5:
        parts.append(model.constant(random_values(r, model.shapes[parts[0]], dtype), dtype))
    return model.concat(parts, axis)


def _pad(model: Model, r: np.random.Generator) -> str:
    dtype = _moved_type(r)
    padding = [int(v) for v in r.integers(0, 3, 6)]
    return model.pad(model.input((2, 3, 4), dtype), padding, int(random_values(r, (), dtype)))


def _reverse(model: Model, r: np.random.Generator) -> str:
    return model.reverse(model.input((2, 3, 4, 5), _moved_type(r)), int(r.integers(4)))


def _slice(model: Model, r: np.random.Generator) -> str:
    shape = (5, 6, 7)
    start = [int(r.integers(n)) for n in shape]
    size = [int(r.integers(1, n - s + 1)) for n, s in zip(shape, start, strict=True)]
    return model.slice(model.input(shape, _moved_type(r)), start, size)


def _tile(model: Model, r: np.random.Generator) -> str:
    return model.tile(model.input((2, 3, 1, 4), _moved_type(r)), [int(v) for v in r.integers(1, 4, 4)])


def _conv3d(model: Model, r: np.random.Generator) -> str:
    c, o = int(r.choice((1, 3, 16, 33))), int(r.choice((1, 5, 17)))
    kernel = [int(v) for v in r.integers(1, 4, 3)]
    pad = [p for k in kernel for p in (k - 1, k - 1)] if r.random() < 0.5 else [0] * 6
    return model.conv3d(
        model.input((1, 5, 4, 6, c)),
        random_values(r, (o, *kernel, c), DType.INT8),
        r.integers(-(2**20), 2**20, (o if r.random() < 0.8 else 1,)),
        pad=pad,
        zero_points=(int(r.choice((-128, 0, 127))), int(r.choice((-128, 0, 127)))),
    )


def _conv3d_wide(model: Model, r: np.random.Generator) -> str:
    source = model.input((1, 3, 5, 5, 3), DType.INT16)
    weight = random_values(r, (4, 2, 3, 3, 3), DType.INT8)
    made = model.conv3d(source, weight, np.zeros(4, np.int64), stride=(1, 2, 2), pad=(0, 0, 1, 1, 1, 1))
    return model.rescale(made, DType.INT32, [int(r.integers(1, 1 << 15))], [24], scale32=False)


def _transpose_conv2d(model: Model, r: np.random.Generator) -> str:
    c, o = int(r.choice((1, 3, 16, 33))), int(r.choice((1, 5, 17)))
    kernel, stride = [int(v) for v in r.integers(1, 5, 2)], [int(v) for v in r.integers(1, 4, 2)]
    return model.transpose_conv2d(
        model.input((2, 4, 3, c)),
        random_values(r, (o, *kernel, c), DType.INT8),
        r.integers(-(2**20), 2**20, (o,)),
        out_pad=[int(r.integers(1 - kernel[k // 2], 3)) for k in range(4)],
        stride=stride,
        zero_points=(int(r.choice((-128, 0, 127))), int(r.choice((-128, 0, 127)))),
    )


def _transpose_conv2d_wide(model: Model, r: np.random.Generator) -> str:
    weight = random_values(r, (3, 3, 2, 5), DType.INT8)
    made = model.transpose_conv2d(
        model.input((1, 4, 4, 5), DType.INT16),
        weight,
        np.zeros(3, np.int64),
        stride=(2, 3),
        out_pad=(1, -2, 0, 1),
    )
    return model.rescale(made, DType.INT32, [int(r.integers(1, 1 << 15))], [24], scale32=False)


def _gather(model: Model, r: np.random.Generator) -> str:
    indices = r.integers(0, 6, (2, 9))
    # An index outside ends the reference model's process.
    return model.gather(model.input((2, 6, 5), _moved_type(r)), model.constant(indices, DType.INT32))


def _scatter(model: Model, r: np.random.Generator) -> str:
    dtype, indices = _moved_type(r), np.stack([r.permutation(8)[:5] for _ in range(2)])
    rows = model.input((2, 5, 7), dtype)
    return model.scatter(model.input((2, 8, 7), dtype), model.constant(indices, DType.INT32), rows)


def _resize(model: Model, r: np.random.Generator, mode: int) -> str:
    shape = (2, *(int(v) for v in r.integers(1, 9, 2)), 3)
    dtype = DType.INT8 if r.random() < 0.6 else DType.INT16
    (yn, yd, yo, yb), (xn, xd, xo, xb) = (resize_axis(r, size) for size in shape[1:3])
    made = model.resize(model.input(shape, dtype), mode, (yn, yd, xn, xd), (yo, xo), (yb, xb))
    if mode == 2 and dtype is DType.INT16:
        return model.rescale(made, DType.INT32, [int(r.integers(1 << 14, 1 << 15))], [16], scale32=False)
    return made


def _resize_nearest(model: Model, r: np.random.Generator) -> str:
    return _resize(model, r, 1)


def _resize_bilinear(model: Model, r: np.random.Generator) -> str:
    return _resize(model, r, 2)


def _max_pool(model: Model, r: np.random.Generator) -> str:
    dtype = DType.INT8 if r.random() < 0.7 else DType.INT16
    source = model.input((2, 6, 5, int(r.choice((1, 3, 70)))), dtype)
    return model.max_pool2d(source, (3, 2), (2, 1), (1, 2, 1, 0))


def _rescale_32(model: Model, r: np.random.Generator) -> str:
    given, target = (DType(int(r.choice((3, 4, 5)))) for _ in range(2))
    source = model.input((3, 40), given)
    per_channel = bool(r.random() < 0.5)
    n = 40 if per_channel else 1
    shifts = r.choice((2, 3, 30, 31, 32, 33, 61, 62), n).tolist()
    return model.rescale(
        source,
        target,
        r.choice((0, 1, 2**30, 2**31 - 1), n).tolist(),
        shifts,
        input_zp=int(r.choice((-128, -1, 0, 127))) if given is DType.INT8 else 0,
        output_zp=int(r.choice((-128, -1, 0, 127))) if target is DType.INT8 else 0,
        rounding=DOUBLE if r.random() < 0.5 else SINGLE,
        per_channel=per_channel,
    )


def _rescale_unsigned(model: Model, r: np.random.Generator) -> str:
    given, target = (DType(int(r.choice((3, 4)))) for _ in range(2))
    source = model.input((5, 30), given)
    from_unsigned = bool(r.random() < 0.5)

    def point(dtype: DType, unsigned: bool) -> int:
        if dtype is DType.INT8:
            return int(r.integers(0, 256)) if unsigned else int(r.integers(-128, 128))
        return int(r.choice((0, 1 << 15))) if unsigned else 0

    return model.rescale(
        source,
        target,
        [int(r.integers(1 << 30, 1 << 31))],
        [int(r.integers(28, 36))],
        input_zp=point(given, from_unsigned),
        output_zp=point(target, not from_unsigned),
        input_unsigned=from_unsigned,
        output_unsigned=not from_unsigned,
    )


def _clamp(model: Model, r: np.random.Generator) -> str:
    dtype = DType.INT8 if r.random() < 0.5 else DType.INT16
    low, high = sorted(random_values(r, (2,), dtype).tolist())
    return model.clamp(model.input((4, 33), dtype), low, high)


def _shapes(r: np.random.Generator, count: int) -> list[tuple[int, ...]]:
    """Shapes that are broadcast to one."""
    return [tuple(1 if r.random() < 0.4 else d for d in (2, 3, 4, 5)) for _ in range(count)]


def _number_type(r: np.random.Generator) -> DType:
    return DType(int(r.choice((DType.INT8, DType.INT16, DType.INT32))))


def _binary(
    name: str, *dtypes: DType, result: DType | None = None
) -> Callable[[Model, np.random.Generator], str]:
    def make(model: Model, r: np.random.Generator) -> str:
        dtype = DType(int(r.choice(dtypes)))
        sources = [model.input(shape, dtype) for shape in _shapes(r, 2)]
        return model.elementwise(name, *sources, dtype=result)

    make.__name__ = name
    return make


def _unary(name: str, *dtypes: DType) -> Callable[[Model, np.random.Generator], str]:
    def make(model: Model, r: np.random.Generator) -> str:
        return model.elementwise(name, model.input((4, 33), DType(int(r.choice(dtypes)))))

    make.__name__ = name
    return make


def _reduction(name: str, *dtypes: DType) -> Callable[[Model, np.random.Generator], str]:
    def make(model: Model, r: np.random.Generator) -> str:
        source = model.input((2, 3, 40, 5), DType(int(r.choice(dtypes))))
        if name == "REDUCE_SUM":
            # Otherwise nearly every sum leaves 32 bits, which is not defined.
            source = model.elementwise(
                "ARITHMETIC_RIGHT_SHIFT", source, _shifts(model, r, (1,) * 4, 6), attribute=(True,)
            )
        return model.reduce(name, source, int(r.integers(4)))

    make.__name__ = name
    return make


def _shifts(model: Model, r: np.random.Generator, shape: tuple[int, ...], least: int = 0) -> str:
    return model.constant(r.integers(least, 32, shape), DType.INT32)


def _shift(name: str) -> Callable[[Model, np.random.Generator], str]:
    def make(model: Model, r: np.random.Generator) -> str:
        dtype, (shape, other) = _number_type(r), _shapes(r, 2)
        shifts = model.constant(r.choice((0, 1, dtype.bits - 1, dtype.bits // 2), other), dtype)
        is_rounded = (bool(r.random() < 0.5),) if name == "ARITHMETIC_RIGHT_SHIFT" else ()
        return model.elementwise(name, model.input(shape, dtype), shifts, attribute=is_rounded)

    make.__name__ = name
    return make


def _intdiv(model: Model, r: np.random.Generator) -> str:
    shape, other = _shapes(r, 2)
    divisors = random_values(r, other, DType.INT32)
    # By zero it would end its process.
    divisors = np.where(divisors == 0, 1, divisors)
    return model.elementwise("INTDIV", model.input(shape, DType.INT32), model.constant(divisors, DType.INT32))


def _mul(model: Model, r: np.random.Generator) -> str:
    dtype, (shape, other) = _number_type(r), _shapes(r, 2)
    shift = int(r.choice((0, 31, 32, 40, 63))) if dtype is DType.INT32 else 0
    return model.mul(model.input(shape, dtype), model.input(other, dtype), shift)


def _negate(model: Model, r: np.random.Generator) -> str:
    dtype = _number_type(r)
    points = (int(r.choice((-128, 0, 127))), int(r.choice((-128, 0, 127))))
    return model.negate(model.input((4, 33), dtype), points if dtype is DType.INT8 else (0, 0))


def _select(model: Model, r: np.random.Generator) -> str:
    dtype = DType(int(r.choice((DType.BOOL, DType.INT8, DType.INT16, DType.INT32))))
    condition, first, second = _shapes(r, 3)
    return model.elementwise(
        "SELECT", model.input(condition, DType.BOOL), model.input(first, dtype), model.input(second, dtype)
    )


def _cast(model: Model, r: np.random.Generator) -> str:
    dtypes = r.permutation([DType.BOOL, DType.INT8, DType.INT16, DType.INT32])
    return model.elementwise("CAST", model.input((5, 40), DType(int(dtypes[0]))), dtype=DType(int(dtypes[1])))


def _table(model: Model, r: np.random.Generator) -> str:
    entries = random_values(r, (256,), DType.INT8)
    return model.table(model.input((5, 60)), entries)


def _table_wide(model: Model, r: np.random.Generator) -> str:
    # Slopes of more than 16 bits are not defined.
    entries = random_values(r, (513,), DType.INT16) // 2
    return model.table(model.input((5, 60), DType.INT16), entries)


def _avg_pool(model: Model, r: np.random.Generator) -> str:
    dtype = DType.INT8 if r.random() < 0.7 else DType.INT16
    kernel = [int(v) for v in r.integers(1, 6, 2)]
    # Stride 1, so that any padding fits.
    pad = [int(v) for v in (*r.integers(0, kernel[0], 2), *r.integers(0, kernel[1], 2))]
    points = (int(r.choice((-128, 0, 127))), int(r.choice((-128, 0, 127))))
    source = model.input((2, 6, 5, int(r.choice((1, 3, 70)))), dtype)
    return model.avg_pool2d(source, kernel, (1, 1), pad, points if dtype is DType.INT8 else (0, 0))


def _avg_pool_strided(model: Model, r: np.random.Generator) -> str:
    return model.avg_pool2d(model.input((1, 7, 9, 4)), (3, 4), (2, 3), (1, 1, 1, 0), (-7, 9))


NUMBERS = (DType.INT8, DType.INT16, DType.INT32)


def _reshape(model: Model, r: np.random.Generator) -> str:
    return model.reshape(model.input((4, 6, 10), DType.INT16), (5, 1, 48))


def _transpose(model: Model, r: np.random.Generator) -> str:
    dtype = DType(int(r.choice((3, 4, 5))))
    return model.transpose(model.input((2, 3, 4, 5, 2, 3), dtype), r.permutation(6).tolist())


def _identity(model: Model, r: np.random.Generator) -> str:
    return model.identity(model.input((7, 9), DType.INT32))


@pytest.mark.parametrize(
    "make",
    [
        _conv2d,
        _conv2d_all_inputs,
        _depthwise,
        _conv2d_wide,
        _conv3d,
        _conv3d_wide,
        _matmul,
        _matmul_wide,
        _avg_pool,
        _avg_pool_strided,
        _max_pool,
        _transpose_conv2d,
        _transpose_conv2d_wide,
        _rescale_32,
        _rescale_unsigned,
        _clamp,
        *(_binary(name, DType.INT32) for name in ("ADD", "SUB", "MAXIMUM", "MINIMUM")),
        *(_binary(name, *NUMBERS) for name in ("BITWISE_AND", "BITWISE_OR", "BITWISE_XOR")),
        *(_binary(name, DType.BOOL) for name in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_XOR")),
        *(_binary(name, DType.INT32, result=DType.BOOL) for name in ("EQUAL", "GREATER", "GREATER_EQUAL")),
        *(_shift(name) for name in ("ARITHMETIC_RIGHT_SHIFT", "LOGICAL_LEFT_SHIFT", "LOGICAL_RIGHT_SHIFT")),
        _intdiv,
        _mul,
        _table,
        _table_wide,
        *(_unary(name, DType.INT32) for name in ("ABS", "CLZ")),
        _unary("BITWISE_NOT", *NUMBERS),
        _unary("LOGICAL_NOT", DType.BOOL),
        _negate,
        _select,
        *(_reduction(name, DType.BOOL) for name in ("REDUCE_ALL", "REDUCE_ANY")),
        *(_reduction(name, *NUMBERS) for name in ("REDUCE_MAX", "REDUCE_MIN")),
        _reduction("REDUCE_SUM", DType.INT32),
        _reduction("ARGMAX", DType.INT8, DType.INT16),
        _cast,
        _concat,
        _pad,
        _reshape,
        _reverse,
        _slice,
        _tile,
        _transpose,
        _gather,
        _scatter,
        _resize_nearest,
        _resize_bilinear,
        _identity,
    ],
)
def test_operator__alone__agrees(make: Callable[[Model, np.random.Generator], str]) -> None:
    models = []
    for seed in range(25):
        random = np.random.default_rng([seed, 3])
        model = Model()
        model.output(make(model, random))
        models.append((model, random_inputs(random, model, 3)))
    assert compare(models)[VALID] >= 10
