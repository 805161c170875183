"""`onus drill`, and the drills behind it (G1, G2, G5, G8)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onus.cli import _drills
from onus.protocol import DemandKind, parameters
from onus.trace import Alteration, Engine, PositionError, answer_of, compile_tosa
from scripts.drill import Drill, Round, Withholder, most_demands, open_field, preset_for, random_position
from tests.cli.conftest import DIGITS, MODELS
from tests.cli.running import command, invoke


@pytest.fixture(scope="module")
def drill(images: np.ndarray) -> Iterator[Drill]:
    with open_field(DIGITS.read_bytes()) as field:
        yield Drill(field, images[3].tobytes(), seed=11)


@pytest.mark.parametrize("slot", [1, 2, 3, 4, 5])
def test_drill__every_slot__first_and_last_element__is_proven(drill: Drill, slot: int) -> None:
    for element in (0, drill.program.slots[slot].count - 1):
        ended = drill.altered(drill.alteration(slot, element))
        assert ended.won, ended
        assert (ended.slot, ended.element) == (slot, element)
        functions = [move.function for move in ended.moves]
        assert functions == ["Disputes.challenge", "Disputes.open", "Disputes.prove"]
        assert {move.sender for move in ended.moves} == {"watcher"}
        assert ended.rounds == 0
        assert 300_000 < ended.gas < 600_000
        assert ended.slashed > 0


def test_drill__honest_operator__is_never_convicted(drill: Drill) -> None:
    for _ in range(4):
        ended = drill.unaltered()
        assert ended.won, ended
        assert ended.slashed == 0
        assert ended.moves[-1].function == "Settlement.finalize"
        assert "Disputes.timeout" in [move.function for move in ended.moves]


def test_drill__a_watcher_that_finds_nothing__loses(drill: Drill) -> None:
    """The drill itself: an alteration that alters nothing is no fault, so no watcher wins that round."""
    value = int(drill.honest.tensors[2].reshape(-1)[7])
    ended = drill.altered(Alteration(2, 7, value))
    assert not ended.won
    assert ended.verdict == "right"
    assert (ended.slashed, ended.moves) == (0, [])


def test_drill__an_operator_that_is_convicted__is_not_called_honest(
    drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drill itself: what it calls honest is altered behind its back."""
    wrong = drill.altered(drill.alteration(1, 0))
    assert wrong.won
    altered = drill._engine.run_encoded([drill._data], alter=drill.alteration(3, 5))[0]
    monkeypatch.setattr(drill, "honest", altered)
    monkeypatch.setattr(drill, "_accuse", lambda *_, **__: 0)
    monkeypatch.setattr(drill, "_finalize", lambda *_: None)
    ended = drill.unaltered()
    assert not ended.won
    assert "accused by the watcher" in ended.verdict
    assert ended.slashed > 0


