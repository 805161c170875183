// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader} from "../types/Batch.sol";
import {
    Answer,
    Challenge,
    ChallengeKey,
    ChallengeStatus,
    FaultKind,
    Opening,
    ReceiptProof,
    Reply,
    Turn
} from "../types/Challenge.sol";
import {Position, TensorWitness} from "../types/Demand.sol";
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
    /// @notice A demand is open: the operator has to move.
    error Disputes_OperatorsTurn(ChallengeId id);
    /// @notice Nothing is demanded of the operator.
    error Disputes_NotDemanded(ChallengeId id);
    error Disputes_NoDemandsLeft(ChallengeId id);
    /// @notice It was revealed on this batch: the data is in a `Revealed` event.
    error Disputes_AlreadyRevealed(BatchId batchId, uint32 leafIndex, Position position);
    /// @notice Receipt and Request have no slot, level, index or witness.
    error Disputes_BadPosition(Position position);
    /// @notice The answer brings more than one receipt, or one of another leaf.
    error Disputes_WrongLeaf(BatchId batchId, uint32 leafIndex);
    /// @notice The answer has to bring the receipt: it was not revealed on this batch, or does not suffice.
    error Disputes_ReceiptMissing(BatchId batchId, uint32 leafIndex);
    /// @notice None of the replies was good; the first one's reason is in `reason`.
    error Disputes_NothingRevealed(bytes reason);
    error Disputes_OnlySelf(address caller);
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
    event Demanded(
        ChallengeId indexed id,
        BatchId indexed batchId,
        uint32 leafIndex,
        Position position,
        uint16 entryIndex,
        uint8 operand
    );
    event Revealed(ChallengeId indexed id, BatchId indexed batchId, uint32 leafIndex, Position position, Answer answer);
    event RevealSkipped(uint256 item, bytes reason);
    /// @notice The operator did not answer in time: the batch is faulty.
    event OperatorTimedOut(BatchId indexed batchId, ChallengeId indexed id);
    event ChallengeLost(ChallengeId indexed id, uint256 paid, uint256 burned);
    event ChallengeClosed(ChallengeId indexed id);

    /// @notice Opens a challenge against a batch in its window; takes the bond of its set from the caller's balance.
    /// @param seal keccak256(abi.encode(challenger, leafIndex, salt)): nobody learns the place before the first move
    function challenge(BatchHeader calldata header, bytes32 seal) external returns (ChallengeId id);

    /// @notice Opens the seal without a proof, in a later block, so that the place is held against copies. Once opened, it
    /// can be called again for a place whose holder lost it: do so before sending a proof.
    function open(BatchHeader calldata header, Opening calldata opening) external;

    /// @notice Demands what stands at a position below the leaf; the first move opens the seal. The operator's clock runs.
    /// @dev Only what exists can be demanded, and once on a batch.
    /// @param witness shows the size of the tensor; empty for Receipt, Request and TraceNodes
    function demand(
        BatchHeader calldata header,
        Opening calldata opening,
        Position calldata position,
        TensorWitness calldata witness
    ) external;

    /// @notice Answers a demand. Anyone may bring the answer: it is checked against the batch root.
    function reveal(BatchHeader calldata header, address challenger, Opening calldata opening, Answer calldata answer)
        external;

    /// @notice Answers several demands; one bad item does not stop the others, reverts if none was good.
    function revealMany(Reply[] calldata replies) external returns (uint256 revealed);

    /// @notice Shows a fault of the sealed leaf: the batch becomes Faulty, its lock is slashed. Challenger only: the
    /// challenge is the caller's one whose seal `proof.leafIndex` and `salt` open. Anything but a fault reverts.
    /// @dev The reward goes to the opened challenge on that leaf that was sealed first, if it is alive and was sealed
    /// less than challengerTime ago, otherwise to this one. The winner's bond returns with its reward, by
    /// `Settlement.settle`; if that is another one, this one's returns by `close`.
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
    /// @dev A silent operator: the batch is faulty and the reward is this challenge's. A silent challenger: of its bond
    /// half * answers / maxDemands goes to the operator, the rest burns.
    function timeout(BatchHeader calldata header, ChallengeKey calldata key) external;

    /// @notice Ends a challenge whose batch was decided by another, or whose verifier's quarantine was confirmed: the bond
    /// returns, unless its time was over before the verdict. Also returns the bond of a winner whose batch was refunded.
    /// Anyone.
    function close(BatchHeader calldata header, ChallengeKey calldata key) external;

    function challengeOf(ChallengeId id) external view returns (Challenge memory);

    /// @notice Whose turn it is, and the first second at which it is out of time.
    function clockOf(BatchHeader calldata header, ChallengeKey calldata key)
        external
        view
        returns (Turn turn, uint40 deadline);

    /// @notice The opened challenge on a leaf that was sealed first; zero if none.
    function firstOn(BatchId batchId, uint32 leafIndex) external view returns (ChallengeId);

    /// @notice Whether it was revealed on this batch.
    function isRevealed(BatchId batchId, uint32 leafIndex, Position calldata position) external view returns (bool);

    function challengeIdOf(BatchHeader calldata header, ChallengeKey calldata key) external view returns (ChallengeId);
}
