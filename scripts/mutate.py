"""Mutation testing of the contracts that hold or move money: `make mutate ARGS="--sample 25 --seed 1"`.

Changes one place at a time in a copy of the tree, compiles, and runs the tests that should notice: forge's
walks first, then the Ape tests of that contract, until one fails. Mutants that do not compile do not count.
One that nobody can tell from the original stands in `tests/mutation-survivors.toml` with the reason; any
other survivor is a missing test.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.build import ROOT

SURVIVORS = ROOT / "tests" / "mutation-survivors.toml"
RESULTS = ROOT / ".build" / "mutation.json"
STEP_SECONDS = 600
LEAST_KILLED = 0.9

CONTRACTS = {
    "Operators": ("operators*", "settlement_refund", "permissions", "reentrancy", "wiring"),
    "Escrow": ("escrow*", "permissions", "reentrancy", "wiring"),
    "Settlement": ("settlement_*", "permissions", "vectors", "reentrancy", "wiring"),
    "Disputes": ("disputes_*", "vectors", "reentrancy", "wiring"),
    "Omissions": ("omissions*", "reentrancy", "wiring"),
    "Models": ("models", "quarantine*", "permissions", "wiring"),
    "Parameters": ("parameters*", "governance", "permissions", "wiring"),
}
"""Contracts that are changed, and the test files below tests/contracts that know them."""

_FORGE = ("forge", "test", "--match-test")
_COPIED = ("benchmarks", "contracts", "docs", "models", "python_client", "scripts", "tests")
_LINKED = (".tools", ".venv", "node_modules")

Edit = Callable[[str], Iterator[tuple[int, int, str]]]
"""Gives spans of a text and what to put there."""


Step = tuple[str, tuple[str, ...], dict[str, str]]
"""Its name, the command, and the environment that it adds."""


class UnsoundTests(Exception):
    """The tests do not pass for the contracts as they are: nothing can be said of mutants."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change; `before` and `after` are the text around it, as people read it."""

    contract: str
    operator: str
    line: int
    before: str
    after: str
    start: int
    end: int
    text: str

    @property
    def key(self) -> str:
        """Names it also when lines move."""
        return f"{self.contract} | {self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant, and by which step."""

    mutant: Mutant
    result: str
    by: str = ""


# ---- What is changed --------------------------------------------------------------------------------------


def _swap(pairs: dict[str, str], *, around: str = " ") -> Edit:
    names = "|".join(re.escape(name) for name in sorted(pairs, key=len, reverse=True))
    pattern = re.compile(f"{around}({names}){around}" if around else f"({names})")

    def edits(code: str) -> Iterator[tuple[int, int, str]]:
        for match in pattern.finditer(code):
            yield match.start(1), match.end(1), pairs[match[1]]

    return edits


def _replace(pattern: str, to: Callable[[re.Match[str]], str]) -> Edit:
    compiled = re.compile(pattern, re.MULTILINE)

    def edits(code: str) -> Iterator[tuple[int, int, str]]:
        for match in compiled.finditer(code):
            yield match.start(), match.end(), to(match)

    return edits


