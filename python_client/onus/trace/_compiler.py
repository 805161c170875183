"""From a `.tosa` file to a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from onus.protocol.models import Manifest
from onus.trace import _costs
from onus.trace._costs import StepCost, step_cost
from onus.trace._descriptor import Descriptor, Kind
from onus.trace._entry import Entry
from onus.trace._errors import LimitExceeded, ManifestMismatch
from onus.trace._graph import Graph, Node, build
from onus.trace._operators import Operand
from onus.trace._placement import choose_layouts, materialise
from onus.trace._program import Constant, Program
from onus.trace._tosa_file import read

_MAX_INPUT_BYTES: Final = (1 << 32) - 1


def compile_tosa(data: bytes) -> Program:
    """Compiles a model. The same file always gives the same program, bit for bit.

    Args:
        data: contents of a `.tosa` file: TOSA 1.0, integer profile.

    Raises:
        TosaFileError: one of its subclasses; the message names the operator and its place.
    """
    return _Emitter(data, build(read(data))).program()


def check_model(data: bytes, manifest: Manifest) -> Program:
    """Compiles a model and compares the result with what is registered.

    Nobody should serve, challenge or rely on a model for which this fails.

    Raises:
        TosaFileError: if the file does not compile.
        ManifestMismatch: if it compiles to something else; `fields` says in what.
    """
    program = compile_tosa(data)
    ours, theirs = _fields(program.manifest), _fields(manifest)
    different = [name for name in ours if ours[name] != theirs[name]]
    if different:
        raise ManifestMismatch(different)
    return program


def _fields(manifest: Manifest) -> Mapping[str, object]:
    names = ("source_hash", "input_bytes", "trace_bytes", "depth_budget", "compiler_version")
    parts = ("program_root", "weights_root", "inputs", "outputs", "slots", "entries", "constants")
    return {name: getattr(manifest, name) for name in names} | {
        name: getattr(manifest.commitment, name) for name in parts
    }


class _Emitter:
    """Numbers slots, entries and constants, and writes the entries down."""

    def __init__(self, data: bytes, graph: Graph) -> None:
        self._data = data
        self._graph = graph
        self._limit("entries of the program", len(graph.nodes))
        committed = materialise(graph)
        self._layouts = choose_layouts(graph.nodes, committed)
        outputs = set(graph.outputs)
        by_output = {node.output: node for node in graph.nodes}
        self._materialised: list[Node] = [
            *(node for node in graph.nodes if node.output in committed - outputs),
            *(by_output[output] for output in graph.outputs),
        ]
        self._nodes = self._materialised + [n for n in graph.nodes if n.output not in committed]
        self._descriptors: dict[Operand, Descriptor] = {}

    def program(self) -> Program:
        self._limit("tensors in a trace", len(self._graph.inputs) + len(self._materialised))
        inputs = tuple(
            self._describe(operand, Kind.INPUT, slot) for slot, operand in enumerate(self._graph.inputs)
        )
        for index, node in enumerate(self._nodes):
            if index < len(self._materialised):
                self._describe(node.output, Kind.MATERIALISED, len(inputs) + index)
            else:
                self._describe(node.output, Kind.VIRTUAL, index)
        constants: list[Constant] = []
        for node in self._nodes:
            for operand in node.operands:
                if operand.values is not None and operand not in self._descriptors:
                    self._limit("constants", len(constants) + 1)
                    descriptor = self._describe(operand, Kind.CONSTANT, len(constants))
                    constants.append(Constant.of(descriptor, operand.values))
        entries = tuple(self._entry(node) for node in self._nodes)
        input_bytes = sum(d.size for d in inputs)
        if input_bytes > _MAX_INPUT_BYTES:
            raise LimitExceeded("bytes of the inputs", input_bytes, _MAX_INPUT_BYTES)
        return Program.build(
            self._data,
            entries,
            tuple(constants),
            inputs,
            outputs=len(self._graph.outputs),
            materialised=len(self._materialised),
            costs=self._costs(entries, len(constants)),
        )

    def _describe(self, operand: Operand, kind: Kind, reference: int) -> Descriptor:
        # Inputs and outputs are row-major: others compute their roots from plain values.
        plain = kind in (Kind.INPUT, Kind.VIRTUAL) or operand in self._graph.outputs
        layout = () if plain else self._layouts.get(operand, ())
        descriptor = Descriptor(kind, operand.dtype, reference, operand.shape, layout)
        self._descriptors[operand] = descriptor
        return descriptor

    def _entry(self, node: Node) -> Entry:
        operands = tuple(self._descriptors[operand] for operand in node.operands)
        return Entry(node.opcode, self._descriptors[node.output], operands, node.attributes)

    def _costs(self, entries: tuple[Entry, ...], constants: int) -> tuple[StepCost, ...]:
        out = []
        slots = len(self._graph.inputs) + len(self._materialised)
        for node, entry in zip(self._materialised, entries, strict=False):
            cost = step_cost(
                entry,
                lambda descriptor: entries[descriptor.reference],
                slots=slots,
                constants=constants,
                entries=len(entries),
            )
            _costs.check(cost, node.place)
            out.append(cost)
        return tuple(out)

    def _limit(self, what: str, value: int) -> None:
        if value > _costs.MAX_TENSORS:
            raise LimitExceeded(what, value, _costs.MAX_TENSORS)
