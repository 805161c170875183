"""`onus model check` and `onus model run`."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from onus.trace import Engine, compile_tosa
from tests.cli.conftest import DIGITS
from tests.cli.running import Ended, command, invoke
from tests.trace.models import Model


def document(ended: Ended) -> dict[str, Any]:
    """The one JSON document on standard output, where nothing else is."""
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def save(folder: Path, array: Any) -> Path:
    path = folder / "x.npy"
    np.save(path, array)
    return path


# ---- check ------------------------------------------------------------------------------------------------


def test_check__digits__says_what_it_costs() -> None:
    ended = command("model", "check", DIGITS, "--json")
    assert (ended.code, ended.stderr) == (0, "")
    found = document(ended)
    program = compile_tosa(DIGITS.read_bytes())
    assert found["ok"] is True
    assert found["manifestHash"] == "0x" + program.manifest.hash.hex()
    assert sum(found["operators"].values()) == len(program.entries)
    assert found["traceBytes"] == program.manifest.trace_bytes
    assert found["tensorsCommitted"] == len(program.slots)
    assert found["mostReveals"] == program.manifest.depth_budget
    costs = dict(enumerate(program.costs, len(program.inputs)))
    step = found["dearestStep"]
    assert step["gas"] == max(cost.gas for cost in costs.values()) == costs[step["slot"]].gas
    assert step["operator"] == program.producer(step["slot"]).opcode.name
    assert step["evidenceBytes"] == costs[step["slot"]].evidence_bytes


def test_check__for_people__has_the_same_figures() -> None:
    found = document(invoke("model", "check", DIGITS, "--json"))
    ended = command("model", "check", DIGITS)
    assert ended.code == 0
    assert "every step can be proven" in ended.stdout
    for figure in (found["dearestStep"]["gas"], found["dearestStep"]["evidenceBytes"], found["parameters"]):
        assert f"{figure:,}" in ended.stdout
    assert found["dearestStep"]["operator"] in ended.stdout


def too_dear() -> bytes:
    """A dot product that no transaction can prove."""
    model = Model()
    weight = np.ones((1, 1, 1, 60_000), np.int64)
    model.output(model.conv2d(model.input((1, 1, 1, 60_000)), weight, np.zeros(1, np.int64)))
    return model.serialize()


def test_check__when_a_step_is_too_dear__names_operator_and_limit(tmp_path: Path) -> None:
    path = tmp_path / "dear.tosa"
    path.write_bytes(too_dear())
    ended = command("model", "check", path, "--json")
    found = document(ended)
    assert (ended.code, ended.stderr) == (1, "")
    assert (found["ok"], found["error"]) == (False, "LimitExceeded")
    assert "60000" in found["message"]
    ended = command("model", "check", path)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr == f"LimitExceeded: {found['message']}\n"


@pytest.mark.parametrize("words", [("model", "check"), ("model", "run", "--input", DIGITS)])
def test_commands__without_a_model_file__say_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    for path, reason in ((tmp_path / "none", "no such file"), (tmp_path, "not a file")):
        ended = invoke(*words, path)
        assert (ended.code, ended.stdout) == (1, "")
        assert ended.stderr == f"Unreadable: {path}: {reason}\n"


def test_usage__when_wrong__ends_with_2() -> None:
    for words in (("model", "check"), ("model", "run", str(DIGITS)), ("model", "nothing"), ("nothing",)):
        assert command(*words).code == 2


def test_help__names_every_command() -> None:
    assert "model" in command("--help").stdout
    said = command("model", "--help").stdout
    assert "check" in said
    assert "run" in said


# ---- run --------------------------------------------------------------------------------------------------


def test_run__one_inference__is_what_the_engine_gives(
    tmp_path: Path, image: Path, images: np.ndarray, digits_engine: Engine
) -> None:
    ended = command("model", "run", DIGITS, "--input", image, "--output", tmp_path / "y.npy", "--json")
    assert (ended.code, ended.stderr) == (0, "")
    found, expected = document(ended), digits_engine.run([images[:1]])[0]
    assert np.array_equal(np.load(tmp_path / "y.npy"), expected.outputs[0])
    assert np.array_equal(found["outputs"], [expected.outputs[0]])
    assert found["inputRoots"] == ["0x" + expected.input_root.hex()]
    assert found["outputRoots"] == ["0x" + expected.output_root.hex()]
    assert found["traceRoots"] == ["0x" + expected.trace_root.hex()]
    assert found["seconds"]["execution"] > 0
    assert found["seconds"]["trace"] >= 0


def test_run__a_batch__commits_to_each(tmp_path: Path, images: np.ndarray, digits_engine: Engine) -> None:
    path = save(tmp_path, images[:40])
    ended = invoke("model", "run", DIGITS, "--input", path, "--output", tmp_path / "y.npy", "--json")
    found, expected = document(ended), digits_engine.run([images[:40]])
    assert np.array_equal(np.load(tmp_path / "y.npy"), expected.outputs[0])
    assert found["inferences"] == 40
    assert found["traceRoots"] == ["0x" + root.hex() for root in expected.trace_roots]
    said = invoke("model", "run", DIGITS, "--input", path).stdout
    assert found["traceRoots"][0] in said
    assert "and 24 more" in said
    assert "ms execution" in said


def test_run__several_inputs_and_outputs__keep_their_order(tmp_path: Path) -> None:
    model = Model()
    left, right = model.input((2, 3)), model.input((4,))
    model.output(model.identity(right))
    model.output(model.reshape(left, (6,)))
    (tmp_path / "m.tosa").write_bytes(model.serialize())
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    np.save(tmp_path / "b.npy", np.arange(4) - 4)
    words = [
        "model",
        "run",
        tmp_path / "m.tosa",
        "--input",
        tmp_path / "a.npy",
        "--input",
        tmp_path / "b.npy",
    ]
    ended = invoke(*words, "--output", tmp_path / "y.npy", "--output", tmp_path / "z.npy", "--json")
    assert document(ended)["outputs"] == [[-4, -3, -2, -1], [0, 1, 2, 3, 4, 5]]
    assert np.load(tmp_path / "y.npy").tolist() == [-4, -3, -2, -1]
    assert np.load(tmp_path / "z.npy").tolist() == [0, 1, 2, 3, 4, 5]
    ended = invoke(*words, "--output", tmp_path / "only.npy")
    assert ended.code == 1
    assert "the model has 2 outputs" in ended.stderr


@pytest.mark.parametrize(
    ("array", "error", "said"),
    [
        (np.zeros((1, 1, 8, 9), np.int8), "WrongShape", "expected (batch, 1, 1, 8, 8)"),
        (np.zeros((0, 1, 1, 8, 8), np.int8), "FileError", "nothing in it"),
        (np.zeros(64, np.int8), "WrongShape", "expected (batch, 1, 1, 8, 8)"),
        (np.int8(3), "WrongShape", "expected (batch, 1, 1, 8, 8)"),
        (np.zeros((1, 1, 8, 8), np.float32), "WrongType", "expected integers for INT8"),
        (np.zeros((1, 1, 8, 8), "M8[s]"), "WrongType", "expected integers for INT8"),
        (np.full((1, 1, 8, 8), 128, np.int64), "OutOfRange", "expected -128 to 127"),
        (np.full((1, 1, 8, 8), 2**64 - 1, np.uint64), "OutOfRange", "expected -128 to 127"),
        (np.zeros((1, 1, 8, 8), object), "NotAnArray", "object"),
    ],
)
def test_run__wrong_input__says_what_was_expected(tmp_path: Path, array: Any, error: str, said: str) -> None:
    path = save(tmp_path, array)
    ended = invoke("model", "run", DIGITS, "--input", path)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"{error}: ")
    assert said in ended.stderr
    found = document(invoke("model", "run", DIGITS, "--input", path, "--json"))
    assert (found["ok"], found["error"]) == (False, error)


def test_run__wrong_input__has_no_traceback(tmp_path: Path) -> None:
    ended = command("model", "run", DIGITS, "--input", save(tmp_path, np.zeros(3)))
    assert ended.code == 1
    assert len(ended.stderr.splitlines()) == 1


def test_run__wrong_number_of_inputs__says_how_many(image: Path) -> None:
    ended = invoke("model", "run", DIGITS, "--input", image, "--input", image)
    assert (ended.code, ended.stderr) == (1, "WrongInputCount: 2 inputs given, the model takes 1\n")


def test_run__output_that_cannot_be_written__says_so(tmp_path: Path, image: Path) -> None:
    ended = invoke("model", "run", DIGITS, "--input", image, "--output", tmp_path / "no" / "y.npy")
    assert ended.code == 1
    assert "cannot be written" in ended.stderr


# ---- any bytes (G12) --------------------------------------------------------------------------------------


def refused_or_done(ended: Ended) -> None:
    """One line, or nothing, on standard error, and a code that says which."""
    assert ended.code in (0, 1)
    assert len(ended.stderr.splitlines()) == ended.code
    assert "Traceback" not in ended.stderr


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    text = header.encode("latin1")
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text + data


HUGE = "{'descr': '|i1', 'fortran_order': False, 'shape': (9999999999, 9999999999)}\n"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: npy(text.encode().decode("latin1"))))
@example(b"")
@example(b"\x93NUMPY")
@example(b"\x93NUMPY\x01\x00\xff\xff")
@example(npy(HUGE))
@example(npy(HUGE, version=(2, 0)))
@example(npy(HUGE, version=(3, 0)))
@example(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n", bytes(8)))
@example(npy("{'descr': '|V0', 'fortran_order': False, 'shape': (1,)}\n"))
@example(npy("{'descr': '|i1', 'fortran_order': False, 'shape': (-1,)}\n", bytes(8)))
@example(npy("{'descr': '|i1', 'fortran_order': 1, 'shape': (64,)}\n", bytes(64)))
@example(npy("{'descr': [('a', '|i1')], 'fortran_order': False, 'shape': (1, 1, 8, 8)}\n", bytes(64)))
@example(npy("(" * 5_000 + "\n"))
@example(npy("{'descr': '|i1', 'shape': (1, 1, 8, 8L), 'fortran_order': False}\n", bytes(64)))
@example(b"PK\x03\x04" + bytes(60))
def test_run__any_bytes_as_input__are_refused_in_a_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(data)
    refused_or_done(invoke("model", "run", DIGITS, "--input", path))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_run__damaged_array__is_refused_or_run(tmp_path: Path, data: st.DataObject) -> None:
    path = save(tmp_path, np.arange(64, dtype=np.int8).reshape(1, 1, 8, 8))
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    refused_or_done(invoke("model", "run", DIGITS, "--input", path))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_check__any_bytes_as_model__are_refused_in_a_line(tmp_path: Path, data: st.DataObject) -> None:
    good = bytearray(DIGITS.read_bytes())
    if data.draw(st.booleans()):
        content = data.draw(st.binary(max_size=200))
    else:
        for _ in range(data.draw(st.integers(1, 3))):
            good[data.draw(st.integers(0, 2_000))] = data.draw(st.integers(0, 255))
        content = bytes(good[: data.draw(st.integers(0, len(good)))])
    path = tmp_path / "m.tosa"
    path.write_bytes(content)
    refused_or_done(invoke("model", "check", path))
