"""What a kernel is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from onus.trace._dtypes import Array
from onus.trace._entry import Entry

Kernel = Callable[[Sequence[Array], Array], None]
"""Fills a target, (batch, *shape), from operands, (batch, *shape) or constant (1, *shape); all contiguous."""
Prepare = Callable[[Entry, Sequence[Array | None]], Kernel]
"""Makes the kernel of an entry; the second argument is the elements of each operand that is constant."""
