"""What the state must be, from the events alone (F9), and from the getters, in the same words.

`Replay` folds every event since the deployment; `stored` asks the contracts about everything that the events
named, with every getter there is (F8). Both give plain values: equal or wrong.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from onus.protocol import BatchStatus, ChallengeStatus, Claim
from onus.protocol.ids import BURNED, account_of
from onus.protocol.ids import claims_hash as hash_claims
from tests.support.chain import Event
from tests.support.world import World

ZERO = "0x" + "00" * 20
ALIVE = (ChallengeStatus.SEALED, ChallengeStatus.OPENED)


@dataclass
class State:
    """Everything that getters answer, by what it is about."""

    operators: dict[str, dict[str, Any]] = field(default_factory=dict)
    signers: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    balances: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    reservations: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    voucher_keys: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    batches: dict[bytes, dict[str, int]] = field(default_factory=dict)
    published: set[tuple[bytes, int]] = field(default_factory=set)
    challenges: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    places: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    models: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    verifiers: dict[str, bool] = field(default_factory=dict)
    sets: dict[int, Any] = field(default_factory=dict)
    closed: bool = False
    # What events tell besides, for folding: not compared.
    headers: dict[bytes, Any] = field(default_factory=dict)
    batch_of: dict[bytes, bytes] = field(default_factory=dict)

    def compared(self) -> dict[str, Any]:
        """Everything but the helpers; what is zero was never there."""
        values = {name: value for name, value in vars(self).items() if name not in ("headers", "batch_of")}
        values["balances"] = {account: amount for account, amount in self.balances.items() if amount}
        return values


class Replay:
    """Folds events, one method each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = State()

    def run(self) -> State:
        """Over all events of the deployment, in order."""
        peers = {contract.address for contract in self.world.deployment.contracts}
        for event in self.world.chain.events("0x0"):
            if event.address in peers:
                # Two contracts have this event.
                name = "FreeWithdrawn" if self._is_escrows(event) else event.name
                if handler := getattr(self, f"on_{name}", None):
                    handler(event)
        return self.state

    def _is_escrows(self, event: Event) -> bool:
        return event.name == "Withdrawn" and event.address == self.world.escrow.address

    # ---- Parameters, models -------------------------------------------------------------------------------

    def on_ParamSetAdded(self, e: Event) -> None:
        self.state.sets[e.set] = e.params

    def on_CommitmentsClosed(self, _: Event) -> None:
        self.state.closed = True

    def on_CommitmentsOpened(self, _: Event) -> None:
        self.state.closed = False

    def on_VerifierAllowed(self, e: Event) -> None:
        self.state.verifiers[e.verifier] = True

    def on_VerifierDisallowed(self, e: Event) -> None:
        self.state.verifiers[e.verifier] = False

    def on_ModelRegistered(self, e: Event) -> None:
        manifest = e.spec.manifest
        self.state.models[e.modelId] = {
            "providerOf": e.provider,
            "manifestHashOf": e.manifestHash,
            "royaltyBpsOf": e.spec.royaltyBps,
            "lineageOf": (e.spec.royaltyReceiver, e.spec.parents),
            "deprecatedAt": 0,
            "verdictInfo": (e.spec.verifier, manifest.commitment),
            "inputInfo": (manifest.commitment.inputs, manifest.inputBytes),
            "levelOf": max((1 + self.state.models[p.modelId]["levelOf"] for p in e.spec.parents), default=0),
            "challengeWindow": e.spec.challengeWindow,
        }

    def on_ModelDeprecated(self, e: Event) -> None:
        self.state.models[e.modelId]["deprecatedAt"] = e.effectiveAt

    # ---- Operators ----------------------------------------------------------------------------------------

    def on_OperatorRegistered(self, e: Event) -> None:
        names = ("stake", "locked", "nextSequence", "unbonding", "reserve", "jailedUntil", "faults")
        self.state.operators[e.operator] = dict.fromkeys(names, 0) | {
            "registered": True,
            "reserveLeaving": False,
            "exitAt": 0,
            "reserveExitAt": 0,
        }
        self.state.signers[e.operator] = [(e.signer, e.at)]
        self.state.endpoints[e.operator] = e.endpoint

    def on_EndpointChanged(self, e: Event) -> None:
        self.state.endpoints[e.operator] = e.endpoint

    def on_SignerChanged(self, e: Event) -> None:
        self.state.signers[e.operator].append((e.signer, e.validFrom))

    def on_Staked(self, e: Event) -> None:
        self.state.operators[e.operator]["stake"] += e.amount

    def on_UnbondRequested(self, e: Event) -> None:
        op = self.state.operators[e.operator]
        op["unbonding"] += e.amount
        op["exitAt"] = e.exitAt

    def on_UnbondCancelled(self, e: Event) -> None:
        self.state.operators[e.operator] |= {"unbonding": 0, "exitAt": 0}

    def on_Withdrawn(self, e: Event) -> None:
        op = self.state.operators[e.operator]
        op["stake"] -= e.amount
        op["unbonding"] -= e.amount
        if op["unbonding"] == 0:
            op["exitAt"] = 0

    def on_ReserveFunded(self, e: Event) -> None:
        self.state.operators[e.operator]["reserve"] += e.amount

    def on_ReserveExitRequested(self, e: Event) -> None:
        self.state.operators[e.operator] |= {"reserveLeaving": True, "reserveExitAt": e.exitAt}

    def on_ReserveExitCancelled(self, e: Event) -> None:
        self.state.operators[e.operator] |= {"reserveLeaving": False, "reserveExitAt": 0}

    def on_ReserveWithdrawn(self, e: Event) -> None:
        self.state.operators[e.operator] |= {"reserveLeaving": False, "reserveExitAt": 0, "reserve": 0}

    def on_Slashed(self, e: Event) -> None:
        op = self.state.operators[e.operator]
        op["stake"] -= e.amount
        op["locked"] -= e.amount
        op["unbonding"] = min(op["unbonding"], op["stake"])
        if op["unbonding"] == 0:
            op["exitAt"] = 0
        op["faults"] = min(255, op["faults"] + 1)
        op["jailedUntil"] = e.jailedUntil

    # ---- Escrow -------------------------------------------------------------------------------------------

    def on_Deposited(self, e: Event) -> None:
        self.state.balances[account_of(e.to)] += e.amount

    def on_FreeWithdrawn(self, e: Event) -> None:
        self.state.balances[account_of(e.owner)] -= e.amount

    def _reservation(self, payer: str, operator: str) -> dict[str, int]:
        empty = dict.fromkeys(("reserved", "redeemed", "thawing", "thawsAt"), 0)
        return self.state.reservations.setdefault((payer, operator), empty)

    def on_Reserved(self, e: Event) -> None:
        self.state.balances[account_of(e.payer)] -= e.amount
        reservation = self._reservation(e.payer, e.operator)
        reservation["thawing"] = min(reservation["thawing"], reservation["reserved"])
        reservation["reserved"] += e.amount

    def on_ReleaseRequested(self, e: Event) -> None:
        reservation = self._reservation(e.payer, e.operator)
        reservation["thawing"] += e.amount
        reservation["thawsAt"] = e.thawsAt

    def on_ReleaseCancelled(self, e: Event) -> None:
        self._reservation(e.payer, e.operator).update(thawing=0, thawsAt=0)

    def on_Released(self, e: Event) -> None:
        reservation = self._reservation(e.payer, e.operator)
        reservation["reserved"] -= e.amount
        reservation.update(thawing=0, thawsAt=0)
        self.state.balances[account_of(e.payer)] += e.amount

    def on_VoucherKeySet(self, e: Event) -> None:
        key, from_time, following = self.state.voucher_keys.get(e.payer, (ZERO, 0, ZERO))
        present = following if from_time and e.at >= from_time else key
        waits = e.validFrom > e.at
        self.state.voucher_keys[e.payer] = (present, e.validFrom, e.key) if waits else (e.key, 0, ZERO)

    def on_Held(self, e: Event) -> None:
        self.state.balances[account_of(e.from_)] -= e.amount

    def on_Credited(self, e: Event) -> None:
        self.state.balances[e.account] += e.amount

    def on_Distributed(self, e: Event) -> None:
        self.state.balances[e.from_] -= e.amount

    def on_BurnedSwept(self, e: Event) -> None:
        self.state.balances[BURNED] -= e.amount

    # ---- Batches ------------------------------------------------------------------------------------------

    def _lock(self, id: bytes) -> int:
        header = self.state.headers[id]
        return max(header.count * header.stake, self.state.sets[header.paramSet].minBatchStake)

    def on_BatchCommitted(self, e: Event) -> None:
        params = self.state.sets[e.header.paramSet]
        claims = [Claim(payer=claim.payer, receipts=claim.receipts) for claim in e.claims]
        assert hash_claims(claims) == e.header.claimsHash
        window = self.state.models[e.modelId]["challengeWindow"]
        window = min(max(window, params.minChallengeWindow), params.maxChallengeWindow)
        self.state.headers[e.id] = e.header
        self.state.batches[e.id] = {
            "status": BatchStatus.PENDING,
            "openChallenges": 0,
            "challenges": 0,
            "committedAt": e.at,
            "windowEndsAt": e.at + window,
            "endedAt": 0,
            "frozenAtCommit": 0,
        }
        op = self.state.operators[e.operator]
        op["locked"] += self._lock(e.id)
        op["nextSequence"] = e.header.sequence + 1
        for claim in claims:
            reservation = self._reservation(claim.payer, e.operator)
            reservation["reserved"] -= claim.receipts * e.header.fee
            reservation["redeemed"] += claim.receipts * e.header.fee

    def on_BatchFinal(self, e: Event) -> None:
        self.state.batches[e.id] |= {"status": BatchStatus.FINAL, "endedAt": e.at}
        self.state.operators[e.operator]["locked"] -= self._lock(e.id)

    def on_BatchSettled(self, e: Event) -> None:
        self.state.batches[e.id]["status"] = BatchStatus.SETTLED

    def on_ReceiptPublished(self, e: Event) -> None:
        self.state.published.add((e.id, e.leafIndex))

    def on_ChallengeOpened(self, e: Event) -> None:
        batch = self.state.batches[e.batchId]
        batch["openChallenges"] += 1
        batch["challenges"] = e.ordinal
        self.state.batch_of[e.id] = e.batchId
        self.state.challenges[e.id] = {
            "challenger": e.challenger,
            "sealedAt": e.at,
            "ordinal": e.ordinal,
            "status": ChallengeStatus.SEALED,
            "turn": 0,
            "demands": 0,
            "movedAt": 0,
            "challengerUsed": 0,
            "operatorUsed": 0,
            "answers": 0,
        }

    def on_SealOpened(self, e: Event) -> None:
        place = (self.state.batch_of[e.id], e.leafIndex)
        challenge = self.state.challenges[e.id]
        holder = self.state.challenges.get(self.state.places.get(place, b""))
        terms = self.state.sets[self.state.headers[place[0]].paramSet]
        held = (
            holder is not None
            and holder["status"] is ChallengeStatus.OPENED
            and e.at < holder["sealedAt"] + terms.challengerTime
            and holder["ordinal"] <= challenge["ordinal"]
        )
        challenge["status"] = ChallengeStatus.OPENED
        if not held:
            self.state.places[place] = e.id

    def on_FaultProven(self, e: Event) -> None:
        self.state.batches[e.batchId] |= {"status": BatchStatus.FAULTY, "endedAt": e.at}
        self.state.challenges[e.id]["status"] = ChallengeStatus.CLOSED
        self.state.challenges[e.winner]["status"] = ChallengeStatus.WON

    def on_ChallengeLost(self, e: Event) -> None:
        self.state.challenges[e.id]["status"] = ChallengeStatus.LOST
        batch = self.state.batches[self.state.batch_of[e.id]]
        # Once the batch is decided nobody counts any more.
        if batch["status"] is BatchStatus.PENDING:
            batch["openChallenges"] -= 1

    def on_ChallengeClosed(self, e: Event) -> None:
        self.state.challenges[e.id]["status"] = ChallengeStatus.CLOSED


