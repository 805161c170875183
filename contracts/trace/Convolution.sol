// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {DotProduct} from "./DotProduct.sol";
import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Attributes, Entry, Source} from "./Step.sol";
import {Window, WindowLibrary} from "./Window.sol";

/// @title Convolution
/// @notice Sums of products over a window.
library Convolution {
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
                    sum += packed ? dot(entry, image, weight, length) : products(entry, image, weight, length);
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
                    sum += products(entry, image + channel, from, 1);
                }
            }
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

    /// @dev The same for any inputs.
    function products(Entry entry, uint256 image, uint256 weight, uint256 length) private pure returns (int256 sum) {
        unchecked {
            for (uint256 end = image + length; image < end; ++image) {
                int256 x = Evaluation.value(entry, 0, image) - Attributes.i16(entry.word(), 18);
                int256 y = Evaluation.value(entry, 1, weight) - Attributes.i16(entry.word(), 20);
                sum += x * y;
                ++weight;
            }
        }
    }
}
