"""What the golden files hold: fixed inputs, and what `onus.protocol` makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eth_account import Account

from onus.protocol import (
    Batch,
    BatchHeader,
    Claim,
    Domain,
    Manifest,
    Message,
    ModelCommitment,
    Opening,
    Peers,
    Receipt,
    Request,
    Signed,
    Voucher,
    ids,
    keccak256,
    merkle,
    preset,
    to_address,
)

FOLDER = Path(__file__).resolve().parent
DOMAIN = Domain(31_337, to_address("0x" + "5e" * 20))
MODELS = to_address("0x" + "30" * 20)
KEYS = {name: Account.from_key(keccak256(name.encode())) for name in ("payer", "operator", "other payer")}
PAYER, OPERATOR, OTHER = (KEYS[name].address for name in ("payer", "operator", "other payer"))


def word(text: str) -> bytes:
    """A different 32 bytes for each text."""
    return keccak256(text.encode())


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def request(**changes: Any) -> Request:
    fields: dict[str, Any] = {
        "payer": PAYER,
        "model_id": word("model"),
        "input_root": word("input"),
        "max_fee": 10**18,
        "min_stake": 5 * 10**16,
        "nonce": 7,
        "expires_at": 1_800_000_000,
    }
    return Request(**fields | changes)


def receipt(number: int = 0, **changes: Any) -> Receipt:
    fields: dict[str, Any] = {
        "request_id": word(f"request {number}"),
        "model_id": word("model"),
        "operator": OPERATOR,
        "payer": PAYER,
        "input_root": word("input"),
        "output_root": word(f"output {number}"),
        "trace_root": word(f"trace {number}"),
        "fee": 10**16,
        "stake": 5 * 10**16,
        "served_at": 1_700_000_000 + number,
        "commit_by": 1_700_003_600 + number,
    }
    return Receipt(**fields | changes)


def header(**changes: Any) -> BatchHeader:
    fields: dict[str, Any] = {
        "operator": OPERATOR,
        "model_id": word("model"),
        "root": word("root"),
        "count": 8_192,
        "fee": 10**16,
        "stake": 5 * 10**16,
        "claims_hash": word("claims"),
        "param_set": 3,
        "sequence": 41,
    }
    return BatchHeader(**fields | changes)


def manifest(**changes: Any) -> Manifest:
    commitment = ModelCommitment(
        program_root=word("program"),
        weights_root=word("weights"),
        inputs=1,
        outputs=1,
        slots=8,
        entries=20,
        constants=12,
    )
    fields: dict[str, Any] = {
        "source_hash": word("file"),
        "commitment": commitment,
        "input_bytes": 784,
        "trace_bytes": 123_456,
        "depth_budget": 5,
        "compiler_version": 1,
    }
    return Manifest(**fields | changes)


def vectors() -> dict[str, Any]:
    """Content of each file by name."""
    return {
        "messages": _messages(),
        "ids": _ids(),
        "trees": _trees(),
        "batches": _batches(),
        "parameters": _parameters(),
    }


def render(content: Any) -> str:
    """As it stands in the file."""
    return json.dumps(content, indent=1) + "\n"


def _messages() -> dict[str, Any]:
    limits = {
        "Request": [
            request(),
            request(max_fee=0, min_stake=0, nonce=0, expires_at=0),
            request(max_fee=2**128 - 1, min_stake=2**128 - 1, nonce=2**256 - 1, expires_at=2**40 - 1),
        ],
        "Receipt": [
            receipt(),
            receipt(fee=0, stake=0, served_at=0, commit_by=0),
            receipt(fee=2**128 - 1, stake=2**128 - 1, served_at=2**40 - 1, commit_by=2**40 - 1),
        ],
        "Voucher": [
            Voucher(payer=PAYER, operator=OPERATOR, cumulative=each) for each in (0, 10**18, 2**128 - 1)
        ],
    }
    signers = {"Request": "payer", "Receipt": "operator", "Voucher": "payer"}
    return {
        "domain": {
            "name": "Onus",
            "version": "1",
            "chainId": DOMAIN.chain_id,
            "verifyingContract": DOMAIN.settlement,
            "separator": _hex(DOMAIN.separator),
        },
        "types": {
            cls.__name__: {"type": cls.TYPE, "typeHash": _hex(cls.TYPEHASH)}
            for cls in (Request, Receipt, Voucher)
        },
        "messages": [
            _message(name, message, signers[name]) for name, each in limits.items() for message in each
        ],
    }


def _message(name: str, message: Message, signer: str) -> dict[str, Any]:
    key = KEYS[signer]
    return {
        "type": name,
        "message": message.to_json(),
        "structHash": _hex(message.struct_hash),
        "digest": _hex(message.digest(DOMAIN)),
        "key": _hex(key.key),
        "signer": key.address,
        "signature": _hex(Signed.by(key, message, domain=DOMAIN).signature),
    }


def _ids() -> dict[str, Any]:
    claims = [Claim(payer=PAYER, receipts=8_000), Claim(payer=OTHER, receipts=192)]
    opening = Opening(leaf_index=8_191, salt=word("salt"))
    batch_id = header().id(DOMAIN)
    places = (
        "authority",
        "token",
        "treasury",
        "parameters",
        "models",
        "operators",
        "escrow",
        "settlement",
        "disputes",
        "omissions",
    )
    peers = Peers(**{name: to_address("0x" + f"{at + 1:02x}" * 20) for at, name in enumerate(places)})
    return {
        "chainId": DOMAIN.chain_id,
        "settlement": DOMAIN.settlement,
        "models": MODELS,
        "manifests": [
            {
                "manifest": each.to_json(),
                "manifestHash": _hex(each.hash),
                "provider": PAYER,
                "modelId": _hex(
                    ids.model_id(each.hash, provider=PAYER, chain_id=DOMAIN.chain_id, models=MODELS)
                ),
            }
            for each in (manifest(), manifest(input_bytes=2**32 - 1, trace_bytes=2**64 - 1))
        ],
        "headers": [
            {"header": each.to_json(), "batchId": _hex(each.id(DOMAIN))}
            for each in (
                header(),
                header(count=1, fee=0, stake=0, param_set=0, sequence=0),
                header(
                    count=2**32 - 1, fee=2**128 - 1, stake=2**128 - 1, param_set=2**32 - 1, sequence=2**64 - 1
                ),
            )
        ],
        "claims": [
            {"claims": [each.to_json() for each in some], "claimsHash": _hex(ids.claims_hash(some))}
            for some in ([], claims[:1], claims)
        ],
        "challenges": [
            {
                "batchId": _hex(batch_id),
                "challenger": OTHER,
                "opening": opening.to_json(),
                "seal": _hex(opening.seal(to_address(OTHER))),
                "challengeId": _hex(opening.key(to_address(OTHER)).id(batch_id)),
            }
        ],
        "accounts": {
            "owner": PAYER,
            "free": _hex(ids.account_of(PAYER)),
            "modelId": _hex(word("model")),
            "royalties": _hex(ids.royalty_account_of(ids.ModelId(word("model")))),
            "burned": _hex(ids.BURNED),
        },
        "wiring": {"peers": peers.to_json(), "wiring": _hex(peers.wiring)},
    }


def _trees() -> list[dict[str, Any]]:
    trees = []
    for count in (1, 2, 3, 4, 5, 8, 13):
        leaves = [word(f"leaf {at}") for at in range(count)]
        tree = merkle.MerkleTree(leaves)
        trees.append(
            {
                "leaves": [_hex(leaf) for leaf in leaves],
                "depth": merkle.depth(count),
                "root": _hex(tree.root),
                "proofs": [[_hex(each) for each in tree.proof(at)] for at in range(count)],
            }
        )
    return trees


def _batches() -> list[dict[str, Any]]:
    mixed = [receipt(number, payer=PAYER if number % 3 else OTHER) for number in range(5)]
    batches = []
    for receipts in ([receipt()], mixed):
        batch = Batch.build(receipts, param_set=1, sequence=len(batches))
        batches.append(
            {
                "batchId": _hex(batch.id(DOMAIN)),
                "batch": batch.to_json(),
                "leaves": [_hex(each.struct_hash) for each in batch.receipts],
                "proofs": [[_hex(each) for each in batch.proof(at).path] for at in range(batch.header.count)],
            }
        )
    return batches


def _parameters() -> dict[str, Any]:
    return {
        name: {"params": preset(name).params.to_json(), "bounds": preset(name).bounds.to_json()}
        for name in ("local-demo", "op-stack")
    }
