// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {Evaluation} from "./Evaluation.sol";
import {Attributes, Entry} from "./Step.sol";

/// @title Movement
/// @notice Operators that only say where an element comes from.
library Movement {
    /// @notice IDENTITY and RESHAPE: row-major order is unchanged.
    function identity(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(1);
        return Evaluation.value(entry, 0, index);
    }

    /// @notice TRANSPOSE.
    function transpose(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(1);
        return Evaluation.value(entry, 0, transposedFrom(entry, index));
    }

    /// @dev Row-major index in the input of the output's element `index`.
    function transposedFrom(Entry entry, uint256 index) private pure returns (uint256) {
        uint256 word = entry.word();
        uint256 from = entry.output().unravel(index);
        uint256 axes = entry.output().rank();
        uint256 to;
        unchecked {
            for (uint256 axis; axis < axes; ++axis) {
                uint256 permuted = Attributes.u8(word, 2 + axis);
                to = DescriptorLibrary.withCoordinate(to, permuted, DescriptorLibrary.coordinate(from, axis));
            }
        }
        return entry.input(0).ravel(to);
    }

    /// @notice Whether a TRANSPOSE walks a tensor in the order in which it is stored.
    /// @dev Then the element with row-major index `i` of the output is the one in place `i` of storage.
    function followsStorage(Entry entry, Descriptor stored) internal pure returns (bool) {
        uint256 word = entry.word();
        uint256 axes = stored.rank();
        uint256 order;
        unchecked {
            for (uint256 axis; axis < axes; ++axis) {
                order |= Attributes.u8(word, 2 + axis) << (20 - 4 * axis);
            }
        }
        return order == stored.storageOrder() && entry.input(0).eq(stored);
    }
}
