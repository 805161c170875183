"""What a model computes, committed to, and provable one element at a time.

A `.tosa` file becomes a `Program`; an `Engine` runs it and commits to every execution with one root;
`find_fault` and `evidence` show a contract where an execution is wrong. The definitions are in docs/trace.md.

    program = compile_tosa(data)
    batch = Engine(program).run([images])
    batch.outputs, batch.trace_roots

Nothing here reads a file, a network or a clock.
"""

from onus.protocol.models import Manifest, ModelCommitment
from onus.trace._compiler import check_model, compile_tosa
from onus.trace._costs import StepCost
from onus.trace._descriptor import CHUNK, Descriptor, Kind
from onus.trace._dtypes import DType
from onus.trace._engine import Alteration, Engine
from onus.trace._entry import Entry, Opcode
from onus.trace._errors import (
    BatchTooLarge,
    EvidenceError,
    InputError,
    InvalidOperator,
    LimitExceeded,
    MalformedEvidence,
    ManifestMismatch,
    NoFault,
    NotRevealed,
    NotTosa,
    OutOfRange,
    Place,
    PositionError,
    TosaFileError,
    TraceError,
    UnsupportedOperator,
    UnsupportedStructure,
    UnsupportedTosaVersion,
    UnsupportedType,
    WrongInputCount,
    WrongLength,
    WrongShape,
    WrongType,
)
from onus.trace._evidence import (
    EvidenceKind,
    Fault,
    differing_element,
    element_evidence,
    evidence,
    find_fault,
    root_evidence,
)
from onus.trace._inputs import decode_outputs, encode_inputs
from onus.trace._program import COMPILER_VERSION, Constant, Program
from onus.trace._reveals import (
    Part,
    answer_of,
    descend,
    next_input,
    pursue,
    with_reveal,
    witness_of,
)
from onus.trace._step import Step, evaluate, step
from onus.trace._trace import CommittedTrace, PartialTrace, Trace, TraceBatch
from onus.trace._tree import tree_depth, tree_width

__all__ = [
    "CHUNK",
    "COMPILER_VERSION",
    "Alteration",
    "BatchTooLarge",
    "CommittedTrace",
    "Constant",
    "DType",
    "Descriptor",
    "Engine",
    "Entry",
    "EvidenceError",
    "EvidenceKind",
    "Fault",
    "InputError",
    "InvalidOperator",
    "Kind",
    "LimitExceeded",
    "MalformedEvidence",
    "Manifest",
    "ManifestMismatch",
    "ModelCommitment",
    "NoFault",
    "NotRevealed",
    "NotTosa",
    "Opcode",
    "OutOfRange",
    "Part",
    "PartialTrace",
    "Place",
    "PositionError",
    "Program",
    "Step",
    "StepCost",
    "TosaFileError",
    "Trace",
    "TraceBatch",
    "TraceError",
    "UnsupportedOperator",
    "UnsupportedStructure",
    "UnsupportedTosaVersion",
    "UnsupportedType",
    "WrongInputCount",
    "WrongLength",
    "WrongShape",
    "WrongType",
    "answer_of",
    "check_model",
    "compile_tosa",
    "decode_outputs",
    "descend",
    "differing_element",
    "element_evidence",
    "encode_inputs",
    "evaluate",
    "evidence",
    "find_fault",
    "next_input",
    "pursue",
    "root_evidence",
    "step",
    "tree_depth",
    "tree_width",
    "with_reveal",
    "witness_of",
]
