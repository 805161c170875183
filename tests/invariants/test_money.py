"""Random lives of two operators, two payers and two watchers, beside a model in plain Python.

Every call must give the model's error, or succeed and leave every balance as in the model; after every step
both contracts that hold tokens hold exactly what they owe, and all stake that backs something is there (A1,
A2, A12, B2, exit safety, D13, E1). Time jumps to deadlines −1, 0, +1, or up to twice the longest period. At
the end the events alone tell the whole state (F8, F9).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from onus.protocol import (
    BatchStatus,
    ChallengeStatus,
    DemandKind,
    Parent,
    Position,
    TensorWitness,
    preset,
)
from onus.protocol.faults import request_evidence
from onus.protocol.ids import BURNED, account_of
from tests.invariants.money_model import ALIVE, Batch, Challenge, Money, Operator
from tests.support.actors import Actor, actor
from tests.support.chain import Method, Revert
from tests.support.deployment import WEALTH
from tests.support.replay import check_replay
from tests.support.world import Sealed, World

# Small and odd amounts: every rounding shows.
PARAMS = replace(
    preset("op-stack").params,
    reserve=501,
    min_batch_stake=1_009,
    min_stake_per_inference=7,
    challenge_bond=199,
    max_demands=2,
    protocol_fee_bps=333,
    reward_bps=2_001,
    restitution_bps=2_998,
    faults_to_ban=4,
)
OPERATORS, PAYERS, WATCHERS = ("op1", "op2"), ("alice", "bob"), ("watcher1", "op1", "alice")
PEOPLE = sorted({*OPERATORS, *PAYERS, *WATCHERS, "treasury", "provider"})

operators, payers, watchers = map(st.sampled_from, (OPERATORS, PAYERS, WATCHERS))
everybody = payers | watchers | operators
amounts = st.sampled_from((0, 1, 501, 1_009, 5_000)) | st.integers(1, 3_000)
Draw = Callable[[st.SearchStrategy[Any]], Any]

ACTIONS = (
    "stake",
    "request_unbond",
    "cancel_unbond",
    "withdraw",
    "fund_reserve",
    "request_reserve_exit",
    "cancel_reserve_exit",
    "withdraw_reserve",
    "deposit",
    "withdraw_free",
    "reserve",
    "request_release",
    "cancel_release",
    "release",
    "sweep",
    "commit",
    "finalize",
    "challenge",
    "open",
    "demand",
    "reveal",
    "prove",
    "time_out",
    "close",
    "settle",
    "distribute",
    "give",
    "wait_for_a_deadline",
    "wait",
)


class Lives(RuleBasedStateMachine):
    """The machine; `world` is prepared by the test and put back after each life."""

    world: ClassVar[World]
    models: ClassVar[tuple[bytes, bytes]]

    def __init__(self) -> None:
        super().__init__()
        w = self.world
        self.start = w.mark()
        self.now = w.now
        parent, child = self.models
        self.model = Money(
            params=w.params,
            treasury=w.treasury.address,
            royalties={
                parent: (777, w.provider.address, ()),
                child: (5_000, w.alice.address, ((parent, 3_333),)),
            },
            wallets={actor(name).address: w.token.balanceOf(actor(name)) for name in PEOPLE},
        )
        self.swept = w.token.balanceOf(w.escrow.burnAddress())
        for name in OPERATORS:
            address, state = actor(name).address, w.operators.stateOf(actor(name))
            self.model.operators[address] = Operator(
                address, stake=state.stake, reserve=state.reserve, paid_in=state.stake + state.reserve
            )
            for payer in PAYERS:
                reserved = w.escrow.reservationOf(actor(payer), address).reserved
                self.model.reservations[actor(payer).address, address].reserved = reserved
        for name in PEOPLE:
            self.model.balances[account_of(actor(name).address)] = w.free(actor(name))  # type: ignore[arg-type]
        self.made: dict[bytes, Any] = {}
        self.seals: dict[bytes, Sealed] = {}

    def teardown(self) -> None:
        try:
            check_replay(self.world)
        finally:
            self.world.back_to(self.start)

    # ---- Steps --------------------------------------------------------------------------------------------

    def step(self, method: Method, *args: Any, by: Actor, does: Callable[[int], Revert | None]) -> bool:
        """Calls a second later; chain and model must agree on the error, or both have done it."""
        at = self.now + 1
        expected = does(at)
        actual = method.revert(*args, sender=by, at=at)
        assert actual == expected, f"{method}: chain says {actual}, model says {expected}"
        if expected is None:
            method(*args, sender=by, at=at)
            self.now = at
        return expected is None

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        """One of all actions, possible or not; what the state invites comes more often."""
        name = data.draw(st.sampled_from(self.likely()))
        getattr(self, name)(data.draw)

    def likely(self) -> list[str]:
        """All actions, some several times."""
        m = self.model
        status = [batch.status for batch in m.batches.values()]
        alive = [challenge for challenge in m.challenges.values() if challenge.status in ALIVE]
        names = [*ACTIONS, *(6 * ["commit"]), *(4 * ["stake"]), *(2 * ["deposit"]), *(2 * ["reserve"])]
        if BatchStatus.PENDING in status:
            names += [
                *(8 * ["challenge"]),
                *(4 * ["wait_for_a_deadline"]),
                *(3 * ["finalize"]),
                "request_unbond",
            ]
        if alive:
            names += [*(8 * ["prove"]), *(4 * ["open"]), *(3 * ["time_out"]), *(3 * ["close"])]
            names += [*(5 * ["demand"])]
        if any(challenge.wanted for challenge in alive):
            names += [*(5 * ["reveal"]), *(4 * ["time_out"]), *(3 * ["wait_for_a_deadline"])]
        if BatchStatus.FAULTY in status:
            names += [*(6 * ["settle"]), *(4 * ["wait_for_a_deadline"]), *(3 * ["withdraw"])]
        if m.balances[BURNED]:
            names += ["sweep"]
        if any(m.balances[model] for model in self.models):
            names += 2 * ["distribute"]
        if any(op.leaving for op in m.operators.values()):
            names += [*(4 * ["cancel_reserve_exit"]), *(2 * ["withdraw_reserve"])]
        if any(op.reserve < m.params.reserve for op in m.operators.values()):
            names += 6 * ["fund_reserve"]
        if any(op.unbonding for op in m.operators.values()):
            names += [*(2 * ["withdraw"]), *(3 * ["wait_for_a_deadline"]), "cancel_unbond"]
        if any(reservation.thawing for reservation in m.reservations.values()):
            names += [*(3 * ["release"]), *(3 * ["wait_for_a_deadline"])]
        return names

    # ---- Stake --------------------------------------------------------------------------------------------

    def stake(self, draw: Draw) -> None:
        by, amount, m = actor(draw(operators)), draw(amounts), self.model
        self.step(self.world.operators.stake, amount, by=by, does=lambda _: m.stake(by.address, amount))

    def request_unbond(self, draw: Draw) -> None:
        by, m = actor(draw(operators)), self.model
        op = m.operators[by.address]
        amount = draw(amounts | st.just(op.stake - op.unbonding))
        method = self.world.operators.requestUnbond
        self.step(method, amount, by=by, does=lambda at: m.request_unbond(by.address, amount, at))

    def cancel_unbond(self, draw: Draw) -> None:
        by, m = actor(draw(operators)), self.model
        self.step(self.world.operators.cancelUnbond, by=by, does=lambda _: m.cancel_unbond(by.address))

    def withdraw(self, draw: Draw) -> None:
        by, m = actor(draw(operators)), self.model
        self.step(self.world.operators.withdraw, by, by=by, does=lambda at: m.withdraw(by.address, at))

    def fund_reserve(self, draw: Draw) -> None:
        by, amount, m = actor(draw(operators)), draw(amounts), self.model
        method = self.world.operators.fundReserve
        self.step(method, amount, by=by, does=lambda _: m.fund_reserve(by.address, amount))

    def request_reserve_exit(self, draw: Draw) -> None:
        by, m = actor(draw(operators)), self.model
        method = self.world.operators.requestReserveExit
        self.step(method, by=by, does=lambda at: m.request_reserve_exit(by.address, at))

    def cancel_reserve_exit(self, draw: Draw) -> None:
        by, m = actor(draw(operators)), self.model
        method = self.world.operators.cancelReserveExit
        self.step(method, by=by, does=lambda _: m.cancel_reserve_exit(by.address))

    def withdraw_reserve(self, draw: Draw) -> None:
        by, m = actor(draw(operators)), self.model
        method = self.world.operators.withdrawReserve
        self.step(method, by, by=by, does=lambda at: m.withdraw_reserve(by.address, at))

    # ---- Escrow -------------------------------------------------------------------------------------------

    def deposit(self, draw: Draw) -> None:
        by, to, amount, m = actor(draw(everybody)), actor(draw(everybody)).address, draw(amounts), self.model
        method = self.world.escrow.deposit
        self.step(method, to, amount, by=by, does=lambda _: m.deposit(by.address, to, amount))

    def withdraw_free(self, draw: Draw) -> None:
        by, amount, m = actor(draw(everybody)), draw(amounts), self.model
        method = self.world.escrow.withdraw
        self.step(method, by, amount, by=by, does=lambda _: m.withdraw_free(by.address, amount))

    def reserve(self, draw: Draw) -> None:
        by, to, amount, m = actor(draw(payers)), actor(draw(operators)).address, draw(amounts), self.model
        method = self.world.escrow.reserve
        self.step(method, to, amount, by=by, does=lambda _: m.reserve(by.address, to, amount))

    def request_release(self, draw: Draw) -> None:
        by, to, amount, m = actor(draw(payers)), actor(draw(operators)).address, draw(amounts), self.model
        method = self.world.escrow.requestRelease
        self.step(method, to, amount, by=by, does=lambda at: m.request_release(by.address, to, amount, at))

    def cancel_release(self, draw: Draw) -> None:
        by, to, m = actor(draw(payers)), actor(draw(operators)).address, self.model
        self.step(self.world.escrow.cancelRelease, to, by=by, does=lambda _: m.cancel_release(by.address, to))

    def release(self, draw: Draw) -> None:
        by, to, m = actor(draw(payers)), actor(draw(operators)).address, self.model
        self.step(self.world.escrow.release, to, by=by, does=lambda at: m.release(by.address, to, at))

    def sweep(self, _: Draw) -> None:
        self.step(self.world.escrow.sweepBurned, by=self.world.stranger, does=lambda _: self.model.sweep())

    # ---- Batches ------------------------------------------------------------------------------------------

    def commit(self, draw: Draw) -> None:
        w, by, model_id = self.world, actor(draw(operators)), draw(st.sampled_from(self.models))
        fee, stake = draw(st.sampled_from((0, 1, 3, 97))), draw(st.sampled_from((7, 300)))
        counts = draw(st.sampled_from(((1, 0), (0, 2), (1, 2), (5, 3))))
        fault = draw(st.sampled_from((None, 0, 0, -1)))
        w.time_to(self.now)
        receipts = [
            w.receipt(by, model_id, payer=actor(payer), fee=fee, stake=stake)  # type: ignore[arg-type]
            for payer, count in zip(PAYERS, counts, strict=True)
            for _ in range(count)
        ]
        faults = frozenset[int]()
        if fault is not None:
            receipts[fault] = replace(receipts[fault], fee=fee + 1)
            faults = frozenset({fault % len(receipts)})
        batch = w.batch(by, receipts=receipts, fee=fee, stake=stake)
        at = self.now + 1
        new = Batch(
            id=w.id_of(batch),
            operator=by.address,
            model=model_id,
            fee=fee,
            claims=tuple((claim.payer, claim.receipts) for claim in batch.claims),
            lock=max(len(receipts) * stake, w.params.min_batch_stake),
            faults=faults,
            committed_at=at,
            window_ends_at=at + 100 * 3_600,
        )
        args = (batch.header, batch.claims, w.vouchers(batch))
        if self.step(w.settlement.commit, *args, by=by, does=lambda now: self.model.commit(new, now)):
            self.made[new.id] = batch

    def finalize(self, draw: Draw) -> None:
        if not self.made:
            return
        chosen = draw(st.lists(st.sampled_from(list(self.model.batches.values())), min_size=1, max_size=3))
        at, method = self.now + 1, self.world.settlement.finalize
        headers = [self.made[batch.id].header for batch in chosen]
        reason = self.model.why_not_final(chosen[0], at)
        done = self.model.finalize(chosen, at)
        if done == 0:
            revert = method.revert(headers, sender=self.world.stranger, at=at)
            assert revert is not None and revert.name == "Settlement_NothingFinalized"
            assert self.world.chain.codec.revert(revert.args[0]).name == reason
        else:
            tx = method(headers, sender=self.world.stranger, at=at)
            assert len(tx.events("BatchFinal")) == done == len(chosen) - len(tx.events("FinalizeSkipped"))
            self.now = at

    def challenge(self, draw: Draw) -> None:
        if not self.made:
            return
        batches = list(self.model.batches.values())
        pending = [batch for batch in batches if batch.status is BatchStatus.PENDING]
        batch = draw(st.sampled_from([*pending, *pending, *pending, *batches]))
        leaf = draw(st.sampled_from([*batch.faults, *batch.faults, 0, batch.count - 1]))
        w, by = self.world, actor(draw(watchers))
        sealed = w.sealed(self.made[batch.id], leaf, by=by)
        new = Challenge(sealed.id, batch.id, by.address, leaf, sealed_at=self.now + 1, ordinal=0)
        args = (self.made[batch.id].header, sealed.key.seal)
        if self.step(w.disputes.challenge, *args, by=by, does=lambda at: self.model.challenge(new, at)):
            self.seals[new.id] = sealed

    def some_challenge(self, draw: Draw) -> tuple[Challenge, Sealed, Any] | None:
        """Mostly one that is alive, and one of the newest."""
        if not self.seals:
            return None
        challenges = list(self.model.challenges.values())
        alive = [challenge for challenge in challenges if challenge.status in ALIVE]
        challenge = draw(st.sampled_from([*alive, *alive, *challenges[-3:]]))
        return challenge, self.seals[challenge.id], self.made[challenge.batch]

    def open(self, draw: Draw) -> None:
        if found := self.some_challenge(draw):
            challenge, sealed, batch = found
            args = (batch.header, sealed.opening)
            self.step(
                self.world.disputes.open, *args, by=sealed.by, does=lambda at: self.model.open(challenge, at)
            )

    def demand(self, draw: Draw) -> None:
        if found := self.some_challenge(draw):
            challenge, sealed, batch = found
            kind = draw(st.sampled_from((DemandKind.RECEIPT, DemandKind.REQUEST)))
            args = (batch.header, sealed.opening, Position(kind=kind), TensorWitness())
            self.step(
                self.world.disputes.demand,
                *args,
                by=sealed.by,
                does=lambda at: self.model.demand(challenge, kind, at),
            )

    def reveal(self, draw: Draw) -> None:
        """The right answer, if there is one to give."""
        if found := self.some_challenge(draw):
            challenge, sealed, batch = found
            request = self.world.requests[batch.receipts[challenge.leaf].request_id]
            asked = challenge.wanted is DemandKind.REQUEST
            answer = self.world.answer(batch, sealed, request_evidence(request) if asked else b"")
            args, by = (batch.header, sealed.by, sealed.opening, answer), self.world.stranger
            self.step(
                self.world.disputes.reveal,
                *args,
                by=by,
                does=lambda at: self.model.reveal(challenge, at),
            )

    def prove(self, draw: Draw) -> None:
        if found := self.some_challenge(draw):
            challenge, sealed, batch = found
            args = self.world.prove_args(batch, sealed)
            self.step(
                self.world.disputes.prove,
                *args,
                by=sealed.by,
                does=lambda at: self.model.prove(challenge, at),
            )

    def time_out(self, draw: Draw) -> None:
        if found := self.some_challenge(draw):
            challenge, sealed, batch = found
            method, by = self.world.disputes.timeout, self.world.stranger
            self.step(
                method, batch.header, sealed.key, by=by, does=lambda at: self.model.timeout(challenge, at)
            )

    def close(self, draw: Draw) -> None:
        if found := self.some_challenge(draw):
            challenge, sealed, batch = found
            method, by = self.world.disputes.close, self.world.stranger
            self.step(method, batch.header, sealed.key, by=by, does=lambda _: self.model.close(challenge))

    def settle(self, draw: Draw) -> None:
        """Mostly a faulty batch with its winner; sometimes another batch, or another challenge."""
        if not self.seals:
            return
        challenges = list(self.model.challenges.values())
        won = [challenge for challenge in challenges if challenge.status is ChallengeStatus.WON]
        challenge = draw(st.sampled_from([*won, *won, *won, *challenges]))
        mine = self.model.batches[challenge.batch]
        target = draw(st.sampled_from([*(6 * [mine]), *self.model.batches.values()]))
        batch, sealed = self.made[target.id], self.seals[challenge.id]
        if target is not mine:
            # The key names a challenge of the batch that is to be settled: there is none.
            id = sealed.key.id(self.world.id_of(batch))
            challenge = Challenge(id, b"", challenge.by, leaf=0, sealed_at=0, ordinal=0)
        args, by = (batch.header, batch.claims, sealed.key), self.world.stranger
        method = self.world.settlement.settle
        self.step(method, *args, by=by, does=lambda at: self.model.settle(target, challenge, at))

    def distribute(self, draw: Draw) -> None:
        id, method = draw(st.sampled_from(self.models)), self.world.settlement.distribute
        self.step(method, id, by=self.world.stranger, does=lambda _: self.model.distribute(id))

    # ---- Others -------------------------------------------------------------------------------------------

    def give(self, draw: Draw) -> None:
        """A12: tokens sent directly."""
        w, by, amount = self.world, self.world.bob, draw(st.integers(1, 50))
        to = draw(st.sampled_from((w.operators, w.escrow)))

        def does(_: int) -> None:
            self.model.wallets[by.address] -= amount

        self.step(w.token.transfer, to, amount, by=by, does=does)

    def wait_for_a_deadline(self, draw: Draw) -> None:
        """The next call comes at the deadline −1, 0, or +1."""
        step = draw(st.sampled_from((-2, -1, 0)))
        later = sorted(time for time in self.model.deadlines() if time + step > self.now)
        if later:
            self.now = draw(st.sampled_from(later[:4])) + step

    def wait(self, draw: Draw) -> None:
        self.now += draw(st.integers(0, 3_600) | st.integers(0, 20 * 24 * 3_600))

    # ---- What holds after every step ----------------------------------------------------------------------

    @invariant()
    def everything_is_as_in_the_model(self) -> None:
        w, m = self.world, self.model
        m.check()
        w.assert_solvent()
        names = [actor(name) for name in PEOPLE]
        accounts = [*(account_of(each.address) for each in names), *self.models, BURNED]  # type: ignore[arg-type]
        pairs = list(m.reservations)
        balances, wallets, states, reservations, batches = (
            w.chain.read(calls)
            for calls in (
                [(w.escrow.balanceOf, (account,)) for account in accounts],
                [(w.token.balanceOf, (each,)) for each in (*names, w.escrow.burnAddress())],
                [(w.operators.stateOf, (address,)) for address in m.operators],
                [(w.escrow.reservationOf, pair) for pair in pairs],
                [(w.settlement.batchOf, (id,)) for id in m.batches],
            )
        )
        assert balances == [m.balances[account] for account in accounts]
        assert wallets == [*(m.wallets[each.address] for each in names), self.swept + m.swept]
        assert [tuple(state) for state in states] == [
            (
                op.stake,
                op.locked,
                op.sequence,
                op.unbonding,
                op.reserve,
                op.jailed_until,
                op.faults,
                True,
                op.leaving,
                op.exit_at,
                op.reserve_exit_at,
            )
            for op in m.operators.values()
        ]
        assert [tuple(each) for each in reservations] == [
            (r.reserved, r.redeemed, r.thawing, r.thaws_at) for r in m.reservations.values()
        ]
        for batch, state in zip(m.batches.values(), batches, strict=True):
            # A verdict leaves the count of open challenges as it was: only close returns their bonds.
            assert state.status == batch.status
            assert state.challenges == len(batch.challenges)
            if batch.status is BatchStatus.PENDING:
                assert state.openChallenges == sum(each.status in ALIVE for each in batch.challenges)
            assert (state.committedAt, state.windowEndsAt, state.endedAt) == (
                batch.committed_at,
                batch.window_ends_at,
                batch.ended_at,
            )


def live(another_world: Callable[..., World], *, lives: int, steps: int) -> None:
    world = another_world(params=PARAMS)
    for name in OPERATORS:
        world.operator_ready(actor(name), stake=20_000)
        for payer in PAYERS:
            world.payer_ready(actor(payer), actor(name), 5_000)
    for name in WATCHERS:
        world.escrow.deposit(actor(name), 2_000, sender=actor(name))
    parent = world.register_model(royalty_bps=777, depth_budget=1)
    child = world.register_model(
        royalty_bps=5_000,
        depth_budget=1,
        royalty_receiver=world.alice.address,
        parents=(Parent(model_id=parent, share_bps=3_333),),
    )
    machine = type("Lives", (Lives,), {"world": world, "models": (parent, child)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            print_blob=True,
        ),
    )


def test_money__through_random_lives__as_in_the_model(another_world: Callable[..., World]) -> None:
    live(another_world, lives=8, steps=50)


@pytest.mark.deep
def test_money__through_many_long_lives__as_in_the_model(another_world: Callable[..., World]) -> None:
    live(another_world, lives=200, steps=150)


def test_wealth__is_enough_for_a_life() -> None:
    """No step of a life fails for want of tokens: the model knows no such error."""
    assert WEALTH > 200 * 150 * 5_000
