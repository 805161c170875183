"""Where the contracts of one deployment are (``contracts/interfaces/IPeers.sol``)."""

from __future__ import annotations

from dataclasses import dataclass

from eth_hash.auto import keccak

from onus.protocol._struct import Address, Struct

__all__ = ["Peers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers(Struct):
    """Given to every constructor; each contract checks its own place in it."""

    authority: Address
    token: Address
    treasury: Address
    parameters: Address
    models: Address
    operators: Address
    escrow: Address
    settlement: Address
    disputes: Address
    omissions: Address

    @property
    def wiring(self) -> bytes:
        """``keccak256(abi.encode(peers))``: what every contract answers to ``wiring()``."""
        return keccak(self.words())
