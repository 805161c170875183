"""Disputes.prove: whose reward it is.

prove
├── the reward is the one's that holds the place, otherwise the prover's
├── in every order of two watchers' moves there is exactly one
└── accomplices, copiers and front-runners gain nothing
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from onus.protocol import (
    Batch,
    ChallengeStatus,
    FaultKind,
    Opening,
)
from tests.support.blocks import one_block
from tests.support.chain import Revert, Tx
from tests.support.deployment import UNIT
from tests.support.refusals import around, refused
from tests.support.verdicts import (
    Case,
    prove,
    refuse,
    revert_of,
)
from tests.support.world import Sealed, World

BOND = 25 * UNIT
KINDS = list(FaultKind)


# ---- Who gets the reward --------------------------------------------------------------------------------


def winner_of(world: World, batch: Batch, *challenges: Sealed) -> Sealed:
    """The one that won; checks that only one did, and that the others' bonds are back once closed."""
    won = [each for each in challenges if world.disputes.challengeOf(each.id).status == ChallengeStatus.WON]
    assert len(won) == 1
    for each in challenges:
        if not ChallengeStatus(world.disputes.challengeOf(each.id).status).is_over:
            world.disputes.close(batch.header, each.key, sender=world.stranger)
    assert world.assert_solvent().bonds == {won[0].id: BOND}
    return won[0]


def opened(world: World, batch: Batch, sealed: Sealed, *, at: int | None = None) -> Sealed:
    world.disputes.open(batch.header, sealed.opening, sender=sealed.by, at=at)
    return sealed


def test_reward__when_another_was_sealed_first_and_opened__is_the_others(world: World, case: Case) -> None:
    """C4: evidence is not worth copying; both bonds come back."""
    honest = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher1))
    copier = world.challenge(case.batch, 1, by=world.watcher2)
    tx = prove(world, case, copier)
    shown = tx.event("FaultProven")
    assert (shown.id, shown.winner) == (copier.id, honest.id)
    assert tx.events("Credited") == []
    assert world.disputes.challengeOf(copier.id).status == ChallengeStatus.SEALED
    assert winner_of(world, case.batch, honest, copier) is honest
    world.forward(world.params.earning_delay)
    world.settle(case.batch, honest)
    assert world.free(world.watcher1) == BOND + 30 * UNIT
    assert world.free(world.watcher2) == BOND


def test_reward__when_another_was_sealed_first_but_not_opened__is_the_provers(
    world: World, case: Case
) -> None:
    """C4: a standing challenge that shows no place holds none."""
    silent = world.challenge(case.batch, 1, by=world.watcher2)
    prover = world.challenge(case.batch, 1, by=world.watcher1)
    prove(world, case, prover)
    assert winner_of(world, case.batch, silent, prover) is prover


def test_reward__when_another_place_was_opened_first__is_the_provers(world: World, case: Case) -> None:
    """C4: an older challenge on another leaf takes nothing."""
    elsewhere = opened(world, case.batch, world.challenge(case.batch, 2, by=world.watcher2))
    prover = world.challenge(case.batch, 1, by=world.watcher1)
    prove(world, case, prover)
    assert winner_of(world, case.batch, elsewhere, prover) is prover


def test_reward__when_the_first_proves_itself__is_its_own(world: World, case: Case) -> None:
    first = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher1))
    second = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher2))
    prove(world, case, first)
    assert winner_of(world, case.batch, first, second) is first


def test_reward__when_the_place_was_held_too_long__is_the_provers(world: World, case: Case) -> None:
    """C18, D1: `challengerTime` after its seal a place holds nothing, and the bond is lost."""
    holder = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher2))
    sealed_at = world.disputes.challengeOf(holder.id).sealedAt
    end = sealed_at + world.params.challenger_time
    world.time_to(end - 50)
    prover = world.challenge(case.batch, 1, by=world.watcher1)

    def check(at: int, offset: int) -> None:
        snapshot = world.mark()
        expected = holder if offset < 0 else prover
        assert prove(world, case, prover, at=at).event("FaultProven").winner == expected.id
        world.back_to(snapshot)

    around(end, check)
    world.time_to(end)
    world.disputes.timeout(case.batch.header, holder.key, sender=world.watcher1)
    prove(world, case, prover)
    assert world.disputes.challengeOf(holder.id).status == ChallengeStatus.LOST
    assert winner_of(world, case.batch, prover) is prover
    assert world.free(world.watcher2) == 0


