"""Kernels of the operators that move elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onus.trace._dtypes import Array
from onus.trace._entry import Entry
from onus.trace._kernels._base import Kernel
from onus.trace._operators import permutation


def copy(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of RESHAPE and IDENTITY."""

    def run(sources: Sequence[Array], out: Array) -> None:
        out[...] = sources[0].reshape(len(sources[0]), *out.shape[1:])

    return run


def concat(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of CONCAT."""
    axis = entry.attributes["axis"] + 1
    ends = np.cumsum([d.shape[axis - 1] for d in entry.inputs])[:-1]

    def run(sources: Sequence[Array], out: Array) -> None:
        for source, part in zip(sources, np.split(out, ends, axis), strict=True):
            part[...] = source

    return run


def pad(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of PAD."""
    shape = entry.inputs[0].shape
    inside = _block([entry.attributes[f"before{k}"] for k in range(len(shape))], shape)
    value = entry.attributes["pad_const"]

    def run(sources: Sequence[Array], out: Array) -> None:
        out[...] = value
        out[inside] = sources[0]

    return run


def reverse(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of REVERSE."""
    axis = entry.attributes["axis"] + 1

    def run(sources: Sequence[Array], out: Array) -> None:
        out[...] = np.flip(sources[0], axis)

    return run


def cut(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of SLICE."""
    shape = entry.output.shape
    block = _block([entry.attributes[f"start{k}"] for k in range(len(shape))], shape)

    def run(sources: Sequence[Array], out: Array) -> None:
        out[...] = sources[0][block]

    return run


def tile(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of TILE."""
    # Each axis as two: which copy, and where in it.
    before, after = [], []
    for size, whole in zip(entry.inputs[0].shape, entry.output.shape, strict=True):
        before += [1, size]
        after += [whole // size, size]

    def run(sources: Sequence[Array], out: Array) -> None:
        out.reshape(-1, *after)[...] = sources[0].reshape(-1, *before)

    return run


def transpose(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of TRANSPOSE."""
    axes = (0, *(axis + 1 for axis in permutation(entry)))

    def run(sources: Sequence[Array], out: Array) -> None:
        np.copyto(out, sources[0].transpose(axes))

    return run


def _block(start: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    """A block of every tensor of a batch."""
    return (slice(None), *(slice(a, a + n) for a, n in zip(start, shape, strict=True)))
