// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {Attributes, Entry} from "./Step.sol";

/// @notice One direction of a window over an image.
/// @dev Cell k is at position (first + k · dilation) / divisor if that is a whole number inside the image.
/// @param size positions in the image
/// @param first numerator of the position of cell 0
/// @param cells cells of the window
/// @param dilation numerators from one cell to the next; negative if the window is walked backwards
/// @param divisor 1, or what a TRANSPOSE_CONV2D spreads its image by
/// @param step addresses from one position to the next
/// @param kernelStep the same in the kernel
struct Axis {
    uint256 size;
    uint256 first;
    uint256 cells;
    uint256 dilation;
    uint256 divisor;
    uint256 step;
    uint256 kernelStep;
}

using WindowLibrary for Axis global;

/// @notice Elements that one output element looks at, as many in the kernel as in the image:
/// address in the image << 160 | address in the kernel << 64 | number of elements.
/// @dev An address is what `Evaluation.valueAt` takes: see `DescriptorLibrary.steps`.
type Run is uint256;

using RunLibrary for Run global;

/// @title RunLibrary
library RunLibrary {
    function create(uint256 image_, uint256 kernel_, uint256 length_) internal pure returns (Run) {
        return Run.wrap((image_ << 160) | (uint256(uint96(kernel_)) << 64) | length_);
    }

    function image(Run self) internal pure returns (uint256) {
        return Run.unwrap(self) >> 160;
    }

    function kernel(Run self) internal pure returns (uint256) {
        return uint96(Run.unwrap(self) >> 64);
    }

    function length(Run self) internal pure returns (uint256) {
        return uint64(Run.unwrap(self));
    }

    /// @notice Element of a list, without a check.
    function nth(Run[] memory list, uint256 which) internal pure returns (Run run) {
        assembly ("memory-safe") {
            run := mload(add(list, shl(5, add(which, 1))))
        }
    }

    /// @notice Makes a list longer that nothing has been allocated after.
    function push(Run[] memory list, Run run) internal pure {
        assembly ("memory-safe") {
            let end := mload(0x40)
            mstore(end, run)
            mstore(0x40, add(end, 0x20))
            mstore(list, add(mload(list), 1))
        }
    }
}

/// @title WindowLibrary
library WindowLibrary {
    /// @notice One direction of the window of an output element over the entry's first input.
    /// @dev Leaves the kernel to the operator.
    /// @param axis of input and output
    /// @param coordinate of the output element
    /// @param steps of the input
    /// @param pad where the attributes have the padding before the image
    /// @param stride where they have the distance between two windows
    /// @param dilation where they have the distance between two cells; 0 if it is 1
    function along(
        Entry entry,
        uint256 axis,
        uint256 coordinate,
        uint256 steps,
        uint256 pad,
        uint256 stride,
        uint256 dilation
    ) internal pure returns (Axis memory self) {
        uint256 word = entry.word();
        self.size = entry.input(0).dimension(axis);
        self.step = DescriptorLibrary.coordinate(steps, axis);
        self.dilation = dilation == 0 ? 1 : Attributes.u16(word, dilation);
        self.divisor = 1;
        unchecked {
            self.first = DescriptorLibrary.coordinate(coordinate, axis) * Attributes.u16(word, stride)
                - Attributes.u16(word, pad);
        }
    }

    /// @notice A direction that the window does not have.
    function none() internal pure returns (Axis memory self) {
        (self.size, self.cells, self.divisor) = (1, 1, 1);
    }

    /// @notice Takes over size and distances of one direction of the kernel.
    function setKernel(Axis memory self, uint256 cells, uint256 kernelStep) internal pure {
        self.cells = cells;
        self.kernelStep = kernelStep;
    }

    /// @notice Position in the image of a cell.
    function position(Axis memory self, uint256 cell) internal pure returns (bool inside, uint256 place) {
        unchecked {
            uint256 numerator = self.first + cell * self.dilation;
            // What lies before the image is a huge number.
            place = DescriptorLibrary.quotient(numerator, self.divisor);
            inside = place < self.size && place * self.divisor == numerator;
        }
    }

    /// @notice The runs of a window, cells outside the image left out.
    /// @param image address in the image of what the window reads at position 0 of all axes
    /// @param kernel the same in the kernel
    /// @param length elements of a cell
    /// @param joined whether the cells of a row are one run; not if there is a divisor
    function runs(
        Axis memory z,
        Axis memory y,
        Axis memory x,
        uint256 image,
        uint256 kernel,
        uint256 length,
        bool joined
    ) internal pure returns (Run[] memory list) {
        list = new Run[](0);
        unchecked {
            for (uint256 k; k < z.cells; ++k) {
                (bool inside, uint256 place) = z.position(k);
                if (!inside) continue;
                uint256 slice = image + place * z.step;
                for (uint256 j; j < y.cells; ++j) {
                    (inside, place) = y.position(j);
                    if (!inside) continue;
                    uint256 row = kernel + k * z.kernelStep + j * y.kernelStep;
                    appendRow(list, x, slice + place * y.step, row, length, joined);
                }
            }
        }
    }

    function appendRow(Run[] memory list, Axis memory x, uint256 image, uint256 kernel, uint256 length, bool joined)
        private
        pure
    {
        unchecked {
            uint256 cells;
            for (uint256 i; i < x.cells; i += cells) {
                (bool inside, uint256 place) = x.position(i);
                cells = 1;
                if (!inside) continue;
                if (joined) {
                    cells = DescriptorLibrary.quotient(x.size - place - 1, x.dilation) + 1;
                    if (cells > x.cells - i) cells = x.cells - i;
                }
                RunLibrary.push(
                    list, RunLibrary.create(image + place * x.step, kernel + i * x.kernelStep, cells * length)
                );
            }
        }
    }
}