def test_reward__when_the_holder_is_gone__next_in_line(world: World, case: Case) -> None:
    """C4, C17, C18: who was opened and sealed before the copier takes a lost place over."""
    holder = opened(world, case.batch, world.challenge(case.batch, 1, by=world.stranger))
    end = world.disputes.challengeOf(holder.id).sealedAt + world.params.challenger_time
    world.time_to(end - 50)
    honest = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher1))
    copier = opened(world, case.batch, world.challenge(case.batch, 1, by=world.watcher2))
    assert world.disputes.firstOn(world.id_of(case.batch), 1) == holder.id
    world.time_to(end)
    # Whoever of the two comes first: the place is the honest one's once it has asked for it.
    opened(world, case.batch, copier)
    opened(world, case.batch, honest)
    assert world.disputes.firstOn(world.id_of(case.batch), 1) == honest.id
    prove(world, case, copier)
    assert winner_of(world, case.batch, holder, honest, copier) is honest


def test_reward__when_sealed_in_one_block__is_the_lower_ordinals(world: World, case: Case) -> None:
    """Ties in one block, in every order of opening and proving."""
    people = (world.watcher2, world.watcher1)
    for by in people:
        world.escrow.deposit(by, BOND, sender=by)
    sealed = [world.sealed(case.batch, 1, by=by) for by in people]
    calls = [(world.disputes.challenge, (case.batch.header, each.key.seal), each.by) for each in sealed]
    assert all(isinstance(each, Tx) for each in one_block(world.chain, *calls))
    for order, prover in itertools.product(itertools.permutations(sealed), sealed):
        snapshot = world.mark()
        for each in order:
            opened(world, case.batch, each)
        prove(world, case, prover)
        assert winner_of(world, case.batch, *sealed) is sealed[0]
        world.back_to(snapshot)


def _merges(left: tuple[str, ...], right: tuple[str, ...]) -> Iterator[list[tuple[int, str]]]:
    """Every order of two people's moves, each in its own order."""
    places = range(len(left) + len(right))
    for chosen in itertools.combinations(places, len(left)):
        moves = [iter(left), iter(right)]
        yield [(who := 0 if place in chosen else 1, next(moves[who])) for place in places]


@pytest.mark.parametrize("left", [("seal", "prove"), ("seal", "open", "prove")])
@pytest.mark.parametrize("right", [("seal", "prove"), ("seal", "open", "prove")])
def test_reward__two_watchers_in_every_order__exactly_one(
    world: World, case: Case, left: tuple[str, ...], right: tuple[str, ...]
) -> None:
    """C17, G3: one reward by the rule, the other's bond returns, nobody else gets anything."""
    people = (world.watcher1, world.watcher2)
    for by in people:
        world.escrow.deposit(by, BOND, sender=by)
    for order in _merges(left, right):
        snapshot = world.mark()
        ordinals: dict[int, int] = {}
        open_now: set[int] = set()
        expected = None
        sealed = [world.sealed(case.batch, 1, by=by) for by in people]
        for who, move in order:
            if move == "seal":
                revert = world.disputes.challenge.revert(
                    case.batch.header, sealed[who].key.seal, sender=people[who]
                )
                if expected is None:
                    world.disputes.challenge(case.batch.header, sealed[who].key.seal, sender=people[who])
                    ordinals[who] = len(ordinals)
                else:
                    assert revert.name == "Settlement_WrongStatus"
            elif move == "open":
                if expected is None:
                    opened(world, case.batch, sealed[who])
                    open_now.add(who)
            elif expected is None:
                earlier = [each for each in open_now if ordinals[each] < ordinals[who]]
                expected = sealed[min(earlier, key=ordinals.__getitem__, default=who)]
                prove(world, case, sealed[who])
            elif who in ordinals:
                revert = revert_of(world, case, sealed[who])
                assert revert is not None
                assert revert.name in ("Settlement_WrongStatus", "Disputes_WrongStatus")
        assert expected is not None
        known = [sealed[who] for who in ordinals]
        assert winner_of(world, case.batch, *known) is expected, order
        assert [world.free(by) for by in people] == [0 if by is expected.by else BOND for by in people]
        world.forward(world.params.earning_delay)
        world.settle(case.batch, expected)
        assert {by: world.free(by) for by in people} == {
            by: BOND + (30 * UNIT if by is expected.by else 0) for by in people
        }
        world.back_to(snapshot)


