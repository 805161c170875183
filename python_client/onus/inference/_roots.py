"""Roots of inputs and outputs (docs/trace.md, 3), for whoever has the bytes but no engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from onus.protocol import keccak256, merkle

__all__ = ["CHUNK_BYTES", "tensor_root", "tensors_root"]

CHUNK_BYTES: Final = 128


def tensor_root(data: bytes) -> bytes:
    """Root of one tensor.

    Args:
        data: its elements in committed form, at least one byte.
    """
    chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    return merkle.root([keccak256(chunk.ljust(CHUNK_BYTES, b"\0")) for chunk in chunks])


def tensors_root(tensors: Sequence[bytes]) -> bytes:
    """``inputRoot`` of the inputs, or ``outputRoot`` of the outputs, in slot order."""
    return merkle.root([tensor_root(tensor) for tensor in tensors])
