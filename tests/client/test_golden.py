"""The golden files hold in Solidity too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onus.protocol import BatchHeader, Claim, Opening, Receipt, Request, Voucher
from tests.protocol.test_vectors import golden
from tests.support.chain import Chain, Contract
from tests.support.fixtures import _isolated


@pytest.fixture
def types(onus_chain: Chain) -> Iterator[Contract]:
    with _isolated(onus_chain):
        yield onus_chain.deploy("TypesHarness", sender=onus_chain.rpc("eth_accounts")[0])


def unhex(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def test_messages__same_struct_hashes(types: Contract) -> None:
    data = golden("messages")
    assert list(types.typeHashes()) == [
        unhex(data["types"][name]["typeHash"]) for name in ("Request", "Receipt", "Voucher")
    ]
    for name, cls, ask in (
        ("Request", Request, types.requestHashes),
        ("Receipt", Receipt, types.receiptHashes),
        ("Voucher", Voucher, types.voucherHashes),
    ):
        some = [each for each in data["messages"] if each["type"] == name]
        found = ask([cls.from_json(each["message"]) for each in some])
        assert list(found) == [unhex(each["structHash"]) for each in some]


def test_ids__same(types: Contract) -> None:
    data = golden("ids")
    headers = [BatchHeader.from_json(each["header"]) for each in data["headers"]]
    assert list(types.batchIds(headers, data["settlement"])) == [
        unhex(each["batchId"]) for each in data["headers"]
    ]
    for each in data["claims"]:
        hash, _ = types.claimsHash([Claim.from_json(claim) for claim in each["claims"]])
        assert hash == unhex(each["claimsHash"])
    for each in data["challenges"]:
        opening = Opening.from_json(each["opening"])
        seals, ids = types.challengeIds(unhex(each["batchId"]), each["challenger"], [opening])
        assert (seals[0], ids[0]) == (unhex(each["seal"]), unhex(each["challengeId"]))
