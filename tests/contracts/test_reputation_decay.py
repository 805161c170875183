"""Reputation's decay: exact against a second computation, however often and however late it is recorded."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onus.protocol import Batch, BatchStatus, ModelId
from tests.support.chain import Contract
from tests.support.deployment import UNIT
from tests.support.reputation import Book, Outcome, decayed, exactly, loss_bound, named
from tests.support.verdicts import Double
from tests.support.world import World

DAY = 86_400
HALF_LIFE = 90 * DAY


# ---- The second computation, held against mathematics ---------------------------------------------------


@given(value=st.integers(0, 2**96 - 1), epochs=st.integers(0, 40 * 32))
def test_decayed__is_the_power_of_two__never_above_it(value: int, epochs: int) -> None:
    """A4: rounded against whose name it is, by less than the documented bound."""
    exact = exactly(value, epochs)
    assert exact - loss_bound(value) < decayed(value, epochs) <= exact


@given(value=st.integers(0, 2**96 - 1), parts=st.lists(st.integers(0, 200), max_size=12))
def test_decayed__in_parts__is_the_same_up_to_rounding(value: int, parts: list[int]) -> None:
    """A8: many small steps or one of their sum."""
    left = value
    for part in parts:
        left = decayed(left, part)
    exact = exactly(value, sum(parts))
    assert exact - max(1, len(parts)) * loss_bound(value) < left <= exact


# ---- The contract, held against the second computation --------------------------------------------------


@dataclass
class Past:
    """Batches of two operators and three models that ended at different times, none recorded yet."""

    world: World
    batches: list[Batch]
    outcomes: list[Outcome]

    @property
    def whose(self) -> dict[tuple[str, object], object]:
        """Getter of every history that one of them is in."""
        reputation = self.world.reputation
        getters = {
            "operator": reputation.ofOperator,
            "model": reputation.ofModel,
            "provider": reputation.ofProvider,
        }
        return {who: getters[who[0]] for outcome in self.outcomes for who in outcome.whose}  # type: ignore[index]


@pytest.fixture
def past(world: World) -> Past:
    """Final with and without challenges, settled, refunded while pending and while faulty."""
    w = world
    for op in (w.op1, w.op2):
        w.operator_ready(op)
        w.payer_ready(op=op)
    first = w.register_model()
    second = w.register_model(by=w.bob)
    double = Double(w)

    def committed(batch: Batch) -> Batch:
        w.commit(batch)
        return batch

    kept = committed(w.batch(w.op1, first, count=5, fee=7 * UNIT + 1))
    quiet = committed(w.batch(w.op2, second, count=1, fee=3 * UNIT))
    failed = committed(w.batch(w.op1, double.model))
    undone = committed(w.faulty_batch(w.op2, double.model))
    large = committed(w.faulty_batch(w.op1, second, stake=77 * UNIT + 1))
    small = committed(w.faulty_batch(w.op2, first))
    for leaf in (0, 3):
        w.challenge(kept, leaf)
    keys = [w.challenge(large), w.challenge(small), w.challenge(undone)]
    verdicts = []
    for batch, sealed in zip((large, small, undone), keys, strict=True):
        w.forward(DAY // 5)
        verdicts.append(w.prove(batch, sealed).timestamp)
    stopped_at = w.fail_verifier(double.contract).timestamp - w.deployment.bounds.council_delay
    for batch in (failed, undone):
        w.refund(batch)
    for event in [e for e in w.chain.events("0x0") if e.name == "ChallengeOpened"]:
        if event.batchId == w.id_of(kept):
            w.disputes.timeout(kept.header, (event.challenger, event.seal), sender=w.stranger)
    w.past_window(kept, quiet)
    ends = [w.finalize(kept).timestamp, w.finalize(quiet, at=w.now + 20 * DAY).timestamp]
    for batch, sealed in ((large, keys[0]), (small, keys[1])):
        w.settle(batch, sealed)

    def outcome(batch: Batch, status: BatchStatus, ended_at: int, **counts: int) -> Outcome:
        header = batch.header
        provider = w.bob if header.model_id == second else w.provider
        whose = (
            ("operator", header.operator),
            ("model", header.model_id),
            ("provider", provider.address),
        )
        return Outcome(whose=whose, status=status, ended_at=ended_at, **counts)

    final, settled, refunded = BatchStatus.FINAL, BatchStatus.SETTLED, BatchStatus.REFUNDED
    fees = [(35 * UNIT + 5) * 2 // 100, 3 * UNIT * 2 // 100]
    outcomes = [
        outcome(kept, final, ends[0], inferences=5, challenges=2, protocol_fee=fees[0]),
        outcome(quiet, final, ends[1], inferences=1, protocol_fee=fees[1]),
        outcome(large, settled, verdicts[0], penalty=3 * (77 * UNIT + 1)),
        outcome(small, settled, verdicts[1], penalty=150 * UNIT),
        outcome(failed, refunded, stopped_at),
        outcome(undone, refunded, stopped_at),
    ]
    return Past(w, [kept, quiet, large, small, failed, undone], outcomes)


LONG = st.one_of(st.sampled_from([1, DAY, HALF_LIFE, 10 * HALF_LIFE]), st.integers(1, 3 * HALF_LIFE))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(6)),
    cuts=st.sets(st.integers(1, 5)),
    pauses=st.lists(LONG, min_size=6, max_size=6),
    half_life=st.one_of(st.sampled_from([32, 33, HALF_LIFE]), st.integers(32, 2**40 - 1)),
)
def test_record__in_any_order_and_at_any_time__is_what_the_book_says(
    past: Past, order: list[int], cuts: set[int], pauses: list[int], half_life: int
) -> None:
    """D6, D7: to the wei, for every half-life; batches come alone or in lists, and long after they ended."""
    world, book = past.world, Book(half_life)
    mark = world.mark()
    contract = world.chain.deploy("Reputation", world.peers, half_life, sender=world.deployer)
    edges = [0, *sorted(cuts), len(order)]
    for start, end, pause in zip(edges, edges[1:], pauses, strict=False):
        world.forward(pause)
        part = order[start:end]
        tx = contract.record([past.batches[each].header for each in part], sender=world.stranger)
        for each in part:
            book.record(past.outcomes[each], tx.timestamp)
    for later in (0, 1, half_life // 2, 5 * half_life):
        at = min(world.now + later, 2**40 - 1)
        assert found(past, contract, at) == {who: book.read(who, at) for who in past.whose}
    world.back_to(mark)


def found(past: Past, contract: Contract, at: int) -> dict[object, dict[str, int]]:
    """Every history, read at a time."""
    return {
        who: named(getattr(contract, getter.name)(who[1], at=at))  # type: ignore[attr-defined]
        for who, getter in past.whose.items()
    }


def test_record__early_or_late__is_the_same_up_to_rounding(past: Past) -> None:
    """A8: who has a batch recorded when it likes gains no more than the documented bound."""
    world = past.world
    early, late = (
        world.chain.deploy("Reputation", world.peers, HALF_LIFE, sender=world.deployer) for _ in range(2)
    )
    headers = [batch.header for batch in past.batches]
    for header in headers:
        early.record([header], sender=world.stranger)
        world.forward(17 * DAY + 12_345)
    late.record(headers, sender=world.stranger)
    sooner, later = found(past, early, world.now), found(past, late, world.now)
    for who in past.whose:
        for name in sooner[who]:
            gap = abs(sooner[who][name] - later[who][name])
            bound = len(headers) * loss_bound(later[who][name]) if name in ("earned", "lost") else 0
            assert gap <= bound, (who, name)
        assert sooner[who]["earned"] + sooner[who]["lost"] + sooner[who]["refundedBatches"] > 0


def test_read__a_thousand_times__changes_nothing(past: Past) -> None:
    """D7: a view does not decay; what is stored changes when something is recorded, and then once."""
    world = past.world
    world.reputation.record([past.batches[0].header], sender=world.stranger)
    fee, start = past.outcomes[0].protocol_fee, world.now
    ended = past.outcomes[0].ended_at
    book = Book(HALF_LIFE)
    for days in range(0, 400, 40):
        at = start + days * DAY
        age = book.epoch(at) - book.epoch(ended)
        first = world.reputation.ofOperator(world.op1, at=at).earned
        assert first == world.reputation.ofOperator(world.op1, at=at).earned
        kept = decayed(fee, book.epoch(start) - book.epoch(ended))
        assert first == decayed(kept, book.epoch(at) - book.epoch(start))
        assert exactly(fee, age) - 2 * loss_bound(fee) < first <= exactly(fee, age)
    halves = [world.reputation.ofOperator(world.op1, at=start + n * HALF_LIFE).earned for n in range(4)]
    assert halves == [halves[0] >> n for n in range(4)]


def test_half_life__of_the_deployment__is_read_to_the_second(past: Past) -> None:
    """D1: a step of decay comes at its second, not before: 1/32 of the half-life."""
    world = past.world
    world.reputation.record([past.batches[0].header], sender=world.stranger)
    step = HALF_LIFE // 32
    edge = (world.now // step + 1) * step
    before, at, after = (world.reputation.ofOperator(world.op1, at=edge + n) for n in (-1, 0, 1))
    assert at == after and at.epoch == before.epoch + 1
    assert at.earned == decayed(before.earned, 1)


def test_model__one_name__three_books(past: Past, world: World) -> None:
    """E11: an address that is operator and provider has two histories."""
    model: ModelId = world.register_model(by=world.op1)
    batch = world.batch(world.op1, model)
    until = world.operators.stateOf(world.op1).jailedUntil
    world.time_to(until)
    world.commit(batch)
    world.past_window(batch)
    world.finalize(batch)
    world.reputation.record([batch.header, past.batches[0].header], sender=world.stranger)
    as_operator = named(world.reputation.ofOperator(world.op1))
    as_provider = named(world.reputation.ofProvider(world.op1))
    assert (as_operator["finalBatches"], as_provider["finalBatches"]) == (2, 1)
    assert (as_operator["inferences"], as_provider["inferences"]) == (8, 3)
