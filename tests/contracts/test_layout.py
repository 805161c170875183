"""Storage: every packed struct lies in its slots as the comments in the sources say, read back from a chain.

The expectation is the source: `// slot n` above fields of a struct. The fields are filled through the
contracts, the words are read with eth_getStorageAt, taken apart by the comments, and held against what the
getters give.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from eth_utils import keccak

from onus.protocol import DemandKind, FaultKind, Position
from scripts.build import ROOT
from tests.support.deployment import UNIT
from tests.support.moves import demand
from tests.support.world import World

FIELD = re.compile(r"^\s*(u?int\d*|address|bool|bytes\d+|[A-Z]\w+)\s+(\w+);")
SLOT = re.compile(r"//\s*slot\s+(\d+)")
ENUMS = {"BatchStatus", "ChallengeStatus", "DemandKind", "OmissionStatus"}

# Variables of each contract, by slot. A reordering shows here.
VARIABLES: dict[str, dict[str, int]] = {
    "Parameters": {"_head": 1, "_closures": 2, "_sets": 3, "_addedAt": 4},
    "Models": {"_records": 1, "_verifiers": 2, "_closures": 3},
    "Operators": {"_states": 0, "_signers": 1, "_endpoints": 2},
    "Escrow": {"_balances": 0, "_reservations": 1, "_voucherKeys": 2},
    "Settlement": {"_batches": 2, "_published": 3},
    "Disputes": {"_challenges": 0, "_firstOn": 1, "_known": 2},
    "Omissions": {"_omissions": 0},
    "Reputation": {"_operators": 0, "_providers": 1, "_models": 2, "_recorded": 3},
}


def width(kind: str) -> int:
    """Bits of a type in storage."""
    if kind in ENUMS:
        return 8
    if kind == "address":
        return 160
    if kind == "bool":
        return 8
    digits = re.sub(r"\D", "", kind)
    return int(digits or 256) * (8 if kind.startswith("bytes") else 1)


Layout = dict[int, list[tuple[str, int]]]


def documented(struct: str) -> Layout:
    """Slot → fields with their bits, from the comments of a struct."""
    source = (ROOT / "contracts" / STRUCTS[struct][0]).read_text()
    body = re.search(rf"struct {struct} \{{(.*?)\n\s*\}}", source, re.DOTALL)
    assert body, struct
    slots: Layout = {}
    slot: int | None = None
    for line in body.group(1).splitlines():
        if "// slots" in line:
            break  # structs of their own
        if (mark := SLOT.search(line)) and not FIELD.match(line):
            slot = int(mark.group(1))
            slots[slot] = []
        elif field := FIELD.match(line):
            assert slot is not None, f"{struct}.{field.group(2)} is in no documented slot"
            slots[slot].append((field.group(2), width(field.group(1))))
    return slots


def mapped(key: bytes | str, base: int | bytes) -> int:
    """Slot of a mapping's value."""
    word = bytes(12) + bytes.fromhex(key[2:]) if isinstance(key, str) else key
    place = base if isinstance(base, bytes) else base.to_bytes(32, "big")
    return int.from_bytes(keccak(word.rjust(32, b"\0") + place), "big")


def read(world: World, contract: Any, first: int, layout: Layout) -> dict[str, Any]:
    """Fields as they lie in storage, lower-order first; nothing beside them."""
    values: dict[str, Any] = {}
    for slot, fields in layout.items():
        word = int(world.chain.rpc("eth_getStorageAt", contract.address, hex(first + slot), "latest"), 16)
        for name, bits in fields:
            values[name] = word & ((1 << bits) - 1)
            word >>= bits
        assert word == 0, f"slot {slot} holds more than is documented"
    return values


def same(stored: dict[str, Any], getter: Any) -> None:
    """Storage and getter agree, field by field, in order."""
    actual = {
        name: int(value, 16) if isinstance(value, str) else int(value)
        for name, value in getter._asdict().items()
    }
    assert stored == actual
    assert list(stored) == list(actual)


