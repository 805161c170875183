"""`onus drill`, and the drills behind it (G1, G2, G8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onus.cli import _drills
from onus.trace import Alteration, PositionError, compile_tosa
from scripts.drill import Drill, Round, open_field
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
    monkeypatch.setattr(drill, "_accuse", lambda *_: 0)
    monkeypatch.setattr(drill, "_finalize", lambda *_: None)
    ended = drill.unaltered()
    assert not ended.won
    assert "accused by the watcher" in ended.verdict
    assert ended.slashed > 0


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


def test_command__when_a_round_is_lost__ends_with_1(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Round(None, 0, won=False, verdict="lost")
    monkeypatch.setattr(_drills, "run", lambda *_, **__: [lost, replace(lost, won=True)])
    ended = invoke("drill", DIGITS, "--input", image, "--json")
    assert ended.code == 1
    assert json.loads(ended.stdout)["ok"] is False


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--withhold",), "WithholdingNotSupported"),
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
