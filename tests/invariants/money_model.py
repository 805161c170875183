"""What stake, escrow and batches must do, in plain Python: from docs/protocol.md, not from the contracts.

Each action returns the error that must come (then nothing is changed), or None once it has changed the model.
Amounts in token base units, times in seconds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from onus.protocol import BANNED, BatchStatus, ChallengeStatus, DemandKind, Params
from onus.protocol.ids import BURNED, account_of
from tests.support.chain import Revert

BPS = 10_000
ALIVE = (ChallengeStatus.SEALED, ChallengeStatus.OPENED, ChallengeStatus.ENGAGED)


@dataclass
class Operator:
    """One operator; the three totals are for conservation."""

    address: str
    stake: int = 0
    locked: int = 0
    unbonding: int = 0
    exit_at: int = 0
    reserve: int = 0
    leaving: bool = False
    reserve_exit_at: int = 0
    jailed_until: int = 0
    faults: int = 0
    sequence: int = 0
    paid_in: int = 0
    paid_out: int = 0
    slashed: int = 0


@dataclass
class Reservation:
    """Of one payer for one operator."""

    reserved: int = 0
    redeemed: int = 0
    thawing: int = 0
    thaws_at: int = 0

    @property
    def cover(self) -> int:
        """What is not leaving, if vouchers did not draw on it."""
        return max(0, self.reserved - self.thawing)


@dataclass
class Challenge:
    """One challenge of a batch's leaf."""

    id: bytes
    batch: bytes
    by: str
    leaf: int
    sealed_at: int
    ordinal: int
    status: ChallengeStatus = ChallengeStatus.SEALED
    moved_at: int = 0
    challenger_left: int = 0
    operator_left: int = 0
    demands_left: int = 0
    answers: int = 0
    wanted: DemandKind | None = None


@dataclass
class Batch:
    """One batch; `faults` are the leaves that differ from the header."""

    id: bytes
    operator: str
    model: bytes
    fee: int
    claims: tuple[tuple[str, int], ...]
    lock: int
    faults: frozenset[int]
    committed_at: int
    window_ends_at: int
    ended_at: int = 0
    status: BatchStatus = BatchStatus.PENDING
    challenges: list[Challenge] = field(default_factory=list)
    places: dict[int, Challenge] = field(default_factory=dict)
    revealed: set[tuple[int, DemandKind]] = field(default_factory=set)

    @property
    def count(self) -> int:
        """Receipts."""
        return sum(receipts for _, receipts in self.claims)

    @property
    def open(self) -> int:
        """Challenges that are alive."""
        return sum(challenge.status in ALIVE for challenge in self.challenges)


