"""One round at a time."""

from __future__ import annotations

import itertools
import random
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from onus.chain import ContractReverted
from onus.client import Onus
from onus.protocol import BatchStatus, DemandKind, FaultKind, OnusError, Opening, Position
from onus.store import SeenStage
from onus.trace import (
    Alteration,
    Program,
    Trace,
    element_evidence,
    evidence,
    find_fault,
    witness_of,
)
from onus.watcher import Watcher
from scripts.build import load
from scripts.drill.alterations import another_value, random_alteration
from scripts.drill.field import ACCUSER, WATCHER, Committed, Field, most_demands
from scripts.drill.rounds import Move, Round
from scripts.drill.withholder import KINDS, Withholder, random_position

__all__ = [
    "Drill",
    "DrillError",
]

_RECEIPTS: Final = 4
_MOST_STEPS: Final = 200
_ACCUSATIONS: Final = 8
_IDLE_STEPS: Final = 3
_NAMES_NO_TENSOR: Final = (DemandKind.RECEIPT, DemandKind.REQUEST, DemandKind.TRACE_NODES)


class DrillError(OnusError):
    """A drill cannot be held."""


class Drill:
    """Rounds over one input.

    Args:
        field: where.
        data: the input in committed form.
        seed: of everything that is chosen at random.
    """

    def __init__(self, field: Field, data: bytes, *, seed: int = 0) -> None:
        self._field = field
        self._data = data
        self._choose = random.Random(seed)
        self._engine = field.model.engine
        self.honest: Trace = self._engine.run_encoded([data])[0]
        self._numbers = itertools.count()
        self._names = _functions()

    @property
    def program(self) -> Program:
        """The model."""
        return self._field.model.program

    def random_alteration(self) -> Alteration:
        """See `random_alteration`."""
        return random_alteration(self.program, self.honest, self._choose)

    def alteration(self, slot: int, element: int) -> Alteration:
        """Another value for an element; raises `PositionError`."""
        return another_value(self.program, self.honest, slot, element, self._choose)

    def altered(self, alteration: Alteration, *, withholds: bool = False) -> Round:
        """One receipt of a batch has an altered trace; what follows from it in the trace is consistent.

        Won if the watcher finds it at the altered element, and the contract takes the operator's stake.

        Args:
            alteration: what is altered.
            withholds: the operator serves nothing, but answers what is demanded. The watcher is told the leaf
                and nothing else, and may not demand more than the model declares.
        """
        wrong = self._engine.run_encoded([self._data], alter=alteration)[0]
        with self._field.round():
            committed, leaf = self._commit(wrong, serves=not withholds)
            outcome = Round(alteration, leaf)
            before = self._stake()
            with self._watcher(committed) as watcher:
                if withholds:
                    self._press(watcher, committed, leaf)
                else:
                    self._step(watcher, committed)
                accused = watcher.store.challenges()
                verdicts = watcher.store.verdicts(committed.batch_id)
            self._record(outcome, committed)
            outcome.slashed = before - self._stake()
            if accused:
                outcome.verdict = accused[0].note
            else:
                outcome.verdict = "; ".join(dict.fromkeys(str(each.kind) for each in verdicts)) or "unseen"
            expected = committed.batch.header.count * committed.batch.header.stake
            floor = self._field.world.manifest.first_params.min_batch_stake
            outcome.won = (
                self._status(committed) is BatchStatus.FAULTY
                and (outcome.slot, outcome.element) == (alteration.slot, alteration.element)
                and outcome.slashed == max(expected, floor)
                and outcome.rounds == len(outcome.demands) <= most_demands(self.program.manifest)
            )
            return outcome

    def unaltered(self, *, withholds: bool = False) -> Round:
        """The batch is right, and is accused all the same.

        Won if the watcher finds nothing, no accusation is accepted, the batch becomes final, and the operator
        keeps its stake and gets its share of the accuser's bond.

        Args:
            withholds: the operator serves nothing; the accuser demands whatever there is, and is answered.
        """
        with self._field.round():
            committed, leaf = self._commit(self.honest, serves=not withholds)
            outcome = Round(None, leaf)
            before = self._stake()
            expected = SeenStage.WITHHELD if withholds else SeenStage.SOUND
            with self._watcher(committed) as watcher:
                self._step(watcher, committed)
                seen = watcher.store.batch(committed.batch_id)
                is_quiet = seen.stage is expected and not watcher.store.challenges()
            free = self._free()
            accepted = self._accuse(committed, leaf, withholds=withholds)
            outcome.earned = self._free() - free
            self._finalize(committed)
            self._record(outcome, committed)
            outcome.slashed = before - self._stake()
            is_final = self._status(committed) is BatchStatus.FINAL
            params = self._field.world.manifest.first_params
            outcome.won = (
                is_quiet
                and not accepted
                and is_final
                and outcome.slashed == 0
                and outcome.rounds == len(outcome.demands)
                and outcome.earned == params.challenge_bond // 2 * outcome.rounds // params.max_demands
            )
            outcome.verdict = (
                f"{seen.stage if is_quiet else 'accused by the watcher'}, "
                f"{accepted} of {_ACCUSATIONS} accusations accepted, {'final' if is_final else 'not final'}"
            )
            return outcome

    # ---- parts of a round --------------------------------------------------------------------------------

    def _commit(self, accused: Trace, *, serves: bool) -> tuple[Committed, int]:
        leaf = self._choose.randrange(_RECEIPTS)
        traces = [accused if index == leaf else self.honest for index in range(_RECEIPTS)]
        return self._field.commit([self._data] * _RECEIPTS, traces, serves=serves), leaf

    @contextmanager
    def _watcher(self, committed: Committed) -> Iterator[Watcher]:
        """The real one; stepped here, not by a thread of its own."""
        watcher = Watcher(
            self._field.client(WATCHER),
            library=self._field.library,
            database=f"sqlite:///{self._field.folder / f'watcher-{next(self._numbers)}.db'}",
            source=self._field,
            start_block=committed.number,
        )
        try:
            yield watcher
        finally:
            watcher.stop()

    def _step(self, watcher: Watcher, committed: Committed) -> None:
        """Lets the watcher work until the batch is decided, or it has nothing to do any more."""
        for _ in range(_MOST_STEPS):
            idle = watcher.step().is_idle
            # It asks for data in the background: nothing to do is not the same as nothing found.
            judged = not watcher.store.batches(SeenStage.SEEN)
            if self._status(committed).is_decided or (idle and judged and not watcher.store.challenges()):
                return
            # The next move has to be in a later block, and a block needs a second.
            self._field.chain.advance(1)
        raise DrillError(f"the watcher did not come to an end within {_MOST_STEPS} steps")

    def _press(self, watcher: Watcher, committed: Committed, leaf: int) -> None:
        """Both sides move, from a leaf's index on, until the batch is decided or neither has a move left."""
        operator, idle = Withholder(self._field, committed), 0
        watcher.step()
        watcher.suspect(committed.batch_id, leaf)
        for _ in range(_MOST_STEPS):
            moved = bool(watcher.step().moved)
            answered = operator.answer()
            idle = 0 if moved or answered else idle + 1
            # Opening a place changes no record, so one idle step means nothing.
            if idle == _IDLE_STEPS or self._status(committed).is_decided:
                return
            self._field.chain.advance(1)
        raise DrillError(f"the dispute did not come to an end within {_MOST_STEPS} steps")

    def _accuse(self, committed: Committed, leaf: int, *, withholds: bool) -> int:
        """A challenge of an honest receipt, with whatever might pass for evidence; how much was accepted."""
        accuser, header = self._field.client(ACCUSER), committed.batch.header
        opening = Opening(leaf_index=leaf, salt=secrets.token_bytes(32))
        accuser.disputes.challenge(header, opening)
        self._field.chain.advance(1)
        accuser.disputes.open(header, opening)
        if withholds:
            self._demand(accuser, committed, opening)
        accepted = sum(
            self._is_accepted(accuser, committed, opening, self._false_evidence())
            for _ in range(_ACCUSATIONS)
        )
        # Its clock runs out, and anybody may say so.
        key = accuser.disputes.key_of(opening)
        _, deadline = accuser.disputes.clock_of(header, key=key)
        self._field.chain.advance_to(deadline)
        accuser.disputes.timeout(header, key)
        return accepted

    def _demand(self, accuser: Onus, committed: Committed, opening: Opening) -> None:
        """Demands something of every kind, and then anything, each of which the operator answers."""
        operator, known = Withholder(self._field, committed), set[Position]()
        most = self._field.world.manifest.first_params.max_demands
        wanted = self._choose.randint(len(KINDS), most)
        kinds = self._choose.sample(KINDS, len(KINDS)) + self._choose.choices(KINDS, k=_MOST_STEPS)
        for kind in kinds:
            position = random_position(self.program, kind, self._choose)
            if len(known) == wanted:
                return
            # What does not exist, or was revealed, cannot be demanded.
            if position is None or position in known:
                continue
            known.add(position)
            witness = None if kind in _NAMES_NO_TENSOR else witness_of(self.program, position.slot)
            accuser.disputes.demand(committed.batch.header, opening, position, witness)
            operator.answer()

    def _is_accepted(self, accuser: Onus, committed: Committed, opening: Opening, shown: bytes) -> bool:
        try:
            accuser.disputes.preview(
                committed.batch.header,
                salt=opening.salt,
                proof=committed.batch.proof(opening.leaf_index),
                kind=FaultKind.EXECUTION,
                evidence=shown,
            )
        except ContractReverted:
            return False
        return True

    def _false_evidence(self) -> bytes:
        """Right elements, faults of another execution, and bits changed in either."""
        if self._choose.random() < 0.5:
            slot = self._choose.randrange(len(self.program.inputs), len(self.program.slots))
            element = self._choose.randrange(self.program.slots[slot].count)
            shown = element_evidence(self.honest, slot, element, check=False)
        else:
            other = self._engine.run_encoded([self._data], alter=self.random_alteration())[0]
            fault = find_fault(self.honest, other)
            assert fault is not None
            shown = evidence(other, fault)
        if self._choose.random() < 0.5:
            flipped = bytearray(shown)
            flipped[self._choose.randrange(len(flipped))] ^= 1 << self._choose.randrange(8)
            shown = bytes(flipped)
        return shown

    def _finalize(self, committed: Committed) -> None:
        reader = self._field.client("deployer")
        self._field.chain.advance_to(reader.settlement.batch_of(committed.batch_id).window_ends_at)
        reader.settlement.finalize([committed.batch.header])

    def _status(self, committed: Committed) -> BatchStatus:
        return self._field.reader.settlement.batch_of(committed.batch_id).status

    def _stake(self) -> int:
        return self._field.reader.operators.state_of(self._field.operator).stake

    def _free(self) -> int:
        """The operator's free balance, in token base units."""
        return self._field.reader.escrow.free_balance_of(self._field.operator)

    def _record(self, outcome: Round, committed: Committed) -> None:
        """What the chain says of a dispute."""
        disputes, number = self._field.reader.disputes, committed.number
        outcome.moves = self._moves(committed)
        demanded = disputes.Demanded.logs(from_block=number, batch_id=committed.batch_id)
        outcome.demands = [each.event.position for each in demanded]
        for proven in disputes.FaultProven.logs(from_block=number, batch_id=committed.batch_id):
            outcome.slot, outcome.element = proven.event.slot, proven.event.element

    def _moves(self, committed: Committed) -> list[Move]:
        rpc, world = self._field.reader.rpc, self._field.world
        moves = []
        for number in range(committed.number + 1, rpc.block().number + 1):
            for sent in rpc.request("eth_getBlockByNumber", hex(number), True)["transactions"]:
                receipt = rpc.receipt(sent["hash"])
                assert receipt is not None
                function = self._names.get(sent["input"][:10], sent["input"][:10])
                moves.append(Move(world.name_of(sent["from"]), function, receipt.gas_used))
        return moves


def _functions() -> Mapping[str, str]:
    """Names of functions by selector, as calldata begins with it."""
    artifacts = load(["Disputes", "Settlement"])
    return {
        selector: f"{name}.{signature.partition('(')[0]}"
        for name in ("Disputes", "Settlement")
        for signature, selector in artifacts[name].selectors.items()
    }
