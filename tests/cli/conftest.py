"""The digits network and its images as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onus.trace import Engine, compile_tosa

MODELS = Path(__file__).parents[2] / "models"
DIGITS = MODELS / "digits" / "digits.tosa"


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """Held-out images, int8 (599, 1, 1, 8, 8)."""
    inputs: np.ndarray = np.load(MODELS / "digits" / "heldout.npz")["inputs"]
    return inputs.reshape(-1, 1, 1, 8, 8)


@pytest.fixture(scope="session")
def digits_engine() -> Engine:
    """What the commands are compared with."""
    return Engine(compile_tosa(DIGITS.read_bytes()), threads=1)


@pytest.fixture
def image(tmp_path: Path, images: np.ndarray) -> Path:
    """One image as a file."""
    path = tmp_path / "image.npy"
    np.save(path, images[0])
    return path