# Where each is defined, and its number of slots.
STRUCTS: dict[str, tuple[str, int]] = {
    "OperatorState": ("types/Operator.sol", 3),
    "Reservation": ("types/Accounts.sol", 2),
    "VoucherKey": ("types/Accounts.sol", 2),
    "BatchState": ("types/Batch.sol", 1),
    "Challenge": ("types/Challenge.sol", 2),
    "Params": ("types/Params.sol", 5),
    "VerifierState": ("types/Model.sol", 1),
    "Omission": ("types/Omission.sol", 1),
    "History": ("types/Reputation.sol", 2),
    "Closure": ("libraries/Closures.sol", 1),
    "Head": ("Parameters.sol", 1),
    "Record": ("Models.sol", 3),
}


@pytest.mark.parametrize("struct", STRUCTS)
def test_struct__as_documented__fits_its_slots(struct: str) -> None:
    slots = STRUCTS[struct][1]
    layout = documented(struct)
    bits = {slot: sum(bits for _, bits in fields) for slot, fields in layout.items()}
    assert list(bits) == list(range(slots))
    assert all(0 < total <= 256 for total in bits.values()), bits
    # No field would have fitted into the slot before: the comments cannot be off by a slot.
    for slot in range(1, slots):
        assert bits[slot - 1] + layout[slot][0][1] > 256, f"{struct}, slot {slot}"


@pytest.mark.parametrize("name", VARIABLES)
def test_variables__in_their_slots(world: World, name: str) -> None:
    storage = world.chain.artifacts[name].storage
    assert {
        each["label"]: int(each["slot"]) for each in storage if each["label"] in VARIABLES[name]
    } == VARIABLES[name]
    others = {each["label"] for each in storage} - set(VARIABLES[name])
    # OpenZeppelin's own: nothing of them is written by a commit.
    assert others <= {"_nameFallback", "_versionFallback", "_authority", "_consumingSchedule"}


def test_operator_state__in_storage(world: World) -> None:
    model = world.ready()
    batch = world.faulty_batch(world.op1, model)
    world.commit(batch)
    world.convict(batch)
    world.operators.requestUnbond(777, sender=world.op1)
    world.operators.requestReserveExit(sender=world.op1)
    base = VARIABLES["Operators"]["_states"]
    stored = read(world, world.operators, mapped(world.op1.address, base), documented("OperatorState"))
    state = world.operators.stateOf(world.op1)
    same(stored, state)
    assert 0 not in {value for name, value in stored.items() if name != "locked"}


def test_reservation_and_voucher_key__in_storage(world: World) -> None:
    model = world.ready()
    world.commit(world.batch(world.op1, model))
    world.escrow.requestRelease(world.op1, 999, sender=world.alice)
    world.escrow.setVoucherKey(world.signer1, sender=world.alice)
    world.escrow.setVoucherKey(world.signer2, sender=world.alice)
    inner = mapped(world.alice.address, VARIABLES["Escrow"]["_reservations"]).to_bytes(32, "big")
    stored = read(world, world.escrow, mapped(world.op1.address, inner), documented("Reservation"))
    same(stored, world.escrow.reservationOf(world.alice, world.op1))
    assert 0 not in stored.values()
    place = mapped(world.alice.address, VARIABLES["Escrow"]["_voucherKeys"])
    stored = read(world, world.escrow, place, documented("VoucherKey"))
    same(stored, world.escrow.voucherKeyStateOf(world.alice))
    assert 0 not in stored.values()


def test_batch_state_and_challenge__in_storage(world: World) -> None:
    """One word a batch, whatever its size; one a challenge until it demands something."""
    model = world.ready()
    world.time_to(world.quarantine())
    batch = world.faulty_batch(world.op1, model, count=100)
    world.commit(batch)
    sealed = world.challenge(batch)
    asked = world.challenge(batch, 5, by=world.watcher2)
    nodes = Position(kind=DemandKind.TRACE_NODES, level=1, index=1)
    world.forward(60)
    demand(world, batch, asked, nodes)
    world.prove(batch, sealed, kind=FaultKind.HEADER)
    place = mapped(world.id_of(batch), VARIABLES["Settlement"]["_batches"])
    stored = read(world, world.settlement, place, documented("BatchState"))
    same(stored, world.state_of(batch))
    assert 0 not in stored.values()
    for challenge, empty in ((sealed, set(SECOND_WORD)), (asked, {"answers", "demandSlot", "demandAbove"})):
        place = mapped(challenge.id, VARIABLES["Disputes"]["_challenges"])
        stored = read(world, world.disputes, place, documented("Challenge"))
        same(stored, world.disputes.challengeOf(challenge.id))
        assert stored["challenger"] == int(challenge.by.address, 16)
        assert {name for name, value in stored.items() if value == 0} == empty


