"""One deployed system, wired as in production, with its actors funded. Made once a session."""

from __future__ import annotations

from dataclasses import dataclass

from eth_utils import keccak, to_checksum_address

from onus.protocol import ParamBounds, Params, Peers, preset
from tests.support.actors import NAMES, actor
from tests.support.chain import Chain, Contract, Tx

ADMIN, COUNCIL, GUARDIAN = 0, 1, 2
COUNCIL_FUNCTIONS = {
    "Parameters": ("add", "openCommitments"),
    "Models": ("allowVerifier", "disallowVerifier"),
}
GUARDIAN_FUNCTIONS = {"Parameters": ("closeCommitments",)}
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
    verifier: Contract
    history: tuple[Tx, ...]

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
        )


def create_address(sender: str, nonce: int) -> str:
    """Where a contract created by `sender` with `nonce` will be."""
    number = b"" if nonce == 0 else nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    rlp = number if len(number) == 1 and number[0] < 0x80 else bytes([0x80 + len(number)]) + number
    body = b"\x94" + bytes.fromhex(sender[2:]) + rlp
    return to_checksum_address(keccak(bytes([0xC0 + len(body)]) + body)[12:])


def plan_peers(deployer_address: str, nonce: int, *, token: str, authority: str, treasury: str) -> Peers:
    """The peers of six contracts created in order from `nonce` on."""
    names = ("parameters", "models", "operators", "escrow", "settlement", "disputes")
    places = {name: create_address(deployer_address, nonce + i) for i, name in enumerate(names)}
    return Peers(authority=authority, token=token, treasury=treasury, **places)  # type: ignore[arg-type]


def deploy(
    chain: Chain,
    *,
    token: str = "TestToken",
    params: Params | None = None,
    bounds: ParamBounds | None = None,
) -> Deployment:
    """Deploys a system with the OP-stack parameters unless others are given, and hands it to council and guardian.

    Args:
        chain: where.
        token: contract of the settlement token; must have `mint` and `approve`.
        params: the first set.
        bounds: of all sets.
    """
    start = preset("op-stack")
    params, bounds = params or start.params, bounds or start.bounds
    chain.rpc("anvil_autoImpersonateAccount", True)
    people = [actor(name) for name in NAMES]
    chain.fund(*(person.address for person in people))
    deployer, council, guardian = actor("deployer"), actor("council"), actor("guardian")
    history: list[Tx] = []
    chain.listeners.append(history.append)

    settlement_token = chain.deploy(token, sender=deployer)
    governance = chain.deploy("Governance", deployer, bounds.council_delay, sender=deployer)
    nonce = int(chain.rpc("eth_getTransactionCount", deployer.address, "latest"), 16)
    peers = plan_peers(
        deployer.address,
        nonce,
        token=settlement_token.address,
        authority=governance.address,
        treasury=actor("treasury").address,
    )
    parameters = chain.deploy("Parameters", peers, bounds, params, sender=deployer)
    models = chain.deploy("Models", peers, sender=deployer)
    operators = chain.deploy("Operators", peers, sender=deployer)
    escrow = chain.deploy("Escrow", peers, sender=deployer)
    settlement = chain.deploy("Settlement", peers, sender=deployer)
    disputes = chain.deploy("Disputes", peers, sender=deployer)
    verifier = chain.deploy("TraceVerifier", sender=deployer)
    chain.fund(*(c.address for c in (parameters, models, operators, escrow, settlement, disputes)))

    # The admin may call what no role was given yet: the first verifier needs no delay.
    models.allowVerifier(verifier, sender=deployer)
    targets = {"Parameters": parameters, "Models": models}
    for role, functions in ((COUNCIL, COUNCIL_FUNCTIONS), (GUARDIAN, GUARDIAN_FUNCTIONS)):
        for name, methods in functions.items():
            selectors = [getattr(targets[name], method).selector for method in methods]
            governance.setTargetFunctionRole(targets[name], selectors, role, sender=deployer)
    governance.grantRole(GUARDIAN, guardian, 0, sender=deployer)
    governance.grantRole(COUNCIL, council, bounds.council_delay, sender=deployer)
    governance.grantRole(ADMIN, council, bounds.council_delay, sender=deployer)
    governance.renounceRole(ADMIN, deployer, sender=deployer)

    for name in WEALTHY:
        settlement_token.mint(actor(name), WEALTH, sender=deployer)
        for spender in (operators, escrow):
            settlement_token.approve(spender, 2**256 - 1, sender=actor(name))
    chain.listeners.remove(history.append)
    return Deployment(
        chain=chain,
        peers=peers,
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
        verifier=verifier,
        history=tuple(history),
    )
