// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Peered} from "./Peered.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IModels} from "./interfaces/IModels.sol";
import {IOmissions} from "./interfaces/IOmissions.sol";
import {IOperators} from "./interfaces/IOperators.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {Peers} from "./interfaces/IPeers.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {MerkleTree} from "./libraries/MerkleTree.sol";
import {BURNED, Payment, accountOf} from "./types/Accounts.sol";
import {BatchHeader, BatchState, BatchStatus, hashHeader} from "./types/Batch.sol";
import {ReceiptProof} from "./types/Challenge.sol";
import {BatchId} from "./types/Ids.sol";
import {Receipt, hashReceipt} from "./types/Messages.sol";
import {Omission, OmissionStatus} from "./types/Omission.sol";
import {Params} from "./types/Params.sol";

/// @title Omissions
/// @notice See IOmissions.
contract Omissions is IOmissions, Peered, ReentrancyGuardTransient {
    IParameters private immutable PARAMETERS;
    IModels private immutable MODELS;
    IOperators private immutable OPERATORS;
    IEscrow private immutable ESCROW;
    ISettlement private immutable SETTLEMENT;

    mapping(bytes32 receiptHash => Omission) private _omissions;

    constructor(Peers memory peers) Peered(peers) {
        if (peers.omissions != address(this)) revert Peers_BadWiring("omissions");
        PARAMETERS = IParameters(peers.parameters);
        MODELS = IModels(peers.models);
        OPERATORS = IOperators(peers.operators);
        ESCROW = IEscrow(peers.escrow);
        SETTLEMENT = ISettlement(peers.settlement);
    }

    /// @inheritdoc IOmissions
    function claim(Receipt calldata receipt, bytes calldata signature, uint32 set) external nonReentrant {
        // Check:
        if (msg.sender != receipt.payer) revert Omissions_NotPayer(receipt.payer, msg.sender);
        bytes32 hash = hashReceipt(receipt);
        Omission storage omission = _omissions[hash];
        if (omission.status != OmissionStatus.Null) revert Omissions_WrongStatus(hash, omission.status);
        PARAMETERS.requireNewestAt(set, receipt.servedAt);
        Params memory params = PARAMETERS.paramsOf(set);
        _checkTimes(receipt, params);
        address expected = OPERATORS.signerAt(receipt.operator, receipt.servedAt);
        (address signer,,) = ECDSA.tryRecoverCalldata(SETTLEMENT.digestOf(hash), signature);
        if (signer == address(0) || signer != expected) revert Omissions_WrongSigner(expected, signer);
        if (
            PARAMETERS.wereCommitmentsClosed(receipt.servedAt, receipt.commitBy)
                || MODELS.wasStopped(receipt.modelId, receipt.servedAt, receipt.commitBy)
        ) revert Omissions_CommitsWereClosed(hash);
        // Effect:
        omission.status = OmissionStatus.Claimed;
        omission.set = set;
        omission.deadline = uint40(block.timestamp) + params.operatorTime;
        emit OmissionClaimed(hash, receipt.operator, receipt.payer, receipt, set);
        // Interaction: peers only.
        ESCROW.hold(msg.sender, params.omissionBond);
    }

    /// @inheritdoc IOmissions
    function answer(Receipt calldata receipt, BatchHeader calldata header, ReceiptProof calldata proof)
        external
        nonReentrant
    {
        // Check:
        (bytes32 hash, Omission storage omission) = _claimed(receipt);
        if (block.timestamp >= omission.deadline) revert Omissions_OutOfTime(hash, omission.deadline);
        _checkSame(hash, receipt, proof.receipt);
        BatchId batchId = hashHeader(header, address(SETTLEMENT));
        BatchState memory batch = SETTLEMENT.batchOf(batchId);
        if (
            batch.status == BatchStatus.Null || header.operator != receipt.operator
                || batch.committedAt < receipt.servedAt
        ) revert Omissions_WrongBatch(batchId);
        bytes32 leaf = hashReceipt(proof.receipt);
        if (MerkleTree.rootOf(leaf, proof.leafIndex, header.count, proof.path) != header.root) {
            revert Omissions_NotInBatch(batchId, leaf, proof.leafIndex);
        }
        // Effect:
        omission.status = OmissionStatus.Answered;
        uint256 bond = PARAMETERS.paramsOf(omission.set).omissionBond;
        uint256 paid = bond / 2;
        emit OmissionAnswered(hash, batchId, proof, paid);
        // Interaction: peers only.
        _credit(receipt.operator, paid, bond - paid);
    }

    /// @inheritdoc IOmissions
    function punish(Receipt calldata receipt) external nonReentrant {
        // Check:
        (bytes32 hash, Omission storage omission) = _claimed(receipt);
        if (block.timestamp < omission.deadline) revert Omissions_NotOutOfTime(hash, omission.deadline);
        // Effect:
        omission.status = OmissionStatus.Punished;
        // Interaction: peers only.
        uint256 penalty = OPERATORS.slashReserve(receipt.operator, receipt.stake);
        uint256 restitution = penalty / 2;
        emit OmissionPunished(hash, penalty, restitution);
        uint256 bond = PARAMETERS.paramsOf(omission.set).omissionBond;
        _credit(receipt.payer, bond + restitution, penalty - restitution);
    }

    /// @inheritdoc IOmissions
    function omissionOf(bytes32 receiptHash) external view returns (Omission memory) {
        return _omissions[receiptHash];
    }

    function _credit(address to, uint256 amount, uint256 burned) private {
        Payment[] memory payments = new Payment[](2);
        payments[0] = Payment({account: accountOf(to), amount: amount});
        payments[1] = Payment({account: BURNED, amount: burned});
        ESCROW.credit(payments);
    }

    function _claimed(Receipt calldata receipt) private view returns (bytes32 hash, Omission storage omission) {
        hash = hashReceipt(receipt);
        omission = _omissions[hash];
        if (omission.status != OmissionStatus.Claimed) revert Omissions_WrongStatus(hash, omission.status);
    }

    function _checkTimes(Receipt calldata receipt, Params memory params) private view {
        (uint40 servedAt, uint40 commitBy) = (receipt.servedAt, receipt.commitBy);
        if (commitBy < servedAt || commitBy - servedAt > params.maxCommitDelay) {
            revert Omissions_BadReceipt(servedAt, commitBy);
        }
        uint256 from = uint256(commitBy) + 1;
        uint256 until = uint256(commitBy) + params.omissionWindow;
        if (block.timestamp < from || block.timestamp >= until) revert Omissions_NotClaimable(from, until);
    }

    /// @dev The same inference: what may differ is price, stake and times, which the payer sees in the answer.
    function _checkSame(bytes32 hash, Receipt calldata claimed, Receipt calldata shown) private pure {
        if (
            shown.requestId != claimed.requestId || shown.modelId != claimed.modelId
                || shown.operator != claimed.operator || shown.payer != claimed.payer
                || shown.inputRoot != claimed.inputRoot || shown.outputRoot != claimed.outputRoot
                || shown.traceRoot != claimed.traceRoot
        ) revert Omissions_OtherInference(hash);
    }
}
