"""Compiles the contracts, once for everybody: Ape tests, scripts and benchmarks read the same artifacts.

`make build` (or `python -m scripts.build`) writes `.build/onus-artifacts.json`; `scripts.build.load()` gives
the same, compiling first what has changed. Each contract's file is compiled alone with what it imports, and
cached by the content of both and of the settings (`foundry.toml`): an edit compiles again only what sees it,
and no contract's code depends on what happened to be compiled beside it.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import posixpath
import re
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCES = "contracts"
ARTIFACTS = ROOT / ".build" / "onus-artifacts.json"
CACHE = ROOT / ".build" / "cache"
TOOLS = ROOT / ".tools"

CODE_SIZE_LIMIT = 24_576  # EIP-170
SOLC_VERSION = "0.8.37"
_EMPTY_LIBRARY_SIZE = 3  # what is left of a library whose functions are all internal
_TRANSIENT_STORAGE_USED = "2394"  # a general caution, given once for every use

_IMPORT = re.compile(r"""^\s*import\s+(?:[^;"']*?\sfrom\s+)?["']([^"']+)["']""", re.MULTILINE)
_CONTRACT = re.compile(r"^contract\s+\w+", re.MULTILINE)
_OTHER = re.compile(r"^(?:abstract\s+contract|interface|library)\s+\w+", re.MULTILINE)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_OUTPUTS = [
    "abi",
    "evm.bytecode.object",
    "evm.bytecode.linkReferences",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
    "evm.methodIdentifiers",
    "storageLayout",
    "transientStorageLayout",
]


class BuildError(Exception):
    """The compiler refused one or more files; the message is its own."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a script or a test needs of one contract. Code is hex with 0x, and "0x" where there is none."""

    name: str
    source: str
    abi: list[dict[str, Any]]
    bytecode: str
    runtime: str
    selectors: dict[str, str]
    immutables: dict[str, list[dict[str, int]]]
    links: dict[str, Any]
    storage: list[dict[str, Any]]
    transient_storage: list[dict[str, Any]]

    @property
    def size(self) -> int:
        """Bytes of code on chain."""
        return len(self.runtime) // 2 - 1

    @property
    def init_size(self) -> int:
        """Bytes of creation code, without constructor arguments."""
        return len(self.bytecode) // 2 - 1


def load(names: Iterable[str] | None = None) -> dict[str, Artifact]:
    """Artifacts by contract name, up to date: of all contracts, or of `names` and what shares their files.

    Raises:
        BuildError: a file that is needed does not compile. With `names`, other files may be broken.
    """
    project = Project()
    return project.build(project.units if names is None else {project.file_of(name) for name in names})


class Project:
    """The source files below `contracts/`, with what they import."""

    def __init__(self) -> None:
        profile = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
        self.remappings: dict[str, str] = dict(entry.split("=", 1) for entry in profile["remappings"])
        self.settings: dict[str, Any] = {
            "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
            "viaIR": profile["via_ir"],
            "evmVersion": profile["evm_version"],
            "metadata": {"bytecodeHash": profile["bytecode_hash"], "appendCBOR": profile["cbor_metadata"]},
        }
        self.warnings: set[str] = set()
        self._texts: dict[str, str] = {}
        self._closures: dict[str, set[str]] = {}

    @cached_property
    def units(self) -> list[str]:
        return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / SOURCES).rglob("*.sol"))

    def file_of(self, name: str) -> str:
        """The file that defines the contract, or has its name."""
        pattern = re.compile(
            rf"^\s*(?:abstract\s+)?(?:contract|interface|library)\s+{re.escape(name)}\b", re.MULTILINE
        )
        for unit in sorted(self.units, key=lambda unit: Path(unit).stem != name):
            if pattern.search(self.text(unit)):
                return unit
        raise BuildError(f"no contract {name!r} below {SOURCES}/")

    def text(self, unit: str) -> str:
        if unit not in self._texts:
            path = next(
                (to + unit.removeprefix(at) for at, to in self.remappings.items() if unit.startswith(at)),
                unit,
            )
            try:
                self._texts[unit] = (ROOT / path).read_text(encoding="utf8")
            except FileNotFoundError:
                raise BuildError(f"{unit}: no such file") from None
        return self._texts[unit]

    def closure(self, unit: str) -> set[str]:
        """The file and all that it imports, by the names that the compiler gives them."""
        if unit not in self._closures:
            found, todo = set[str](), [unit]
            while todo:
                current = todo.pop()
                if current in found:
                    continue
                found.add(current)
                folder = posixpath.dirname(current)
                for name in _IMPORT.findall(_COMMENT.sub("", self.text(current))):
                    todo.append(
                        posixpath.normpath(posixpath.join(folder, name)) if name.startswith(".") else name
                    )
            self._closures[unit] = found
        return self._closures[unit]

    def input(self, *units: str) -> dict[str, Any]:
        """The compiler's standard JSON: for one contract also what a block explorer wants, to verify it."""
        closure = set[str]().union(*(self.closure(unit) for unit in units))
        return {
            "language": "Solidity",
            "sources": {name: {"content": self.text(name)} for name in sorted(closure)},
            "settings": self.settings
            | {"outputSelection": {unit: {"*": _OUTPUTS} for unit in sorted(units)}},
        }

    def build(self, units: Iterable[str]) -> dict[str, Artifact]:
        # A compiler takes a second to start: what has no code of its own (interfaces, libraries of internal
        # functions, abstract contracts) goes through one; contracts go one by one, the longest first.
        alone = {unit: len(self.text(unit)) for unit in units if _CONTRACT.search(self.text(unit))}
        rest = [unit for unit in sorted(units) if unit not in alone and _OTHER.search(self.text(unit))]
        groups = [[unit] for unit in sorted(alone, key=lambda unit: -alone[unit])] + ([rest] if rest else [])

        # Each compiler is a process of its own: the threads only wait.
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            attempts = list(pool.map(self._attempt, groups))
        if errors := {str(attempt) for attempt in attempts if isinstance(attempt, BuildError)}:
            raise BuildError("\n".join(sorted(errors)))
        result: dict[str, Artifact] = {}
        for artifact in sorted(chain.from_iterable(attempts), key=lambda artifact: artifact.name):  # type: ignore[arg-type]
            if artifact.name in result:
                raise BuildError(
                    f"{artifact.name} is in both {result[artifact.name].source} and {artifact.source}"
                )
            result[artifact.name] = artifact
        return result

    def _attempt(self, group: list[str]) -> list[Artifact] | BuildError:
        try:
            return self._compile(group)
        except BuildError as error:
            return error

    def _compile(self, group: list[str]) -> list[Artifact]:
        request = json.dumps(self.input(*group), sort_keys=True)
        key = hashlib.sha256(f"2\n{SOLC_VERSION}\n{request}".encode()).hexdigest()
        label = group[0] if len(group) == 1 else f"{len(group)} interfaces and libraries"
        cached = CACHE / f"{Path(group[0]).stem if len(group) == 1 else 'others'}-{key[:32]}.json"
        with _locked(cached.with_suffix(".lock")):
            if not cached.exists():
                _write(cached, _solc(label, request))
        output = json.loads(cached.read_text())
        self.warnings.update(output["warnings"])
        return [
            _artifact(name, unit, contract)
            for unit in group
            for name, contract in output["contracts"].get(unit, {}).items()
        ]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two builds at a time compile a file once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _solc(label: str, request: str) -> dict[str, Any]:
    os.environ.setdefault("SOLCX_BINARY_PATH", str(TOOLS))
    import solcx
    from solcx.exceptions import SolcError
    from solcx.install import get_executable

    started = time.monotonic()
    try:
        output = solcx.compile_standard(
            json.loads(request), solc_binary=get_executable(SOLC_VERSION), allow_empty=True, base_path=ROOT
        )
    except SolcError as error:
        raise BuildError(error.message) from None
    print(f"solc {label} {time.monotonic() - started:.1f} s", file=sys.stderr)
    warnings = [
        error["formattedMessage"]
        for error in output.get("errors", ())
        if error["severity"] == "warning"
        and error.get("errorCode") != _TRANSIENT_STORAGE_USED
        and not (error.get("sourceLocation") or {}).get("file", "").startswith("@")
    ]
    return {"warnings": warnings, "contracts": output.get("contracts", {})}


