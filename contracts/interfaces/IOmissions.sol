// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader} from "../types/Batch.sol";
import {ReceiptProof} from "../types/Challenge.sol";
import {BatchId} from "../types/Ids.sol";
import {Receipt} from "../types/Messages.sol";
import {Omission, OmissionStatus} from "../types/Omission.sol";

/// @title IOmissions
/// @notice Signed receipts that are in no batch: a payer claims, the operator shows the batch or pays from its reserve.
/// @dev Rests on the plain signature of the operator's key that held at `servedAt`. One penalty a receipt, from the
/// reserve alone: a stolen signing key costs at most that, once.
interface IOmissions {
    error Omissions_NotPayer(address payer, address caller);
    /// @notice Claims are taken after commitBy, before commitBy + omissionWindow.
    error Omissions_NotClaimable(uint256 from, uint256 until);
    /// @notice commitBy is before servedAt or more than maxCommitDelay after it: no receipt that binds.
    error Omissions_BadReceipt(uint40 servedAt, uint40 commitBy);
    error Omissions_WrongSigner(address expected, address actual);
    /// @notice All commitments or the model's verifier were closed between servedAt and commitBy: nothing was omitted.
    error Omissions_CommitsWereClosed(bytes32 receiptHash);
    error Omissions_WrongStatus(bytes32 receiptHash, OmissionStatus status);
    error Omissions_OutOfTime(bytes32 receiptHash, uint40 deadline);
    error Omissions_NotOutOfTime(bytes32 receiptHash, uint40 deadline);
    /// @notice Not the claimed request with the same model, roots, operator and payer.
    error Omissions_OtherInference(bytes32 receiptHash);
    /// @notice No such batch, or committed before the claimed receipt was served.
    error Omissions_WrongBatch(BatchId batchId);
    error Omissions_NotInBatch(BatchId batchId, bytes32 leaf, uint32 leafIndex);

    event OmissionClaimed(
        bytes32 indexed receiptHash, address indexed operator, address indexed payer, Receipt receipt, uint32 set
    );
    /// @notice It was in a batch: index and path are what its payer needs to publish or challenge it.
    event OmissionAnswered(bytes32 indexed receiptHash, BatchId indexed batchId, ReceiptProof proof, uint256 paid);
    event OmissionPunished(bytes32 indexed receiptHash, uint256 penalty, uint256 restitution);

    /// @notice Claims that a receipt was not committed; takes omissionBond from the caller's balance.
    /// @param signature of the receipt by the operator's signing key
    /// @param set parameter set in force at servedAt, which the claim follows
    function claim(Receipt calldata receipt, bytes calldata signature, uint32 set) external;

    /// @notice Shows the inference in a batch, within operatorTime: the claimant loses its bond, half of it at most to
    /// the operator, the rest burns. Anyone may show it.
    /// @param header a batch of the operator, committed at or after servedAt
    /// @param proof the receipt, or one with the same request and roots, and its path
    function answer(Receipt calldata receipt, BatchHeader calldata header, ReceiptProof calldata proof) external;

    /// @notice Nobody answered in time: min(stake, reserve) leaves the reserve, half of it at most to the payer, the rest
    /// burns; the bond returns. Anyone.
    function punish(Receipt calldata receipt) external;

    function omissionOf(bytes32 receiptHash) external view returns (Omission memory);
}
