"""Words, entries, elements and trees: their encodings, and that the compiled ones are the plain ones."""

from __future__ import annotations

from contextlib import suppress
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onus.trace
from onus.protocol.merkle import MerkleTree, keccak256
from onus.trace import Descriptor, DType, Entry, Kind, Opcode, TraceError
from onus.trace._entry import FIELDS
from onus.trace._keccak import hash_chunks, hash_nodes
from onus.trace._kernels import KERNELS
from onus.trace._operators import OPERATORS
from onus.trace._tree import Tree, fold, tensor_roots
from tests.trace import spec


@st.composite
def descriptors(draw: st.DrawFn, largest: int = 2**32 - 1) -> Descriptor:
    shape = tuple(draw(st.lists(st.integers(1, largest), max_size=6)))
    layout = tuple(draw(st.permutations(range(len(shape))))) if draw(st.booleans()) else ()
    return Descriptor(
        draw(st.sampled_from(Kind)),
        draw(st.sampled_from(DType)),
        draw(st.integers(0, 2**16 - 1)),
        shape,
        layout,
    )


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    opcode = draw(st.sampled_from(Opcode))
    attributes = {
        f.name: draw(
            st.integers(-(1 << 8 * f.size - 1), (1 << 8 * f.size - 1) - 1)
            if f.signed
            else st.integers(0, (1 << 8 * f.size) - 1)
        )
        for f in FIELDS[opcode]
    }
    inputs = tuple(draw(st.lists(descriptors(), min_size=1, max_size=4)))
    return Entry(opcode, draw(descriptors()), inputs, attributes)


@given(descriptors())
def test_descriptor__round_trip(descriptor: Descriptor) -> None:
    word = descriptor.encode()
    assert len(word) == 32
    assert Descriptor.decode(word) == descriptor
    assert (
        spec.Tensor(
            spec.Kind(descriptor.kind),
            spec.Type(descriptor.dtype),
            descriptor.shape,
            layout=descriptor.layout,
            reference=descriptor.reference,
        ).encode()
        == word
    )


@given(
    st.binary(min_size=32, max_size=32)
    | st.builds(lambda d, k, b: _flip(d.encode(), k, b), descriptors(), st.integers(0, 31), st.integers(0, 7))
)
def test_descriptor__any_word__is_canonical_or_refused(word: bytes) -> None:
    with suppress(TraceError):
        assert Descriptor.decode(word).encode() == word


def _flip(data: bytes, byte: int, bit: int) -> bytes:
    return data[:byte] + bytes((data[byte] ^ 1 << bit,)) + data[byte + 1 :]


def test_descriptor__identity_as_layout__is_row_major() -> None:
    assert Descriptor(Kind.INPUT, DType.INT8, 0, (2, 3), (0, 1)) == Descriptor(
        Kind.INPUT, DType.INT8, 0, (2, 3)
    )


@given(entries())
def test_entry__round_trip(entry: Entry) -> None:
    data = entry.encode()
    assert len(data) == 32 * (2 + len(entry.inputs)) > 64
    assert Entry.decode(data) == entry
    for wrong in (
        data[:-1],
        data + bytes(32),
        data[:1] + bytes((data[1] + 1,)) + data[2:],
        b"\0" + data[1:],
        b"",
    ):
        with pytest.raises(TraceError):
            Entry.decode(wrong)


def test_entry__missing_attribute__is_refused() -> None:
    tensor = Descriptor(Kind.INPUT, DType.INT8, 0, (2,))
    with pytest.raises(ValueError, match="CLAMP has the attributes"):
        Entry(Opcode.CLAMP, tensor, (tensor,), {"min": 1})


