// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {Evaluation} from "./Evaluation.sol";
import {Line, LineLibrary} from "./Line.sol";
import {Opcode} from "./Opcode.sol";
import {Attributes, Entry} from "./Step.sol";

/// @notice Many elements of an entry's first input made into one number.
/// @dev A key is an element, with all bits flipped for the smallest: then the largest key is wanted of either. Where the
/// place of the first of the largest is wanted, the complement of the place is appended.
/// @param entry whose first input is read
/// @param step addresses from one element to the next: see `DescriptorLibrary.steps`
/// @param sums whether they are summed; otherwise the largest key is taken
/// @param flip all bits set to take the smallest
/// @param placeBits bits of a place in a key
/// @param seen elements taken
/// @param total sum or largest key
struct Fold {
    Entry entry;
    uint256 step;
    bool sums;
    uint256 flip;
    uint256 placeBits;
    uint256 seen;
    int256 total;
}

using Reduction for Fold global;

/// @title Reduction
/// @notice Operators that fold an axis, and what pools share with them.
library Reduction {
    uint256 private constant PLACE_BITS = 32;

    /// @notice REDUCE_SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY (the largest of 0 and 1), REDUCE_ALL (the smallest) and
    /// ARGMAX.
    function reduce(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(1);
        uint256 axis = Attributes.u8(entry.word(), 2);
        uint256 opcode = entry.opcode();
        Fold memory fold = over(entry, axis);
        fold.sums = opcode == Opcode.REDUCE_SUM;
        if (!fold.sums) fold.total = type(int256).min;
        if (opcode == Opcode.REDUCE_MIN || opcode == Opcode.REDUCE_ALL) fold.flip = type(uint256).max;
        if (opcode == Opcode.ARGMAX) fold.placeBits = PLACE_BITS;
        uint256 length = entry.input(0).dimension(axis);
        fold.line(entry.input(0).position(firstOf(entry, axis, index)), length);
        if (opcode == Opcode.ARGMAX) return int256(uint256(uint32(~uint256(fold.total))));
        return int256(uint256(fold.total) ^ fold.flip);
    }

    /// @notice A fold along an axis, of nothing yet.
    function over(Entry entry, uint256 axis) internal pure returns (Fold memory fold) {
        fold.entry = entry;
        fold.step = DescriptorLibrary.coordinate(entry.input(0).steps(), axis);
    }

    /// @dev Row-major index of the first element along an axis that goes into the output's element `index`.
    function firstOf(Entry entry, uint256 axis, uint256 index) private pure returns (uint256) {
        Descriptor input = entry.input(0);
        uint256 stride = 1;
        unchecked {
            for (uint256 k = input.rank(); k > axis + 1;) {
                stride *= input.dimension(--k);
            }
            uint256 inner = DescriptorLibrary.remainder(index, stride);
            return (index - inner) * input.dimension(axis) + inner;
        }
    }

    /// @notice Takes `count` elements along the axis, the first at address `start`.
    function line(Fold memory self, uint256 start, uint256 count) internal pure {
        if (LineLibrary.isPossible(self.entry, 0)) return lineOf(self, start, count);
        unchecked {
            for (; count != 0; --count) {
                take(self, Evaluation.valueAt(self.entry, 0, start));
                start += self.step;
            }
        }
    }

    /// @dev Takes an element.
    function take(Fold memory self, int256 x) private pure {
        unchecked {
            if (self.sums) {
                self.total += x;
            } else {
                uint256 places = (1 << self.placeBits) - 1;
                x = int256((uint256(x) ^ self.flip) << self.placeBits | (~self.seen & places));
                if (x > self.total) self.total = x;
            }
            ++self.seen;
        }
    }

    /// @dev The same for elements of a committed tensor.
    function lineOf(Fold memory self, uint256 start, uint256 count) private pure {
        Line memory line_ = LineLibrary.along(self.entry, 0, start, self.step);
        unchecked {
            while (count != 0) {
                uint256 length = line_.reach(count);
                self.total = self.sums ? sum(self.total, line_, length) : largest(self, line_, length);
                self.seen += length;
                line_.skip(length);
                count -= length;
            }
        }
    }

    /// @dev `total` and the next elements of a line.
    function sum(int256 total, Line memory line_, uint256 count) private pure returns (int256) {
        (uint256 position, uint256 step, uint256 unused) = (line_.position, line_.step, line_.unused);
        assembly ("memory-safe") {
            for {} count { count := sub(count, 1) } {
                total := add(total, sar(unused, calldataload(position)))
                position := add(position, step)
            }
        }
        return total;
    }

    /// @dev The largest of the fold's key and those of the next elements of a line.
    function largest(Fold memory self, Line memory line_, uint256 count) private pure returns (int256 total) {
        (uint256 position, uint256 step, uint256 unused) = (line_.position, line_.step, line_.unused);
        total = self.total;
        uint256 flip = self.flip;
        uint256 placeBits = self.placeBits;
        uint256 places = ~self.seen;
        assembly ("memory-safe") {
            let mask := sub(shl(placeBits, 1), 1)
            for {} count { count := sub(count, 1) } {
                let x := xor(sar(unused, calldataload(position)), flip)
                x := or(shl(placeBits, x), and(places, mask))
                if sgt(x, total) { total := x }
                places := sub(places, 1)
                position := add(position, step)
            }
        }
    }
}
