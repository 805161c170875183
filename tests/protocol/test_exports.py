"""Public names are complete, and imports run one way."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import pytest

import onus.chain
import onus.protocol

PACKAGES = ["onus.protocol", "onus.chain", "onus.chain.contracts", "onus.chain.errors", "onus._services"]


def modules(package: ModuleType) -> list[str]:
    found = [package.__name__]
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        found.append(info.name)
    return found


@pytest.mark.parametrize("name", PACKAGES)
def test_all__is_complete_and_every_name_is_there(name: str) -> None:
    module = importlib.import_module(name)
    public = {
        each
        for each, value in vars(module).items()
        if not each.startswith("_") and (not inspect.ismodule(value) or each in module.__all__)
    }
    assert len(set(module.__all__)) == len(module.__all__)
    assert public == set(module.__all__)


@pytest.mark.parametrize("name", [*modules(onus.protocol), *modules(onus.chain)])
def test_all__of_every_module__names_what_is_there(name: str) -> None:
    module = importlib.import_module(name)
    if name.rsplit(".", 1)[-1].startswith("_"):
        return
    for each in module.__all__:
        assert hasattr(module, each), f"{name}.{each}"


def test_errors__tree_in_the_documentation__is_the_tree() -> None:
    """Every exception stands in its module's docstring, below its base."""
    from onus.chain import errors as chain_errors
    from onus.protocol import errors as protocol_errors

    for module in (protocol_errors, chain_errors):
        assert module.__doc__ is not None
        tree = {
            match[2]: len(match[1])
            for match in re.finditer(r"^([ │├└─]*)(\w+)", module.__doc__.split("::")[1], re.MULTILINE)
        }
        order = list(tree)
        for name in module.__all__:
            cls = getattr(module, name)
            own = inspect.isclass(cls) and cls.__module__ in ("onus.protocol.errors", "onus.chain._errors")
            kinds = ("TooEarly", "TooLate", "NotAllowed", "NotEnough", "NotKnown", "AlreadyDone")
            if not own or name in kinds:
                continue
            assert name in tree, f"{name} is missing in the docstring of {module.__name__}"
            above = [each for each in order[: order.index(name)] if tree[each] < tree[name]]
            if above:
                assert above[-1] == cls.__bases__[0].__name__


@pytest.mark.parametrize("name", modules(onus.protocol))
def test_protocol__knows_no_network(name: str) -> None:
    source = inspect.getsource(importlib.import_module(name))
    imported = set(re.findall(r"^\s*(?:from|import) ([\w.]+)", source, re.MULTILINE))
    assert not [
        each for each in imported if each.startswith("onus.") and not each.startswith("onus.protocol")
    ]
    assert not imported & {
        "web3",
        "requests",
        "httpx",
        "time",
        "datetime",
        "os",
        "socket",
        "random",
        "secrets",
    }


@pytest.mark.parametrize("name", modules(onus.chain))
def test_chain__knows_nothing_above_it(name: str) -> None:
    source = inspect.getsource(importlib.import_module(name))
    imported = set(re.findall(r"^\s*(?:from|import) (onus[\w.]*)", source, re.MULTILINE))
    assert all(re.match(r"onus\.(chain|protocol)\b", each) for each in imported)