def test_reward__when_operator_accuses_itself_first__is_the_operators(world: World, case: Case) -> None:
    """C2, C13, G3: the watcher gets its bond back; what the operator gets back is less than half."""
    self_accusation = opened(world, case.batch, world.challenge(case.batch, 1, by=world.op1))
    watcher = world.challenge(case.batch, 1, by=world.watcher1)
    prove(world, case, watcher)
    assert winner_of(world, case.batch, self_accusation, watcher) is self_accusation
    world.forward(world.params.earning_delay)
    world.settle(case.batch, self_accusation)
    assert world.free(world.watcher1) == BOND
    assert world.free(world.op1) == BOND + 30 * UNIT < BOND + 150 * UNIT // 2


# ---- An accomplice, a copier, a front-runner ------------------------------------------------------------


def test_prove__after_an_accomplice_threw_its_challenge__still_wins(world: World, case: Case) -> None:
    """C3: a challenge that fails clears nothing."""
    accomplice = opened(world, case.batch, world.challenge(case.batch, 1, by=world.op1))
    world.forward(world.params.challenger_time)
    world.disputes.timeout(case.batch.header, accomplice.key, sender=world.op1)
    watcher = world.challenge(case.batch, 1)
    prove(world, case, watcher)
    assert winner_of(world, case.batch, watcher) is watcher


def test_prove__copied_with_a_higher_tip__gains_nothing(world: World, case: Case) -> None:
    """C4: who sees a proof pending can seal the place, but not open it in the same block."""
    honest = world.challenge(case.batch, 1, by=world.watcher1)
    copier = world.sealed(case.batch, 1, by=world.watcher2)
    world.escrow.deposit(world.watcher2, BOND, sender=world.watcher2)
    copied = world.prove_args(case.batch, copier, kind=case.kind, evidence=case.evidence)
    own = world.prove_args(case.batch, honest, kind=case.kind, evidence=case.evidence)
    outcome = one_block(
        world.chain,
        (world.disputes.challenge, (case.batch.header, copier.key.seal), world.watcher2),
        (world.disputes.prove, copied, world.watcher2),
        (world.disputes.prove, own, world.watcher1),
    )
    assert isinstance(outcome[0], Tx)
    assert outcome[1] == Revert("Disputes_SameBlock", copier.id)
    assert isinstance(outcome[2], Tx)
    assert winner_of(world, case.batch, honest, copier) is honest
    assert (world.free(world.watcher1), world.free(world.watcher2)) == (0, BOND)


def test_prove__copied_by_an_older_challenge_on_another_leaf__impossible(world: World, case: Case) -> None:
    """C4: its seal opens its own leaf only."""
    standing = world.challenge(case.batch, 0, by=world.watcher2)
    honest = world.challenge(case.batch, 1, by=world.watcher1)
    for salt in (standing.opening.salt, honest.opening.salt):
        args = (case.batch.header, salt, case.batch.proof(1), case.kind, case.evidence)
        id = Opening(leaf_index=1, salt=salt).key(world.watcher2.address).id(world.id_of(case.batch))
        refused(world, Revert("Disputes_Unknown", id), world.disputes.prove, *args, sender=world.watcher2)
    own = replace(case, leaf=0)
    refuse(world, Revert("Disputes_NoFault", FaultKind.HEADER), own, standing)
