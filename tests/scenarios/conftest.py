"""A town for the scenarios of nodes, made when the first one needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
