// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Descriptor} from "./Descriptor.sol";
import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Opcode} from "./Opcode.sol";
import {Attributes, Entry} from "./Step.sol";

/// @title Elementwise
/// @notice Operators that compute an element from the elements in the same place of their inputs.
library Elementwise {
    /// @notice The operators in `Opcode.UNARY`.
    function unary(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(1);
        int256 x = Evaluation.value(entry, 0, index);
        return map(entry, x);
    }

    /// @notice The operators in `Opcode.BINARY`.
    function binary(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(2);
        int256 a = Evaluation.value(entry, 0, broadcast(entry, 0, index));
        int256 b = Evaluation.value(entry, 1, broadcast(entry, 1, index));
        return combine(entry, a, b);
    }

    /// @notice SELECT: only the element that is selected is evaluated.
    function select(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(3);
        uint256 which = Evaluation.value(entry, 0, broadcast(entry, 0, index)) == 0 ? 2 : 1;
        return Evaluation.value(entry, which, broadcast(entry, which, index));
    }

    /// @notice TABLE: 256 entries for INT8; 513 for INT16, between which it interpolates.
    function table(Entry entry, uint256 index) internal pure returns (int256) {
        entry.requireInputs(2);
        int256 x = Evaluation.value(entry, 0, index);
        unchecked {
            if (entry.input(0).dtype() != DType.INT16) return Evaluation.value(entry, 1, uint256(x + 128));
            uint256 place = uint256(x + 32768) >> 7;
            int256 base = Evaluation.value(entry, 1, place);
            return (base << 7) + (Evaluation.value(entry, 1, place + 1) - base) * (x & 0x7f);
        }
    }

    function map(Entry entry, int256 x) private pure returns (int256) {
        (uint256 opcode, uint256 word, uint256 dtype) = (entry.opcode(), entry.word(), entry.output().dtype());
        unchecked {
            if (opcode == Opcode.CLAMP) {
                (int256 low, int256 high) = (Attributes.i32(word, 2), Attributes.i32(word, 6));
                x = x < low ? low : x;
                return x > high ? high : x;
            }
            if (opcode == Opcode.NEGATE) {
                x = Attributes.i16(word, 4) - (x - Attributes.i16(word, 2));
                return dtype < DType.INT32 ? DType.saturate(dtype, false, x) : x;
            }
            if (opcode == Opcode.ABS) return x < 0 ? -x : x;
            if (opcode == Opcode.BITWISE_NOT) return ~x;
            if (opcode == Opcode.LOGICAL_NOT) return x == 0 ? int256(1) : int256(0);
            // CLZ
            uint256 magnitude = DType.zeroExtend(dtype, x);
            assembly ("memory-safe") {
                x := clz(magnitude)
            }
            return x - int256(256 - DType.bits(dtype));
        }
    }

    function combine(Entry entry, int256 a, int256 b) private pure returns (int256 result) {
        uint256 opcode = entry.opcode();
        unchecked {
            if (opcode == Opcode.ADD) return a + b;
            if (opcode == Opcode.SUB) return a - b;
            if (opcode == Opcode.MUL) {
                uint256 shift = Attributes.u8(entry.word(), 2);
                return shift == 0 ? a * b : (a * b + int256(1 << (shift - 1))) >> shift;
            }
            if (opcode == Opcode.MAXIMUM) return a > b ? a : b;
            if (opcode == Opcode.MINIMUM) return a < b ? a : b;
            if (Opcode.isIn(opcode, Opcode.BITWISE)) {
                // On the values 0 and 1 the logical operators are the same.
                if (opcode == Opcode.BITWISE_AND || opcode == Opcode.LOGICAL_AND) return a & b;
                return opcode == Opcode.BITWISE_OR || opcode == Opcode.LOGICAL_OR ? a | b : a ^ b;
            }
            if (opcode == Opcode.INTDIV) {
                assembly ("memory-safe") {
                    result := sdiv(a, b)
                }
                return result;
            }
            if (opcode < Opcode.SELECT) return shifted(entry, a, b);
            bool holds = opcode == Opcode.EQUAL ? a == b : opcode == Opcode.GREATER ? a > b : a >= b;
            return holds ? int256(1) : int256(0);
        }
    }

    /// @dev ARITHMETIC_RIGHT_SHIFT, LOGICAL_LEFT_SHIFT and LOGICAL_RIGHT_SHIFT.
    function shifted(Entry entry, int256 a, int256 b) private pure returns (int256) {
        (uint256 opcode, uint256 dtype, uint256 shift) = (entry.opcode(), entry.output().dtype(), uint256(b));
        if (shift >= DType.bits(dtype)) return 0;
        unchecked {
            if (opcode == Opcode.LOGICAL_LEFT_SHIFT) return a << shift;
            if (opcode == Opcode.LOGICAL_RIGHT_SHIFT) return int256(DType.zeroExtend(dtype, a) >> shift);
            bool up = shift != 0 && Attributes.u8(entry.word(), 2) != 0 && (a >> (shift - 1)) & 1 == 1;
            return (a >> shift) + (up ? int256(1) : int256(0));
        }
    }

    /// @notice Row-major index in an input of the element that stands in the place of the output's element `index`.
    function broadcast(Entry entry, uint256 which, uint256 index) internal pure returns (uint256) {
        Descriptor input = entry.input(which);
        if (input.sameShape(entry.output())) return index;
        return input.ravel(entry.output().unravel(index));
    }
}
