"""What a deployment is: ``deployments/<chainid>.json``, checked against the chain before it is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from eth_hash.auto import keccak
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from onus.chain._errors import CodeMismatch, ManifestUnreadable, MissingCode, WiringMismatch, WrongChain
from onus.chain._rpc import Rpc
from onus.protocol import Address, Domain, InvalidField, ParamBounds, Params, Peers, to_address

__all__ = ["Deployed", "GovernanceTerms", "Manifest", "TokenInfo"]

_PEERS = ("Parameters", "Models", "Operators", "Escrow", "Settlement", "Disputes", "Omissions")
_WIRED = (*_PEERS, "Reputation")


def _address(text: str) -> str:
    try:
        return to_address(text)
    except InvalidField as error:
        raise ValueError(str(error)) from None


AddressText = Annotated[str, AfterValidator(_address)]
HashText = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Deployed(_Model):
    """One contract.

    Attributes:
        address: where it is.
        block: in which it was created; 0 if it was there before.
        transaction: that created it; empty if it was there before.
        arguments: of its constructor, as JSON.
        code_hash: keccak256 of its code on chain, immutables filled in.
    """

    address: AddressText
    block: int
    transaction: str
    arguments: list[Any]
    code_hash: HashText


class TokenInfo(_Model):
    """The settlement token."""

    address: AddressText
    symbol: str
    decimals: int
    is_test: bool


class GovernanceTerms(_Model):
    """Who holds the roles, and the council's delay in seconds."""

    council: AddressText
    guardian: AddressText
    council_delay: int


class Manifest(_Model):
    """A deployment.

    Attributes:
        chain_id: of its chain.
        name: of the parameter preset, or what the deployer called it.
        deployer: who deployed it; has no role any more.
        first_nonce: the deployer's for the first contract.
        start_block: the newest one when it began: no event of the deployment is older.
        treasury: gets the protocol's share.
        wiring: what every contract answers to ``wiring()``.
        contracts: by name.
        params: the first parameter set, as JSON.
        bounds: of every set, as JSON.
        complete: whether the deployment went to its end.
    """

    format: Literal[1] = 1
    chain_id: int
    name: str
    deployer: AddressText
    first_nonce: int
    start_block: int
    treasury: AddressText
    wiring: HashText
    token: TokenInfo
    governance: GovernanceTerms
    contracts: dict[str, Deployed]
    params: dict[str, Any]
    bounds: dict[str, Any]
    complete: bool = False

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads a file.

        Raises:
            ManifestUnreadable: there is none, or it is not a manifest of this version.
        """
        try:
            return cls.model_validate_json(Path(path).read_text(encoding="utf8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise ManifestUnreadable(f"{path}: {error}") from error

    def save(self, path: str | Path) -> None:
        """Writes a file, whole or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(self.model_dump(), indent=2) + "\n", encoding="utf8")
        draft.replace(path)

    def address(self, name: str) -> Address:
        """Of a contract.

        Raises:
            ManifestUnreadable: it has no such contract.
        """
        if name not in self.contracts:
            raise ManifestUnreadable(f"the manifest has no {name}")
        return to_address(self.contracts[name].address)

    @property
    def domain(self) -> Domain:
        """Where messages count."""
        return Domain(self.chain_id, self.address("Settlement"))

    @property
    def first_block(self) -> int:
        """No event of this deployment is older."""
        return self.start_block

    @property
    def first_params(self) -> Params:
        """The first parameter set."""
        return Params.from_json(self.params)

    @property
    def param_bounds(self) -> ParamBounds:
        """The bounds of every set."""
        return ParamBounds.from_json(self.bounds)

    @property
    def peers(self) -> Peers:
        """What every constructor was given."""
        return Peers(
            authority=self.address("Governance"),
            token=to_address(self.token.address),
            treasury=to_address(self.treasury),
            **{name.lower(): self.address(name) for name in _PEERS},
        )

    def verify(self, rpc: Rpc) -> None:
        """Holds the manifest against the chain.

        Raises:
            ManifestUnreadable: the deployment is not complete, or the manifest contradicts itself.
            WrongChain: the endpoint serves another chain.
            MissingCode: there is nothing at an address.
            CodeMismatch: there is something else at an address.
            WiringMismatch: a contract has other peers.
            EndpointError: the endpoint does not answer.
        """
        if not self.complete:
            raise ManifestUnreadable("the deployment was not finished: run the deployment again")
        self.verify_code(rpc)
        if "0x" + self.peers.wiring.hex() != self.wiring:
            raise WiringMismatch("the manifest's addresses do not hash to its wiring")
        for name in _WIRED:
            answer = rpc.call(self.address(name), keccak(b"wiring()")[:4])
            if "0x" + answer.hex() != self.wiring:
                raise WiringMismatch(f"{name} has the wiring 0x{answer.hex()}, not {self.wiring}")

    def verify_code(self, rpc: Rpc) -> None:
        """The part of `verify` about chain and code, for every contract so far."""
        actual = rpc.chain_id
        if actual != self.chain_id:
            raise WrongChain(expected=self.chain_id, actual=actual)
        for name, contract in self.contracts.items():
            code = rpc.code(to_address(contract.address))
            if not code:
                raise MissingCode(f"no code of {name} at {contract.address}")
            if "0x" + keccak(code).hex() != contract.code_hash:
                raise CodeMismatch(f"another code than {name}'s at {contract.address}")
