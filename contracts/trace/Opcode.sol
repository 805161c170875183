// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Opcode
/// @notice TOSA's `Op` numbers.
library Opcode {
    uint256 internal constant CONV2D = 3;
    uint256 internal constant CONV3D = 4;
    uint256 internal constant DEPTHWISE_CONV2D = 5;
    uint256 internal constant MATMUL = 7;
    uint256 internal constant MAX_POOL2D = 8;
    uint256 internal constant TRANSPOSE_CONV2D = 10;
    uint256 internal constant CLAMP = 11;
    uint256 internal constant ADD = 15;
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
    uint256 internal constant RESCALE = 66;
    uint256 internal constant IDENTITY = 68;
}
