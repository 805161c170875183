// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor} from "./Descriptor.sol";
import {Evaluation} from "./Evaluation.sol";
import {Attributes, Entry} from "./Step.sol";

/// @title Elementwise
/// @notice Operators that compute an element from the elements in the same place of their inputs.
library Elementwise {
    /// @notice ADD.
    function add(Entry entry, uint256 index) internal pure returns (int256 sum) {
        entry.requireInputs(2);
        sum = Evaluation.value(entry, 0, broadcast(entry, 0, index));
        unchecked {
            sum += Evaluation.value(entry, 1, broadcast(entry, 1, index));
        }
    }

    /// @notice CLAMP.
    function clamp(Entry entry, uint256 index) internal pure returns (int256 result) {
        entry.requireInputs(1);
        result = Evaluation.value(entry, 0, index);
        uint256 word = entry.word();
        int256 low = Attributes.i32(word, 2);
        int256 high = Attributes.i32(word, 6);
        if (result < low) result = low;
        if (result > high) result = high;
    }

    /// @notice Row-major index in an input of the element that stands in the place of the output's element `index`.
    function broadcast(Entry entry, uint256 which, uint256 index) internal pure returns (uint256) {
        Descriptor input = entry.input(which);
        if (input.sameShape(entry.output())) return index;
        return input.ravel(entry.output().unravel(index));
    }
}
