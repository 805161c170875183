// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchId, ChallengeId} from "./Ids.sol";
import {Receipt} from "./Messages.sol";

/// @notice Stored states of a challenge.
/// Sealed → Opened → (Won | Lost | Closed), or Sealed → (Won | Lost | Closed).
enum ChallengeStatus {
    Null,
    Sealed,
    Opened,
    Won,
    Lost,
    Closed
}

/// @notice Whose clock runs.
enum Turn {
    Challenger,
    Operator
}

/// @notice What is stored for a challenge. Its place in the batch is not: every move brings the opening of the seal.
/// @param challenger who took the bond upon itself
/// @param sealedAt when
/// @param ordinal its number among the challenges of the batch, from 1: who was first
/// @param status what calls decided
/// @param turn whose clock runs
/// @param demands number of demands made; while it is 0, the challenger's clock runs from `sealedAt`
/// @param movedAt when the running clock started
/// @param challengerUsed seconds of the challenger's clock that are gone
/// @param operatorUsed seconds of the operator's clock that are gone
/// @param answers number of answers given
struct Challenge {
    // slot 0: all that a challenge without demands needs
    address challenger;
    uint40 sealedAt;
    uint24 ordinal;
    ChallengeStatus status;
    Turn turn;
    uint16 demands;
    // slot 1
    uint40 movedAt;
    uint40 challengerUsed;
    uint40 operatorUsed;
    uint16 answers;
}

/// @notice Names a challenge of a batch, for those who are not its challenger.
struct ChallengeKey {
    address challenger;
    bytes32 seal;
}

/// @notice What opens a seal.
struct Opening {
    uint32 leafIndex;
    bytes32 salt;
}

/// @notice A receipt and its path in the batch.
struct ReceiptProof {
    Receipt receipt;
    uint32 leafIndex;
    bytes32[] path;
}

/// @notice What a challenger can show about a leaf (docs/protocol.md).
/// Execution: evidence for the model's verifier. Header: the receipt differs from its batch header; no evidence.
/// Request: evidence is abi.encode(Request), the preimage of the receipt's request id, and the receipt breaks it.
/// Claim: evidence is abi.encode(Claim[]), the batch's claims, and the leaf lies under another payer's claim.
enum FaultKind {
    Execution,
    Header,
    Request,
    Claim
}

/// @dev Names a challenge by content, so that a reorganisation cannot redirect it.
function challengeId(BatchId batchId, address challenger, bytes32 seal) pure returns (ChallengeId) {
    return ChallengeId.wrap(keccak256(abi.encode(batchId, challenger, seal)));
}

/// @dev The seal of an opening.
function sealOf(address challenger, Opening memory opening) pure returns (bytes32) {
    return keccak256(abi.encode(challenger, opening.leafIndex, opening.salt));
}
