"""The golden files are what the protocol computes, and what independent encoders compute."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from onus.protocol import Batch, BatchHeader, Claim, Manifest, Receipt, Request, Signed, Voucher
from tests.vectors.generate import DOMAIN, FOLDER, render, vectors

KINDS = {"Request": Request, "Receipt": Receipt, "Voucher": Voucher}


def golden(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf8"))


@pytest.mark.parametrize("name", ["messages", "ids", "trees", "batches", "parameters"])
def test_golden_file__is_what_the_protocol_computes(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text(encoding="utf8") == render(vectors()[name])


@pytest.mark.parametrize("vector", golden("messages")["messages"])
def test_message__by_an_independent_encoder__same_digest_and_signature(vector: dict[str, Any]) -> None:
    kind = KINDS[vector["type"]]
    fields = [part.split(" ") for part in kind.TYPE[kind.TYPE.index("(") + 1 : -1].split(",")]
    numbers = {name for type_, name in fields if type_.startswith("uint")}
    full = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            vector["type"]: [{"name": name, "type": type_} for type_, name in fields],
        },
        "domain": {
            key: golden("messages")["domain"][key]
            for key in ("name", "version", "chainId", "verifyingContract")
        },
        "primaryType": vector["type"],
        "message": {key: int(value) if key in numbers else value for key, value in vector["message"].items()},
    }
    signed = Account.sign_message(encode_typed_data(full_message=full), vector["key"])
    assert "0x" + signed.message_hash.hex() == vector["digest"]
    assert "0x" + signed.signature.hex() == vector["signature"]
    parsed = Signed.from_json(kind, {"message": vector["message"], "signature": vector["signature"]})
    assert parsed.signer(DOMAIN) == vector["signer"]


def test_ids__by_an_independent_encoder__same() -> None:
    data = golden("ids")
    where = ["uint256", "address"]
    for each in data["headers"]:
        fields = BatchHeader.from_json(each["header"]).to_abi()
        kinds = [
            "address",
            "bytes32",
            "bytes32",
            "uint32",
            "uint128",
            "uint128",
            "bytes32",
            "uint32",
            "uint64",
        ]
        encoded = encode([*where, *kinds], [data["chainId"], data["settlement"], *fields])
        assert "0x" + keccak(encoded).hex() == each["batchId"]
    for each in data["claims"]:
        claims = [Claim.from_json(claim).to_abi() for claim in each["claims"]]
        assert "0x" + keccak(encode(["(address,uint32)[]"], [claims])).hex() == each["claimsHash"]
    for each in data["manifests"]:
        commitment = "(bytes32,bytes32,uint16,uint16,uint16,uint16,uint16)"
        kind = f"(bytes32,{commitment},uint32,uint64,uint16,uint16)"
        digest = keccak(encode([kind], [Manifest.from_json(each["manifest"]).to_abi()]))
        assert "0x" + digest.hex() == each["manifestHash"]
        encoded = encode(
            [*where, "address", "bytes32"], [data["chainId"], data["models"], each["provider"], digest]
        )
        assert "0x" + keccak(encoded).hex() == each["modelId"]
    (each,) = data["challenges"]
    opening = each["opening"]
    seal = keccak(
        encode(
            ["address", "uint32", "bytes32"],
            [each["challenger"], opening["leafIndex"], bytes.fromhex(opening["salt"][2:])],
        )
    )
    assert "0x" + seal.hex() == each["seal"]


def test_batches__read_back__same_batch() -> None:
    for each in golden("batches"):
        batch = Batch.from_json(each["batch"])
        assert "0x" + batch.id(DOMAIN).hex() == each["batchId"]
        assert batch.to_json() == each["batch"]
