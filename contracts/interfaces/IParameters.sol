// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommitTerms, DemandTerms, DisputeTerms, ParamBounds, Params, PotTerms} from "../types/Params.sol";

/// @title IParameters
/// @notice The append-only list of parameter sets, and the switch that stops new commitments.
/// @dev Sets never change. A batch follows the set its header names for its whole life; what belongs to no batch
/// follows the set in force when it began.
interface IParameters {
    /// @notice No set has this number.
    error Parameters_UnknownSet(uint32 set);
    /// @notice Another set was the newest at that time.
    error Parameters_NotNewestAt(uint32 set, uint40 time);
    /// @notice A header names a set that is no longer (or not yet) good for a commit.
    error Parameters_SetNotInForce(uint32 set, uint32 newest);
    /// @notice The set before the newest still takes commits; a new one would cut it off.
    error Parameters_TooSoon(uint40 earliest);
    /// @notice A relation or bound does not hold; `rule` is its text, for example "thawing".
    error Parameters_BrokenRelation(string rule);
    /// @notice New commitments are stopped.
    error Parameters_CommitmentsClosed();
    /// @notice The switch already stands so.
    error Parameters_Unchanged();

    /// @notice A set was added and is in force from now on.
    event ParamSetAdded(uint32 indexed set, Params params);
    /// @notice The guardian stopped new commitments.
    event CommitmentsClosed();
    /// @notice The council allowed new commitments again.
    event CommitmentsOpened();

    /// @notice Adds a set, in force at once (the council's delay lies before the call).
    /// @dev Restricted. Reverts unless every relation of docs/protocol.md, Parameters, holds.
    function add(Params calldata params) external returns (uint32 set);

    /// @notice Stops new commitments. Restricted to the guardian; nothing else stops.
    function closeCommitments() external;

    /// @notice Allows them again. Restricted to the council.
    function openCommitments() external;

    /// @notice A whole set.
    function paramsOf(uint32 set) external view returns (Params memory);

    /// @notice The newest set's number and its values.
    function current() external view returns (uint32 set, Params memory);

    /// @notice What a commit under `set` needs; reverts if the set is not in force for commits or they are closed.
    /// @dev In force: the newest, and the one before it for its own maxCommitDelay + grace after the change.
    function commitTerms(uint32 set) external view returns (CommitTerms memory);

    /// @notice What finality needs.
    function feeTerms(uint32 set) external view returns (uint16 protocolFeeBps, uint96 minBatchStake);

    /// @notice What a dispute needs.
    function disputeTerms(uint32 set) external view returns (DisputeTerms memory);
    function demandTerms(uint32 set) external view returns (DemandTerms memory);

    /// @notice What a pot needs.
    function potTerms(uint32 set) external view returns (PotTerms memory);

    /// @notice Least lock of a batch.
    function minBatchStakeOf(uint32 set) external view returns (uint96);

    /// @notice When stake or a reserve may leave whose exit is requested now: after unbondingDelay, and not before the
    /// unbondingDelay of any older set is over that was still in force when its successor came.
    function exitTime() external view returns (uint40);

    /// @notice When a reservation may leave whose release is requested now: after thawing, and not before the set before
    /// the newest takes no more commits.
    function thawTime() external view returns (uint40);

    /// @notice Until when what was served up to now can be committed, under whichever set.
    function lastCommitTime() external view returns (uint40);

    /// @notice From when a signing key holds that is set now.
    function keyTime() external view returns (uint40);

    /// @notice Reverts unless `set` was the newest at `time`.
    function requireNewestAt(uint32 set, uint40 time) external view;

    /// @notice Whether all commitments were closed at any second from `from` to `to`.
    function wereCommitmentsClosed(uint40 from, uint40 to) external view returns (bool);

    /// @notice Whether new commitments are stopped.
    function commitmentsClosed() external view returns (bool);

    /// @notice When the newest set was added.
    function newestAddedAt() external view returns (uint40);

    /// @notice The bounds of every set.
    function bounds() external view returns (ParamBounds memory);
}
