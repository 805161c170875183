"""The settings that stand in two files agree, and no file pins a place to download from."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from scripts.build import SOLC_VERSION, Artifact

ROOT = Path(__file__).resolve().parent.parent


def test_compiler_settings__are_the_same_for_ape_forge_and_npm() -> None:
    forge = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    ape = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]
    npm = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert (forge["evm_version"], forge["via_ir"], forge["optimizer"], forge["optimizer_runs"]) == (
        ape["evm_version"],
        ape["via_ir"],
        ape["optimize"],
        ape["optimization_runs"],
    )
    assert ape["version"] == npm["solc"] == SOLC_VERSION
    assert forge["solc"] == f".tools/solc-v{SOLC_VERSION}"


@pytest.mark.parametrize(
    ("name", "pattern"), [("requirements.txt", r"https?://"), ("package-lock.json", "resolved")]
)
def test_lock_files__name_no_host(name: str, pattern: str) -> None:
    assert not re.search(pattern, (ROOT / name).read_text())


def test_code__fits_the_limit(artifacts: dict[str, Artifact]) -> None:
    over = {a.name: a.size for a in artifacts.values() if a.size > 24_576 and "/test/" not in a.source}
    assert not over