@dataclass
class Money:
    """The whole model. `royalties` says of each model: share, receiver, parents with their shares."""

    params: Params
    treasury: str
    royalties: dict[bytes, tuple[int, str, tuple[tuple[bytes, int], ...]]]
    wallets: dict[str, int]
    operators: dict[str, Operator] = field(default_factory=dict)
    balances: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    reservations: dict[tuple[str, str], Reservation] = field(default_factory=lambda: defaultdict(Reservation))
    batches: dict[bytes, Batch] = field(default_factory=dict)
    challenges: dict[bytes, Challenge] = field(default_factory=dict)
    swept: int = 0

    # ---- Stake --------------------------------------------------------------------------------------------

    def stake(self, who: str, amount: int) -> Revert | None:
        if amount == 0:
            return Revert("Operators_ZeroAmount")
        op = self.operators[who]
        self._pay_in(op, amount)
        op.stake += amount
        return None

    def request_unbond(self, who: str, amount: int, now: int) -> Revert | None:
        op = self.operators[who]
        if amount == 0:
            return Revert("Operators_ZeroAmount")
        if amount > op.stake - op.unbonding:
            return Revert("Operators_UnbondTooLarge", amount, op.stake - op.unbonding)
        op.unbonding += amount
        op.exit_at = now + self.params.unbonding_delay
        return None

    def cancel_unbond(self, who: str) -> Revert | None:
        op = self.operators[who]
        if op.unbonding == 0:
            return Revert("Operators_NothingUnbonding", who)
        op.unbonding = op.exit_at = 0
        return None

    def withdraw(self, who: str, now: int) -> Revert | None:
        op = self.operators[who]
        if op.unbonding == 0:
            return Revert("Operators_NothingUnbonding", who)
        if now < op.exit_at:
            return Revert("Operators_ExitNotReached", op.exit_at)
        amount = min(op.unbonding, op.stake - op.locked)
        if amount == 0:
            return Revert("Operators_StakeLocked", op.locked)
        op.stake -= amount
        op.unbonding -= amount
        if op.unbonding == 0:
            op.exit_at = 0
        self._pay_out(op, amount)
        return None

    def fund_reserve(self, who: str, amount: int) -> Revert | None:
        op = self.operators[who]
        if amount == 0:
            return Revert("Operators_ZeroAmount")
        if op.leaving:
            return Revert("Operators_ReserveLeaving", op.reserve_exit_at)
        self._pay_in(op, amount)
        op.reserve += amount
        return None

    def request_reserve_exit(self, who: str, now: int) -> Revert | None:
        op = self.operators[who]
        if op.locked:
            return Revert("Operators_StakeLocked", op.locked)
        if op.reserve == 0:
            return Revert("Operators_ReserveEmpty", who)
        if op.leaving:
            return Revert("Operators_ReserveLeaving", op.reserve_exit_at)
        op.leaving, op.reserve_exit_at = True, now + self.params.unbonding_delay
        return None

    def cancel_reserve_exit(self, who: str) -> Revert | None:
        op = self.operators[who]
        if not op.leaving:
            return Revert("Operators_ReserveNotLeaving", who)
        op.leaving, op.reserve_exit_at = False, 0
        return None

    def withdraw_reserve(self, who: str, now: int) -> Revert | None:
        op = self.operators[who]
        if not op.leaving:
            return Revert("Operators_ReserveNotLeaving", who)
        if now < op.reserve_exit_at:
            return Revert("Operators_ExitNotReached", op.reserve_exit_at)
        self._pay_out(op, op.reserve)
        op.reserve, op.leaving, op.reserve_exit_at = 0, False, 0
        return None

    # ---- Escrow -------------------------------------------------------------------------------------------

    def deposit(self, who: str, to: str, amount: int) -> Revert | None:
        if amount == 0:
            return Revert("Escrow_ZeroAmount")
        self.wallets[who] -= amount
        self.balances[account_of(to)] += amount  # type: ignore[arg-type]
        return None

    def withdraw_free(self, who: str, amount: int) -> Revert | None:
        if amount == 0:
            return Revert("Escrow_ZeroAmount")
        if error := self._debit(who, amount):
            return error
        self.wallets[who] += amount
        return None

    def reserve(self, who: str, op: str, amount: int) -> Revert | None:
        if amount == 0:
            return Revert("Escrow_ZeroAmount")
        if error := self._debit(who, amount):
            return error
        reservation = self.reservations[who, op]
        # What vouchers drew on was not leaving any more.
        reservation.thawing = min(reservation.thawing, reservation.reserved)
        reservation.reserved += amount
        return None

    def request_release(self, who: str, op: str, amount: int, now: int) -> Revert | None:
        if amount == 0:
            return Revert("Escrow_ZeroAmount")
        reservation = self.reservations[who, op]
        if amount > reservation.cover:
            return Revert("Escrow_ReleaseTooLarge", amount, reservation.cover)
        reservation.thawing += amount
        reservation.thaws_at = now + self.params.thawing
        return None

    def cancel_release(self, who: str, op: str) -> Revert | None:
        reservation = self.reservations[who, op]
        if reservation.thawing == 0:
            return Revert("Escrow_NothingThawing", who, op)
        reservation.thawing = reservation.thaws_at = 0
        return None

    def release(self, who: str, op: str, now: int) -> Revert | None:
        reservation = self.reservations[who, op]
        if reservation.thawing == 0:
            return Revert("Escrow_NothingThawing", who, op)
        if now < reservation.thaws_at:
            return Revert("Escrow_StillThawing", reservation.thaws_at)
        amount = min(reservation.thawing, reservation.reserved)
        reservation.reserved -= amount
        reservation.thawing = reservation.thaws_at = 0
        self.balances[account_of(who)] += amount  # type: ignore[arg-type]
        return None

    def sweep(self) -> Revert | None:
        if self.balances[BURNED] == 0:
            return Revert("Escrow_NothingBurned")
        self.swept += self.balances[BURNED]
        self.balances[BURNED] = 0
        return None

    # ---- Batches ------------------------------------------------------------------------------------------

    def commit(self, batch: Batch, now: int) -> Revert | None:
        op = self.operators[batch.operator]
        if now < op.jailed_until:
            return Revert("Operators_Jailed", op.address, op.jailed_until)
        if op.leaving:
            return Revert("Operators_ReserveLeaving", op.reserve_exit_at)
        if op.reserve < self.params.reserve:
            return Revert("Operators_ReserveNotFull", op.reserve, self.params.reserve)
        available = max(0, op.stake - op.unbonding - op.locked)
        if batch.lock > available:
            return Revert("Operators_InsufficientStake", batch.lock, available)
        drawn: dict[str, int] = defaultdict(int)
        for payer, receipts in batch.claims:
            left = self.reservations[payer, op.address].reserved - drawn[payer]
            if receipts * batch.fee > left:
                return Revert("Escrow_InsufficientReservation", payer, op.address, left, receipts * batch.fee)
            drawn[payer] += receipts * batch.fee
        for payer, amount in drawn.items():
            reservation = self.reservations[payer, op.address]
            reservation.reserved -= amount
            reservation.redeemed += amount
        op.locked += batch.lock
        op.sequence += 1
        self.batches[batch.id] = batch
        return None

    def why_not_final(self, batch: Batch, now: int) -> str | None:
        if batch.status is not BatchStatus.PENDING:
            return "Settlement_WrongStatus"
        if now < batch.window_ends_at:
            return "Settlement_WindowOpen"
        return "Settlement_Challenged" if batch.open else None

    def finalize(self, batches: list[Batch], now: int) -> int:
        """Number of those that became final; an item may be there twice."""
        done = 0
        for batch in batches:
            if self.why_not_final(batch, now):
                continue
            fees = batch.fee * batch.count
            share, _, _ = self.royalties[batch.model]
            royalty, protocol = fees * share // BPS, fees * self.params.protocol_fee_bps // BPS
            self._credit(account_of(batch.operator), fees - royalty - protocol)  # type: ignore[arg-type]
            self._credit(batch.model, royalty)
            self._credit(account_of(self.treasury), protocol)  # type: ignore[arg-type]
            self.operators[batch.operator].locked -= batch.lock
            batch.status, batch.ended_at = BatchStatus.FINAL, now
            done += 1
        return done

    def challenge(self, challenge: Challenge, now: int) -> Revert | None:
        batch = self.batches[challenge.batch]
        if batch.status is not BatchStatus.PENDING:
            return Revert("Settlement_WrongStatus", batch.id, batch.status)
        if now >= batch.window_ends_at:
            return Revert("Settlement_WindowClosed", batch.id, batch.window_ends_at)
        if error := self._debit(challenge.by, self.params.challenge_bond):
            return error
        challenge.ordinal = len(batch.challenges) + 1
        batch.challenges.append(challenge)
        self.challenges[challenge.id] = challenge
        return None

    def open(self, challenge: Challenge, now: int) -> Revert | None:
        batch = self.batches[challenge.batch]
        if error := self._why_not_move(challenge, now):
            return error
        if batch.status is not BatchStatus.PENDING:
            return Revert("Settlement_WrongStatus", batch.id, batch.status)
        holder = self._holder(batch, challenge.leaf, now)
        held = holder is not None and holder.ordinal <= challenge.ordinal
        if held and challenge.status is not ChallengeStatus.SEALED:
            return Revert("Disputes_PlaceHeld", challenge.id, holder.id)  # type: ignore[union-attr]
        self._open(batch, challenge, now)
        return None

    def _open(self, batch: Batch, challenge: Challenge, now: int) -> None:
        holder = self._holder(batch, challenge.leaf, now)
        challenge.status = max(challenge.status, ChallengeStatus.OPENED)
        if holder is None or holder.ordinal > challenge.ordinal:
            batch.places[challenge.leaf] = challenge

    def demand(self, challenge: Challenge, kind: DemandKind, now: int) -> Revert | None:
        batch = self.batches[challenge.batch]
        if error := self._why_not_move(challenge, now):
            return error
        if batch.status is not BatchStatus.PENDING:
            return Revert("Settlement_WrongStatus", batch.id, batch.status)
        if challenge.status is ChallengeStatus.ENGAGED and challenge.demands_left == 0:
            return Revert("Disputes_NoDemandsLeft", challenge.id)
        if (challenge.leaf, kind) in batch.revealed:
            return Revert("Disputes_AlreadyRevealed", batch.id, challenge.leaf, (kind, 0, 0, 0))
        if challenge.status is not ChallengeStatus.ENGAGED:
            if challenge.status is ChallengeStatus.SEALED:
                self._open(batch, challenge, now)
            challenge.status = ChallengeStatus.ENGAGED
            challenge.moved_at = challenge.sealed_at
            challenge.challenger_left = self.params.challenger_time
            challenge.operator_left = self.params.operator_time
            challenge.demands_left = self.params.max_demands
        challenge.challenger_left -= now - challenge.moved_at
        challenge.moved_at = now
        challenge.demands_left -= 1
        challenge.wanted = kind
        return None

    def reveal(self, challenge: Challenge, now: int) -> Revert | None:
        if challenge.status not in ALIVE:
            return Revert("Disputes_WrongStatus", challenge.id, challenge.status)
        if challenge.wanted is None:
            return Revert("Disputes_NotDemanded", challenge.id)
        if now >= self.deadline(challenge):
            return Revert("Disputes_OutOfTime", challenge.id, self.deadline(challenge))
        self.batches[challenge.batch].revealed.add((challenge.leaf, challenge.wanted))
        challenge.operator_left -= now - challenge.moved_at
        challenge.moved_at = now
        challenge.answers += 1
        challenge.wanted = None
        return None

    def prove(self, challenge: Challenge, now: int) -> Revert | None:
        batch = self.batches[challenge.batch]
        if error := self._why_not_move(challenge, now):
            return error
        if challenge.leaf not in batch.faults:
            return Revert("Disputes_NoFault", 1)
        if batch.status is not BatchStatus.PENDING:
            return Revert("Settlement_WrongStatus", batch.id, batch.status)
        # The reward is the place's holder's, if it was sealed earlier; otherwise of who showed the fault.
        holder = self._holder(batch, challenge.leaf, now)
        winner = holder if holder is not None and holder.ordinal < challenge.ordinal else challenge
        self._convict(batch, winner, now)
        return None

    def _convict(self, batch: Batch, winner: Challenge, now: int) -> None:
        # Its bond comes with its reward.
        winner.status = ChallengeStatus.WON
        batch.status, batch.ended_at = BatchStatus.FAULTY, now
        op = self.operators[batch.operator]
        op.stake -= batch.lock
        op.locked -= batch.lock
        op.slashed += batch.lock
        op.unbonding = min(op.unbonding, op.stake)
        if op.unbonding == 0:
            op.exit_at = 0
        op.faults += 1
        banned = op.faults >= self.params.faults_to_ban
        op.jailed_until = max(op.jailed_until, BANNED if banned else now + self.params.unjail_after)

    def timeout(self, challenge: Challenge, now: int) -> Revert | None:
        if challenge.status not in ALIVE:
            return Revert("Disputes_WrongStatus", challenge.id, challenge.status)
        if now < self.deadline(challenge):
            return Revert("Disputes_NotOutOfTime", challenge.id, self.deadline(challenge))
        batch = self.batches[challenge.batch]
        if batch.status is not BatchStatus.PENDING:
            return Revert("Settlement_WrongStatus", batch.id, batch.status)
        if challenge.wanted is None:
            self._lose(challenge)
        else:
            self._convict(batch, challenge, now)
        return None

    def _lose(self, challenge: Challenge) -> None:
        """At most half of the bond pays the answers."""
        bond = self.params.challenge_bond
        paid = bond // 2 * challenge.answers // self.params.max_demands
        challenge.status = ChallengeStatus.LOST
        self._credit(account_of(self.batches[challenge.batch].operator), paid)  # type: ignore[arg-type]
        self._credit(BURNED, bond - paid)

    def close(self, challenge: Challenge) -> Revert | None:
        if challenge.status not in ALIVE:
            return Revert("Disputes_WrongStatus", challenge.id, challenge.status)
        if self.batches[challenge.batch].status is BatchStatus.PENDING:
            return Revert("Disputes_BatchUndecided", challenge.id)
        ended_at = self.batches[challenge.batch].ended_at
        if challenge.wanted is None and self.deadline(challenge) <= ended_at:
            # It had lost before the verdict.
            self._lose(challenge)
        else:
            challenge.status = ChallengeStatus.CLOSED
            self._credit(account_of(challenge.by), self.params.challenge_bond)  # type: ignore[arg-type]
        return None

    def settle(self, batch: Batch, winner: Challenge, now: int) -> Revert | None:
        if batch.status is not BatchStatus.FAULTY:
            return Revert("Settlement_WrongStatus", batch.id, batch.status)
        opens_at = batch.ended_at + self.params.earning_delay
        if now < opens_at:
            return Revert("Settlement_PotClosed", batch.id, opens_at)
        if winner.batch != batch.id or winner.status is not ChallengeStatus.WON:
            return Revert("Settlement_NotWinner", batch.id, winner.id)
        reward = batch.lock * self.params.reward_bps // BPS
        pool = batch.lock * self.params.restitution_bps // BPS
        paid = 0
        for payer, receipts in batch.claims:
            share = pool * receipts // batch.count
            paid += share
            self._credit(account_of(payer), share + batch.fee * receipts)  # type: ignore[arg-type]
        self._credit(account_of(winner.by), reward + self.params.challenge_bond)  # type: ignore[arg-type]
        self._credit(BURNED, batch.lock - reward - paid)
        batch.status = BatchStatus.SETTLED
        return None

    def distribute(self, model: bytes) -> Revert | None:
        amount = self.balances[model]
        if amount == 0:
            return Revert("Settlement_NothingToDistribute", model)
        _, receiver, parents = self.royalties[model]
        self.balances[model] = 0
        rest = amount
        for parent, share in parents:
            self._credit(parent, amount * share // BPS)
            rest -= amount * share // BPS
        self._credit(account_of(receiver), rest)  # type: ignore[arg-type]
        return None

    # ---- Facts --------------------------------------------------------------------------------------------

    def deadline(self, challenge: Challenge) -> int:
        """Of whoever's turn it is."""
        if not challenge.moved_at:
            return challenge.sealed_at + self.params.challenger_time
        left = challenge.challenger_left if challenge.wanted is None else challenge.operator_left
        return challenge.moved_at + left

    def deadlines(self) -> set[int]:
        """Every time at which something changes."""
        times = {op.exit_at for op in self.operators.values()}
        times |= {op.reserve_exit_at for op in self.operators.values()}
        times |= {op.jailed_until for op in self.operators.values() if op.jailed_until != BANNED}
        times |= {reservation.thaws_at for reservation in self.reservations.values()}
        for batch in self.batches.values():
            times.add(batch.window_ends_at)
            if batch.status is BatchStatus.FAULTY:
                times.add(batch.ended_at + self.params.earning_delay)
        return times | {self.deadline(challenge) for challenge in self.challenges.values()}

    def check(self) -> None:
        """What must hold of the model itself."""
        for op in self.operators.values():
            # A2: what came in left, was slashed, or is there.
            assert op.paid_in == op.paid_out + op.slashed + op.stake + op.reserve
            locks = sum(
                batch.lock
                for batch in self.batches.values()
                if batch.operator == op.address and batch.status is BatchStatus.PENDING
            )
            # Exit safety, on top of the reserve.
            assert locks == op.locked <= op.stake
            assert 0 <= op.unbonding <= op.stake
        assert all(balance >= 0 for balance in self.balances.values())

    def _pay_in(self, op: Operator, amount: int) -> None:
        self.wallets[op.address] -= amount
        op.paid_in += amount

    def _pay_out(self, op: Operator, amount: int) -> None:
        self.wallets[op.address] += amount
        op.paid_out += amount

    def _debit(self, who: str, amount: int) -> Revert | None:
        account = account_of(who)  # type: ignore[arg-type]
        if amount > self.balances[account]:
            return Revert("Escrow_InsufficientBalance", account, self.balances[account], amount)
        self.balances[account] -= amount
        return None

    def _credit(self, account: bytes, amount: int) -> None:
        self.balances[account] += amount

    def _holder(self, batch: Batch, leaf: int, now: int) -> Challenge | None:
        """Who has a leaf: the last that took it, as long as it is alive and was sealed not too long ago."""
        holder = batch.places.get(leaf)
        if holder is None or holder.status not in ALIVE:
            return None
        return holder if now < holder.sealed_at + self.params.challenger_time else None

    def _why_not_move(self, challenge: Challenge, now: int) -> Revert | None:
        if challenge.status not in ALIVE:
            return Revert("Disputes_WrongStatus", challenge.id, challenge.status)
        if challenge.wanted is not None:
            return Revert("Disputes_OperatorsTurn", challenge.id)
        if now >= self.deadline(challenge):
            return Revert("Disputes_OutOfTime", challenge.id, self.deadline(challenge))
        return None
