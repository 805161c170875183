"""Static analysis of all contracts with slither: `make slither`.

Every finding of medium or high impact is fixed, or answered in the table of `docs/security.md`: one that is
not there fails the command, and so does an answer to what slither no longer finds. It also fails when slither
saw fewer contracts than there are (given an unusual compiler it can find none, and says so only in a number).

Slither reads syntax trees, not code: they are compiled without code generation, as forge would lay them out.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.build import ROOT, SOLC_VERSION, Project

OUT = ROOT / ".build" / "slither"
ANSWERS = ROOT / "docs" / "security.md"
IMPACTS = ("High", "Medium")

_DEFINITION = re.compile(r"^(?:abstract contract|contract|interface|library) \w+", re.MULTILINE)
_ANSWER = re.compile(r"^\| `([a-z0-9-]+)` \| `([\w.]+)` \| (.+) \|$", re.MULTILINE)

Finding = tuple[str, str]
"""Detector and place."""


def findings(report: Mapping[str, Any]) -> Counter[Finding]:
    """What slither found of medium impact or more, in the contracts that are deployed."""
    found: Counter[Finding] = Counter()
    for result in report["results"].get("detectors", []):
        if result["impact"] in IMPACTS:
            found[result["check"], _place(result["elements"][0])] += 1
    return found


def answered(text: str) -> dict[Finding, str]:
    """The table's answers by detector and place."""
    return {(detector, place): answer for detector, place, answer in _ANSWER.findall(text)}


def complaints(found: Counter[Finding], answers: Mapping[Finding, str]) -> list[str]:
    """Findings without an answer, and answers to what is not found."""
    new = [
        f"not answered: {detector} in {place}"
        for detector, place in found
        if (detector, place) not in answers
    ]
    old = [
        f"answered, but not found: {detector} in {place}" for detector, place in answers.keys() - found.keys()
    ]
    return sorted(new) + sorted(old)


def _place(element: Mapping[str, Any]) -> str:
    """`Contract.function`, or `Contract.variable` for state."""
    parent = element.get("type_specific_fields", {}).get("parent", {})
    if element["type"] in ("variable", "node") and parent.get("type") == "function":
        return _place(parent)
    return f"{parent['name']}.{element['name']}" if parent.get("name") else str(element["name"])


def compile_trees() -> int:
    """Writes the syntax trees where forge would; returns how many contracts there are."""
    import solcx
    from solcx.install import get_executable

    project = Project()
    real = {name: _real(project, name) for unit in project.units for name in project.closure(unit)}
    sources = {path: {"content": project.text(name)} for name, path in real.items()}
    request = {
        "language": "Solidity",
        "sources": sources,
        "settings": project.settings
        | {
            "remappings": [f"{at}={to}" for at, to in project.remappings.items()],
            "outputSelection": {"*": {"": ["ast"], "*": ["abi"]}},
        },
    }
    output = solcx.compile_standard(request, solc_binary=get_executable(SOLC_VERSION), base_path=ROOT)
    code = {"object": "", "sourceMap": "", "opcodes": "", "linkReferences": {}}
    for contracts in output["contracts"].values():
        for contract in contracts.values():
            contract["evm"] = {"bytecode": code, "deployedBytecode": code, "methodIdentifiers": {}}
            contract["metadata"] = "{}"
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "build-info").mkdir(parents=True)
    info = {"solcVersion": SOLC_VERSION, "input": request, "output": output}
    (OUT / "build-info" / "onus.json").write_text(json.dumps(info))
    return sum(len(_DEFINITION.findall(project.text(unit))) for unit in project.units)


def _real(project: Project, name: str) -> str:
    return next(
        (to + name.removeprefix(at) for at, to in project.remappings.items() if name.startswith(at)), name
    )


def main(arguments: Sequence[str]) -> int:
    there = compile_trees()
    report_path = OUT / "report.json"
    command = ["slither", ".", "--ignore-compile", "--foundry-out-directory", str(OUT.relative_to(ROOT))]
    command += ["--filter-paths", "node_modules|contracts/test", "--json", str(report_path), "--fail-none"]
    command += ["--exclude-informational", "--exclude-optimization", "--exclude-low", *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    log = done.stdout + done.stderr
    if not report_path.exists():
        print(log, file=sys.stderr)
        return 1
    report = json.loads(report_path.read_text())
    if not report["success"]:
        print(report["error"], file=sys.stderr)
        return 1
    seen = re.search(r"analyzed \((\d+) contracts", log)
    if seen is None or int(seen[1]) < there:
        print(f"slither analysed {seen[1] if seen else 0} contracts, there are {there}", file=sys.stderr)
        return 1
    found = findings(report)
    wrong = complaints(found, answered(ANSWERS.read_text(encoding="utf8")))
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    total = sum(found.values())
    print(f"slither: {seen[1]} contracts, {total} findings of medium impact or more, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
