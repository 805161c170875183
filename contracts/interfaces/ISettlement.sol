// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader, BatchState, BatchStatus, Claim, VoucherSignature} from "../types/Batch.sol";
import {ChallengeKey, ReceiptProof} from "../types/Challenge.sol";
import {BatchId, ChallengeId, ModelId} from "../types/Ids.sol";
import {Receipt} from "../types/Messages.sol";

/// @notice What a consumer is told about one inference.
enum InferenceStatus {
    Unknown,
    Pending,
    Challenged,
    Final,
    FinalAndPublished,
    Void
}

/// @notice What a consumer relies on. A zero modelId or inputRoot is not compared.
/// @param modelId the model that must have run
/// @param inputRoot what must have gone in
/// @param minStake least collateral behind it
/// @param published whether it must have been published; false only for who holds the data itself
struct Expected {
    ModelId modelId;
    bytes32 inputRoot;
    uint128 minStake;
    bool published;
}

/// @title ISettlement
/// @notice Batches of receipts: commit, finality, fee split, refunds, publication, and what a consumer may rely on.
/// @dev Who acts on a batch passes its header; its hash is the key. Holds no tokens: the money is in Escrow.
interface ISettlement {
    error Settlement_NotOperator(address operator, address caller);
    error Settlement_OnlyDisputes(address caller);
    error Settlement_EmptyBatch();
    error Settlement_TooManyReceipts(uint32 count, uint32 most);
    error Settlement_StakeTooSmall(uint128 stake, uint96 least);
    error Settlement_InputTooLarge(uint256 inputBytes, uint24 most);
    /// @notice The model's deepest step, or its input, needs more demands than a challenge has.
    error Settlement_ModelTooDeep(uint256 needed, uint16 maxDemands);
    error Settlement_ClaimsMismatch(bytes32 claimsHash);
    /// @notice Lengths differ, or the receipts do not add up to the batch's.
    error Settlement_BadClaims(uint256 receipts, uint32 count);
    error Settlement_TooManyClaims(uint256 claims, uint256 most);
    error Settlement_AlreadyCommitted(BatchId id);
    error Settlement_WrongStatus(BatchId id, BatchStatus status);
    error Settlement_WindowClosed(BatchId id, uint40 closedAt);
    error Settlement_WindowOpen(BatchId id, uint40 closesAt);
    /// @notice The model's verifier is under quarantine.
    error Settlement_VerifierStopped(BatchId id);
    /// @notice No quarantine of the model's verifier was confirmed.
    error Settlement_NotConfirmed(BatchId id);
    error Settlement_Challenged(BatchId id, uint24 openChallenges);
    /// @notice None of the items could become final; the first one's reason is in `reason`.
    error Settlement_NothingFinalized(bytes reason);
    error Settlement_PotClosed(BatchId id, uint40 opensAt);
    /// @notice This challenge did not win the batch.
    error Settlement_NotWinner(BatchId id, ChallengeId challenge);
    error Settlement_NotInBatch(BatchId id, bytes32 leaf, uint32 leafIndex);
    error Settlement_NotPublished(BatchId id, uint32 leafIndex);
    error Settlement_CommittedBeforeServed(BatchId id, uint40 servedAt, uint40 committedAt);
    error Settlement_UnexpectedModel(ModelId expected, ModelId actual);
    error Settlement_UnexpectedInput(bytes32 expected, bytes32 actual);
    error Settlement_CollateralTooSmall(uint128 expected, uint128 actual);
    error Settlement_AlreadyPublished(BatchId id, uint32 leafIndex);
    error Settlement_PublicationClosed(BatchId id, uint40 closedAt);
    error Settlement_WrongInput(bytes32 expected, bytes32 actual);
    /// @notice The model has another number of inputs, or they have another size together.
    error Settlement_WrongInputSize(uint256 inputs, uint256 inputBytes);
    error Settlement_NothingToDistribute(ModelId modelId);

