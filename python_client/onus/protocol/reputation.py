"""What became of somebody's batches (``contracts/types/Reputation.sol``)."""

from __future__ import annotations

from dataclasses import dataclass

from onus.protocol._struct import Struct, Uint24, Uint32, Uint56, Uint64, Uint96

__all__ = ["History"]


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Struct):
    """The batches of an operator, a model or a provider; amounts in token base units.

    Attributes:
        earned: protocol fees of its final batches, decayed: what a good name has cost.
        lost: penalties of its faulty batches, decayed.
        epoch: up to which both are decayed.
        inferences: receipts in its final batches.
        final_batches: number of batches that became final.
        faulty_batches: number of batches that lost a challenge.
        refunded_batches: number of batches refunded because their verifier failed.
        withstood: challenges against its final batches.
        slashed: penalties of its faulty batches, not decayed.
    """

    earned: Uint96
    lost: Uint96
    epoch: Uint64
    inferences: Uint56
    final_batches: Uint32
    faulty_batches: Uint24
    refunded_batches: Uint24
    withstood: Uint24
    slashed: Uint96
