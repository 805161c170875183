"""The state from getters, about everything that the events named; every getter must answer (F8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.support.replay.state import State
from tests.support.world import World

# Of a model, by the name of a getter; the others come from `verdictInfo`, or from no getter at all.
MODEL_GETTERS = (
    "providerOf",
    "manifestHashOf",
    "royaltyBpsOf",
    "lineageOf",
    "deprecatedAt",
    "inputInfo",
    "levelOf",
)


def stored(world: World, known: State) -> State:
    """The same, from getters."""
    state = State()
    _ask_rules(world, known, state)
    _ask_money(world, known, state)
    _ask_disputes(world, known, state)
    return state


def _ask(world: World, method: Any, keys: Iterable[Any]) -> dict[Any, Any]:
    keys = list(keys)
    calls = [(method, key if isinstance(key, tuple) else (key,)) for key in keys]
    return dict(zip(keys, world.chain.read(calls), strict=True))


def _ask_rules(w: World, known: State, state: State) -> None:
    state.sets = _ask(w, w.parameters.paramsOf, known.sets)
    terms = (w.parameters.feeTerms, w.parameters.disputeTerms, w.parameters.potTerms)
    for getter in (*terms, w.parameters.minBatchStakeOf):
        _ask(w, getter, known.sets)
    state.closed = w.parameters.commitmentsClosed()
    moments = {(time, time): time for time in known.was_closed}
    closed = _ask(w, w.parameters.wereCommitmentsClosed, moments)
    state.was_closed = {moments[span]: is_closed for span, is_closed in closed.items()}
    verifiers = _ask(w, w.models.verifierOf, known.verifiers)
    state.verifiers = {address: verifier._asdict() for address, verifier in verifiers.items()}
    allowed = _ask(w, w.models.isVerifierAllowed, known.verifiers)
    assert allowed == {address: each["allowed"] for address, each in state.verifiers.items()}
    state.models = {id: {"challengeWindow": model["challengeWindow"]} for id, model in known.models.items()}
    for name in MODEL_GETTERS:
        for id, value in _ask(w, getattr(w.models, name), known.models).items():
            state.models[id][name] = value
    clocks = _ask(w, w.models.clockOf, known.models)
    state.clocks = {id: tuple(clock) for id, clock in clocks.items()}
    for id, (time, stopped, _) in state.clocks.items():
        assert w.models.finalityInfo(id)[:2] == (time, stopped)
        if stopped:
            # Nothing is judged: the verifier's clock cannot be asked for a verdict.
            assert w.models.verdictInfo.revert(id) == w.models.timeOf.revert(id) is not None
            state.models[id] |= {name: known.models[id][name] for name in ("verifier", "commitment")}
        else:
            verifier, commitment, at = w.models.verdictInfo(id)
            state.models[id] |= {"verifier": verifier, "commitment": commitment}
            assert at == time == w.models.timeOf(id)
            assert w.models.judgeOf(id) == (verifier, time)


def _ask_money(w: World, known: State, state: State) -> None:
    state.operators = {op: s._asdict() for op, s in _ask(w, w.operators.stateOf, known.operators).items()}
    signers = _ask(w, w.operators.signersOf, known.operators)
    state.signers = {op: [tuple(key) for key in keys] for op, keys in signers.items()}
    state.endpoints = _ask(w, w.operators.endpointOf, known.operators)
    available = _ask(w, w.operators.availableOf, known.operators)
    for op, s in state.operators.items():
        assert available[op] == max(0, s["stake"] - s["locked"] - s["unbonding"])
    state.balances = _ask(w, w.escrow.balanceOf, known.balances)  # type: ignore[assignment]
    pairs = _ask(w, w.escrow.reservationOf, known.reservations)
    state.reservations = {pair: reservation._asdict() for pair, reservation in pairs.items()}
    covers = _ask(w, w.escrow.coverOf, known.reservations)
    for pair, r in state.reservations.items():
        assert covers[pair] == max(0, r["reserved"] - r["thawing"])
    keys = _ask(w, w.escrow.voucherKeyStateOf, known.voucher_keys)
    state.voucher_keys = {payer: tuple(key) for payer, key in keys.items()}
    _ask(w, w.escrow.voucherKeyOf, known.voucher_keys)


def _ask_disputes(w: World, known: State, state: State) -> None:
    batches = _ask(w, w.settlement.batchOf, known.batches)
    state.batches = {id: batch._asdict() for id, batch in batches.items()}
    leaves = [(id, leaf) for id, header in known.headers.items() for leaf in range(header.count)]
    state.published = {leaf for leaf, is_out in _ask(w, w.settlement.isPublished, leaves).items() if is_out}
    challenges = _ask(w, w.disputes.challengeOf, known.challenges)
    state.challenges = {id: challenge._asdict() for id, challenge in challenges.items()}
    firsts = _ask(w, w.disputes.firstOn, leaves)
    state.places = {leaf: id for leaf, id in firsts.items() if id != bytes(32)}
    state.revealed = _ask(w, w.disputes.isRevealed, known.revealed)
    omissions = _ask(w, w.omissions.omissionOf, known.omissions)
    state.omissions = {receipt: tuple(omission) for receipt, omission in omissions.items()}
    for name, who in known.histories:
        state.histories[name, who] = getattr(w.reputation, name)(who)._asdict()
    state.recorded = _ask(w, w.reputation.isRecorded, known.recorded)
