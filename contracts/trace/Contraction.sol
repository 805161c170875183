// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {DotProduct} from "./DotProduct.sol";
import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Line, LineLibrary} from "./Line.sol";
import {Opcode} from "./Opcode.sol";
import {Attributes, Entry} from "./Step.sol";
import {Axis, Run, RunLibrary, WindowLibrary} from "./Window.sol";

/// @notice Products to sum.
/// @param runs where the factors are
/// @param bias index in the bias
/// @param imageStep addresses from one factor of a run to the next in input 0
/// @param kernelStep the same in input 1
/// @param packed whether the factors of a run are consecutive bytes of committed tensors in both
/// @param stored whether they are lines in both
struct Terms {
    Run[] runs;
    uint256 bias;
    uint256 imageStep;
    uint256 kernelStep;
    bool packed;
    bool stored;
}

/// @title Contraction
/// @notice Sums of products of (x − zero point)(w − zero point).
/// @dev What is computed before the first factor is read is in functions of its own, off the cycle of `Evaluation`.
library Contraction {
    uint256 private constant INPUT_ZP = 18;
    uint256 private constant WEIGHT_ZP = 20;

    /// @notice CONV2D, CONV3D, DEPTHWISE_CONV2D and TRANSPOSE_CONV2D: input, weight, bias.
    function convolution(Entry entry, uint256 index) internal pure returns (int256 result) {
        entry.requireInputs(3);
        Terms memory terms = termsOf(entry, index);
        result = Evaluation.value(entry, 2, terms.bias);
        result += sum(entry, terms);
    }

    /// @notice MATMUL: inputs N,H,C and N,C,W.
    function matmul(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(2);
        return sum(entry, matrixTerms(entry, index));
    }

    // ---- Which products ---------------------------------------------------------------------------------------------

    function termsOf(Entry entry, uint256 index) private pure returns (Terms memory terms) {
        uint256 opcode = entry.opcode();
        Descriptor weight = entry.input(1);
        uint256 coordinates = entry.output().unravel(index);
        // Axes of the image: batch, (depth,) height, width, channels.
        uint256 width = opcode == Opcode.CONV3D ? 3 : 2;
        uint256 channel = DescriptorLibrary.coordinate(coordinates, width + 1);
        terms.bias = entry.input(2).dimension(0) == 1 ? 0 : channel;
        (uint256 steps, uint256 kernelSteps) = (entry.input(0).steps(), weight.steps());
        terms.imageStep = DescriptorLibrary.coordinate(steps, width + 1);
        uint256 image = DescriptorLibrary.coordinate(coordinates, 0) * DescriptorLibrary.coordinate(steps, 0);
        uint256 dilation = opcode == Opcode.TRANSPOSE_CONV2D ? 0 : 14;
        Axis memory z = WindowLibrary.none();
        Axis memory y = WindowLibrary.along(entry, width - 1, coordinates, steps, 2, 10, dilation);
        Axis memory x = WindowLibrary.along(entry, width, coordinates, steps, 6, 12, dilation == 0 ? 0 : 16);
        if (opcode == Opcode.CONV3D) z = WindowLibrary.along(entry, 1, coordinates, steps, 22, 26, 28);
        unchecked {
            if (opcode == Opcode.DEPTHWISE_CONV2D) {
                uint256 multiples = weight.dimension(3);
                uint256 from = DescriptorLibrary.quotient(channel, multiples);
                y.setKernel(weight.dimension(0), DescriptorLibrary.coordinate(kernelSteps, 0));
                x.setKernel(weight.dimension(1), DescriptorLibrary.coordinate(kernelSteps, 1));
                uint256 kernel = from * DescriptorLibrary.coordinate(kernelSteps, 2)
                    + DescriptorLibrary.remainder(channel, multiples) * DescriptorLibrary.coordinate(kernelSteps, 3);
                image += from * terms.imageStep;
                // A row of cells is one run.
                (terms.imageStep, terms.kernelStep) = (x.step * x.dilation, x.kernelStep);
                setKind(entry, terms);
                terms.runs = WindowLibrary.runs(z, y, x, image, kernel, 1, true);
                return terms;
            }
            if (opcode == Opcode.CONV3D) {
                z.setKernel(weight.dimension(1), DescriptorLibrary.coordinate(kernelSteps, 1));
            }
            y.setKernel(weight.dimension(width - 1), DescriptorLibrary.coordinate(kernelSteps, width - 1));
            x.setKernel(weight.dimension(width), DescriptorLibrary.coordinate(kernelSteps, width));
            if (opcode == Opcode.TRANSPOSE_CONV2D) {
                spread(entry, y, DescriptorLibrary.coordinate(coordinates, 1), 2, 10);
                spread(entry, x, DescriptorLibrary.coordinate(coordinates, 2), 6, 12);
            }
            terms.kernelStep = DescriptorLibrary.coordinate(kernelSteps, width + 1);
            uint256 channels = entry.input(0).dimension(width + 1);
            setKind(entry, terms);
            // A row of cells is one run if the image has them side by side, like the kernel.
            bool joined = terms.packed && x.step == channels && x.kernelStep == channels && x.dilation == 1;
            terms.runs = WindowLibrary.runs({
                z: z,
                y: y,
                x: x,
                image: image,
                kernel: channel * DescriptorLibrary.coordinate(kernelSteps, 0),
                length: channels,
                joined: joined
            });
        }
    }

    /// @dev TRANSPOSE_CONV2D: the image is spread by the stride, padded as OUT_PAD says, and met by the kernel backwards.
    function spread(Entry entry, Axis memory axis, uint256 coordinate, uint256 pad, uint256 stride) private pure {
        uint256 word = entry.word();
        unchecked {
            axis.first = coordinate - uint256(Attributes.i16(word, pad));
            axis.dilation = type(uint256).max;
            axis.divisor = Attributes.u16(word, stride);
        }
    }

    function matrixTerms(Entry entry, uint256 index) private pure returns (Terms memory terms) {
        uint256 coordinates = entry.output().unravel(index);
        (uint256 steps, uint256 kernelSteps) = (entry.input(0).steps(), entry.input(1).steps());
        terms.imageStep = DescriptorLibrary.coordinate(steps, 2);
        terms.kernelStep = DescriptorLibrary.coordinate(kernelSteps, 1);
        uint256 batch = DescriptorLibrary.coordinate(coordinates, 0);
        setKind(entry, terms);
        unchecked {
            uint256 row = batch * DescriptorLibrary.coordinate(steps, 0) + DescriptorLibrary.coordinate(coordinates, 1)
                * DescriptorLibrary.coordinate(steps, 1);
            uint256 column = batch * DescriptorLibrary.coordinate(kernelSteps, 0)
                + DescriptorLibrary.coordinate(coordinates, 2) * DescriptorLibrary.coordinate(kernelSteps, 2);
            terms.runs = new Run[](0);
            RunLibrary.push(terms.runs, RunLibrary.create(row, column, entry.input(0).dimension(2)));
        }
    }

    function setKind(Entry entry, Terms memory terms) private pure {
        terms.stored = LineLibrary.isPossible(entry, 0) && LineLibrary.isPossible(entry, 1);
        terms.packed =
            terms.stored && terms.imageStep == 1 && terms.kernelStep == 1 && isBytes(entry, 0) && isBytes(entry, 1);
    }

    function isBytes(Entry entry, uint256 which) private pure returns (bool) {
        return entry.source(which).tensor().descriptor().dtype() == DType.INT8;
    }

    // ---- Their sum --------------------------------------------------------------------------------------------------

    function sum(Entry entry, Terms memory terms) private pure returns (int256 total) {
        uint256 count = terms.runs.length;
        unchecked {
            for (uint256 i; i < count; ++i) {
                Run run = RunLibrary.nth(terms.runs, i);
                if (terms.packed) total += dot(entry, run);
                else total += terms.stored ? lines(entry, run, terms) : products(entry, run, terms);
            }
        }
    }

    /// @dev Of a run of bytes, many at a time.
    function dot(Entry entry, Run run) private pure returns (int256) {
        uint256 word = entry.word();
        uint256 length = run.length();
        return DotProduct.int8s({
            x: entry.source(0).tensor().span(run.image(), length),
            y: entry.source(1).tensor().span(run.kernel(), length),
            length: length,
            zeroX: Attributes.i16(word, INPUT_ZP),
            zeroY: Attributes.i16(word, WEIGHT_ZP)
        });
    }

    /// @dev Of a run in committed tensors.
    function lines(Entry entry, Run run, Terms memory terms) private pure returns (int256 total) {
        Line memory x = LineLibrary.along(entry, 0, run.image(), terms.imageStep);
        Line memory y = LineLibrary.along(entry, 1, run.kernel(), terms.kernelStep);
        uint256 count = run.length();
        unchecked {
            while (count != 0) {
                uint256 length = y.reach(x.reach(count));
                total += DotProduct.lines(
                    x, y, length, Attributes.i16(entry.word(), INPUT_ZP), Attributes.i16(entry.word(), WEIGHT_ZP)
                );
                x.skip(length);
                y.skip(length);
                count -= length;
            }
        }
    }

    /// @dev Of any run.
    function products(Entry entry, Run run, Terms memory terms) private pure returns (int256 total) {
        unchecked {
            for (uint256 i; i < run.length(); ++i) {
                int256 x = Evaluation.valueAt(entry, 0, run.image() + i * terms.imageStep);
                x -= Attributes.i16(entry.word(), INPUT_ZP);
                int256 y = Evaluation.valueAt(entry, 1, run.kernel() + i * terms.kernelStep);
                total += x * (y - Attributes.i16(entry.word(), WEIGHT_ZP));
            }
        }
    }
}
