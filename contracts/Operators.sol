// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Peered} from "./Peered.sol";
import {IOperators} from "./interfaces/IOperators.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {Peers} from "./interfaces/IPeers.sol";
import {TokenTransfers} from "./libraries/TokenTransfers.sol";
import {OperatorState, SigningKey} from "./types/Operator.sol";

/// @title Operators
/// @notice See IOperators.
contract Operators is IOperators, Peered, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using TokenTransfers for IERC20;

    IERC20 private immutable TOKEN;
    IParameters private immutable PARAMETERS;
    address private immutable ESCROW;
    address private immutable SETTLEMENT;
    address private immutable DISPUTES;
    address private immutable OMISSIONS;

    mapping(address operator => OperatorState) private _states;
    mapping(address operator => SigningKey[]) private _signers;
    mapping(address operator => string) private _endpoints;

    constructor(Peers memory peers) Peered(peers) {
        if (peers.operators != address(this)) revert Peers_BadWiring("operators");
        TOKEN = IERC20(peers.token);
        PARAMETERS = IParameters(peers.parameters);
        ESCROW = peers.escrow;
        SETTLEMENT = peers.settlement;
        DISPUTES = peers.disputes;
        OMISSIONS = peers.omissions;
    }

    /// @inheritdoc IOperators
    function register(string calldata endpoint, address signer) external {
        // Check:
        OperatorState storage state = _states[msg.sender];
        if (state.registered) revert Operators_AlreadyRegistered(msg.sender);
        if (bytes(endpoint).length == 0) revert Operators_EmptyEndpoint();
        if (signer == address(0)) revert Operators_ZeroAddress();
        // Effect:
        state.registered = true;
        _endpoints[msg.sender] = endpoint;
        _signers[msg.sender].push(SigningKey({key: signer, validFrom: uint40(block.timestamp)}));
        emit OperatorRegistered(msg.sender, signer, endpoint);
    }

    /// @inheritdoc IOperators
    function setEndpoint(string calldata endpoint) external {
        _registered(msg.sender);
        if (bytes(endpoint).length == 0) revert Operators_EmptyEndpoint();
        _endpoints[msg.sender] = endpoint;
        emit EndpointChanged(msg.sender, endpoint);
    }

    /// @inheritdoc IOperators
    function setSigner(address signer) external {
        // Check:
        _registered(msg.sender);
        if (signer == address(0)) revert Operators_ZeroAddress();
        SigningKey[] storage keys = _signers[msg.sender];
        SigningKey memory last = keys[keys.length - 1];
        if (last.validFrom > block.timestamp) revert Operators_SignerPending(last.validFrom);
        if (last.key == signer) revert Operators_SignerUnchanged(signer);
        // Effect:
        uint40 validFrom = PARAMETERS.keyTime();
        keys.push(SigningKey({key: signer, validFrom: validFrom}));
        emit SignerChanged(msg.sender, signer, validFrom);
    }

    /// @inheritdoc IOperators
    function stake(uint256 amount) external nonReentrant {
        // Check:
        OperatorState storage state = _registered(msg.sender);
        if (amount == 0) revert Operators_ZeroAmount();
        // Effect:
        state.stake = _sum(state.stake, amount);
        emit Staked(msg.sender, amount);
        // Interaction:
        _pull(amount);
    }

    /// @inheritdoc IOperators
    function requestUnbond(uint256 amount) external {
        // Check:
        OperatorState storage state = _registered(msg.sender);
        if (amount == 0) revert Operators_ZeroAmount();
        uint256 active = state.stake - state.unbonding;
        if (amount > active) revert Operators_UnbondTooLarge(amount, active);
        // Effect:
        uint40 exitAt = PARAMETERS.exitTime();
        state.unbonding += uint96(amount);
        state.exitAt = exitAt;
        emit UnbondRequested(msg.sender, amount, exitAt);
    }

    /// @inheritdoc IOperators
    function cancelUnbond() external {
        OperatorState storage state = _states[msg.sender];
        uint256 amount = state.unbonding;
        if (amount == 0) revert Operators_NothingUnbonding(msg.sender);
        state.unbonding = 0;
        state.exitAt = 0;
        emit UnbondCancelled(msg.sender, amount);
    }

    /// @inheritdoc IOperators
    function withdraw(address to) external nonReentrant returns (uint256 amount) {
        // Check:
        if (to == address(0)) revert Operators_ZeroAddress();
        OperatorState storage state = _states[msg.sender];
        uint256 unbonding = state.unbonding;
        if (unbonding == 0) revert Operators_NothingUnbonding(msg.sender);
        if (block.timestamp < state.exitAt) revert Operators_ExitNotReached(state.exitAt);
        // What backs a batch stays, whatever was requested.
        uint256 free = state.stake - state.locked;
        amount = unbonding < free ? unbonding : free;
        if (amount == 0) revert Operators_StakeLocked(state.locked);
        // Effect:
        state.stake -= uint96(amount);
        state.unbonding -= uint96(amount);
        if (state.unbonding == 0) state.exitAt = 0;
        emit Withdrawn(msg.sender, to, amount);
        // Interaction:
        TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc IOperators
    function fundReserve(uint256 amount) external nonReentrant {
        // Check:
        OperatorState storage state = _registered(msg.sender);
        if (amount == 0) revert Operators_ZeroAmount();
        if (state.reserveLeaving) revert Operators_ReserveLeaving(state.reserveExitAt);
        // Effect:
        state.reserve = _sum(state.reserve, amount);
        emit ReserveFunded(msg.sender, amount);
        // Interaction:
        _pull(amount);
    }

    /// @inheritdoc IOperators
    function requestReserveExit() external {
        // Check:
        OperatorState storage state = _registered(msg.sender);
        if (state.locked != 0) revert Operators_StakeLocked(state.locked);
        if (state.reserve == 0) revert Operators_ReserveEmpty(msg.sender);
        if (state.reserveLeaving) revert Operators_ReserveLeaving(state.reserveExitAt);
        // Effect:
        uint40 exitAt = PARAMETERS.exitTime();
        state.reserveLeaving = true;
        state.reserveExitAt = exitAt;
        emit ReserveExitRequested(msg.sender, exitAt);
    }

    /// @inheritdoc IOperators
    function cancelReserveExit() external {
        OperatorState storage state = _states[msg.sender];
        if (!state.reserveLeaving) revert Operators_ReserveNotLeaving(msg.sender);
        state.reserveLeaving = false;
        state.reserveExitAt = 0;
        emit ReserveExitCancelled(msg.sender);
    }

    /// @inheritdoc IOperators
    function withdrawReserve(address to) external nonReentrant returns (uint256 amount) {
        // Check:
        if (to == address(0)) revert Operators_ZeroAddress();
        OperatorState storage state = _states[msg.sender];
        if (!state.reserveLeaving) revert Operators_ReserveNotLeaving(msg.sender);
        if (block.timestamp < state.reserveExitAt) revert Operators_ExitNotReached(state.reserveExitAt);
        // Effect:
        amount = state.reserve;
        state.reserve = 0;
        state.reserveLeaving = false;
        state.reserveExitAt = 0;
        emit ReserveWithdrawn(msg.sender, to, amount);
        // Interaction:
        if (amount != 0) TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc IOperators
    function lock(address operator, uint256 amount, uint256 neededReserve, uint64 sequence) external {
        // Check:
        if (msg.sender != SETTLEMENT) revert Operators_OnlySettlement(msg.sender);
        OperatorState storage state = _registered(operator);
        if (block.timestamp < state.jailedUntil) revert Operators_Jailed(operator, state.jailedUntil);
        if (state.reserveLeaving) revert Operators_ReserveLeaving(state.reserveExitAt);
        if (state.reserve < neededReserve) revert Operators_ReserveNotFull(state.reserve, neededReserve);
        uint64 next = state.nextSequence;
        if (sequence != next) revert Operators_WrongSequence(sequence, next);
        // A lock takes only stake that backs nothing else and is not leaving: `locked <= stake - unbonding`.
        uint256 available = _available(state);
        if (amount > available) revert Operators_InsufficientStake(amount, available);
        // Effect: both in one word.
        state.locked += uint96(amount);
        state.nextSequence = next + 1;
    }

    /// @inheritdoc IOperators
    function unlock(address operator, uint256 amount) external {
        if (msg.sender != SETTLEMENT) revert Operators_OnlySettlement(msg.sender);
        // Locks are exact: what a batch locked, it frees once. Underflow would be a broken invariant, so it reverts.
        _states[operator].locked -= uint96(amount);
    }

    /// @inheritdoc IOperators
    function slash(address operator, uint256 amount, uint40 unjailAfter, uint8 faultsToBan) external {
        // Check:
        if (msg.sender != DISPUTES) revert Operators_OnlyDisputes(msg.sender);
        OperatorState storage state = _states[operator];
        // Effect: the batch's lock goes with its stake. INVARIANT: locked <= stake, so neither can underflow.
        state.stake -= uint96(amount);
        state.locked -= uint96(amount);
        // What is unbonding shrinks last.
        if (state.unbonding > state.stake) {
            state.unbonding = state.stake;
            if (state.unbonding == 0) state.exitAt = 0;
        }
        if (state.faults < type(uint8).max) state.faults++;
        uint40 until = state.faults >= faultsToBan ? type(uint40).max : uint40(block.timestamp) + unjailAfter;
        if (until > state.jailedUntil) state.jailedUntil = until;
        emit Slashed(operator, amount, state.jailedUntil);
    }

    /// @inheritdoc IOperators
    function slashReserve(address operator, uint256 amount) external nonReentrant returns (uint256 taken) {
        // Check:
        if (msg.sender != OMISSIONS) revert Operators_OnlyOmissions(msg.sender);
        // Effect:
        OperatorState storage state = _states[operator];
        taken = amount < state.reserve ? amount : state.reserve;
        state.reserve -= uint96(taken);
        emit ReserveSlashed(operator, amount, taken);
        // Interaction:
        if (taken != 0) _payEscrow(taken);
    }

    /// @inheritdoc IOperators
    function restore(address operator, uint256 amount, uint8 faultsToBan) external {
        if (msg.sender != SETTLEMENT) revert Operators_OnlySettlement(msg.sender);
        OperatorState storage state = _states[operator];
        state.stake = _sum(state.stake, amount);
        // The fault was none. A jail ends by itself; a ban would not.
        state.faults--;
        bool banned = state.jailedUntil == type(uint40).max;
        if (banned && state.faults < faultsToBan) state.jailedUntil = uint40(block.timestamp);
        emit Restored(operator, amount, state.faults, state.jailedUntil);
    }

    /// @inheritdoc IOperators
    function payPenalty(uint256 amount) external nonReentrant {
        if (msg.sender != SETTLEMENT) revert Operators_OnlySettlement(msg.sender);
        emit PenaltyPaid(amount);
        _payEscrow(amount);
    }

    /// @inheritdoc IOperators
    function stateOf(address operator) external view returns (OperatorState memory) {
        return _states[operator];
    }

    /// @inheritdoc IOperators
    function availableOf(address operator) external view returns (uint256) {
        return _available(_states[operator]);
    }

    /// @inheritdoc IOperators
    function signerAt(address operator, uint40 timestamp) external view returns (address) {
        SigningKey[] storage keys = _signers[operator];
        for (uint256 i = keys.length; i > 0; i--) {
            if (keys[i - 1].validFrom <= timestamp) return keys[i - 1].key;
        }
        return address(0);
    }

    /// @inheritdoc IOperators
    function signersOf(address operator) external view returns (SigningKey[] memory) {
        return _signers[operator];
    }

    /// @inheritdoc IOperators
    function endpointOf(address operator) external view returns (string memory) {
        return _endpoints[operator];
    }

    /// @inheritdoc IOperators
    function token() external view returns (address) {
        return address(TOKEN);
    }

    function _registered(address operator) private view returns (OperatorState storage state) {
        state = _states[operator];
        if (!state.registered) revert Operators_NotRegistered(operator);
    }

    function _available(OperatorState storage state) private view returns (uint256) {
        uint256 bound = uint256(state.locked) + state.unbonding;
        return bound < state.stake ? state.stake - bound : 0;
    }

    /// @dev What Escrow then credits must have arrived: a token may have begun to take a fee.
    function _payEscrow(uint256 amount) private {
        uint256 before = TOKEN.balanceOf(ESCROW);
        TOKEN.safeTransfer(ESCROW, amount);
        uint256 received = TOKEN.balanceOf(ESCROW) - before;
        if (received != amount) revert Operators_BadToken(amount, received);
    }

    function _pull(uint256 amount) private {
        uint256 received = TOKEN.pull(msg.sender, amount);
        if (received != amount) revert Operators_BadToken(amount, received);
    }

    function _sum(uint96 bucket, uint256 amount) private pure returns (uint96) {
        if (amount > type(uint96).max - bucket) revert Operators_AmountTooLarge(amount);
        return bucket + uint96(amount);
    }
}
