// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DescriptorLibrary} from "./Descriptor.sol";
import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Attributes, Entry} from "./Step.sol";
import {Axis, Run, RunLibrary, WindowLibrary} from "./Window.sol";

/// @title Pooling
/// @notice Reductions over a window of one channel.
library Pooling {
    /// @notice MAX_POOL2D.
    function maximum(Entry entry, uint256 index) internal pure returns (int256 result) {
        entry.requireInputs(1);
        Run[] memory cells = cellsOf(entry, index);
        result = DType.minimum(entry.output().dtype());
        uint256 count = cells.length;
        unchecked {
            for (uint256 i; i < count; ++i) {
                int256 x = Evaluation.valueAt(entry, 0, RunLibrary.nth(cells, i).image());
                if (x > result) result = x;
            }
        }
    }

    /// @dev The cells inside the image that an output element looks at.
    function cellsOf(Entry entry, uint256 index) private pure returns (Run[] memory) {
        uint256 coordinates = entry.output().unravel(index);
        uint256 steps = entry.input(0).steps();
        Axis memory y = WindowLibrary.along(entry, 1, coordinates, steps, 10, 6, 0);
        Axis memory x = WindowLibrary.along(entry, 2, coordinates, steps, 14, 8, 0);
        y.cells = Attributes.u16(entry.word(), 2);
        x.cells = Attributes.u16(entry.word(), 4);
        unchecked {
            uint256 image = DescriptorLibrary.coordinate(coordinates, 0) * DescriptorLibrary.coordinate(steps, 0)
                + DescriptorLibrary.coordinate(coordinates, 3) * DescriptorLibrary.coordinate(steps, 3);
            return WindowLibrary.runs(WindowLibrary.none(), y, x, image, 0, 1, false);
        }
    }
}
