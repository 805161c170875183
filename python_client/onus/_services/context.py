"""What all services share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from onus.chain import Call, Manifest, Mined, Rpc, Sender, Signer
from onus.chain.contracts import (
    Disputes,
    Escrow,
    Models,
    Omissions,
    Operators,
    Parameters,
    Reputation,
    Settlement,
    Token,
)
from onus.chain.errors import NoSigner
from onus.protocol import Address, Domain, to_address

__all__ = ["Context"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """One deployment, one endpoint, and one key or none."""

    rpc: Rpc
    manifest: Manifest
    domain: Domain
    sender: Sender | None

    @property
    def signer(self) -> Signer | None:
        return self.sender.signer if self.sender is not None else None

    def require_sender(self) -> Sender:
        """Raises `NoSigner` for a client without a key."""
        if self.sender is None:
            raise NoSigner("this client has no key: Onus(..., signer=LocalSigner.from_keystore(path))")
        return self.sender

    @property
    def me(self) -> Address:
        """The client's own address."""
        return self.require_sender().address

    def send(self, call: Call[T]) -> Mined[T]:
        return self.require_sender().send(call)

    def approve(self, spender: Address, amount: int) -> Mined[Any] | None:
        """Lets a contract take ``amount`` of the client's tokens; None if it may already."""
        token = self.token
        if token.allowance(self.me, spender=spender) >= amount:
            return None
        return self.send(token.approve(spender, value=amount))

    @property
    def parameters(self) -> Parameters:
        return Parameters(self.rpc, self.manifest.address("Parameters"))

    @property
    def models(self) -> Models:
        return Models(self.rpc, self.manifest.address("Models"))

    @property
    def operators(self) -> Operators:
        return Operators(self.rpc, self.manifest.address("Operators"))

    @property
    def escrow(self) -> Escrow:
        return Escrow(self.rpc, self.manifest.address("Escrow"))

    @property
    def settlement(self) -> Settlement:
        return Settlement(self.rpc, self.manifest.address("Settlement"))

    @property
    def disputes(self) -> Disputes:
        return Disputes(self.rpc, self.manifest.address("Disputes"))

    @property
    def omissions(self) -> Omissions:
        return Omissions(self.rpc, self.manifest.address("Omissions"))

    @property
    def reputation(self) -> Reputation:
        return Reputation(self.rpc, self.manifest.address("Reputation"))

    @property
    def token(self) -> Token:
        return Token(self.rpc, to_address(self.manifest.token.address))
