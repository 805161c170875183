"""What a quarantine stops: verdicts, deadlines and payments of that verifier's batches, and nothing else."""

from __future__ import annotations

import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.support.chain import Method, Revert
from tests.support.moves import Scene, outcomes
from tests.support.refusals import around, refused
from tests.support.verdicts import Double
from tests.support.world import World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world, world.ready())


def stopped(world: World, scene: Scene) -> dict[str, Revert]:
    """How each move is refused while the verifier of the scene is stopped."""
    refusal = Revert("Models_VerifierStopped", world.verifier)
    expected = dict.fromkeys(scene.moves(), refusal)
    id = world.id_of(scene.old)
    reason = keccak(text="Settlement_VerifierStopped(bytes32)")[:4] + encode(["bytes32"], [id])
    expected["finalize"] = Revert("Settlement_NothingFinalized", reason)
    return expected


def test_quarantine__stops_every_function_of_a_batch(world: World, scene: Scene) -> None:
    """B17, C15, F7: all are possible before, none until the last second, all again afterwards."""
    moves = scene.moves()
    assert outcomes(moves) == dict.fromkeys(moves)
    lapses = world.quarantine()
    expected = stopped(world, scene)
    assert outcomes(moves) == expected

    def check(at: int, offset: int) -> None:
        found = outcomes(moves, at)
        assert found == (expected if offset < 0 else dict.fromkeys(moves))

    around(lapses, check)
    for name, move in moves.items():
        refused(world, expected[name], move.method, *move.args, sender=move.by)


def test_quarantine__what_was_stopped__goes_through_afterwards(world: World, scene: Scene) -> None:
    """C15: really sent, in an order in which all of them can."""
    moves = scene.moves()
    world.time_to(world.quarantine())
    for name in ("commit", "publish", "finalize", "settle", "challenge", "open", "timeout", "reveal"):
        move = moves[name]
        move.method(*move.args, sender=move.by)
        world.assert_solvent()
    prove = moves["prove"]
    assert prove.method(*prove.args, sender=prove.by).event("FaultProven").id == scene.ripe.id
    world.assert_solvent()


def test_quarantine__reveal_many_and_timeout__are_refused_item_by_item(world: World, scene: Scene) -> None:
    """C15, D8: a reply to a stopped batch says why."""
    header, challenger, opening, answer = scene.moves()["reveal"].args
    world.quarantine()
    reply = {"header": header, "challenger": challenger, "opening": opening, "answer": answer}
    reason = keccak(text="Models_VerifierStopped(address)")[:4] + encode(
        ["address"], [world.verifier.address]
    )
    expected = Revert("Disputes_NothingRevealed", reason)
    refused(world, expected, world.disputes.revealMany, [reply], sender=world.stranger)


def test_finalize__with_a_stopped_batch_among_others__passes_it_over(world: World, scene: Scene) -> None:
    """D8, F7: the batches of another verifier become final in the same call."""
    other = Double(world)
    batch = world.batch(world.op1, other.model)
    world.commit(batch)
    world.past_window(batch)
    world.quarantine()
    tx = world.finalize(scene.old, batch)
    skipped = tx.event("FinalizeSkipped")
    assert skipped.id == world.id_of(scene.old)
    assert world.chain.codec.revert(skipped.reason) == Revert(
        "Settlement_VerifierStopped", world.id_of(scene.old)
    )
    assert tx.event("BatchFinal").id == world.id_of(batch)
    world.assert_solvent()


def test_quarantine__of_another_verifier__stops_nothing_here(world: World) -> None:
    """B17, F7: the whole scene plays on while another verifier is stopped."""
    world.operator_ready()
    world.payer_ready()
    other = Double(world)
    scene = Scene(world, other.model)
    world.quarantine()
    moves = scene.moves()
    assert outcomes(moves) == dict.fromkeys(moves)
    world.quarantine(other.contract)
    found = outcomes(moves)
    assert None not in found.values()
    assert found["prove"] == Revert("Models_VerifierStopped", other.contract)


