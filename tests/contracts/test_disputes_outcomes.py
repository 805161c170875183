"""The outcome table of a challenge, row by row, to the wei (docs/protocol.md, Disputes; C16).

Odd amounts, so that every rounding shows. Whatever the row: paid + burned = bonds + penalty, fees are paid or
refunded once, and a ban of the operator in the middle of it changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from onus.protocol import BatchStatus, ChallengeStatus, FaultKind, Position, preset
from onus.protocol.ids import BURNED, account_of
from tests.support.actors import Actor
from tests.support.chain import Tx
from tests.support.withheld import LEAF, RECEIPT, REQUEST, Withheld, digits_source
from tests.support.world import Sealed, World

BOND, LOCK, FEE, RECEIPTS = 201, 1_009, 333, 3
PARAMS = replace(
    preset("op-stack").params,
    reserve=501,
    min_batch_stake=LOCK,
    min_stake_per_inference=7,
    challenge_bond=BOND,
    protocol_fee_bps=333,
    reward_bps=2_001,
    restitution_bps=2_998,
    max_demands=13,
)
# Rounded down; what is left burns.
REWARD, RESTITUTION = LOCK * 2_001 // 10_000, LOCK * 2_998 // 10_000
FEES = FEE * RECEIPTS
ANSWERS: list[Position] = [RECEIPT, REQUEST, *digits_source().positions()]


@dataclass(frozen=True)
class End:
    """What a row says. `paid`: to whom, besides what is burned."""

    status: BatchStatus
    challenge: ChallengeStatus
    paid: dict[Actor, int]
    burned: int
    bonds: int
    penalty: int = 0
    stake: int = 0
    refunded: int = 0
    faults: int = 0


class Court:
    """A committed batch, whose leaves all differ from its header, and what was credited since."""

    def __init__(self, world: World, *, banned: bool) -> None:
        self.world, self.banned = world, banned
        self.withheld = Withheld(world, digits_source(), fee=FEE)
        self.batch, self.elsewhere = self.withheld.batch, self.withheld.commit(fee=FEE)
        self.withheld.batch = self.batch
        self.start = world.operators.stateOf(world.op1)
        self.credited: Counter[bytes] = Counter()
        world.chain.listeners.append(self._record)

    def _record(self, tx: Tx) -> None:
        for event in tx.events("Credited"):
            self.credited[event.account] += event.amount

    def challenge(self, by: Actor | None = None, *, leaf: int = LEAF, answers: int = 0) -> Sealed:
        """Challenges, has some positions revealed, and lets the operator be banned for something else."""
        sealed = self.withheld.challenge(leaf, by=by)
        for position in ANSWERS[:answers]:
            self.withheld.turn(sealed, position)
        if self.banned and self.world.operators.stateOf(self.world.op1).faults == 0:
            other = self.world.challenge(self.elsewhere, by=self.world.stranger)
            self.world.prove(self.elsewhere, other)
            assert self.world.operators.stateOf(self.world.op1).jailedUntil == 2**40 - 1
        return sealed

    def prove(self, sealed: Sealed) -> None:
        self.world.prove(self.batch, sealed, kind=FaultKind.HEADER)

    def run_out(self, sealed: Sealed) -> None:
        """Whoever's turn it is says nothing."""
        deadline = self.world.disputes.clockOf(self.batch.header, sealed.key).deadline
        self.world.timeout(self.batch, sealed, at=deadline)

    def settle(self, winner: Sealed) -> None:
        self.world.forward(self.world.params.earning_delay)
        self.world.settle(self.batch, winner)

    def faulty(self, winner: Sealed, others: int = 0) -> End:
        paid = {winner.by: BOND + REWARD, self.world.alice: FEES + RESTITUTION}
        return End(
            status=BatchStatus.SETTLED,
            challenge=ChallengeStatus.WON,
            paid=paid,
            burned=LOCK - REWARD - RESTITUTION,
            bonds=(1 + others) * BOND,
            penalty=LOCK,
            stake=-LOCK,
            refunded=FEES,
            faults=1,
        )

    def lost(self, answers: int, status: BatchStatus = BatchStatus.PENDING) -> End:
        paid = BOND // 2 * answers // 13
        return End(status, ChallengeStatus.LOST, {self.world.op1: paid}, BOND - paid, bonds=BOND)


def fault_shown(court: Court) -> tuple[Sealed, End]:
    sealed = court.challenge(answers=2)
    court.prove(sealed)
    court.settle(sealed)
    return sealed, court.faulty(sealed)


def operator_out_of_time(court: Court) -> tuple[Sealed, End]:
    sealed = court.challenge(answers=2)
    court.withheld.demand(sealed, ANSWERS[2])
    court.run_out(sealed)
    court.settle(sealed)
    return sealed, court.faulty(sealed)


def challenger_out_of_time(answers: int) -> Callable[[Court], tuple[Sealed, End]]:
    def row(court: Court) -> tuple[Sealed, End]:
        sealed = court.challenge(answers=answers)
        court.run_out(sealed)
        return sealed, court.lost(answers)

    return row


