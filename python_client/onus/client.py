"""Where a user starts.

::

    from onus.client import Onus
    from onus.chain import LocalSigner

    reader = Onus("http://127.0.0.1:8545", "deployments/31337.json")
    reader.settlement.batch_of(batch_id).status

    key = LocalSigner.from_keystore("payer.json")
    payer = Onus("http://127.0.0.1:8545", "deployments/31337.json", signer=key)
    payer.escrow.deposit_and_reserve(operator, 10 * 10**18)

Without a key every read works; what sends or signs raises `NoSigner`. Amounts are ``int`` in token base
units, times ``int`` in seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from web3 import Web3

from onus._services import (
    Context,
    DisputesService,
    EscrowService,
    Fault,
    Finalized,
    ModelsService,
    OmissionsService,
    OperatorsService,
    ParametersService,
    PayerService,
    Recorded,
    ReputationService,
    RevealedMany,
    SettlementService,
    TokenService,
)
from onus.chain import Call, Event, Logged, Manifest, Mined, Rpc, Sender, Signer
from onus.chain._rpc import LATEST, BlockTag
from onus.chain.contracts import Contract
from onus.chain.errors import NoSigner
from onus.protocol import Domain

__all__ = ["Fault", "Finalized", "Onus", "Recorded", "RevealedMany"]

T = TypeVar("T")


class Onus:
    """One deployment, seen through one endpoint, with one key or none.

    Safe to share between threads.

    Args:
        endpoint: URL of a node, or a `Web3`.
        manifest: the deployment, or the path of its file.
        signer: the key of whoever sends and signs.
        verify: whether to hold the manifest against the chain first.
        sender_options: see `onus.chain.Sender`: confirmations, timeout_seconds, max_fee_per_gas, …

    Raises:
        ManifestError: the manifest is unreadable, or not what is on the chain.
        EndpointError: the endpoint does not answer.

    Attributes:
        models: `ModelsService`, for model providers.
        operators: `OperatorsService`, for node operators.
        escrow: `EscrowService`, for payers and whoever is owed something.
        settlement: `SettlementService`, for operators, payers and consumers.
        disputes: `DisputesService`, for watchers, and operators who answer them.
        omissions: `OmissionsService`, for payers whose receipt is in no batch.
        reputation: `ReputationService`.
        parameters: `ParametersService`.
        payer: `PayerService`: requests, vouchers, the check of a receipt.
        token: `TokenService`.
    """

    def __init__(
        self,
        endpoint: str | Web3 | Rpc,
        manifest: Manifest | str | Path,
        signer: Signer | None = None,
        *,
        verify: bool = True,
        **sender_options: Any,
    ) -> None:
        self.rpc = endpoint if isinstance(endpoint, Rpc) else Rpc(endpoint)
        self.manifest = manifest if isinstance(manifest, Manifest) else Manifest.load(manifest)
        if verify:
            self.manifest.verify(self.rpc)
        self.domain: Domain = self.manifest.domain
        self.sender = Sender(self.rpc, signer, **sender_options) if signer is not None else None
        context = Context(self.rpc, self.manifest, self.domain, self.sender)
        self.models = ModelsService(context)
        self.operators = OperatorsService(context)
        self.escrow = EscrowService(context)
        self.settlement = SettlementService(context)
        self.disputes = DisputesService(context)
        self.omissions = OmissionsService(context)
        self.reputation = ReputationService(context)
        self.parameters = ParametersService(context)
        self.payer = PayerService(context)
        self.token = TokenService(context)

    def __repr__(self) -> str:
        key = self.signer.address if self.signer is not None else "no key"
        return f"Onus(chain {self.domain.chain_id}, {key})"

    @property
    def signer(self) -> Signer | None:
        """The key, or None for a reader."""
        return self.sender.signer if self.sender is not None else None

    def require_signer(self) -> Signer:
        """The key; raises `NoSigner` for a reader."""
        if self.sender is None:
            raise NoSigner("this client has no key")
        return self.sender.signer

    def now(self, *, block: BlockTag = LATEST) -> int:
        """Timestamp of the latest block, in seconds."""
        return self.rpc.block(block).timestamp

    def block_number(self, *, block: BlockTag = LATEST) -> int:
        """Number of the latest block."""
        return self.rpc.block(block).number

    def send(self, call: Call[T]) -> Mined[T]:
        """Sends a plan of `onus.chain.contracts`."""
        return Context(self.rpc, self.manifest, self.domain, self.sender).send(call)

    def logs(self, *, from_block: BlockTag, to_block: BlockTag = LATEST) -> list[Logged[Event]]:
        """All events of the deployment in a range of blocks, decoded, in chain order."""
        contracts: tuple[Contract, ...] = (
            self.parameters,
            self.models,
            self.operators,
            self.escrow,
            self.settlement,
            self.disputes,
            self.omissions,
            self.reputation,
        )
        raw = self.rpc.logs(
            addresses=[contract.address for contract in contracts], from_block=from_block, to_block=to_block
        )
        decoded = [logged for contract in contracts for logged in contract.decode_logs(raw)]
        return sorted(decoded, key=lambda logged: (logged.block_number, logged.log_index))
