// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Peered} from "./Peered.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IModels} from "./interfaces/IModels.sol";
import {IOperators} from "./interfaces/IOperators.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {Peers} from "./interfaces/IPeers.sol";
import {Expected, ISettlement, InferenceStatus} from "./interfaces/ISettlement.sol";
import {MerkleTree} from "./libraries/MerkleTree.sol";
import {BURNED, Payment, Redemption, accountOf, royaltyAccountOf} from "./types/Accounts.sol";
import {
    BatchHeader,
    BatchState,
    BatchStatus,
    Claim,
    VoucherSignature,
    hashClaims,
    hashHeader,
    lockOf
} from "./types/Batch.sol";
import {ChallengeKey, ChallengeStatus, ReceiptProof, challengeId} from "./types/Challenge.sol";
import {BatchId, ChallengeId, ModelId} from "./types/Ids.sol";
import {Voucher, hashReceipt, hashVoucher} from "./types/Messages.sol";
import {Parent} from "./types/Model.sol";
import {BPS, CommitTerms, DisputeTerms, PotTerms} from "./types/Params.sol";

/// @title Settlement
/// @notice See ISettlement.
contract Settlement is ISettlement, Peered, EIP712, ReentrancyGuardTransient {
    /// @notice Most claims of a batch, so that settling it always fits in a transaction.
    uint256 public constant MAX_CLAIMS = 256;
    /// @dev What one demand reveals of an input.
    uint256 private constant PAGE_BYTES = 8 * 1024;

    /// @inheritdoc ISettlement
    address public immutable treasury;
    IParameters private immutable PARAMETERS;
    IModels private immutable MODELS;
    IOperators private immutable OPERATORS;
    IEscrow private immutable ESCROW;
    IDisputes private immutable DISPUTES;

    mapping(BatchId id => BatchState) private _batches;
    mapping(BatchId id => mapping(uint256 word => uint256 bits)) private _published;

    constructor(Peers memory peers) Peered(peers) EIP712("Onus", "1") {
        if (peers.settlement != address(this)) revert Peers_BadWiring("settlement");
        treasury = peers.treasury;
        PARAMETERS = IParameters(peers.parameters);
        MODELS = IModels(peers.models);
        OPERATORS = IOperators(peers.operators);
        ESCROW = IEscrow(peers.escrow);
        DISPUTES = IDisputes(peers.disputes);
    }

    modifier onlyDisputes() {
        if (msg.sender != address(DISPUTES)) revert Settlement_OnlyDisputes(msg.sender);
        _;
    }

    /// @inheritdoc ISettlement
    function commit(BatchHeader calldata header, Claim[] calldata claims, VoucherSignature[] calldata vouchers)
        external
        nonReentrant
        returns (BatchId id)
    {
        // Check:
        if (msg.sender != header.operator) revert Settlement_NotOperator(header.operator, msg.sender);
        CommitTerms memory terms = PARAMETERS.commitTerms(header.paramSet);
        _checkSizes(header, terms);
        _checkClaims(header, claims);
        if (vouchers.length != claims.length) revert Settlement_BadClaims(vouchers.length, header.count);
        (uint256 window, uint40 frozen) = _windowOf(header.modelId, terms);
        id = batchIdOf(header);
        BatchState storage batch = _batches[id];
        if (batch.status != BatchStatus.Null) revert Settlement_AlreadyCommitted(id);
        // Effect:
        batch.status = BatchStatus.Pending;
        batch.committedAt = uint40(block.timestamp);
        batch.windowEndsAt = uint40(block.timestamp + window - frozen);
        batch.frozenAtCommit = frozen;
        emit BatchCommitted(id, header.operator, header.modelId, header, claims);
        // Interaction: peers only.
        OPERATORS.lock(header.operator, lockOf(header, terms.minBatchStake), terms.reserve, header.sequence);
        ESCROW.redeem(header.operator, _redemptionsOf(header, claims, vouchers));
    }

    /// @inheritdoc ISettlement
    function finalize(BatchHeader[] calldata headers) external nonReentrant returns (uint256 finalized) {
        bytes memory first;
        for (uint256 i = 0; i < headers.length; i++) {
            BatchHeader calldata header = headers[i];
            BatchId id = batchIdOf(header);
            (bytes memory reason, uint40 time, uint16 royaltyBps) = _finality(id, header.modelId);
            if (reason.length == 0) {
                _finalize(id, header, time, royaltyBps);
                finalized++;
            } else {
                if (first.length == 0) first = reason;
                emit FinalizeSkipped(id, reason);
            }
        }
        if (finalized == 0) revert Settlement_NothingFinalized(first);
    }

    /// @inheritdoc ISettlement
    function settle(BatchHeader calldata header, Claim[] calldata claims, ChallengeKey calldata winner)
        external
        nonReentrant
    {
        // Check:
        BatchId id = batchIdOf(header);
        BatchState storage batch = _batches[id];
        if (batch.status != BatchStatus.Faulty) revert Settlement_WrongStatus(id, batch.status);
        PotTerms memory terms = PARAMETERS.potTerms(header.paramSet);
        uint40 opensAt = batch.endedAt + terms.earningDelay;
        if (MODELS.timeOf(header.modelId) < opensAt) revert Settlement_PotClosed(id, opensAt);
        _checkClaimsHash(header, claims);
        ChallengeId challenge = challengeId(id, winner.challenger, winner.seal);
        if (DISPUTES.challengeOf(challenge).status != ChallengeStatus.Won) revert Settlement_NotWinner(id, challenge);

        // Effect:
        batch.status = BatchStatus.Settled;
        uint256 penalty = lockOf(header, terms.minBatchStake);
        uint256 reward = penalty * terms.rewardBps / BPS;
        (Payment[] memory payments, uint256 restitution) =
            _refundsOf(header, claims, penalty * terms.restitutionBps / BPS);
        uint256 burned = penalty - reward - restitution;
        payments[claims.length] = Payment({account: accountOf(winner.challenger), amount: reward + terms.challengeBond});
        payments[claims.length + 1] = Payment({account: BURNED, amount: burned});
        emit BatchSettled(id, uint256(header.fee) * header.count, restitution, reward, burned);
        // Interaction: peers only.
        OPERATORS.payPenalty(penalty);
        ESCROW.credit(payments);
    }

    /// @inheritdoc ISettlement
    function refund(BatchHeader calldata header, Claim[] calldata claims) external nonReentrant {
        // Check:
        BatchId id = batchIdOf(header);
        BatchState storage batch = _batches[id];
        BatchStatus status = batch.status;
        if (status != BatchStatus.Pending && status != BatchStatus.Faulty) revert Settlement_WrongStatus(id, status);
        (uint40 time,, bool confirmed) = MODELS.clockOf(header.modelId);
        if (!confirmed) revert Settlement_NotConfirmed(id);
        _checkClaimsHash(header, claims);
        // Effect:
        batch.status = BatchStatus.Refunded;
        batch.endedAt = time;
        (Payment[] memory payments,) = _refundsOf(header, claims, 0);
        emit BatchRefunded(id, uint256(header.fee) * header.count);
        // Interaction: peers only.
        DisputeTerms memory terms = PARAMETERS.disputeTerms(header.paramSet);
        uint256 locked = lockOf(header, terms.minBatchStake);
        if (status == BatchStatus.Pending) OPERATORS.unlock(header.operator, locked);
        else OPERATORS.restore(header.operator, locked, terms.faultsToBan);
        ESCROW.credit(payments);
    }

    /// @inheritdoc ISettlement
    function publish(BatchHeader calldata header, ReceiptProof calldata proof, bytes[] calldata inputs)
        external
        nonReentrant
    {
        // Check:
        BatchId id = batchIdOf(header);
        BatchState storage batch = _pending(id);
        // Data that comes later could not be checked and challenged in time.
        uint40 opensAt = batch.committedAt - batch.frozenAtCommit;
        uint40 closesAt = opensAt + (batch.windowEndsAt - opensAt) / 2;
        if (MODELS.timeOf(header.modelId) >= closesAt) revert Settlement_PublicationClosed(id, closesAt);
        _checkInBatch(id, header, proof);
        if (isPublished(id, proof.leafIndex)) revert Settlement_AlreadyPublished(id, proof.leafIndex);
        _checkInputSize(header.modelId, inputs);
        bytes32 inputRoot = _inputRootOf(inputs);
        if (inputRoot != proof.receipt.inputRoot) revert Settlement_WrongInput(proof.receipt.inputRoot, inputRoot);
        // Effect:
        _published[id][proof.leafIndex >> 8] |= 1 << (proof.leafIndex & 0xff);
        emit ReceiptPublished(id, proof.leafIndex, proof.receipt, proof.path, inputs);
    }

    /// @inheritdoc ISettlement
    function distribute(ModelId modelId) external nonReentrant returns (uint256 amount) {
        // Check:
        amount = ESCROW.balanceOf(royaltyAccountOf(modelId));
        if (amount == 0) revert Settlement_NothingToDistribute(modelId);
        (address receiver, Parent[] memory parents) = MODELS.lineageOf(modelId);
        // Effect: shares rounded down, the rest to the receiver.
        Payment[] memory payments = new Payment[](parents.length + 1);
        uint256 rest = amount;
        for (uint256 i = 0; i < parents.length; i++) {
            uint256 share = amount * parents[i].shareBps / BPS;
            rest -= share;
            payments[i] = Payment({account: royaltyAccountOf(parents[i].modelId), amount: share});
        }
        payments[parents.length] = Payment({account: accountOf(receiver), amount: rest});
        emit RoyaltiesDistributed(modelId, amount);
        // Interaction: peers only.
        ESCROW.distribute(royaltyAccountOf(modelId), payments);
    }

    /// @inheritdoc ISettlement
    function challengeOpened(BatchId id, uint40 time) external onlyDisputes returns (uint24 ordinal) {
        BatchState storage batch = _pending(id);
        if (time >= batch.windowEndsAt) revert Settlement_WindowClosed(id, batch.windowEndsAt);
        ordinal = batch.challenges + 1;
        batch.challenges = ordinal;
        batch.openChallenges++;
    }

    /// @inheritdoc ISettlement
    function challengeEnded(BatchId id) external onlyDisputes {
        _pending(id).openChallenges--;
    }

    /// @inheritdoc ISettlement
    function convicted(BatchId id, uint40 time) external onlyDisputes {
        BatchState storage batch = _pending(id);
        batch.status = BatchStatus.Faulty;
        batch.endedAt = time;
    }

    /// @inheritdoc ISettlement
    function statusOf(BatchHeader calldata header, ReceiptProof calldata proof)
        external
        view
        returns (InferenceStatus status, uint40 until)
    {
        BatchId id = batchIdOf(header);
        BatchState storage batch = _batches[id];
        BatchStatus stored = batch.status;
        if (stored == BatchStatus.Null || !_isInBatch(header, proof)) return (InferenceStatus.Unknown, 0);
        if (stored == BatchStatus.Final) {
            return (isPublished(id, proof.leafIndex) ? InferenceStatus.FinalAndPublished : InferenceStatus.Final, 0);
        }
        if (stored != BatchStatus.Pending) return (InferenceStatus.Void, 0);
        status = batch.openChallenges == 0 ? InferenceStatus.Pending : InferenceStatus.Challenged;
        (uint40 time,,) = MODELS.clockOf(header.modelId);
        return (status, batch.windowEndsAt + uint40(block.timestamp) - time);
    }

    /// @inheritdoc ISettlement
    function requireFinal(BatchHeader calldata header, ReceiptProof calldata proof, Expected calldata expected)
        external
        view
    {
        BatchId id = batchIdOf(header);
        BatchState storage batch = _batches[id];
        if (batch.status != BatchStatus.Final) {
            revert Settlement_WrongStatus(id, batch.status);
        }
        _checkInBatch(id, header, proof);
        if (batch.committedAt < proof.receipt.servedAt) {
            revert Settlement_CommittedBeforeServed(id, proof.receipt.servedAt, batch.committedAt);
        }
        // A leaf that differs from its header is a fault, even if nobody showed it: the header is what was secured.
        if (proof.receipt.modelId != header.modelId) {
            revert Settlement_UnexpectedModel(header.modelId, proof.receipt.modelId);
        }
        if (ModelId.unwrap(expected.modelId) != 0 && expected.modelId != header.modelId) {
            revert Settlement_UnexpectedModel(expected.modelId, header.modelId);
        }
        if (expected.inputRoot != 0 && expected.inputRoot != proof.receipt.inputRoot) {
            revert Settlement_UnexpectedInput(expected.inputRoot, proof.receipt.inputRoot);
        }
        if (header.stake < expected.minStake) {
            revert Settlement_CollateralTooSmall(expected.minStake, header.stake);
        }
        if (expected.published && !isPublished(id, proof.leafIndex)) {
            revert Settlement_NotPublished(id, proof.leafIndex);
        }
    }

    /// @inheritdoc ISettlement
    function batchOf(BatchId id) external view returns (BatchState memory) {
        return _batches[id];
    }

    /// @inheritdoc ISettlement
    function digestOf(bytes32 structHash) external view returns (bytes32) {
        return _hashTypedDataV4(structHash);
    }

    /// @inheritdoc ISettlement
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @inheritdoc ISettlement
    function isPublished(BatchId id, uint32 leafIndex) public view returns (bool) {
        return _published[id][leafIndex >> 8] & (1 << (leafIndex & 0xff)) != 0;
    }

    /// @inheritdoc ISettlement
    function batchIdOf(BatchHeader calldata header) public view returns (BatchId) {
        return hashHeader(header, address(this));
    }

    function _finalize(BatchId id, BatchHeader calldata header, uint40 time, uint16 royaltyBps) private {
        // Effect:
        BatchState storage batch = _batches[id];
        batch.status = BatchStatus.Final;
        batch.endedAt = time;
        (uint16 protocolFeeBps, uint96 minBatchStake) = PARAMETERS.feeTerms(header.paramSet);
        uint256 fees = uint256(header.fee) * header.count;
        // Shares rounded down, the rest to the operator.
        uint256 protocolFee = fees * protocolFeeBps / BPS;
        uint256 royalty = fees * royaltyBps / BPS;
        uint256 operatorFee = fees - protocolFee - royalty;
        emit BatchFinal(id, header.operator, operatorFee, royalty, protocolFee);
        // Interaction: peers only.
        Payment[] memory payments = new Payment[](3);
        payments[0] = Payment({account: accountOf(header.operator), amount: operatorFee});
        payments[1] = Payment({account: royaltyAccountOf(header.modelId), amount: royalty});
        payments[2] = Payment({account: accountOf(treasury), amount: protocolFee});
        ESCROW.credit(payments);
        OPERATORS.unlock(header.operator, lockOf(header, minBatchStake));
    }

    function _checkSizes(BatchHeader calldata header, CommitTerms memory terms) private pure {
        if (header.count == 0) revert Settlement_EmptyBatch();
        if (header.count > terms.maxBatchCount) revert Settlement_TooManyReceipts(header.count, terms.maxBatchCount);
        if (header.stake < terms.minStakePerInference) {
            revert Settlement_StakeTooSmall(header.stake, terms.minStakePerInference);
        }
    }

    function _checkClaims(BatchHeader calldata header, Claim[] calldata claims) private pure {
        if (claims.length > MAX_CLAIMS) revert Settlement_TooManyClaims(claims.length, MAX_CLAIMS);
        _checkClaimsHash(header, claims);
        uint256 receipts = 0;
        for (uint256 i = 0; i < claims.length; i++) {
            receipts += claims[i].receipts;
        }
        if (receipts != header.count) revert Settlement_BadClaims(receipts, header.count);
    }

    function _checkClaimsHash(BatchHeader calldata header, Claim[] calldata claims) private pure {
        bytes32 claimsHash = hashClaims(claims);
        if (claimsHash != header.claimsHash) revert Settlement_ClaimsMismatch(claimsHash);
    }

    /// @dev The model's window, clamped; reverts if a dispute about the model would not fit the set.
    function _windowOf(ModelId modelId, CommitTerms memory terms) private view returns (uint256 window, uint40 frozen) {
        uint256 depthBudget;
        uint256 inputPages;
        (window, depthBudget, inputPages, frozen) = MODELS.commitInfo(modelId);
        if (inputPages * PAGE_BYTES > terms.maxInputBytes) {
            revert Settlement_InputTooLarge(inputPages * PAGE_BYTES, terms.maxInputBytes);
        }
        uint256 demands = depthBudget + inputPages;
        if (demands > terms.maxDemands) revert Settlement_ModelTooDeep(demands, terms.maxDemands);
        if (window < terms.minChallengeWindow) window = terms.minChallengeWindow;
        if (window > terms.maxChallengeWindow) window = terms.maxChallengeWindow;
    }

    /// @dev Fees and restitution of each payer, with room for two payments more.
    function _refundsOf(BatchHeader calldata header, Claim[] calldata claims, uint256 pool)
        private
        pure
        returns (Payment[] memory payments, uint256 restitution)
    {
        payments = new Payment[](claims.length + 2);
        for (uint256 i = 0; i < claims.length; i++) {
            uint256 receipts = claims[i].receipts;
            // Rounded down: what does not divide is burned.
            uint256 share = pool * receipts / header.count;
            restitution += share;
            payments[i] = Payment({account: accountOf(claims[i].payer), amount: header.fee * receipts + share});
        }
    }

    function _redemptionsOf(BatchHeader calldata header, Claim[] calldata claims, VoucherSignature[] calldata vouchers)
        private
        view
        returns (Redemption[] memory redemptions)
    {
        redemptions = new Redemption[](claims.length);
        for (uint256 i = 0; i < claims.length; i++) {
            address payer = claims[i].payer;
            uint128 cumulative = vouchers[i].cumulative;
            bytes32 digest = _hashTypedDataV4(
                hashVoucher(Voucher({payer: payer, operator: header.operator, cumulative: cumulative}))
            );
            // A signature that recovers to nobody gives zero, which Escrow refuses.
            (address signer,,) = ECDSA.tryRecoverCalldata(digest, vouchers[i].signature);
            redemptions[i] = Redemption({
                payer: payer, signer: signer, cumulative: cumulative, amount: uint256(header.fee) * claims[i].receipts
            });
        }
    }

    /// @dev The encoded error of what stands in the way of finality, empty if nothing does.
    function _finality(BatchId id, ModelId modelId)
        private
        view
        returns (bytes memory reason, uint40 time, uint16 royaltyBps)
    {
        BatchState memory batch = _batches[id];
        if (batch.status != BatchStatus.Pending) {
            reason = abi.encodeWithSelector(Settlement_WrongStatus.selector, id, batch.status);
            return (reason, 0, 0);
        }
        bool stopped;
        (time, stopped, royaltyBps) = MODELS.finalityInfo(modelId);
        if (stopped) {
            reason = abi.encodeWithSelector(Settlement_VerifierStopped.selector, id);
        } else if (time < batch.windowEndsAt) {
            reason = abi.encodeWithSelector(Settlement_WindowOpen.selector, id, batch.windowEndsAt);
        } else if (batch.openChallenges != 0) {
            reason = abi.encodeWithSelector(Settlement_Challenged.selector, id, batch.openChallenges);
        }
    }

    function _pending(BatchId id) private view returns (BatchState storage batch) {
        batch = _batches[id];
        if (batch.status != BatchStatus.Pending) revert Settlement_WrongStatus(id, batch.status);
    }

    function _checkInBatch(BatchId id, BatchHeader calldata header, ReceiptProof calldata proof) private pure {
        if (!_isInBatch(header, proof)) {
            revert Settlement_NotInBatch(id, hashReceipt(proof.receipt), proof.leafIndex);
        }
    }

    function _isInBatch(BatchHeader calldata header, ReceiptProof calldata proof) private pure returns (bool) {
        bytes32 leaf = hashReceipt(proof.receipt);
        return MerkleTree.rootOf(leaf, proof.leafIndex, header.count, proof.path) == header.root;
    }

    function _checkInputSize(ModelId modelId, bytes[] calldata inputs) private view {
        (uint256 count, uint256 size) = MODELS.inputInfo(modelId);
        uint256 given = 0;
        for (uint256 i = 0; i < inputs.length; i++) {
            given += inputs[i].length;
        }
        if (inputs.length != count || given != size) revert Settlement_WrongInputSize(inputs.length, given);
    }

    function _inputRootOf(bytes[] calldata inputs) private pure returns (bytes32) {
        bytes32[] memory roots = new bytes32[](inputs.length);
        for (uint256 i = 0; i < inputs.length; i++) {
            roots[i] = MerkleTree.chunkRoot(inputs[i]);
        }
        return MerkleTree.rootOfAll(roots);
    }
}
