"""The engine: the same elements as the step, whatever the batch and the threads; inputs are checked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onus.protocol.merkle import keccak256
from onus.protocol.merkle import root as merkle_root
from onus.trace import (
    Alteration,
    BatchTooLarge,
    DType,
    Engine,
    InputError,
    OutOfRange,
    PositionError,
    Program,
    WrongInputCount,
    WrongLength,
    WrongShape,
    WrongType,
    compile_tosa,
    decode_outputs,
    encode_inputs,
    step,
)
from tests.trace.models import Model, RandomModel, random_inputs

SEEDS = st.integers(0, 2**32 - 1)


def elements(count: int, random: np.random.Generator, most: int = 16) -> list[int]:
    """First, last and some other elements of a tensor."""
    return sorted({0, count - 1, *random.integers(0, count, most).tolist()})


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_run__on_random_programs__agrees_with_the_step(seed: int) -> None:
    model = RandomModel(seed)
    program = compile_tosa(model.file)
    trace = Engine(program, threads=1).run(model.inputs(2))[1]
    for slot in range(len(program.inputs), len(program.slots)):
        for element in elements(program.slots[slot].count, model.random):
            found = step(trace, slot, element)
            assert found.computed == found.committed, (slot, element)
            cost = program.costs[slot - len(program.inputs)]
            assert found.evaluations <= cost.evaluations


@pytest.mark.deep
@settings(max_examples=2_000, deadline=None)
@given(SEEDS)
def test_run__on_many_random_programs__agrees_with_the_step(seed: int) -> None:
    model = RandomModel(seed, operators=14)
    program = compile_tosa(model.file)
    trace = Engine(program, threads=1).run(model.inputs(1))[0]
    for slot in range(len(program.inputs), len(program.slots)):
        for element in elements(program.slots[slot].count, model.random):
            assert not step(trace, slot, element).is_fault, (slot, element)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_run__roots__are_those_of_the_plain_definition(seed: int) -> None:
    model = RandomModel(seed)
    program = compile_tosa(model.file)
    batch = Engine(program, threads=1).run(model.inputs(3))
    for index, trace in enumerate(batch):
        roots = []
        for slot, descriptor in enumerate(program.slots):
            chunks = trace.chunks(slot, 0, descriptor.chunks)
            roots.append(merkle_root([keccak256(chunk) for chunk in chunks]))
            flat = trace.tensors[slot].reshape(-1)
            for element in elements(descriptor.count, model.random, 4):
                chunk, at = descriptor.chunk_of(element)
                stored = chunks[chunk][at : at + descriptor.dtype.size]
                assert stored == descriptor.dtype.encode(int(flat[element]))
            assert not any(b"".join(chunks)[descriptor.size :])
        assert list(trace.slot_roots) == roots
        assert trace.trace_root == batch.trace_roots[index] == merkle_root(roots)
        inputs, outputs = roots[: len(program.inputs)], roots[-program.outputs :]
        assert trace.input_root == batch.input_roots[index] == merkle_root(inputs)
        assert trace.output_root == batch.output_roots[index] == merkle_root(outputs)


def _two(model: Model, dtype: DType) -> tuple[str, str]:
    return model.input((3, 50), dtype), model.input((3, 50), dtype)


def _shift(name: str, *is_rounded: bool) -> Callable[[Model, DType], str]:
    return lambda model, dtype: model.elementwise(name, *_two(model, dtype), attribute=is_rounded)


NUMBERS = (DType.INT8, DType.INT16, DType.INT32)
OUTSIDE: list[tuple[Callable[[Model, DType], str], tuple[DType, ...]]] = [
    # By zero, and the smallest by −1.
    (lambda m, t: m.elementwise("INTDIV", *_two(m, t)), (DType.INT32,)),
    (lambda m, t: m.elementwise("ADD", *_two(m, t)), (DType.INT32,)),
    (lambda m, t: m.elementwise("SUB", *_two(m, t)), (DType.INT32,)),
    (lambda m, t: m.elementwise("ABS", m.input((90,), t)), (DType.INT32,)),
    *((lambda m, t, s=s: m.mul(*_two(m, t), shift=s), (DType.INT32,)) for s in (0, 1, 31, 62, 63)),
    (lambda m, t: m.negate(m.input((90,), t)), NUMBERS),
    (lambda m, t: m.negate(m.input((90,), t), (-128, 127)), (DType.INT8,)),
    # By less than nothing, and by more bits than there are.
    (_shift("ARITHMETIC_RIGHT_SHIFT", False), NUMBERS),
    (_shift("ARITHMETIC_RIGHT_SHIFT", True), NUMBERS),
    (_shift("LOGICAL_LEFT_SHIFT"), NUMBERS),
    (_shift("LOGICAL_RIGHT_SHIFT"), NUMBERS),
    # Between entries further apart than 16 bits can say.
    (lambda m, t: m.table(m.input((500,), t), np.tile([-(2**15), 2**15 - 1], 257)[:513]), (DType.INT16,)),
    *((lambda m, t, k=k: m.reduce("REDUCE_SUM", m.input((9, 8, 7), t), k), (DType.INT32,)) for k in range(3)),
    *((lambda m, t, k=k: m.reduce("ARGMAX", m.input((9, 8, 7), t), k), NUMBERS[:2]) for k in range(3)),
]


@pytest.mark.parametrize(
    ("build", "dtype"), [(build, dtype) for build, dtypes in OUTSIDE for dtype in dtypes]
)
def test_run__what_tosa_leaves_undefined__agrees_with_the_step(
    build: Callable[[Model, DType], str], dtype: DType
) -> None:
    model, random = Model(), np.random.default_rng(7)
    model.output(build(model, dtype))
    engine = Engine(compile_tosa(model.serialize()), threads=1)
    for _ in range(4):
        trace = engine.run(random_inputs(random, model, 1))[0]
        slot = len(trace.slot_roots) - 1
        for element in range(trace.tensors[slot].size):
            found = step(trace, slot, element)
            assert found.computed == found.committed, (element, trace.tensors)


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("dtype", [DType.INT8, DType.INT16])
def test_run__weights_that_are_no_constants__agrees_with_the_step(dtype: DType, depthwise: bool) -> None:
    model = Model()
    source = model.input((1, 5, 5, 3), dtype)
    bias = model.input((6,), DType.INT32 if dtype is DType.INT8 else DType.INT48)
    weight = model.clamp(model.input((2, 3, 3, 2) if depthwise else (6, 2, 3, 3)), -90, 100)
    model.output(model.conv2d(source, weight, bias, pad=(1, 0, 1, 1), depthwise=depthwise))
    random = np.random.default_rng(4)
    batch = Engine(compile_tosa(model.serialize())).run(random_inputs(random, model, 3))
    for trace in batch:
        for element in range(0, trace.tensors[-1].size, 7):
            assert not step(trace, len(trace.slot_roots) - 1, element).is_fault


def test_run__indices_outside_and_repeated__agrees_with_the_step() -> None:
    """GATHER gives 0 outside; SCATTER ignores what is outside, and the last of equal indices counts."""
    model = Model()
    values, indices = model.input((2, 4, 3)), model.input((2, 5), DType.INT32)
    model.output(model.gather(values, indices))
    model.output(model.scatter(values, indices, model.input((2, 5, 3))))
    program, random = compile_tosa(model.serialize()), np.random.default_rng(0)
    batch = [np.array([[2, 2, -1, 0, 4], [3, 3, 3, 2**31 - 1, -(2**31)]])] * 3
    inputs = [random.integers(1, 128, (3, 2, 4, 3)), np.stack(batch), -random.integers(1, 128, (3, 2, 5, 3))]
    traces = Engine(program, threads=1).run(inputs)
    gathered, scattered = traces.outputs
    assert not gathered[:, 0, [2, 4]].any() and np.array_equal(gathered[:, 0, 0], inputs[0][:, 0, 2])
    assert np.array_equal(scattered[:, 1, 3], inputs[2][:, 1, 2])
    assert np.array_equal(scattered[:, 1, :3], inputs[0][:, 1, :3])
    for slot in program.output_slots:
        for element in range(program.slots[slot].count):
            assert not step(traces[1], slot, element).is_fault, (slot, element)


def test_run__whatever_threads_and_batch__same_roots(digits: Program, images: np.ndarray) -> None:
    # The first run of a process with several threads is the one in which a freed buffer once showed.
    expected = Engine(digits, threads=1).run([images[:300]]).trace_roots
    for threads in (2, 3):
        engine = Engine(digits, threads=threads)
        for _ in range(20):
            assert engine.run([images[:300]]).trace_roots == expected
        engine.close()
    engine = Engine(digits, threads=1)
    assert [engine.run([images[k : k + 1]]).trace_roots[0] for k in range(20)] == expected[:20]
    assert len(engine.run([images[:0]])) == 0


def test_run__from_several_threads_at_once__same_roots(digits: Program, images: np.ndarray) -> None:
    engine = Engine(digits, threads=2)
    expected = [engine.run([images[k : k + 50]]).trace_roots for k in range(0, 400, 50)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            found = pool.map(lambda k: engine.run([images[k : k + 50]]).trace_roots, range(0, 400, 50))
            assert list(found) == expected


def test_execute__gives_the_outputs_of_run(digits: Program, images: np.ndarray) -> None:
    engine = Engine(digits)
    (plain,), batch = engine.execute([images]), engine.run([images])
    assert np.array_equal(plain, batch.outputs[0])


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_execute__batched__is_each_alone(seed: int) -> None:
    model = RandomModel(seed)
    engine = Engine(compile_tosa(model.file), threads=1)
    inputs = model.inputs(3)
    together = engine.execute(inputs)
    for k in range(3):
        alone = engine.execute([x[k : k + 1] for x in inputs])
        assert all(np.array_equal(a[k : k + 1], b) for a, b in zip(together, alone, strict=True))


# ---- Inputs --------------------------------------------------------------------------------------


def test_run__wrong_number_of_inputs__raises(digits: Program, images: np.ndarray) -> None:
    with pytest.raises(WrongInputCount, match="2 inputs given, the model takes 1"):
        Engine(digits).run([images, images])


@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 1, 1, 8, 9), (2, 1, 8, 8), ()])
def test_run__wrong_shape__raises(digits: Program, shape: tuple[int, ...]) -> None:
    with pytest.raises(WrongShape, match=r"expected \(batch, 1, 1, 8, 8\)"):
        Engine(digits).run([np.zeros(shape, np.int8)])


def test_run__inputs_of_different_batches__raises() -> None:
    model = Model()
    left, right = model.input((1, 2, 2, 1), DType.INT32), model.input((1, 2, 2, 1), DType.INT32)
    model.output(model.add(left, right))
    with pytest.raises(WrongShape):
        Engine(compile_tosa(model.serialize())).run([np.zeros((n, 1, 2, 2, 1), np.int32) for n in (1, 2)])


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, object, "S1"])
def test_run__no_integers__raises(digits: Program, dtype: object) -> None:
    with pytest.raises(WrongType, match="expected integers for INT8"):
        Engine(digits).run([np.zeros((1, 1, 1, 8, 8), dtype)])


@pytest.mark.parametrize("value", [128, -129, 255, 2**40])
def test_run__value_out_of_range__raises(digits: Program, value: int) -> None:
    image = np.zeros((1, 1, 1, 8, 8), np.int64)
    image[0, 0, 0, 3, 3] = value
    with pytest.raises(OutOfRange, match="expected -128 to 127"):
        Engine(digits).run([image])
    with pytest.raises(OutOfRange):
        encode_inputs(digits, [image.astype(np.int64)])


def test_run__integers_of_another_width__are_taken(digits: Program, images: np.ndarray) -> None:
    engine = Engine(digits)
    expected = engine.run([images[:4]]).trace_roots
    assert engine.run([images[:4].astype(np.int64)]).trace_roots == expected
    assert engine.run([np.asfortranarray(images[:4])]).trace_roots == expected


def test_run__batch_too_large__raises() -> None:
    model = Model()
    model.output(model.identity(model.input((1 << 12, 1 << 14), DType.INT8)))
    program = compile_tosa(model.serialize())
    inputs = np.broadcast_to(np.zeros(1, np.int8), (40, 1 << 12, 1 << 14))
    with pytest.raises(BatchTooLarge):
        Engine(program)._allocate([inputs])
    assert issubclass(BatchTooLarge, InputError)


def test_run_encoded__agrees_with_run(digits: Program, images: np.ndarray) -> None:
    engine = Engine(digits)
    encoded = encode_inputs(digits, [images[:10]])
    assert {len(item) for item in encoded} == {digits.manifest.input_bytes}
    batch = engine.run_encoded(encoded)
    assert batch.trace_roots == engine.run([images[:10]]).trace_roots
    assert [trace.input_bytes for trace in batch] == encoded
    (output,) = decode_outputs(digits, batch[3].output_bytes)
    assert np.array_equal(output, batch.outputs[0][3])


def test_run_encoded__wrong_length__raises(digits: Program) -> None:
    with pytest.raises(WrongLength, match="63 bytes given, the inputs of the model have 64"):
        Engine(digits).run_encoded([bytes(63)])
    with pytest.raises(WrongLength):
        decode_outputs(digits, bytes(11))


@pytest.mark.parametrize("dtype", [DType.BOOL, DType.INT4, DType.INT48])
def test_run_encoded__bytes_that_no_value_encodes_to__are_committed_as_given(dtype: DType) -> None:
    """G14: a payer can choose any bytes; they are read as docs/trace.md, 2 says and kept as they are."""
    model = Model()
    model.output(model.identity(model.input((3, 50), dtype)))
    program = compile_tosa(model.serialize())
    data = np.random.default_rng(1).bytes(program.manifest.input_bytes)
    trace = Engine(program).run_encoded([data])[0]
    assert trace.input_bytes == data
    size = dtype.size
    values = [dtype.decode(data[at : at + size]) for at in range(0, len(data), size)]
    assert trace.outputs[0].reshape(-1).tolist() == values
    assert trace.output_bytes == b"".join(dtype.encode(value) for value in values)
    chunks = trace.chunks(0, 0, program.slots[0].chunks)
    assert trace.slot_roots[0] == merkle_root([keccak256(chunk) for chunk in chunks])
    assert not any(step(trace, 1, element).is_fault for element in range(150))


# ---- Alterations ---------------------------------------------------------------------------------


def test_alter__changes_one_element_and_what_follows(digits: Program, images: np.ndarray) -> None:
    engine = Engine(digits)
    own = engine.run([images[:2]])
    altered = engine.run([images[:2]], alter=Alteration(slot=2, element=77, value=-5))
    assert (altered.tensors[2].reshape(2, -1)[:, 77] == -5).all()
    different = own.tensors[2] != altered.tensors[2]
    assert different.reshape(2, -1).sum() <= 2
    assert np.array_equal(own.tensors[1], altered.tensors[1])
    trace = altered[1]
    # All other elements follow from what was committed.
    for slot in range(1, len(digits.slots)):
        wrong = [e for e in range(digits.slots[slot].count) if step(trace, slot, e).is_fault]
        assert wrong == ([77] if slot == 2 and own.tensors[2][1].reshape(-1)[77] != -5 else [])


@pytest.mark.parametrize(
    ("alteration", "error"),
    [
        (Alteration(0, 0, 1), PositionError),
        (Alteration(6, 0, 1), PositionError),
        (Alteration(1, 1024, 1), PositionError),
        (Alteration(1, -1, 1), PositionError),
        (Alteration(1, 0, 128), OutOfRange),
    ],
)
def test_alter__outside_the_trace__raises(
    digits: Program, images: np.ndarray, alteration: Alteration, error: type[Exception]
) -> None:
    with pytest.raises(error):
        Engine(digits).run([images[:1]], alter=alteration)
