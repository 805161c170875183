"""What the chain says afterwards: accounts, solvency, gas, accuracy, and whether everything happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from onus.inference import NodeClient
from onus.protocol import BatchStatus, FaultKind, ids
from scripts.build import load
from scripts.demo.world import MODEL, OPERATORS, PAYERS, WITHHOLDER, World, heldout

if TYPE_CHECKING:
    from scripts.demo.run import Story

__all__ = ["Standing", "accounts", "make"]

CHEAT: Final = "operator C"
LEAST_ACCURACY: Final = 0.96


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody has, in token base units.

    Attributes:
        free: balance in Escrow, can be withdrawn.
        reserved: of a payer, for operators.
        stake: of an operator.
        locked: part of it behind batches.
        reserve: of an operator.
    """

    free: int
    reserved: int = 0
    stake: int = 0
    locked: int = 0
    reserve: int = 0


_PEOPLE: Final = ("provider", *OPERATORS, WITHHOLDER, *PAYERS, "watcher", "treasury")


def accounts(world: World) -> dict[str, Standing]:
    """Everybody who has or gets money."""
    reader = world.reader
    result = {}
    for name in _PEOPLE:
        address = world.address(name)
        state = reader.operators.state_of(address)
        reserved = sum(
            reader.escrow.reservation_of(address, operator=world.address(operator)).reserved
            for operator in (*OPERATORS, WITHHOLDER)
            if name in PAYERS
        )
        result[name] = Standing(
            free=reader.escrow.free_balance_of(address),
            reserved=reserved,
            stake=state.stake,
            locked=state.locked,
            reserve=state.reserve,
        )
    return result


def make(world: World, story: Story) -> dict[str, Any]:
    """The report, for machines; ``ok`` is whether every check holds."""
    batches = _batches(world)
    where = _receipts(world, story, batches)
    after = accounts(world)
    solvency = _solvency(world, after)
    money = _money(world)
    accuracy = _accuracy(story, where, batches)
    report: dict[str, Any] = {
        "chainId": world.manifest.chain_id,
        "contracts": {name: each.address for name, each in world.manifest.contracts.items()},
        "modelId": "0x" + world.model_id.hex(),
        "batches": [
            {key: value for key, value in batch.items() if key != "header"} for batch in batches.values()
        ],
        "faults": _faults(world),
        "accounts": {
            name: {
                "before": asdict(story.before[name]),
                "after": asdict(after[name]),
                "earned": money["earned"].get(name, 0),
                "refunded": money["refunded"].get(name, 0),
            }
            for name in _PEOPLE
        },
        "burned": money["burned"],
        "solvency": solvency,
        "gas": _gas(world),
        "accuracy": accuracy,
        "clockMovedSeconds": world.jumped_seconds,
        "stepSeconds": {str(step): seconds for step, seconds in story.seconds.items()},
    }
    report["checks"] = _checks(world, story, batches, where, report)
    report["ok"] = all(report["checks"].values())
    return report


# ---- what was committed -----------------------------------------------------------------------------------


def _batches(world: World) -> dict[bytes, dict[str, Any]]:
    """All batches that the chain has, by id, in the order of their commits."""
    settlement = world.reader.settlement
    found = {}
    for logged in settlement.BatchCommitted.logs(from_block=world.manifest.first_block):
        header, state = logged.event.header, settlement.batch_of(logged.event.id)
        found[bytes(logged.event.id)] = {
            "id": "0x" + logged.event.id.hex(),
            "operator": world.name_of(header.operator),
            "receipts": header.count,
            "status": state.status.name,
            "header": header,
            "claims": [claim.to_json() for claim in logged.event.claims],
        }
    return found


def _receipts(world: World, story: Story, batches: dict[bytes, dict[str, Any]]) -> dict[int, bytes]:
    """Which batch each payer's receipt is in, from the data files that the operators serve; by image."""
    settlement = world.reader.settlement
    leaves: dict[bytes, bytes] = {}
    for batch_id, batch in batches.items():
        if batch["operator"] == WITHHOLDER:
            continue
        event = settlement.committed(ids.BatchId(batch_id))
        with NodeClient(world.reader.operators.endpoint_of(batch["header"].operator)) as node:
            data = node.batch(
                event.id,
                header=event.header,
                claims=event.claims,
                domain=world.reader.domain,
                input_bytes=1024,
            )
        leaves |= {receipt.struct_hash: batch_id for receipt in data.batch.receipts}
    return {
        asked.image: leaves[asked.inference.receipt.message.struct_hash]
        for asked in story.asked
        if asked.inference.receipt.message.struct_hash in leaves
    }


