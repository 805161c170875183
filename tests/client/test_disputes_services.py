"""The client's verbs for demands, answers, omissions and reputation, against the deployed contracts."""

from __future__ import annotations

from typing import Any

import pytest

from onus.chain import LocalSigner
from onus.chain.errors import (
    DisputesAlreadyRevealed,
    DisputesNothingRevealed,
    DisputesOperatorsTurn,
    NoSigner,
    OmissionsNotClaimable,
    OmissionsNotPayer,
    ReputationAlreadyRecorded,
    ReputationNothingRecorded,
)
from onus.operator import answer_to
from onus.protocol import (
    BatchStatus,
    ChallengeStatus,
    DemandKind,
    OmissionStatus,
    Opening,
    Position,
    Reply,
    Turn,
)
from onus.trace import witness_of
from tests.nodes.disputes import DEPOSIT
from tests.nodes.town import FEE, Town, open_town
from tests.nodes.withholding import WithholdingOperator


@pytest.fixture(scope="module")
def _town(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with open_town(tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture
def town(_town: Town) -> Any:
    yield _town
    _town.close_visit()


def test_demand_reveal__one_by_one_and_many(town: Town) -> None:
    """G5, D11: both sides through the client, and what the reads say in between."""
    operator = WithholdingOperator(town)
    batch_id = operator.commit([town.image(), town.image()])
    header = operator.store.batch(batch_id).header
    watcher = town.client()
    watcher.escrow.deposit(DEPOSIT)
    disputes = watcher.disputes
    openings = [Opening(leaf_index=leaf, salt=bytes([leaf + 1]) * 32) for leaf in range(2)]
    ids = [disputes.challenge(header, opening).value for opening in openings]
    town.chain.advance(1)
    receipt, tensor = Position(kind=DemandKind.RECEIPT), Position(kind=DemandKind.CHUNKS, slot=2)
    program = operator.model.program

    def answer(leaf: int, position: Position) -> Any:
        served = operator.store.receipts_of(batch_id)[leaf]
        return answer_to(
            position,
            proof=operator.responder._answers.proof(batch_id, leaf),
            request=served.request.message,
            trace=lambda: operator.model.engine.run_encoded([served.input])[0],
        )

    assert disputes.clock(header, openings[0])[0] is Turn.CHALLENGER
    disputes.demand(header, openings[0], receipt)
    assert disputes.clock(header, openings[0])[0] is Turn.OPERATOR
    with pytest.raises(DisputesOperatorsTurn):
        disputes.demand(header, openings[0], tensor, witness_of(program, 2))
    assert not disputes.is_revealed(batch_id, leaf_index=0, position=receipt)
    challenger = watcher.require_signer().address
    # Anybody may bring the answer.
    town.client().disputes.reveal(header, answer(0, receipt), challenger=challenger, opening=openings[0])
    assert disputes.is_revealed(batch_id, leaf_index=0, position=receipt)
    with pytest.raises(DisputesAlreadyRevealed):
        disputes.demand(header, openings[0], receipt)

    for opening in openings:
        disputes.demand(header, opening, tensor, witness_of(program, 2))
    replies = [
        Reply(header=header, challenger=challenger, opening=opening, answer=answer(wrong, tensor))
        for opening, wrong in zip(openings, (0, 0), strict=True)
    ]
    many = operator.client.disputes.reveal_many(replies).value
    assert many.answered == 1
    assert [place for place, _ in many.skipped] == [1]
    with pytest.raises(DisputesNothingRevealed):
        operator.client.disputes.reveal_many(replies[1:])
    states = [disputes.challenge_of(each) for each in ids]
    assert [(state.status, state.answers) for state in states] == [
        (ChallengeStatus.ENGAGED, 2),
        (ChallengeStatus.ENGAGED, 0),
    ]


def test_omission__claim_answer_punish(town: Town) -> None:
    """E13: who may claim, when, and what becomes of it."""
    operator = WithholdingOperator(town)
    operator.payer.escrow.deposit(DEPOSIT)
    shown, hidden = operator.serve([town.image(), town.image()])
    omissions = operator.payer.omissions
    assert omissions.of(shown.message).status is OmissionStatus.NULL
    with pytest.raises(OmissionsNotClaimable):
        omissions.claim(shown)
    with pytest.raises(OmissionsNotPayer):
        town.client().omissions.claim(shown)
    town.chain.advance_to(shown.message.commit_by + 1)
    omissions.claim(shown)
    omissions.claim(hidden, set=1)
    batch_id = operator.commit()
    header = operator.store.batch(batch_id).header
    proof = operator.responder._answers.proof(batch_id, 0)
    town.client().omissions.answer(shown.message, header, proof)
    assert omissions.of(shown.message).status is OmissionStatus.ANSWERED
    town.chain.advance_to(omissions.of(hidden.message).deadline)
    town.client().omissions.punish(hidden.message)
    assert omissions.of(hidden.message).status is OmissionStatus.PUNISHED


def test_reputation__counts_an_ended_batch_once(town: Town) -> None:
    operator = WithholdingOperator(town)
    batch_id = operator.commit([town.image()])
    header = operator.store.batch(batch_id).header
    stranger = town.client()
    reputation = stranger.reputation
    before = reputation.provider(town.reader.models.provider_of(town.model_id))
    with pytest.raises(ReputationNothingRecorded):
        reputation.record([header])
    town.chain.advance_to(town.reader.settlement.batch_of(batch_id).window_ends_at)
    operator.committer.step()
    recorded = reputation.record([header, header]).value
    assert recorded.recorded == (batch_id,)
    ((skipped, why),) = recorded.skipped
    assert skipped == batch_id
    assert isinstance(why, ReputationAlreadyRecorded)
    history = reputation.operator(operator.address)
    fee = FEE * town.params.protocol_fee_bps // 10_000
    assert fee - 10**10 < history.earned <= fee
    assert reputation.score(history) == 10_000
    assert reputation.model(town.model_id).earned > 0
    assert reputation.provider(town.reader.models.provider_of(town.model_id)).earned > before.earned


def test_a_reader__sends_nothing(town: Town) -> None:
    operator = WithholdingOperator(town)
    batch_id = operator.commit([town.image()])
    from onus.client import Onus

    reader = Onus(town.chain.url, town.manifest, verify=False)
    header = operator.store.batch(batch_id).header
    opening = Opening(leaf_index=0, salt=bytes(32))
    challenger = LocalSigner.create().address
    for send in (
        lambda: reader.disputes.demand(header, opening, Position(kind=DemandKind.RECEIPT)),
        lambda: reader.disputes.reveal_many([]),
        lambda: reader.omissions.punish(operator.store.receipts_of(batch_id)[0].receipt.message),
        lambda: reader.reputation.record([header]),
        lambda: reader.settlement.refund(header, operator.store.batch(batch_id).claims),
        lambda: reader.models.quarantine(challenger),
    ):
        with pytest.raises(NoSigner):
            send()
    assert reader.settlement.batch_of(batch_id).status is BatchStatus.PENDING