_NAME = r"[\w.\[\]]+(?:\(\))?"
OPERATORS: dict[str, Edit] = {
    "relation, bound moved": _swap({"<": "<=", "<=": "<", ">": ">=", ">=": ">"}),
    "relation, negated": _swap({"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}),
    "logic": _swap({"&&": "||", "||": "&&"}),
    "arithmetic": _swap(
        {"+": "-", "-": "+", "*": "+", "/": "*", "+=": "-=", "-=": "+=", "|=": "=", "&": "|"}
    ),
    "increment": _replace(r"(?<=\w)(\+\+|--)(?=;)", lambda m: "--" if m[1] == "++" else "++"),
    "negation": _replace(r"(?<=\()!(?=\w)|(?<= )!(?=\w)", lambda _: ""),
    "truth": _replace(r"(?<== )(true|false)(?=;)", lambda m: "false" if m[1] == "true" else "true"),
    "number": _replace(r"(?<![\w.\"x])(\d[\d_]*)(?=[;,) ])", lambda m: str(int(m[1].replace("_", "")) + 1)),
    "check removed": _replace(r"^ +if \([^{};]*\)\s+(?:revert|_badPosition)[^;]*;", lambda _: ""),
    "statement removed": _replace(
        r"^ +(?!return|revert|if|else|for|while|try|emit|using|import|bytes|uint|\w+ (?:memory|storage))"
        r"[\w.\[\]]+(?:\([^;{}]*\)| (?:[-+|]?=) [^;{}]*|\+\+|--);$",
        lambda _: "",
    ),
    "branch": _replace(rf"\? ({_NAME}) : ({_NAME})(?=[;,)])", lambda m: f"? {m[2]} : {m[1]}"),
    "arguments swapped": _replace(rf"(?<=\w)\(({_NAME}), ({_NAME})\)", lambda m: f"({m[2]}, {m[1]})"),
    "guard removed": _replace(
        r"\b(nonReentrant|restricted|onlyDisputes) (?=(?:returns )?[{(])", lambda _: ""
    ),
}


def mutants(contract: str, source: str) -> list[Mutant]:
    """All of a contract's, in the order of the file."""
    code = _without_comments(source)
    body = code.index("{", code.index(f"contract {contract} "))
    found: dict[tuple[int, int, str], Mutant] = {}
    for operator, edit in OPERATORS.items():
        for start, end, text in edit(code):
            if start < body or _is_declaration(code, start):
                continue
            before, after = _around(source, start, end, text)
            line = source.count("\n", 0, start) + 1
            mutant = Mutant(contract, operator, line, before, after, start, end, text)
            found.setdefault((start, end, text), mutant)
    return sorted(found.values(), key=lambda mutant: (mutant.start, mutant.operator))


def _without_comments(source: str) -> str:
    """Of the same length, so that places stay."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), source, flags=re.DOTALL)


def _is_declaration(code: str, start: int) -> bool:
    """What is no code."""
    line = code[code.rfind("\n", 0, start) + 1 : code.find("\n", start)].strip()
    return line.startswith(("struct", "mapping", "event", "error", "using", "import"))


def _around(source: str, start: int, end: int, text: str) -> tuple[str, str]:
    first = source.rfind("\n", 0, start) + 1
    last = source.find("\n", end)
    before = source[first:last]
    after = source[first:start] + text + source[end:last]
    return " ".join(before.split()), " ".join(after.split())


# ---- What notices -----------------------------------------------------------------------------------------


class Copy:
    """A tree of its own, in which one contract at a time is wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sound: set[tuple[str, ...]] = set()
        for name in _COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in _LINKED:
            (folder / name).symlink_to(ROOT / name)
        for path in ROOT.iterdir():
            if path.is_file():
                shutil.copy2(path, folder / path.name)
        # What is compiled already need not be compiled again.
        shutil.copytree(ROOT / ".build" / "cache", folder / ".build" / "cache")

    def run(self, *command: str, **settings: str) -> tuple[bool, str]:
        """Whether it succeeded, and what it said. Out of time counts as noticed."""
        environment = os.environ | {
            "PYTHONPATH": f"{self.folder}:{self.folder / 'python_client'}",
            "APE_DATA_FOLDER": str(self.folder / ".build" / "ape"),
            **settings,
        }
        try:
            done = subprocess.run(
                list(command),
                check=False,
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=STEP_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return False, "out of time"
        return done.returncode == 0, done.stdout + done.stderr

    def build(self) -> bool:
        """Writes the artifacts that forge's walks read; says whether it compiles."""
        return self.run(sys.executable, "-m", "scripts.build")[0]

    def steps(self, contract: str) -> Iterator[Step]:
        """The tests that should notice, the fast ones first."""
        forge = {
            "FOUNDRY_PROFILE": "invariants",
            "FOUNDRY_INVARIANT_RUNS": "2",
            "FOUNDRY_INVARIANT_DEPTH": "60",
        }
        yield "walks", (*_FORGE, "test_every_outcome_is_reached"), forge
        yield "invariants", (*_FORGE, "invariant_", "--fuzz-seed", "0x1"), forge
        folder = self.folder / "tests" / "contracts"
        paths = {path for name in CONTRACTS[contract] for path in folder.glob(f"test_{name}.py")}
        files = [str(path.relative_to(self.folder)) for path in sorted(paths)]
        yield "tests", ("ape", "test", *files, "-x", "-q", "-p", "no:cacheprovider"), {}

    def judge(self, mutant: Mutant) -> Outcome:
        """Runs until somebody notices."""
        path = self.folder / "contracts" / f"{mutant.contract}.sol"
        source = path.read_text(encoding="utf8")
        path.write_text(source[: mutant.start] + mutant.text + source[mutant.end :], encoding="utf8")
        try:
            if not self.build():
                return Outcome(mutant, "does not compile")
            for step in self.steps(mutant.contract):
                name, command, settings = step
                passed, output = self.run(*command, **settings)
                if not passed:
                    path.write_text(source, encoding="utf8")
                    self._check_original(step)
                    return Outcome(mutant, "killed", f"{name}: {_reason(output)}")
            return Outcome(mutant, "survived")
        finally:
            path.write_text(source, encoding="utf8")

    def _check_original(self, step: Step) -> None:
        """What fails for the original too has noticed nothing."""
        name, command, settings = step
        if command in self._sound:
            return
        passed, output = self.run(*command, **settings) if self.build() else (False, "")
        if not passed:
            raise UnsoundTests(f"{name} fail without any mutant: {_reason(output)}")
        self._sound.add(command)


def _reason(output: str) -> str:
    for line in output.splitlines():
        if line.startswith(("FAILED", "ERROR", "[FAIL")):
            return line[:160]
    return output.strip().splitlines()[-1][:160] if output.strip() else ""


def known_survivors() -> dict[str, str]:
    """Reasons by key: mutants that behave like the original."""
    entries = tomllib.loads(SURVIVORS.read_text(encoding="utf8")).get("equivalent", [])
    return {entry["mutant"]: entry["reason"] for entry in entries}


# ---- Command ----------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.mutate", description=__doc__.splitlines()[0])
    parser.add_argument("contracts", nargs="*", help=f"of {', '.join(CONTRACTS)} (default: all)")
    parser.add_argument("--sample", type=int, help="so many of them, by chance")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    args = parser.parse_args()
    names = args.contracts or list(CONTRACTS)
    known = known_survivors()
    all_of_them = [
        mutant
        for name in names
        for mutant in mutants(name, (ROOT / "contracts" / f"{name}.sol").read_text(encoding="utf8"))
    ]
    todo = [mutant for mutant in all_of_them if mutant.key not in known]
    if args.list:
        for mutant in all_of_them:
            print(f"{mutant.contract}.sol:{mutant.line} {mutant.operator}: {mutant.before} → {mutant.after}")
        print(f"{len(all_of_them)} mutants, {len(all_of_them) - len(todo)} of them equivalent")
        return 0
    if args.sample is not None:
        todo = random.Random(args.seed).sample(todo, min(args.sample, len(todo)))
    started = time.monotonic()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="onus-mutants-") as folder:
        copy = Copy(Path(folder))
        if not copy.build():
            print("the original does not compile", file=sys.stderr)
            return 2
        for mutant in todo:
            if args.minutes and time.monotonic() - started > 60 * args.minutes:
                break
            try:
                outcome = copy.judge(mutant)
            except UnsoundTests as error:
                print(error, file=sys.stderr)
                return 2
            outcomes.append(outcome)
            print(
                f"{outcome.result:<17}{mutant.contract}.sol:{mutant.line} {mutant.operator}: "
                f"{mutant.before} → {mutant.after}  {outcome.by}",
                flush=True,
            )
    return _report(outcomes, total=len(all_of_them), seconds=time.monotonic() - started)


def _report(outcomes: list[Outcome], *, total: int, seconds: float) -> int:
    survived = [outcome for outcome in outcomes if outcome.result == "survived"]
    killed = [outcome for outcome in outcomes if outcome.result == "killed"]
    compiled = len(survived) + len(killed)
    RESULTS.write_text(
        json.dumps([asdict(outcome) for outcome in outcomes], indent=1, ensure_ascii=False) + "\n"
    )
    share = len(killed) / compiled if compiled else 0.0
    print(
        f"{len(killed)} killed, {len(survived)} survived of {compiled} that compile ({share:.0%}); "
        f"{len(outcomes)} tried of {total}, {seconds:.0f} s"
    )
    for outcome in survived:
        print(f"  survived: {outcome.mutant.key}")
    return 0 if share >= LEAST_KILLED else 1


if __name__ == "__main__":
    sys.exit(main())
