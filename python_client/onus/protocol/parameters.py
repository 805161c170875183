"""Parameter sets and the relations they keep (docs/protocol.md; ``contracts/libraries/ParamRules.sol``).

Times in seconds, amounts in token base units, shares in basis points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from onus.protocol._struct import Struct, Uint8, Uint16, Uint24, Uint32, Uint40, Uint96
from onus.protocol.errors import BrokenRelation

__all__ = [
    "BPS",
    "LOCAL_DEMO",
    "LOCAL_DEMO_BOUNDS",
    "OP_STACK",
    "OP_STACK_BOUNDS",
    "ParamBounds",
    "Params",
    "Preset",
    "broken_relations",
    "check",
    "preset",
]

BPS: Final = 10_000
MAX_RECOVERABLE_BPS: Final = 5_000
MAX_ROYALTY_BPS: Final = 5_000
MAX_INPUT_BYTES: Final = 96 * 1024
# What a model keeps of its wished window, and a challenge of its clocks, has 24 bits.
LONGEST_TIME: Final = 2**24 - 1

_HOUR = 3_600
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Params(Struct):
    """A parameter set, fields in the order of ``Params.sol``."""

    reserve: Uint96
    min_stake_per_inference: Uint96
    max_batch_count: Uint32
    max_demands: Uint16
    min_batch_stake: Uint96
    min_challenge_window: Uint40
    max_challenge_window: Uint40
    max_commit_delay: Uint40
    max_input_bytes: Uint24
    protocol_fee_bps: Uint16
    challenge_bond: Uint96
    challenger_time: Uint40
    operator_time: Uint40
    unjail_after: Uint40
    faults_to_ban: Uint8
    reward_bps: Uint16
    restitution_bps: Uint16
    omission_bond: Uint96
    omission_window: Uint40
    grace: Uint40
    key_delay: Uint40
    earning_delay: Uint40
    unbonding_delay: Uint40
    thawing: Uint40
    max_quarantine: Uint40

    @property
    def max_dispute_duration(self) -> int:
        """Longest life of a challenge, in seconds: both clocks."""
        return self.challenger_time + self.operator_time

    def window_of(self, wished: int) -> int:
        """A model's challenge window under this set, in seconds."""
        return min(max(wished, self.min_challenge_window), self.max_challenge_window)

    def lock_of(self, *, count: int, stake: int) -> int:
        """What a batch locks, in token base units."""
        return max(count * stake, self.min_batch_stake)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamBounds(Struct):
    """Absolute bounds of every set, fixed at deployment.

    Attributes:
        outage_floor: least ``grace``, ``operator_time`` and ``challenger_time``: above the chain's longest
            outage.
        max_time: no time is longer; at most 2^24 − 1, about 194 days.
        max_amount: no amount is larger.
        council_delay: execution delay of the council, for the bound of ``max_quarantine``.
    """

    outage_floor: Uint40
    max_time: Uint40
    max_amount: Uint96
    council_delay: Uint40


@dataclass(frozen=True, slots=True)
class Preset:
    """A start: a set and its bounds."""

    params: Params
    bounds: ParamBounds


