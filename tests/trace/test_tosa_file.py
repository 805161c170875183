"""Files given garbage: typed errors only, in bounded time (G12)."""

from __future__ import annotations

import time
from collections.abc import Callable

import flatbuffers
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tosa import TosaBasicBlock, TosaGraph, TosaRegion, Version

from onus.trace import (
    DType,
    Engine,
    InvalidOperator,
    LimitExceeded,
    NotTosa,
    TosaFileError,
    UnsupportedStructure,
    UnsupportedTosaVersion,
    compile_tosa,
)
from tests.trace.models import Model, RandomModel

SMALL = RandomModel(3, operators=4).file


def compiles_or_refuses(data: bytes) -> None:
    """Nothing but a program or a typed error, at once."""
    begin = time.monotonic()
    message = ""
    try:
        compile_tosa(data)
    except TosaFileError as error:
        message = str(error)
    assert len(message) < 500
    assert message.isprintable()
    assert time.monotonic() - begin < 20


def test_compile__every_truncation__raises(digits_file: bytes) -> None:
    for file in (digits_file[:-4], SMALL):
        lengths = [*range(64), *range(64, len(file) - 64, 97), *range(len(file) - 64, len(file))]
        for length in lengths:
            compiles_or_refuses(file[:length])
    for length in range(8):
        with pytest.raises(NotTosa):
            compile_tosa(SMALL[:length])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_compile__flipped_bits__raises_typed_errors_only(data: st.DataObject) -> None:
    file = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    compiles_or_refuses(bytes(file))


@settings(max_examples=300, deadline=None)
@given(
    place=st.integers(0, len(SMALL) // 4 - 1),
    word=st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 4, 64]) | st.integers(0, 2**32 - 1),
)
def test_compile__wild_offsets__raises_typed_errors_only(place: int, word: int) -> None:
    file = SMALL[: 4 * place] + word.to_bytes(4, "little") + SMALL[4 * place + 4 :]
    compiles_or_refuses(file)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
@example(b"")
def test_compile__noise__raises(noise: bytes) -> None:
    with pytest.raises(NotTosa):
        compile_tosa(noise)
    compiles_or_refuses(noise[:4].ljust(4, b"\x08") + b"TOSA" + noise)


@pytest.mark.deep
@settings(max_examples=20_000, deadline=None)
@given(seed=st.integers(0, 50), data=st.data())
def test_compile__much_damage__raises_typed_errors_only(seed: int, data: st.DataObject) -> None:
    file = bytearray(RandomModel(seed, operators=4).file)
    for _ in range(data.draw(st.integers(1, 30))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    compiles_or_refuses(bytes(file))


# ---- Structures ----------------------------------------------------------------------------------


def graph(
    *, regions: int = 1, blocks: int = 1, version: tuple[int, int, int] = (1, 0, 0), draft: bool = False
) -> bytes:
    """A graph with empty blocks."""
    builder = flatbuffers.Builder(256)

    def vector(count: int, start: Callable[[flatbuffers.Builder, int], int], item: int) -> int:
        start(builder, count)
        for _ in range(count):
            builder.PrependUOffsetTRelative(item)
        return int(builder.EndVector())

    TosaBasicBlock.Start(builder)
    block = TosaBasicBlock.End(builder)
    listed = vector(blocks, TosaRegion.StartBlocksVector, block)
    TosaRegion.Start(builder)
    TosaRegion.AddBlocks(builder, listed)
    region = TosaRegion.End(builder)
    listed = vector(regions, TosaGraph.StartRegionsVector, region)
    Version.Start(builder)
    for add, number in zip((Version.Add_Major, Version.Add_Minor, Version.Add_Patch), version, strict=True):
        add(builder, number)
    Version.Add_Draft(builder, draft)
    written = Version.End(builder)
    TosaGraph.Start(builder)
    TosaGraph.AddVersion(builder, written)
    TosaGraph.AddRegions(builder, listed)
    builder.Finish(TosaGraph.End(builder), b"TOSA")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("version", "draft"), [((0, 90, 0), False), ((1, 1, 0), False), ((2, 0, 0), False), ((1, 0, 0), True)]
)
def test_compile__other_version__raises(version: tuple[int, int, int], draft: bool) -> None:
    with pytest.raises(UnsupportedTosaVersion, match=r"TOSA 1\.0 is needed") as caught:
        compile_tosa(graph(version=version, draft=draft))
    assert (caught.value.version, caught.value.draft) == (version, draft)


@pytest.mark.parametrize(
    ("regions", "blocks", "match"),
    [
        (0, 1, "0 regions"),
        (2, 1, "2 regions"),
        (1, 0, "0 blocks"),
        (1, 3, "3 blocks"),
        (1, 1, "no operators"),
    ],
)
def test_compile__other_structure__raises(regions: int, blocks: int, match: str) -> None:
    with pytest.raises(UnsupportedStructure, match=match):
        compile_tosa(graph(regions=regions, blocks=blocks))


def test_compile__one_table_listed_over_and_over__is_bounded() -> None:
    """A small file whose vectors all name the same table: walking it would take for ever."""
    begin = time.monotonic()
    with pytest.raises(LimitExceeded, match="tables in the file"):
        compile_tosa(graph(regions=3_000, blocks=3_000))
    assert time.monotonic() - begin < 20


def test_compile__names_from_the_file__are_made_printable() -> None:
    model = Model()
    source = model.input((2,))
    name = "\x1b[31m" + "x" * 500
    block = model._graph.currRegion.currBasicBlock
    block.addTensor(name, [2], int(DType.INT8))
    model._graph.addOperator(32, [source], [name])
    model.output(name)
    with pytest.raises(TosaFileError) as caught:
        compile_tosa(model.serialize())
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_compile__tensor_read_before_it_is_made__raises() -> None:
    model = Model()
    model.input((2,))
    model._tensor("later", (2,), DType.INT8)
    model._tensor("out", (2,), DType.INT8)
    model._graph.addOperator(68, ["later"], ["out"])
    model.output("out")
    with pytest.raises(
        InvalidOperator, match=r"operator 0, IDENTITY \(out\): later is read before it is made"
    ):
        compile_tosa(model.serialize())


def test_compile__tensor_made_twice__raises() -> None:
    model = Model()
    source = model.input((2,))
    name = model.clamp(source, 0, 1)
    model._graph.addOperator(68, [source], [name])
    model.output(name)
    with pytest.raises(InvalidOperator, match="made twice"):
        compile_tosa(model.serialize())


# ---- Constants -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [DType.BOOL, DType.INT4, DType.INT8, DType.INT16, DType.INT32, DType.INT48])
def test_constants__every_type__are_read(dtype: DType) -> None:
    values = np.array([dtype.minimum, dtype.maximum, 0, 1, dtype.minimum, -1 if dtype.minimum else 1, 1])
    model = Model()
    model.output(model.identity(model.input((1,))))
    model.output(model.identity(model.constant(values, dtype)))
    program = compile_tosa(model.serialize())
    assert Engine(program).execute([np.zeros((1, 1), np.int8)])[1].tolist() == [values.tolist()]


def test_constants__longer_than_their_shape__only_if_repeated_or_padded(digits_file: bytes) -> None:
    """Exporters write the zero point of weights once for each channel, with shape (1,)."""
    at = digits_file.index((16).to_bytes(4, "little") + bytes(16))
    repeated = bytearray(digits_file)
    repeated[at + 4 : at + 20] = b"\5" * 16
    compile_tosa(bytes(repeated))
    repeated[at + 9] = 4
    with pytest.raises(NotTosa, match="16 bytes where the shape"):
        compile_tosa(bytes(repeated))
