// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DescriptorLibrary} from "./Descriptor.sol";
import {DType} from "./DType.sol";
import {Fold, Reduction} from "./Reduction.sol";
import {Attributes, Entry} from "./Step.sol";
import {Axis, Run, RunLibrary, WindowLibrary} from "./Window.sol";

/// @title Pooling
/// @notice Reductions over a window of one channel.
library Pooling {
    /// @dev The columns of an image are an axis; cells side by side are neighbours along it.
    uint256 private constant COLUMNS = 2;

    /// @notice MAX_POOL2D.
    function maximum(Entry entry, uint256 index) internal pure returns (int256) {
        Fold memory fold = Reduction.over(entry, COLUMNS);
        fold.scale = 1;
        fold.total = DType.minimum(entry.output().dtype());
        pool(fold, index);
        return fold.total;
    }

    /// @notice AVG_POOL2D: multiplies by the reciprocal of the number of cells inside, as TOSA rounds it. Saturates.
    function average(Entry entry, uint256 index) internal pure returns (int256) {
        Fold memory fold = Reduction.over(entry, COLUMNS);
        pool(fold, index);
        uint256 word = entry.word();
        unchecked {
            uint256 cells = fold.seen;
            uint256 log = cells - 1;
            assembly ("memory-safe") {
                log := sub(256, clz(log))
            }
            int256 reciprocal = int256(DescriptorLibrary.quotient(((1 << 30) + 1) << log, cells));
            int256 sum = (fold.total - int256(cells) * Attributes.i16(word, 18)) * reciprocal;
            sum = ((sum + int256(1 << (29 + log))) >> (30 + log)) + Attributes.i16(word, 20);
            return DType.saturate(entry.output().dtype(), false, sum);
        }
    }

    /// @dev Takes the cells inside the image.
    function pool(Fold memory fold, uint256 index) private pure {
        Entry entry = fold.entry;
        entry.requireInputs(1);
        Run[] memory rows = cellsOf(entry, index);
        uint256 count = rows.length;
        for (uint256 i; i < count; ++i) {
            fold.line(RunLibrary.nth(rows, i).image(), RunLibrary.nth(rows, i).length());
        }
    }

    /// @dev The cells inside the image that an output element looks at, row by row.
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
            return
                WindowLibrary.runs({
                    z: WindowLibrary.none(), y: y, x: x, image: image, kernel: 0, length: 1, joined: true
                });
        }
    }
}