SECOND_WORD = [name for name, _ in documented("Challenge")[1]]


def test_verifier_and_closures__in_storage(world: World) -> None:
    """What every deadline reads is one word."""
    world.fail_verifier()
    place = mapped(world.verifier.address, VARIABLES["Models"]["_verifiers"])
    stored = read(world, world.models, place, documented("VerifierState"))
    state = world.models.verifierOf(world.verifier)
    same(stored, state)
    assert {name for name, value in stored.items() if value == 0} == {"allowed", "frozen"}
    length = mapped(world.verifier.address, VARIABLES["Models"]["_closures"])
    first = int.from_bytes(keccak(length.to_bytes(32, "big")), "big")
    closure = read(world, world.models, first, documented("Closure"))
    assert closure == {"from": state.stoppedAt, "to": 2**40 - 1}


def test_omission_and_history__in_storage(world: World) -> None:
    """A claim is one word; a history is two."""
    model = world.ready()
    good = world.batch(world.op1, model, fee=UNIT)
    world.commit(good)
    lost = world.challenge(good)
    bad = world.faulty_batch(world.op1, model)
    world.commit(bad)
    receipt = world.receipt(world.op1, model)
    winner = world.convict(bad)
    world.time_to(receipt.commit_by)
    world.claim(receipt)
    place = mapped(receipt.struct_hash, VARIABLES["Omissions"]["_omissions"])
    stored = read(world, world.omissions, place, documented("Omission"))
    same(stored, world.omissions.omissionOf(receipt.struct_hash))
    assert 0 not in stored.values()
    world.forward(world.params.challenger_time)
    world.disputes.timeout(good.header, lost.key, sender=world.stranger)
    world.past_window(good)
    world.finalize(good)
    world.settle(bad, winner)
    world.reputation.record([good.header, bad.header], sender=world.stranger)
    for name, key, getter in (
        ("_operators", world.op1.address, world.reputation.ofOperator),
        ("_providers", world.provider.address, world.reputation.ofProvider),
        ("_models", model, world.reputation.ofModel),
    ):
        stored = read(
            world, world.reputation, mapped(key, VARIABLES["Reputation"][name]), documented("History")
        )
        same(stored, getter(key))
        assert {field for field, value in stored.items() if value == 0} == {"refundedBatches"}


def test_params_and_head__in_storage(world: World) -> None:
    place = mapped((1).to_bytes(32, "big"), VARIABLES["Parameters"]["_sets"])
    stored = read(world, world.parameters, place, documented("Params"))
    same(stored, world.parameters.paramsOf(1))
    assert 0 not in stored.values()
    world.parameters.closeCommitments(sender=world.guardian)
    head = read(world, world.parameters, VARIABLES["Parameters"]["_head"], documented("Head"))
    assert (head["newest"], head["addedAt"], head["closed"]) == (1, world.parameters.newestAddedAt(), 1)


def test_model_record__in_storage(world: World) -> None:
    """What a commit needs of a model is one word."""
    model = world.register_model(depth_budget=9, input_bytes=20_000, trace_bytes=20_000)
    world.models.deprecate(model, sender=world.provider)
    layout = {slot: fields for slot, fields in documented("Record").items() if slot < 2}
    stored = read(world, world.models, mapped(model, VARIABLES["Models"]["_records"]), layout)
    assert stored == {
        "verifier": int(world.verifier.address, 16),
        "challengeWindow": 100 * 3_600,
        "deprecatedAt": world.models.deprecatedAt(model),
        "depthBudget": 9,
        "inputPages": 3,
        "provider": int(world.provider.address, 16),
        "royaltyBps": 1_000,
        "level": 0,
        "inputBytes": 20_000,
    }
