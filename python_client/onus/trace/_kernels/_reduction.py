"""Kernels of the operators that fold an axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onus.trace._dtypes import Array
from onus.trace._entry import Entry
from onus.trace._kernels._base import Kernel, Prepare


def reduction(function: np.ufunc) -> Prepare:
    """Kernel of a reduction that numpy has; its integers wrap."""

    def prepare(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
        axis = entry.attributes["axis"] + 1

        def run(sources: Sequence[Array], out: Array) -> None:
            function.reduce(sources[0], axis=axis, dtype=out.dtype, out=out, keepdims=True)

        return run

    return prepare


def argmax(entry: Entry, constants: Sequence[Array | None]) -> Kernel:
    """Kernel of ARGMAX: numpy too takes the first of equals."""
    axis = entry.attributes["axis"] + 1

    def run(sources: Sequence[Array], out: Array) -> None:
        np.copyto(out, np.argmax(sources[0], axis=axis), casting="unsafe")

    return run
