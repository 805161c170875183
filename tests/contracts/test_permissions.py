"""Who may call what: every function that changes anything, by every role and contract (F2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.chain import Contract, Method, Revert
from tests.support.world import World

ANYONE = "anyone"
NOBODY: frozenset[str] = frozenset()
COUNCIL = frozenset({"council"})

# The documented permissions. "Anyone" acts for himself, on his own stake, balance, models or batches, or does
# what anybody may do for everybody: finalize, settle, refund, distribute, timeout, close, punish, sweepBurned
PERMISSIONS: Mapping[str, Mapping[str, frozenset[str] | str]] = {
    "Parameters": {
        "add": COUNCIL,
        "openCommitments": COUNCIL,
        "closeCommitments": frozenset({"guardian"}),
    },
    "Models": {
        "register": ANYONE,
        "deprecate": ANYONE,
        "allowVerifier": COUNCIL,
        "disallowVerifier": COUNCIL,
        "allowQuarantine": COUNCIL,
        "confirmQuarantine": COUNCIL,
        "quarantine": frozenset({"guardian"}),
    },
    "Operators": {
        "register": ANYONE,
        "setEndpoint": ANYONE,
        "setSigner": ANYONE,
        "stake": ANYONE,
        "requestUnbond": ANYONE,
        "cancelUnbond": ANYONE,
        "withdraw": ANYONE,
        "fundReserve": ANYONE,
        "requestReserveExit": ANYONE,
        "cancelReserveExit": ANYONE,
        "withdrawReserve": ANYONE,
        "lock": frozenset({"settlement"}),
        "unlock": frozenset({"settlement"}),
        "payPenalty": frozenset({"settlement"}),
        "restore": frozenset({"settlement"}),
        "slash": frozenset({"disputes"}),
        "slashReserve": frozenset({"omissions"}),
    },
    "Escrow": {
        "deposit": ANYONE,
        "depositWithPermit": ANYONE,
        "depositAndReserve": ANYONE,
        "withdraw": ANYONE,
        "reserve": ANYONE,
        "requestRelease": ANYONE,
        "cancelRelease": ANYONE,
        "release": ANYONE,
        "setVoucherKey": ANYONE,
        "sweepBurned": ANYONE,
        "redeem": frozenset({"settlement"}),
        "hold": frozenset({"disputes", "omissions"}),
        "credit": frozenset({"settlement", "disputes", "omissions"}),
        "distribute": frozenset({"settlement"}),
    },
    "Settlement": {
        "commit": ANYONE,
        "finalize": ANYONE,
        "settle": ANYONE,
        "refund": ANYONE,
        "publish": ANYONE,
        "distribute": ANYONE,
        "challengeOpened": frozenset({"disputes"}),
        "challengeEnded": frozenset({"disputes"}),
        "convicted": frozenset({"disputes"}),
    },
    "Disputes": {
        "challenge": ANYONE,
        "open": ANYONE,
        "demand": ANYONE,
        "reveal": ANYONE,
        "revealMany": ANYONE,
        "revealOne": frozenset({"disputes"}),  # from `revealMany`
        "prove": ANYONE,
        "timeout": ANYONE,
        "close": ANYONE,
    },
    "Omissions": {
        "claim": ANYONE,
        "answer": ANYONE,
        "punish": ANYONE,
    },
    "Reputation": {
        "record": ANYONE,
    },
    "Governance": {
        "cancel": ANYONE,  # of one's own operations; the admin's of all
        "execute": ANYONE,  # what its caller may call
        "schedule": ANYONE,  # what its caller may call
        "multicall": ANYONE,
        "renounceRole": ANYONE,  # one's own
        "consumeScheduledOp": NOBODY,  # only the contract that an operation is for, while it runs
        "grantRole": COUNCIL,
        "labelRole": COUNCIL,
        "revokeRole": COUNCIL,
        "setGrantDelay": COUNCIL,
        "setRoleAdmin": COUNCIL,
        "setRoleGuardian": COUNCIL,
        "setTargetAdminDelay": COUNCIL,
        "setTargetClosed": COUNCIL,
        "setTargetFunctionRole": COUNCIL,
        "updateAuthority": COUNCIL,
    },
}
# What is granted to the council waits for its delay: a direct call says that it is not scheduled.
DELAYED = {"AccessManagerNotScheduled"}
DENIED = {
    "AccessManagedUnauthorized",
    "AccessManagerUnauthorizedAccount",
    "AccessManagerUnauthorizedConsume",
    "Disputes_OnlySelf",
    "Escrow_OnlyPeer",
    "Operators_OnlyDisputes",
    "Operators_OnlyOmissions",
    "Operators_OnlySettlement",
    "Settlement_OnlyDisputes",
}
# Calls with zero for every argument get to the check of the caller, except these.
ARGUMENTS: Mapping[str, tuple[Any, ...]] = {
    "Governance.grantRole": (7, "0x" + "22" * 20, 2**32 - 1),
}


def contracts(world: World) -> dict[str, Contract]:
    return {contract.name: contract for contract in world.deployment.contracts}


def callers(world: World) -> dict[str, Any]:
    people = (
        "council",
        "guardian",
        "treasury",
        "provider",
        "op1",
        "signer1",
        "alice",
        "deployer",
        "stranger",
    )
    result: dict[str, Any] = {name: getattr(world, name) for name in people}
    return result | {contract.name.lower(): contract for contract in world.deployment.contracts}


def nothing(component: Mapping[str, Any]) -> Any:
    """The zero of a type."""
    kind: str = component["type"]
    if kind.endswith("]"):
        return []
    if kind == "tuple":
        return tuple(map(nothing, component["components"]))
    if kind == "address":
        return "0x" + "00" * 20
    if kind == "bool":
        return False
    if kind == "string":
        return ""
    if kind.startswith("bytes"):
        return bytes(int(kind[5:] or 0))
    return 0


def methods(contract: Contract) -> dict[str, Method]:
    return {
        entry["name"]: getattr(contract, entry["name"])
        for entry in contract.abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }


def test_matrix__has_every_function_that_changes_anything(world: World) -> None:
    """F2: a new function must be entered above."""
    assert {name: set(methods(contract)) for name, contract in contracts(world).items()} == {
        name: set(functions) for name, functions in PERMISSIONS.items()
    }


@pytest.mark.parametrize("name", PERMISSIONS)
def test_matrix__each_function_with_each_caller__exactly_the_documented_pass(world: World, name: str) -> None:
    """F2: also no contract of the system may call more than it needs."""
    world.operator_ready(world.op1)
    found: dict[str, frozenset[str] | str] = {}
    everybody = callers(world)
    for function, method in methods(contracts(world)[name]).items():
        (entry,) = method.entries.values()
        arguments = ARGUMENTS.get(f"{name}.{function}") or tuple(map(nothing, entry["inputs"]))
        passed = set()
        for who, caller in everybody.items():
            revert = method.revert(*arguments, sender=caller)
            delayed = revert is not None and revert.name in DELAYED
            assert not delayed or who == "council", (function, who)
            # `consumeScheduledOp` asks its caller, and who is no governed contract gives no answer.
            unanswered = function == "consumeScheduledOp" and revert == Revert("empty")
            if not unanswered and (revert is None or revert.name not in DENIED):
                passed.add(who)
        found[function] = ANYONE if passed == set(everybody) else frozenset(passed)
    assert found == dict(PERMISSIONS[name])


def test_council__directly__nothing_without_its_delay(world: World) -> None:
    """F4: whatever the council may do, it may not do now."""
    for name, functions in PERMISSIONS.items():
        for function, allowed in functions.items():
            if allowed != COUNCIL:
                continue
            method: Method = getattr(contracts(world)[name], function)
            (entry,) = method.entries.values()
            arguments = ARGUMENTS.get(f"{name}.{function}") or tuple(map(nothing, entry["inputs"]))
            revert = method.revert(*arguments, sender=world.council)
            assert revert is not None and revert.name in DELAYED, (name, function, revert)
