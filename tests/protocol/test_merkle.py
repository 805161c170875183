"""Positional trees: what proves a place, and everything that must not (E5)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onus.protocol import BadProof, BadTree, keccak256, merkle
from onus.protocol.merkle import EMPTY_LEAF, MerkleTree
from tests.vectors.generate import word

leaves = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)
few = settings(max_examples=50, deadline=None)


def by_definition(level: list[bytes]) -> bytes:
    """docs/trace.md, 3, word by word."""
    while len(level) & (len(level) - 1):
        level = [*level, bytes(32)]
    while len(level) > 1:
        level = [keccak256(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


@few
@given(leaves=leaves)
def test_root__any_leaves__by_definition(leaves: list[bytes]) -> None:
    assert merkle.root(leaves) == MerkleTree(leaves).root == by_definition(leaves)


@few
@given(leaves=leaves)
def test_proof__every_leaf__proves_the_root_with_exactly_depth_words(leaves: list[bytes]) -> None:
    tree, count = MerkleTree(leaves), len(leaves)
    for index, leaf in enumerate(leaves):
        path = tree.proof(index)
        assert len(path) == merkle.depth(count)
        assert path == merkle.proof(leaves, index)
        assert merkle.root_from_proof(leaf, index, path, count=count) == tree.root


@few
@given(leaves=leaves, data=st.data())
def test_proof__at_another_place__proves_nothing(leaves: list[bytes], data: st.DataObject) -> None:
    tree, count = MerkleTree(leaves), len(leaves)
    index = data.draw(st.integers(0, count - 1))
    other = data.draw(st.integers(0, count - 1))
    proves = merkle.verify(tree.root, leaves[index], other, tree.proof(index), count=count)
    # Two equal leaves beside each other have each other as sibling: nothing tells their places apart.
    assert proves == (other == index) or leaves[other] == leaves[index]


@few
@given(leaves=leaves, data=st.data())
def test_proof__corrupted__proves_nothing(leaves: list[bytes], data: st.DataObject) -> None:
    tree, count = MerkleTree(leaves), len(leaves)
    index = data.draw(st.integers(0, count - 1))
    words = [leaves[index], *tree.proof(index)]
    at, bit = data.draw(st.integers(0, len(words) - 1)), data.draw(st.integers(0, 255))
    words[at] = (int.from_bytes(words[at]) ^ 1 << bit).to_bytes(32)
    assert not merkle.verify(tree.root, words[0], index, words[1:], count=count)


def test_proof__inner_node_as_leaf__refused() -> None:
    tree = MerkleTree([word(str(at)) for at in range(4)])
    inner = keccak256(tree.leaves[0] + tree.leaves[1])
    with pytest.raises(BadProof):
        merkle.root_from_proof(inner, 0, tree.proof(0)[1:], count=4)
    assert merkle.root_from_proof(inner, 0, tree.proof(0)[1:], count=2) == tree.root  # why the count matters


def test_proof__padding_leaf_index_or_depth_beyond__refused() -> None:
    tree = MerkleTree([word(str(at)) for at in range(3)])
    path = [tree.leaves[2], tree.proof(2)[1]]
    assert keccak256(path[1] + keccak256(path[0] + EMPTY_LEAF)) == tree.root
    with pytest.raises(BadProof):
        merkle.root_from_proof(EMPTY_LEAF, 3, path, count=3)
    with pytest.raises(BadProof):
        merkle.root_from_proof(tree.leaves[0], -1, tree.proof(0), count=3)
    with pytest.raises(BadProof):
        merkle.root_from_proof(tree.leaves[0], 0, [*tree.proof(0), EMPTY_LEAF], count=3)
    with pytest.raises(BadProof):
        merkle.root_from_proof(tree.leaves[0], 0, [each[:-1] for each in tree.proof(0)], count=3)
    with pytest.raises(BadTree):
        tree.proof(3)


def test_tree__empty_or_of_other_words__refused() -> None:
    for bad in ([], [b"short"], [bytes(33)]):
        with pytest.raises(BadTree):
            merkle.root(bad)
    with pytest.raises(BadTree):
        merkle.depth(0)


@pytest.mark.parametrize(
    ("count", "depth"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8_192, 13), (2**32 - 1, 32)]
)
def test_depth__is_the_logarithm_rounded_up(count: int, depth: int) -> None:
    assert merkle.depth(count) == depth
