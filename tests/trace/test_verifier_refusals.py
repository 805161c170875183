"""Evidence that is not as docs/trace.md says is refused, each flaw by its own error: G7, G13.

Each test spoils one thing in sound evidence of a real fault and names the error with its values.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest

from tests.support.chain import Contract, Revert
from tests.trace.cases import BINARY
from tests.trace.spec import (
    Entry,
    Evidence,
    Execution,
    Kind,
    Op,
    OpenEntry,
    OpenTensor,
    Program,
    Tensor,
    Type,
    multiproof,
)

ZERO = bytes(32)


class Fault:
    """A network with a fault, and sound evidence of it.

    Slots: 0 input, 1 copy of it, 2 accused, 3 output. Entries: 0 to 2 make slots 1 to 3; 3 and 4 are virtual,
    4 reads 3, 3 reads slot 1; the accused entry (1) reads 4 and constant 1. Constants 0 and 2 are not used.
    """

    def __init__(self) -> None:
        size = (300,)
        self.x = Tensor(Kind.INPUT, Type.INT8, size, [k % 100 for k in range(300)])
        self.constants = [Tensor(Kind.CONSTANT, Type.INT8, size, [k % 7] * 300) for k in range(3)]
        virtual = [Tensor(Kind.VIRTUAL, Type.INT8, size) for _ in range(2)]
        sums = [min(k % 100, 90) + 1 for k in range(300)]
        made = [Tensor(Kind.MATERIALISED, Type.INT8, size, [*v]) for v in (self.x.values, sums, sums)]
        limits = {"min": -50, "max": 90}
        self.entries = [
            Entry(Op.IDENTITY, made[0], [self.x]),
            Entry(Op.ADD, made[1], [virtual[1], self.constants[1]]),
            Entry(Op.IDENTITY, made[2], [made[1]]),
            Entry(Op.CLAMP, virtual[0], [made[0]], limits),
            Entry(Op.CLAMP, virtual[1], [virtual[0]], limits),
        ]
        self.accused = self.entries[1]
        self.made = made
        made[1].values[130] = -99
        self.program = Program([self.x], self.constants, self.entries)
        self.execution = Execution(self.program)
        self.sound = self.execution.evidence(self.accused, 130)

    def spoilt(self, spoil: Callable[[Evidence], object]) -> bytes:
        evidence = deepcopy(self.sound)
        spoil(evidence)
        return evidence.encode()


@pytest.fixture(scope="module")
def fault() -> Fault:
    return Fault()


@pytest.fixture
def refuse(verifier: Contract, fault: Fault) -> Callable[[bytes], Revert | None]:
    def answer(evidence: bytes) -> Revert | None:
        return verifier.fault.revert(fault.execution.model, fault.execution.roots, evidence)

    return answer


Refuse = Callable[[bytes], Revert | None]


def test_sound__accepted(verifier: Contract, fault: Fault, refuse: Refuse) -> None:
    assert refuse(fault.sound.encode()) is None
    assert tuple(verifier.fault(fault.execution.model, fault.execution.roots, fault.sound.encode())) == (
        2,
        130,
    )


def test_right_element__no_fault(fault: Fault, refuse: Refuse) -> None:
    assert refuse(fault.execution.evidence(fault.accused, 131).encode()) == Revert("Trace_NoFault")
    assert refuse(fault.execution.ends(2)) == Revert("Trace_NoFault")
    assert refuse(fault.execution.ends(3)) == Revert("Trace_NoFault")


# ---- The whole ---------------------------------------------------------------------------------------------


def test_kind__unknown__refused(fault: Fault, refuse: Refuse) -> None:
    for kind in (0, 4, 128, 255):
        assert refuse(bytes((kind,)) + fault.sound.encode()[1:]) == Revert("Trace_EvidenceKind", kind)


def test_length__every_truncation__refused(fault: Fault, refuse: Refuse) -> None:
    for evidence in (fault.sound.encode(), fault.execution.ends(2), fault.execution.ends(3)):
        step = 1 if len(evidence) < 400 else 7
        for length in [*range(0, len(evidence), step), len(evidence) - 1]:
            answer = refuse(evidence[:length])
            assert answer, length
            # What follows in the call is read as siblings, and the root is wrong before the length is.
            assert answer.name in ("Trace_EvidenceLength", "Trace_TraceRoot"), (length, answer)
            if answer.name == "Trace_EvidenceLength":
                assert answer.args[0] > length and answer.args[1] == length


def test_length__anything_after_the_siblings__refused(fault: Fault, refuse: Refuse) -> None:
    for evidence in (fault.sound.encode(), fault.execution.ends(2), fault.execution.ends(3)):
        for more in (b"\0", ZERO, ZERO * 100):
            expected = Revert("Trace_EvidenceLength", len(evidence), len(evidence) + len(more))
            assert refuse(evidence + more) == expected


@pytest.mark.parametrize(
    ("at", "size"),
    [(1, 2), (3, 2), (13 + 1, 1), (13 + 32 * 4 + 4 + 3, 1)],
    ids=["entries", "tensors", "inputs", "inputs of a virtual entry"],
)
def test_length__more_announced_than_there_is__refused(
    fault: Fault, refuse: Refuse, at: int, size: int
) -> None:
    evidence = fault.sound.encode()
    for value in (b"\xff" * size, b"\x7f" + b"\xff" * (size - 1)):
        answer = refuse(evidence[:at] + value + evidence[at + size :])
        assert answer and answer.name == "Trace_EvidenceLength"


def test_length__more_runs_or_chunks_announced__refused(fault: Fault, refuse: Refuse) -> None:
    evidence, tensor = fault.sound.encode(), fault.sound.tensors[0]
    chunks = tensor.runs[0][1]
    at = evidence.index(bytes((tensor.tree, 0, tensor.slot, 0, 1)))
    for place, sound in ((at + 3, 1), (at + 9, len(chunks))):
        assert evidence[place : place + 2] == sound.to_bytes(2, "big")
        answer = refuse(evidence[:place] + b"\xff\xff" + evidence[place + 2 :])
        assert answer and answer.name == "Trace_EvidenceLength"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda e: e.entries.clear(),
        lambda e: e.tensors.clear(),
        lambda e: e.tensors[1].runs.clear(),
        lambda e: e.tensors[1].runs[0][1].clear(),
    ],
    ids=["entries", "tensors", "runs", "chunks"],
)
def test_empty__refused(fault: Fault, refuse: Refuse, spoil: Callable[[Evidence], object]) -> None:
    # What follows is long enough for the list that has lost its items.
    assert refuse(fault.spoilt(spoil) + ZERO * 40) == Revert("Trace_Empty")


def test_empty__entry_without_inputs__refused(fault: Fault, refuse: Refuse) -> None:
    def spoil(evidence: Evidence) -> None:
        entry = evidence.entries[0]
        entry.data, entry.links = entry.data[:1] + b"\0" + entry.data[2:64], []

    assert refuse(fault.spoilt(spoil)) == Revert("Trace_Empty")


def test_counts__that_contradict_each_other__refused(verifier: Contract, fault: Fault) -> None:
    roots = fault.execution.roots
    for changes, evidence in (
        ({"inputs": 0}, fault.execution.ends(2)),
        ({"inputs": 5}, fault.execution.ends(2)),
        ({"outputs": 0}, fault.execution.ends(3)),
        ({"outputs": 5}, fault.execution.ends(3)),
    ):
        model = fault.execution.model | changes
        expected = Revert("Trace_Counts", model["inputs"], model["outputs"], model["slots"])
        assert verifier.fault.revert(model, roots, evidence) == expected


# ---- Entries -----------------------------------------------------------------------------------------------


def test_entry__index_beyond_the_program__refused(fault: Fault, refuse: Refuse) -> None:
    for index in (5, 65_535):
        evidence = fault.spoilt(lambda e, index=index: setattr(e.entries[-1], "index", index))
        assert refuse(evidence) == Revert("Trace_EntryIndex", index, 5)


def test_entry__not_ascending__refused(fault: Fault, refuse: Refuse) -> None:
    assert refuse(fault.spoilt(lambda e: e.entries.reverse())) == Revert("Trace_EntryKind", 4)
    assert refuse(fault.spoilt(lambda e: e.entries.append(e.entries[1]))) == Revert("Trace_EntryIndex", 3, 5)
    assert refuse(fault.spoilt(lambda e: e.entries.append(e.entries[2]))) == Revert("Trace_EntryIndex", 4, 5)


def test_entry__first_virtual_or_further_materialised__refused(fault: Fault, refuse: Refuse) -> None:
    assert refuse(fault.spoilt(lambda e: e.entries.pop(0))) == Revert("Trace_EntryKind", 3)
    extra = OpenEntry(2, fault.entries[2].encode(), [0])
    assert refuse(fault.spoilt(lambda e: e.entries.insert(1, extra))) == Revert("Trace_EntryKind", 2)


def test_entry__under_another_index__refused(fault: Fault, refuse: Refuse) -> None:
    for index, bytes_of in ((0, 1), (2, 1), (1, 0), (1, 2)):
        data = fault.entries[bytes_of].encode()

        def spoil(evidence: Evidence, index: int = index, data: bytes = data) -> None:
            evidence.entries[0].index, evidence.entries[0].data = index, data
            evidence.entries[0].links = [1] * ((len(data) - 64) // 32)

        expected = Revert("Trace_EntryOutput", index, int.from_bytes(data[32:64], "big"))
        assert refuse(fault.spoilt(spoil)) == expected


@pytest.mark.parametrize(
    ("entry", "link", "target"),
    [
        (0, 0, 0),  # virtual: to the accused entry itself
        (0, 0, 1),  # to another virtual entry
        (0, 0, 3),  # beyond the entries
        (0, 0, 65_535),
        (2, 0, 2),  # to itself
        (2, 0, 0),
        (0, 1, 0),  # a constant: to a tensor of the trace
        (0, 1, 1),
        (0, 1, 3),  # beyond the tensors
        (0, 1, 65_535),
        (1, 0, 1),  # a slot: to another slot
        (1, 0, 2),  # to a constant
    ],
)
def test_link__to_something_else__refused(
    fault: Fault, refuse: Refuse, entry: int, link: int, target: int
) -> None:
    def spoil(evidence: Evidence) -> None:
        evidence.entries[entry].links[link] = target

    index = fault.sound.entries[entry].index
    assert refuse(fault.spoilt(spoil)) == Revert("Trace_Link", index, link, target)


def test_link__virtual_entry_reads_a_later_one__refused(verifier: Contract) -> None:
    """A program with a forward reference, which could be evaluated for ever."""
    x = Tensor(Kind.INPUT, Type.INT8, (1,), [1])
    a, b = (Tensor(Kind.VIRTUAL, Type.INT8, (1,)) for _ in range(2))
    made = Tensor(Kind.MATERIALISED, Type.INT8, (1,), [1])
    limits = {"min": 0, "max": 9}
    entries = [
        Entry(Op.CLAMP, made, [b], limits),
        Entry(Op.CLAMP, a, [b], limits),
        Entry(Op.CLAMP, b, [a], limits),
    ]
    execution = Execution(Program([x], [], entries))
    evidence = execution.open(made, 0, entries, {made: {0}})
    assert evidence.entries[1].links == [2]
    answer = verifier.fault.revert(execution.model, execution.roots, evidence.encode())
    assert answer == Revert("Trace_Link", 1, 0, 2)


def test_link__two_descriptions_of_one_tensor__refused(verifier: Contract) -> None:
    x = Tensor(Kind.INPUT, Type.INT8, (4,), [1, 2, 3, 4])
    other = Tensor(Kind.INPUT, Type.INT8, (2, 2), [1, 2, 3, 4])
    made = Tensor(Kind.MATERIALISED, Type.INT8, (4,), [0] * 4)
    entry = Entry(Op.ADD, made, [x, other])
    execution = Execution(Program([x], [], [entry]))
    evidence = execution.open(made, 0, [Entry(Op.ADD, made, [x, x])], {x: {0}, made: {0}})
    evidence.entries[0].data = entry.encode()
    answer = verifier.fault.revert(execution.model, execution.roots, evidence.encode())
    assert answer == Revert("Trace_Link", 0, 1, 0)


# ---- Tensors -----------------------------------------------------------------------------------------------


def test_tensor__slot_or_tree_that_does_not_exist__refused(fault: Fault, refuse: Refuse) -> None:
    for place, tree, slot, count in (
        (1, 0, 4, 4),
        (1, 0, 65_535, 4),
        (2, 1, 3, 3),
        (2, 2, 1, 3),
        (2, 255, 1, 3),
    ):

        def spoil(evidence: Evidence, place: int = place, tree: int = tree, slot: int = slot) -> None:
            evidence.tensors[place].tree, evidence.tensors[place].slot = tree, slot

        assert refuse(fault.spoilt(spoil)) == Revert("Trace_TensorSlot", tree, slot, count)


def test_tensor__not_ascending__refused(fault: Fault, refuse: Refuse) -> None:
    assert refuse(fault.spoilt(lambda e: e.tensors.reverse())) == Revert("Trace_TensorSlot", 0, 2, 4)
    assert refuse(fault.spoilt(lambda e: e.tensors.append(e.tensors[2]))) == Revert(
        "Trace_TensorSlot", 1, 1, 3
    )


def test_tensor__that_nothing_leads_to__refused(fault: Fault, refuse: Refuse) -> None:
    for tree, slot in ((0, 3), (1, 2)):

        def spoil(evidence: Evidence, tree: int = tree, slot: int = slot) -> None:
            evidence.tensors.append(OpenTensor(tree, slot, [(0, [bytes(128)])]))
            evidence.tensors.sort(key=lambda t: (t.tree, t.slot))
            place = {(t.tree, t.slot): k for k, t in enumerate(evidence.tensors)}
            evidence.entries[0].links[1] = place[1, 1]

        assert refuse(fault.spoilt(spoil)) == Revert("Trace_TensorUnlinked", tree, slot)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(0, 1), (1, 1)], (1, 1, 2)),  # touching
        ([(1, 1), (0, 1)], (0, 1, 3)),  # descending
        ([(0, 2), (1, 1)], (1, 1, 3)),  # overlapping
        ([(1, 1), (1, 1)], (1, 1, 3)),  # repeated
        ([(3, 1)], (3, 1, 3)),  # beyond the tensor: 300 bytes have 3 chunks
        ([(1, 3)], (1, 3, 3)),
        ([(0, 1), (2, 2)], (2, 2, 3)),
        ([(2**32 - 1, 1)], (2**32 - 1, 1, 3)),
    ],
)
def test_run__out_of_order_or_range__refused(
    fault: Fault, refuse: Refuse, runs: list[tuple[int, int]], expected: tuple[int, int, int]
) -> None:
    def spoil(evidence: Evidence) -> None:
        evidence.tensors[2].runs = [(first, [bytes(128)] * count) for first, count in runs]
        # Room for what the order of the checks reads first.
        evidence.siblings += [ZERO] * 20

    assert refuse(fault.spoilt(spoil)) == Revert("Trace_Run", 1, *expected)


def test_accused__another_tensor__refused(fault: Fault, refuse: Refuse) -> None:
    for accused in (0, 2, 3, 65_535):
        evidence = fault.spoilt(lambda e, accused=accused: setattr(e, "accused", accused))
        assert refuse(evidence) == Revert("Trace_Accused", accused)


def test_element__beyond_the_tensor__refused(fault: Fault, refuse: Refuse) -> None:
    for element in (300, 383, 384, 2**32 - 1):
        evidence = fault.spoilt(lambda e, element=element: setattr(e, "element", element))
        assert refuse(evidence) == Revert("Trace_Element", element, 300)


@pytest.mark.parametrize(
    ("which", "chunks", "tree", "slot", "missing"),
    [
        (0, {0}, 0, 1, 1),  # an operand
        (0, {2}, 0, 1, 1),
        (0, {0, 2}, 0, 1, 1),
        (2, {0, 2}, 1, 1, 1),  # a constant
        (1, {0}, 0, 2, 1),  # the accused element itself
    ],
)
def test_chunk__other_ones_opened__refused(
    fault: Fault, refuse: Refuse, which: int, chunks: set[int], tree: int, slot: int, missing: int
) -> None:
    read = {fault.made[0]: {1}, fault.made[1]: {1}, fault.constants[1]: {1}}
    read[list(read)[which]] = chunks
    evidence = fault.execution.open(fault.made[1], 130, [fault.entries[k] for k in (1, 3, 4)], read)
    assert refuse(evidence.encode()) == Revert("Trace_ChunkMissing", tree, slot, missing)


def test_chunk__more_than_needed__accepted(fault: Fault, refuse: Refuse) -> None:
    read = {fault.made[0]: {0, 1, 2}, fault.made[1]: {1, 2}, fault.constants[1]: {1}}
    evidence = fault.execution.open(fault.made[1], 130, [fault.entries[k] for k in (1, 3, 4)], read)
    assert refuse(evidence.encode()) is None


def test_chunk__gap_in_a_contraction__refused(verifier: Contract) -> None:
    from tests.trace.test_verifier import contraction

    each = contraction(512, [1] * 512, [1] * 512, 0, (0, 0))
    execution = each.execution()
    x, w, b = each.entry.inputs
    for missing in range(4):
        read = {x: {0, 1, 2, 3} - {missing}, w: {0, 1, 2, 3}, b: {0}, each.entry.output: {0}}
        evidence = execution.open(each.entry.output, 0, [each.entry], read)
        answer = verifier.fault.revert(execution.model, execution.roots, evidence.encode())
        assert answer == Revert("Trace_ChunkMissing", 0, 0, missing)


# ---- Roots -------------------------------------------------------------------------------------------------


def test_roots__altered_contents__refused(fault: Fault, refuse: Refuse) -> None:
    def chunk(place: int) -> Callable[[Evidence], object]:
        def spoil(evidence: Evidence) -> None:
            first, (data, *others) = evidence.tensors[place].runs[0]
            evidence.tensors[place].runs[0] = (first, [bytes((data[0] ^ 1,)) + data[1:], *others])

        return spoil

    def attribute(evidence: Evidence) -> None:
        entry = evidence.entries[1]
        entry.data = entry.data[:31] + b"\1" + entry.data[32:]

    for spoil, name in (
        (chunk(0), "Trace_TraceRoot"),
        (chunk(1), "Trace_TraceRoot"),
        (chunk(2), "Trace_WeightsRoot"),
        (attribute, "Trace_ProgramRoot"),
    ):
        answer = refuse(fault.spoilt(spoil))
        assert answer and answer.name == name
    for place in range(len(fault.sound.siblings)):
        siblings = [*fault.sound.siblings]
        siblings[place] = ZERO if siblings[place] != ZERO else b"\1" + ZERO[1:]
        answer = refuse(fault.spoilt(lambda e, siblings=siblings: setattr(e, "siblings", siblings)))
        assert answer and answer.name in ("Trace_TraceRoot", "Trace_WeightsRoot", "Trace_ProgramRoot")


def test_roots__of_another_model_or_execution__refused(verifier: Contract, fault: Fault) -> None:
    """G6: evidence says nothing about anything but its own model and execution."""
    model, roots, evidence = fault.execution.model, fault.execution.roots, fault.sound.encode()
    other = b"\1" + ZERO[1:]
    for changed, name in (
        (model | {"programRoot": other}, "Trace_ProgramRoot"),
        (model | {"weightsRoot": other}, "Trace_WeightsRoot"),
    ):
        answer = verifier.fault.revert(changed, roots, evidence)
        assert answer and answer.name == name
    answer = verifier.fault.revert(model, roots | {"traceRoot": other}, evidence)
    assert answer and answer.name == "Trace_TraceRoot"
    assert verifier.fault.revert(model, roots | {"inputRoot": other, "outputRoot": other}, evidence) is None


def test_roots__tree_of_another_depth__refused(verifier: Contract, fault: Fault) -> None:
    """More slots, constants or entries than there are: paths are longer, and the roots are others."""
    for name, count in (("slots", 5), ("constants", 5), ("entries", 9)):
        answer = verifier.fault.revert(
            fault.execution.model | {name: count}, fault.execution.roots, fault.sound.encode()
        )
        assert answer and answer.name.startswith("Trace_") and answer.name != "Trace_NoFault"


def test_roots__evidence_about_padding__refused(fault: Fault, refuse: Refuse) -> None:
    """A leaf beyond the real ones cannot be opened, though its path is known."""
    execution = fault.execution
    siblings = multiproof(execution.entries, [1, 3, 4, 5])

    def spoil(evidence: Evidence) -> None:
        evidence.entries.append(OpenEntry(5, fault.entries[4].encode(), [1]))
        evidence.siblings[-len(multiproof(execution.entries, [1, 3, 4])) :] = siblings

    assert refuse(fault.spoilt(spoil)) == Revert("Trace_EntryIndex", 5, 5)


# ---- Programs that no compiler makes -----------------------------------------------------------------------


def strange(entry: Entry, *others: Tensor) -> Execution:
    inputs = [t for t in entry.inputs if t.kind is Kind.INPUT]
    return Execution(Program([*dict.fromkeys((*inputs, *others))], [], [entry]))


def refusal(verifier: Contract, execution: Execution) -> Revert | None:
    entry = execution.program.entries[0]
    opened = {t: {0} for t in (*entry.inputs, entry.output)}
    evidence = execution.open(entry.output, 0, [entry], opened)
    return verifier.fault.revert(execution.model, execution.roots, evidence.encode())


def test_opcode__unknown__refused(verifier: Contract) -> None:
    x = Tensor(Kind.INPUT, Type.INT8, (1, 1, 1, 1), [1])
    for opcode in [op for op in range(256) if op not in list(Op)]:
        made = Tensor(Kind.MATERIALISED, Type.INT8, (1, 1, 1, 1), [1])
        assert refusal(verifier, strange(Entry(opcode, made, [x]))) == Revert("Trace_Opcode", opcode)


@pytest.mark.parametrize("operator", [op for op in Op if op is not Op.CONCAT], ids=lambda op: op.name)
def test_inputs__another_number__refused(verifier: Contract, operator: Op) -> None:
    twos = dict.fromkeys((*BINARY, Op.MATMUL, Op.TABLE, Op.GATHER), 2)
    threes = (Op.CONV2D, Op.CONV3D, Op.DEPTHWISE_CONV2D, Op.TRANSPOSE_CONV2D, Op.SELECT, Op.SCATTER)
    right = (dict.fromkeys(threes, 3) | twos).get(operator, 1)
    for count in {1, 2, 3, 4, 255} - {right}:
        x = Tensor(Kind.INPUT, Type.INT8, (1, 1, 1, 1), [1])
        made = Tensor(Kind.MATERIALISED, Type.INT8, (1, 1, 1, 1), [1])
        answer = refusal(verifier, strange(Entry(operator, made, [x] * count)))
        assert answer == Revert("Trace_Inputs", operator, count)


def test_inputs__scales_missing_or_unexpected__refused(verifier: Contract) -> None:
    for flags, count in ((4, 1), (4, 3), (0, 2)):
        x = Tensor(Kind.INPUT, Type.INT8, (1,), [1])
        made = Tensor(Kind.MATERIALISED, Type.INT8, (1,), [1])
        answer = refusal(verifier, strange(Entry(Op.RESCALE, made, [x] * count, {"flags": flags})))
        assert answer == Revert("Trace_Inputs", Op.RESCALE, count)


def test_type__unknown__refused(verifier: Contract) -> None:
    for number in (0, 7, 8, 31, 32, 255):
        for output in (False, True):
            x = Tensor(Kind.INPUT, Type.INT8, (1,), [1])
            made = Tensor(Kind.MATERIALISED, Type.INT8, (1,), [1])
            entry = Entry(Op.IDENTITY, made, [x])
            execution = strange(entry)
            spoilt = bytearray(entry.encode())
            spoilt[33 if output else 65] = number
            entry.encode = lambda spoilt=bytes(spoilt): spoilt  # type: ignore[method-assign]
            assert refusal(verifier, Execution(execution.program)) == Revert("Trace_Type", number)


def test_type__unknown_of_a_virtual_tensor__refused(verifier: Contract) -> None:
    x = Tensor(Kind.INPUT, Type.INT8, (1,), [1])
    hidden = Tensor(Kind.VIRTUAL, Type.INT8, (1,))
    made = Tensor(Kind.MATERIALISED, Type.INT8, (1,), [1])
    entries = [Entry(Op.CLAMP, made, [hidden]), Entry(Op.CLAMP, hidden, [x])]
    program = Program([x], [], entries)
    spoilt = [bytearray(e.encode()) for e in entries]
    spoilt[0][65] = spoilt[1][33] = 9
    for entry, data in zip(entries, spoilt, strict=True):
        entry.encode = lambda data=bytes(data): data  # type: ignore[method-assign]
    execution = Execution(program)
    evidence = execution.open(made, 0, entries, {x: {0}, made: {0}})
    answer = verifier.fault.revert(execution.model, execution.roots, evidence.encode())
    assert answer == Revert("Trace_Type", 9)
