// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITraceVerifier} from "../interfaces/ITraceVerifier.sol";
import {Contraction} from "./Contraction.sol";
import {DType} from "./DType.sol";
import {Elementwise} from "./Elementwise.sol";
import {Indexing} from "./Indexing.sol";
import {Movement} from "./Movement.sol";
import {Opcode} from "./Opcode.sol";
import {Pooling} from "./Pooling.sol";
import {Reduction} from "./Reduction.sol";
import {Rescale} from "./Rescale.sol";
import {Resize} from "./Resize.sol";
import {Entry, Source, Tensor} from "./Step.sol";

/// @title Evaluation
/// @notice The value of one element (docs/trace.md, 4): `value` and `evaluate` call each other through the operators.
/// @dev The functions on this cycle are small and keep what they can in memory: each nesting of them takes its part of
/// the 1,024 words of the stack, which `Linking.MAX_DEPTH` accounts for.
library Evaluation {
    /// @notice Element `index` (row-major) of input `which` of an entry.
    function value(Entry entry, uint256 which, uint256 index) internal pure returns (int256) {
        Source source = entry.source(which);
        if (source.isComputed()) return evaluate(source.entry(), index);
        Tensor tensor = source.tensor();
        return tensor.element(source.isStored() ? index : tensor.descriptor().position(index));
    }

    /// @notice Whether addresses of input `which` (see `DescriptorLibrary.steps`) are places in storage.
    function isDirect(Entry entry, uint256 which) internal pure returns (bool) {
        Source source = entry.source(which);
        if (source.isComputed()) return false;
        return source.isStored() || entry.input(which).storageOrder() != 0;
    }

    /// @notice The element of input `which` at an address.
    function valueAt(Entry entry, uint256 which, uint256 place) internal pure returns (int256) {
        if (isDirect(entry, which)) return entry.source(which).tensor().element(place);
        return value(entry, which, place);
    }

    /// @notice Element `index` (row-major) of the output of an entry, recomputed.
    function evaluate(Entry entry, uint256 index) internal pure returns (int256) {
        return DType.wrap(entry.output().dtype(), compute(entry, index));
    }

    /// @dev The same before the reduction to the output type.
    function compute(Entry entry, uint256 index) private pure returns (int256) {
        uint256 opcode = entry.opcode();
        if (opcode == Opcode.RESCALE) return Rescale.rescale(entry, index);
        if (Opcode.isIn(opcode, Opcode.BINARY)) return Elementwise.binary(entry, index);
        if (Opcode.isIn(opcode, Opcode.UNARY)) return Elementwise.unary(entry, index);
        if (Opcode.isIn(opcode, Opcode.REDUCTION)) return Reduction.reduce(entry, index);
        if (opcode < Opcode.CLAMP) {
            if (opcode == Opcode.AVG_POOL2D) return Pooling.average(entry, index);
            if (opcode == Opcode.MATMUL) return Contraction.matmul(entry, index);
            if (opcode == Opcode.MAX_POOL2D) return Pooling.maximum(entry, index);
            if (Opcode.isIn(opcode, Opcode.CONVOLUTION)) return Contraction.convolution(entry, index);
        } else if (opcode < Opcode.CONCAT) {
            if (opcode == Opcode.TABLE) return Elementwise.table(entry, index);
            if (opcode == Opcode.SELECT) return Elementwise.select(entry, index);
        } else {
            if (opcode == Opcode.RESHAPE || opcode == Opcode.IDENTITY || opcode == Opcode.CAST) {
                return Movement.identity(entry, index);
            }
            if (opcode == Opcode.CONCAT) return Movement.concat(entry, index);
            if (opcode <= Opcode.TRANSPOSE) return Movement.moved(entry, index);
            if (opcode == Opcode.GATHER) return Indexing.gather(entry, index);
            if (opcode == Opcode.SCATTER) return Indexing.scatter(entry, index);
            if (opcode == Opcode.RESIZE) return Resize.resize(entry, index);
        }
        revert ITraceVerifier.Trace_Opcode(opcode);
    }
}
