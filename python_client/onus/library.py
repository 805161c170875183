"""Models that a node has recompiled itself: what an operator serves and a watcher challenges.

A model is secured by its file being public: whoever relies on it compiles the file and compares what comes
out with what is registered (docs/protocol.md, Models).

::

    LibraryError (OnusError)
    └── ModelNotSecured     no file here compiles to what is registered under that id
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from onus.protocol import ModelId, OnusError
from onus.trace import Engine, Program, compile_tosa

__all__ = ["Library", "LibraryError", "ManifestSource", "ModelNotSecured", "SecuredModel", "split"]


class LibraryError(OnusError):
    """Something is wrong with a node's models."""


class ModelNotSecured(LibraryError):
    """No file here compiles to what is registered under an id: not to be relied on, served or challenged."""

    def __init__(self, model_id: bytes, reason: str) -> None:
        super().__init__(f"model 0x{model_id.hex()}: {reason}")
        self.model_id = model_id
        self.reason = reason


class ManifestSource(Protocol):
    """Where registered manifests are looked up, for example ``client.models``."""

    def manifest_hash_of(self, model_id: ModelId, /) -> bytes:
        """Hash of the registered manifest, zero if there is none."""


@dataclass(frozen=True, slots=True)
class SecuredModel:
    """A registered model whose file was compiled here to the registered roots."""

    model_id: ModelId
    program: Program
    engine: Engine = field(repr=False)

    @property
    def input_bytes(self) -> int:
        """Bytes of one inference's inputs together."""
        return self.program.manifest.input_bytes

    @property
    def trace_bytes(self) -> int:
        """Bytes of all committed tensors of one inference."""
        return self.program.manifest.trace_bytes

    @property
    def input_sizes(self) -> tuple[int, ...]:
        """Bytes of each input tensor."""
        return tuple(each.size for each in self.program.inputs)

    @property
    def output_sizes(self) -> tuple[int, ...]:
        """Bytes of each output tensor."""
        return tuple(self.program.slots[slot].size for slot in self.program.output_slots)

    @property
    def slot_sizes(self) -> tuple[int, ...]:
        """Bytes of each committed tensor, in slot order."""
        return tuple(each.size for each in self.program.slots)


class Library:
    """The model files of a node.

    Thread-safe. A file is compiled once; a model id is asked of the chain once.
    """

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._programs: dict[bytes, Program] = {}
        self._secured: dict[ModelId, SecuredModel] = {}

    @classmethod
    def of_files(cls, paths: Iterable[Path], *, threads: int = 1) -> Self:
        """Compiles ``.tosa`` files.

        Raises:
            OSError: a file cannot be read.
            TosaFileError: a file is no model that can be secured.
        """
        library = cls(threads=threads)
        for path in paths:
            library.add(path.read_bytes())
        return library

    def add(self, data: bytes) -> Program:
        """Compiles a ``.tosa`` file; raises `onus.trace.TosaFileError`."""
        program = compile_tosa(data)
        with self._lock:
            self._programs[program.manifest.hash] = program
        return program

    def secure(self, model_id: ModelId, *, models: ManifestSource) -> SecuredModel:
        """The model under an id, if a file here compiles to what is registered.

        Raises:
            ModelNotSecured: no file does, or nothing is registered.
            ChainError: the chain could not be asked.
        """
        with self._lock:
            known = self._secured.get(model_id)
        if known is not None:
            return known
        registered = models.manifest_hash_of(model_id)
        if not any(registered):
            raise ModelNotSecured(model_id, "not registered")
        with self._lock:
            program = self._programs.get(registered)
            if program is None:
                raise ModelNotSecured(model_id, "no file here compiles to its manifest")
            secured = self._secured.get(model_id)
            if secured is None:
                secured = SecuredModel(model_id, program, Engine(program, threads=self._threads))
                self._secured[model_id] = secured
        return secured


def split(data: bytes, sizes: Iterable[int]) -> tuple[bytes, ...]:
    """Cuts concatenated tensors."""
    parts, at = [], 0
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    return tuple(parts)
