// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Account, ModelId} from "./Ids.sol";

/// @notice An amount for an account.
struct Payment {
    Account account;
    uint256 amount;
}

/// @notice A draw on a payer's reservation at commit.
/// @param payer whose reservation
/// @param signer who signed the voucher; must be the payer or its voucher key
/// @param cumulative of the voucher
/// @param amount what to draw
struct Redemption {
    address payer;
    address signer;
    uint128 cumulative;
    uint256 amount;
}

/// @notice A payer's reservation for one operator, in token base units.
/// @param reserved what the operator's vouchers can draw on, thawing part included
/// @param redeemed what they ever drew: a voucher's `cumulative` counts against it
/// @param thawing part of `reserved` that is leaving
/// @param thawsAt when it may leave
struct Reservation {
    // slot 0
    uint128 reserved;
    uint128 redeemed;
    // slot 1
    uint128 thawing;
    uint40 thawsAt;
}

/// @notice A contract payer's key for vouchers; a replacement holds from `nextFrom` on.
struct VoucherKey {
    // slot 0
    address key;
    uint40 nextFrom;
    // slot 1
    address next;
}

/// @dev What is burned, until `Escrow.sweepBurned` sends it away.
Account constant BURNED = Account.wrap(keccak256("onus.account.burned"));

/// @dev The free balance of an address.
function accountOf(address owner) pure returns (Account) {
    return Account.wrap(bytes32(uint256(uint160(owner))));
}

/// @dev The royalties of a model, before they are distributed.
function royaltyAccountOf(ModelId modelId) pure returns (Account) {
    return Account.wrap(ModelId.unwrap(modelId));
}
