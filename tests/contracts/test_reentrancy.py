"""A token that calls back, from every place where a contract calls it, into every function (F1).

The token is the attacker: operator, payer and challenger in one. A nested call into a contract that is at
work is refused; whatever else it does, it does as if it had come before or after: every bucket still adds up,
and the attacker has not a wei more.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from eth_utils import keccak

from onus.protocol import ChallengeStatus, OmissionStatus, TensorWitness
from onus.protocol.ids import BURNED
from tests.support.actors import Actor
from tests.support.chain import Failed, Method
from tests.support.moves import RECEIPT, demand, reveal_args
from tests.support.verdicts import Double
from tests.support.world import World

REPLY = ("header", "challenger", "opening", "answer")
BEFORE, AFTER = 8, 9  # modes of `contracts/test/HostileToken.sol`
REENTRANT = keccak(text="ReentrancyGuardReentrantCall()")[:4]
Call = tuple[Method, tuple[Any, ...]]

OUTER = (
    "Operators.stake",
    "Operators.fundReserve",
    "Operators.withdraw",
    "Operators.withdrawReserve",
    "Escrow.deposit",
    "Escrow.depositWithPermit",
    "Escrow.depositAndReserve",
    "Escrow.withdraw",
    "Escrow.sweepBurned",
    "Settlement.settle",
    "Omissions.punish",
)
# A pot, and a penalty from a reserve, are sent by Operators for another contract.
AT_WORK = {
    "Settlement.settle": {"Settlement", "Operators"},
    "Omissions.punish": {"Omissions", "Operators"},
}
# Change nothing but the caller's own words, move no tokens, and call nobody who could call back.
UNGUARDED = {
    "register",
    "setEndpoint",
    "setSigner",
    "requestUnbond",
    "cancelUnbond",
    "requestReserveExit",
    "cancelReserveExit",
}


class Attack:
    """A world in which every function has something to do for the token."""

    def __init__(self, world: World) -> None:
        self.world = world
        token = world.token
        self.act(token.approve, world.operators, 2**256 - 1)
        self.act(token.approve, world.escrow, 2**256 - 1)
        token.mint(token, 10**24, sender=world.stranger)
        p = world.params
        self.act(world.operators.register, "https://attacker.example", world.signer2)
        self.act(world.operators.stake, 10 * p.min_batch_stake)
        self.act(world.operators.fundReserve, p.reserve)
        self.act(world.escrow.deposit, token, 10 * p.challenge_bond)
        self.act(world.escrow.reserve, world.op1, 1_000)
        self.model = world.ready()
        world.payer_ready(world.alice, token)

        faulty = world.faulty_batch(world.op1, self.model)
        world.commit(faulty)
        winner = world.convict(faulty)
        self.settle = (faulty.header, faulty.claims, winner.key)
        world.forward(p.unjail_after)
        self.good = world.batch(world.op1, self.model)
        world.commit(self.good)
        world.past_window(self.good)
        world.finalize(self.good)
        self.fail()
        self.act(world.operators.requestUnbond, p.min_batch_stake)
        self.act(world.escrow.requestRelease, world.op1, 500)
        world.time_to(world.parameters.exitTime())
        world.escrow.deposit(world.watcher1, 100, sender=world.watcher1)
        world.escrow.hold(world.watcher1, 100, sender=world.disputes)
        world.escrow.credit([(BURNED, 100)], sender=world.disputes)

        self.final = world.batch(world.op1, self.model)
        world.commit(self.final)
        self.held = world.batch(world.op1, self.model)
        world.commit(self.held)
        self.lost = world.challenge(self.held).key
        world.past_window(self.final)
        self.open = world.batch(world.op1, self.model)
        world.commit(self.open)
        self.omit()
        self.dispute()
        self.mine = world.batch(self.me, self.model)
        self.vouchers = world.vouchers(self.mine)
        self.before = self.wealth()

    def omit(self) -> None:
        """A claim to punish, one to answer, and one for the token to make."""
        world = self.world
        self.punish = world.receipt(world.op1, self.model, stake=1_001)
        world.time_to(self.punish.commit_by)
        world.claim(self.punish)
        world.forward(world.params.operator_time)
        batch = world.batch(world.op1, self.model, count=1)
        world.commit(batch)
        (receipt,) = batch.receipts
        world.time_to(receipt.commit_by)
        world.claim(receipt)
        self.answer = (receipt, batch.header, batch.proof(0))
        request = world.request(self.me, self.model)
        mine = world.receipt(
            world.op1, self.model, request=request, served_at=world.now - 9, commit_by=world.now
        )
        self.claim = (mine, world.signed(mine), 1)

    def dispute(self) -> None:
        """A challenge of the token's that can go on, and one that waits for its answer."""
        world = self.world
        self.sealed = world.sealed(self.open, 1, by=self.me)
        self.act(world.disputes.challenge, self.open.header, self.sealed.key.seal)
        asked = world.challenge(self.open, 2)
        demand(world, self.open, asked)
        self.reveal = reveal_args(self.open, asked)

    def fail(self) -> None:
        """A batch whose verifier failed, and the token's challenge on it."""
        world = self.world
        other = Double(world)
        self.failed = world.batch(world.op1, other.model)
        world.commit(self.failed)
        sealed = world.sealed(self.failed, by=self.me)
        self.act(world.disputes.challenge, self.failed.header, sealed.key.seal)
        self.close = (self.failed.header, sealed.key)
        world.fail_verifier(other.contract)

    @property
    def me(self) -> Actor:
        """The token as an account."""
        return Actor("attacker", _Address(self.world.token.address))  # type: ignore[arg-type]

    def act(self, method: Method, *args: Any) -> Any:
        """Calls as the token."""
        data = bytes.fromhex(method.data(*args)[2:])
        return self.world.token.act(method.contract, data, sender=self.world.stranger)

    def wealth(self) -> int:
        """Everything that is the attacker's."""
        w, me = self.world, self.world.token
        state = w.operators.stateOf(me)
        bonds = sum(
            w.params.challenge_bond
            for id in w.ledger.challenges
            if (c := w.disputes.challengeOf(id)).challenger == me.address
            and not ChallengeStatus(c.status).is_over
        )
        claimed = w.omissions.omissionOf(self.claim[0].struct_hash).status == OmissionStatus.CLAIMED
        bonds += claimed * w.params.omission_bond
        reserved = w.escrow.reservationOf(me, w.op1).reserved
        return int(w.token.balanceOf(me) + w.free(me) + state.stake + state.reserve + bonds + reserved)

    def calls(self) -> dict[str, Call]:
        """Every function that anyone may call, with arguments with which it would succeed for the token."""
        w, me = self.world, self.world.token
        o, e, s, d = w.operators, w.escrow, w.settlement, w.disputes
        permit = (70, 0, 27, bytes(32), bytes(32))
        calls: list[Call] = [
            (o.register, ("x", w.signer3)),
            (o.setEndpoint, ("y",)),
            (o.setSigner, (w.signer3,)),
            (o.stake, (70,)),
            (o.requestUnbond, (70,)),
            (o.cancelUnbond, ()),
            (o.withdraw, (me,)),
            (o.fundReserve, (70,)),
            (o.requestReserveExit, ()),
            (o.cancelReserveExit, ()),
            (o.withdrawReserve, (me,)),
            (e.deposit, (me, 70)),
            (e.depositWithPermit, (me, *permit)),
            (e.depositAndReserve, (w.op1, 70)),
            (e.withdraw, (me, 70)),
            (e.reserve, (w.op1, 70)),
            (e.requestRelease, (w.op1, 70)),
            (e.cancelRelease, (w.op1,)),
            (e.release, (w.op1,)),
            (e.setVoucherKey, (w.signer1,)),
            (e.sweepBurned, ()),
            (s.commit, (self.mine.header, self.mine.claims, self.vouchers)),
            (s.finalize, ([self.final.header],)),
            (s.settle, self.settle),
            (s.distribute, (self.model,)),
            (s.publish, (self.open.header, self.open.proof(0), [b""])),
            (d.challenge, (self.open.header, b"\x05" * 32)),
            (d.timeout, (self.held.header, self.lost)),
            (d.open, (self.open.header, self.sealed.opening)),
            (d.demand, (self.open.header, self.sealed.opening, RECEIPT, TensorWitness())),
            (d.reveal, self.reveal),
            (d.revealMany, ([dict(zip(REPLY, self.reveal, strict=True))],)),
            (d.close, self.close),
            (s.refund, (self.failed.header, self.failed.claims)),
            (w.omissions.claim, self.claim),
            (w.omissions.answer, self.answer),
            (w.omissions.punish, (self.punish,)),
            (w.reputation.record, ([self.good.header],)),
        ]
        return {f"{method.contract.name}.{method.name}": (method, args) for method, args in calls}


