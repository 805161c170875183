// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Opcode
/// @notice TOSA's `Op` numbers.
library Opcode {
    uint256 internal constant ARGMAX = 1;
    uint256 internal constant AVG_POOL2D = 2;
    uint256 internal constant CONV2D = 3;
    uint256 internal constant CONV3D = 4;
    uint256 internal constant DEPTHWISE_CONV2D = 5;
    uint256 internal constant MATMUL = 7;
    uint256 internal constant MAX_POOL2D = 8;
    uint256 internal constant TRANSPOSE_CONV2D = 10;
    uint256 internal constant CLAMP = 11;
    uint256 internal constant ADD = 15;
    uint256 internal constant ARITHMETIC_RIGHT_SHIFT = 16;
    uint256 internal constant BITWISE_AND = 17;
    uint256 internal constant BITWISE_OR = 18;
    uint256 internal constant BITWISE_XOR = 19;
    uint256 internal constant INTDIV = 20;
    uint256 internal constant LOGICAL_AND = 21;
    uint256 internal constant LOGICAL_LEFT_SHIFT = 22;
    uint256 internal constant LOGICAL_RIGHT_SHIFT = 23;
    uint256 internal constant LOGICAL_OR = 24;
    uint256 internal constant LOGICAL_XOR = 25;
    uint256 internal constant MAXIMUM = 26;
    uint256 internal constant MINIMUM = 27;
    uint256 internal constant MUL = 28;
    uint256 internal constant SUB = 30;
    uint256 internal constant TABLE = 31;
    uint256 internal constant ABS = 32;
    uint256 internal constant BITWISE_NOT = 33;
    uint256 internal constant CLZ = 35;
    uint256 internal constant LOGICAL_NOT = 40;
    uint256 internal constant NEGATE = 41;
    uint256 internal constant SELECT = 45;
    uint256 internal constant EQUAL = 46;
    uint256 internal constant GREATER = 47;
    uint256 internal constant GREATER_EQUAL = 48;
    uint256 internal constant REDUCE_ALL = 49;
    uint256 internal constant REDUCE_ANY = 50;
    uint256 internal constant REDUCE_MAX = 51;
    uint256 internal constant REDUCE_MIN = 52;
    uint256 internal constant REDUCE_SUM = 54;
    uint256 internal constant CONCAT = 55;
    uint256 internal constant PAD = 56;
    uint256 internal constant RESHAPE = 57;
    uint256 internal constant REVERSE = 58;
    uint256 internal constant SLICE = 59;
    uint256 internal constant TILE = 60;
    uint256 internal constant TRANSPOSE = 61;
    uint256 internal constant GATHER = 62;
    uint256 internal constant SCATTER = 63;
    uint256 internal constant RESIZE = 64;
    uint256 internal constant CAST = 65;
    uint256 internal constant RESCALE = 66;
    uint256 internal constant IDENTITY = 68;

    /// @dev Sets of opcodes, a bit for each.
    uint256 internal constant UNARY =
        (1 << CLAMP) | (1 << ABS) | (1 << BITWISE_NOT) | (1 << CLZ) | (1 << LOGICAL_NOT) | (1 << NEGATE);
    uint256 internal constant BINARY = (1 << ADD) | (1 << ARITHMETIC_RIGHT_SHIFT) | BITWISE | (1 << INTDIV)
        | (1 << LOGICAL_LEFT_SHIFT) | (1 << LOGICAL_RIGHT_SHIFT) | (1 << MAXIMUM) | (1 << MINIMUM) | (1 << MUL)
        | (1 << SUB) | (1 << EQUAL) | (1 << GREATER) | (1 << GREATER_EQUAL);
    uint256 internal constant BITWISE = (1 << BITWISE_AND) | (1 << BITWISE_OR) | (1 << BITWISE_XOR) | (1 << LOGICAL_AND)
        | (1 << LOGICAL_OR) | (1 << LOGICAL_XOR);
    uint256 internal constant REDUCTION = (1 << ARGMAX) | (1 << REDUCE_ALL) | (1 << REDUCE_ANY) | (1 << REDUCE_MAX)
        | (1 << REDUCE_MIN) | (1 << REDUCE_SUM);
    uint256 internal constant CONVOLUTION =
        (1 << CONV2D) | (1 << CONV3D) | (1 << DEPTHWISE_CONV2D) | (1 << TRANSPOSE_CONV2D);
    /// @dev Operators of which one element reads many; their evaluation takes more of the stack.
    uint256 internal constant WINDOW = REDUCTION | (1 << AVG_POOL2D) | CONVOLUTION | (1 << MATMUL) | (1 << MAX_POOL2D)
        | (1 << SCATTER) | (1 << RESIZE);

    /// @notice Whether an opcode, below 256, is in a set.
    function isIn(uint256 opcode, uint256 set) internal pure returns (bool) {
        return (set >> opcode) & 1 == 1;
    }
}
