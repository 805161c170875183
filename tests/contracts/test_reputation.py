"""Reputation.record: what is read into which history, once, and what is passed over.

record
├── of Final, Settled, Refunded         into the histories of operator, model and provider
├── of anything else, or again          passed over with the reason; NothingRecorded if that is all
└── counters at the end of their type   stay there: nothing is ever stopped by them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from onus.protocol import Batch, ModelId, keccak256, preset
from tests.support.chain import Contract, Revert
from tests.support.deployment import UNIT
from tests.support.refusals import refused
from tests.support.reputation import MOST, Book, decayed, named
from tests.support.world import World

HALF_LIFE = 90 * 86_400


def record(world: World, *batches: Batch) -> list[tuple[bytes, Revert]]:
    """Records as a stranger; returns what was passed over, and why."""
    tx = world.reputation.record([batch.header for batch in batches], sender=world.stranger)
    return [(e.batchId, world.chain.codec.revert(e.reason)) for e in tx.events("RecordSkipped")]


def final_batch(world: World, model: ModelId, **options: int) -> Batch:
    batch = world.batch(world.op1, model, **options)
    world.commit(batch)
    world.past_window(batch)
    world.finalize(batch)
    return batch


def settled_batch(world: World, model: ModelId, **options: int) -> Batch:
    batch = world.faulty_batch(world.op1, model, **options)
    world.commit(batch)
    winner = world.convict(batch)
    world.forward(world.params.earning_delay)
    world.settle(batch, winner)
    return batch


def histories(world: World, model: ModelId) -> dict[str, dict[str, int]]:
    """Of op1, of the model, of its provider."""
    return {
        "operator": named(world.reputation.ofOperator(world.op1)),
        "model": named(world.reputation.ofModel(model)),
        "provider": named(world.reputation.ofProvider(world.provider)),
    }


def only(world: World, **values: int) -> dict[str, int]:
    """A history with these values and no others, now."""
    epoch = Book(HALF_LIFE).epoch(world.now)
    return dict.fromkeys(MOST, 0) | {"epoch": epoch} | values


def since(world: World, batch: Batch, value: int) -> int:
    """What is left of a value since a batch ended."""
    book = Book(HALF_LIFE)
    return decayed(value, book.epoch(world.now) - book.epoch(world.state_of(batch).endedAt))


# ---- What counts ----------------------------------------------------------------------------------------


def test_record__of_a_final_batch__counts_fees_and_inferences(world: World) -> None:
    """E11: the same for the operator, the model and the provider, and for nobody else."""
    model = world.ready()
    batch = final_batch(world, model, count=4, fee=UNIT)
    tx = world.reputation.record([batch.header], sender=world.stranger)
    event = tx.event("BatchRecorded")
    assert tuple(event.values) == (world.id_of(batch), world.op1.address, model, world.provider.address)
    assert len(tx.logs) == 1
    fee = 4 * UNIT * world.params.protocol_fee_bps // 10_000
    expected = only(world, earned=since(world, batch, fee), inferences=4, finalBatches=1)
    assert histories(world, model) == dict.fromkeys(("operator", "model", "provider"), expected)
    assert world.reputation.isRecorded(world.op1, 0) and not world.reputation.isRecorded(world.op1, 1)
    nobody = only(world)
    for person in (world.op2, world.provider, world.alice, world.treasury):
        assert named(world.reputation.ofOperator(person)) == nobody
    assert named(world.reputation.ofProvider(world.op1)) == nobody
    assert named(world.reputation.ofModel(world.register_model())) == nobody


def test_record__of_a_batch_that_withstood_challenges__counts_them(world: World) -> None:
    model = world.ready()
    batch = world.batch(world.op1, model)
    world.commit(batch)
    lost = [world.challenge(batch, leaf) for leaf in range(3)]
    world.forward(world.params.challenger_time)
    for sealed in lost:
        world.disputes.timeout(batch.header, sealed.key, sender=world.stranger)
    world.past_window(batch)
    world.finalize(batch)
    record(world, batch)
    assert histories(world, model)["operator"]["withstood"] == 3


def test_record__of_a_settled_batch__counts_the_penalty(world: World) -> None:
    """E11."""
    model = world.ready()
    batch = settled_batch(world, model, stake=100 * UNIT)
    record(world, batch)
    lost = since(world, batch, 300 * UNIT)
    expected = only(world, lost=lost, faultyBatches=1, slashed=300 * UNIT)
    assert histories(world, model)["operator"] == expected


def test_record__of_a_refunded_batch__blames_nobody(world: World) -> None:
    """C15: pending or faulty, the verifier failed, not the operator."""
    model = world.ready()
    pending = world.batch(world.op1, model)
    world.commit(pending)
    faulty = world.faulty_batch(world.op1, model)
    world.commit(faulty)
    world.convict(faulty)
    world.fail_verifier()
    for batch in (pending, faulty):
        world.refund(batch)
    record(world, pending, faulty)
    assert histories(world, model)["operator"] == only(world, refundedBatches=2)


def test_score__is_what_was_earned_of_all(world: World) -> None:
    """Rounded down; 0 for who has neither, so that a new name is worth nothing."""
    empty = dict.fromkeys([*MOST, "epoch"], 0)
    full = 2**96 - 1

    def score(earned: int, lost: int) -> int:
        return int(world.reputation.scoreOf(empty | {"earned": earned, "lost": lost}))

    assert score(0, 0) == 0
    assert score(0, 1) == 0
    assert score(1, 0) == score(full, 0) == 10_000
    assert score(1, 2) == 3_333
    assert score(9_999, 1) == 9_999
    assert score(1, full) == 0
    assert score(full, full) == 5_000


# ---- What is passed over --------------------------------------------------------------------------------


def test_record__a_list_with_bad_items__records_the_others(world: World) -> None:
    """D8: unknown, pending, faulty, twice in one list, recorded before."""
    model = world.ready()
    before = final_batch(world, model)
    record(world, before)
    good = world.batch(world.op1, model)
    world.commit(good)
    pending = world.batch(world.op1, model)
    world.commit(pending)
    faulty = world.faulty_batch(world.op1, model)
    world.commit(faulty)
    unknown = world.batch(world.op1, model)
    world.convict(faulty)
    world.past_window(good)
    world.finalize(good)
    assert record(world, unknown, pending, before, good, faulty, good) == [
        (world.id_of(unknown), Revert("Reputation_NotEnded", world.id_of(unknown))),
        (world.id_of(pending), Revert("Reputation_NotEnded", world.id_of(pending))),
        (world.id_of(before), Revert("Reputation_AlreadyRecorded", world.id_of(before))),
        (world.id_of(faulty), Revert("Reputation_NotEnded", world.id_of(faulty))),
        (world.id_of(good), Revert("Reputation_AlreadyRecorded", world.id_of(good))),
    ]
    assert histories(world, model)["operator"]["finalBatches"] == 2


def test_record__nothing_new__reverts_with_the_first_reason(world: World) -> None:
    """D8, D13."""
    model = world.ready()
    batch = final_batch(world, model)
    pending = world.batch(world.op1, model)
    world.commit(pending)
    record(world, pending, batch)
    for name, first, second in (("NotEnded", pending, batch), ("AlreadyRecorded", batch, pending)):
        revert = world.reputation.record.revert([first.header, second.header], sender=world.stranger)
        assert revert is not None and revert.name == "Reputation_NothingRecorded"
        reason = Revert(f"Reputation_{name}", world.id_of(first))
        assert world.chain.codec.revert(revert.args[0]) == reason
    empty = Revert("Reputation_NothingRecorded", b"")
    refused(world, empty, world.reputation.record, [], sender=world.stranger)


def test_record__of_a_header_that_only_resembles__is_unknown(world: World) -> None:
    """B12: what is not the committed header has no status, whatever its operator and sequence."""
    model = world.ready()
    batch = final_batch(world, model)
    for change in ({"sequence": 1}, {"fee": 100 * UNIT}, {"count": 2}, {"operator": world.op2.address}):
        other = replace(batch, header=replace(batch.header, **change))
        revert = world.reputation.record.revert([other.header], sender=world.stranger)
        assert revert is not None
        reason = Revert("Reputation_NotEnded", world.id_of(other))
        assert world.chain.codec.revert(revert.args[0]) == reason
    assert record(world, batch) == []


def test_record__around_the_end_of_a_word__each_sequence_has_its_bit(world: World) -> None:
    """D7: what was recorded is kept in words of 256."""
    model = world.ready()
    number_from(world, 254)
    committed = []
    for _ in range(4):
        committed.append(world.batch(world.op1, model, count=1))
        world.commit(committed[-1])
    assert [batch.header.sequence for batch in committed] == [254, 255, 256, 257]
    world.past_window(*committed)
    world.finalize(*committed)
    record(world, committed[1], committed[2])
    found = [number for number in range(520) if world.reputation.isRecorded(world.op1, number)]
    assert found == [255, 256]
    record(world, committed[0], committed[3])
    found = [number for number in range(520) if world.reputation.isRecorded(world.op1, number)]
    assert found == [254, 255, 256, 257]


def number_from(world: World, sequence: int) -> None:
    """As if op1 had committed so many batches."""
    slot = mapped(world.op1.address, 0)
    word = int(world.chain.rpc("eth_getStorageAt", world.operators.address, hex(slot), "latest"), 16)
    word = word % 2**192 | sequence << 192
    world.chain.rpc("anvil_setStorageAt", world.operators.address, f"0x{slot:064x}", f"0x{word:064x}")
    assert world.operators.stateOf(world.op1).nextSequence == sequence


# ---- Saturation -----------------------------------------------------------------------------------------


def test_record__of_more_than_a_type_holds__stops_at_its_end(another_world: Callable[..., World]) -> None:
    """A10: fees and penalties of 2^96 and more, paid and lost in earnest; finality knows nothing of it."""
    params = replace(preset("op-stack").params, protocol_fee_bps=5_000, unjail_after=0, faults_to_ban=255)
    world = another_world(params=params)
    most = 2**96 - 1
    for person in (world.op1, world.alice):
        world.token.mint(person, 8 * most, sender=world.deployer)
    world.operator_ready(stake=most)
    model = world.register_model()
    for _ in range(3):
        world.escrow.depositAndReserve(world.op1, most, sender=world.alice)
    paid = final_batch(world, model, count=1, fee=3 * most)
    record(world, paid)
    assert histories(world, model)["operator"]["earned"] == most
    world.payer_ready(amount=UNIT)
    first = settled_batch(world, model, count=1, stake=most)
    world.operators.stake(most, sender=world.op1)
    second = settled_batch(world, model, count=1, stake=most)
    record(world, first, second)
    found = histories(world, model)["operator"]
    assert (found["lost"], found["slashed"]) == (most, most)
    world.assert_solvent()


def mapped(person: str, base: int) -> int:
    """First slot of what a mapping has for an address."""
    word = bytes(12) + bytes.fromhex(person[2:]) + base.to_bytes(32, "big")
    return int.from_bytes(keccak256(word), "big")


def test_record__with_counters_at_their_end__they_stay_there(world: World) -> None:
    """A10, D7: no number of batches makes recording revert or a counter start anew."""
    model = world.ready()
    good = final_batch(world, model)
    # Nobody has the time for 2^24 batches: storage as it would be after them.
    contract: Contract = world.reputation
    layout = world.chain.artifacts["Reputation"].storage
    base = next(int(each["slot"]) for each in layout if each["label"] == "_operators")
    slot = mapped(world.op1.address, base) + 1
    world.chain.rpc("anvil_setStorageAt", contract.address, f"0x{slot:064x}", "0x" + "ff" * 32)
    full = {name: most for name, most in MOST.items() if name not in ("earned", "lost")}

    def counters() -> dict[str, int]:
        found = histories(world, model)["operator"]
        return {name: found[name] for name in full}

    assert counters() == full
    record(world, good)
    assert counters() == full
    # What decays has its own word, which was not touched.
    found = histories(world, model)
    assert found["operator"]["earned"] == found["model"]["earned"] > 0
    record(world, settled_batch(world, model))
    assert counters() == full
    assert histories(world, model)["model"]["finalBatches"] == 1


# ---- Deployment -----------------------------------------------------------------------------------------


def test_constructor__with_a_half_life_of_less_than_its_steps__reverts(world: World) -> None:
    """B9: below 32 seconds a step of decay would have no length."""
    for half_life, good in ((0, False), (1, False), (31, False), (32, True), (2**40 - 1, True)):
        revert = world.chain.deploy_revert("Reputation", world.peers, half_life, sender=world.deployer)
        assert revert == (None if good else Revert("Reputation_ZeroHalfLife")), half_life
    assert world.reputation.halfLife() == HALF_LIFE
    assert world.reputation.wiring() == world.peers.wiring
