"""What a watcher executes again: the input that was committed to, in whatever pieces it came."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from onus.inference import tensors_root
from onus.watcher._examine import _Work

DATA = bytes(range(1, 201)) + bytes(56)


def work(pieces: list[bytes], *, sizes: tuple[int, ...], root: bytes) -> Any:
    """One leaf with an input in these pieces."""
    receipt = SimpleNamespace(input_root=root)
    data = SimpleNamespace(inputs=[tuple(pieces)], batch=SimpleNamespace(receipts=[receipt]))
    model = SimpleNamespace(input_sizes=sizes, input_bytes=sum(sizes))
    return _Work(bytes(32), data, model, None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "pieces",
    [[DATA], [DATA[:128], DATA[128:]], [DATA[:200]], [DATA[:128], DATA[128:200]]],
    ids=["whole", "in chunks", "without zeros", "in chunks without zeros"],
)
def test_input__in_pieces_of_the_same_root__is_what_was_committed(pieces: list[bytes]) -> None:
    """G2, G12: one root has more than one framing; none of them hides what was computed."""
    root = tensors_root([DATA])
    assert tensors_root(pieces) == root
    assert work(pieces, sizes=(256,), root=root).input_of(0) == DATA


def test_input__of_another_model__is_zeros() -> None:
    other = [DATA + b"\1"]
    assert work(other, sizes=(256,), root=tensors_root(other)).input_of(0) == bytes(256)
