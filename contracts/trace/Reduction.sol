// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {Evaluation} from "./Evaluation.sol";
import {Line, LineLibrary} from "./Line.sol";
import {Opcode} from "./Opcode.sol";
import {Attributes, Entry} from "./Step.sol";

/// @notice Many elements of an entry's first input made into one number: their sum, or the largest of their keys. The key
/// of element x in place k is scale · x − unit · k: so the largest, the smallest, or the first of the largest is found.
/// @param entry whose first input is read
/// @param step addresses from one element to the next: see `DescriptorLibrary.steps`
/// @param scale of keys; 0 for the sum
/// @param unit of keys
/// @param seen elements taken
/// @param total sum or largest key
struct Fold {
    Entry entry;
    uint256 step;
    int256 scale;
    uint256 unit;
    uint256 seen;
    int256 total;
}

using Reduction for Fold global;

/// @title Reduction
/// @notice Operators that fold an axis, and what pools share with them.
library Reduction {
    /// @dev Scale of keys that have a place: places have 32 bits.
    int256 private constant PLACES = 1 << 32;

    /// @notice REDUCE_SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY (the largest of 0 and 1), REDUCE_ALL (the smallest) and
    /// ARGMAX.
    function reduce(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(1);
        uint256 axis = Attributes.u8(entry.word(), 2);
        Fold memory fold = over(entry, axis);
        uint256 opcode = entry.opcode();
        if (opcode != Opcode.REDUCE_SUM) {
            fold.total = type(int256).min;
            fold.scale = opcode == Opcode.REDUCE_MIN || opcode == Opcode.REDUCE_ALL ? -1 : int256(1);
            if (opcode == Opcode.ARGMAX) (fold.scale, fold.unit) = (PLACES, 1);
        }
        uint256 length = entry.input(0).dimension(axis);
        fold.line(entry.input(0).position(firstOf(entry, axis, index)), length);
        unchecked {
            if (opcode == Opcode.ARGMAX) return int256(uint256(uint32(uint256(-fold.total))));
            return fold.scale < 0 ? -fold.total : fold.total;
        }
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
            if (self.scale == 0) {
                self.total += x;
            } else {
                x = x * self.scale - int256(self.unit * self.seen);
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
                take(self, line_, length);
                line_.skip(length);
                count -= length;
            }
        }
    }

    /// @dev Takes the next elements of a line.
    function take(Fold memory self, Line memory line_, uint256 count) private pure {
        (uint256 position, uint256 step, uint256 unused) = (line_.position, line_.step, line_.unused);
        (int256 scale, int256 total, uint256 unit, uint256 places) = (self.scale, self.total, self.unit, self.seen);
        unchecked {
            self.seen = places + count;
            places *= unit;
        }
        assembly ("memory-safe") {
            switch scale
            case 0 {
                for {} count { count := sub(count, 1) } {
                    total := add(total, sar(unused, calldataload(position)))
                    position := add(position, step)
                }
            }
            default {
                for {} count { count := sub(count, 1) } {
                    let key := sub(mul(sar(unused, calldataload(position)), scale), places)
                    places := add(places, unit)
                    if sgt(key, total) { total := key }
                    position := add(position, step)
                }
            }
        }
        self.total = total;
    }
}