def test_quarantine__money_that_backs_nothing__comes_and_goes(world: World, scene: Scene) -> None:
    """B17, F7: deposits, reservations, stake, exits and withdrawals of everybody go on."""
    w, op, alice = world, world.op1, world.alice
    free_stake = w.operators.availableOf(op)
    lapses = w.quarantine()
    steps: list[tuple[Method, tuple[object, ...], object]] = [
        (w.escrow.deposit, (alice, 1_000), alice),
        (w.escrow.reserve, (w.op2, 300), alice),
        (w.escrow.withdraw, (alice, 700), alice),
        (w.escrow.requestRelease, (op, w.escrow.coverOf(alice, op)), alice),
        (w.operators.stake, (500,), op),
        (w.operators.fundReserve, (500,), op),
        (w.operators.setSigner, (w.bob,), op),
        (w.operators.setEndpoint, ("https://elsewhere.example",), op),
        (w.operators.requestUnbond, (free_stake + 500,), op),
    ]
    for method, args, sender in steps:
        method(*args, sender=sender)
        w.assert_solvent()
    # The exit takes longer than the quarantine: what is free leaves, what is locked stays.
    w.escrow.release(op, sender=alice, at=w.escrow.reservationOf(alice, op).thawsAt)
    exit_at = w.operators.stateOf(op).exitAt
    assert exit_at > lapses
    tx = w.operators.withdraw(op, sender=op, at=exit_at)
    assert tx.event("Withdrawn").amount == free_stake + 500
    state = w.operators.stateOf(op)
    assert state.stake == state.locked > 0
    w.assert_solvent()


def test_quarantine__stake_that_backs_a_stopped_batch__cannot_leave(prompt_world: World) -> None:
    """B17: however often the verifier is stopped, the lock stays, and the fault is still punished in full."""
    world = prompt_world
    scene = Scene(world, world.ready())
    op = world.op1
    locked = world.operators.stateOf(op).locked
    world.operators.requestUnbond(world.operators.stateOf(op).stake, sender=op)
    for _ in range(3):
        lapses = world.quarantine()
        world.govern(world.models.allowQuarantine, world.verifier)
        world.time_to(lapses)
    world.operators.withdraw(op, sender=op)
    assert world.operators.stateOf(op).stake == locked
    none_left = Revert("Operators_StakeLocked", locked)
    refused(world, none_left, world.operators.withdraw, op, sender=op)
    prove = scene.moves()["prove"]
    tx = prove.method(*prove.args, sender=prove.by)
    assert tx.event("Slashed").amount == world.params.min_batch_stake
    world.assert_solvent()


def test_refund__without_a_confirmed_quarantine__reverts(world: World, scene: Scene) -> None:
    """C15: neither before, nor while it runs, nor after it lapsed, of pending and faulty batches."""
    refund = world.settlement.refund

    def refuse() -> None:
        for batch in (scene.bad, scene.pot, scene.old):
            expected = Revert("Settlement_NotConfirmed", world.id_of(batch))
            refused(world, expected, refund, batch.header, batch.claims, sender=world.stranger)

    refuse()
    lapses = world.quarantine()
    refuse()
    world.time_to(lapses)
    refuse()


def test_views__while_stopped__all_answer(world: World, scene: Scene) -> None:
    """F8: a consumer is told how long it takes at least; nobody's getter reverts."""
    bad = scene.bad
    window_ends = world.state_of(bad).windowEndsAt
    # Committed before any quarantine: verifier time is block time.
    assert world.settlement.statusOf(bad.header, bad.proof(0)).until == window_ends
    lapses = world.quarantine()
    half = (world.now + lapses) // 2
    until = world.settlement.statusOf(bad.header, bad.proof(0), at=half).until
    assert until == window_ends + half - world.now
    assert world.settlement.statusOf(bad.header, bad.proof(0), at=lapses + 5).until == (
        window_ends + world.params.max_quarantine
    )
    for sealed in (scene.ripe, scene.asked, scene.silent):
        world.disputes.clockOf(bad.header, sealed.key)
        world.disputes.challengeOf(sealed.id)
    for view in (
        "inputInfo",
        "royaltyBpsOf",
        "lineageOf",
        "providerOf",
        "levelOf",
        "deprecatedAt",
        "clockOf",
    ):
        getattr(world.models, view)(scene.model)
