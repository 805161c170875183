// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OperatorState, SigningKey} from "../types/Operator.sol";

/// @title IOperators
/// @notice Node operators: signing keys, stake, locks, exit, slashing, jail. One of two contracts that hold tokens.
/// @dev Buckets: the sum over operators of `stake + reserve`, and the locks of faulty batches that are not settled.
/// Locks come and go with batches: Settlement's events say when, `lockOf` how much. WARNING: tokens sent directly are nobody's.
interface IOperators {
    error Operators_NotRegistered(address operator);
    error Operators_AlreadyRegistered(address operator);
    error Operators_OnlySettlement(address caller);
    error Operators_OnlyDisputes(address caller);
    error Operators_OnlyOmissions(address caller);
    error Operators_ZeroAmount();
    error Operators_ZeroAddress();
    error Operators_EmptyEndpoint();
    error Operators_AmountTooLarge(uint256 amount);
    /// @notice The token took a fee: `received` is not what was sent.
    error Operators_BadToken(uint256 sent, uint256 received);
    error Operators_SignerUnchanged(address signer);
    /// @notice A key is already waiting to become valid.
    error Operators_SignerPending(uint40 validFrom);
    /// @notice More than what is staked and not already unbonding.
    error Operators_UnbondTooLarge(uint256 amount, uint256 available);
    error Operators_NothingUnbonding(address operator);
    error Operators_ExitNotReached(uint40 exitAt);
    /// @notice All that is unbonding still backs batches.
    error Operators_StakeLocked(uint256 locked);
    error Operators_ReserveEmpty(address operator);
    error Operators_ReserveLeaving(uint40 reserveExitAt);
    error Operators_ReserveNotLeaving(address operator);
    error Operators_ReserveNotFull(uint256 reserve, uint256 needed);
    error Operators_Jailed(address operator, uint40 until);
    error Operators_InsufficientStake(uint256 needed, uint256 available);
    error Operators_WrongSequence(uint64 given, uint64 next);

    event OperatorRegistered(address indexed operator, address indexed signer, string endpoint);
    event EndpointChanged(address indexed operator, string endpoint);
    event SignerChanged(address indexed operator, address indexed signer, uint40 validFrom);
    event Staked(address indexed operator, uint256 amount);
    event UnbondRequested(address indexed operator, uint256 amount, uint40 exitAt);
    event UnbondCancelled(address indexed operator, uint256 amount);
    event Withdrawn(address indexed operator, address indexed to, uint256 amount);
    event ReserveFunded(address indexed operator, uint256 amount);
    event ReserveExitRequested(address indexed operator, uint40 exitAt);
    event ReserveExitCancelled(address indexed operator);
    event ReserveWithdrawn(address indexed operator, address indexed to, uint256 amount);
    /// @notice `amount` went from the stake to the pot; jailed until then (type(uint40).max: banned).
    event Slashed(address indexed operator, uint256 amount, uint40 jailedUntil);
    /// @notice `taken` of `asked` went from the reserve to Escrow.
    event ReserveSlashed(address indexed operator, uint256 asked, uint256 taken);
    /// @notice A pot went back to the stake: what was punished was no fault.
    event Restored(address indexed operator, uint256 amount, uint8 faults, uint40 jailedUntil);
    /// @notice A pot was opened: its tokens went to Escrow.
    event PenaltyPaid(uint256 amount);

    /// @notice Registers the caller.
    /// @param endpoint base URL of its node
    /// @param signer key that signs receipts, valid at once
    function register(string calldata endpoint, address signer) external;

    /// @notice Changes where the node is.
    function setEndpoint(string calldata endpoint) external;

    /// @notice A new signing key, valid from now + keyDelay; the old one signs until then and stays in the history.
    function setSigner(address signer) external;

    /// @notice Adds stake of the caller.
    function stake(uint256 amount) external;

    /// @notice Starts the exit of `amount`. Adds to what is already leaving, and the delay of all of it starts anew.
    /// @dev exitAt = now + unbondingDelay. Unbonding stake backs no new batch and stays slashable until it has left.
    function requestUnbond(uint256 amount) external;

    /// @notice Takes everything unbonding back into active stake.
    function cancelUnbond() external;

    /// @notice Pays what is unbonding, after exitAt, at most stake - locked.
    function withdraw(address to) external returns (uint256 amount);

    /// @notice Fills the caller's reserve.
    function fundReserve(uint256 amount) external;

    /// @notice Starts the exit of the whole reserve; only when nothing is locked. No commits from now on.
    function requestReserveExit() external;

    /// @notice The reserve stays.
    function cancelReserveExit() external;

    /// @notice Pays the reserve after its exit time.
    function withdrawReserve(address to) external returns (uint256 amount);

    /// @notice Locks stake for a batch. Settlement only.
    /// @param operator whose stake
    /// @param amount how much
    /// @param neededReserve what its reserve must have
    /// @param sequence must be its next
    function lock(address operator, uint256 amount, uint256 neededReserve, uint64 sequence) external;

    /// @notice Frees the lock of a batch that is final or refunded. Settlement only.
    function unlock(address operator, uint256 amount) external;

    /// @notice Takes a faulty batch's lock from the stake and jails the operator. Disputes only.
    /// @dev Exact: stake never falls below the sum of all locks, so a batch's lock is always there. Unbonding shrinks
    /// last: active stake goes first. The tokens stay here, as the pot of the batch, until it is settled.
    /// @param unjailAfter seconds of jail
    /// @param faultsToBan number of faults that ban
    function slash(address operator, uint256 amount, uint40 unjailAfter, uint8 faultsToBan) external;

    /// @notice Takes a penalty that no lock backs from the reserve, min(amount, reserve), to Escrow. Omissions only.
    /// @return taken what was there
    function slashReserve(address operator, uint256 amount) external returns (uint256 taken);

    /// @notice Gives the pot of a batch back to the stake and takes its fault back, after a confirmed quarantine of the
    /// verifier; a ban that rested on it ends. Settlement only.
    function restore(address operator, uint256 amount, uint8 faultsToBan) external;

    /// @notice Sends the pot of a batch that is settled to Escrow. Settlement only.
    function payPenalty(uint256 amount) external;

    function stateOf(address operator) external view returns (OperatorState memory);

    /// @notice Stake that a new batch could lock now: stake - unbonding - locked, floored at 0.
    function availableOf(address operator) external view returns (uint256);

    /// @notice Key that signs for `operator` at `timestamp`; zero before its registration.
    function signerAt(address operator, uint40 timestamp) external view returns (address);

    function signersOf(address operator) external view returns (SigningKey[] memory);
    function endpointOf(address operator) external view returns (string memory);
    function token() external view returns (address);
}
