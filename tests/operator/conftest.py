"""One town for all tests of the operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onus.operator import Node
from tests.nodes.town import Town, open_town


@pytest.fixture(scope="package")
def _town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture
def town(_town: Town) -> Iterator[Town]:
    """The town; what a test started is stopped after it."""
    yield _town
    _town.close_visit()


@pytest.fixture(scope="package")
def shared_node(_town: Town) -> Node:
    """An operator for tests that change nothing about it."""
    with _town.staying():
        return _town.operator()
