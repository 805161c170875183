// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DescriptorLibrary} from "./Descriptor.sol";
import {Evaluation} from "./Evaluation.sol";
import {Entry} from "./Step.sol";

/// @title Indexing
/// @notice Operators that read where another tensor says.
library Indexing {
    /// @notice GATHER: values N,K,C; indices N,W. 0 where the index is outside.
    function gather(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(2);
        uint256 channels = entry.output().dimension(2);
        int256 row = Evaluation.value(entry, 1, DescriptorLibrary.quotient(index, channels));
        uint256 rows = entry.input(0).dimension(1);
        // A negative index is a huge one.
        if (uint256(row) >= rows) return 0;
        unchecked {
            uint256 batch = DescriptorLibrary.quotient(index, channels * entry.output().dimension(1));
            uint256 channel = DescriptorLibrary.remainder(index, channels);
            return Evaluation.value(entry, 0, (batch * rows + uint256(row)) * channels + channel);
        }
    }

    /// @notice SCATTER: values N,K,C; indices N,W; input N,W,C. The last of equal indices counts, none outside.
    function scatter(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(3);
        uint256 channels = entry.output().dimension(2);
        uint256 row = DescriptorLibrary.quotient(index, channels);
        unchecked {
            // Indices of the batch item: from `first` to `place`.
            uint256 place = entry.input(1).dimension(1);
            uint256 first = place * DescriptorLibrary.quotient(row, entry.output().dimension(1));
            row = DescriptorLibrary.remainder(row, entry.output().dimension(1));
            place += first;
            while (place != first) {
                --place;
                if (uint256(Evaluation.value(entry, 1, place)) != row) continue;
                return Evaluation.value(entry, 2, place * channels + DescriptorLibrary.remainder(index, channels));
            }
        }
        return Evaluation.value(entry, 0, index);
    }
}
