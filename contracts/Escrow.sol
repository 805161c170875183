// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Peered} from "./Peered.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {Peers} from "./interfaces/IPeers.sol";
import {TokenTransfers} from "./libraries/TokenTransfers.sol";
import {BURNED, Payment, Redemption, Reservation, VoucherKey, accountOf} from "./types/Accounts.sol";
import {Account} from "./types/Ids.sol";

/// @title Escrow
/// @notice See IEscrow.
contract Escrow is IEscrow, Peered, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using TokenTransfers for IERC20;

    /// @inheritdoc IEscrow
    address public constant burnAddress = 0x000000000000000000000000000000000000dEaD;

    IERC20 private immutable TOKEN;
    IParameters private immutable PARAMETERS;
    address private immutable SETTLEMENT;
    address private immutable DISPUTES;
    address private immutable OMISSIONS;

    mapping(Account account => uint256) private _balances;
    mapping(address payer => mapping(address operator => Reservation)) private _reservations;
    mapping(address payer => VoucherKey) private _voucherKeys;

    constructor(Peers memory peers) Peered(peers) {
        if (peers.escrow != address(this)) revert Peers_BadWiring("escrow");
        TOKEN = IERC20(peers.token);
        PARAMETERS = IParameters(peers.parameters);
        SETTLEMENT = peers.settlement;
        DISPUTES = peers.disputes;
        OMISSIONS = peers.omissions;
    }

    /// @inheritdoc IEscrow
    function deposit(address to, uint256 amount) external nonReentrant {
        _deposit(to, amount);
    }

    /// @inheritdoc IEscrow
    function depositWithPermit(address to, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
    {
        // Somebody may have used the permit first: then the allowance is there, and if it is not, the pull reverts.
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(to, amount);
    }

    /// @inheritdoc IEscrow
    function depositAndReserve(address operator, uint256 amount) external nonReentrant {
        _deposit(msg.sender, amount);
        _reserve(operator, amount);
    }

    /// @inheritdoc IEscrow
    function withdraw(address to, uint256 amount) external nonReentrant {
        // Check:
        if (to == address(0)) revert Escrow_ZeroAddress();
        if (amount == 0) revert Escrow_ZeroAmount();
        // Effect:
        _debit(accountOf(msg.sender), amount);
        emit Withdrawn(msg.sender, to, amount);
        // Interaction:
        TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc IEscrow
    function reserve(address operator, uint256 amount) external nonReentrant {
        _reserve(operator, amount);
    }

    /// @inheritdoc IEscrow
    function requestRelease(address operator, uint256 amount) external nonReentrant {
        // Check:
        if (amount == 0) revert Escrow_ZeroAmount();
        Reservation storage reservation = _reservations[msg.sender][operator];
        uint256 available = _cover(reservation);
        if (amount > available) revert Escrow_ReleaseTooLarge(amount, available);
        // Effect:
        uint40 thawsAt = PARAMETERS.thawTime();
        reservation.thawing += uint128(amount);
        reservation.thawsAt = thawsAt;
        emit ReleaseRequested(msg.sender, operator, amount, thawsAt);
    }

    /// @inheritdoc IEscrow
    function cancelRelease(address operator) external nonReentrant {
        Reservation storage reservation = _reservations[msg.sender][operator];
        uint256 amount = reservation.thawing;
        if (amount == 0) revert Escrow_NothingThawing(msg.sender, operator);
        reservation.thawing = 0;
        reservation.thawsAt = 0;
        emit ReleaseCancelled(msg.sender, operator, amount);
    }

    /// @inheritdoc IEscrow
    function release(address operator) external nonReentrant returns (uint256 amount) {
        // Check:
        Reservation storage reservation = _reservations[msg.sender][operator];
        if (reservation.thawing == 0) revert Escrow_NothingThawing(msg.sender, operator);
        if (block.timestamp < reservation.thawsAt) revert Escrow_StillThawing(reservation.thawsAt);
        // Effect:
        amount = reservation.thawing < reservation.reserved ? reservation.thawing : reservation.reserved;
        reservation.reserved -= uint128(amount);
        reservation.thawing = 0;
        reservation.thawsAt = 0;
        _balances[accountOf(msg.sender)] += amount;
        emit Released(msg.sender, operator, amount);
    }

    /// @inheritdoc IEscrow
    function setVoucherKey(address key) external nonReentrant {
        // Check:
        if (key == address(0)) revert Escrow_ZeroAddress();
        VoucherKey storage state = _voucherKeys[msg.sender];
        address present = _voucherKey(state);
        bool pending = block.timestamp < state.nextFrom;
        if (key == (pending ? state.next : present)) revert Escrow_KeyUnchanged(key);
        // Effect: operators may hold vouchers of the present key, so it leaves as slowly as a reservation.
        uint40 validFrom = uint40(block.timestamp);
        if (present == address(0) || key == present) {
            // The first one; or the present one stays after all.
            (state.key, state.next, state.nextFrom) = (key, address(0), 0);
        } else {
            validFrom = PARAMETERS.thawTime();
            (state.key, state.next, state.nextFrom) = (present, key, validFrom);
        }
        emit VoucherKeySet(msg.sender, key, validFrom);
    }

    /// @inheritdoc IEscrow
    function redeem(address operator, Redemption[] calldata redemptions) external nonReentrant {
        if (msg.sender != SETTLEMENT) revert Escrow_OnlyPeer(msg.sender);
        for (uint256 i = 0; i < redemptions.length; i++) {
            Redemption calldata redemption = redemptions[i];
            // Check:
            (address payer, address signer) = (redemption.payer, redemption.signer);
            // Zero is what a failed recovery gives, and what an unset voucher key is.
            if (signer == address(0) || (signer != payer && signer != _voucherKey(_voucherKeys[payer]))) {
                revert Escrow_WrongSigner(payer, signer);
            }
            Reservation storage reservation = _reservations[payer][operator];
            (uint256 reserved, uint256 redeemed) = (reservation.reserved, reservation.redeemed);
            uint256 amount = redemption.amount;
            if (redeemed + amount > redemption.cumulative) {
                revert Escrow_VoucherExhausted(payer, operator, redemption.cumulative, redeemed + amount);
            }
            if (amount > reserved) revert Escrow_InsufficientReservation(payer, operator, reserved, amount);
            // Effect: cumulative is a uint128, so the sums fit.
            reservation.reserved = uint128(reserved - amount);
            reservation.redeemed = uint128(redeemed + amount);
        }
    }

    /// @inheritdoc IEscrow
    function hold(address from, uint256 amount) external nonReentrant {
        if (msg.sender != DISPUTES && msg.sender != OMISSIONS) revert Escrow_OnlyPeer(msg.sender);
        _debit(accountOf(from), amount);
        emit Held(from, amount);
    }

    /// @inheritdoc IEscrow
    function credit(Payment[] calldata payments) external nonReentrant {
        if (msg.sender != SETTLEMENT && msg.sender != DISPUTES && msg.sender != OMISSIONS) {
            revert Escrow_OnlyPeer(msg.sender);
        }
        _credit(payments);
    }

    /// @inheritdoc IEscrow
    function distribute(Account from, Payment[] calldata payments) external nonReentrant {
        if (msg.sender != SETTLEMENT) revert Escrow_OnlyPeer(msg.sender);
        uint256 total = _credit(payments);
        _debit(from, total);
        emit Distributed(from, total);
    }

    /// @inheritdoc IEscrow
    function sweepBurned() external nonReentrant returns (uint256 amount) {
        amount = _balances[BURNED];
        if (amount == 0) revert Escrow_NothingBurned();
        _balances[BURNED] = 0;
        emit BurnedSwept(burnAddress, amount);
        TOKEN.safeTransfer(burnAddress, amount);
    }

    /// @inheritdoc IEscrow
    function balanceOf(Account account) external view returns (uint256) {
        return _balances[account];
    }

    /// @inheritdoc IEscrow
    function freeBalanceOf(address owner) external view returns (uint256) {
        return _balances[accountOf(owner)];
    }

    /// @inheritdoc IEscrow
    function reservationOf(address payer, address operator) external view returns (Reservation memory) {
        return _reservations[payer][operator];
    }

    /// @inheritdoc IEscrow
    function coverOf(address payer, address operator) external view returns (uint256) {
        return _cover(_reservations[payer][operator]);
    }

    /// @inheritdoc IEscrow
    function voucherKeyOf(address payer) external view returns (address) {
        return _voucherKey(_voucherKeys[payer]);
    }

    /// @inheritdoc IEscrow
    function voucherKeyStateOf(address payer) external view returns (VoucherKey memory) {
        return _voucherKeys[payer];
    }

    /// @inheritdoc IEscrow
    function token() external view returns (address) {
        return address(TOKEN);
    }

    function _deposit(address to, uint256 amount) private {
        // Check:
        if (to == address(0)) revert Escrow_ZeroAddress();
        if (amount == 0) revert Escrow_ZeroAmount();
        if (amount > type(uint96).max) revert Escrow_AmountTooLarge(amount);
        // Effect:
        _balances[accountOf(to)] += amount;
        emit Deposited(to, msg.sender, amount);
        // Interaction:
        uint256 received = TOKEN.pull(msg.sender, amount);
        if (received != amount) revert Escrow_BadToken(amount, received);
    }

    function _reserve(address operator, uint256 amount) private {
        // Check:
        if (operator == address(0)) revert Escrow_ZeroAddress();
        if (amount == 0) revert Escrow_ZeroAmount();
        if (amount > type(uint96).max) revert Escrow_AmountTooLarge(amount);
        // Effect:
        _debit(accountOf(msg.sender), amount);
        Reservation storage reservation = _reservations[msg.sender][operator];
        // Vouchers may have drawn on what was thawing: new money does not thaw in its place.
        if (reservation.thawing > reservation.reserved) reservation.thawing = reservation.reserved;
        reservation.reserved += uint128(amount);
        emit Reserved(msg.sender, operator, amount);
    }

    function _credit(Payment[] calldata payments) private returns (uint256 total) {
        for (uint256 i = 0; i < payments.length; i++) {
            (Account account, uint256 amount) = (payments[i].account, payments[i].amount);
            if (amount == 0) continue;
            total += amount;
            _balances[account] += amount;
            emit Credited(account, amount);
        }
    }

    function _debit(Account account, uint256 amount) private {
        uint256 balance = _balances[account];
        if (amount > balance) revert Escrow_InsufficientBalance(account, balance, amount);
        _balances[account] = balance - amount;
    }

    function _cover(Reservation storage reservation) private view returns (uint256) {
        (uint256 reserved, uint256 thawing) = (reservation.reserved, reservation.thawing);
        return thawing < reserved ? reserved - thawing : 0;
    }

    function _voucherKey(VoucherKey storage state) private view returns (address) {
        return state.nextFrom != 0 && block.timestamp >= state.nextFrom ? state.next : state.key;
    }
}