@pytest.mark.parametrize(("depth", "size"), [(5, 64), (20, 8_192), (21, 8_193), (9, 96 * 1_024)])
def test_preset__has_room_for_the_model__and_keeps_every_relation(depth: int, size: int) -> None:
    manifest = replace(compile_tosa(DIGITS.read_bytes()).manifest, depth_budget=depth, input_bytes=size)
    start = preset_for(manifest)
    parameters.check(start.params, start.bounds)
    assert start.params.max_demands >= most_demands(manifest) == depth + -(-size // 8_192)
    assert start.params.max_input_bytes >= size


# ---- Nothing served ---------------------------------------------------------------------------------------

_DEMANDED = [DemandKind.RECEIPT, DemandKind.INPUT_CHUNKS, DemandKind.TRACE_NODES, DemandKind.CHUNKS]


@pytest.mark.parametrize("slot", [1, 3, 5])
def test_drill__nothing_served__from_root_and_leaf_to_the_proof(drill: Drill, slot: int) -> None:
    """G2, G5: every demand is answered, and the answers are what convicts."""
    ended = drill.altered(drill.alteration(slot, drill.program.slots[slot].count - 1), withholds=True)
    assert ended.won, ended
    assert [each.kind for each in ended.demands] == _DEMANDED
    assert ended.rounds == len(_DEMANDED) <= most_demands(drill.program.manifest)
    pairs = [("watcher", "Disputes.demand"), ("operator A", "Disputes.reveal")] * len(_DEMANDED)
    assert [(move.sender, move.function) for move in ended.moves] == [
        ("watcher", "Disputes.challenge"),
        *pairs,
        ("watcher", "Disputes.prove"),
    ]
    assert ended.gas == sum(move.gas for move in ended.moves)
    assert ended.slashed > 0


def test_drill__honest_and_nothing_served__loses_nothing_and_is_paid(drill: Drill) -> None:
    """G1, C1."""
    for _ in range(3):
        ended = drill.unaltered(withholds=True)
        assert ended.won, ended
        # The input is one chunk: there are no nodes above it.
        none = {DemandKind.NONE, DemandKind.INPUT_NODES}
        assert {each.kind for each in ended.demands} == {*DemandKind} - none
        assert len(set(ended.demands)) == len(ended.demands) == ended.rounds
        assert ended.slashed == 0
        assert ended.earned > 0


def test_drill__suspected_without_reason__is_no_win(drill: Drill) -> None:
    """The drill itself: nothing is wrong, the watcher demands all it needs to see that, and stops."""
    value = int(drill.honest.tensors[2].reshape(-1)[7])
    ended = drill.altered(Alteration(2, 7, value), withholds=True)
    assert not ended.won
    assert ended.verdict.endswith("is right")
    assert (ended.slashed, ended.slot) == (0, None)
    assert [each.kind for each in ended.demands] == [*_DEMANDED[:2], DemandKind.REQUEST]


def test_drill__silent_operator__is_no_win_of_a_proof(drill: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drill itself: the operator is to answer; one that does not would hide whether the proof works."""
    monkeypatch.setattr(Withholder, "answer", lambda _: 0)
    ended = drill.altered(drill.alteration(2, 7), withholds=True)
    assert not ended.won
    assert ended.rounds == 0
    assert [each.kind for each in ended.demands] == [DemandKind.RECEIPT]


@pytest.mark.parametrize("name", ["digits", "mobilenet"])
def test_random_position__exists__and_is_of_its_kind(name: str) -> None:
    program = compile_tosa((MODELS / name / f"{name}.tosa").read_bytes())
    data = bytes(program.manifest.input_bytes)
    trace = Engine(program, threads=1).run_encoded([data])[0]
    choose = random.Random(4)
    for kind in (each for each in DemandKind if each > DemandKind.REQUEST):
        found = [random_position(program, kind, choose) for _ in range(100)]
        if (name, kind) == ("digits", DemandKind.INPUT_NODES):
            # Its input is one chunk.
            assert set(found) == {None}
            continue
        assert {each.kind for each in found if each} == {kind}
        assert len(set(found)) > 3
        for position in found:
            assert position is not None
            assert answer_of(trace, position).data


def test_alteration__of_no_such_element__is_refused(drill: Drill) -> None:
    for slot, element in ((0, 0), (6, 0), (-1, 0), (2, -1), (2, 1_024)):
        with pytest.raises(PositionError):
            drill.alteration(slot, element)


def test_alteration__at_random__always_changes_the_value(drill: Drill) -> None:
    slots = set()
    for _ in range(300):
        made = drill.random_alteration()
        slots.add(made.slot)
        assert made.value != int(drill.honest.tensors[made.slot].reshape(-1)[made.element])
    assert slots == set(range(1, 6))


@pytest.mark.deep
@pytest.mark.parametrize("name", ["digits", "mobilenet", "encoder", "resnet"])
def test_drill__random_elements_of_whole_models__all_proven(name: str) -> None:
    file = (MODELS / name / f"{name}.tosa").read_bytes()
    program = compile_tosa(file)
    data = np.random.default_rng(5).integers(0, 256, program.manifest.input_bytes, np.uint8).tobytes()
    with open_field(file, name=name) as field:
        held = Drill(field, data, seed=5)
        rounds = [held.altered(held.random_alteration()) for _ in range(200)]
        assert [each for each in rounds if not each.won] == []
        assert [each for each in (held.unaltered() for _ in range(50)) if not each.won] == []


@pytest.mark.deep
@pytest.mark.parametrize("name", ["digits", "mobilenet", "encoder", "resnet"])
def test_drill__random_elements_of_whole_models__nothing_served__all_proven(name: str) -> None:
    file = (MODELS / name / f"{name}.tosa").read_bytes()
    program = compile_tosa(file)
    data = np.random.default_rng(6).integers(0, 256, program.manifest.input_bytes, np.uint8).tobytes()
    with open_field(file, name=name) as field:
        held = Drill(field, data, seed=6)
        rounds = [held.altered(held.random_alteration(), withholds=True) for _ in range(200)]
        assert [each for each in rounds if not each.won] == []
        honest = [held.unaltered(withholds=True) for _ in range(50)]
        assert [each for each in honest if not each.won] == []


# ---- The command ------------------------------------------------------------------------------------------


def test_command__one_element__is_won_and_documented(image: Path) -> None:
    ended = command("drill", DIGITS, "--input", image, "--slot", "2", "--element", "9", "--json")
    assert (ended.code, ended.stderr) == (0, "")
    document = json.loads(ended.stdout)
    assert (document["ok"], document["won"]) == (True, 1)
    (held,) = document["rounds"]
    assert (held["slot"], held["element"]) == (held["altered"]["slot"], held["altered"]["element"]) == (2, 9)
    assert held["gas"] == sum(each["gas"] for each in held["transactions"])
    assert [each["function"] for each in held["transactions"]] == [
        "Disputes.challenge",
        "Disputes.open",
        "Disputes.prove",
    ]


def test_command__random_elements__same_seed_same_elements(image: Path) -> None:
    words = ("drill", DIGITS, "--input", image, "--random", "2", "--seed", "8", "--json")
    first, second = (json.loads(invoke(*words).stdout) for _ in range(2))
    assert [each["altered"] for each in first["rounds"]] == [each["altered"] for each in second["rounds"]]
    assert first["won"] == second["won"] == 2


def test_command__honest__says_so(image: Path) -> None:
    ended = command("drill", DIGITS, "--input", image, "--honest")
    assert (ended.code, ended.stderr) == (0, "")
    assert "sound, 0 of 8 accusations accepted, final" in ended.stdout
    assert "won 1 of 1 rounds" in ended.stdout


def test_command__withheld__each_round_with_its_demands(image: Path) -> None:
    ended = command("drill", DIGITS, "--input", image, "--random", "3", "--seed", "8", "--withhold", "--json")
    assert ended.code == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert (document["ok"], document["won"], document["mostDemands"]) == (True, 3, 4)
    for held in document["rounds"]:
        assert [each["kind"] for each in held["demands"]] == [each.name for each in _DEMANDED]
        assert held["rounds"] == 4
        assert (held["slot"], held["element"]) == (held["altered"]["slot"], held["altered"]["element"])
        assert held["gas"] == sum(each["gas"] for each in held["transactions"]) <= document["mostGas"]


def test_command__withheld_and_honest__says_so(image: Path) -> None:
    ended = invoke("drill", DIGITS, "--input", image, "--withhold", "--honest")
    assert ended.code == 0, ended.stderr
    assert "withheld, 0 of 8 accusations accepted, final" in ended.stdout
    assert "demands answered" in ended.stdout
    assert "won 1 of 1 rounds" in ended.stdout


def test_command__when_a_round_is_lost__ends_with_1(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Round(None, 0, won=False, verdict="lost")
    monkeypatch.setattr(_drills, "run", lambda *_, **__: [lost, replace(lost, won=True)])
    ended = invoke("drill", DIGITS, "--input", image, "--json")
    assert ended.code == 1
    assert json.loads(ended.stdout)["ok"] is False


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--slot", "0", "--element", "0"), "PositionError"),
        (("--slot", "2", "--element", "1024"), "PositionError"),
        (("--slot", "2", "--element", "-1"), "PositionError"),
    ],
)
def test_command__what_cannot_be_drilled__is_said(image: Path, words: tuple[str, ...], error: str) -> None:
    ended = invoke("drill", DIGITS, "--input", image, *words)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"{error}: ")


def test_command__a_batch_as_input__is_refused(tmp_path: Path, images: np.ndarray) -> None:
    path = tmp_path / "x.npy"
    np.save(path, images[:2])
    ended = invoke("drill", DIGITS, "--input", path)
    assert ended.code == 1
    assert ended.stderr.startswith("TooManyInferences: the input has 2 inferences")


@pytest.mark.parametrize(
    "words",
    [("--slot", "1"), ("--element", "1"), ("--random", "0"), ("--slot", "1", "--element", "1", "--honest")],
)
def test_command__contradicting_options__end_with_2(image: Path, words: tuple[str, ...]) -> None:
    assert invoke("drill", DIGITS, "--input", image, *words).code == 2