def another_won(court: Court) -> tuple[Sealed, End]:
    sealed = court.challenge(answers=3)
    winner = court.challenge(court.world.watcher2, leaf=0)
    court.prove(winner)
    court.world.close_challenge(court.batch, sealed)
    court.settle(winner)
    end = court.faulty(winner, others=1)
    return sealed, replace(end, challenge=ChallengeStatus.CLOSED, paid=end.paid | {sealed.by: BOND})


def another_won_on_the_operators_turn(court: Court) -> tuple[Sealed, End]:
    """It is not the challenger's fault that the answer never came."""
    sealed = court.challenge()
    court.withheld.demand(sealed, RECEIPT)
    court.world.forward(court.world.params.operator_time - 100)
    winner = court.challenge(court.world.watcher2, leaf=0)
    court.prove(winner)
    court.world.forward(court.world.params.operator_time)
    court.world.close_challenge(court.batch, sealed)
    court.settle(winner)
    end = court.faulty(winner, others=1)
    return sealed, replace(end, challenge=ChallengeStatus.CLOSED, paid=end.paid | {sealed.by: BOND})


def another_won_after_its_time(court: Court) -> tuple[Sealed, End]:
    sealed = court.challenge(answers=3)
    deadline = court.world.disputes.clockOf(court.batch.header, sealed.key).deadline
    court.world.time_to(deadline - 50)
    winner = court.challenge(court.world.watcher2, leaf=0)
    court.world.time_to(deadline)
    court.prove(winner)
    court.world.close_challenge(court.batch, sealed)
    court.settle(winner)
    end, lost = court.faulty(winner, others=1), court.lost(3)
    return sealed, replace(
        end, challenge=ChallengeStatus.LOST, paid=end.paid | lost.paid, burned=end.burned + lost.burned
    )


def quarantine_confirmed(court: Court) -> tuple[Sealed, End]:
    sealed = court.challenge(answers=3)
    court.world.fail_verifier()
    court.world.close_challenge(court.batch, sealed)
    court.world.refund(court.batch)
    return sealed, End(
        BatchStatus.REFUNDED,
        ChallengeStatus.CLOSED,
        {sealed.by: BOND, court.world.alice: FEES},
        0,
        bonds=BOND,
        refunded=FEES,
    )


def quarantine_confirmed_after_the_verdict(court: Court) -> tuple[Sealed, End]:
    """The pot goes back to the stake, the fault is taken back."""
    sealed = court.challenge(answers=3)
    court.prove(sealed)
    court.world.fail_verifier()
    court.world.refund(court.batch)
    court.world.close_challenge(court.batch, sealed)
    return sealed, End(
        BatchStatus.REFUNDED,
        ChallengeStatus.CLOSED,
        {sealed.by: BOND, court.world.alice: FEES},
        0,
        bonds=BOND,
        refunded=FEES,
    )


ROWS: dict[str, Callable[[Court], tuple[Sealed, End]]] = {
    "fault shown": fault_shown,
    "operator out of time": operator_out_of_time,
    "challenger out of time": challenger_out_of_time(0),
    "challenger out of time after answers": challenger_out_of_time(7),
    "challenger out of time after all": challenger_out_of_time(13),
    "another challenge won": another_won,
    "another challenge won, operator's turn": another_won_on_the_operators_turn,
    "another challenge won, too late": another_won_after_its_time,
    "quarantine confirmed": quarantine_confirmed,
    "quarantine confirmed after the verdict": quarantine_confirmed_after_the_verdict,
}


@pytest.mark.parametrize("banned", [False, True])
@pytest.mark.parametrize("row", ROWS)
def test_outcome__of_every_row__to_the_wei(
    another_world: Callable[..., World], row: str, banned: bool
) -> None:
    """C16: paid + burned = bonds + penalty, and each amount is the table's."""
    world = another_world(params=replace(PARAMS, faults_to_ban=1 if banned else 250))
    court = Court(world, banned=banned)

    sealed, end = ROWS[row](court)

    assert world.state_of(court.batch).status == end.status
    assert world.disputes.challengeOf(sealed.id).status == end.challenge
    expected = Counter({account_of(actor.address): amount for actor, amount in end.paid.items()})
    expected[BURNED] = end.burned
    assert +court.credited == +expected
    assert sum(court.credited.values()) - end.refunded == end.bonds + end.penalty
    operator = world.operators.stateOf(world.op1)
    assert operator.stake - court.start.stake == end.stake - (LOCK if banned else 0)
    assert operator.faults == end.faults + banned
    # Its lock is gone with the batch, or stays until that is final.
    locked = LOCK * (end.status == BatchStatus.PENDING) + LOCK * (not banned)
    assert operator.locked == locked
    held = world.assert_solvent().bonds
    assert held == ({} if not banned else {id: BOND for id in held if id != sealed.id})
    assert len(held) == banned
