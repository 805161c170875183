// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DType} from "./DType.sol";

/// @notice What a tensor is, in one word; fields as in docs/trace.md, 1.
type Descriptor is uint256;

using DescriptorLibrary for Descriptor global;

/// @title DescriptorLibrary
/// @notice Fields of a descriptor, and the arithmetic between an element's row-major index and its coordinates.
/// @dev Coordinates travel in one word, laid out like the dimensions of a descriptor. Nothing here reverts: a descriptor
/// that no compiler made (rank above 6, a dimension of 0) gives a number without meaning, in bounded time.
library DescriptorLibrary {
    uint256 internal constant CONSTANT = 0;
    uint256 internal constant INPUT = 1;
    uint256 internal constant MATERIALISED = 2;
    uint256 internal constant VIRTUAL = 3;

    uint256 private constant DIMENSIONS = type(uint192).max;

    function kind(Descriptor self) internal pure returns (uint256) {
        return Descriptor.unwrap(self) >> 248;
    }

    function dtype(Descriptor self) internal pure returns (uint256) {
        return (Descriptor.unwrap(self) >> 240) & 0xff;
    }

    /// @notice Weights slot, trace slot or program index, by kind.
    function ref(Descriptor self) internal pure returns (uint256) {
        return (Descriptor.unwrap(self) >> 224) & 0xffff;
    }

    function rank(Descriptor self) internal pure returns (uint256) {
        return (Descriptor.unwrap(self) >> 216) & 0xff;
    }

    /// @notice The layout: six nibbles, 0 if row-major.
    function storageOrder(Descriptor self) internal pure returns (uint256) {
        return (Descriptor.unwrap(self) >> 192) & 0xffffff;
    }

    function dimension(Descriptor self, uint256 axis) internal pure returns (uint256) {
        return coordinate(Descriptor.unwrap(self), axis);
    }

    /// @notice Whether the tensor is of this kind and its reference is this.
    function refersTo(Descriptor self, uint256 kind_, uint256 ref_) internal pure returns (bool) {
        return self.kind() == kind_ && self.ref() == ref_;
    }

    function eq(Descriptor self, Descriptor other) internal pure returns (bool) {
        return Descriptor.unwrap(self) == Descriptor.unwrap(other);
    }

    function sameShape(Descriptor self, Descriptor other) internal pure returns (bool) {
        return (Descriptor.unwrap(self) ^ Descriptor.unwrap(other)) & DIMENSIONS == 0;
    }

    /// @notice Number of elements.
    function size(Descriptor self) internal pure returns (uint256 product) {
        product = 1;
        uint256 axes = self.rank();
        unchecked {
            for (uint256 axis; axis < axes; ++axis) {
                product *= self.dimension(axis);
            }
        }
    }

    /// @notice Bytes of the tensor as it is committed, without padding.
    function byteSize(Descriptor self) internal pure returns (uint256) {
        unchecked {
            return self.size() * DType.byteSize(self.dtype());
        }
    }

    /// @notice Position in storage order of the element with this row-major index.
    function position(Descriptor self, uint256 index) internal pure returns (uint256 place) {
        uint256 order = self.storageOrder();
        if (order == 0) return index;
        uint256 coordinates = self.unravel(index);
        uint256 axes = self.rank();
        unchecked {
            for (uint256 k; k < axes; ++k) {
                uint256 axis = (order >> (20 - 4 * k)) & 0xf;
                place = place * self.dimension(axis) + coordinate(coordinates, axis);
            }
        }
    }

    /// @notice Distances between neighbours along each axis, laid out like dimensions: of places in storage if the layout
    /// is not row-major, of row-major indices otherwise.
    function steps(Descriptor self) internal pure returns (uint256 result) {
        uint256 order = self.storageOrder();
        uint256 k = self.rank();
        uint256 step = 1;
        unchecked {
            while (k != 0) {
                --k;
                uint256 axis = order == 0 ? k : (order >> (20 - 4 * k)) & 0xf;
                result = withCoordinate(result, axis, step);
                step *= self.dimension(axis);
            }
        }
    }

    /// @notice Coordinates of the element with this row-major index.
    function unravel(Descriptor self, uint256 index) internal pure returns (uint256 coordinates) {
        uint256 axis = self.rank();
        unchecked {
            while (axis != 0) {
                uint256 length = self.dimension(--axis);
                coordinates = withCoordinate(coordinates, axis, remainder(index, length));
                index = quotient(index, length);
            }
        }
    }

    /// @notice Row-major index of the element at these coordinates; where the dimension is 1, the coordinate is ignored.
    function ravel(Descriptor self, uint256 coordinates) internal pure returns (uint256 index) {
        uint256 axes = self.rank();
        unchecked {
            for (uint256 axis; axis < axes; ++axis) {
                uint256 length = self.dimension(axis);
                index = length == 1 ? index : index * length + coordinate(coordinates, axis);
            }
        }
    }

    function coordinate(uint256 coordinates, uint256 axis) internal pure returns (uint256) {
        unchecked {
            return (coordinates >> (160 - 32 * axis)) & 0xffffffff;
        }
    }

    function withCoordinate(uint256 coordinates, uint256 axis, uint256 value) internal pure returns (uint256) {
        unchecked {
            return coordinates | (value << (160 - 32 * axis));
        }
    }

    /// @dev The instructions give 0 for a divisor of 0, where Solidity's operators panic.
    function quotient(uint256 a, uint256 b) internal pure returns (uint256 result) {
        assembly ("memory-safe") {
            result := div(a, b)
        }
    }

    function remainder(uint256 a, uint256 b) internal pure returns (uint256 result) {
        assembly ("memory-safe") {
            result := mod(a, b)
        }
    }
}
