"""No corruption of evidence is accepted, and each is refused by an error of the verifier's own: G7, G9, G13.

Evidence of right elements and of real faults is spoilt in bits, bytes, words and lengths. Programs are spoilt
too, and committed to as they are, like those of a provider that means harm: there every answer is legal that
names itself.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.support.chain import Contract, Revert
from tests.trace.cases import case
from tests.trace.spec import Execution, Kind, Op

QUICK, DEEP = 30, 400
"""Spoilt versions of one piece of evidence: 2 for each operator in the quick test, 20 in the deep one."""


def corrupt(random: Random, data: bytes) -> bytes:
    """Another string of bytes."""
    while True:
        out = bytearray(data)
        at, size = random.randrange(len(out)), random.choice((1, 2, 4, 32))
        match random.randrange(8):
            case 0 | 1:
                out[at] ^= 1 << random.randrange(8)
            case 2:  # The head, where counts and indices stand.
                out[random.randrange(min(len(out), 60))] ^= 1 << random.randrange(8)
            case 3:
                out = out[:at]
            case 4:
                out += random.randbytes(random.choice((1, 2, 31, 32, 33, 128, 1000)))
            case 5:
                out[at : at + size] = bytes((random.choice((0, 255)),)) * len(out[at : at + size])
            case 6:
                other = random.randrange(len(out))
                size = min(size, len(out) - max(at, other))
                out[at : at + size], out[other : other + size] = (
                    out[other : other + size],
                    out[at : at + size],
                )
            case _:
                out[at:at] = out[at : at + size]
        if bytes(out) != data:
            return bytes(out)


def check_refused(
    verifier: Contract, execution: Execution, evidence: bytes, roots: dict[str, bytes] | None = None
) -> None:
    answer = verifier.fault.revert(execution.model, roots or execution.roots, evidence)
    assert answer is not None, f"accepted: {evidence.hex()}"
    assert answer.name.startswith("Trace_"), (answer, evidence.hex())


def fuzz(verifier: Contract, operator: Op, seeds: range, versions: int) -> None:
    for seed in seeds:
        random = Random(seed)
        each = case(operator, 10_000 + seed)
        # With every element right, evidence about another one shows no fault either.
        each.settle_all()
        execution = each.execution()
        evidence = execution.evidence(each.entry, each.element).encode()
        for _ in range(versions):
            check_refused(verifier, execution, corrupt(random, evidence))
        each.entry.output.values[each.element] ^= 1
        execution = each.execution()
        evidence = execution.evidence(each.entry, each.element).encode()
        assert verifier.fault.revert(execution.model, execution.roots, evidence) is None
        for _ in range(versions):
            check_refused(verifier, execution, corrupt(random, evidence))
        wrong = execution.roots | {"inputRoot": bytes(32), "outputRoot": bytes(32)}
        for _ in range(versions // 3):
            kind = random.choice((2, 3))
            spoilt = corrupt(random, execution.ends(kind))
            if spoilt != execution.ends(5 - kind):
                check_refused(verifier, execution, spoilt, wrong)
            check_refused(verifier, execution, spoilt)


@pytest.mark.parametrize("operator", Op, ids=lambda op: op.name)
def test_corrupted_evidence__never_accepted(verifier: Contract, operator: Op) -> None:
    fuzz(verifier, operator, range(2), QUICK)


@pytest.mark.deep
@pytest.mark.parametrize("operator", Op, ids=lambda op: op.name)
def test_corrupted_evidence__for_long__never_accepted(verifier: Contract, operator: Op) -> None:
    fuzz(verifier, operator, range(2, 22), DEEP)


def test_noise__never_accepted(verifier: Contract) -> None:
    execution = case(Op.ADD, 0).execution()
    random = Random(0)
    for length in (*range(80), 1000, 20_000):
        for kind in (0, 1, 2, 3):
            check_refused(verifier, execution, bytes((kind,)) + random.randbytes(length))
            check_refused(verifier, execution, bytes((kind,)) + b"\xff" * length)
            check_refused(verifier, execution, bytes((kind,)) + bytes(length))


# ---- Programs of a hostile provider ------------------------------------------------------------------------


OUT_OF_GAS = b"\xff"


def spoil_program(random: Random, operator: Op, seed: int) -> tuple[Execution, bytes]:
    """Sound evidence of a program with some bits other than a compiler would set."""
    each = case(operator, 20_000 + seed)
    each.settle()
    entries = each.program.entries
    spoilt = [bytearray(e.encode()) for e in entries]
    for _ in range(random.choice((1, 2, 5, 10))):
        data = spoilt[random.choice((each.entry.index, random.randrange(len(entries))))]
        # Kinds and references are left alone, or the program does not hang together. Of the attributes mostly
        # those that are used; of descriptors less what the depth of a tree follows from.
        at = random.randrange(2, 22)
        if random.random() < 0.4:
            word = random.randrange(1, len(data) // 32)
            computed = data[32 * word] == Kind.VIRTUAL
            at = 32 * word + random.choice(
                (1, *range(4, 32)) if computed else (5, 6, 7, 11, 15, 19, 23, 27, 31)
            )
        data[at] = random.choice((0, 1, 255, random.randrange(256), data[at] ^ 1 << random.randrange(8)))
    for word in {bytes(d[32 * k : 32 * k + 32]) for d in spoilt for k in range(1, len(d) // 32)}:
        # One tensor has one descriptor wherever it appears.
        for data in spoilt:
            for k in range(1, len(data) // 32):
                same = data[32 * k] == word[0] and data[32 * k + 2 : 32 * k + 4] == word[2:4]
                if same and random.random() < 0.98:
                    data[32 * k : 32 * k + 32] = word
    for entry, data in zip(entries, spoilt, strict=True):
        entry.encode = lambda data=bytes(data): data  # type: ignore[method-assign]
    execution = each.execution()
    return execution, execution.evidence(each.entry, each.element).encode()


def hostile(verifier: Contract, operator: Op, seeds: range) -> None:
    for seed in seeds:
        execution, evidence = spoil_program(Random(seed), operator, seed)
        data = verifier.fault.data(execution.model, execution.roots, evidence)
        succeeded, answer = verifier.chain.call(verifier.address, data)
        if succeeded or answer[:1] == OUT_OF_GAS:
            # Windows as large as their fields can say cost more than a transaction has: the caller's to lose.
            assert succeeded or b"OutOfGas" in answer, (seed, answer)
            continue
        revert: Revert = verifier.chain.codec.revert(answer)
        assert revert.name.startswith("Trace_"), (seed, revert)


@pytest.mark.parametrize("operator", Op, ids=lambda op: op.name)
def test_hostile_program__answer_names_itself(verifier: Contract, operator: Op) -> None:
    hostile(verifier, operator, range(60))


@pytest.mark.deep
@pytest.mark.parametrize("operator", Op, ids=lambda op: op.name)
def test_hostile_program__for_long__answer_names_itself(verifier: Contract, operator: Op) -> None:
    hostile(verifier, operator, range(60, 5000))