@given(st.sampled_from(DType), st.data())
def test_dtype__round_trip(dtype: DType, data: st.DataObject) -> None:
    value = data.draw(st.integers(dtype.minimum, dtype.maximum))
    encoded = dtype.encode(value)
    assert dtype.decode(encoded) == value
    assert dtype.encode_array(np.array([value], dtype.array)).tobytes() == encoded
    anything = data.draw(st.binary(min_size=dtype.size, max_size=dtype.size))
    read = dtype.decode(anything)
    assert dtype.minimum <= read <= dtype.maximum
    assert dtype.decode_array(np.frombuffer(anything, np.uint8)[None]).tolist() == [read]
    assert read == spec.Type(dtype).wrap(int.from_bytes(anything, "big"))
    assert dtype.wrap(data.draw(st.integers())) in range(dtype.minimum, dtype.maximum + 1)


@settings(deadline=None)
@given(descriptors(largest=6), st.integers(0, 2**32 - 1))
def test_descriptor__commit_and_restore__are_inverse(descriptor: Descriptor, seed: int) -> None:
    dtype = descriptor.dtype
    values = np.random.default_rng(seed).integers(dtype.minimum, dtype.maximum + 1, (2, *descriptor.shape))
    values = values.astype(dtype.array)
    data = descriptor.commit(values)
    assert data.shape == (2, 128 * descriptor.chunks)
    assert np.array_equal(descriptor.restore(data), values)
    flat = values[1].reshape(-1)
    for index in {0, descriptor.count - 1, descriptor.count // 2}:
        chunk, at = descriptor.chunk_of(index)
        assert data[1].tobytes()[chunk * 128 + at :][: dtype.size] == dtype.encode(int(flat[index]))
        assert descriptor.index(descriptor.address(index)) == index
    assert prod(descriptor.shape) == descriptor.count


# ---- Hashes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 15, 16, 17, 100])
def test_keccak__compiled__is_keccak(count: int) -> None:
    data = np.random.default_rng(count).integers(0, 256, count * 128, dtype=np.uint8)
    for function, size in ((hash_chunks, 128), (hash_nodes, 64)):
        messages = data[: count * size]
        hashes = np.zeros(count * 32, np.uint8)
        function(messages, hashes)
        expected = [keccak256(messages[k * size : (k + 1) * size].tobytes()) for k in range(count)]
        assert hashes.tobytes() == b"".join(expected)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 130), batch=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_trees__compiled__are_the_plain_ones(count: int, batch: int, seed: int) -> None:
    data = np.random.default_rng(seed).integers(0, 256, (batch, count * 128), dtype=np.uint8)
    roots = np.zeros((batch, 32), np.uint8)
    tensor_roots(data.reshape(-1), count, batch, roots)
    for k in range(batch):
        leaves = [keccak256(data[k, at : at + 128].tobytes()) for at in range(0, count * 128, 128)]
        plain = MerkleTree(leaves)
        assert roots[k].tobytes() == plain.root
        tree = Tree.of_chunks(data[k])
        assert tree.root == Tree.of_hashes(leaves).root == plain.root
        path = plain.proof(count - 1)
        assert tuple(tree.node(level, (count - 1 >> level) ^ 1) for level in range(tree.depth)) == path
    again = np.zeros((batch, 32), np.uint8)
    fold(data.reshape(batch, -1)[:, : count * 32].reshape(-1).copy(), count, batch, again)
    first = MerkleTree([data[0, at : at + 32].tobytes() for at in range(0, count * 32, 32)])
    assert again[0].tobytes() == first.root


# ---- Completeness --------------------------------------------------------------------------------


def test_registry__every_operator__has_encoding_meaning_and_kernel() -> None:
    assert set(Opcode) == set(FIELDS) == set(OPERATORS) == set(KERNELS)
    assert all(OPERATORS[opcode].opcode is opcode for opcode in Opcode)


def test_public_names__are_listed_and_documented() -> None:
    names = {name for name in vars(onus.trace) if not name.startswith("_")}
    assert set(onus.trace.__all__) == names - {"annotations"}
    assert list(onus.trace.__all__) == sorted(onus.trace.__all__, key=_as_ruff_sorts)
    for name in onus.trace.__all__:
        assert getattr(onus.trace, name).__doc__ or name.isupper()


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
