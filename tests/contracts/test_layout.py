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

from onus.protocol import FaultKind
from scripts.build import ROOT
from tests.support.world import World

FIELD = re.compile(r"^\s*(u?int\d*|address|bool|bytes\d+|[A-Z]\w+)\s+(\w+);")
SLOT = re.compile(r"//\s*slot\s+(\d+)")
ENUMS = {"BatchStatus": 8, "ChallengeStatus": 8, "Turn": 8}

# Variables of each contract, by slot. A reordering shows here.
VARIABLES: dict[str, dict[str, int]] = {
    "Parameters": {"_head": 1, "_sets": 2},
    "Models": {"_records": 1, "isVerifierAllowed": 2},
    "Operators": {"_states": 0, "_signers": 1, "_endpoints": 2},
    "Escrow": {"_balances": 0, "_reservations": 1, "_voucherKeys": 2},
    "Settlement": {"_batches": 2, "_published": 3},
    "Disputes": {"_challenges": 0, "_firstOn": 1},
}


def width(kind: str) -> int:
    """Bits of a type in storage."""
    if kind in ENUMS:
        return ENUMS[kind]
    if kind == "address":
        return 160
    if kind == "bool":
        return 8
    digits = re.sub(r"\D", "", kind)
    return int(digits or 256) * (8 if kind.startswith("bytes") else 1)


def documented(path: str, struct: str) -> dict[int, list[tuple[str, int]]]:
    """Slot → fields with their bits, from the comments of a struct."""
    source = (ROOT / "contracts" / path).read_text()
    body = re.search(rf"struct {struct} \{{(.*?)\n\s*\}}", source, re.DOTALL)
    assert body, struct
    slots: dict[int, list[tuple[str, int]]] = {}
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


def read(world: World, contract: Any, first: int, layout: dict[int, list[tuple[str, int]]]) -> dict[str, Any]:
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


STRUCTS = [
    ("types/Operator.sol", "OperatorState", 3),
    ("types/Accounts.sol", "Reservation", 2),
    ("types/Accounts.sol", "VoucherKey", 2),
    ("types/Batch.sol", "BatchState", 1),
    ("types/Challenge.sol", "Challenge", 2),
    ("types/Params.sol", "Params", 5),
    ("Parameters.sol", "Head", 1),
    ("Models.sol", "Record", 3),
]


@pytest.mark.parametrize(("path", "struct", "slots"), STRUCTS)
def test_struct__as_documented__fits_its_slots(path: str, struct: str, slots: int) -> None:
    layout = documented(path, struct)
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
    stored = read(world, world.operators, mapped(world.op1.address, base), documented(*STRUCTS[0][:2]))
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
    stored = read(world, world.escrow, mapped(world.op1.address, inner), documented(*STRUCTS[1][:2]))
    same(stored, world.escrow.reservationOf(world.alice, world.op1))
    assert 0 not in stored.values()
    place = mapped(world.alice.address, VARIABLES["Escrow"]["_voucherKeys"])
    stored = read(world, world.escrow, place, documented(*STRUCTS[2][:2]))
    same(stored, world.escrow.voucherKeyStateOf(world.alice))
    assert 0 not in stored.values()


def test_batch_state_and_challenge__in_storage(world: World) -> None:
    """One word a batch, whatever its size."""
    model = world.ready()
    batch = world.faulty_batch(world.op1, model, count=100)
    world.commit(batch)
    sealed = world.challenge(batch)
    world.challenge(batch, 5, by=world.watcher2)
    world.prove(batch, sealed, kind=FaultKind.HEADER)
    place = mapped(world.id_of(batch), VARIABLES["Settlement"]["_batches"])
    stored = read(world, world.settlement, place, documented(*STRUCTS[3][:2]))
    same(stored, world.state_of(batch))
    assert {name for name, value in stored.items() if value == 0} == {"frozenAtCommit"}
    place = mapped(sealed.id, VARIABLES["Disputes"]["_challenges"])
    stored = read(world, world.disputes, place, documented(*STRUCTS[4][:2]))
    same(stored, world.disputes.challengeOf(sealed.id))
    assert stored["challenger"] == int(world.watcher1.address, 16)


def test_params_and_head__in_storage(world: World) -> None:
    place = mapped((1).to_bytes(32, "big"), VARIABLES["Parameters"]["_sets"])
    stored = read(world, world.parameters, place, documented(*STRUCTS[5][:2]))
    same(stored, world.parameters.paramsOf(1))
    assert 0 not in stored.values()
    world.parameters.closeCommitments(sender=world.guardian)
    head = read(world, world.parameters, VARIABLES["Parameters"]["_head"], documented(*STRUCTS[6][:2]))
    assert (head["newest"], head["addedAt"], head["closed"]) == (1, world.parameters.newestAddedAt(), 1)


def test_model_record__in_storage(world: World) -> None:
    """What a commit needs of a model is one word."""
    model = world.register_model(depth_budget=9, input_bytes=20_000, trace_bytes=20_000)
    world.models.deprecate(model, sender=world.provider)
    layout = {slot: fields for slot, fields in documented(*STRUCTS[7][:2]).items() if slot < 2}
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