    event BatchCommitted(
        BatchId indexed id, address indexed operator, ModelId indexed modelId, BatchHeader header, Claim[] claims
    );
    event BatchFinal(
        BatchId indexed id, address indexed operator, uint256 operatorFee, uint256 royalty, uint256 protocolFee
    );
    /// @notice An item of `finalize` was passed over; `reason` is an encoded error of this interface.
    event FinalizeSkipped(BatchId indexed id, bytes reason);
    event BatchRefunded(BatchId indexed id, uint256 refunded);
    event BatchSettled(BatchId indexed id, uint256 refunded, uint256 restitution, uint256 reward, uint256 burned);
    event ReceiptPublished(
        BatchId indexed id, uint32 indexed leafIndex, Receipt receipt, bytes32[] path, bytes[] inputs
    );
    event RoyaltiesDistributed(ModelId indexed modelId, uint256 amount);

    /// @notice Commits a batch of the caller: locks stake, draws fees, opens the challenge window.
    /// @param header the batch; `paramSet` in force, `sequence` the operator's next
    /// @param claims who pays for the leaves, in leaf order, adding up to `count`
    /// @param vouchers one for each claim; the voucher covers what was drawn and `fee * receipts`
    function commit(BatchHeader calldata header, Claim[] calldata claims, VoucherSignature[] calldata vouchers)
        external
        returns (BatchId id);

    /// @notice Makes batches final whose window is over without an open challenge, and pays. Anyone.
    /// @dev One bad item does not stop the others (event FinalizeSkipped); reverts if none could become final.
    function finalize(BatchHeader[] calldata headers) external returns (uint256 finalized);

    /// @notice Distributes a faulty batch, once, earningDelay after the verdict: refunds, restitution, reward, burn.
    /// Anyone.
    /// @param winner names the challenge that won it (IDisputes.FaultProven)
    function settle(BatchHeader calldata header, Claim[] calldata claims, ChallengeKey calldata winner) external;

    /// @notice After a confirmed quarantine of the verifier: fees go back, the lock leaves, a pot returns. Anyone.
    function refund(BatchHeader calldata header, Claim[] calldata claims) external;

    /// @notice Publishes a receipt and its input, in the first half of the window, so that anyone can check it.
    /// @param inputs the bytes of each input tensor, as many as the model has
    /// @dev Chunks are filled with zero bytes, so a root does not say where the bytes of one of several inputs end: who
    /// reads the event cuts by the model's sizes.
    function publish(BatchHeader calldata header, ReceiptProof calldata proof, bytes[] calldata inputs) external;

    /// @notice Moves a model's royalties on: to each parent's account its share, the rest (and dust) to the receiver.
    function distribute(ModelId modelId) external returns (uint256 amount);

    /// @notice Registers that a challenge was opened. Disputes only.
    /// @param time by the verifier's clock
    /// @return ordinal its number among the challenges of the batch, from 1
    function challengeOpened(BatchId id, uint40 time) external returns (uint24 ordinal);

    /// @notice Registers that a challenge ended without a fault. Disputes only.
    function challengeEnded(BatchId id) external;

    /// @notice Ends a batch as faulty. Disputes only; Pending batches only.
    function convicted(BatchId id, uint40 time) external;

    /// @notice Status of one inference. A proof that cannot be one (index beyond count, path of another length) reverts.
    /// @return status what a consumer is told
    /// @return until while Pending or Challenged: end of the window in block time if no quarantine comes, otherwise 0
    function statusOf(BatchHeader calldata header, ReceiptProof calldata proof)
        external
        view
        returns (InferenceStatus status, uint40 until);

    /// @notice Reverts unless the inference is final and as expected. The line before acting on an answer.
    function requireFinal(BatchHeader calldata header, ReceiptProof calldata proof, Expected calldata expected)
        external
        view;

    function batchOf(BatchId id) external view returns (BatchState memory);
    function isPublished(BatchId id, uint32 leafIndex) external view returns (bool);

    /// @notice The id of a header.
    function batchIdOf(BatchHeader calldata header) external view returns (BatchId);

    /// @notice EIP-712 digest of a struct hash of the messages.
    function digestOf(bytes32 structHash) external view returns (bytes32);

    function domainSeparator() external view returns (bytes32);
    function treasury() external view returns (address);
}
