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


def transpose(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of TRANSPOSE."""
    axes = (0, *(axis + 1 for axis in permutation(entry)))

    def run(sources: Sequence[Array], out: Array) -> None:
        np.copyto(out, sources[0].transpose(axes))

    return run
