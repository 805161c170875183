// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DescriptorLibrary} from "./Descriptor.sol";
import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Entry, Tensor} from "./Step.sol";

/// @notice Elements of a committed tensor that lie a fixed distance apart, read where they stand in the calldata.
/// @param tensor the tensor
/// @param place byte of the tensor at which the next element begins
/// @param step bytes from one element to the next
/// @param position of the next element in the calldata
/// @param unused bits of a word that an element leaves
struct Line {
    Tensor tensor;
    uint256 place;
    uint256 step;
    uint256 position;
    uint256 unused;
}

using LineLibrary for Line global;

/// @title LineLibrary
/// @dev How to go on: `reach`, read that many elements from `position` on, `skip` them.
library LineLibrary {
    /// @notice Whether elements of an input can be read as a line: committed, addressed by their place, of a type that fills its bytes.
    function isPossible(Entry entry, uint256 which) internal pure returns (bool) {
        return Evaluation.isDirect(entry, which) && DType.fillsBytes(entry.source(which).tensor().descriptor().dtype());
    }

    /// @notice The elements of an input from an address on. Only if `isPossible`.
    function along(Entry entry, uint256 which, uint256 start, uint256 step_) internal pure returns (Line memory self) {
        Tensor tensor = entry.source(which).tensor();
        uint256 size = DType.byteSize(tensor.descriptor().dtype());
        self.tensor = tensor;
        unchecked {
            self.step = step_ * size;
            self.unused = 256 - 8 * size;
            self.place = start * size;
        }
    }

    /// @notice Finds the next element.
    /// @return count elements from there on that lie in opened chunks side by side, at most `most`
    function reach(Line memory self, uint256 most) internal pure returns (uint256 count) {
        uint256 left;
        (self.position, left) = self.tensor.open(self.place);
        unchecked {
            count = DescriptorLibrary.quotient(left - 1, self.step) + 1;
        }
        if (count > most) count = most;
    }

    /// @notice Leaves elements behind.
    function skip(Line memory self, uint256 count) internal pure {
        unchecked {
            self.place += count * self.step;
        }
    }
}
