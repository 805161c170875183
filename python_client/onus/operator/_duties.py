"""What challenges ask of an operator now: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from onus.protocol import BatchHeader, BatchId, Challenge, ChallengeKey, Opening, Reply, Turn

__all__ = ["Duties", "OpenChallenge", "duties_of", "in_transactions"]

_MOST_BYTES: Final = 96 * 1024
"""Calldata of one transaction of replies: nodes pass on no transaction above 128 KiB."""
_MOST_REPLIES: Final = 16
"""Of one transaction: each costs up to about 370,000 gas, and a transaction has at most 16,777,216."""
_WORD: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenChallenge:
    """A live challenge of an own batch that is not decided; times in seconds of the verifier's clock.

    Attributes:
        batch_id: the batch.
        header: of the batch.
        key: names the challenge.
        opening: of its seal; None while it is sealed.
        state: what is stored.
        now: time of the block at which this was read.
        receipt_is_known: the leaf's receipt was revealed before.
    """

    batch_id: BatchId
    header: BatchHeader
    key: ChallengeKey
    opening: Opening | None
    state: Challenge
    now: int
    receipt_is_known: bool

    @property
    def seconds_left(self) -> int:
        """Until the side to move is out of time."""
        return self.state.deadline - self.now


@dataclass(frozen=True, slots=True)
class Duties:
    """What to do.

    Attributes:
        answer: demands to answer, the most urgent first.
        end: challenges whose challenger is out of time: the batch is not final before they are ended.
        late: demands that cannot be answered in time any more.
    """

    answer: tuple[OpenChallenge, ...]
    end: tuple[OpenChallenge, ...]
    late: tuple[OpenChallenge, ...]


def duties_of(challenges: Iterable[OpenChallenge]) -> Duties:
    """What to do about challenges."""
    found = list(challenges)
    ours = sorted((each for each in found if each.state.turn is Turn.OPERATOR), key=_urgency)
    return Duties(
        answer=tuple(each for each in ours if each.seconds_left > 0),
        end=tuple(each for each in found if each.state.turn is Turn.CHALLENGER and each.seconds_left <= 0),
        late=tuple(each for each in ours if each.seconds_left <= 0),
    )


def in_transactions(replies: Sequence[Reply]) -> Iterator[tuple[Reply, ...]]:
    """Replies in their order, as many to a transaction as fit."""
    group: list[Reply] = []
    size = 0
    for reply in replies:
        more = _size_of(reply)
        if group and (size + more > _MOST_BYTES or len(group) == _MOST_REPLIES):
            yield tuple(group)
            group, size = [], 0
        group.append(reply)
        size += more
    if group:
        yield tuple(group)


def _urgency(challenge: OpenChallenge) -> int:
    return challenge.seconds_left


def _size_of(reply: Reply) -> int:
    answer = reply.answer
    words = len(answer.path) + -(-len(answer.data) // _WORD)
    words += sum(len(proof.path) + 16 for proof in answer.proof)
    # Header, opening and offsets.
    return _WORD * (words + 24)
