"""`demandSize` and `checkAnswer` beside the plain Python reading of the protocol: same answers, same errors.

Models, positions, witnesses, answers and paths of every size, right or wrong by one, up to the limits.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onus.protocol import Demand, DemandKind, ModelCommitment, Position, TensorWitness, keccak256
from tests.support import reveals
from tests.support.chain import Failed, Revert
from tests.support.withheld import digits_source, wide_source
from tests.support.world import World
from tests.trace.spec import levels

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
deep = settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))

SIZES = (1, 127, 128, 129, 8_191, 8_192, 8_193, 64 * 8_192, 64 * 8_192 + 1, 2**32 - 128, 2**32 - 1)
sizes = st.sampled_from(SIZES) | st.integers(1, 40_000) | st.integers(1, 2**32 - 1)
words = st.binary(min_size=32, max_size=32)


@st.composite
def descriptors(draw: st.DrawFn) -> bytes:
    """Mostly of a vector of bytes that is committed; now and then anything."""
    if draw(st.integers(0, 5)) == 0:
        return draw(words)
    kind, type_ = (
        draw(st.sampled_from((1, 1, 2, 2, 2, 0, 3))),
        draw(st.sampled_from((3, 3, 3, 1, 4, 6, 0, 7))),
    )
    shape = draw(st.sampled_from(((1,), (1, 1), (1, 1, 1, 1, 1, 1), (2, 3), (1, 0))))
    length = draw(sizes | st.sampled_from((0, 2**32 - 1)))
    dimensions = b"".join(n.to_bytes(4) for n in (*shape[:-1], length)).ljust(24, b"\0")
    rank = draw(st.sampled_from((len(shape), len(shape), 7, 0)))
    return bytes((kind, type_)) + draw(st.integers(0, 9)).to_bytes(2) + bytes((rank, 0, 0, 0)) + dimensions


@st.composite
def demands(draw: st.DrawFn) -> tuple[ModelCommitment, Position, TensorWitness]:
    """A model, a position, and a witness that is mostly right."""
    heads = st.lists(descriptors(), min_size=1, max_size=4).map(lambda parts: bytes(32) + b"".join(parts))
    entries = draw(st.lists(heads, min_size=1, max_size=9))
    inputs = draw(st.integers(1, 5))
    model = ModelCommitment(
        program_root=levels([keccak256(entry) for entry in entries])[-1][0],
        weights_root=bytes(32),
        inputs=inputs,
        outputs=1,
        slots=draw(st.sampled_from((inputs + 1, 6, 64, 65, 4_096)).filter(lambda n: n > inputs)),
        entries=len(entries),
        constants=0,
    )
    index = draw(st.integers(0, len(entries) - 1))
    operand = draw(st.integers(0, len(entries[index]) // 32 - 2))
    word = reveals.descriptor(entries[index], operand)
    witness = TensorWitness(
        entry=entries[index], entry_index=index, operand=operand, path=reveals.paths(entries)[index]
    )
    kind = draw(st.sampled_from(list(DemandKind)))
    slot = draw(st.sampled_from((int.from_bytes(word[2:4]), 0, inputs, model.slots - 1, model.slots, 65_535)))
    if kind is DemandKind.TRACE_NODES:
        slot, witness = draw(st.sampled_from((0, 0, 0, 1))), draw(st.just(TensorWitness()) | st.just(witness))
    position = draw(positions(kind, slot, model, witness))
    return model, position, draw(st.just(witness) | spoilt(witness))


@st.composite
def positions(
    draw: st.DrawFn, kind: DemandKind, slot: int, model: ModelCommitment, witness: TensorWitness
) -> Position:
    """Around the ends of levels."""
    leaves = model.slots
    if kind is not DemandKind.TRACE_NODES:
        leaves = max(1, reveals.chunks_of(reveals.size_shown(witness.entry, witness.operand)))
    if kind in reveals.RUNS:
        level = draw(st.sampled_from((0, 0, 0, 0, 1)))
        last = (leaves - 1) // 64 * 64
        around = (0, 64, last, last + 64, last + 1, max(0, last - 64))
    else:
        depth = reveals.depth_of(leaves)
        level = draw(st.integers(0, depth + 1) | st.sampled_from((depth, 255)))
        width = reveals.real(leaves, min(level, 40))
        around = (0, width - 1, width, width // 2)
    index = draw(st.sampled_from([at for at in around if at < 2**32]) | st.integers(0, 2**32 - 1))
    return Position(kind=kind, slot=slot, level=level, index=index)


@st.composite
def spoilt(draw: st.DrawFn, witness: TensorWitness) -> TensorWitness:
    """Other in one thing."""
    other = {
        "entry": draw(st.sampled_from((witness.entry[:-1], witness.entry + b"\0", b"", witness.entry[::-1]))),
        "entry_index": draw(st.sampled_from((0, witness.entry_index ^ 1, 9, 65_535))),
        "operand": draw(st.sampled_from((0, witness.operand + 1, 255))),
        "path": draw(st.sampled_from((witness.path[:-1], (*witness.path, bytes(32)), witness.path[::-1]))),
    }
    name = draw(st.sampled_from(sorted(other)))
    return replace(witness, **{name: other[name]})


def check_demand_size(
    world: World, model: ModelCommitment, position: Position, witness: TensorWitness
) -> None:
    try:
        found: object = tuple(world.verifier.demandSize.call(model, position, witness))
    except Failed as failure:
        found = failure.revert
    assert found == reveals.demand_size(model, position, witness)


@quick
@given(each=demands())
def test_demand_size__of_anything__is_as_the_protocol_says(
    world: World, each: tuple[ModelCommitment, Position, TensorWitness]
) -> None:
    """G5, G7."""
    check_demand_size(world, *each)


@pytest.mark.deep
@deep
@given(each=demands())
def test_demand_size__of_anything__for_long(
    world: World, each: tuple[ModelCommitment, Position, TensorWitness]
) -> None:
    """G5, G7."""
    check_demand_size(world, *each)


# ---- Answers --------------------------------------------------------------------------------------------


@st.composite
def asked(draw: st.DrawFn) -> Demand:
    """A demand that exists, in a tree of any size."""
    kind = draw(st.sampled_from([*reveals.NODES, *reveals.RUNS]))
    above = draw(st.sampled_from((0, 1, 3, 7, 12)))
    size = draw(sizes.filter(lambda n: n > 128)) if kind in reveals.NODES else draw(sizes)
    leaves = reveals.chunks_of(size)
    if kind is DemandKind.TRACE_NODES:
        size = leaves = draw(st.sampled_from((2, 3, 5, 64, 65, 100, 4_095, 4_096)))
        above = 0
    level, index = 0, draw(st.integers(0, (leaves - 1) // 64)) * 64
    if kind in reveals.NODES:
        depth = reveals.depth_of(leaves)
        level = draw(st.integers(1, depth) | st.just(depth))
        index = draw(st.integers(0, reveals.real(leaves, level) - 1))
        index = draw(st.sampled_from((index, reveals.real(leaves, level) - 1)))
    slot = draw(st.integers(0, (1 << above) - 1))
    return Demand(kind=kind, level=level, slot=slot, index=index, size=size, above=above)


def length_of(demand: Demand) -> int:
    """Bytes of its answer: what the error about none of them says."""
    error = reveals.check_answer(bytes(32), demand, b"", ())
    assert error is not None and error.name == "Verifier_WrongLength"
    return int(error.args[0])


def path_of(demand: Demand) -> int:
    """Words of its path."""
    leaves = demand.size if demand.kind is DemandKind.TRACE_NODES else reveals.chunks_of(demand.size)
    depth = reveals.depth_of(leaves)
    return depth - (min(6, depth) if demand.kind in reveals.RUNS else demand.level) + demand.above


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, Demand, bytes, tuple[bytes, ...]]:
    """Root, demand, data and path: right by chance of the root, then wrong in something or not."""
    demand, seed = draw(asked()), draw(st.randoms(use_true_random=False))
    data = seed.randbytes(length_of(demand))
    path = tuple(seed.randbytes(32) for _ in range(path_of(demand)))
    error = reveals.check_answer(bytes(32), demand, data, path)
    assert error is not None and error.name == "Verifier_WrongData"
    root = error.args[1]
    match draw(st.integers(0, 6)):
        case 0:
            data = data[: draw(st.integers(0, len(data)))]
        case 1:
            data += bytes(draw(st.integers(1, 200)))
        case 2:
            path = path[: draw(st.integers(0, len(path)))]
        case 3:
            path += (bytes(32),) * draw(st.integers(1, 40))
        case 4:
            at = draw(st.integers(0, len(data) - 1))
            data = data[:at] + bytes((data[at] ^ draw(st.integers(1, 255)),)) + data[at + 1 :]
        case 5:
            demand = replace(demand, slot=draw(st.integers(0, 65_535)))
    return root, demand, data, path


@quick
@given(each=answers())
def test_check_answer__of_anything__is_as_the_protocol_says(
    world: World, each: tuple[bytes, Demand, bytes, tuple[bytes, ...]]
) -> None:
    """G5, G7, G8."""
    assert world.verifier.checkAnswer.revert(*each) == reveals.check_answer(*each)


@pytest.mark.deep
@deep
@given(each=answers())
def test_check_answer__of_anything__for_long(
    world: World, each: tuple[bytes, Demand, bytes, tuple[bytes, ...]]
) -> None:
    """G5, G7, G8."""
    assert world.verifier.checkAnswer.revert(*each) == reveals.check_answer(*each)


@pytest.mark.parametrize("source", [digits_source, wide_source], ids=["digits", "wide"])
def test_check_answer__at_the_ends_of_every_tree__accepts_what_stands_there(
    world: World, source: object
) -> None:
    """G1: an operator that has its execution can answer whatever is demanded."""
    each = source()  # type: ignore[operator]
    for position in each.ends():
        data, path = each.committed.answer(position)
        args = (each.root(position), each.wanted(position), data, path)
        revert: Revert | None = world.verifier.checkAnswer.revert(*args)
        assert revert is None, (position, revert)
