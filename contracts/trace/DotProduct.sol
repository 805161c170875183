// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Line} from "./Line.sol";

/// @title DotProduct
/// @notice Products of int8 vectors in the calldata, eight at a time in one 256-bit multiplication.
/// @dev Bytes are taken as u = x + 128, so that nothing is negative. Eight of one vector, in lanes of 32 bits, times eight
/// of the other in reversed lanes: lane 7 of the product is the sum of the eight products of equal positions; what lies
/// above falls off, and no lane below carries into it while its sum stays below 2^32. Words are summed as they are, lane
/// 7 is taken out once. With a = zero point + 128:
///     Σ (u − a)(v − b) = Σ uv − b Σu − a Σv + n a b
library DotProduct {
    /// @dev Products in one block: at most 66,051 = ⌊(2^32 − 1) / 255²⌋.
    uint256 private constant BLOCK = 1 << 16;

    /// @notice Σ (x[i] − zeroX) · (y[i] − zeroY) of `length` bytes at calldata positions `x` and `y`. Exact.
    function int8s(uint256 x, uint256 y, uint256 length, int256 zeroX, int256 zeroY) internal pure returns (int256) {
        // Read from memory in the loop: as literals the optimizer would compute them anew each time to save code.
        uint256[4] memory masks = [
            0x8080808080808080808080808080808080808080808080808080808080808080,
            0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff,
            0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff,
            0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff
        ];
        (uint256 products, uint256 sumX, uint256 sumY) = sums(x, y, length, masks);
        unchecked {
            zeroX += 128;
            zeroY += 128;
            return int256(products) - zeroY * int256(sumX) - zeroX * int256(sumY) + int256(length) * zeroX * zeroY;
        }
    }

    /// @notice Σ (x[i] − zeroX) · (y[i] − zeroY) of the next `count` elements of two lines. Exact.
    function lines(Line memory x, Line memory y, uint256 count, int256 zeroX, int256 zeroY)
        internal
        pure
        returns (int256 total)
    {
        (uint256 positionX, uint256 stepX, uint256 unusedX) = (x.position, x.step, x.unused);
        (uint256 positionY, uint256 stepY, uint256 unusedY) = (y.position, y.step, y.unused);
        assembly ("memory-safe") {
            for {} count { count := sub(count, 1) } {
                let a := sub(sar(unusedX, calldataload(positionX)), zeroX)
                let b := sub(sar(unusedY, calldataload(positionY)), zeroY)
                total := add(total, mul(a, b))
                positionX := add(positionX, stepX)
                positionY := add(positionY, stepY)
            }
        }
    }

    /// @dev Σ uv, Σ u and Σ v.
    function sums(uint256 x, uint256 y, uint256 length, uint256[4] memory masks)
        private
        pure
        returns (uint256 products, uint256 sumX, uint256 sumY)
    {
        unchecked {
            if (length > BLOCK) {
                (products, sumX, sumY) = sums(x + BLOCK, y + BLOCK, length - BLOCK, masks);
                (uint256 p, uint256 sx, uint256 sy) = sums(x, y, BLOCK, masks);
                return (products + p, sumX + sx, sumY + sy);
            }
        }
        assembly ("memory-safe") {
            // Sums of lanes of x and y are at 0 and 0x20: the stack has no room for them, and as the loop writes to
            // memory, the masks are not moved to the stack either.
            mstore(0, 0)
            mstore(0x20, 0)
            y := sub(y, x)
            length := add(x, length)
            for {} 1 {} {
                let u := xor(calldataload(x), mload(masks))
                let v := xor(calldataload(add(x, y)), mload(masks))
                x := add(x, 32)
                if gt(x, length) {
                    // What follows the last byte counts as nothing.
                    let unused := shl(3, sub(x, length))
                    if gt(unused, 255) { break }
                    u := shl(unused, shr(unused, u))
                    v := shl(unused, shr(unused, v))
                }
                // Reverse the eight groups of four bytes.
                v := or(shr(128, v), shl(128, v))
                let mask := mload(add(masks, 0x20))
                v := or(and(shr(64, v), mask), shl(64, and(v, mask)))
                mask := mload(add(masks, 0x40))
                v := or(and(shr(32, v), mask), shl(32, and(v, mask)))
                mask := mload(add(masks, 0x60))
                let a := and(u, mask)
                let b := and(v, mask)
                products := add(mul(a, b), products)
                let c := and(shr(8, u), mask)
                let d := and(shr(8, v), mask)
                products := add(mul(c, d), products)
                a := add(a, c)
                b := add(b, d)
                c := and(shr(16, u), mask)
                d := and(shr(16, v), mask)
                products := add(mul(c, d), products)
                a := add(a, c)
                b := add(b, d)
                c := and(shr(24, u), mask)
                d := and(shr(24, v), mask)
                products := add(mul(c, d), products)
                mstore(0, add(mload(0), add(a, c)))
                mstore(0x20, add(mload(0x20), add(b, d)))
            }
            products := shr(224, products)
            // A product with ones adds the eight lanes into the highest.
            let ones := div(mload(add(masks, 0x60)), 0xff)
            sumX := shr(224, mul(mload(0), ones))
            sumY := shr(224, mul(mload(0x20), ones))
        }
    }
}
