// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Identifier of a registered model version, see `Models.register`.
type ModelId is bytes32;

/// @notice Identifier of a batch: hash of chain, settlement contract and header.
type BatchId is bytes32;

/// @notice Identifier of a challenge: hash of batch, challenger and seal.
type ChallengeId is bytes32;

/// @notice A bucket of money in `Escrow`: an address, a model's royalties, or one of the named ones in `Accounts`.
type Account is bytes32;

using {eqModelId as ==, neModelId as !=} for ModelId global;
using {eqBatchId as ==, neBatchId as !=} for BatchId global;
using {eqChallengeId as ==, neChallengeId as !=} for ChallengeId global;
using {eqAccount as ==, neAccount as !=} for Account global;

function eqModelId(ModelId a, ModelId b) pure returns (bool) {
    return ModelId.unwrap(a) == ModelId.unwrap(b);
}

function neModelId(ModelId a, ModelId b) pure returns (bool) {
    return ModelId.unwrap(a) != ModelId.unwrap(b);
}

function eqBatchId(BatchId a, BatchId b) pure returns (bool) {
    return BatchId.unwrap(a) == BatchId.unwrap(b);
}

function neBatchId(BatchId a, BatchId b) pure returns (bool) {
    return BatchId.unwrap(a) != BatchId.unwrap(b);
}

function eqChallengeId(ChallengeId a, ChallengeId b) pure returns (bool) {
    return ChallengeId.unwrap(a) == ChallengeId.unwrap(b);
}

function neChallengeId(ChallengeId a, ChallengeId b) pure returns (bool) {
    return ChallengeId.unwrap(a) != ChallengeId.unwrap(b);
}

function eqAccount(Account a, Account b) pure returns (bool) {
    return Account.unwrap(a) == Account.unwrap(b);
}

function neAccount(Account a, Account b) pure returns (bool) {
    return Account.unwrap(a) != Account.unwrap(b);
}
