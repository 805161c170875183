"""Batches: order, claims, proofs, and what others send as a batch (E2, E5, E12)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onus.protocol import (
    MAX_CLAIMS,
    Batch,
    Claim,
    EmptyBatch,
    FaultKind,
    HeaderMismatch,
    InvalidField,
    MixedBatch,
    RepeatedReceipt,
    TooManyPayers,
    faults,
    ids,
    merkle,
    payer_at,
    to_address,
)
from tests.vectors.generate import DOMAIN, OTHER, PAYER, header, receipt, request, word

payers = st.integers(1, 6).map(lambda number: to_address(f"0x{number:040x}"))
few = settings(max_examples=40, deadline=None)


@few
@given(payers=st.lists(payers, min_size=1, max_size=30), data=st.data())
def test_build__any_receipts__ordered_by_payer_each_provable(payers: list[Any], data: st.DataObject) -> None:
    receipts = [receipt(number, payer=payer) for number, payer in enumerate(payers)]
    batch = Batch.build(receipts, param_set=1, sequence=9)
    assert sorted(batch.receipts, key=lambda each: each.served_at) == receipts
    assert [claim.payer for claim in batch.claims] == sorted(set(payers), key=lambda each: int(each, 16))
    assert sum(claim.receipts for claim in batch.claims) == batch.header.count == len(receipts)
    assert batch.header.claims_hash == ids.claims_hash(batch.claims)
    assert sum(batch.fee_of(claim.payer) for claim in batch.claims) == batch.header.fee * len(receipts)
    for index, each in enumerate(batch.receipts):
        assert payer_at(batch.claims, index) == each.payer
        assert batch.proof(index).root(batch.header.count) == batch.header.root
        assert batch.index_of(each) == index
        assert faults.leaf_faults(each, index, header=batch.header, claims=batch.claims, domain=DOMAIN) == ()
    # The order of arrival does not matter between payers.
    shuffled = data.draw(st.permutations(receipts))
    again = Batch.build(shuffled, param_set=1, sequence=9)
    assert [c.to_json() for c in again.claims] == [c.to_json() for c in batch.claims]
    assert Batch.from_json(json.loads(json.dumps(batch.to_json()))) == batch


def test_build__what_is_no_batch__refused() -> None:
    with pytest.raises(EmptyBatch):
        Batch.build([], param_set=1, sequence=0)
    with pytest.raises(RepeatedReceipt):
        Batch.build([receipt(), receipt(1), receipt()], param_set=1, sequence=0)
    for name, other in (("operator", PAYER), ("model_id", word("other")), ("fee", 1), ("stake", 1)):
        with pytest.raises(MixedBatch, match=name):
            Batch.build([receipt(), receipt(1, **{name: other})], param_set=1, sequence=0)


def test_build__more_payers_than_one_settlement_takes__refused() -> None:
    many = [receipt(number, payer=to_address(f"0x{number + 1:040x}")) for number in range(MAX_CLAIMS + 1)]
    assert len(Batch.build(many[:-1], param_set=1, sequence=0).claims) == MAX_CLAIMS
    with pytest.raises(TooManyPayers):
        Batch.build(many, param_set=1, sequence=0)


def test_of__other_receipts_or_claims_than_the_header_names__refused() -> None:
    batch = Batch.build([receipt(), receipt(1, payer=OTHER)], param_set=1, sequence=0)
    good = {"claims": batch.claims, "receipts": batch.receipts}
    assert Batch.of(batch.header, **good) == batch
    swapped = tuple(reversed(batch.receipts))
    for change in (
        {"receipts": batch.receipts[:1]},
        {"receipts": ()},
        {"receipts": swapped},
        {"receipts": (receipt(), receipt(2, payer=OTHER))},
        {"claims": batch.claims[:1]},
        {"claims": tuple(reversed(batch.claims))},
        {"claims": (Claim(payer=PAYER, receipts=2),)},
    ):
        with pytest.raises(HeaderMismatch):
            Batch.of(batch.header, **{**good, **change})


def test_of__claims_that_do_not_add_up__refused() -> None:
    """E12: also if the header binds them."""
    claims = (Claim(payer=PAYER, receipts=3),)
    batch = Batch.build([receipt(), receipt(1)], param_set=1, sequence=0)
    lying = header(root=batch.header.root, count=2, claims_hash=ids.claims_hash(claims))
    with pytest.raises(HeaderMismatch, match="claims"):
        Batch.of(lying, claims=claims, receipts=batch.receipts)


@pytest.mark.parametrize("bad", [None, [], {}, {"header": {}, "claims": [], "receipts": []}, {"header": 1}])
def test_from_json__garbage__typed_error(bad: Any) -> None:
    """G12."""
    with pytest.raises((InvalidField, HeaderMismatch)):
        Batch.from_json(bad)


def test_payer_at__beyond_the_claims__refused() -> None:
    claims = [Claim(payer=PAYER, receipts=2), Claim(payer=OTHER, receipts=1)]
    assert [payer_at(claims, at) for at in range(3)] == [PAYER, PAYER, OTHER]
    with pytest.raises(HeaderMismatch):
        payer_at(claims, 3)


# ---- Faults of a leaf that need no execution ----------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"operator": PAYER}, FaultKind.HEADER),
        ({"model_id": word("other")}, FaultKind.HEADER),
        ({"fee": 1}, FaultKind.HEADER),
        ({"stake": 1}, FaultKind.HEADER),
        ({"payer": OTHER}, FaultKind.CLAIM),
    ],
)
def test_leaf_faults__receipt_against_header_and_claims__named(
    changes: dict[str, Any], kind: FaultKind
) -> None:
    good = Batch.build([receipt()], param_set=1, sequence=0)
    found = faults.leaf_faults(
        receipt(**changes), 0, header=good.header, claims=good.claims, domain=DOMAIN, request=None
    )
    assert found == (kind,)


@pytest.mark.parametrize(
    ("asked", "breaks"),
    [
        ({}, False),
        ({"max_fee": 10**16}, False),
        ({"max_fee": 10**16 - 1}, True),
        ({"min_stake": 5 * 10**16 + 1}, True),
        ({"expires_at": 1_700_000_000}, False),
        ({"expires_at": 1_699_999_999}, True),
        ({"input_root": word("other")}, True),
        ({"model_id": word("other")}, True),
        ({"payer": OTHER}, True),
    ],
)
def test_leaf_faults__receipt_against_its_request__named(asked: dict[str, Any], breaks: bool) -> None:
    question = request(**asked)
    answer = receipt(request_id=question.id(DOMAIN))
    batch = Batch.build([answer], param_set=1, sequence=0)
    found = faults.leaf_faults(
        answer, 0, header=batch.header, claims=batch.claims, domain=DOMAIN, request=question
    )
    assert found == ((FaultKind.REQUEST,) if breaks else ())
    # Another request shows nothing.
    other = faults.leaf_faults(
        receipt(), 0, header=batch.header, claims=batch.claims, domain=DOMAIN, request=question
    )
    assert FaultKind.REQUEST not in other


def test_evidence__hashes_to_what_the_header_binds() -> None:
    claims = [Claim(payer=PAYER, receipts=2)]
    assert merkle.keccak256(faults.claims_evidence(claims)) == ids.claims_hash(claims)
    assert merkle.keccak256(request().TYPEHASH + faults.request_evidence(request())) == request().struct_hash
