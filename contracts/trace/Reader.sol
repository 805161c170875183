// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITraceVerifier} from "../interfaces/ITraceVerifier.sol";

/// @notice A position in the evidence, which stays in the calldata.
/// @param start position of the first byte in the calldata
/// @param next position of the next byte
/// @param end position after the last byte
struct Reader {
    uint256 start;
    uint256 next;
    uint256 end;
}

using ReaderLibrary for Reader global;

/// @title ReaderLibrary
library ReaderLibrary {
    function over(bytes calldata data) internal pure returns (Reader memory) {
        uint256 start;
        assembly ("memory-safe") {
            start := data.offset
        }
        unchecked {
            return Reader({start: start, next: start, end: start + data.length});
        }
    }

    /// @notice Reverts unless `count` things of `size` bytes are left; both are small numbers.
    function requireLeft(Reader memory self, uint256 count, uint256 size) internal pure {
        unchecked {
            uint256 position = self.next + count * size;
            if (position > self.end) _fail(self, position);
        }
    }

    /// @notice Position of the next `length` bytes, which are consumed.
    function skip(Reader memory self, uint256 length) internal pure returns (uint256 position) {
        unchecked {
            position = self.next;
            self.moveTo(position + length);
        }
    }

    /// @notice Goes on at a position that was reached by other means; reverts if it lies beyond the end.
    function moveTo(Reader memory self, uint256 position) internal pure {
        if (position > self.end) _fail(self, position);
        self.next = position;
    }

    /// @notice Reverts unless everything was consumed.
    function requireEnd(Reader memory self) internal pure {
        if (self.next != self.end) _fail(self, self.next);
    }

    /// @notice The next `length` bytes, at most 32, as a number.
    function number(Reader memory self, uint256 length) internal pure returns (uint256 value) {
        uint256 position = self.skip(length);
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, length)), calldataload(position))
        }
    }

    function _fail(Reader memory self, uint256 needed) private pure {
        unchecked {
            revert ITraceVerifier.Trace_EvidenceLength(needed - self.start, self.end - self.start);
        }
    }
}
