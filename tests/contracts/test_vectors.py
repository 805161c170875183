"""Solidity and Python compute the same: every hash, id, tree and encoding of the protocol.

Values come from Hypothesis over the whole range of every field, many in one call.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onus.protocol import (
    BatchHeader,
    Claim,
    Domain,
    Manifest,
    Opening,
    Params,
    Receipt,
    Request,
    Voucher,
    ids,
    keccak256,
    merkle,
)
from tests.support.chain import Contract, Revert
from tests.support.strategies import addresses, structs, unsigned, words
from tests.support.world import World

differential = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LEAVES = st.lists(words, min_size=1, max_size=40)


def several(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(strategy, min_size=1, max_size=20)


@pytest.fixture
def types(world: World) -> Contract:
    return world.chain.deploy("TypesHarness", sender=world.deployer)


@pytest.fixture
def trees(world: World) -> Contract:
    return world.chain.deploy("TraceHarness", sender=world.deployer)


# ---- Messages -------------------------------------------------------------------------------------------


def test_typehashes__are_those_of_the_type_strings(types: Contract) -> None:
    assert tuple(types.typeHashes()) == (Request.TYPEHASH, Receipt.TYPEHASH, Voucher.TYPEHASH)


@differential
@given(requests=several(structs(Request)))
def test_request_struct_hash__any_request__same(types: Contract, requests: list[Request]) -> None:
    assert types.requestHashes(requests) == tuple(request.struct_hash for request in requests)


@differential
@given(receipts=several(structs(Receipt)))
def test_receipt_struct_hash__any_receipt__same(types: Contract, receipts: list[Receipt]) -> None:
    assert types.receiptHashes(receipts) == tuple(receipt.struct_hash for receipt in receipts)


@differential
@given(vouchers=several(structs(Voucher)))
def test_voucher_struct_hash__any_voucher__same(types: Contract, vouchers: list[Voucher]) -> None:
    assert types.voucherHashes(vouchers) == tuple(voucher.struct_hash for voucher in vouchers)


def test_domain_separator__same(world: World) -> None:
    assert world.settlement.domainSeparator() == world.domain.separator


def test_domain_separator__other_chain_or_contract__another(world: World) -> None:
    """E4: what is signed for one deployment says nothing in another."""
    here = world.domain
    elsewhere = {
        Domain(here.chain_id + 1, here.settlement).separator,
        Domain(here.chain_id, world.disputes.address).separator,
    }
    assert len(elsewhere | {here.separator}) == 3


@differential
@given(request=structs(Request), receipt=structs(Receipt), voucher=structs(Voucher))
def test_digest__any_message__same(
    world: World, request: Request, receipt: Receipt, voucher: Voucher
) -> None:
    for message in (request, receipt, voucher):
        assert world.settlement.digestOf(message.struct_hash) == message.digest(world.domain)
    assert request.id(world.domain) == request.digest(world.domain)


# ---- Ids ------------------------------------------------------------------------------------------------


@differential
@given(headers=several(structs(BatchHeader)))
def test_batch_id__any_header__same(types: Contract, world: World, headers: list[BatchHeader]) -> None:
    expected = tuple(header.id(world.domain) for header in headers)
    assert types.batchIds(headers, world.settlement) == expected
    assert world.settlement.batchIdOf(headers[0]) == expected[0]


def test_batch_id__every_field__counts(types: Contract, world: World) -> None:
    """D10: a batch is named by everything that it is."""
    low = BatchHeader.from_abi(["0x" + "00" * 19 + "01", b"\1" * 32, b"\1" * 32, 1, 1, 1, b"\1" * 32, 1, 1])
    high = BatchHeader.from_abi(["0x" + "00" * 19 + "02", b"\2" * 32, b"\2" * 32, 2, 2, 2, b"\2" * 32, 2, 2])
    fields = list(low.to_abi())
    headers = [low]
    for position, value in enumerate(high.to_abi()):
        headers.append(BatchHeader.from_abi([*fields[:position], value, *fields[position + 1 :]]))
    found = types.batchIds(headers, world.settlement)
    assert len(set(found)) == len(headers)
    assert found == tuple(header.id(world.domain) for header in headers)


@differential
@given(headers=several(structs(BatchHeader)), least=unsigned(96))
def test_lock__any_header__same(types: Contract, headers: list[BatchHeader], least: int) -> None:
    assert types.locks(headers, least) == tuple(max(h.count * h.stake, least) for h in headers)


@differential
@given(claims=st.lists(structs(Claim), max_size=20))
def test_claims_hash__any_claims__same(types: Contract, claims: list[Claim]) -> None:
    found, encoded = types.claimsHash(claims)
    assert encoded == ids.encode_claims(claims)
    assert found == ids.claims_hash(claims) == keccak256(encoded)


@differential
@given(batch_id=words, challenger=addresses, openings=several(structs(Opening)))
def test_seal_and_challenge_id__any_opening__same(
    types: Contract, batch_id: bytes, challenger: str, openings: list[Opening]
) -> None:
    seals, found = types.challengeIds(batch_id, challenger, openings)
    assert seals == tuple(opening.seal(challenger) for opening in openings)
    assert found == tuple(opening.key(challenger).id(batch_id) for opening in openings)


@differential
@given(header=structs(BatchHeader), challenger=addresses, opening=structs(Opening))
def test_challenge_id_of__any_key__same(
    world: World, header: BatchHeader, challenger: str, opening: Opening
) -> None:
    key = opening.key(challenger)
    assert world.disputes.challengeIdOf(header, key) == key.id(header.id(world.domain))


@differential
@given(owner=addresses, model_id=words)
def test_accounts__any_owner_and_model__same(types: Contract, owner: str, model_id: bytes) -> None:
    assert tuple(types.accounts(owner, model_id)) == (
        ids.account_of(owner),
        ids.royalty_account_of(model_id),
        ids.BURNED,
    )


@differential
@given(manifest=structs(Manifest), provider=addresses)
def test_manifest_hash_and_model_id__any_manifest__same(
    world: World, manifest: Manifest, provider: str
) -> None:
    models, chain_id = world.models, world.domain.chain_id
    assert models.manifestHash(manifest) == manifest.hash
    expected = ids.model_id(manifest.hash, provider=provider, chain_id=chain_id, models=models.address)
    assert models.idOf(provider, manifest.hash) == expected


@differential
@given(request=structs(Request), params=structs(Params))
def test_encoding__any_request_and_parameters__same_fields_in_the_same_order(
    types: Contract, request: Request, params: Params
) -> None:
    evidence, parameters = types.encodings(request, params)
    assert evidence == request.words()
    assert parameters == params.words()


def test_wiring__same_for_every_contract(world: World) -> None:
    names = ("parameters", "models", "operators", "escrow", "settlement", "disputes")
    assert {getattr(world, name).wiring() for name in names} == {world.peers.wiring}


# ---- Trees ----------------------------------------------------------------------------------------------


def chunk_root(data: bytes) -> bytes:
    """docs/trace.md, 3, in plain words."""
    return merkle.root([keccak256(data[at : at + 128].ljust(128, b"\0")) for at in range(0, len(data), 128)])


@differential
@given(leaves=LEAVES)
def test_root__any_leaves__same(trees: Contract, leaves: list[bytes]) -> None:
    assert trees.rootOfAll(leaves) == merkle.root(leaves)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 64, 65, 127, 128, 129])
def test_root__any_count__same(trees: Contract, count: int) -> None:
    """E5: odd counts are filled with zero words, on every level the same on both sides."""
    leaves = [keccak256(bytes([i])) for i in range(count)]
    assert trees.rootOfAll(leaves) == merkle.root(leaves)


def test_root__without_leaves__reverts(trees: Contract) -> None:
    assert trees.rootOfAll.revert([]) == Revert("MerkleTree_Empty")
    assert trees.rootOf.revert(b"\1" * 32, 0, 0, []) == Revert("MerkleTree_Index", 0, 0)


@differential
@given(leaves=LEAVES, data=st.data())
def test_proof__any_leaf__proves_the_root(trees: Contract, leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle.proof(leaves, index)
    assert trees.rootOf(leaves[index], index, len(leaves), path) == merkle.root(leaves)


@differential
@given(leaf=words, count=unsigned(32), index=unsigned(32), path=st.lists(words, max_size=33))
def test_proof__of_any_form__same_root_or_refused_by_both(
    trees: Contract, leaf: bytes, count: int, index: int, path: list[bytes]
) -> None:
    refusal = trees.rootOf.revert(leaf, index, count, path)
    if index >= count:
        assert refusal == Revert("MerkleTree_Index", index, count)
    elif len(path) != merkle.depth(count):
        assert refusal == Revert("MerkleTree_ProofLength", len(path), merkle.depth(count))
    else:
        expected = merkle.root_from_proof(leaf, index, path, count=count)
        assert trees.rootOf(leaf, index, count, path) == expected
        return
    assert not merkle.verify(bytes(32), leaf, index, path, count=count)


def test_proof__at_another_place__gives_another_root(trees: Contract) -> None:
    """E5: a leaf is shown at its index; an inner node is not a leaf; one below padding is none."""
    leaves = [keccak256(bytes([i])) for i in range(5)]
    root, path = merkle.root(leaves), merkle.proof(leaves, 2)
    assert trees.rootOf(leaves[2], 2, 5, path) == root
    assert all(trees.rootOf(leaves[2], index, 5, path) != root for index in (0, 1, 3, 4))
    inner = keccak256(leaves[2] + leaves[3])
    assert trees.rootOf.revert(inner, 1, 5, path[1:]) == Revert("MerkleTree_ProofLength", 2, 3)
    assert trees.rootOf.revert(bytes(32), 5, 5, path) == Revert("MerkleTree_Index", 5, 5)


@differential
@given(
    data=st.one_of(st.binary(min_size=1, max_size=700), st.sampled_from([b"\0", b"\0" * 128, b"\1" * 1280]))
)
def test_chunk_root__any_bytes__same(trees: Contract, data: bytes) -> None:
    assert trees.chunkRoot(data) == chunk_root(data)


@pytest.mark.parametrize("size", [1, 31, 32, 127, 128, 129, 255, 256, 257, 8191, 8192, 8193])
def test_chunk_root__any_size__same(trees: Contract, size: int) -> None:
    data = bytes(i * 7 % 251 for i in range(size))
    assert trees.chunkRoot(data) == chunk_root(data)


def test_chunk_root__of_nothing__reverts(trees: Contract) -> None:
    assert trees.chunkRoot.revert(b"") == Revert("MerkleTree_Empty")
