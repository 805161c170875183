"""Parameter sets."""

from __future__ import annotations

from onus._services.context import Context
from onus.chain.contracts import ParametersReads

__all__ = ["ParametersService"]


class ParametersService(ParametersReads):
    """Reads; sets are added by the council, behind its delay (`onus.chain.deploy`)."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.rpc, context.parameters.address)
