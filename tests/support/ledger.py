"""Every bucket of the two contracts that hold tokens, added up: what solvency is checked against.

The ledger remembers who and what took part (accounts, reservations, batches, challenges) from the
transactions of its test; the amounts it reads through getters each time.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from onus.protocol import BatchStatus, ChallengeStatus, OmissionStatus
from onus.protocol.ids import BURNED, account_of
from tests.support.chain import Event, Method, Tx
from tests.support.deployment import Deployment

Call = tuple[Method, tuple[Any, ...]]
HELD = (BatchStatus.PENDING, BatchStatus.FAULTY)
LIVE = (ChallengeStatus.SEALED, ChallengeStatus.OPENED, ChallengeStatus.ENGAGED)
UNREWARDED = (BatchStatus.FAULTY, BatchStatus.REFUNDED)


def _holds_bond(status: int, batch: BatchStatus) -> bool:
    """A winner's bond waits for its reward, or for `close` if there will be none."""
    return status in LIVE or (status == ChallengeStatus.WON and batch in UNREWARDED)


@dataclass(frozen=True)
class Buckets:
    """Amounts by what they are, in token base units."""

    stake: dict[str, int]
    reserve: dict[str, int]
    pots: dict[bytes, int]
    balances: dict[bytes, int]
    reservations: dict[tuple[str, str], int]
    fees: dict[bytes, int]
    bonds: dict[bytes, int]

    @property
    def operators(self) -> int:
        """What Operators owes."""
        return sum(map(sum, (self.stake.values(), self.reserve.values(), self.pots.values())))

    @property
    def escrow(self) -> int:
        """What Escrow owes."""
        parts = (self.balances, self.reservations, self.fees, self.bonds)
        return sum(sum(part.values()) for part in parts)


@dataclass
class Ledger:
    """Who and what took part."""

    deployment: Deployment
    operators: set[str] = field(default_factory=set)
    accounts: set[bytes] = field(default_factory=lambda: {BURNED})
    reservations: set[tuple[str, str]] = field(default_factory=set)
    headers: dict[bytes, Any] = field(default_factory=dict)
    challenges: dict[bytes, bytes] = field(default_factory=dict)
    omissions: dict[bytes, int] = field(default_factory=dict)
    gifts: dict[str, int] = field(default_factory=dict)
    _sets: int = 1

    def __post_init__(self) -> None:
        for event in self.deployment.history:
            self._record(event, direct=False)

    def __deepcopy__(self, _: object) -> Ledger:
        result = copy(self)
        for name in ("operators", "accounts", "reservations", "headers", "challenges", "omissions", "gifts"):
            setattr(result, name, copy(getattr(self, name)))
        return result

    def record(self, tx: Tx) -> None:
        """Takes note of a transaction."""
        direct = len(tx.logs) == 1
        for event in tx.logs:
            self._record(event, direct=direct)

    def _record(self, event: Event, *, direct: bool) -> None:
        match event.name:
            case "OperatorRegistered":
                self.operators.add(event.operator)
            case "Deposited":
                self.accounts.add(account_of(event.to))
            case "Held":
                self.accounts.add(account_of(event.from_))
            case "Credited":
                self.accounts.add(event.account)
            case "Reserved":
                self.reservations.add((event.payer, event.operator))
                self.accounts.add(account_of(event.payer))
            case "BatchCommitted":
                self.headers[event.id] = event.header
            case "ParamSetAdded":
                self._sets = max(self._sets, event.set)
            case "ChallengeOpened":
                self.challenges[event.id] = event.batchId
            case "OmissionClaimed":
                self.omissions[event.receiptHash] = event.set
            case "Transfer" if direct and event.address == self.deployment.token.address:
                # Tokens that were sent without a call of ours are nobody's.
                self.gifts[event.to] = self.gifts.get(event.to, 0) + event.value

    def buckets(self) -> Buckets:
        """All buckets now."""
        return self._read()[0]

    def _read(self) -> tuple[Buckets, dict[str, int], dict[str, int]]:
        """Buckets, what each operator has locked, and what its pending batches lock; in one round trip."""
        d = self.deployment
        sets = range(1, self._sets + 1)
        keys: list[list[Any]] = [
            list(each)
            for each in (
                self.operators,
                self.headers,
                self.challenges,
                self.accounts,
                self.reservations,
                sets,
                sets,
                self.omissions,
            )
        ]
        readers: list[Callable[[Any], Call]] = [
            lambda operator: (d.operators.stateOf, (operator,)),
            lambda id: (d.settlement.batchOf, (id,)),
            lambda id: (d.disputes.challengeOf, (id,)),
            lambda account: (d.escrow.balanceOf, (account,)),
            lambda pair: (d.escrow.reservationOf, pair),
            lambda number: (d.parameters.minBatchStakeOf, (number,)),
            lambda number: (d.parameters.paramsOf, (number,)),
            lambda receipt_hash: (d.omissions.omissionOf, (receipt_hash,)),
        ]
        calls = [reader(key) for reader, group in zip(readers, keys, strict=True) for key in group]
        answers = iter(d.chain.read(calls))
        states, batches, challenges, balances, reservations, leasts, params, omissions = (
            {key: next(answers) for key in group} for group in keys
        )
        locks = {id: max(h.count * h.stake, leasts[h.paramSet]) for id, h in self.headers.items()}
        fees = {id: h.count * h.fee for id, h in self.headers.items()}
        status = {id: BatchStatus(batch.status) for id, batch in batches.items()}
        buckets = Buckets(
            stake={operator: state.stake for operator, state in states.items()},
            reserve={operator: state.reserve for operator, state in states.items()},
            pots={id: locks[id] for id in self.headers if status[id] is BatchStatus.FAULTY},
            balances=balances,
            reservations={pair: reservation.reserved for pair, reservation in reservations.items()},
            fees={id: fees[id] for id in self.headers if status[id] in HELD},
            bonds={
                id: params[self.headers[batch_id].paramSet].challengeBond
                for id, batch_id in self.challenges.items()
                if _holds_bond(challenges[id].status, status[batch_id])
            }
            | {
                hash: params[number].omissionBond
                for hash, number in self.omissions.items()
                if omissions[hash].status == OmissionStatus.CLAIMED
            },
        )
        needed = dict.fromkeys(self.operators, 0)
        for id, header in self.headers.items():
            if status[id] is BatchStatus.PENDING:
                needed[header.operator] += locks[id]
        return buckets, {operator: state.locked for operator, state in states.items()}, needed

    def check(self) -> Buckets:
        """Solvency, to the wei: each contract holds what it owes, and what somebody sent directly.

        And exit safety: what is locked is what pending batches lock, and the stake covers it.
        """
        d = self.deployment
        buckets, locked, needed = self._read()
        holders = ((d.operators, buckets.operators), (d.escrow, buckets.escrow))
        held = d.chain.read([(d.token.balanceOf, (contract,)) for contract, _ in holders])
        for (contract, owed), amount in zip(holders, held, strict=True):
            own = amount - self.gifts.get(contract.address, 0)
            assert own == owed, f"{contract.name} holds {own} and owes {owed}: {buckets}"
        for operator, amount in locked.items():
            assert amount == needed[operator] <= buckets.stake[operator], operator
        return buckets
