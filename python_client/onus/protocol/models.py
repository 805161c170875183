"""What a provider registers (``contracts/types/Model.sol``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from onus.protocol._struct import Address, Bytes32, Struct, Uint16, Uint32, Uint40, Uint64
from onus.protocol.ids import ModelId, manifest_hash

__all__ = [
    "Execution",
    "InferenceMode",
    "Manifest",
    "ModelCommitment",
    "ModelSpec",
    "Parent",
    "VerifierState",
]


class InferenceMode(IntEnum):
    """How an inference is secured; the first three are numbered as in OpenGradient's SDK."""

    VANILLA = 0
    ZKML = 1
    TEE = 2
    TRACE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCommitment(Struct):
    """What a program and its weights are, as far as a verifier needs it."""

    program_root: Bytes32
    weights_root: Bytes32
    inputs: Uint16
    outputs: Uint16
    slots: Uint16
    entries: Uint16
    constants: Uint16


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Struct):
    """Everything that identifies a file and its compilation."""

    source_hash: Bytes32
    commitment: ModelCommitment
    input_bytes: Uint32
    trace_bytes: Uint64
    depth_budget: Uint16
    compiler_version: Uint16

    @property
    def hash(self) -> bytes:
        """``keccak256(abi.encode(manifest))``."""
        return manifest_hash(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierState(Struct):
    """A verifier's standing and its clock, which stands still under quarantine.

    Attributes:
        allowed: new models may name it.
        confirmed: the council confirmed the quarantine: it judges nothing any more.
        spent: the guardian has used its quarantine; only the council gives it another.
        frozen: seconds of all quarantines before the last one.
        stopped_at: when the last quarantine began; 0: there was none.
        lapses_at: when it ends by itself.
    """

    allowed: bool
    confirmed: bool
    spent: bool
    frozen: Uint40
    stopped_at: Uint40
    lapses_at: Uint40


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent(Struct):
    """A model that this one was made from, and its share of this model's royalties."""

    model_id: ModelId
    share_bps: Uint16


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec(Struct):
    """What ``Models.register`` takes."""

    name: str
    version: str
    uri: str
    mode: InferenceMode
    verifier: Address
    manifest: Manifest
    royalty_bps: Uint16
    royalty_receiver: Address
    challenge_window: Uint40
    parents: tuple[Parent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution(Struct):
    """The three roots of a receipt that a verifier judges."""

    input_root: Bytes32
    output_root: Bytes32
    trace_root: Bytes32
