// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Attributes, Entry} from "./Step.sol";
import {Window, WindowLibrary} from "./Window.sol";

/// @title Pooling
/// @notice Reductions over a window of one channel.
library Pooling {
    /// @notice MAX_POOL2D.
    function maximum(Entry entry, uint256 index) internal pure returns (int256 result) {
        entry.requireInputs(1);
        Window memory window = WindowLibrary.over({entry: entry, index: index, pads: 10, strides: 6, dilations: 0});
        window.rows = Attributes.u16(entry.word(), 2);
        window.columns = Attributes.u16(entry.word(), 4);
        result = DType.minimum(entry.output().dtype());
        unchecked {
            for (uint256 j; j < window.rows; ++j) {
                for (uint256 i; i < window.columns; ++i) {
                    (bool inside, uint256 image) = window.cell(j, i);
                    if (!inside) continue;
                    int256 x = Evaluation.value(entry, 0, image + window.channel);
                    if (x > result) result = x;
                }
            }
        }
    }
}
