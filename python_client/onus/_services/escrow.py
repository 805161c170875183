"""Balances and reservations, for payers and everybody who is owed something."""

from __future__ import annotations

from onus._services.context import Context
from onus.chain import Mined
from onus.chain.contracts import EscrowReads
from onus.protocol import Address

__all__ = ["EscrowService"]


class EscrowService(EscrowReads):
    """What the client's account does with its money; amounts in token base units."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.rpc, context.escrow.address)
        self._context = context
        self._calls = context.escrow

    def deposit(self, amount: int, *, to: Address | None = None) -> Mined[None]:
        """Adds to a free balance, by default the client's own, approving the tokens first."""
        self._context.approve(self.address, amount)
        return self._context.send(self._calls.deposit(to or self._context.me, amount=amount))

    def deposit_and_reserve(self, operator: Address, amount: int) -> Mined[None]:
        """Deposits and reserves it for an operator, approving the tokens first."""
        self._context.approve(self.address, amount)
        return self._context.send(self._calls.deposit_and_reserve(operator, amount=amount))

    def reserve(self, operator: Address, amount: int) -> Mined[None]:
        """Moves free balance to the reservation for an operator."""
        return self._context.send(self._calls.reserve(operator, amount=amount))

    def request_release(self, operator: Address, amount: int) -> Mined[None]:
        """Starts the thawing of a part of a reservation; all that is thawing starts anew."""
        return self._context.send(self._calls.request_release(operator, amount=amount))

    def cancel_release(self, operator: Address) -> Mined[None]:
        """Keeps it reserved after all."""
        return self._context.send(self._calls.cancel_release(operator))

    def release(self, operator: Address) -> Mined[int]:
        """After thawing: back to the free balance; the amount."""
        return self._context.send(self._calls.release(operator))

    def withdraw(self, amount: int, *, to: Address | None = None) -> Mined[None]:
        """Pays out free balance, at once."""
        return self._context.send(self._calls.withdraw(to or self._context.me, amount=amount))

    def withdraw_all(self, *, to: Address | None = None) -> Mined[None]:
        """Pays out the whole free balance."""
        return self.withdraw(self.free_balance_of(self._context.me), to=to)

    def set_voucher_key(self, key: Address) -> Mined[None]:
        """Names a key that signs the account's vouchers beside itself."""
        return self._context.send(self._calls.set_voucher_key(key))

    def sweep_burned(self) -> Mined[int]:
        """Sends what was burned to the burn address; the amount."""
        return self._context.send(self._calls.sweep_burned())
