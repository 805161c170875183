// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchId, ModelId} from "./Ids.sol";

/// @notice Everything a batch is. Only its hash and a word of state are stored; who acts on a batch passes it.
/// @param operator who commits and answers for it
/// @param modelId model of all its receipts
/// @param root root of the tree of receipt struct hashes, in leaf order
/// @param count number of receipts, at least 1
/// @param fee of each receipt, in token base units
/// @param stake of each receipt, in token base units
/// @param claimsHash hash of the (payer, receipts) pairs, see `hashClaims`
/// @param paramSet parameter set that everything about this batch follows
/// @param sequence number of this batch among the operator's, from 0
struct BatchHeader {
    address operator;
    ModelId modelId;
    bytes32 root;
    uint32 count;
    uint128 fee;
    uint128 stake;
    bytes32 claimsHash;
    uint32 paramSet;
    uint64 sequence;
}

/// @notice The next `receipts` leaves are paid by `payer`.
struct Claim {
    address payer;
    uint32 receipts;
}

/// @notice What makes a claim payable at commit.
/// @param cumulative of the voucher
/// @param signature of the voucher by the payer's key, 65 bytes
struct VoucherSignature {
    uint128 cumulative;
    bytes signature;
}

/// @notice Stored states of a batch. "Challenged" is Pending with open challenges.
enum BatchStatus {
    Null,
    Pending,
    Final,
    Faulty,
    Settled,
    Refunded
}

/// @notice The one word stored for a batch.
/// @param status what calls decided
/// @param openChallenges number of challenges that have not ended
/// @param challenges number of challenges ever opened: gives each its ordinal
/// @param committedAt time of the commit
/// @param windowEndsAt first second, by the verifier's clock, at which no challenge can be opened
/// @param endedAt time of finality or verdict by the verifier's clock, 0 before
/// @param frozenAtCommit seconds by which the verifier's clock was behind at the commit
struct BatchState {
    // slot 0: 8 + 24 + 24 + 40 + 40 + 40 + 40 = 216 bits
    BatchStatus status;
    uint24 openChallenges;
    uint24 challenges;
    uint40 committedAt;
    uint40 windowEndsAt;
    uint40 endedAt;
    uint40 frozenAtCommit;
}

/// @dev Content hash with chain and contract inside, so that it names one batch everywhere.
function hashHeader(BatchHeader calldata header, address settlement) view returns (BatchId) {
    return BatchId.wrap(keccak256(abi.encode(block.chainid, settlement, header)));
}

/// @dev keccak256(abi.encode(claims)).
function hashClaims(Claim[] calldata claims) pure returns (bytes32) {
    return keccak256(abi.encode(claims));
}

/// @dev What a batch locks, and what a fault of it costs: max(count * stake, minBatchStake of its set).
function lockOf(BatchHeader calldata header, uint96 minBatchStake) pure returns (uint256) {
    uint256 all = uint256(header.stake) * header.count;
    return all > minBatchStake ? all : minBatchStake;
}
