// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ModelId} from "./Ids.sol";

// EIP-712 messages, domain {name: "Onus", version: "1", chainId, verifyingContract: Settlement}.

/// @notice What a payer asks for. Its EIP-712 digest is the request id.
/// @param payer who asks and pays
/// @param modelId model version to run
/// @param inputRoot root of the input (docs/trace.md, 3)
/// @param maxFee highest fee, in token base units
/// @param minStake lowest collateral behind this one inference; at least twice what the answer is worth to a cheat
/// @param nonce chosen by the payer
/// @param expiresAt last second at which it may be served
struct Request {
    address payer;
    ModelId modelId;
    bytes32 inputRoot;
    uint128 maxFee;
    uint128 minStake;
    uint256 nonce;
    uint40 expiresAt;
}

/// @notice What an operator says it computed. Its struct hash is a leaf of a batch.
/// @param requestId digest of the request
/// @param modelId model version that ran
/// @param operator who ran it
/// @param payer who pays for it
/// @param inputRoot root of the input
/// @param outputRoot root of the output
/// @param traceRoot root of the execution
/// @param fee price, in token base units
/// @param stake collateral behind this inference from the commit on
/// @param servedAt timestamp of the latest block when it was served
/// @param commitBy last second at which it is committed
struct Receipt {
    bytes32 requestId;
    ModelId modelId;
    address operator;
    address payer;
    bytes32 inputRoot;
    bytes32 outputRoot;
    bytes32 traceRoot;
    uint128 fee;
    uint128 stake;
    uint40 servedAt;
    uint40 commitBy;
}

/// @notice A payer's promise to an operator; only grows.
/// @param payer whose reservation pays
/// @param operator who may draw on it
/// @param cumulative everything ever promised by this payer to this operator
struct Voucher {
    address payer;
    address operator;
    uint128 cumulative;
}

bytes32 constant REQUEST_TYPEHASH = keccak256(
    "Request(address payer,bytes32 modelId,bytes32 inputRoot,uint128 maxFee,uint128 minStake,uint256 nonce,uint40 expiresAt)"
);
bytes32 constant RECEIPT_TYPEHASH = keccak256(
    "Receipt(bytes32 requestId,bytes32 modelId,address operator,address payer,bytes32 inputRoot,bytes32 outputRoot,bytes32 traceRoot,uint128 fee,uint128 stake,uint40 servedAt,uint40 commitBy)"
);
bytes32 constant VOUCHER_TYPEHASH = keccak256("Voucher(address payer,address operator,uint128 cumulative)");

/// @dev EIP-712 struct hash.
function hashRequest(Request memory request) pure returns (bytes32) {
    return keccak256(abi.encode(REQUEST_TYPEHASH, request));
}

/// @dev EIP-712 struct hash: the leaf of a batch.
function hashReceipt(Receipt calldata receipt) pure returns (bytes32) {
    return keccak256(abi.encode(RECEIPT_TYPEHASH, receipt));
}

/// @dev EIP-712 struct hash.
function hashVoucher(Voucher memory voucher) pure returns (bytes32) {
    return keccak256(abi.encode(VOUCHER_TYPEHASH, voucher));
}
