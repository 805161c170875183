"""Many tests, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from onus.chain import LocalSigner, Rpc, Sender
from onus.chain.contracts import TraceVerifierReads
from scripts.anvil import Anvil
from scripts.build import load
from scripts.conformance.generate import Case
from scripts.conformance.judge import Judge, Verdict
from scripts.conformance.reference import Reference

__all__ = ["judge_all", "verifier"]


@contextmanager
def verifier() -> Iterator[TraceVerifierReads]:
    """The contract, on a chain of its own."""
    with Anvil.start(block_seconds=None) as chain:
        rpc = Rpc(chain.url)
        sender = Sender(rpc, LocalSigner.from_key(chain.accounts[0].key), poll_seconds=0.02)
        code = bytes.fromhex(load(["TraceVerifier"])["TraceVerifier"].bytecode[2:])
        yield TraceVerifierReads(rpc, sender.deploy("TraceVerifier", code).value)


def judge_all(cases: Sequence[Case], *, seed: int, console: Console | None = None) -> list[Verdict]:
    """Judges tests, with a bar for who waits."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        verifier() as contract,
        Reference() as reference,
        Progress(*columns, console=console, disable=console is None, transient=True) as progress,
    ):
        judge = Judge(reference, contract, seed=seed)
        task = progress.add_task("tests", total=len(cases))
        verdicts = []
        for case in cases:
            progress.update(task, description=f"{case.operator:<24}")
            verdicts.append(judge.judge(case))
            progress.advance(task)
        return verdicts
