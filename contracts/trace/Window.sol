// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {Attributes, Entry} from "./Step.sol";

/// @notice The cells of an image (N, H, W, C) that one output element of a convolution or pool looks at.
/// @dev Cell (j, i) lies in row `top + j · dilationY` and column `left + i · dilationX`, and may lie outside the image.
/// @param image row-major index of the first element of the batch item
/// @param channel channel of the output element
/// @param height rows of the image
/// @param width columns of the image
/// @param channels channels of the image
/// @param top row of the first cell
/// @param left column of the first cell
/// @param rows rows of cells
/// @param columns columns of cells
/// @param dilationY distance between rows of cells
/// @param dilationX distance between columns of cells
struct Window {
    uint256 image;
    uint256 channel;
    uint256 height;
    uint256 width;
    uint256 channels;
    int256 top;
    int256 left;
    uint256 rows;
    uint256 columns;
    uint256 dilationY;
    uint256 dilationX;
}

using WindowLibrary for Window global;

/// @title WindowLibrary
library WindowLibrary {
    /// @notice The window of element `index` of an entry's output (N, OH, OW, OC) over its first input.
    /// @dev Leaves the size of the kernel to the operator.
    /// @param pads where the attributes have four words: top, bottom, left, right
    /// @param strides where they have two: y, x
    /// @param dilations the same; 0 if the operator has none
    function over(Entry entry, uint256 index, uint256 pads, uint256 strides, uint256 dilations)
        internal
        pure
        returns (Window memory window)
    {
        uint256 word = entry.word();
        Descriptor image = entry.input(0);
        uint256 place = entry.output().unravel(index);
        window.height = image.dimension(1);
        window.width = image.dimension(2);
        window.channels = image.dimension(3);
        window.channel = DescriptorLibrary.coordinate(place, 3);
        unchecked {
            window.dilationY = dilations == 0 ? 1 : Attributes.u16(word, dilations);
            window.dilationX = dilations == 0 ? 1 : Attributes.u16(word, dilations + 2);
            window.image = DescriptorLibrary.coordinate(place, 0) * window.height * window.width * window.channels;
            uint256 y = DescriptorLibrary.coordinate(place, 1) * Attributes.u16(word, strides);
            uint256 x = DescriptorLibrary.coordinate(place, 2) * Attributes.u16(word, strides + 2);
            window.top = int256(y) - int256(Attributes.u16(word, pads));
            window.left = int256(x) - int256(Attributes.u16(word, pads + 4));
        }
    }

    /// @notice Row-major index in the image of the first channel of cell (0, i) moved to row `y`.
    /// @return inside whether the cell lies in the image
    function cell(Window memory self, uint256 j, uint256 i) internal pure returns (bool inside, uint256 index) {
        unchecked {
            uint256 y = uint256(self.top + int256(j * self.dilationY));
            uint256 x = uint256(self.left + int256(i * self.dilationX));
            // A negative coordinate is a huge one.
            inside = y < self.height && x < self.width;
            index = self.image + (y * self.width + x) * self.channels;
        }
    }

    /// @notice Of row `j` of cells those that lie in the image, if they are not dilated.
    /// @return index row-major index of the first, in the channel of the output element
    /// @return count their number
    function row(Window memory self, uint256 j) internal pure returns (uint256 index, uint256 count) {
        unchecked {
            uint256 y = uint256(self.top + int256(j));
            int256 first = self.left < 0 ? int256(0) : self.left;
            int256 end = self.left + int256(self.columns);
            if (end > int256(self.width)) end = int256(self.width);
            // A negative coordinate is a huge one.
            if (y < self.height && first < end) count = uint256(end - first);
            index = self.image + (y * self.width + uint256(first)) * self.channels + self.channel;
        }
    }

    /// @notice Number of cells to take from cell (j, i) on in one piece: those that are neighbours in the image as in the
    /// kernel, if `packed`, and lie on one side of its edges with the first.
    function adjacent(Window memory self, uint256 i, bool packed) internal pure returns (uint256 cells) {
        if (!packed || self.dilationX != 1) return 1;
        unchecked {
            int256 x = self.left + int256(i);
            int256 edge = x < 0 ? int256(0) : int256(self.width);
            cells = self.columns - i;
            if (x < edge && edge - x < int256(cells)) cells = uint256(edge - x);
        }
    }
}
