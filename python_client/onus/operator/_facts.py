"""What the chain says, read once for each block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from eth_abi.abi import encode

from onus.chain import ContractReverted, EndpointFailed
from onus.operator._admission import OperatorFacts, PayerFacts, signer_of
from onus.protocol import Address, ModelId, OperatorState, Params, Request, Signed

if TYPE_CHECKING:
    from onus.chain import Block
    from onus.client import Onus

__all__ = ["BlockFacts", "FactsReader"]

_IS_VALID_SIGNATURE: Final = bytes.fromhex("1626ba7e")
"""Selector of ``isValidSignature(bytes32,bytes)``, and what it answers for a valid one."""


@dataclass(slots=True)
class BlockFacts:
    """State at one block, as far as it was asked for."""

    block: Block
    params: Params
    state: OperatorState
    signer: Address
    models: dict[ModelId, OperatorFacts] = field(default_factory=dict)
    payers: dict[Address, PayerFacts] = field(default_factory=dict)


class FactsReader:
    """Reads what admission needs. Not to be shared between threads.

    Args:
        client: reads only.
        operator: whose node this is.
    """

    def __init__(self, client: Onus, operator: Address) -> None:
        self._client = client
        self._operator = operator
        self._newest: BlockFacts | None = None

    def read(self, models: Iterable[ModelId], payers: Iterable[Address]) -> BlockFacts:
        """State at the latest block.

        Raises:
            EndpointError: the chain could not be asked.
        """
        block = self._client.rpc.block("latest")
        facts = self._newest
        if facts is None or facts.block.hash != block.hash:
            facts = self._newest = self._read_operator(block)
        for model_id in models:
            if model_id not in facts.models:
                facts.models[model_id] = self._read_model(model_id, facts)
        for payer in payers:
            if payer not in facts.payers:
                facts.payers[payer] = self._read_payer(payer, block.number)
        return facts

    def consents(self, request: Signed[Request]) -> bool:
        """Whether a request is its payer's: by the payer's own key, or a contract's word (ERC-1271)."""
        domain, payer = self._client.domain, request.message.payer
        if signer_of(request, domain) == payer:
            return True
        arguments = encode(["bytes32", "bytes"], [request.message.digest(domain), request.signature])
        try:
            result = self._client.rpc.call(payer, _IS_VALID_SIGNATURE + arguments)
        except (ContractReverted, EndpointFailed):
            return False
        return len(result) == 32 and result[:4] == _IS_VALID_SIGNATURE

    def _read_operator(self, block: Block) -> BlockFacts:
        client, at = self._client, block.number
        _, params = client.parameters.current(block=at)
        return BlockFacts(
            block=block,
            params=params,
            state=client.operators.state_of(self._operator, block=at),
            signer=client.operators.signer_at(self._operator, timestamp=block.timestamp, block=at),
        )

    def _read_model(self, model_id: ModelId, facts: BlockFacts) -> OperatorFacts:
        return OperatorFacts(
            operator=self._operator,
            signer=facts.signer,
            state=facts.state,
            params=facts.params,
            now=facts.block.timestamp,
            closed=self._why_closed(model_id, facts.block.number),
            exposure=0,
        )

    def _read_payer(self, payer: Address, at: int) -> PayerFacts:
        escrow = self._client.escrow
        return PayerFacts(
            reservation=escrow.reservation_of(payer, operator=self._operator, block=at),
            voucher_key=escrow.voucher_key_state_of(payer, block=at),
            account=None,
        )

    def _why_closed(self, model_id: ModelId, at: int) -> str:
        if self._client.parameters.commitments_closed(block=at):
            return "new commitments are stopped"
        try:
            self._client.models.commit_info(model_id, block=at)
        except ContractReverted as error:
            return f"the model takes no batches: {error}"
        return ""