def _artifact(name: str, unit: str, contract: Mapping[str, Any]) -> Artifact:
    evm = contract["evm"]
    return Artifact(
        name=name,
        source=unit,
        abi=contract["abi"],
        bytecode="0x" + evm["bytecode"]["object"],
        runtime="0x" + evm["deployedBytecode"]["object"],
        selectors={signature: "0x" + selector for signature, selector in evm["methodIdentifiers"].items()},
        immutables=evm["deployedBytecode"].get("immutableReferences", {}),
        links=evm["bytecode"].get("linkReferences", {}),
        storage=(contract.get("storageLayout") or {}).get("storage", []),
        transient_storage=(contract.get("transientStorageLayout") or {}).get("storage", []),
    )


def _write(path: Path, value: object) -> None:
    """Whole or not at all, also with two builds at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
    draft.replace(path)


def _print_sizes(artifacts: Mapping[str, Artifact]) -> bool:
    """Prints the code sizes of what can be deployed, largest first; says whether all fit."""
    deployable = [
        artifact
        for artifact in artifacts.values()
        if artifact.size > _EMPTY_LIBRARY_SIZE and not artifact.source.startswith(f"{SOURCES}/test/")
    ]
    print(f"{'contract':<28}{'bytes':>8}{'left':>8}{'creation':>10}")
    for artifact in sorted(deployable, key=lambda artifact: -artifact.size):
        over = "  over the limit" if artifact.size > CODE_SIZE_LIMIT else ""
        left = CODE_SIZE_LIMIT - artifact.size
        print(f"{artifact.name:<28}{artifact.size:>8,}{left:>8,}{artifact.init_size:>10,}{over}")
    return all(artifact.size <= CODE_SIZE_LIMIT for artifact in deployable)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.build", description="Compiles the contracts.")
    parser.add_argument("names", nargs="*", help="contracts or file names to compile (default: all)")
    parser.add_argument(
        "--sizes", action="store_true", help="print code sizes; fail above the limit of 24,576 bytes"
    )
    parser.add_argument("--strict", action="store_true", help="fail on the compiler's warnings")
    parser.add_argument("--standard-json", metavar="NAME", help="print the compiler's input for one contract")
    args = parser.parse_args()
    project = Project()
    try:
        if args.standard_json:
            print(json.dumps(project.input(project.file_of(args.standard_json))))
            return 0
        artifacts = project.build({project.file_of(n) for n in args.names} if args.names else project.units)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    for warning in sorted(project.warnings):
        print(warning, file=sys.stderr)
    if not args.names:
        _write(ARTIFACTS, {name: asdict(artifact) for name, artifact in artifacts.items()})
    if args.sizes and not _print_sizes(artifacts):
        return 1
    return 1 if args.strict and project.warnings else 0


if __name__ == "__main__":
    sys.exit(main())
