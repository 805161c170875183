"""Positional binary Merkle trees (docs/trace.md, 3).

A node is ``keccak256(left || right)``; leaves are padded with zero words to a power of two; the root of one
leaf is the leaf. Every proof has exactly ``depth(count)`` words: a position proves its leaf and nothing else.
"""

from collections.abc import Sequence

from eth_hash.auto import keccak

from onus.protocol.errors import BadProof, BadTree

__all__ = ["EMPTY_LEAF", "MerkleTree", "depth", "keccak256", "proof", "root", "root_from_proof", "verify"]

EMPTY_LEAF = bytes(32)


def keccak256(data: bytes) -> bytes:
    """Keccak-256 of ``data``, 32 bytes."""
    return keccak(data)


def depth(count: int) -> int:
    """Number of words in a proof for one of ``count`` leaves: ceil(log2(count)).

    Raises:
        BadTree: ``count`` is below 1.
    """
    if count < 1:
        raise BadTree("a tree has at least one leaf")
    return (count - 1).bit_length()


class MerkleTree:
    """All levels of one tree, for whoever needs more than one proof.

    Hashes every node once; levels are kept without their zero padding.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if not leaves:
            raise BadTree("a tree has at least one leaf")
        if any(len(leaf) != 32 for leaf in leaves):
            raise BadTree("a leaf has 32 bytes")
        level = list(leaves)
        self._levels = [level]
        padding = EMPTY_LEAF
        while len(level) > 1:
            if len(level) % 2:
                level = [*level, padding]
            level = [keccak(left + right) for left, right in zip(level[::2], level[1::2], strict=True)]
            padding = keccak(padding + padding)
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        return self._levels[-1][0]

    @property
    def leaves(self) -> tuple[bytes, ...]:
        """The real leaves, without padding."""
        return tuple(self._levels[0])

    def proof(self, index: int) -> tuple[bytes, ...]:
        """Siblings of leaf ``index`` from the leaf up, ``depth(count)`` words.

        Raises:
            BadTree: there is no such leaf.
        """
        if not 0 <= index < len(self._levels[0]):
            raise BadTree(f"no leaf {index} among {len(self._levels[0])}")
        path = []
        padding = EMPTY_LEAF
        for level in self._levels[:-1]:
            sibling = index ^ 1
            path.append(level[sibling] if sibling < len(level) else padding)
            padding = keccak(padding + padding)
            index >>= 1
        return tuple(path)


def root(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree of ``leaves`` (32 bytes each, at least one)."""
    return MerkleTree(leaves).root


def proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Path of leaf ``index``; use `MerkleTree` for more than one of the same leaves."""
    return MerkleTree(leaves).proof(index)


def root_from_proof(leaf: bytes, index: int, path: Sequence[bytes], *, count: int) -> bytes:
    """Folds a path to the root it proves.

    Args:
        leaf: 32 bytes.
        index: position of the leaf, below ``count``.
        path: siblings from the leaf up.
        count: number of real leaves, known from elsewhere (a header, a model's sizes).

    Raises:
        BadProof: index out of range, wrong number of words, or a word that does not have 32 bytes.
    """
    if not 0 <= index < count:
        raise BadProof(f"index {index} is not below the count {count}")
    if len(path) != depth(count):
        raise BadProof(f"{len(path)} words where {depth(count)} are needed")
    if len(leaf) != 32 or any(len(word) != 32 for word in path):
        raise BadProof("a word has 32 bytes")
    node = leaf
    for sibling in path:
        node = keccak(node + sibling) if index % 2 == 0 else keccak(sibling + node)
        index >>= 1
    return node


def verify(root: bytes, leaf: bytes, index: int, path: Sequence[bytes], *, count: int) -> bool:
    """Whether ``path`` proves ``leaf`` at ``index`` below ``root``. Never raises on bad proofs."""
    try:
        return root_from_proof(leaf, index, path, count=count) == root
    except BadProof:
        return False
