"""What users do with the client, against the deployed contracts: pay, serve, commit, rely on, challenge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from onus.chain import Logged, Manifest
from onus.chain.errors import (
    DisputesNoFault,
    DisputesUnknown,
    EscrowInsufficientBalance,
    ModelsUnknown,
    SettlementChallenged,
    SettlementNothingFinalized,
    SettlementWindowOpen,
    SettlementWrongStatus,
    TooEarly,
    TraceRejected,
    decode_revert,
)
from onus.client import Onus
from onus.protocol import (
    Batch,
    BatchStatus,
    ChallengeStatus,
    CoverTooSmall,
    Expected,
    FaultKind,
    HeaderMismatch,
    InferenceMode,
    InferenceStatus,
    ModelId,
    ModelSpec,
    Opening,
    OperatorUnfit,
    Receipt,
    ReceiptMismatch,
    Request,
    Signed,
    Turn,
    Voucher,
    ids,
    keccak256,
    merkle,
    to_address,
)
from tests.client.conftest import START, UNIT, Chain, key
from tests.vectors.generate import manifest as model_manifest

FEE, STAKE = UNIT // 100, UNIT
INPUT = bytes(range(256)) * 3 + bytes(16)
SALT = keccak256(b"salt")


def chunk_root(data: bytes) -> bytes:
    chunks = [data[at : at + 128].ljust(128, b"\0") for at in range(0, len(data), 128)]
    return merkle.root([keccak256(chunk) for chunk in chunks])


@dataclass
class Stage:
    """An operator with stake, a model, and a payer with a reservation."""

    chain: Chain
    operator: Onus
    payer: Onus
    watcher: Onus
    provider: Onus
    model_id: ModelId

    @property
    def op(self) -> Any:
        return self.operator.require_signer().address

    def request(self, **changes: Any) -> Signed[Request]:
        fields: dict[str, Any] = {
            "input_root": chunk_root(INPUT),
            "max_fee": FEE,
            "min_stake": STAKE,
            "expires_at": self.payer.now() + 60,
        }
        return self.payer.payer.request(self.model_id, **fields | changes)

    def serve(self, request: Request, **changes: Any) -> Signed[Receipt]:
        now = self.operator.now()
        receipt = Receipt(
            request_id=request.id(self.operator.domain),
            model_id=request.model_id,
            operator=self.op,
            payer=request.payer,
            input_root=request.input_root,
            output_root=keccak256(b"output"),
            trace_root=keccak256(b"trace"),
            fee=FEE,
            stake=STAKE,
            served_at=now,
            commit_by=now + START.params.max_commit_delay,
        )
        return Signed.by(key("signing key"), replace(receipt, **changes), domain=self.operator.domain)

    def batch(self, receipts: list[Receipt]) -> Batch:
        sequence = self.operator.operators.state_of(self.op).next_sequence
        number, _ = self.operator.parameters.current()
        return Batch.build(receipts, param_set=number, sequence=sequence)

    def commit(self, *receipts: Receipt) -> tuple[Batch, Any]:
        batch = self.batch(list(receipts))
        redeemed = self.payer.escrow.reservation_of(receipts[0].payer, operator=self.op).redeemed
        voucher = self.payer.payer.voucher(self.op, cumulative=redeemed + FEE * len(receipts))
        return batch, self.operator.settlement.commit(batch, [voucher])


@pytest.fixture
def stage(chain: Chain, manifest: Manifest, client: Callable[..., Onus]) -> Stage:
    operator, payer, watcher, provider = (
        client(name) for name in ("operator", "payer", "watcher", "provider")
    )
    operator.operators.register("http://127.0.0.1:1", signer=key("signing key").address)
    operator.operators.stake(1_000 * UNIT)
    operator.operators.fund_reserve(START.params.reserve)
    payer.escrow.deposit_and_reserve(key("operator").address, 10 * UNIT)
    watcher.escrow.deposit(100 * UNIT)
    spec = ModelSpec(
        name="digits",
        version="1",
        uri="file:///digits.tosa",
        mode=InferenceMode.TRACE,
        verifier=manifest.address("TraceVerifier"),
        manifest=model_manifest(),
        royalty_bps=1_000,
        royalty_receiver=key("provider").address,
        challenge_window=0,
    )
    model_id = provider.models.register(spec).value
    assert model_id == provider.models.predict_id(spec.manifest)
    assert payer.models.spec_of(model_id) == spec
    return Stage(chain, operator, payer, watcher, provider, model_id)


def test_inference__paid_served_committed_final__and_relied_on(stage: Stage) -> None:
    """The whole life of an inference that nobody doubts (E1, E7)."""
    request = stage.request()
    signed = stage.serve(request.message)
    stage.payer.payer.check_receipt(signed, request=request.message, now=stage.payer.now())
    batch, mined = stage.commit(signed.message, stage.serve(stage.request().message).message)
    settlement = stage.payer.settlement
    assert mined.value == batch.id(stage.payer.domain) == settlement.batch_id_of(batch.header)
    (committed,) = settlement.BatchCommitted.from_receipt(mined)
    assert (committed.header, committed.claims) == (batch.header, batch.claims)
    assert settlement.committed(mined.value) == committed

    proof = batch.proof(batch.index_of(signed.message))
    expected = Expected(
        model_id=stage.model_id, input_root=request.message.input_root, min_stake=STAKE, published=True
    )
    status, until = settlement.status_of(batch.header, proof=proof)
    assert status is InferenceStatus.PENDING
    assert until == mined.timestamp + START.params.min_challenge_window
    with pytest.raises(SettlementWrongStatus):
        settlement.require_final(batch.header, proof=proof, expected=expected)
    stage.payer.settlement.publish(batch.header, proof, [INPUT])
    assert settlement.is_published(mined.value, leaf_index=proof.leaf_index)

    with pytest.raises(SettlementNothingFinalized) as refused:
        stage.operator.settlement.finalize([batch.header])
    assert isinstance(decode_revert(refused.value.reason), SettlementWindowOpen)
    assert isinstance(decode_revert(refused.value.reason), TooEarly)
    stage.chain.advance(START.params.min_challenge_window)
    done = stage.operator.settlement.finalize([batch.header, replace(batch.header, sequence=77)])
    assert done.value.final == (mined.value,)
    ((skipped, reason),) = done.value.skipped
    assert skipped == replace(batch.header, sequence=77).id(stage.payer.domain)
    assert isinstance(reason, SettlementWrongStatus)
    assert settlement.status_of(batch.header, proof=proof)[0] is InferenceStatus.FINAL_AND_PUBLISHED
    settlement.require_final(batch.header, proof=proof, expected=expected)

    # Money: 2 fees, 2 % to the treasury, 10 % to the model, the rest to the operator.
    (final,) = settlement.BatchFinal.from_receipt(done)
    assert final.operator_fee + final.royalty + final.protocol_fee == 2 * FEE
    assert stage.provider.settlement.distribute(stage.model_id).value == final.royalty
    stage.provider.escrow.withdraw_all()
    assert stage.provider.token.balance_of(key("provider").address) == 100_000 * UNIT + final.royalty
    stage.operator.escrow.withdraw(final.operator_fee, to=key("somebody").address)
    assert stage.operator.token.balance_of(key("somebody").address) == final.operator_fee


def test_dispute__receipt_unlike_its_header__slashed_settled_refunded(stage: Stage) -> None:
    """G4, E2: a fault that needs no execution, from the seal to the refund."""
    good = stage.serve(stage.request().message).message
    wrong = replace(stage.serve(stage.request().message).message, stake=STAKE + 1)
    honest = stage.batch([good])
    tree = merkle.MerkleTree([good.struct_hash, wrong.struct_hash])
    claims = (replace(honest.claims[0], receipts=2),)
    header = replace(honest.header, root=tree.root, count=2, claims_hash=ids.claims_hash(claims))
    batch = Batch.of(header, claims=claims, receipts=[good, wrong])
    voucher = stage.payer.payer.voucher(stage.op, cumulative=2 * FEE)
    batch_id = stage.operator.settlement.commit(batch, [voucher]).value
    disputes, opening = stage.watcher.disputes, Opening(leaf_index=1, salt=SALT)
    move: dict[str, Any] = {
        "salt": SALT,
        "proof": batch.proof(1),
        "kind": FaultKind.HEADER,
        "evidence": b"",
    }
    with pytest.raises(DisputesUnknown):
        disputes.preview(header, **move)
    challenge_id = disputes.challenge(header, opening).value
    assert challenge_id == disputes.key_of(opening).id(batch_id)
    assert disputes.challenge_of(challenge_id).status is ChallengeStatus.SEALED
    stage.chain.advance(1)
    disputes.open(header, opening)
    assert disputes.first_on(batch_id, leaf_index=1) == challenge_id
    disputes.preview(header, **move)
    before = stage.operator.operators.state_of(stage.op)
    proven = disputes.prove(header, **move)
    (event,) = disputes.FaultProven.from_receipt(proven)
    assert (event.batch_id, event.winner, event.leaf_index) == (batch_id, challenge_id, 1)
    assert stage.payer.settlement.batch_of(batch_id).status is BatchStatus.FAULTY
    assert stage.payer.settlement.status_of(header, proof=batch.proof(0))[0] is InferenceStatus.VOID
    after = stage.operator.operators.state_of(stage.op)
    penalty = START.params.lock_of(count=2, stake=STAKE)
    assert before.stake - after.stake == penalty
    request = stage.request()
    with pytest.raises(OperatorUnfit, match="jailed"):
        stage.payer.payer.check_receipt(
            stage.serve(request.message), request=request.message, now=stage.payer.now()
        )

    with pytest.raises(TooEarly):
        stage.payer.settlement.settle(header, claims)
    stage.chain.advance(START.params.earning_delay)
    assert stage.payer.settlement.winner_of(header) == disputes.key_of(opening)
    stage.payer.settlement.settle(header, claims)
    restitution = penalty * START.params.restitution_bps // 10_000
    reward = penalty * START.params.reward_bps // 10_000
    assert stage.payer.escrow.free_balance_of(key("payer").address) == 2 * FEE + restitution
    assert stage.watcher.escrow.free_balance_of(key("watcher").address) == 100 * UNIT + reward
    assert stage.watcher.escrow.sweep_burned().value == penalty - restitution - reward


def test_challenge__that_shows_nothing__times_out_and_costs_the_bond(stage: Stage) -> None:
    batch, _ = stage.commit(stage.serve(stage.request().message).message)
    disputes, opening = stage.watcher.disputes, Opening(leaf_index=0, salt=SALT)
    challenge_id = disputes.challenge(batch.header, opening).value
    turn, deadline = disputes.clock_of(batch.header, key=disputes.key_of(opening))
    assert (turn, deadline) == (Turn.CHALLENGER, stage.watcher.now() + START.params.challenger_time)
    with pytest.raises(TooEarly):
        disputes.timeout(batch.header, disputes.key_of(opening))
    stage.chain.advance(1)
    with pytest.raises(DisputesNoFault):
        disputes.preview(batch.header, salt=SALT, proof=batch.proof(0), kind=FaultKind.HEADER, evidence=b"")
    stage.chain.advance(START.params.min_challenge_window)
    with pytest.raises(SettlementNothingFinalized) as refused:
        stage.operator.settlement.finalize([batch.header])
    assert isinstance(decode_revert(refused.value.reason), SettlementChallenged)
    stage.operator.disputes.timeout(batch.header, disputes.key_of(opening))
    assert disputes.challenge_of(challenge_id).status is ChallengeStatus.LOST
    bond = START.params.challenge_bond
    assert stage.watcher.escrow.free_balance_of(key("watcher").address) == 100 * UNIT - bond
    assert len(stage.operator.settlement.finalize([batch.header]).value.final) == 1


def test_judge__evidence_that_is_none__typed_without_a_challenge(
    stage: Stage, client: Callable[..., Onus]
) -> None:
    batch, _ = stage.commit(stage.serve(stage.request().message).message)
    reader = client()
    with pytest.raises(TraceRejected):
        reader.disputes.judge(batch.header, proof=batch.proof(0), evidence=b"\7")
    other = replace(batch.proof(0), receipt=replace(batch.receipts[0], fee=1))
    with pytest.raises(HeaderMismatch):
        reader.disputes.judge(batch.header, proof=other, evidence=b"\1")


# ---- Payer, vouchers, reservations -----------------------------------------------------------------------


def test_payer__receipt_that_is_not_the_answer__refused(stage: Stage) -> None:
    request = stage.request()
    other = stage.serve(stage.request().message)
    with pytest.raises(ReceiptMismatch):
        stage.payer.payer.check_receipt(other, request=request.message, now=stage.payer.now())
    assert stage.request().message.nonce != stage.request().message.nonce


def test_payer__voucher_above_the_reservation__refused(stage: Stage) -> None:
    """E3."""
    stage.payer.payer.voucher(stage.op, cumulative=10 * UNIT)
    with pytest.raises(CoverTooSmall):
        stage.payer.payer.voucher(stage.op, cumulative=10 * UNIT + 1)
    stage.payer.escrow.request_release(stage.op, 4 * UNIT)
    with pytest.raises(CoverTooSmall) as refused:
        stage.payer.payer.voucher(stage.op, cumulative=6 * UNIT + 1)
    assert (
        refused.value.cover
        == 6 * UNIT
        == stage.payer.escrow.cover_of(key("payer").address, operator=stage.op)
    )
    stage.payer.escrow.cancel_release(stage.op)
    stage.payer.payer.voucher(stage.op, cumulative=10 * UNIT)


def test_escrow__every_verb(stage: Stage) -> None:
    escrow, me = stage.payer.escrow, key("payer").address
    escrow.deposit(5 * UNIT)
    escrow.deposit(UNIT, to=key("somebody").address)
    escrow.reserve(stage.op, 2 * UNIT)
    escrow.request_release(stage.op, 12 * UNIT)
    with pytest.raises(TooEarly):
        escrow.release(stage.op)
    stage.chain.advance(START.params.thawing)
    assert escrow.release(stage.op).value == 12 * UNIT
    assert escrow.free_balance_of(me) == 15 * UNIT
    assert escrow.balance_of(ids.account_of(me)) == 15 * UNIT
    escrow.set_voucher_key(key("voucher key").address)
    assert escrow.voucher_key_of(me) == key("voucher key").address
    with pytest.raises(EscrowInsufficientBalance) as refused:
        escrow.withdraw(15 * UNIT + 1)
    assert refused.value.balance == 15 * UNIT
    escrow.withdraw_all()
    assert escrow.free_balance_of(me) == 0


def test_operators__every_verb(stage: Stage) -> None:
    operators = stage.operator.operators
    operators.set_endpoint("http://127.0.0.1:2")
    assert operators.endpoint_of(stage.op) == "http://127.0.0.1:2"
    operators.set_signer(key("next key").address)
    stage.chain.advance(START.params.key_delay)
    now = stage.operator.now()
    assert operators.signer_at(stage.op, timestamp=now) == key("next key").address
    assert [each.key for each in operators.signers_of(stage.op)] == [
        key("signing key").address,
        key("next key").address,
    ]
    operators.request_unbond(100 * UNIT)
    operators.cancel_unbond()
    operators.request_unbond(100 * UNIT)
    assert operators.available_of(stage.op) == operators.state_of(stage.op).available == 900 * UNIT
    operators.request_reserve_exit()
    operators.cancel_reserve_exit()
    operators.request_reserve_exit()
    stage.chain.advance(START.params.unbonding_delay)
    assert operators.withdraw().value == 100 * UNIT
    assert operators.withdraw_reserve(to=key("somebody").address).value == START.params.reserve


def test_models__every_verb(stage: Stage) -> None:
    models = stage.provider.models
    models.deprecate(stage.model_id)
    assert models.deprecated_at(stage.model_id) > 0
    assert models.provider_of(stage.model_id) == key("provider").address
    assert models.manifest_hash_of(stage.model_id) == model_manifest().hash
    unknown = ModelId(bytes(32))
    for ask in (lambda: models.spec_of(unknown), lambda: models.provider_of(unknown)):
        with pytest.raises(ModelsUnknown):
            ask()


def test_commit__voucher_missing_or_for_another__refused_before_it_is_sent(stage: Stage) -> None:
    batch = stage.batch([stage.serve(stage.request().message).message])
    with pytest.raises(HeaderMismatch, match="voucher"):
        stage.operator.settlement.commit(batch, [])
    other = Voucher(payer=key("payer").address, operator=key("watcher").address, cumulative=FEE)
    with pytest.raises(HeaderMismatch, match="voucher"):
        stage.operator.settlement.commit(batch, [Signed.by(key("payer"), other, domain=stage.payer.domain)])


def test_logs__of_everything__in_order_and_complete(stage: Stage, client: Callable[..., Onus]) -> None:
    """F9: the events of a deployment, decoded, one list."""
    stage.commit(stage.serve(stage.request().message).message)
    reader = client()
    logs: list[Logged[Any]] = reader.logs(from_block=reader.manifest.first_block)
    names = [type(each.event).__name__ for each in logs]
    for name in ("ParamSetAdded", "VerifierAllowed", "ModelRegistered", "OperatorRegistered", "Reserved"):
        assert names.count(name) == 1
    assert names.index("Staked") < names.index("BatchCommitted")
    assert [(each.block_number, each.log_index) for each in logs] == sorted(
        (each.block_number, each.log_index) for each in logs
    )
    addresses = [reader.manifest.address(name) for name in ("Parameters", "Models", "Operators", "Escrow",
                                                             "Settlement", "Disputes")]  # fmt: skip
    raw = reader.rpc.logs(addresses=addresses, from_block=reader.manifest.first_block)
    assert len(raw) == len(logs) + sum(log.topics[0] not in _known() for log in raw)


def _known() -> set[bytes]:
    from onus.chain import contracts

    return {
        event.TOPIC
        for name in ("Parameters", "Models", "Operators", "Escrow", "Settlement", "Disputes")
        for event in getattr(contracts, name).EVENTS
    }


def test_token__transfer_approve_mint(client: Callable[..., Onus]) -> None:
    payer, somebody = client("payer"), to_address(key("somebody").address)
    payer.token.transfer(somebody, 5)
    payer.token.approve(somebody, 6)
    payer.token.mint(somebody, 7)
    assert payer.token.balance_of(somebody) == 12
    assert payer.token.allowance(key("payer").address, spender=somebody) == 6
