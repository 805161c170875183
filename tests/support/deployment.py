"""One deployed system with its actors funded: deployed by `onus.chain.deploy`, as in production."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from onus.chain import LocalSigner, Rpc, Sender
from onus.chain.deploy import ADMIN, COUNCIL, GUARDIAN, Terms
from onus.chain.deploy import deploy as deploy_system
from onus.chain.sender import create_address
from onus.protocol import ParamBounds, Params, Peers, preset, to_address
from tests.support.actors import NAMES, actor
from tests.support.chain import Chain, Contract, Event

__all__ = [
    "ADMIN",
    "COUNCIL",
    "GUARDIAN",
    "UNIT",
    "WEALTH",
    "Deployment",
    "create_address",
    "deploy",
    "plan_peers",
]

UNIT = 10**18
WEALTH = 1_000_000 * UNIT
# Accounts that stake and pay: they start with tokens, and both contracts that hold tokens may pull them.
WEALTHY = ("provider", "op1", "op2", "op3", "alice", "bob", "watcher1", "watcher2", "stranger")


@dataclass(frozen=True)
class Deployment:
    """Contracts of one system and what they were made with."""

    chain: Chain
    peers: Peers
    params: Params
    bounds: ParamBounds
    governance: Contract
    token: Contract
    parameters: Contract
    models: Contract
    operators: Contract
    escrow: Contract
    settlement: Contract
    disputes: Contract
    omissions: Contract
    reputation: Contract
    verifier: Contract
    history: tuple[Event, ...]

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """All of the system's own, without token and verifier."""
        return (
            self.governance,
            self.parameters,
            self.models,
            self.operators,
            self.escrow,
            self.settlement,
            self.disputes,
            self.omissions,
            self.reputation,
        )


def plan_peers(deployer: str, nonce: int, *, token: str, authority: str, treasury: str) -> Peers:
    """The peers of seven contracts created in order from `nonce` on."""
    names = ("parameters", "models", "operators", "escrow", "settlement", "disputes", "omissions")
    places = {name: create_address(to_address(deployer), nonce + i) for i, name in enumerate(names)}
    return Peers(authority=authority, token=token, treasury=treasury, **places)  # type: ignore[arg-type]


def deploy(
    chain: Chain,
    *,
    token: str = "TestToken",
    params: Params | None = None,
    bounds: ParamBounds | None = None,
) -> Deployment:
    """Deploys a system (OP-stack parameters unless others are given), hands it to council and guardian.

    Args:
        chain: where.
        token: contract of the settlement token; must have `mint` and `approve`.
        params: the first set.
        bounds: of all sets.
    """
    start = preset("op-stack")
    params, bounds = params or start.params, bounds or start.bounds
    chain.rpc("anvil_autoImpersonateAccount", True)
    chain.fund(*(actor(name).address for name in NAMES))
    deployer = actor("deployer")
    from_block = chain.rpc("eth_blockNumber")
    own_token = None if token == "TestToken" else chain.deploy(token, sender=deployer)
    terms = Terms(
        chain_id=int(chain.rpc("eth_chainId"), 16),
        name="tests",
        params=params,
        bounds=bounds,
        council=to_address(actor("council").address),
        guardian=to_address(actor("guardian").address),
        treasury=to_address(actor("treasury").address),
        token=own_token and to_address(own_token.address),
    )
    sender = Sender(Rpc(chain.w3), LocalSigner(deployer.key), poll_seconds=0.01)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.json"
        manifest = deploy_system(sender, terms, chain.artifacts, path=path, say=lambda _: None)

    def at(name: str) -> Contract:
        return chain.at(name, manifest.address(name))

    settlement_token = own_token or chain.at("TestToken", manifest.address("Token"))
    parameters, models, operators, escrow = at("Parameters"), at("Models"), at("Operators"), at("Escrow")
    governance, settlement, disputes = at("Governance"), at("Settlement"), at("Disputes")
    omissions = at("Omissions")
    # Contracts act themselves where a test speaks for one of them.
    peers = (parameters, models, operators, escrow, settlement, disputes, omissions)
    chain.fund(*(each.address for each in peers))
    for name in WEALTHY:
        settlement_token.mint(actor(name), WEALTH, sender=deployer)
        for spender in (operators, escrow):
            settlement_token.approve(spender, 2**256 - 1, sender=actor(name))
    return Deployment(
        chain=chain,
        peers=Peers(
            authority=governance.address,
            token=settlement_token.address,
            treasury=terms.treasury,
            parameters=parameters.address,
            models=models.address,
            operators=operators.address,
            escrow=escrow.address,
            settlement=settlement.address,
            disputes=disputes.address,
            omissions=omissions.address,
        ),
        params=params,
        bounds=bounds,
        governance=governance,
        token=settlement_token,
        parameters=parameters,
        models=models,
        operators=operators,
        escrow=escrow,
        settlement=settlement,
        disputes=disputes,
        omissions=omissions,
        reputation=at("Reputation"),
        verifier=at("TraceVerifier"),
        history=tuple(chain.events(from_block)),
    )
