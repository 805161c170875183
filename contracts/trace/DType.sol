// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITraceVerifier} from "../interfaces/ITraceVerifier.sol";

/// @title DType
/// @notice Element types, numbered as TOSA's `DType`, and their encodings (docs/trace.md, 2).
library DType {
    uint256 internal constant BOOL = 1;
    uint256 internal constant INT8 = 3;
    uint256 internal constant INT16 = 4;
    uint256 internal constant INT32 = 5;

    /// @dev By type from the first byte on: significant bits, and bytes in storage. 0: no such type.
    bytes32 private constant BITS = hex"00010408102030";
    bytes32 private constant BYTES = hex"00010101020408";

    /// @notice Significant bits of a value.
    function bits(uint256 dtype) internal pure returns (uint256 result) {
        bytes32 table = BITS;
        assembly ("memory-safe") {
            result := byte(dtype, table)
        }
        if (result == 0) revert ITraceVerifier.Trace_Type(dtype);
    }

    /// @notice Bytes of a stored element.
    function byteSize(uint256 dtype) internal pure returns (uint256 result) {
        bytes32 table = BYTES;
        assembly ("memory-safe") {
            result := byte(dtype, table)
        }
        if (result == 0) revert ITraceVerifier.Trace_Type(dtype);
    }

    /// @notice Whether every bit in storage counts: INT8, INT16 and INT32.
    function fillsBytes(uint256 dtype) internal pure returns (bool) {
        return dtype >= INT8 && dtype <= INT32;
    }

    /// @notice The value of the type that `value` becomes by two's complement; for BOOL, whether it is not 0.
    /// @dev This is also how stored bytes are read.
    function wrap(uint256 dtype, int256 value) internal pure returns (int256 result) {
        uint256 unused = 256 - bits(dtype);
        if (dtype == BOOL) return value == 0 ? int256(0) : int256(1);
        assembly ("memory-safe") {
            result := sar(unused, shl(unused, value))
        }
    }

    /// @notice The value of the type nearest to `value`; of the unsigned type of the same width if `unsigned`.
    function saturate(uint256 dtype, bool unsigned, int256 value) internal pure returns (int256) {
        unchecked {
            int256 half = int256(1 << (bits(dtype) - 1));
            int256 low = unsigned ? int256(0) : -half;
            int256 high = low + 2 * half - 1;
            return value < low ? low : value > high ? high : value;
        }
    }

    /// @notice The bits of the type as a number that is not negative.
    function zeroExtend(uint256 dtype, int256 value) internal pure returns (uint256) {
        unchecked {
            return uint256(value) & ((1 << bits(dtype)) - 1);
        }
    }

    /// @notice The canonical bytes of a value of the type, as a number.
    function encode(uint256 dtype, int256 value) internal pure returns (uint256) {
        return uint256(value) & ((1 << (8 * byteSize(dtype))) - 1);
    }

    /// @notice Smallest value of the type.
    function minimum(uint256 dtype) internal pure returns (int256) {
        return dtype == BOOL ? int256(0) : -int256(1 << (bits(dtype) - 1));
    }
}
