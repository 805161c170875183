// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A span of time in which something was closed.
/// @param from first second of it
/// @param to first second after it; type(uint40).max while no end is known
struct Closure {
    // slot 0
    uint40 from;
    uint40 to;
}

/// @title Closures
/// @notice The spans in which something was closed, in the order of time.
library Closures {
    /// @notice Whether it was closed at any second from `from` to `to`.
    /// @dev Looks back no further than `from`: what the guardian closed since then, which only the council reopens.
    function meet(Closure[] storage self, uint40 from, uint40 to) internal view returns (bool) {
        for (uint256 i = self.length; i > 0; i--) {
            Closure memory closure = self[i - 1];
            if (closure.to <= from) return false;
            if (closure.from <= to) return true;
        }
        return false;
    }
}