def _faults(world: World) -> list[dict[str, Any]]:
    logs = world.reader.disputes.FaultProven.logs(from_block=world.manifest.first_block)
    return [
        {
            "batch": "0x" + logged.event.batch_id.hex(),
            "leaf": logged.event.leaf_index,
            "kind": FaultKind(logged.event.kind).name,
            "slot": logged.event.slot,
            "element": logged.event.element,
            "transaction": logged.transaction_hash,
        }
        for logged in logs
    ]


# ---- money ------------------------------------------------------------------------------------------------


def _money(world: World) -> dict[str, Any]:
    """Who earned what, from the events: fees, royalties, rewards, restitution; refunds and burns beside."""
    reader, first = world.reader, world.manifest.first_block
    earned: defaultdict[str, int] = defaultdict(int)
    refunded: defaultdict[str, int] = defaultdict(int)
    for final in reader.settlement.BatchFinal.logs(from_block=first):
        earned[world.name_of(final.event.operator)] += final.event.operator_fee
        earned["treasury"] += final.event.protocol_fee
    for royalties in reader.settlement.RoyaltiesDistributed.logs(from_block=first):
        earned["provider"] += royalties.event.amount
    burned = 0
    for settled in reader.settlement.BatchSettled.logs(from_block=first):
        event = settled.event
        committed = reader.settlement.committed(event.id)
        winner = reader.settlement.winner_of(committed.header)
        earned[world.name_of(winner.challenger)] += event.reward
        pool = reader.parameters.params_of(committed.header.param_set).restitution_bps
        penalty = event.reward + event.restitution + event.burned
        for claim in committed.claims:
            name = world.name_of(claim.payer)
            refunded[name] += committed.header.fee * claim.receipts
            earned[name] += penalty * pool // 10_000 * claim.receipts // committed.header.count
        burned += event.burned
    return {"earned": dict(earned), "refunded": dict(refunded), "burned": burned}


def _solvency(world: World, after: dict[str, Standing]) -> dict[str, dict[str, int]]:
    """Tokens held against the sum of all buckets; nothing is pending or challenged any more."""
    reader, escrow = world.reader, world.reader.escrow
    buckets = sum(standing.free + standing.reserved for standing in after.values())
    named = (ids.BURNED, ids.royalty_account_of(world.model_id))
    buckets += sum(escrow.balance_of(account) for account in named)
    stakes = sum(standing.stake + standing.reserve for standing in after.values())
    return {
        "Escrow": {"tokens": reader.token.balance_of(escrow.address), "buckets": buckets},
        "Operators": {"tokens": reader.token.balance_of(reader.operators.address), "buckets": stakes},
    }


# ---- gas --------------------------------------------------------------------------------------------------


def _gas(world: World) -> dict[str, dict[str, int]]:
    """Gas of every transaction on the chain, by kind, from the receipts."""
    rpc = world.reader.rpc
    artifacts = load()
    calls = {
        (contract.address.lower(), selector): f"{name}.{signature.partition('(')[0]}"
        for name, contract in world.manifest.contracts.items()
        for signature, selector in artifacts["TestToken" if name == "Token" else name].selectors.items()
    }
    used: defaultdict[str, list[int]] = defaultdict(list)
    for number in range(world.manifest.first_block, rpc.block("latest").number + 1):
        block = rpc.request("eth_getBlockByNumber", hex(number), True)
        if not block["transactions"]:
            continue
        receipts = rpc.request("eth_getBlockReceipts", hex(number))
        for sent, receipt in zip(block["transactions"], receipts, strict=True):
            key = ((sent["to"] or "").lower(), sent["input"][:10])
            used[calls.get(key, "deploy")].append(int(receipt["gasUsed"], 16))
    return {
        kind: {"count": len(each), "least": min(each), "most": max(each), "total": sum(each)}
        for kind, each in sorted(used.items())
    }


# ---- answers ----------------------------------------------------------------------------------------------