class _Address:
    def __init__(self, address: str) -> None:
        self.address = address


@pytest.mark.parametrize("outer", OUTER)
def test_callback__from_the_token__into_every_function(
    another_world: Callable[..., World], outer: str
) -> None:
    """F1: refused where a contract is at work; nowhere does it gain or break anything."""
    world = another_world(token="HostileToken")
    attack = Attack(world)
    if outer == "Operators.withdrawReserve":
        attack.act(world.operators.requestReserveExit)
        world.time_to(world.parameters.exitTime())
    calls = attack.calls()
    method, args = calls[outer]
    data = bytes.fromhex(method.data(*args)[2:])
    at_work = AT_WORK.get(outer, {method.contract.name})
    worked = set()
    for mode, (name, (nested, nested_args)) in product((BEFORE, AFTER), calls.items()):
        nested_data = bytes.fromhex(nested.data(*nested_args)[2:])
        strike = (mode, method.contract, data, nested.contract, nested_data)
        guarded = nested.contract.name in at_work and nested.name not in UNGUARDED
        try:
            called, succeeded, answer = world.token.attack.call(*strike, sender=world.stranger)
        except Failed:
            # The nested call took what the outer one needed: all of it is undone.
            assert not guarded, f"{outer} around {name}"
            continue
        assert called, f"{outer} did not call the token"
        if guarded:
            assert not succeeded and answer[:4] == REENTRANT, f"{outer} around {name}: {answer.hex()}"
        elif succeeded:
            worked.add(name)
            snapshot = world.chain.rpc("evm_snapshot")
            world.token.attack(*strike, sender=world.stranger)
            world.assert_solvent()
            assert attack.wealth() == attack.before, f"{outer} around {name}"
            world.chain.undo(snapshot)
    assert worked, "nothing was tried"
