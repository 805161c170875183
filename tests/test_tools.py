"""The tools that judge the project: what they must not overlook."""

from __future__ import annotations

from collections import Counter

from scripts import mutate, slither

ANSWERS = """
| detector | place | answer |
|---|---|---|
| `reentrancy-no-eth` | `Disputes.close` | guarded |
"""
CONTRACT = """contract C {
    uint256 private constant MOST = 4; // 5 < 6
    function f(uint256 a, bool b) external nonReentrant {
        if (a < MOST && !b) revert Bad();
        total += a;
        _pay(a, total);
    }
}
"""


def test_slither__a_finding_without_answer__is_a_complaint() -> None:
    answers = slither.answered(ANSWERS)
    known = ("reentrancy-no-eth", "Disputes.close")
    assert slither.complaints(Counter([known]), answers) == []
    new = Counter([known, ("reentrancy-no-eth", "Disputes.open")])
    assert slither.complaints(new, answers) == ["not answered: reentrancy-no-eth in Disputes.open"]
    old = ["answered, but not found: reentrancy-no-eth in Disputes.close"]
    assert slither.complaints(Counter(), answers) == old


def test_slither__counts_only_what_has_impact() -> None:
    place = {
        "type": "function",
        "name": "f",
        "type_specific_fields": {"parent": {"name": "C", "type": "contract"}},
    }
    results = [
        {"impact": impact, "check": check, "elements": [place]}
        for impact, check in (("High", "a"), ("Medium", "b"), ("Low", "c"))
    ]
    found = slither.findings({"results": {"detectors": results}})
    assert found == Counter({("a", "C.f"): 1, ("b", "C.f"): 1})


def test_mutants__of_a_contract__change_code_and_no_comment() -> None:
    found = {(mutant.operator, mutant.after) for mutant in mutate.mutants("C", CONTRACT)}
    check, pay = "if (a < MOST && !b) revert Bad();", "_pay(a, total);"
    assert {
        ("relation, bound moved", check.replace("<", "<=")),
        ("relation, negated", check.replace("<", ">=")),
        ("logic", check.replace("&&", "||")),
        ("check removed", ""),
        ("arithmetic", "total -= a;"),
        ("statement removed", ""),
        ("arguments swapped", pay.replace("a, total", "total, a")),
        ("guard removed", "function f(uint256 a, bool b) external {"),
        ("number", "uint256 private constant MOST = 5; // 5 < 6"),
    } <= found
    assert not any("5 <= 6" in after or "6 <" in after for _, after in found)


def test_survivors__all_have_a_reason_and_still_exist() -> None:
    sources = {name: (mutate.ROOT / "contracts" / f"{name}.sol").read_text() for name in mutate.CONTRACTS}
    keys = {mutant.key for name, source in sources.items() for mutant in mutate.mutants(name, source)}
    known = mutate.known_survivors()
    assert all(len(reason.split()) >= 3 for reason in known.values())
    assert known.keys() - keys == set(), "no longer mutants of the contracts"
