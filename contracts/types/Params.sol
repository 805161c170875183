// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A parameter set. Times in seconds, amounts in token base units, shares in basis points.
/// @dev Ordered so that a commit reads two words.
struct Params {
    // slot 0: a commit
    uint96 reserve; // bucket that a commit needs full and that omissions are paid from
    uint96 minStakePerInference; // least collateral of a receipt
    uint32 maxBatchCount; // most receipts in a batch
    uint16 maxDemands; // most demands in one challenge
    // slot 1: a commit, finality, a verdict
    uint96 minBatchStake; // least lock of a batch
    uint40 minChallengeWindow;
    uint40 maxChallengeWindow;
    uint40 maxCommitDelay; // between serving and commit
    uint24 maxInputBytes; // largest input of a model
    uint16 protocolFeeBps; // share of the fees
    // slot 2: a dispute
    uint96 challengeBond;
    uint40 challengerTime; // chess clock of the challenger
    uint40 operatorTime; // chess clock of the operator
    uint40 unjailAfter; // jail after a fault
    uint8 faultsToBan; // number of faults that ban an address
    uint16 rewardBps; // of a penalty, to the challenger
    uint16 restitutionBps; // of a penalty, to the payers
    // slot 3
    uint96 omissionBond;
    uint40 omissionWindow; // after commitBy, in which an omission can be claimed
    uint40 grace; // margin around every deadline
    uint40 keyDelay; // before a new signing key holds
    uint40 earningDelay; // between a verdict and the opening of its pot
    // slot 4
    uint40 unbondingDelay; // before stake leaves
    uint40 thawing; // before a reservation is released
    uint40 maxQuarantine; // longest quarantine of a verifier
}

/// @notice What `Settlement.commit` needs of a set.
struct CommitTerms {
    uint96 reserve;
    uint96 minStakePerInference;
    uint32 maxBatchCount;
    uint16 maxDemands;
    uint96 minBatchStake;
    uint40 minChallengeWindow;
    uint40 maxChallengeWindow;
    uint24 maxInputBytes;
}

/// @notice What `Disputes` needs of a set.
struct DisputeTerms {
    uint96 challengeBond;
    uint40 challengerTime;
    uint40 unjailAfter;
    uint8 faultsToBan;
    uint96 minBatchStake;
}

/// @notice What `Disputes` needs of a set for forced reveals.
struct DemandTerms {
    uint96 challengeBond;
    uint40 operatorTime;
    uint16 maxDemands;
}

/// @notice What `Settlement.settle` needs of a set.
struct PotTerms {
    uint96 minBatchStake;
    uint96 challengeBond;
    uint40 earningDelay;
    uint16 rewardBps;
    uint16 restitutionBps;
}

/// @notice Absolute bounds of every set, fixed at deployment.
/// @param outageFloor least `grace`, `operatorTime` and `challengerTime`: above the chain's longest outage
/// @param maxTime no time is longer; at most type(uint24).max, about 194 days
/// @param maxAmount no amount is larger
/// @param councilDelay execution delay of the council, for the bound of `maxQuarantine`
struct ParamBounds {
    uint40 outageFloor;
    uint40 maxTime;
    uint96 maxAmount;
    uint40 councilDelay;
}

uint256 constant BPS = 10_000;
