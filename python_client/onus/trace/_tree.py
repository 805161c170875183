"""Merkle trees over many leaves, and of many tensors at once (docs/trace.md, 3).

The same trees as `onus.protocol.merkle`, which is the plain definition; here the hashing is done by a
compiled kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numba
import numpy as np

from onus.protocol.merkle import keccak256
from onus.trace._descriptor import CHUNK
from onus.trace._dtypes import Array, Bytes
from onus.trace._keccak import HASH, hash_chunks, hash_nodes

_LEVELS: Final = 33


def _empty_nodes() -> Bytes:
    out = [bytes(HASH)]
    while len(out) < _LEVELS:
        out.append(keccak256(out[-1] + out[-1]))
    return np.frombuffer(b"".join(out), np.uint8).reshape(_LEVELS, HASH).copy()


EMPTY: Final = _empty_nodes()
"""Root of a tree of zero words by its depth, (33, 32)."""


def tree_depth(leaves: int) -> int:
    """⌈log2 leaves⌉."""
    return (leaves - 1).bit_length()


def tree_width(leaves: int, level: int) -> int:
    """Nodes of a level that have a real leaf below them; level 0 is the leaves."""
    return -(-leaves >> level)


@numba.njit(nogil=True, cache=True)
def fold(leaves: Bytes, count: int, batch: int, roots: Bytes) -> None:
    """Roots of many trees of the same number of leaves.

    Args:
        leaves: (batch * count * 32,), tree after tree.
        count: leaves of a tree.
        batch: number of trees.
        roots: receives the roots, (batch, 32).
    """
    level = leaves
    depth = 0
    while count > 1:
        if count % 2:
            padded = np.empty(batch * (count + 1) * HASH, np.uint8)
            for b in range(batch):
                at = b * (count + 1) * HASH
                padded[at : at + count * HASH] = level[b * count * HASH : (b + 1) * count * HASH]
                padded[at + count * HASH : at + (count + 1) * HASH] = EMPTY[depth]
            level = padded
            count += 1
        count //= 2
        parents = np.empty(batch * count * HASH, np.uint8)
        hash_nodes(level, parents)
        level = parents
        depth += 1
    for b in range(batch):
        roots[b] = level[b * HASH : (b + 1) * HASH]


@numba.njit(nogil=True, cache=True)
def tensor_roots(chunks: Bytes, count: int, batch: int, roots: Bytes) -> None:
    """Roots of the tensor trees of many tensors of the same size.

    Args:
        chunks: (batch * count * 128,), tensor after tensor.
        count: chunks of a tensor.
        batch: number of tensors.
        roots: receives the roots, (batch, 32).
    """
    leaves = np.empty(batch * count * HASH, np.uint8)
    hash_chunks(chunks, leaves)
    fold(leaves, count, batch, roots)


@numba.njit(nogil=True, cache=True)
def trace_roots(chunks: Bytes, counts: Array, batch: int, slot_roots: Bytes, roots: Bytes) -> None:
    """Roots of many traces of the same model.

    Args:
        chunks: committed bytes: slot after slot, and in each (batch * counts[slot] * 128,).
        counts: chunks of each slot.
        batch: number of traces.
        slot_roots: receives the roots of the slots, (batch, slots, 32).
        roots: receives the roots of the traces, (batch, 32).
    """
    at = 0
    for slot in range(counts.size):
        size = batch * counts[slot] * CHUNK
        tensor_roots(chunks[at : at + size], counts[slot], batch, slot_roots[:, slot])
        at += size
    fold(slot_roots.reshape(-1), counts.size, batch, roots)


class Tree:
    """All levels of one tree.

    Args:
        leaves: (n, 32), n ≥ 1.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaves: Bytes) -> None:
        level = np.ascontiguousarray(leaves)
        self._levels = [level]
        while len(level) > 1:
            if len(level) % 2:
                level = np.concatenate((level, EMPTY[len(self._levels) - 1 : len(self._levels)]))
            parents = np.empty((len(level) // 2, HASH), np.uint8)
            hash_nodes(level.reshape(-1), parents.reshape(-1))
            self._levels.append(parents)
            level = parents

    @staticmethod
    def of_hashes(leaves: Sequence[bytes]) -> Tree:
        """Tree of hashes."""
        return Tree(np.frombuffer(bytearray(b"".join(leaves)), np.uint8).reshape(-1, HASH))

    @staticmethod
    def of_chunks(chunks: Bytes) -> Tree:
        """Tensor tree of committed bytes, (chunks * 128,)."""
        leaves = np.empty(len(chunks) // CHUNK * HASH, np.uint8)
        hash_chunks(np.ascontiguousarray(chunks), leaves)
        return Tree(leaves.reshape(-1, HASH))

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        return bytes(self._levels[-1][0])

    @property
    def depth(self) -> int:
        """Levels above the leaves."""
        return len(self._levels) - 1

    def width(self, level: int) -> int:
        """Real nodes of a level."""
        return len(self._levels[level])

    def node(self, level: int, index: int) -> bytes:
        """A node, also one with nothing but padding below it."""
        nodes = self._levels[level]
        return bytes(nodes[index] if index < len(nodes) else EMPTY[level])
