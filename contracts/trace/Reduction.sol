// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Opcode} from "./Opcode.sol";
import {Attributes, Entry, Source, Tensor} from "./Step.sol";

/// @notice Many elements of an entry's first input made into one number: their sum, or the largest of their keys. The key
/// of element x in place k is scale · x − unit · k: so the largest, the smallest, or the first of the largest is found.
/// @param entry whose first input is read
/// @param axis axis along which elements are taken
/// @param stride distance between them in row-major order
/// @param scale of keys; 0 for the sum
/// @param unit of keys
/// @param seen elements taken
/// @param total sum or largest key
struct Fold {
    Entry entry;
    uint256 axis;
    uint256 stride;
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
        unchecked {
            uint256 inner = DescriptorLibrary.remainder(index, fold.stride);
            fold.line((index - inner) * length + inner, length);
            if (opcode == Opcode.ARGMAX) return int256(uint256(uint32(uint256(-fold.total))));
            return fold.scale < 0 ? -fold.total : fold.total;
        }
    }

    /// @notice A fold along an axis, of nothing yet.
    function over(Entry entry, uint256 axis) internal pure returns (Fold memory fold) {
        Descriptor input = entry.input(0);
        fold.entry = entry;
        fold.axis = axis;
        fold.stride = 1;
        unchecked {
            for (uint256 k = input.rank(); k > axis + 1;) {
                fold.stride *= input.dimension(--k);
            }
        }
    }

    /// @notice Takes `count` elements along the axis, the first at row-major index `start`.
    function line(Fold memory self, uint256 start, uint256 count) internal pure {
        Source source = self.entry.source(0);
        if (!source.isComputed()) {
            Tensor tensor = source.tensor();
            Descriptor held = tensor.descriptor();
            if (DType.fillsBytes(held.dtype())) {
                if (source.isStored()) return stored(self, tensor, start, self.stride, count);
                // In another shape it is no line where it is stored in another order.
                if (held.eq(self.entry.input(0))) {
                    return stored(self, tensor, held.position(start), held.storedStride(self.axis), count);
                }
            }
        }
        unchecked {
            for (; count != 0; --count) {
                take(self, Evaluation.value(self.entry, 0, start));
                start += self.stride;
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

    /// @dev Takes elements of a committed tensor: the same for all that lie in one run of opened chunks.
    function stored(Fold memory self, Tensor tensor, uint256 place, uint256 stride, uint256 count) private pure {
        uint256 size = DType.byteSize(tensor.descriptor().dtype());
        unchecked {
            (place, stride) = (place * size, stride * size);
            while (count != 0) {
                (uint256 position, uint256 left) = tensor.open(place);
                uint256 length = DescriptorLibrary.quotient(left - 1, stride) + 1;
                if (length > count) length = count;
                run(self, position, stride, length, size);
                place += length * stride;
                count -= length;
            }
        }
    }

    /// @dev Takes `count` elements of `size` bytes that lie `step` bytes apart in the calldata.
    function run(Fold memory self, uint256 position, uint256 step, uint256 count, uint256 size) private pure {
        (int256 scale, int256 total, uint256 unit, uint256 places) = (self.scale, self.total, self.unit, self.seen);
        unchecked {
            self.seen = places + count;
            places *= unit;
            count = position + count * step;
            size = 256 - 8 * size;
        }
        assembly ("memory-safe") {
            switch scale
            case 0 {
                for {} lt(position, count) { position := add(position, step) } {
                    total := add(total, sar(size, calldataload(position)))
                }
            }
            default {
                for {} lt(position, count) { position := add(position, step) } {
                    let key := sub(mul(sar(size, calldataload(position)), scale), places)
                    places := add(places, unit)
                    if sgt(key, total) { total := key }
                }
            }
        }
        self.total = total;
    }
}
