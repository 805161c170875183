"""Named accounts whose keys are known, so that they can sign messages as well as send."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

NAMES = (
    "deployer",
    "council",
    "guardian",
    "treasury",
    "provider",
    "op1",
    "op2",
    "op3",
    "signer1",
    "signer2",
    "signer3",
    "alice",
    "bob",
    "watcher1",
    "watcher2",
    "stranger",
)


@dataclass(frozen=True)
class Actor:
    """An account by name. Goes in wherever an address is wanted."""

    name: str
    key: LocalAccount = field(repr=False, compare=False)

    @property
    def address(self) -> str:
        """Checksummed."""
        return str(self.key.address)


@cache
def actor(name: str) -> Actor:
    """The account of this name; the same name has the same key in every test."""
    return Actor(name, Account.from_key(keccak(text=f"onus test actor {name}")))
