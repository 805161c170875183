"""The settlement token."""

from __future__ import annotations

from onus._services.context import Context
from onus.chain import Mined
from onus.chain.contracts import TokenReads
from onus.protocol import Address

__all__ = ["TokenService"]


class TokenService(TokenReads):
    """Balances, and payments from account to account; amounts in base units."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.rpc, context.token.address)
        self._context = context

    def transfer(self, to: Address, amount: int) -> Mined[bool]:
        """Pays from the client's account."""
        return self._context.send(self._context.token.transfer(to, value=amount))

    def mint(self, to: Address, amount: int) -> Mined[None]:
        """Makes tokens out of nothing: the test token of local chains only."""
        return self._context.send(self._context.token.mint(to, amount=amount))

    def approve(self, spender: Address, amount: int) -> Mined[bool]:
        """Lets ``spender`` take up to ``amount``; the other services do it where they need it."""
        return self._context.send(self._context.token.approve(spender, value=amount))
