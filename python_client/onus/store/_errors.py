"""Errors of the store.

::

    StoreError (OnusError)
    ├── SchemaMismatch      the database was made by another version
    ├── WrongOwner          it belongs to another role, chain, contract or address
    ├── AlreadyServed       a request was recorded before: its first receipt stands
    ├── NotWaiting          a receipt was put into a batch that is in one already
    ├── UnknownBatch        no such batch
    ├── UnknownChallenge    no such challenge
    └── WrongState          a step back, or one that another step has to precede
"""

from onus.protocol import OnusError

__all__ = [
    "AlreadyServed",
    "NotWaiting",
    "SchemaMismatch",
    "StoreError",
    "UnknownBatch",
    "UnknownChallenge",
    "WrongOwner",
    "WrongState",
]


class StoreError(OnusError):
    """Everything the store raises on purpose."""


class SchemaMismatch(StoreError):
    """The database was made by another version of this package."""

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(f"the database has schema {actual}, this version needs {expected}")
        self.expected = expected
        self.actual = actual


class WrongOwner(StoreError):
    """The database belongs to somebody else: another role, chain, contract or address."""

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(f"the database belongs to {actual}, not to {expected}")
        self.expected = expected
        self.actual = actual


class AlreadyServed(StoreError):
    """A request was recorded before; its first receipt is the only one."""


class NotWaiting(StoreError):
    """A receipt of a new batch is unknown or in another batch already."""

    def __init__(self, waiting: int, needed: int) -> None:
        super().__init__(f"{waiting} of {needed} receipts wait for a batch")
        self.waiting = waiting
        self.needed = needed


class UnknownBatch(StoreError):
    """No such batch."""

    def __init__(self, batch_id: bytes) -> None:
        super().__init__(f"no batch 0x{batch_id.hex()}")
        self.batch_id = batch_id


class UnknownChallenge(StoreError):
    """No such challenge."""

    def __init__(self, challenge_id: bytes) -> None:
        super().__init__(f"no challenge 0x{challenge_id.hex()}")
        self.challenge_id = challenge_id


class WrongState(StoreError):
    """A step back, or one that another has to precede."""

    def __init__(self, what: str, *, stage: str, wanted: str) -> None:
        super().__init__(f"{what} is {stage}: it cannot become {wanted}")
        self.stage = stage
        self.wanted = wanted
