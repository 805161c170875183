"""The verifier and its harness on the chain of the tests, deployed once; the digits model and its images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onus.trace import Program, compile_tosa
from tests.support.chain import Chain, Contract


@pytest.fixture(scope="session")
def account(onus_chain: Chain) -> str:
    """Sends transactions."""
    address: str = onus_chain.rpc("eth_accounts")[0]
    return address


@pytest.fixture(scope="session")
def _code(onus_chain: Chain, account: str) -> dict[str, str]:
    return {
        name: onus_chain.deploy(name, sender=account).address for name in ("TraceVerifier", "TraceHarness")
    }


def _at(onus_chain: Chain, account: str, code: dict[str, str], name: str) -> Contract:
    if onus_chain.rpc("eth_getCode", code[name], "latest") == "0x":
        # The chain was put back to a time before the deployment.
        code[name] = onus_chain.deploy(name, sender=account).address
    return onus_chain.at(name, code[name])


@pytest.fixture
def verifier(onus_chain: Chain, account: str, _code: dict[str, str]) -> Contract:
    """TraceVerifier."""
    return _at(onus_chain, account, _code, "TraceVerifier")


@pytest.fixture
def trace_harness(onus_chain: Chain, account: str, _code: dict[str, str]) -> Contract:
    """TraceHarness."""
    return _at(onus_chain, account, _code, "TraceHarness")


_DIGITS = Path(__file__).parents[2] / "models" / "digits"


@pytest.fixture(scope="session")
def digits_file() -> bytes:
    """models/digits/digits.tosa."""
    return (_DIGITS / "digits.tosa").read_bytes()


@pytest.fixture(scope="session")
def digits(digits_file: bytes) -> Program:
    """The digits model."""
    return compile_tosa(digits_file)


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """Its 599 held-out images, int8 (599, 1, 1, 8, 8)."""
    inputs: np.ndarray = np.load(_DIGITS / "heldout.npz")["inputs"]
    return inputs.reshape(-1, 1, 1, 8, 8)


@pytest.fixture(scope="session")
def labels() -> np.ndarray:
    """What they show, (599,)."""
    values: np.ndarray = np.load(_DIGITS / "heldout.npz")["labels"]
    return values
