// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader} from "../types/Batch.sol";
import {Challenge, ChallengeKey, ChallengeStatus, FaultKind, Opening, ReceiptProof, Turn} from "../types/Challenge.sol";
import {BatchId, ChallengeId} from "../types/Ids.sol";

/// @title IDisputes
/// @notice Challenges of committed receipts, and the verdicts on them.
/// @dev INVARIANT: a verdict rests only on what the operator committed, what the model registered, and what this
/// contract recomputes. INVARIANT: every state has exactly one legal outcome when a clock has run out.
interface IDisputes {
    error Disputes_Exists(ChallengeId id);
    /// @notice No such challenge: other batch, challenger or seal, or an opening that does not open the caller's seal.
    error Disputes_Unknown(ChallengeId id);
    error Disputes_WrongStatus(ChallengeId id, ChallengeStatus status);
    error Disputes_ZeroSeal();
    error Disputes_NoLeaf(uint32 leafIndex, uint32 count);
    /// @notice The first move comes in a later block than the seal.
    error Disputes_SameBlock(ChallengeId id);
    /// @notice Another challenge, sealed earlier, holds this leaf.
    error Disputes_PlaceHeld(ChallengeId id, ChallengeId holder);
    error Disputes_OutOfTime(ChallengeId id, uint40 deadline);
    error Disputes_NotOutOfTime(ChallengeId id, uint40 deadline);
    /// @notice The receipt is not the opened leaf of this batch.
    error Disputes_NotInBatch(BatchId batchId, bytes32 leaf, uint32 leafIndex);
    error Disputes_NoFault(FaultKind kind);
    /// @notice The request is not the preimage of the receipt's request id.
    error Disputes_WrongRequest(bytes32 expected, bytes32 actual);
    error Disputes_WrongClaims(bytes32 expected, bytes32 actual);
    /// @notice The evidence has not the form its kind asks for.
    error Disputes_BadEvidence(FaultKind kind);
    error Disputes_BatchUndecided(ChallengeId id);

    event ChallengeOpened(
        ChallengeId indexed id, BatchId indexed batchId, address indexed challenger, bytes32 seal, uint24 ordinal
    );
    event SealOpened(ChallengeId indexed id, uint32 leafIndex, bytes32 salt);
    /// @notice The batch is faulty. `id` showed it; the reward is the one of `winner`, mostly the same.
    event FaultProven(
        BatchId indexed batchId,
        ChallengeId indexed id,
        ChallengeId indexed winner,
        uint32 leafIndex,
        FaultKind kind,
        uint256 slot,
        uint256 element
    );
    event ChallengeLost(ChallengeId indexed id, uint256 burned);
    event ChallengeClosed(ChallengeId indexed id);

    /// @notice Opens a challenge against a batch in its window; takes the bond of its set from the caller's balance.
    /// @param seal keccak256(abi.encode(challenger, leafIndex, salt)): nobody learns the place before the first move
    function challenge(BatchHeader calldata header, bytes32 seal) external returns (ChallengeId id);

    /// @notice Opens the seal without a proof, in a later block, so that the place is held against copies. Once opened, it
    /// can be called again for a place whose holder lost it: do so before sending a proof.
    function open(BatchHeader calldata header, Opening calldata opening) external;

    /// @notice Shows a fault of the sealed leaf: the batch becomes Faulty, its lock is slashed. Challenger only: the
    /// challenge is the caller's one whose seal `proof.leafIndex` and `salt` open. Anything but a fault reverts.
    /// @dev The reward goes to the opened challenge on that leaf that was sealed first, if it is alive and was sealed
    /// less than challengerTime ago, otherwise to this one. Both get their bond back.
    /// @param salt of the seal
    /// @param proof the receipt and its path
    /// @param kind what is shown
    /// @param evidence as `FaultKind` says
    function prove(
        BatchHeader calldata header,
        bytes32 salt,
        ReceiptProof calldata proof,
        FaultKind kind,
        bytes calldata evidence
    ) external;

    /// @notice Ends a challenge whose clock ran out: whoever's turn it is loses. Anyone.
    function timeout(BatchHeader calldata header, ChallengeKey calldata key) external;

    /// @notice Ends a challenge whose batch was decided by another: the bond returns, unless its time was over before the
    /// verdict. Anyone.
    function close(BatchHeader calldata header, ChallengeKey calldata key) external;

    function challengeOf(ChallengeId id) external view returns (Challenge memory);

    /// @notice Whose turn it is, and the first second at which it is out of time.
    function clockOf(BatchHeader calldata header, ChallengeKey calldata key)
        external
        view
        returns (Turn turn, uint40 deadline);

    /// @notice The opened challenge on a leaf that was sealed first; zero if none.
    function firstOn(BatchId batchId, uint32 leafIndex) external view returns (ChallengeId);

    function challengeIdOf(BatchHeader calldata header, ChallengeKey calldata key) external view returns (ChallengeId);
}
