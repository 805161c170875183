// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleTree} from "../../contracts/libraries/MerkleTree.sol";

/// @notice What an operator and a watcher compute off chain: leaves, roots and paths, by definition and not by speed.
library Trees {
    uint256 internal constant CHUNK = 128;

    /// @notice Node `index` of `level`; beyond the leaves there are zero words.
    function nodeAt(bytes32[] memory leaves, uint256 level, uint256 index) internal pure returns (bytes32) {
        if (level == 0) return index < leaves.length ? leaves[index] : bytes32(0);
        return keccak256(abi.encode(nodeAt(leaves, level - 1, 2 * index), nodeAt(leaves, level - 1, 2 * index + 1)));
    }

    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        return nodeAt(leaves, MerkleTree.depthOf(leaves.length), 0);
    }

    /// @notice Siblings from a node up to the root, with room for `more` words after them.
    function path(bytes32[] memory leaves, uint256 level, uint256 index, uint256 more)
        internal
        pure
        returns (bytes32[] memory result)
    {
        uint256 depth = MerkleTree.depthOf(leaves.length);
        result = new bytes32[](depth - level + more);
        for (uint256 i = 0; i < depth - level; i++) {
            result[i] = nodeAt(leaves, level + i, (index >> i) ^ 1);
        }
    }

    /// @notice Real nodes, at most six levels below a node, as an answer has them.
    function descendants(bytes32[] memory leaves, uint256 level, uint256 index)
        internal
        pure
        returns (bytes memory data)
    {
        uint256 below = level < 6 ? 0 : level - 6;
        uint256 width = ((leaves.length - 1) >> below) + 1;
        uint256 end = (index + 1) << (level - below);
        for (uint256 i = index << (level - below); i < end && i < width; i++) {
            data = abi.encodePacked(data, nodeAt(leaves, below, i));
        }
    }

    /// @notice Hashes of chunks, the last one filled with zero bytes.
    function chunks(bytes memory data) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[]((data.length + CHUNK - 1) / CHUNK);
        for (uint256 i = 0; i < leaves.length; i++) {
            bytes memory chunk = new bytes(CHUNK);
            uint256 rest = data.length - i * CHUNK;
            uint256 length = rest < CHUNK ? rest : CHUNK;
            assembly ("memory-safe") {
                mcopy(add(chunk, 0x20), add(add(data, 0x20), mul(i, CHUNK)), length)
            }
            leaves[i] = keccak256(chunk);
        }
    }
}