def stored(world: World, known: State) -> State:
    """The same, from getters, about everybody and everything that `known` has; every getter must answer."""
    w, read = world, world.chain.read
    state = State()

    def ask(method: Any, keys: Any) -> dict[Any, Any]:
        keys = list(keys)
        calls = [(method, key if isinstance(key, tuple) else (key,)) for key in keys]
        return dict(zip(keys, read(calls), strict=True))

    state.sets = ask(w.parameters.paramsOf, known.sets)
    for terms in (w.parameters.feeTerms, w.parameters.disputeTerms, w.parameters.potTerms):
        ask(terms, known.sets)
    state.closed = w.parameters.commitmentsClosed()
    state.verifiers = ask(w.models.isVerifierAllowed, known.verifiers)
    state.models = {id: {"challengeWindow": model["challengeWindow"]} for id, model in known.models.items()}
    names = {name for model in known.models.values() for name in model} - {"challengeWindow"}
    for name in names:
        for id, value in ask(getattr(w.models, name), known.models).items():
            state.models[id][name] = value
    state.operators = {op: s._asdict() for op, s in ask(w.operators.stateOf, known.operators).items()}
    signers = ask(w.operators.signersOf, known.operators)
    state.signers = {op: [tuple(key) for key in keys] for op, keys in signers.items()}
    state.endpoints = ask(w.operators.endpointOf, known.operators)
    available = ask(w.operators.availableOf, known.operators)
    for op, s in state.operators.items():
        assert available[op] == max(0, s["stake"] - s["locked"] - s["unbonding"])
    state.balances = ask(w.escrow.balanceOf, known.balances)
    pairs = ask(w.escrow.reservationOf, known.reservations)
    state.reservations = {pair: reservation._asdict() for pair, reservation in pairs.items()}
    covers = ask(w.escrow.coverOf, known.reservations)
    for pair, r in state.reservations.items():
        assert covers[pair] == max(0, r["reserved"] - r["thawing"])
    keys = ask(w.escrow.voucherKeyStateOf, known.voucher_keys)
    state.voucher_keys = {payer: tuple(key) for payer, key in keys.items()}
    ask(w.escrow.voucherKeyOf, known.voucher_keys)
    state.batches = {id: batch._asdict() for id, batch in ask(w.settlement.batchOf, known.batches).items()}
    leaves = [(id, leaf) for id, header in known.headers.items() for leaf in range(header.count)]
    state.published = {leaf for leaf, is_out in ask(w.settlement.isPublished, leaves).items() if is_out}
    state.challenges = {id: c._asdict() for id, c in ask(w.disputes.challengeOf, known.challenges).items()}
    firsts = ask(w.disputes.firstOn, leaves)
    state.places = {leaf: id for leaf, id in firsts.items() if id != bytes(32)}
    return state


def check_replay(world: World) -> State:
    """Events and getters tell the same (F8, F9); returns it."""
    replayed = Replay(world).run()
    expected, actual = replayed.compared(), stored(world, replayed).compared()
    for name, value in expected.items():
        assert actual[name] == value, f"{name}: the getters say {actual[name]}, the events {value}"
    return replayed
