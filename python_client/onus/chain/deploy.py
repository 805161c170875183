"""Deploying: a plan with predicted addresses, the transactions, the roles, and the checks afterwards.

A deployment that stops half-way leaves a manifest with ``complete: false``; running it again with the same
terms and key goes on from there. Running it again when it is complete only verifies it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from eth_hash.auto import keccak

from onus.chain._errors import ChainError, CodeMismatch, MissingCode, RolesMismatch, WrongChain
from onus.chain._rpc import Rpc
from onus.chain.contracts import Call, Governance, Models, Token
from onus.chain.contracts._base import constructor_data, functions_of
from onus.chain.manifest import Deployed, GovernanceTerms, Manifest, TokenInfo
from onus.chain.sender import Mined, Sender, create_address
from onus.protocol import ZERO_ADDRESS, Address, ParamBounds, Params, Peers, Struct, parameters, to_address

__all__ = [
    "ADMIN",
    "COUNCIL",
    "GUARDIAN",
    "LOCAL_CHAINS",
    "ROLES",
    "Artifact",
    "DeploymentError",
    "DeploymentPlan",
    "Step",
    "Terms",
    "deploy",
    "matches_build",
    "plan",
    "verify_build",
    "verify_roles",
]

LOCAL_CHAINS: Final = frozenset({1337, 31337})
ADMIN: Final = 0
COUNCIL: Final = 1
GUARDIAN: Final = 2

ROLES: Final[Mapping[tuple[str, str], int]] = {
    ("Parameters", "add"): COUNCIL,
    ("Parameters", "openCommitments"): COUNCIL,
    ("Parameters", "closeCommitments"): GUARDIAN,
    ("Models", "allowVerifier"): COUNCIL,
    ("Models", "disallowVerifier"): COUNCIL,
    ("Models", "confirmQuarantine"): COUNCIL,
    ("Models", "allowQuarantine"): COUNCIL,
    ("Models", "quarantine"): GUARDIAN,
}
"""Who may call what: every restricted function of the contracts."""

PEERS: Final = ("Parameters", "Models", "Operators", "Escrow", "Settlement", "Disputes", "Omissions")
ORDER: Final = (*PEERS, "Reputation", "TraceVerifier")


class DeploymentError(ChainError):
    """The deployment cannot go on; the message says from where."""


class Artifact(Protocol):
    """What the build knows of a contract."""

    @property
    def abi(self) -> list[dict[str, Any]]: ...

    @property
    def bytecode(self) -> str:
        """Creation code, hexadecimal with 0x."""
        ...

    @property
    def runtime(self) -> str:
        """Code on chain, immutables zero, hexadecimal with 0x."""
        ...

    @property
    def immutables(self) -> dict[str, list[dict[str, int]]]:
        """Where immutables stand in it: lists of ``start`` and ``length``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a deployer decides.

    Attributes:
        chain_id: the chain that it means.
        name: of the parameter preset, for people.
        params: the first set.
        bounds: of every set; its ``council_delay`` is the council's execution delay.
        council: adds sets, allows verifiers, confirms quarantines; admin of the roles; behind the delay.
        guardian: stops new commitments and quarantines verifiers, without delay.
        treasury: gets the protocol's share.
        token: the settlement token; None deploys the test token (local chains only).
        half_life: of reputation, in seconds.
    """

    chain_id: int
    name: str
    params: Params
    bounds: ParamBounds
    council: Address
    guardian: Address
    treasury: Address
    token: Address | None = None
    half_life: int = 90 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Step:
    """One contract to create."""

    name: str
    source: str
    address: Address
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """Where everything will be.

    Attributes:
        deployer: who creates it.
        first_nonce: of the first creation; the others follow without a gap.
        steps: in order.
        peers: given to every constructor.
        token: the settlement token.
    """

    deployer: Address
    first_nonce: int
    steps: tuple[Step, ...]
    peers: Peers
    token: Address

    def gas(self, artifacts: Mapping[str, Artifact]) -> int:
        """About what it takes, roles included; from code sizes, before anything can be simulated."""
        total = _ROLE_STEPS * 70_000
        for step in self.steps:
            artifact = artifacts[step.source]
            creation = len(artifact.bytecode) // 2
            total += 53_000 + 16 * creation + 200 * (len(artifact.runtime) // 2) + 60_000
            total += 300_000 if step.name == "Parameters" else 0
        return total


_ROLE_STEPS: Final = 11


def plan(terms: Terms, *, deployer: Address, nonce: int) -> DeploymentPlan:
    """Pure: order, predicted addresses and constructor arguments.

    Raises:
        BrokenRelation: the parameter set does not hold.
        DeploymentError: the terms contradict themselves.
    """
    parameters.check(terms.params, terms.bounds)
    if deployer in (terms.council, terms.guardian):
        raise DeploymentError("the deployer renounces everything: council and guardian are other accounts")
    if ZERO_ADDRESS in (terms.council, terms.guardian, terms.treasury):
        raise DeploymentError("council, guardian and treasury are needed")
    if terms.token is None and terms.chain_id not in LOCAL_CHAINS:
        raise DeploymentError(f"chain {terms.chain_id} is not a local one: a settlement token is needed")
    names = ["Governance", *(["Token"] if terms.token is None else []), *ORDER]
    at = {name: create_address(deployer, nonce + offset) for offset, name in enumerate(names)}
    token = terms.token or at["Token"]
    peers = Peers(
        authority=at["Governance"],
        token=token,
        treasury=terms.treasury,
        **{name.lower(): at[name] for name in PEERS},
    )
    arguments: dict[str, tuple[Any, ...]] = {
        "Governance": (deployer, terms.bounds.council_delay),
        "Token": (),
        "Parameters": (peers, terms.bounds, terms.params),
        "Reputation": (peers, terms.half_life),
        "TraceVerifier": (),
    }
    steps = tuple(
        Step(name, "TestToken" if name == "Token" else name, at[name], arguments.get(name, (peers,)))
        for name in names
    )
    return DeploymentPlan(deployer, nonce, steps, peers, token)


def deploy(
    sender: Sender,
    terms: Terms,
    artifacts: Mapping[str, Artifact],
    *,
    path: Path,
    say: Callable[[str], None] = print,
    confirm: Callable[[str], bool] = lambda _: True,
) -> Manifest:
    """Deploys, hands over, verifies, and writes the manifest.

    Args:
        sender: the deployer's.
        terms: what it decides.
        artifacts: the build, by contract name.
        path: of the manifest.
        say: hears what happens.
        confirm: asked once, with the cost, before the first transaction.

    Raises:
        WrongChain: the endpoint is not on the chain of the terms.
        DeploymentError: a former run with other terms, or something used the key in between.
        ManifestError: what was deployed is not what it should be.
    """
    rpc = sender.rpc
    actual = rpc.chain_id
    if actual != terms.chain_id:
        raise WrongChain(expected=terms.chain_id, actual=actual)
    manifest = _resume(rpc, path, terms, sender.address)
    if manifest is not None and manifest.complete:
        manifest.verify(rpc)
        verify_build(rpc, manifest, artifacts)
        verify_roles(rpc, manifest)
        say(f"{path}: complete and as it should be; nothing to do")
        return manifest

    first = manifest.first_nonce if manifest is not None else sender.pending_nonce()
    steps = plan(terms, deployer=sender.address, nonce=first)
    if manifest is not None:
        _check_same(manifest, steps)
    done = len(manifest.contracts) if manifest is not None else 0
    token = _token_info(rpc, steps, terms)
    for step in steps.steps:
        say(f"  {step.name:<14}{step.address}")
    gas = steps.gas(artifacts)
    price = rpc.block().base_fee + rpc.priority_fee()
    cost = f"about {gas:,} gas, {gas * price / 10**18:.6f} ETH at {price / 10**9:.3f} gwei"
    say(f"  {cost}; {done} of {len(steps.steps)} contracts exist")
    if not confirm(cost):
        raise DeploymentError("stopped before the first transaction")

    if manifest is None:
        manifest = _empty(steps, terms, token, rpc.block().number)
        manifest.save(path)
    for offset, step in enumerate(steps.steps[done:], start=done):
        manifest = _create(sender, manifest, step, artifacts[step.source], first + offset)
        manifest.save(path)
        say(f"  created {step.name}")
    for call in _handover(rpc, manifest, sender.address):
        mined: Mined[Any] = sender.send(call)
        say(f"  {call.name}: {mined.gas_used:,} gas")
    manifest = manifest.model_copy(update={"complete": True})
    manifest.verify(rpc)
    verify_build(rpc, manifest, artifacts)
    verify_roles(rpc, manifest)
    manifest.save(path)
    say(f"{path}: written; code, wiring and roles are verified")
    return manifest


def _create(sender: Sender, manifest: Manifest, step: Step, artifact: Artifact, nonce: int) -> Manifest:
    block, transaction = manifest.start_block, ""
    # A former run may have created it and stopped before it could write that down.
    if not matches_build(sender.rpc.code(step.address), artifact):
        if sender.pending_nonce() != nonce:
            raise DeploymentError(
                f"{step.name} needs nonce {nonce}, but the key was used: move the manifest away"
            )
        creation = constructor_data(artifact.abi, bytes.fromhex(artifact.bytecode[2:]), step.arguments)
        mined = sender.deploy(step.name, creation)
        block, transaction = mined.block_number, mined.hash
    code = sender.rpc.code(step.address)
    deployed = Deployed(
        address=step.address,
        block=block,
        transaction=transaction,
        arguments=[_json(each) for each in step.arguments],
        code_hash="0x" + keccak(code).hex(),
    )
    return manifest.model_copy(update={"contracts": {**manifest.contracts, step.name: deployed}})


def matches_build(code: bytes, artifact: Artifact) -> bool:
    """Whether code on chain is a build's, but for what its constructor filled in."""
    expected = bytearray.fromhex(artifact.runtime[2:])
    actual = bytearray(code)
    if len(actual) != len(expected):
        return False
    for places in artifact.immutables.values():
        for place in places:
            actual[place["start"] : place["start"] + place["length"]] = bytes(place["length"])
            expected[place["start"] : place["start"] + place["length"]] = bytes(place["length"])
    return actual == expected


