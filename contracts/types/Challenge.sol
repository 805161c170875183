// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader} from "./Batch.sol";
import {BatchId, ChallengeId} from "./Ids.sol";
import {Demand, DemandKind, Position} from "./Demand.sol";
import {Receipt} from "./Messages.sol";

/// @notice Stored states of a challenge.
/// Sealed → Opened → Engaged → (Won | Lost | Closed); states may be left out, none comes twice.
/// Opened: its place is known. Engaged: from its first demand on.
enum ChallengeStatus {
    Null,
    Sealed,
    Opened,
    Engaged,
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
/// @param sealedAt when, as all times here by the verifier's clock
/// @param challengerTime of the batch's set, at most ParamBounds.maxTime
/// @param ordinal its number among the challenges of the batch, from 1: who was first
/// @param status what calls decided
/// @param movedAt when the running clock started
/// @param challengerLeft seconds that the challenger had left then
/// @param operatorLeft seconds that the operator had left then
/// @param demandsLeft number of demands that can still be made
/// @param answers number of answers given
/// @param demandKind what the operator has to answer, None if it is the challenger's turn; see `Demand` for what follows
struct Challenge {
    // slot 0: all that a challenge without demands needs
    address challenger;
    uint40 sealedAt;
    uint24 challengerTime;
    uint24 ordinal;
    ChallengeStatus status;
    // slot 1: while it is Engaged
    uint40 movedAt;
    uint40 challengerLeft;
    uint40 operatorLeft;
    uint16 demandsLeft;
    uint16 answers;
    DemandKind demandKind;
    uint8 demandLevel;
    uint16 demandSlot;
    uint32 demandIndex;
    uint32 demandSize;
    uint8 demandAbove;
}

using {turn, deadline, demandOf, setDemand} for Challenge global;

/// @dev Whose clock runs.
function turn(Challenge storage challenge) view returns (Turn) {
    bool demanded = challenge.status == ChallengeStatus.Engaged && challenge.demandKind != DemandKind.None;
    return demanded ? Turn.Operator : Turn.Challenger;
}

/// @dev First second at which the side to move is out of time. A chess clock: what it has left, from its turn on.
function deadline(Challenge storage challenge) view returns (uint40) {
    if (challenge.status != ChallengeStatus.Engaged) return challenge.sealedAt + challenge.challengerTime;
    bool demanded = challenge.demandKind != DemandKind.None;
    return challenge.movedAt + (demanded ? challenge.operatorLeft : challenge.challengerLeft);
}

/// @dev What has to be answered.
function demandOf(Challenge storage challenge) view returns (Demand memory) {
    return Demand({
        kind: challenge.demandKind,
        level: challenge.demandLevel,
        slot: challenge.demandSlot,
        index: challenge.demandIndex,
        size: challenge.demandSize,
        above: challenge.demandAbove
    });
}

/// @dev Stores what has to be answered.
function setDemand(Challenge storage challenge, Position memory position, uint32 size, uint8 above) {
    challenge.demandKind = position.kind;
    challenge.demandLevel = position.level;
    challenge.demandSlot = position.slot;
    challenge.demandIndex = position.index;
    challenge.demandSize = size;
    challenge.demandAbove = above;
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

/// @notice What an operator answers.
/// @param proof one, the receipt and its path in the batch; may be left out for what is below a trace root that was
/// revealed on this batch before
/// @param data Receipt: nothing; Request: abi.encode(Request); nodes: 32 bytes for each real one; chunks: the bytes of
/// the tensor in this run, without padding
/// @param path from the demanded node (the top of the run) to the root of its tensor, then to the root of the trace or
/// of the inputs
struct Answer {
    ReceiptProof[] proof;
    bytes data;
    bytes32[] path;
}

/// @notice One item of `Disputes.revealMany`.
struct Reply {
    BatchHeader header;
    address challenger;
    Opening opening;
    Answer answer;
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
