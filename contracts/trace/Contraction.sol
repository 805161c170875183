// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {DotProduct} from "./DotProduct.sol";
import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Attributes, Entry, Source} from "./Step.sol";
import {Window, WindowLibrary} from "./Window.sol";

/// @title Contraction
/// @notice Sums of products: convolutions and MATMUL.
library Contraction {
    /// @dev Axes 0, 2, 1: the second operand of MATMUL in the order in which it is read.
    uint256 private constant COLUMNS_FIRST = 0x021000;

    /// @notice CONV2D: input N,H,W,C; weight O,KH,KW,C; bias O or 1.
    function conv2d(Entry entry, uint256 index) internal pure returns (int256 sum) {
        entry.requireInputs(3);
        Window memory window = WindowLibrary.over({entry: entry, index: index, pads: 2, strides: 10, dilations: 14});
        window.rows = entry.input(1).dimension(1);
        window.columns = entry.input(1).dimension(2);
        bool packed = isPacked(entry, 0) && isPacked(entry, 1);
        sum = biasOf(entry, window.channel);
        unchecked {
            for (uint256 j; j < window.rows; ++j) {
                uint256 cells;
                for (uint256 i; i < window.columns; i += cells) {
                    cells = window.adjacent(i, packed);
                    (bool inside, uint256 image) = window.cell(j, i);
                    if (!inside) continue;
                    uint256 weight = ((window.channel * window.rows + j) * window.columns + i) * window.channels;
                    uint256 length = cells * window.channels;
                    sum += packed ? dot(entry, image, weight, length) : products(entry, image, weight, length, 1);
                }
            }
        }
    }

    /// @notice DEPTHWISE_CONV2D: input N,H,W,C; weight KH,KW,C,M; bias C·M or 1.
    function depthwise(Entry entry, uint256 index) internal pure returns (int256 sum) {
        entry.requireInputs(3);
        Window memory window = WindowLibrary.over({entry: entry, index: index, pads: 2, strides: 10, dilations: 14});
        Descriptor weight = entry.input(1);
        window.rows = weight.dimension(0);
        window.columns = weight.dimension(1);
        sum = biasOf(entry, window.channel);
        unchecked {
            uint256 outputs = window.channels * weight.dimension(3);
            uint256 channel = DescriptorLibrary.quotient(window.channel, weight.dimension(3));
            for (uint256 j; j < window.rows; ++j) {
                for (uint256 i; i < window.columns; ++i) {
                    (bool inside, uint256 image) = window.cell(j, i);
                    if (!inside) continue;
                    uint256 from = (j * window.columns + i) * outputs + window.channel;
                    sum += products(entry, image + channel, from, 1, 1);
                }
            }
        }
    }

    /// @notice MATMUL: inputs N,H,C and N,C,W.
    function matmul(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(2);
        (uint256 row, uint256 column, uint256 packedColumn) = operands(entry, index);
        uint256 length = entry.input(0).dimension(2);
        if (isPacked(entry, 0) && isPackedByColumns(entry, 1)) return dot(entry, row, packedColumn, length);
        return products(entry, row, column, length, entry.input(1).dimension(2));
    }

    /// @dev Row-major indices of the first elements that one element of MATMUL reads; of the second input also the place
    /// in storage if its columns are stored one after the other.
    function operands(Entry entry, uint256 index)
        private
        pure
        returns (uint256 row, uint256 column, uint256 packedColumn)
    {
        uint256 coordinates = entry.output().unravel(index);
        uint256 rows = entry.input(0).dimension(1);
        uint256 length = entry.input(0).dimension(2);
        uint256 columns = entry.input(1).dimension(2);
        uint256 batch = DescriptorLibrary.coordinate(coordinates, 0);
        column = DescriptorLibrary.coordinate(coordinates, 2);
        unchecked {
            row = (batch * rows + DescriptorLibrary.coordinate(coordinates, 1)) * length;
            packedColumn = (batch * columns + column) * length;
            column += batch * length * columns;
        }
    }

    function biasOf(Entry entry, uint256 channel) private pure returns (int256) {
        return Evaluation.value(entry, 2, entry.input(2).dimension(0) == 1 ? 0 : channel);
    }

    /// @dev Whether consecutive row-major indices of an input are consecutive bytes of a committed tensor.
    function isPacked(Entry entry, uint256 which) private pure returns (bool) {
        Source source = entry.source(which);
        return source.isStored() && source.tensor().descriptor().dtype() == DType.INT8;
    }

    /// @dev Whether an input is a committed tensor of bytes whose columns are stored one after the other.
    function isPackedByColumns(Entry entry, uint256 which) private pure returns (bool) {
        Source source = entry.source(which);
        Descriptor input = entry.input(which);
        return source.isIndexed() && source.tensor().descriptor().eq(input) && input.dtype() == DType.INT8
            && input.storageOrder() == COLUMNS_FIRST;
    }

    /// @dev Sum of the products of `length` consecutive elements of the packed inputs 0 and 1.
    function dot(Entry entry, uint256 image, uint256 weight, uint256 length) private pure returns (int256) {
        uint256 word = entry.word();
        return DotProduct.int8s({
            x: entry.source(0).tensor().span(image, length),
            y: entry.source(1).tensor().span(weight, length),
            length: length,
            zeroX: Attributes.i16(word, 18),
            zeroY: Attributes.i16(word, 20)
        });
    }

    /// @dev The same for any inputs; elements of input 1 stand `step` apart.
    function products(Entry entry, uint256 image, uint256 weight, uint256 length, uint256 step)
        private
        pure
        returns (int256 sum)
    {
        unchecked {
            for (uint256 end = image + length; image < end; ++image) {
                int256 x = Evaluation.value(entry, 0, image) - Attributes.i16(entry.word(), 18);
                int256 y = Evaluation.value(entry, 1, weight) - Attributes.i16(entry.word(), 20);
                sum += x * y;
                weight += step;
            }
        }
    }
}
