"""Deployment: what it leaves, how it resumes, and what it refuses (F2, F4, F6, F10)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from onus.chain import Manifest, Sender
from onus.chain.contracts import Governance, Models, Parameters, Reputation
from onus.chain.deploy import (
    ADMIN,
    COUNCIL,
    ORDER,
    ROLES,
    DeploymentError,
    deploy,
    plan,
    verify_build,
    verify_roles,
)
from onus.chain.errors import (
    AccessManagedUnauthorized,
    CodeMismatch,
    GovernanceDelayTooShort,
    ManifestUnreadable,
    RolesMismatch,
    WrongChain,
)
from onus.client import Onus
from onus.protocol import ZERO_ADDRESS, BrokenRelation
from scripts.build import ROOT, Artifact
from tests.client.conftest import START, Chain, key, terms

pytestmark = pytest.mark.usefixtures("at_start")
Artifacts = dict[str, Artifact]
# Token, Governance and the others; then a verifier is allowed, functions get roles (two contracts, two each),
# roles their labels and holders, and the deployer renounces.
TRANSACTIONS = 2 + len(ORDER) + 11


class Crash(Exception):
    pass


def quiet(_: str) -> None:
    pass


def test_deploy__complete__verified_and_a_second_run_does_nothing(
    chain: Chain, manifest: Manifest, artifacts: Artifacts, tmp_path: Path
) -> None:
    path = tmp_path / "31337.json"
    manifest.save(path)
    manifest.verify(chain.rpc)
    verify_roles(chain.rpc, manifest)
    nonce = chain.rpc.nonce(key("deployer").address)
    said: list[str] = []
    again = deploy(Sender(chain.rpc, key("deployer")), terms(), artifacts, path=path, say=said.append)
    assert again == manifest
    assert "nothing to do" in said[-1]
    assert chain.rpc.nonce(key("deployer").address) == nonce


def test_deploy__predicted_addresses__are_where_contracts_are(chain: Chain, manifest: Manifest) -> None:
    predicted = plan(terms(), deployer=key("deployer").address, nonce=manifest.first_nonce)
    assert {step.name: step.address for step in predicted.steps} == {
        name: contract.address for name, contract in manifest.contracts.items()
    }
    assert manifest.peers == predicted.peers


def test_deploy__constructor_arguments__stand_in_the_manifest(chain: Chain, manifest: Manifest) -> None:
    parameters = Parameters(chain.rpc, manifest.address("Parameters"))
    assert parameters.current() == (1, manifest.first_params)
    assert parameters.bounds() == manifest.param_bounds
    peers, bounds, params = manifest.contracts["Parameters"].arguments
    assert (bounds, params) == (manifest.bounds, manifest.params)
    assert peers == manifest.peers.to_json()
    reputation = Reputation(chain.rpc, manifest.address("Reputation"))
    assert reputation.half_life() == manifest.contracts["Reputation"].arguments[1] == terms().half_life


@pytest.mark.parametrize("stop", [0, 1, 4, 9, 11, 14, 17, TRANSACTIONS - 1])
def test_deploy__stopped_half_way__goes_on_where_it_was(
    chain: Chain, artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    chain.fund("second deployer")
    path = tmp_path / "31337.json"
    launched = 0
    launch = Sender._launch

    def dying(self: Sender, *args: object) -> object:
        nonlocal launched
        if launched == stop:
            raise Crash
        launched += 1
        return launch(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Sender, "_launch", dying)
    with pytest.raises(Crash):
        deploy(Sender(chain.rpc, key("second deployer")), terms(), artifacts, path=path, say=quiet)
    monkeypatch.setattr(Sender, "_launch", launch)
    if path.exists():
        unfinished = Manifest.load(path)
        assert not unfinished.complete
        with pytest.raises(ManifestUnreadable, match="not finished"):
            Onus(chain.rpc, unfinished)
    manifest = deploy(Sender(chain.rpc, key("second deployer")), terms(), artifacts, path=path, say=quiet)
    assert manifest.complete
    # Nothing was created or called twice.
    assert chain.rpc.nonce(key("second deployer").address) == TRANSACTIONS
    Onus(chain.rpc, Manifest.load(path))


def test_deploy__stopped_between_creating_and_writing__takes_what_is_there(
    chain: Chain, artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.fund("fifth deployer")
    path = tmp_path / "31337.json"
    create = Sender.deploy

    def dying(self: Sender, name: str, creation: bytes) -> object:
        create(self, name, creation)
        raise Crash

    sender = Sender(chain.rpc, key("fifth deployer"))
    monkeypatch.setattr(Sender, "deploy", dying)
    for _ in range(3):
        with pytest.raises(Crash):
            deploy(sender, terms(), artifacts, path=path, say=quiet)
    monkeypatch.undo()
    manifest = deploy(sender, terms(), artifacts, path=path, say=quiet)
    assert manifest.complete
    assert manifest.contracts["Governance"].transaction == ""
    assert chain.rpc.nonce(sender.address) == TRANSACTIONS


def test_verify_build__other_code__refused(chain: Chain, manifest: Manifest, artifacts: Artifacts) -> None:
    verify_build(chain.rpc, manifest, artifacts)
    code = bytearray(chain.rpc.code(manifest.address("Disputes")))
    code[len(code) // 2] ^= 1
    chain.do("anvil_setCode", manifest.address("Disputes"), "0x" + code.hex())
    with pytest.raises(CodeMismatch):
        manifest.verify(chain.rpc)
    with pytest.raises(CodeMismatch):
        verify_build(chain.rpc, manifest, artifacts)


def test_deploy__key_used_in_between__refused(
    chain: Chain, artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.fund("third deployer")
    path = tmp_path / "31337.json"
    create = Sender.deploy

    def dying(self: Sender, name: str, creation: bytes) -> object:
        if name == "Models":
            raise Crash
        return create(self, name, creation)

    monkeypatch.setattr(Sender, "deploy", dying)
    sender = Sender(chain.rpc, key("third deployer"))
    with pytest.raises(Crash):
        deploy(sender, terms(), artifacts, path=path, say=quiet)
    monkeypatch.undo()
    sender.deploy("something else", b"\x00")
    with pytest.raises(DeploymentError, match="was used"):
        deploy(sender, terms(), artifacts, path=path, say=quiet)
    with pytest.raises(DeploymentError, match="other terms"):
        deploy(Sender(chain.rpc, key("deployer")), terms(), artifacts, path=path, say=quiet)


def test_deploy__another_chain_than_meant__refused(
    chain: Chain, artifacts: Artifacts, tmp_path: Path
) -> None:
    path = tmp_path / "1.json"
    elsewhere = terms(chain_id=1, token=key("token").address)
    with pytest.raises(WrongChain):
        deploy(Sender(chain.rpc, key("deployer")), elsewhere, artifacts, path=path, say=quiet)
    assert not path.exists()


def test_deploy__not_confirmed__sends_nothing(chain: Chain, artifacts: Artifacts, tmp_path: Path) -> None:
    chain.fund("fourth deployer")
    sender = Sender(chain.rpc, key("fourth deployer"))
    with pytest.raises(DeploymentError, match="stopped"):
        deploy(
            sender,
            terms(),
            artifacts,
            path=tmp_path / "x.json",
            say=quiet,
            confirm=lambda cost: "gas" not in cost,
        )
    assert chain.rpc.nonce(sender.address) == 0


def test_plan__terms_that_contradict_themselves__refused() -> None:
    deployer = key("deployer").address
    for changes in (
        {"council": deployer},
        {"guardian": deployer},
        {"treasury": ZERO_ADDRESS},
        {"chain_id": 10},
    ):
        with pytest.raises(DeploymentError):
            plan(terms(**changes), deployer=deployer, nonce=0)
    with pytest.raises(BrokenRelation):
        plan(terms(params=START.params.__class__(**dict.fromkeys(START.params.__dataclass_fields__, 0))),
             deployer=deployer, nonce=0)  # fmt: skip


def test_plan__cost__is_about_what_it_takes(chain: Chain, manifest: Manifest, artifacts: Artifacts) -> None:
    predicted = plan(terms(), deployer=key("deployer").address, nonce=0).gas(artifacts)
    used = 0
    first = manifest.contracts["Governance"].block
    for number in range(first, first + TRANSACTIONS):
        used += int(chain.do("eth_getBlockByNumber", hex(number), False)["gasUsed"], 16)
    assert used * 0.9 < predicted < used * 1.1


# ---- Roles afterwards ------------------------------------------------------------------------------------


def test_roles__table__is_every_restricted_function() -> None:
    found = set()
    for path in (ROOT / "contracts").glob("*.sol"):
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(encoding="utf8"), flags=re.DOTALL)
        for match in re.finditer(r"function (\w+)\([^)]*\)([^{;]*)\{", text):
            if re.search(r"\brestricted\b", match[2]):
                found.add((path.stem, match[1]))
    assert found == set(ROLES)


def test_roles__deployer_afterwards__may_do_nothing(chain: Chain, manifest: Manifest) -> None:
    deployer = key("deployer").address
    models = Models(chain.rpc, manifest.address("Models"))
    parameters = Parameters(chain.rpc, manifest.address("Parameters"))
    governance = Governance(chain.rpc, manifest.address("Governance"))
    for call in (
        models.allow_verifier(deployer),
        parameters.add(manifest.first_params),
        parameters.close_commitments(),
        governance.grant_role(COUNCIL, account=deployer, execution_delay=5),
    ):
        with pytest.raises(Exception, match="Unauthorized"):
            call.preview(chain.rpc, sender=deployer)


def test_roles__council__only_behind_its_delay(chain: Chain, manifest: Manifest) -> None:
    """F4."""
    chain.fund("council", "guardian")
    parameters = Parameters(chain.rpc, manifest.address("Parameters"))
    governance = Governance(chain.rpc, manifest.address("Governance"))
    council = Sender(chain.rpc, key("council"))
    delay = manifest.governance.council_delay
    call = parameters.add(manifest.first_params)
    with pytest.raises(Exception, match="NotScheduled"):
        council.send(call)
    chain.advance(5)  # the set before must be in force for a while
    council.send(governance.schedule(call.to, data=call.data, when=0))
    with pytest.raises(Exception, match="NotReady"):
        council.send(call)
    chain.advance(delay)
    council.send(call)
    assert parameters.current()[0] == 2
    Sender(chain.rpc, key("guardian")).send(parameters.close_commitments())
    assert parameters.commitments_closed()


def test_roles__grant_below_the_delay__refused_even_for_the_admin(chain: Chain, manifest: Manifest) -> None:
    """F10: nobody can be made council or admin with less delay than the council has."""
    governance = Governance(chain.rpc, manifest.address("Governance"))
    delay = manifest.governance.council_delay
    for role in (ADMIN, COUNCIL):
        call = governance.grant_role(role, account=key("stranger").address, execution_delay=delay - 1)
        with pytest.raises(GovernanceDelayTooShort) as refused:
            call.preview(chain.rpc, sender=key("council").address)
        assert (refused.value.delay, refused.value.least) == (delay - 1, delay)


def test_verify_roles__anything_else__refused(chain: Chain, manifest: Manifest) -> None:
    def with_terms(**changes: object) -> Manifest:
        changed = manifest.governance.model_copy(update=changes)
        return manifest.model_copy(update={"governance": changed})

    for wrong in (
        with_terms(council=key("stranger").address),
        with_terms(guardian=key("stranger").address),
        with_terms(council_delay=manifest.governance.council_delay + 1),
    ):
        with pytest.raises(RolesMismatch):
            verify_roles(chain.rpc, wrong)
    # Somebody more.
    chain.fund("council")
    governance = Governance(chain.rpc, manifest.address("Governance"))
    council = Sender(chain.rpc, key("council"))
    call = governance.grant_role(COUNCIL, account=key("stranger").address, execution_delay=5)
    council.send(governance.schedule(call.to, data=call.data, when=0))
    chain.advance(manifest.governance.council_delay)
    council.send(call)
    with pytest.raises(RolesMismatch, match=key("stranger").address):
        verify_roles(chain.rpc, manifest)


def test_unauthorized__is_a_typed_error(chain: Chain, client: Callable[..., Onus]) -> None:
    stranger = client("stranger")
    call = Parameters(chain.rpc, stranger.parameters.address).close_commitments()
    with pytest.raises(AccessManagedUnauthorized) as refused:
        stranger.send(call)
    assert refused.value.caller == key("stranger").address


# ---- The command -----------------------------------------------------------------------------------------


def test_command__by_url__writes_a_manifest(
    tmp_path: Path, chain: Chain, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scripts.deploy import cli

    monkeypatch.setattr("scripts.deploy.load", lambda: artifacts)

    out = tmp_path / "31337.json"
    url = chain.web3.provider.endpoint_uri  # type: ignore[attr-defined]
    done = CliRunner().invoke(cli, ["--rpc", str(url), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "code, wiring and roles are verified" in done.output
    assert json.loads(out.read_text())["complete"] is True
    Onus(chain.rpc, out)


def test_command__another_chain_without_its_terms__refused(tmp_path: Path) -> None:
    from scripts.deploy import cli

    done = CliRunner().invoke(cli, ["--chain-id", "10", "--out", str(tmp_path / "10.json")])
    assert done.exit_code == 2
    assert "--keystore" in done.output