def verify_build(rpc: Rpc, manifest: Manifest, artifacts: Mapping[str, Artifact]) -> None:
    """That every contract of a deployment is what this source compiles to.

    Raises:
        CodeMismatch: one is not.
    """
    for name in manifest.contracts:
        artifact = artifacts["TestToken" if name == "Token" else name]
        if not matches_build(rpc.code(manifest.address(name)), artifact):
            raise CodeMismatch(f"{name} at {manifest.address(name)} was not compiled from this source")


def _json(value: Any) -> Any:
    return value.to_json() if isinstance(value, Struct) else value


def _resume(rpc: Rpc, path: Path, terms: Terms, deployer: Address) -> Manifest | None:
    """The manifest of a former run, if what it names is still there."""
    if not path.exists():
        return None
    manifest = Manifest.load(path)
    try:
        manifest.verify_code(rpc)
    except MissingCode:
        # A local chain was started anew: its addresses mean nothing any more.
        if terms.chain_id in LOCAL_CHAINS:
            return None
        raise
    if manifest.complete:
        return manifest
    if not manifest.contracts and not rpc.code(create_address(deployer, manifest.first_nonce)):
        return None
    if manifest.deployer != deployer or manifest.params != terms.params.to_json():
        raise DeploymentError(
            f"{path} is an unfinished deployment with another key or other terms: move it away"
        )
    return manifest


