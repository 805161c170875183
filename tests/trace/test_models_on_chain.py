"""Compiled models from file to verdict: engine, evidence and contract together; the estimates of gas hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from onus.trace import (
    Alteration,
    DType,
    Engine,
    EvidenceKind,
    Program,
    Trace,
    compile_tosa,
    element_evidence,
    evidence,
    find_fault,
    root_evidence,
)
from scripts.build import ROOT
from tests.support.chain import Chain, Contract, Revert
from tests.trace.models import Model, RandomModel, random_values


def _camel(values: dict[str, Any]) -> dict[str, Any]:
    out = {}
    for name, value in values.items():
        first, *rest = name.split("_")
        out[first + "".join(word.capitalize() for word in rest)] = value
    return out


def arguments(trace: Trace, shown: bytes, **roots: bytes) -> tuple[Any, ...]:
    """What `TraceVerifier.fault` takes."""
    execution = {
        "inputRoot": trace.input_root,
        "outputRoot": trace.output_root,
        "traceRoot": trace.trace_root,
    }
    return _camel(asdict(trace.program.commitment)), execution | roots, shown


def other_value(program: Program, trace: Trace, slot: int, element: int) -> int:
    """A wrong value for an element."""
    return program.slots[slot].dtype.wrap(int(trace.tensors[slot].reshape(-1)[element]) ^ 1)


def test_digits__any_altered_slot__is_a_fault_and_the_honest_trace_is_none(
    verifier: Contract, digits: Program, images: np.ndarray
) -> None:
    engine = Engine(digits)
    own = engine.run([images[:1]])[0]
    for slot in range(1, len(digits.slots)):
        count = digits.slots[slot].count
        for element in (0, count // 2, count - 1):
            honest = element_evidence(own, slot, element, check=False)
            assert verifier.fault.revert(*arguments(own, honest)) == Revert("Trace_NoFault")
            alteration = Alteration(slot, element, other_value(digits, own, slot, element))
            altered = engine.run([images[:1]], alter=alteration)[0]
            fault = find_fault(own, altered)
            assert fault is not None
            shown = evidence(altered, fault)
            assert tuple(verifier.fault.call(*arguments(altered, shown))) == (slot, element)


def test_digits__wrong_roots__are_faults(verifier: Contract, digits: Program, images: np.ndarray) -> None:
    """G4."""
    own, other = Engine(digits).run([images[:2]])
    shown = root_evidence(own, EvidenceKind.INPUT)
    assert tuple(verifier.fault.call(*arguments(own, shown, inputRoot=other.input_root))) == (0, 0)
    assert verifier.fault.revert(*arguments(own, shown))
    shown = root_evidence(own, EvidenceKind.OUTPUT)
    assert tuple(verifier.fault.call(*arguments(own, shown, outputRoot=other.output_root))) == (5, 0)
    assert verifier.fault.revert(*arguments(own, shown))


_REST = 100_000
"""Gas of the rest of a transaction: receipt, paths, verdict."""


def gas_of(onus_chain: Chain, account: str, verifier: Contract, *values: Any) -> int:
    """Gas of a transaction with these arguments of `TraceVerifier.fault`."""
    data = verifier.fault.data(*values)
    transaction = {"from": account, "to": verifier.address, "data": data, "gas": hex(40_000_000)}
    return int(onus_chain.rpc("eth_estimateGas", transaction), 16)


@pytest.mark.parametrize("name", ["mobilenet", "encoder", "resnet"])
def test_network__altered_element_of_every_slot__is_a_fault_within_the_estimate(
    onus_chain: Chain, account: str, verifier: Contract, name: str
) -> None:
    """G8, G11: an element in each tensor of real networks, proven in one transaction of the size foreseen."""
    program = compile_tosa((ROOT / "models" / name / f"{name}.tosa").read_bytes())
    engine, random = Engine(program), np.random.default_rng(7)
    inputs = [random.integers(-128, 128, (1, *d.shape)) for d in program.inputs]
    own = engine.run(inputs)[0]
    for slot, cost in enumerate(program.costs, len(program.inputs)):
        element = int(random.integers(program.slots[slot].count))
        honest = element_evidence(own, slot, element, check=False)
        assert verifier.fault.revert(*arguments(own, honest)) == Revert("Trace_NoFault")
        alteration = Alteration(slot, element, other_value(program, own, slot, element))
        altered = engine.run(inputs, alter=alteration)[0]
        fault = find_fault(own, altered)
        assert fault is not None and (fault.slot, fault.element) == (slot, element)
        shown = evidence(altered, fault)
        assert len(shown) <= cost.evidence_bytes
        assert tuple(verifier.fault.call(*arguments(altered, shown))) == (slot, element)
        gas = gas_of(onus_chain, account, verifier, *arguments(altered, shown))
        made = program.slots[slot]
        print(f"{name} {slot} {made.dtype.name}{made.shape}: {gas:,} of {cost.gas:,}, {len(shown)} bytes")
        assert gas + _REST <= cost.gas <= 1_000_000


def test_random_models__altered_element__is_a_fault_within_the_estimate(
    onus_chain: Chain, account: str, verifier: Contract
) -> None:
    for seed in range(40):
        model = RandomModel(seed)
        engine = Engine(compile_tosa(model.file), threads=1)
        program, inputs = engine.program, model.inputs(1)
        own = engine.run(inputs)[0]
        for slot in range(len(program.inputs), len(program.slots)):
            element = int(model.random.integers(program.slots[slot].count))
            honest = element_evidence(own, slot, element, check=False)
            assert verifier.fault.revert(*arguments(own, honest)) == Revert("Trace_NoFault")
            alteration = Alteration(slot, element, other_value(program, own, slot, element))
            altered = engine.run(inputs, alter=alteration)[0]
            shown = element_evidence(altered, slot, element)
            assert tuple(verifier.fault.call(*arguments(altered, shown))) == (slot, element)
            gas = gas_of(onus_chain, account, verifier, *arguments(altered, shown))
            assert gas + _REST <= program.costs[slot - len(program.inputs)].gas, (seed, slot)


def _convolutional(model: Model, channels: int, kernel: int, *, depthwise: bool = False) -> None:
    r = np.random.default_rng(1)
    source = model.input((1, 8, 8, channels))
    shape = (kernel, kernel, channels, 1) if depthwise else (4, kernel, kernel, channels)
    outputs = channels if depthwise else 4
    made = model.conv2d(
        source,
        random_values(r, shape, DType.INT8),
        np.zeros(outputs, np.int64),
        pad=(1, 1, 1, 1),
        depthwise=depthwise,
        zero_points=(3, 0),
    )
    model.output(model.clamp(model.rescale(made, DType.INT8, [1 << 30], [38]), -100, 100))


def _dense(model: Model, length: int) -> None:
    weight = random_values(np.random.default_rng(1), (2, 1, 1, length), DType.INT8)
    made = model.conv2d(model.input((1, 1, 1, length)), weight, np.zeros(2, np.int64))
    model.output(model.rescale(made, DType.INT8, [1 << 30], [40]))


def _sums(model: Model, nesting: int) -> None:
    name = model.input((300,), DType.INT32)
    for _ in range(nesting):
        name = model.add(name, name)
    model.output(name)


def _long(model: Model, channels: int) -> None:
    """16 bits: products one at a time."""
    weight = random_values(np.random.default_rng(1), (2, 3, 3, channels), DType.INT8)
    made = model.conv2d(model.input((1, 4, 4, channels), DType.INT16), weight, np.zeros(2, np.int64))
    model.output(model.rescale(made, DType.INT16, [1 << 14], [30], scale32=False))


def _pooled(model: Model, size: int) -> None:
    r = np.random.default_rng(1)
    source = model.input((1, size, size, 4))
    made = model.conv2d(source, random_values(r, (8, 1, 1, 4), DType.INT8), np.zeros(8, np.int64))
    made = model.rescale(made, DType.INT8, [1 << 30], [34])
    model.output(model.max_pool2d(made, (size, size), (1, 1)))


def _averaged(model: Model, size: int) -> None:
    r = np.random.default_rng(1)
    made = model.conv2d(
        model.input((1, size, size, 4)), random_values(r, (64, 1, 1, 4), DType.INT8), np.zeros(64, np.int64)
    )
    narrow = model.rescale(made, DType.INT8, [1 << 30], [34])
    model.output(model.avg_pool2d(narrow, (size, size), (1, 1), zero_points=(-128, 3)))


def _reduced(name: str, dtype: DType, axis: int) -> Callable[[Model, int], None]:
    def build(model: Model, size: int) -> None:
        model.output(model.reduce(name, model.input((3, size, 20) if axis == 1 else (3, size), dtype), axis))

    build.__name__ = f"{name} {dtype.name} {axis}"
    return build


def _wide(model: Model, name: str) -> str:
    return model.rescale(name, DType.INT32, [1 << 30], [20], input_zp=-3)


def _narrow(model: Model, name: str, shift: int) -> str:
    return model.rescale(name, DType.INT8, [1 << 30], [shift], output_zp=5)


def _softmax(model: Model, size: int) -> None:
    entries = random_values(np.random.default_rng(1), (256,), DType.INT8)
    x = model.input((1, 4, size))
    distance = model.elementwise("SUB", _wide(model, x), _wide(model, model.reduce("REDUCE_MAX", x, 2)))
    powers = _wide(model, model.table(_narrow(model, distance, 40), entries))
    total = model.table(_narrow(model, model.reduce("REDUCE_SUM", powers, 2), 46), entries)
    model.output(_narrow(model, model.mul(powers, _wide(model, total)), 50))


def _layer_norm(model: Model, size: int) -> None:
    r = np.random.default_rng(1)
    x = _wide(model, model.input((1, 16, size)))
    mean = model.rescale(model.reduce("REDUCE_SUM", x, 2), DType.INT32, [1 << 30], [36])
    centred = _wide(model, _narrow(model, model.elementwise("SUB", x, mean), 40))
    variance = model.reduce("REDUCE_SUM", model.mul(centred, centred), 2)
    root = model.table(_narrow(model, variance, 56), random_values(r, (256,), DType.INT8))
    normal = _wide(model, _narrow(model, model.mul(centred, _wide(model, root)), 50))
    gain, shift = (model.constant(r.integers(-99, 99, (1, 1, size)), DType.INT32) for _ in range(2))
    model.output(_narrow(model, model.elementwise("ADD", model.mul(normal, gain), shift), 46))


_FIGURES = {(_softmax, 64): 600_000, (_layer_norm, 64): 600_000, (_averaged, 8): 300_000}
"""Most gas that an element of these may take."""


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (lambda m, n: _convolutional(m, n, 3), 16),
        (lambda m, n: _convolutional(m, n, 3), 256),
        (lambda m, n: _convolutional(m, n, 3, depthwise=True), 64),
        (lambda m, n: _convolutional(m, n, 5, depthwise=True), 300),
        (_dense, 128),
        (_dense, 4_096),
        (_dense, 25_000),
        (_sums, 5),
        (_sums, 20),
        (_long, 40),
        (_long, 150),
        (_averaged, 8),
        (_averaged, 16),
        (_reduced("REDUCE_MAX", DType.INT8, 0), 5),
        (_reduced("REDUCE_MAX", DType.INT8, 1), 300),
        (_reduced("REDUCE_SUM", DType.INT32, 1), 300),
        (_reduced("REDUCE_SUM", DType.INT32, 1), 7),
        (_reduced("ARGMAX", DType.INT16, 1), 400),
        (_reduced("REDUCE_ANY", DType.BOOL, 1), 300),
        (_softmax, 64),
        (_layer_norm, 64),
        (_pooled, 2),
        (_pooled, 24),
    ],
)
def test_costs__gas__is_an_upper_bound(
    onus_chain: Chain, account: str, verifier: Contract, build: Any, size: int
) -> None:
    """G11: what the compiler lets through can be proven in one transaction."""
    model = Model()
    build(model, size)
    program = compile_tosa(model.serialize())
    engine = Engine(program)
    inputs = [random_values(np.random.default_rng(2), (1, *d.shape), d.dtype) for d in program.inputs]
    own = engine.run(inputs)[0]
    for slot, cost in enumerate(program.costs, len(program.inputs)):
        element = program.slots[slot].count // 2
        alteration = Alteration(slot, element, other_value(program, own, slot, element))
        altered = engine.run(inputs, alter=alteration)[0]
        shown = element_evidence(altered, slot, element)
        gas = gas_of(onus_chain, account, verifier, *arguments(altered, shown))
        print(f"{build.__name__} {size} slot {slot}: measured {gas:,} estimate {cost.gas:,} {cost}")
        assert gas + _REST <= cost.gas <= 12_000_000
        assert gas + _REST <= _FIGURES.get((build, size), cost.gas)
