"""Public names are complete, and every error stands in its module's tree."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

PACKAGES = ["onus.store", "onus.inference", "onus.operator", "onus.watcher", "onus.library"]


@pytest.mark.parametrize("name", PACKAGES)
def test_all__is_complete(name: str) -> None:
    module = importlib.import_module(name)
    public = {
        each
        for each, value in vars(module).items()
        if not each.startswith("_") and not inspect.ismodule(value) and _is_ours(name, value)
    }
    assert public == set(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)


def _is_ours(name: str, value: object) -> bool:
    return getattr(value, "__module__", name).startswith(name) or not hasattr(value, "__module__")


@pytest.mark.parametrize("name", ["onus.store", "onus.inference", "onus.operator", "onus.watcher"])
def test_the_tree_of_errors__is_the_one_in_the_documentation(name: str) -> None:
    module = importlib.import_module(f"{name}._errors")
    drawn = re.findall(r"^([ │├└─]*)(\w+)", module.__doc__.split("::\n")[1], re.MULTILINE)
    parents: list[tuple[int, str]] = []
    seen = {}
    for indent, each in drawn:
        while parents and parents[-1][0] >= len(indent):
            parents.pop()
        seen[each] = parents[-1][1] if parents else None
        parents.append((len(indent), each))
    assert seen.keys() == set(module.__all__)
    for each, parent in seen.items():
        if parent is not None:
            assert getattr(module, each).__bases__[0].__name__ == parent
