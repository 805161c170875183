"""The manifest is held against the chain before anything is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onus.chain import LocalSigner, Manifest
from onus.chain.errors import (
    CodeMismatch,
    EndpointUnreachable,
    ManifestError,
    ManifestUnreadable,
    MissingCode,
    NoSigner,
    WiringMismatch,
    WrongChain,
)
from onus.client import Onus
from tests.client.conftest import Chain, key


def test_manifest__round_trips(manifest: Manifest, manifest_path: Path) -> None:
    assert Manifest.load(manifest_path) == manifest
    assert json.loads(manifest_path.read_text())["chain_id"] == 31337


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "\0\0", '{"format": 2}', "1e999999", '{"chain_id": "31337"}']
)
def test_load__garbage__typed(tmp_path: Path, text: str) -> None:
    """G12."""
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ManifestUnreadable):
        Manifest.load(path)
    with pytest.raises(ManifestUnreadable):
        Manifest.load(tmp_path / "none.json")


def test_load__any_field_changed__refused_or_found_on_chain(
    chain: Chain, manifest: Manifest, manifest_path: Path
) -> None:
    """Nothing in the file that money depends on can be changed without being noticed."""
    good = json.loads(manifest_path.read_text())
    other = key("attacker").address
    changes: list[Callable[[dict[str, Any]], Any]] = [
        lambda m: m.update(format=2),
        lambda m: m.update(extra=1),
        lambda m: m.pop("wiring"),
        lambda m: m.update(chain_id=1),
        lambda m: m.update(complete=False),
        lambda m: m.update(wiring="0x" + "00" * 32),
        lambda m: m.update(treasury=other),
        lambda m: m["token"].update(address=other),
        *(
            lambda m, name=name: m["contracts"].pop(name)
            for name in manifest.contracts
            if name not in ("Token", "TraceVerifier")
        ),
        *(lambda m, name=name: m["contracts"][name].update(address=other) for name in manifest.contracts),
        *(
            lambda m, name=name: m["contracts"][name].update(code_hash="0x" + "11" * 32)
            for name in manifest.contracts
        ),
    ]
    for change in changes:
        changed = json.loads(json.dumps(good))
        change(changed)
        manifest_path.write_text(json.dumps(changed))
        with pytest.raises(ManifestError):
            Onus(chain.rpc, manifest_path)
    manifest_path.write_text(json.dumps(good))
    Onus(chain.rpc, manifest_path)


def test_verify__other_chain__typed(chain: Chain, manifest: Manifest) -> None:
    with pytest.raises(WrongChain) as wrong:
        Onus(chain.rpc, manifest.model_copy(update={"chain_id": 10}))
    assert (wrong.value.expected, wrong.value.actual) == (10, 31337)


def test_verify__no_code_or_other_code__typed(chain: Chain, manifest: Manifest) -> None:
    escrow = manifest.address("Escrow")
    code = chain.do("eth_getCode", escrow, "latest")
    chain.do("anvil_setCode", escrow, "0x")
    with pytest.raises(MissingCode, match="Escrow"):
        Onus(chain.rpc, manifest)
    chain.do("anvil_setCode", escrow, code[:-2] + ("00" if code[-2:] != "00" else "01"))
    with pytest.raises(CodeMismatch, match="Escrow"):
        Onus(chain.rpc, manifest)


def test_verify__contracts_of_two_deployments__typed(chain: Chain, manifest: Manifest) -> None:
    """Each contract is what it says, but they do not belong together."""
    from onus.protocol import keccak256

    parameters, models = manifest.contracts["Parameters"], manifest.contracts["Models"]
    swapped = {**manifest.contracts, "Parameters": models, "Models": parameters}
    with pytest.raises(WiringMismatch):
        Onus(chain.rpc, manifest.model_copy(update={"contracts": swapped}))
    # Wired to others by its code, with a manifest that says so.
    code = bytearray(chain.rpc.code(manifest.address("Settlement")))
    wiring = bytes.fromhex(manifest.wiring[2:])
    at = code.find(wiring)
    assert at > 0
    code[at : at + 32] = keccak256(b"other peers")
    chain.do("anvil_setCode", manifest.address("Settlement"), "0x" + code.hex())
    settlement = manifest.contracts["Settlement"].model_copy(
        update={"code_hash": "0x" + keccak256(bytes(code)).hex()}
    )
    contracts = {**manifest.contracts, "Settlement": settlement}
    with pytest.raises(WiringMismatch, match="Settlement"):
        Onus(chain.rpc, manifest.model_copy(update={"contracts": contracts}))


def test_client__nobody_listens__typed(manifest: Manifest) -> None:
    with pytest.raises(EndpointUnreachable):
        Onus("http://127.0.0.1:9", manifest)


def test_client__without_a_key__reads_and_sends_nothing(client: Callable[..., Onus]) -> None:
    reader = client()
    assert reader.escrow.free_balance_of(key("payer").address) == 0
    assert reader.parameters.current()[0] == 1
    assert "no key" in repr(reader)
    for act in (
        lambda: reader.escrow.deposit(1),
        reader.operators.cancel_unbond,
        lambda: reader.payer.voucher(key("operator").address, cumulative=1),
        reader.require_signer,
    ):
        with pytest.raises(NoSigner):
            act()


def test_client__by_url__same(chain: Chain, manifest_path: Path) -> None:
    url = chain.web3.provider.endpoint_uri  # type: ignore[attr-defined]
    signer = LocalSigner.create()
    client = Onus(str(url), str(manifest_path), signer=signer)
    assert client.now() == chain.rpc.block().timestamp
    assert signer.address in repr(client)