def _relations(p: Params, b: ParamBounds) -> Iterator[tuple[str, bool]]:
    """Every rule in the order in which the contract checks them, and whether it holds."""
    yield "bounds", 0 < b.max_time <= LONGEST_TIME
    yield "grace", p.grace >= b.outage_floor and p.grace > 0
    yield "operatorTime", p.operator_time >= b.outage_floor and p.operator_time > 0
    yield "challengerTime", p.challenger_time >= b.outage_floor and p.challenger_time > 0
    yield "maxChallengeWindow", p.max_challenge_window <= b.max_time
    times = (
        p.challenger_time,
        p.operator_time,
        p.unbonding_delay,
        p.thawing,
        p.earning_delay,
        p.omission_window,
        p.key_delay,
        p.unjail_after,
        p.max_quarantine,
        p.max_commit_delay,
    )
    yield "maxTime", max(times) <= b.max_time
    amounts = (p.reserve, p.min_batch_stake, p.challenge_bond, p.omission_bond, p.min_stake_per_inference)
    yield "maxAmount", max(amounts) <= b.max_amount
    yield "maxBatchCount", p.max_batch_count > 0
    yield "maxDemands", p.max_demands > 0
    yield "maxInputBytes", 0 < p.max_input_bytes <= MAX_INPUT_BYTES
    yield "faultsToBan", p.faults_to_ban > 0
    yield "maxCommitDelay", p.max_commit_delay > 0
    yield "keyDelay", p.key_delay > 0
    yield "earningDelay", p.earning_delay > 0
    yield "omissionWindow", p.omission_window > 0

    commit_phase = p.max_commit_delay + p.grace
    yield "thawing", p.thawing >= commit_phase
    yield "minChallengeWindow", p.min_challenge_window >= 2 * (commit_phase + p.operator_time)
    yield "maxChallengeWindow", p.min_challenge_window <= p.max_challenge_window
    dispute = p.max_challenge_window + p.max_dispute_duration
    omission = p.max_commit_delay + p.omission_window + p.operator_time
    yield "unbondingDelay", p.unbonding_delay >= max(dispute, omission) + p.grace

    yield "protocolFeeBps", p.protocol_fee_bps + MAX_ROYALTY_BPS <= BPS
    yield "recoverable", p.reward_bps + p.restitution_bps <= MAX_RECOVERABLE_BPS
    yield "challengeBond", p.challenge_bond > 0
    yield "omissionBond", p.omission_bond > 0
    # Even a batch with one faulty receipt is worth challenging.
    yield "minBatchStake", p.reward_bps * p.min_batch_stake >= p.challenge_bond * BPS

    yield "maxQuarantine", p.max_quarantine >= b.council_delay + p.grace


def broken_relations(params: Params, bounds: ParamBounds) -> tuple[str, ...]:
    """Names of all rules that a set breaks, in the contract's order; the contract reverts with the first."""
    return tuple(rule for rule, holds in _relations(params, bounds) if not holds)


def check(params: Params, bounds: ParamBounds) -> None:
    """Raises `BrokenRelation` with the first rule that does not hold, as the contract does."""
    for rule in broken_relations(params, bounds):
        raise BrokenRelation(rule)


def preset(name: str, *, decimals: int = 18) -> Preset:
    """One of the two starting sets, for a token worth a dollar.

    Args:
        name: ``local-demo`` or ``op-stack``.
        decimals: of the token.
    """
    dollar = 10**decimals
    cent = dollar // 100
    money = {
        "reserve": 1_000 * dollar,
        "min_batch_stake": 150 * dollar,
        "min_stake_per_inference": 5 * cent,
        "challenge_bond": 25 * dollar,
        "omission_bond": 2 * dollar,
        "protocol_fee_bps": 200,
        "reward_bps": 2_000,
        "restitution_bps": 3_000,
        "faults_to_ban": 3,
        "max_batch_count": 65_536,
    }
    max_amount = 10_000_000 * dollar
    if name == "local-demo":
        return Preset(
            Params(
                **money,
                max_demands=12,
                max_input_bytes=8 * 1024,
                min_challenge_window=26,
                max_challenge_window=40,
                max_commit_delay=2,
                grace=3,
                challenger_time=14,
                operator_time=8,
                omission_window=5,
                earning_delay=3,
                key_delay=2,
                unbonding_delay=90,
                thawing=5,
                unjail_after=10,
                max_quarantine=15,
            ),
            ParamBounds(outage_floor=2, max_time=_HOUR, max_amount=max_amount, council_delay=5),
        )
    if name == "op-stack":
        return Preset(
            Params(
                **money,
                max_demands=20,
                max_input_bytes=64 * 1024,
                min_challenge_window=80 * _HOUR,
                max_challenge_window=120 * _HOUR,
                max_commit_delay=_HOUR,
                grace=13 * _HOUR,
                challenger_time=26 * _HOUR,
                operator_time=26 * _HOUR,
                omission_window=_DAY,
                earning_delay=_DAY,
                key_delay=_HOUR,
                unbonding_delay=10 * _DAY,
                thawing=_DAY,
                unjail_after=7 * _DAY,
                max_quarantine=7 * _DAY,
            ),
            ParamBounds(
                outage_floor=12 * _HOUR, max_time=60 * _DAY, max_amount=max_amount, council_delay=3 * _DAY
            ),
        )
    raise ValueError(f"no preset {name!r}: local-demo or op-stack")


LOCAL_DEMO: Final = preset("local-demo").params
LOCAL_DEMO_BOUNDS: Final = preset("local-demo").bounds
OP_STACK: Final = preset("op-stack").params
OP_STACK_BOUNDS: Final = preset("op-stack").bounds
