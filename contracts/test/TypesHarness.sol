// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BURNED, accountOf, royaltyAccountOf} from "../types/Accounts.sol";
import {BatchHeader, Claim, hashClaims, hashHeader, lockOf} from "../types/Batch.sol";
import {Opening, challengeId, sealOf} from "../types/Challenge.sol";
import {Account, BatchId, ChallengeId, ModelId} from "../types/Ids.sol";
import {
    RECEIPT_TYPEHASH,
    REQUEST_TYPEHASH,
    Receipt,
    Request,
    VOUCHER_TYPEHASH,
    Voucher,
    hashReceipt,
    hashRequest,
    hashVoucher
} from "../types/Messages.sol";
import {Params} from "../types/Params.sol";

/// @title TypesHarness
/// @notice The hashes and ids of `contracts/types`, many at a time, to hold another implementation against them. Never
/// deployed by scripts.
contract TypesHarness {
    function typeHashes() external pure returns (bytes32 request, bytes32 receipt, bytes32 voucher) {
        return (REQUEST_TYPEHASH, RECEIPT_TYPEHASH, VOUCHER_TYPEHASH);
    }

    function requestHashes(Request[] calldata requests) external pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](requests.length);
        for (uint256 i = 0; i < requests.length; i++) {
            hashes[i] = hashRequest(requests[i]);
        }
    }

    function receiptHashes(Receipt[] calldata receipts) external pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](receipts.length);
        for (uint256 i = 0; i < receipts.length; i++) {
            hashes[i] = hashReceipt(receipts[i]);
        }
    }

    function voucherHashes(Voucher[] calldata vouchers) external pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](vouchers.length);
        for (uint256 i = 0; i < vouchers.length; i++) {
            hashes[i] = hashVoucher(vouchers[i]);
        }
    }

    function batchIds(BatchHeader[] calldata headers, address settlement) external view returns (BatchId[] memory ids) {
        ids = new BatchId[](headers.length);
        for (uint256 i = 0; i < headers.length; i++) {
            ids[i] = hashHeader(headers[i], settlement);
        }
    }

    function locks(BatchHeader[] calldata headers, uint96 minBatchStake)
        external
        pure
        returns (uint256[] memory amounts)
    {
        amounts = new uint256[](headers.length);
        for (uint256 i = 0; i < headers.length; i++) {
            amounts[i] = lockOf(headers[i], minBatchStake);
        }
    }

    function claimsHash(Claim[] calldata claims) external pure returns (bytes32 hash, bytes memory encoded) {
        return (hashClaims(claims), abi.encode(claims));
    }

    function challengeIds(BatchId batchId, address challenger, Opening[] calldata openings)
        external
        pure
        returns (bytes32[] memory seals, ChallengeId[] memory ids)
    {
        seals = new bytes32[](openings.length);
        ids = new ChallengeId[](openings.length);
        for (uint256 i = 0; i < openings.length; i++) {
            seals[i] = sealOf(challenger, openings[i]);
            ids[i] = challengeId(batchId, challenger, seals[i]);
        }
    }

    function accounts(address owner, ModelId modelId)
        external
        pure
        returns (Account free, Account royalty, Account burned)
    {
        return (accountOf(owner), royaltyAccountOf(modelId), BURNED);
    }

    /// @notice Words of a request as evidence, and of a parameter set: their fields in the order of the struct.
    function encodings(Request calldata request, Params calldata params)
        external
        pure
        returns (bytes memory, bytes memory)
    {
        return (abi.encode(request), abi.encode(params));
    }
}
