// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DescriptorLibrary} from "./Descriptor.sol";
import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Attributes, Entry} from "./Step.sol";

/// @title Rescale
/// @notice RESCALE: a multiplication by `multiplier / 2^shift` between two zero points.
library Rescale {
    uint256 private constant DOUBLE_ROUND = 2;
    uint256 private constant PER_CHANNEL = 4;
    uint256 private constant INPUT_UNSIGNED = 8;
    uint256 private constant OUTPUT_UNSIGNED = 16;

    /// @notice RESCALE. Saturates.
    function rescale(Entry entry, uint256 index) internal pure returns (int256) {
        uint256 word = entry.word();
        bool perChannel = Attributes.u8(word, 15) & PER_CHANNEL != 0;
        entry.requireInputs(perChannel ? 2 : 1);
        int256 x = Evaluation.value(entry, 0, index);
        (int256 multiplier, uint256 shift) = (Attributes.i32(word, 2), Attributes.u8(word, 6));
        if (perChannel) (multiplier, shift) = ofChannel(entry, index);
        return scale(entry, x, multiplier, shift);
    }

    /// @dev Multiplier and shift of the channel of element `index`: the last axis.
    function ofChannel(Entry entry, uint256 index) private pure returns (int256 multiplier, uint256 shift) {
        unchecked {
            uint256 channels = entry.output().dimension(entry.output().rank() - 1);
            int256 packed = Evaluation.value(entry, 1, DescriptorLibrary.remainder(index, channels));
            return (int256(uint256(uint32(uint256(packed)))), uint8(uint256(packed >> 32)));
        }
    }

    /// @dev Exact: below 2^49 · 2^32 + 2^255 in every case.
    function scale(Entry entry, int256 x, int256 multiplier, uint256 shift) private pure returns (int256 y) {
        uint256 word = entry.word();
        uint256 flags = Attributes.u8(word, 15);
        unchecked {
            if (flags & INPUT_UNSIGNED != 0) x = int256(DType.zeroExtend(entry.input(0).dtype(), x));
            x -= Attributes.i32(word, 7);
            y = x * multiplier + (shift == 0 ? int256(0) : int256(1 << (shift - 1)));
            if (flags & DOUBLE_ROUND != 0 && shift > 31) y += x < 0 ? -int256(1 << 30) : int256(1 << 30);
            y = (y >> shift) + Attributes.i32(word, 11);
        }
        return DType.saturate(entry.output().dtype(), flags & OUTPUT_UNSIGNED != 0, y);
    }
}
