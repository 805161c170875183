"""Stake, keys and standing, for node operators."""

from __future__ import annotations

from onus._services.context import Context
from onus.chain import Mined
from onus.chain.contracts import OperatorsReads
from onus.protocol import Address

__all__ = ["OperatorsService"]


class OperatorsService(OperatorsReads):
    """What an operator does with the client's account; reads everybody's standing."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.rpc, context.operators.address)
        self._context = context
        self._calls = context.operators

    def register(self, endpoint: str, *, signer: Address) -> Mined[None]:
        """Registers the account as an operator.

        Args:
            endpoint: base URL of its node.
            signer: key that signs receipts, valid at once.
        """
        return self._context.send(self._calls.register(endpoint, signer=signer))

    def set_endpoint(self, endpoint: str) -> Mined[None]:
        """Changes where the node is."""
        return self._context.send(self._calls.set_endpoint(endpoint))

    def set_signer(self, signer: Address) -> Mined[None]:
        """A new signing key, valid after ``key_delay``."""
        return self._context.send(self._calls.set_signer(signer))

    def stake(self, amount: int) -> Mined[None]:
        """Adds stake, approving the tokens first."""
        self._context.approve(self.address, amount)
        return self._context.send(self._calls.stake(amount))

    def request_unbond(self, amount: int) -> Mined[None]:
        """Starts the exit of ``amount``; all that is leaving starts anew."""
        return self._context.send(self._calls.request_unbond(amount))

    def cancel_unbond(self) -> Mined[None]:
        """Takes everything unbonding back into active stake."""
        return self._context.send(self._calls.cancel_unbond())

    def withdraw(self, to: Address | None = None) -> Mined[int]:
        """Pays what is unbonding, after its exit time; the amount."""
        return self._context.send(self._calls.withdraw(to or self._context.me))

    def fund_reserve(self, amount: int) -> Mined[None]:
        """Fills the reserve, approving the tokens first."""
        self._context.approve(self.address, amount)
        return self._context.send(self._calls.fund_reserve(amount))

    def request_reserve_exit(self) -> Mined[None]:
        """Starts the exit of the reserve; no commits from now on."""
        return self._context.send(self._calls.request_reserve_exit())

    def cancel_reserve_exit(self) -> Mined[None]:
        """The reserve stays."""
        return self._context.send(self._calls.cancel_reserve_exit())

    def withdraw_reserve(self, to: Address | None = None) -> Mined[int]:
        """Pays the reserve after its exit time; the amount."""
        return self._context.send(self._calls.withdraw_reserve(to or self._context.me))
