"""An embedded Anvil: a local chain with the Osaka rules, on a free port, gone when it is left.

::

    with Anvil.start() as chain:
        chain.url, chain.accounts[0].key
        chain.advance(30)

It mines every transaction at once, and a block each second in between, so that time passes as on
a real chain.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

from eth_account import Account
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic

__all__ = ["Anvil", "AnvilError", "DevAccount"]

ROOT: Final = Path(__file__).resolve().parent.parent
MNEMONIC: Final = "test test test test test test test test test test test junk"
CHAIN_ID: Final = 31_337

# Loaded before any fork: nothing may be imported between fork and exec.
_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1


class AnvilError(Exception):
    """There is no Anvil, or it does not start, or it does not answer."""


@dataclass(frozen=True, slots=True)
class DevAccount:
    """One of Anvil's funded accounts, known to everybody."""

    address: str
    key: str


def find() -> str:
    """Path of the binary: the project's own, else the one on PATH.

    Raises:
        AnvilError: there is none.
    """
    own = ROOT / ".tools" / "bin" / "anvil"
    path = str(own) if own.exists() else shutil.which("anvil")
    if path is None:
        raise AnvilError("no anvil: run `make setup`")
    return path


class Anvil:
    """A running chain; made by `start`.

    Attributes:
        url: of its JSON-RPC endpoint.
        accounts: with 10,000 ether each.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, accounts: Sequence[DevAccount]) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}"
        self.accounts = tuple(accounts)
        atexit.register(self.stop)

    @classmethod
    def start(
        cls, *, accounts: int = 20, block_seconds: int | None = 1, timeout_seconds: float = 20.0
    ) -> Self:
        """Starts one and returns when it answers.

        Args:
            accounts: how many are funded.
            block_seconds: a block at least that often; None: only with transactions.
            timeout_seconds: how long it may take.

        Raises:
            AnvilError: it did not come up.
        """
        funded = _dev_accounts(accounts)
        binary = find()
        # A port that is free now may be taken a moment later by somebody else.
        for _ in range(5):
            port = _free_port()
            chain = cls(_launch(binary, port, accounts, block_seconds), port, funded)
            if chain._comes_up(timeout_seconds):
                return chain
            chain.stop()
        raise AnvilError(f"{binary} does not come up")

    def request(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call, for the methods that only a development chain has.

        Raises:
            AnvilError: no answer, or an error.
        """
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        wanted = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(wanted, timeout=20) as response:
                answer = json.load(response)
        except (OSError, ValueError) as error:
            raise AnvilError(f"{method}: {error}") from error
        if "error" in answer:
            raise AnvilError(f"{method}: {answer['error']}")
        return answer["result"]

    @property
    def now(self) -> int:
        """Timestamp of the latest block, in seconds."""
        return int(self.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def advance(self, seconds: int) -> None:
        """Moves time forward and mines a block then."""
        self.request("evm_increaseTime", seconds)
        self.request("evm_mine")

    def advance_to(self, timestamp: int) -> int:
        """Moves time forward so that the latest block is at ``timestamp`` or later; by how many seconds."""
        seconds = max(0, timestamp - self.now)
        if seconds:
            self.advance(seconds)
        return seconds

    def stop(self) -> None:
        """Ends it; again does nothing."""
        atexit.unregister(self.stop)
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _comes_up(self, timeout_seconds: float) -> bool:
        ends = time.monotonic() + timeout_seconds
        while time.monotonic() < ends and self._process.poll() is None:
            try:
                # Another process may have the port: only ours has these accounts and is alive.
                return self.request("eth_chainId") == hex(CHAIN_ID) and self._process.poll() is None
            except AnvilError:
                time.sleep(0.02)
        return False


@cache
def _dev_accounts(count: int) -> tuple[DevAccount, ...]:
    seed = seed_from_mnemonic(MNEMONIC, passphrase="")
    keys = [key_from_seed(seed, f"m/44'/60'/0'/0/{index}") for index in range(count)]
    return tuple(DevAccount(Account.from_key(key).address, "0x" + key.hex()) for key in keys)


def _launch(binary: str, port: int, accounts: int, block_seconds: int | None) -> subprocess.Popen[bytes]:
    mining = [] if block_seconds is None else ["--block-time", str(block_seconds), "--mixed-mining"]
    command = [
        binary,
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--hardfork", "osaka", "--chain-id", str(CHAIN_ID), "--mnemonic", MNEMONIC),
        *("--accounts", str(accounts), "--quiet"),
        *mining,
    ]
    # A group of its own, so that Ctrl-C ends the program first and the chain after it.
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # It makes one system call and nothing else.
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
    )


def _die_with_parent() -> None:
    """Asks Linux to end this process with the thread that started it, even by SIGKILL."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
