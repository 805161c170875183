// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Opcode} from "./Opcode.sol";
import {Attributes, Entry, Source, Tensor} from "./Step.sol";

/// @notice Many elements of an entry's first input made into one number.
/// @dev A key is an element, with all bits flipped for the smallest: then the largest key is wanted of either. Where the
/// place of the first of the largest is wanted, the complement of the place is appended.
/// @param entry whose first input is read
/// @param axis axis along which elements are taken
/// @param stride distance between them in row-major order
/// @param sums whether they are summed; otherwise the largest key is taken
/// @param flip all bits set to take the smallest
/// @param placeBits bits of a place in a key
/// @param seen elements taken
/// @param total sum or largest key
struct Fold {
    Entry entry;
    uint256 axis;
    uint256 stride;
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
        unchecked {
            uint256 inner = DescriptorLibrary.remainder(index, fold.stride);
            fold.line((index - inner) * length + inner, length);
        }
        if (opcode == Opcode.ARGMAX) return int256(uint256(uint32(~uint256(fold.total))));
        return int256(uint256(fold.total) ^ fold.flip);
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
            // A bool is read byte by byte, and a tensor in another shape is no line where it is stored in another order.
            if (held.dtype() != DType.BOOL) {
                if (source.isStored()) return stored(self, tensor, start, self.stride, count);
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

    /// @dev Takes elements of a committed tensor: the same for all that lie in one run of opened chunks.
    function stored(Fold memory self, Tensor tensor, uint256 place, uint256 stride, uint256 count) private pure {
        uint256 dtype = tensor.descriptor().dtype();
        uint256 size = DType.byteSize(dtype);
        unchecked {
            (place, stride) = (place * size, stride * size);
            while (count != 0) {
                (uint256 position, uint256 left) = tensor.open(place);
                uint256 length = DescriptorLibrary.quotient(left - 1, stride) + 1;
                if (length > count) length = count;
                run(self, position, stride, length, dtype);
                place += length * stride;
                count -= length;
            }
        }
    }

    /// @dev Takes `count` elements that lie `step` bytes apart in the calldata.
    function run(Fold memory self, uint256 position, uint256 step, uint256 count, uint256 dtype) private pure {
        uint256 bits = DType.bits(dtype);
        uint256 end;
        uint256 unused;
        unchecked {
            end = position + count * step;
            unused = 8 * DType.byteSize(dtype) - bits;
            bits = 256 - bits;
        }
        int256 total = self.total;
        if (self.sums) {
            assembly ("memory-safe") {
                for {} lt(position, end) { position := add(position, step) } {
                    total := add(total, sar(bits, shl(unused, calldataload(position))))
                }
            }
        } else {
            uint256 flip = self.flip;
            uint256 placeBits = self.placeBits;
            uint256 places = ~self.seen;
            assembly ("memory-safe") {
                let mask := sub(shl(placeBits, 1), 1)
                for {} lt(position, end) { position := add(position, step) } {
                    let x := xor(sar(bits, shl(unused, calldataload(position))), flip)
                    x := or(shl(placeBits, x), and(places, mask))
                    places := sub(places, 1)
                    if sgt(x, total) { total := x }
                }
            }
        }
        self.total = total;
        unchecked {
            self.seen += count;
        }
    }
}
