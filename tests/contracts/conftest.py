"""What several files of verdicts start from."""

from __future__ import annotations

import pytest

from onus.protocol import ModelId
from tests.support.verdicts import Case, Double, header_case
from tests.support.world import World


@pytest.fixture
def model(world: World) -> ModelId:
    world.payer_ready(world.bob)
    return world.ready()


@pytest.fixture
def double(world: World, model: ModelId) -> Double:
    return Double(world)


@pytest.fixture
def case(world: World, model: ModelId) -> Case:
    """A committed batch whose leaf 1 differs from its header."""
    case = header_case(world, model)
    world.commit(case.batch)
    return case
