// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What became of the batches of an operator, a model or a provider. Amounts in token base units; all numbers
/// stop at the largest value of their type.
/// @param earned protocol fees of its final batches, decayed: what a good name has cost
/// @param lost penalties of its faulty batches, decayed
/// @param epoch up to which both are decayed
/// @param inferences receipts in its final batches
/// @param finalBatches number of batches that became final
/// @param faultyBatches number of batches that lost a challenge
/// @param refundedBatches number of batches refunded because their verifier failed
/// @param withstood challenges against its final batches
/// @param slashed penalties of its faulty batches, not decayed
struct History {
    // slot 0
    uint96 earned;
    uint96 lost;
    uint64 epoch;
    // slot 1
    uint56 inferences;
    uint32 finalBatches;
    uint24 faultyBatches;
    uint24 refundedBatches;
    uint24 withstood;
    uint96 slashed;
}
