"""What a node must not forget: database schema and queries.

SQLite is the embedded default (``sqlite:///node.db``); PostgreSQL works the same (``postgresql+psycopg://…``).
Every method is one transaction. What a transaction on chain depends on is written before it is sent, so a
process that dies at any point starts again with what it had: no request is served twice, no batch is
committed twice, no opening of a challenge is lost.
"""

from onus.store._database import Database, Owner
from onus.store._errors import (
    AlreadyServed,
    NotWaiting,
    SchemaMismatch,
    StoreError,
    UnknownBatch,
    UnknownChallenge,
    WrongOwner,
    WrongState,
)
from onus.store._operator import OperatorStore
from onus.store._records import (
    BatchStage,
    BlockRef,
    ChallengeStage,
    PayerAccount,
    ReceiptStage,
    SeenBatch,
    SeenStage,
    ServedReceipt,
    StoredBatch,
    StoredChallenge,
    Verdict,
    VerdictKind,
)
from onus.store._watcher import WatcherStore

__all__ = [
    "AlreadyServed",
    "BatchStage",
    "BlockRef",
    "ChallengeStage",
    "Database",
    "NotWaiting",
    "OperatorStore",
    "Owner",
    "PayerAccount",
    "ReceiptStage",
    "SchemaMismatch",
    "SeenBatch",
    "SeenStage",
    "ServedReceipt",
    "StoreError",
    "StoredBatch",
    "StoredChallenge",
    "UnknownBatch",
    "UnknownChallenge",
    "Verdict",
    "VerdictKind",
    "WatcherStore",
    "WrongOwner",
    "WrongState",
]
