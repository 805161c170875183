// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {Evaluation} from "./Evaluation.sol";
import {Opcode} from "./Opcode.sol";
import {Attributes, Entry} from "./Step.sol";

/// @title Movement
/// @notice Operators that only say where an element comes from.
library Movement {
    /// @dev Where PAD has the value of the padding.
    uint256 private constant PAD_CONST = 26;

    /// @notice IDENTITY, RESHAPE and CAST: row-major order is unchanged; the output's type does the rest.
    function identity(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(1);
        return Evaluation.value(entry, 0, index);
    }

    /// @notice CONCAT.
    function concat(Entry entry, uint256 index) internal pure returns (int256) {
        (uint256 which, uint256 from) = partOf(entry, index);
        return Evaluation.value(entry, which, from);
    }

    /// @notice PAD, REVERSE, SLICE, TILE and TRANSPOSE.
    function moved(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(1);
        (bool inside, uint256 from) = origin(entry, index);
        return inside ? Evaluation.value(entry, 0, from) : Attributes.i32(entry.word(), PAD_CONST);
    }

    /// @dev The input of a CONCAT that the output's element `index` comes from, and its row-major index there.
    function partOf(Entry entry, uint256 index) private pure returns (uint256 which, uint256 from) {
        uint256 axis = Attributes.u8(entry.word(), 2);
        uint256 coordinates = entry.output().unravel(index);
        uint256 place = DescriptorLibrary.coordinate(coordinates, axis);
        uint256 before;
        unchecked {
            uint256 last = entry.inputs() - 1;
            while (which < last) {
                uint256 end = before + entry.input(which).dimension(axis);
                if (place < end) break;
                before = end;
                ++which;
            }
            from = entry.input(which).ravel(coordinates - DescriptorLibrary.withCoordinate(0, axis, before));
        }
    }

    /// @dev Row-major index in the input of the output's element `index`; not `inside` if it is padding.
    function origin(Entry entry, uint256 index) private pure returns (bool inside, uint256 from) {
        (uint256 opcode, uint256 word) = (entry.opcode(), entry.word());
        Descriptor input = entry.input(0);
        uint256 coordinates = entry.output().unravel(index);
        uint256 axes = entry.output().rank();
        uint256 to;
        unchecked {
            for (uint256 axis; axis < axes; ++axis) {
                uint256 target = axis;
                uint256 place = DescriptorLibrary.coordinate(coordinates, axis);
                if (opcode == Opcode.TRANSPOSE) {
                    target = Attributes.u8(word, 2 + axis);
                } else if (opcode == Opcode.SLICE) {
                    place += Attributes.u32(word, 2 + 4 * axis);
                } else if (opcode == Opcode.PAD) {
                    place -= Attributes.u32(word, 2 + 4 * axis);
                    // What lies before the input has become a huge number.
                    if (place >= input.dimension(axis)) return (false, 0);
                } else if (opcode == Opcode.TILE) {
                    place = DescriptorLibrary.remainder(place, input.dimension(axis));
                } else if (axis == Attributes.u8(word, 2)) {
                    place = input.dimension(axis) - 1 - place;
                }
                to = DescriptorLibrary.withCoordinate(to, target, place);
            }
        }
        return (true, input.ravel(to));
    }

    /// @notice Whether a TRANSPOSE walks a tensor in the order in which it is stored.
    /// @dev Then the element with row-major index `i` of the output is the one in place `i` of storage.
    function followsStorage(Entry entry, Descriptor stored) internal pure returns (bool) {
        uint256 word = entry.word();
        uint256 axes = stored.rank();
        uint256 order;
        unchecked {
            for (uint256 axis; axis < axes; ++axis) {
                order |= Attributes.u8(word, 2 + axis) << (20 - 4 * axis);
            }
        }
        return order == stored.storageOrder() && entry.input(0).eq(stored);
    }
}
