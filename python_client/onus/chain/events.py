"""Events of the contracts, one module a contract: ``events.settlement.BatchFinal``."""

from onus.chain.contracts import (
    disputes,
    escrow,
    governance,
    models,
    operators,
    parameters,
    settlement,
    token,
)
from onus.chain.contracts._base import BoundEvent, Event, Logged

__all__ = [
    "BoundEvent",
    "Event",
    "Logged",
    "disputes",
    "escrow",
    "governance",
    "models",
    "operators",
    "parameters",
    "settlement",
    "token",
]
