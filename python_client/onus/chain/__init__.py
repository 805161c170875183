"""The chain: endpoint, deployment manifest, contracts, errors, events, keys, transactions.

Imports run one way: this package knows `onus.protocol` and nothing above it.
"""

from onus.chain import contracts, errors, events
from onus.chain._errors import ChainError, ContractReverted, EndpointError, EndpointFailed, TransactionError
from onus.chain._rpc import Block, BlockTag, RawLog, Rpc, TransactionReceipt
from onus.chain.contracts import Call, Contract, Event, Logged
from onus.chain.manifest import Deployed, GovernanceTerms, Manifest, TokenInfo
from onus.chain.sender import MAX_TRANSACTION_GAS, Mined, Pending, Sender, create_address
from onus.chain.signer import LocalSigner, Signer

__all__ = [
    "MAX_TRANSACTION_GAS",
    "Block",
    "BlockTag",
    "Call",
    "ChainError",
    "Contract",
    "ContractReverted",
    "Deployed",
    "EndpointError",
    "EndpointFailed",
    "Event",
    "GovernanceTerms",
    "LocalSigner",
    "Logged",
    "Manifest",
    "Mined",
    "Pending",
    "RawLog",
    "Rpc",
    "Sender",
    "Signer",
    "TokenInfo",
    "TransactionError",
    "TransactionReceipt",
    "contracts",
    "create_address",
    "errors",
    "events",
]
