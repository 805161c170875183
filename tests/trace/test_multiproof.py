"""Roots from several leaves and their siblings: docs/trace.md, 4, Multiproof."""

from __future__ import annotations

from random import Random

from tests.support.chain import Contract
from tests.trace.spec import levels, multiproof


def tree(count: int) -> list[list[bytes]]:
    return levels([Random(k).randbytes(32) for k in range(count)])


def test_multiproof__any_leaves__root_and_every_sibling_used(trace_harness: Contract) -> None:
    random = Random(0)
    for count in (1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100):
        nodes = tree(count)
        for _ in range(12):
            known = sorted(random.sample(range(count), random.randint(1, count)))
            siblings = multiproof(nodes, known)
            leaves = [nodes[0][k] for k in known]
            answer = tuple(trace_harness.multiproof(known, leaves, count, siblings))
            assert answer == (nodes[-1][0], len(siblings))


def test_multiproof__leaves_side_by_side__same_siblings(trace_harness: Contract) -> None:
    for count in (1, 2, 3, 5, 8, 13):
        nodes = tree(count)
        for first in range(count):
            for last in range(first, count):
                known = list(range(first, last + 1))
                siblings = multiproof(nodes, known)
                leaves = nodes[0][first : last + 1]
                answer = tuple(trace_harness.rangeproof(leaves, first, count, siblings))
                assert answer == (nodes[-1][0], len(siblings))


def test_multiproof__wrong_leaf_or_sibling__another_root(trace_harness: Contract) -> None:
    nodes, known = tree(13), [2, 3, 7, 12]
    leaves, siblings = [nodes[0][k] for k in known], multiproof(nodes, known)
    for parts in (leaves, siblings):
        for place, right in enumerate(parts):
            parts[place] = b"\1" * 32
            root, used = trace_harness.multiproof(known, leaves, 13, siblings)
            assert root != nodes[-1][0] and used == len(siblings)
            parts[place] = right
    for place, moved in ((0, 1), (1, 4), (2, 6), (3, 11)):
        others = [*known]
        others[place] = moved
        assert trace_harness.multiproof(others, leaves, 13, siblings + [bytes(32)] * 4)[0] != nodes[-1][0]