def _check_same(manifest: Manifest, steps: DeploymentPlan) -> None:
    for step, (name, contract) in zip(steps.steps, manifest.contracts.items(), strict=False):
        if (step.name, step.address) != (name, contract.address):
            raise DeploymentError(
                f"{name} is at {contract.address}, not {step.address}: the key was used since"
            )
    if "0x" + steps.peers.wiring.hex() != manifest.wiring:
        raise DeploymentError("the terms changed since the first run: move the manifest away")


def _empty(steps: DeploymentPlan, terms: Terms, token: TokenInfo, block: int) -> Manifest:
    return Manifest(
        chain_id=terms.chain_id,
        name=terms.name,
        deployer=steps.deployer,
        first_nonce=steps.first_nonce,
        start_block=block,
        treasury=terms.treasury,
        wiring="0x" + steps.peers.wiring.hex(),
        token=token,
        governance=GovernanceTerms(
            council=terms.council, guardian=terms.guardian, council_delay=terms.bounds.council_delay
        ),
        contracts={},
        params=terms.params.to_json(),
        bounds=terms.bounds.to_json(),
    )


def _token_info(rpc: Rpc, steps: DeploymentPlan, terms: Terms) -> TokenInfo:
    if terms.token is None:
        return TokenInfo(address=steps.token, symbol="oUSD", decimals=18, is_test=True)
    if not rpc.code(terms.token):
        raise MissingCode(f"no token at {terms.token}")
    token = Token(rpc, terms.token)
    return TokenInfo(address=terms.token, symbol=token.symbol(), decimals=token.decimals(), is_test=False)


