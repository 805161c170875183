// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader} from "../types/Batch.sol";
import {BatchId, ModelId} from "../types/Ids.sol";
import {History} from "../types/Reputation.sol";

/// @title IReputation
/// @notice What every operator, model and provider has behind it, as `Settlement` decided it. Nobody reports: anyone may
/// have an ended batch read, once. Weighed by protocol fees, so whoever washes a name pays the treasury for it.
/// @dev An operator that hides a fault by not having it read is still found: `Operators.stateOf` counts it at the verdict.
interface IReputation {
    error Reputation_ZeroHalfLife();
    /// @notice None of the batches was new and ended; the first one's reason is in `reason`.
    error Reputation_NothingRecorded(bytes reason);
    /// @notice The batch is not Final, Settled or Refunded.
    error Reputation_NotEnded(BatchId batchId);
    error Reputation_AlreadyRecorded(BatchId batchId);

    event BatchRecorded(BatchId indexed batchId, address indexed operator, ModelId indexed modelId, address provider);
    event RecordSkipped(BatchId indexed batchId, bytes reason);

    /// @notice Reads ended batches into the histories of their operator, model and provider; one bad item does not stop
    /// the others, reverts if none was good. Anyone.
    function record(BatchHeader[] calldata headers) external returns (uint256 recorded);

    /// @notice Seconds in which `earned` and `lost` halve.
    function halfLife() external view returns (uint40);

    /// @notice History with `earned` and `lost` decayed up to now.
    function ofOperator(address operator) external view returns (History memory);
    function ofProvider(address provider) external view returns (History memory);
    function ofModel(ModelId modelId) external view returns (History memory);

    /// @notice earned / (earned + lost) in basis points, rounded down; 0 for who has neither.
    function scoreOf(History memory history) external pure returns (uint16 scoreBps);

    /// @notice Whether the batch with this sequence of an operator was recorded.
    function isRecorded(address operator, uint64 sequence) external view returns (bool);
}
