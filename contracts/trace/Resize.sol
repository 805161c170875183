// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DescriptorLibrary} from "./Descriptor.sol";
import {Evaluation} from "./Evaluation.sol";
import {Attributes, Entry} from "./Step.sol";
import {Run, RunLibrary} from "./Window.sol";

/// @title Resize
/// @notice RESIZE: a weighted sum of the four elements around a place between rows and columns.
library Resize {
    uint256 private constant NEAREST = 1;

    /// @notice RESIZE. What counts for nothing is not read.
    function resize(Entry entry, uint256 index) internal pure returns (int256 total) {
        entry.requireInputs(1);
        Run[] memory corners = cornersOf(entry, index);
        uint256 count = corners.length;
        unchecked {
            for (uint256 i; i < count; ++i) {
                Run corner = RunLibrary.nth(corners, i);
                total += Evaluation.valueAt(entry, 0, corner.image()) * int256(corner.length());
            }
        }
    }

    /// @dev Elements of the image as runs; the length of a run is what its element counts.
    function cornersOf(Entry entry, uint256 index) private pure returns (Run[] memory corners) {
        uint256 coordinates = entry.output().unravel(index);
        uint256 steps = entry.input(0).steps();
        (uint256[2] memory rows, uint256[2] memory rowWeights) = neighbours(entry, coordinates, 1, 2, 10);
        (uint256[2] memory columns, uint256[2] memory columnWeights) = neighbours(entry, coordinates, 2, 6, 12);
        corners = new Run[](0);
        unchecked {
            uint256 image = DescriptorLibrary.coordinate(coordinates, 0) * DescriptorLibrary.coordinate(steps, 0)
                + DescriptorLibrary.coordinate(coordinates, 3) * DescriptorLibrary.coordinate(steps, 3);
            for (uint256 i; i < 4; ++i) {
                uint256 weight = rowWeights[i >> 1] * columnWeights[i & 1];
                if (weight == 0) continue;
                uint256 place = image + rows[i >> 1] * DescriptorLibrary.coordinate(steps, 1);
                place += columns[i & 1] * DescriptorLibrary.coordinate(steps, 2);
                RunLibrary.push(corners, RunLibrary.create(place, 0, weight));
            }
        }
    }

    /// @dev The two rows (axis 1) or columns (axis 2) around one of the output, and what each counts.
    /// @param scale where the attributes have numerator and denominator
    /// @param offset where they have the place of the first row or column
    function neighbours(Entry entry, uint256 coordinates, uint256 axis, uint256 scale, uint256 offset)
        private
        pure
        returns (uint256[2] memory places, uint256[2] memory weights)
    {
        uint256 word = entry.word();
        uint256 numerator = Attributes.u16(word, scale);
        unchecked {
            // One numerator higher, so that nothing is negative.
            uint256 sum = DescriptorLibrary.coordinate(coordinates, axis) * Attributes.u16(word, scale + 2)
                + uint256(Attributes.i16(word, offset)) + numerator;
            uint256 last = entry.input(0).dimension(axis) - 1;
            uint256 above = DescriptorLibrary.quotient(sum, numerator);
            uint256 rest = DescriptorLibrary.remainder(sum, numerator);
            places[0] = above == 0 ? 0 : above - 1;
            places[1] = above > last ? last : above;
            if (Attributes.u8(word, 14) == NEAREST) (rest, numerator) = (2 * rest < numerator ? 0 : 1, 1);
            (weights[0], weights[1]) = (numerator - rest, rest);
        }
    }
}
