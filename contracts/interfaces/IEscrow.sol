// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Payment, Redemption, Reservation, VoucherKey} from "../types/Accounts.sol";
import {Account} from "../types/Ids.sol";

/// @title IEscrow
/// @notice Payers' money, reservations, vouchers drawn on, and everything that is held, earned or burned.
/// @dev Buckets: all account balances (BURNED included), all reservations, and what is held: the fees of pending and
/// faulty batches and the bonds of challenges that have not ended. What is held has no counter here: it follows from
/// the states in Settlement and Disputes, which give back exactly what they took. Draws on reservations are told by
/// Settlement's BatchCommitted.
interface IEscrow {
    error Escrow_OnlyPeer(address caller);
    error Escrow_ZeroAmount();
    error Escrow_ZeroAddress();
    error Escrow_AmountTooLarge(uint256 amount);
    error Escrow_BadToken(uint256 sent, uint256 received);
    error Escrow_InsufficientBalance(Account account, uint256 balance, uint256 needed);
    error Escrow_InsufficientReservation(address payer, address operator, uint256 reserved, uint256 needed);
    /// @notice The voucher covers less than what was drawn and is to be drawn.
    error Escrow_VoucherExhausted(address payer, address operator, uint256 cumulative, uint256 needed);
    /// @notice Signed by neither the payer nor its voucher key.
    error Escrow_WrongSigner(address payer, address signer);
    error Escrow_ReleaseTooLarge(uint256 amount, uint256 available);
    error Escrow_NothingThawing(address payer, address operator);
    error Escrow_StillThawing(uint40 thawsAt);
    error Escrow_NothingBurned();
    error Escrow_KeyUnchanged(address key);

    event Deposited(address indexed to, address indexed from, uint256 amount);
    event Withdrawn(address indexed owner, address indexed to, uint256 amount);
    event Reserved(address indexed payer, address indexed operator, uint256 amount);
    event ReleaseRequested(address indexed payer, address indexed operator, uint256 amount, uint40 thawsAt);
    event ReleaseCancelled(address indexed payer, address indexed operator, uint256 amount);
    event Released(address indexed payer, address indexed operator, uint256 amount);
    event VoucherKeySet(address indexed payer, address indexed key, uint40 validFrom);
    /// @notice A bond left a free balance.
    event Held(address indexed from, uint256 amount);
    event Credited(Account indexed account, uint256 amount);
    event Distributed(Account indexed from, uint256 amount);
    event BurnedSwept(address indexed to, uint256 amount);

    /// @notice Adds to the free balance of `to`.
    function deposit(address to, uint256 amount) external;

    /// @notice The same with an ERC-2612 permit; a permit already used by somebody else does not block it.
    function depositWithPermit(address to, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Deposits for the caller and reserves it for an operator.
    function depositAndReserve(address operator, uint256 amount) external;

    /// @notice Pays out free balance of the caller, at once.
    function withdraw(address to, uint256 amount) external;

    /// @notice Moves free balance of the caller to its reservation for `operator`.
    function reserve(address operator, uint256 amount) external;

    /// @notice Starts the thawing of `amount` of a reservation; adds to what is thawing, and its time starts anew.
    function requestRelease(address operator, uint256 amount) external;

    /// @notice Keeps it reserved after all.
    function cancelRelease(address operator) external;

    /// @notice After thawing: back to the free balance, at most what is still reserved.
    function release(address operator) external returns (uint256 amount);

    /// @notice Names the key that signs the caller's vouchers beside the caller itself (for contract payers).
    /// The first one holds at once, a replacement after `thawing`; naming the present one cancels a replacement.
    function setVoucherKey(address key) external;

    /// @notice Draws on reservations for `operator`; the sum is held for the batch. Settlement only.
    function redeem(address operator, Redemption[] calldata redemptions) external;

    /// @notice Takes a bond from a free balance. Disputes and Omissions only.
    function hold(address from, uint256 amount) external;

    /// @notice Gives what was held (fees, bonds, a pot) to accounts. Settlement, Disputes and Omissions only.
    function credit(Payment[] calldata payments) external;

    /// @notice Moves royalties on, out of `from`. Settlement only.
    function distribute(Account from, Payment[] calldata payments) external;

    /// @notice Sends the burned bucket to the burn address. Anyone.
    function sweepBurned() external returns (uint256 amount);

    function balanceOf(Account account) external view returns (uint256);

    /// @notice Free balance of an address.
    function freeBalanceOf(address owner) external view returns (uint256);

    function reservationOf(address payer, address operator) external view returns (Reservation memory);

    /// @notice What vouchers to `operator` can rely on: reserved, without what is thawing.
    function coverOf(address payer, address operator) external view returns (uint256);

    /// @notice The voucher key of `payer` that holds now; zero if none.
    function voucherKeyOf(address payer) external view returns (address);

    function voucherKeyStateOf(address payer) external view returns (VoucherKey memory);
    function token() external view returns (address);
    function burnAddress() external view returns (address);
}