def _accuracy(
    story: Story, where: dict[int, bytes], batches: dict[bytes, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """How often the payers got the right class: of all answers, and of those that became final."""
    _, labels = heldout()
    right = {
        asked.image: int(np.argmax(np.frombuffer(asked.inference.outputs[0], np.int8))) == labels[asked.image]
        for asked in story.asked
    }
    final = [image for image, batch_id in where.items() if batches[batch_id]["status"] == "FINAL"]
    honest = [image for image in right if image not in story.altered]

    def share(images: Iterable[int]) -> dict[str, Any]:
        chosen = list(images)
        count = sum(bool(right[image]) for image in chosen)
        return {"right": count, "of": len(chosen), "share": round(count / max(1, len(chosen)), 4)}

    return {"all": share(right), "honest": share(honest), "final": share(final)}


# ---- did it happen ----------------------------------------------------------------------------------------


def _checks(
    world: World,
    story: Story,
    batches: dict[bytes, dict[str, Any]],
    where: dict[int, bytes],
    report: dict[str, Any],
) -> dict[str, bool]:
    """Each step of the main job, from the chain's state."""
    withheld = [batch for batch in batches.values() if batch["operator"] == WITHHOLDER]
    revealed = _revealed(world, withheld)
    reader, after = world.reader, accounts(world)
    settled = [batch for batch in batches.values() if batch["status"] == BatchStatus.SETTLED.name]
    served = [batch for batch in batches.values() if batch not in withheld]
    final = [batch for batch in batches.values() if batch["status"] == BatchStatus.FINAL.name]
    cheat = reader.operators.state_of(world.address(CHEAT))
    library = world.library()
    secured = library.secure(world.model_id, models=reader.models).program
    slashed = [
        logged.event.amount for logged in reader.operators.Slashed.logs(from_block=world.manifest.first_block)
    ]
    faulty_images = {where[image] for image in story.altered if image in where}
    hidden = {batch["id"] for batch in withheld}
    shown = {(each["slot"], each["element"]) for each in report["faults"] if each["batch"] not in hidden}
    wanted = {(how.slot, how.element) for how in story.altered.values()}
    earned = {name: each["earned"] for name, each in report["accounts"].items()}
    refunds = sum(each["refunded"] for each in report["accounts"].values())
    paid_back = sum(batch["header"].fee * batch["receipts"] for batch in settled)
    restitution = sum(earned[name] for name in PAYERS)
    return {
        "1 the deployment is what the manifest says": _holds(world),
        "2 the file compiles to the registered model": reader.models.manifest_hash_of(world.model_id)
        == secured.manifest.hash
        and MODEL.exists(),
        "3 three operators committed every receipt": sum(batch["receipts"] for batch in served)
        == story.options.images
        == len(where)
        and {batch["operator"] for batch in served} == set(OPERATORS),
        "4 exactly the altered batches are faulty": len(faulty_images) == 2
        and {bytes.fromhex(batch["id"][2:]) for batch in settled if batch in served} == faulty_images
        and all(batch in settled for batch in withheld),
        "4 what was withheld was revealed on chain, and proved": len(withheld) == 1
        and story.withheld is not None
        and revealed == ["RECEIPT", "INPUT_CHUNKS", "TRACE_NODES", "CHUNKS"]
        and any(
            each["batch"] in hidden and each["kind"] == FaultKind.EXECUTION.name for each in report["faults"]
        ),
        "4 each was proved with the altered element": shown == wanted
        and all(each["kind"] == FaultKind.EXECUTION.name for each in report["faults"]),
        "4 operator C was slashed and jailed": cheat.faults == 2 and cheat.jailed_until > 0,
        "4 the stake that left is what was booked": sum(slashed)
        == sum(story.before[name].stake - after[name].stake for name in (CHEAT, WITHHOLDER))
        == earned["watcher"] + restitution + report["burned"],
        "4 at least half was burned": 2 * report["burned"] >= sum(slashed),
        "4 the payers got their fees back": refunds == paid_back,
        "4 refunds, restitution and reward arrived": all(
            after[name].free == story.before[name].free + earned[name] + report["accounts"][name]["refunded"]
            for name in (*PAYERS, "watcher")
        ),
        "5 all other batches are final": len(final) == len(batches) - 3
        and all(standing.locked == 0 for standing in after.values()),
        "5 operators and provider are paid": all(
            earned[name] > 0 and after[name].free == earned[name] for name in (*OPERATORS, "provider")
        ),
        "6 both contracts are solvent": all(
            each["tokens"] == each["buckets"] for each in report["solvency"].values()
        ),
        "6 honest answers are right": report["accuracy"]["honest"]["share"] >= LEAST_ACCURACY,
    }


def _revealed(world: World, withheld: list[dict[str, Any]]) -> list[str]:
    """What was demanded of the withheld batches and answered, in this order."""
    disputes, first = world.reader.disputes, world.manifest.first_block
    logs = [
        logged
        for batch in withheld
        for logged in disputes.Revealed.logs(from_block=first, batch_id=bytes.fromhex(batch["id"][2:]))
    ]
    return [logged.event.position.kind.name for logged in logs]


def _holds(world: World) -> bool:
    world.manifest.verify(world.reader.rpc)
    return True