def _handover(rpc: Rpc, manifest: Manifest, deployer: Address) -> Sequence[Call[Any]]:
    """What is left to do for the roles, in order; each step looks first whether it is done."""
    governance = Governance(rpc, manifest.address("Governance"))
    models = Models(rpc, manifest.address("Models"))
    verifier = manifest.address("TraceVerifier")
    council, guardian = to_address(manifest.governance.council), to_address(manifest.governance.guardian)
    delay = manifest.governance.council_delay
    is_admin, _ = governance.has_role(ADMIN, account=deployer)
    if not is_admin:
        return ()
    calls: list[Call[Any]] = []
    # The deployer may still do what will be the council's: that comes first.
    if not models.is_verifier_allowed(verifier):
        calls.append(models.allow_verifier(verifier))
    for contract in dict.fromkeys(name for name, _ in ROLES):
        for role in (COUNCIL, GUARDIAN):
            wanted = [name for (owner, name), each in ROLES.items() if owner == contract and each == role]
            selectors = [functions_of(contract)[name].selector for name in wanted]
            target = manifest.address(contract)
            if any(governance.get_target_function_role(target, selector=each) != role for each in selectors):
                calls.append(governance.set_target_function_role(target, selectors=selectors, role_id=role))
    for role, label in ((COUNCIL, "COUNCIL"), (GUARDIAN, "GUARDIAN")):
        if not governance.RoleLabel.logs(from_block=manifest.first_block, role_id=role):
            calls.append(governance.label_role(role, label=label))
    for role, account, wait in ((COUNCIL, council, delay), (GUARDIAN, guardian, 0), (ADMIN, council, delay)):
        if governance.has_role(role, account=account) != (True, wait):
            calls.append(governance.grant_role(role, account=account, execution_delay=wait))
    calls.append(governance.renounce_role(ADMIN, caller_confirmation=deployer))
    return calls


def verify_roles(rpc: Rpc, manifest: Manifest) -> None:
    """That council and guardian hold exactly their roles, behind exactly their delays, and nobody else any.

    Raises:
        RolesMismatch: anything else.
    """
    governance = Governance(rpc, manifest.address("Governance"))
    council, guardian = to_address(manifest.governance.council), to_address(manifest.governance.guardian)
    delay = manifest.governance.council_delay
    expected = {(ADMIN, council): delay, (COUNCIL, council): delay, (GUARDIAN, guardian): 0}
    granted = governance.RoleGranted.logs(from_block=manifest.first_block)
    members = {(logged.event.role_id, logged.event.account) for logged in granted}
    for role, account in members | expected.keys():
        is_member, wait = governance.has_role(role, account=account)
        wanted = expected.get((role, account))
        if is_member != (wanted is not None) or (wanted is not None and wait != wanted):
            state = f"with a delay of {wait} s" if is_member else "not"
            raise RolesMismatch(f"{account} has role {role} {state}; expected: {wanted}")
    for (contract, name), role in ROLES.items():
        selector = functions_of(contract)[name].selector
        actual = governance.get_target_function_role(manifest.address(contract), selector=selector)
        if actual != role:
            raise RolesMismatch(f"{contract}.{name} is for role {actual}, not {role}")
    for role in (COUNCIL, GUARDIAN):
        if governance.get_role_admin(role) != ADMIN:
            raise RolesMismatch(f"role {role} has the admin role {governance.get_role_admin(role)}")
    if not Models(rpc, manifest.address("Models")).is_verifier_allowed(manifest.address("TraceVerifier")):
        raise RolesMismatch("the trace verifier is not allowed")
