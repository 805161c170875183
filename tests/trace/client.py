"""Programs of `spec.py` as `onus.trace` has them, to compare the two."""

from __future__ import annotations

import numpy as np

from onus import trace as onus
from onus.trace import Constant, Descriptor, Opcode
from onus.trace._entry import FIELDS
from tests.trace.spec import Entry, Execution, Program, Tensor


def descriptor(tensor: Tensor) -> Descriptor:
    return Descriptor(
        onus.Kind(tensor.kind), onus.DType(tensor.type), tensor.reference, tensor.shape, tensor.layout
    )


def entry(each: Entry) -> onus.Entry:
    opcode = Opcode(each.op)
    attributes = {field.name: each.attributes.get(field.name, 0) for field in FIELDS[opcode]}
    return onus.Entry(opcode, descriptor(each.output), tuple(map(descriptor, each.inputs)), attributes)


def program(each: Program) -> onus.Program:
    return onus.Program.build(
        b"",
        tuple(map(entry, each.entries)),
        tuple(Constant.of(descriptor(t), array(t)) for t in each.constants),
        tuple(map(descriptor, each.inputs)),
        outputs=each.outputs,
        materialised=len(each.slots) - len(each.inputs),
        costs=(),
    )


def trace(execution: Execution) -> onus.Trace:
    slots = execution.program.slots
    return onus.Trace(
        program(execution.program),
        tuple(map(array, slots)),
        tuple(execution.trace[0][: len(slots)]),
        (None,) * len(execution.program.inputs),
    )


def array(tensor: Tensor) -> np.ndarray:
    return np.array(tensor.values, np.int64).astype(onus.DType(tensor.type).array).reshape(tensor.shape)


def step_of(execution: Execution, each: Entry, element: int) -> int:
    """What the client computes for an element."""
    return onus.step(trace(execution), each.output.reference, element).computed


def evidence_of(execution: Execution, each: Entry, element: int) -> bytes:
    """The client's evidence about an element, right or wrong."""
    return onus.element_evidence(trace(execution), each.output.reference, element, check=False)
