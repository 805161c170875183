// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleTree} from "../libraries/MerkleTree.sol";
import {DotProduct} from "../trace/DotProduct.sol";
import {Evaluation} from "../trace/Evaluation.sol";
import {Evidence} from "../trace/Evidence.sol";
import {Reader, ReaderLibrary} from "../trace/Reader.sol";
import {Entry, Tensor} from "../trace/Step.sol";
import {ModelCommitment} from "../types/Model.sol";

/// @title TraceHarness
/// @notice Shows what `TraceVerifier` and `MerkleTree` compute on the way to a verdict. Never deployed by scripts.
contract TraceHarness {
    /// @notice The value that evidence of kind 1 leads to, and the bytes committed in its place.
    function evaluate(ModelCommitment calldata model, bytes32 traceRoot, bytes calldata evidence)
        external
        pure
        returns (int256 value, uint256 committed)
    {
        Reader memory reader = ReaderLibrary.over(evidence);
        reader.skip(1);
        (Entry entry, Tensor accused, uint256 element) = Evidence.open(model, traceRoot, reader);
        value = Evaluation.evaluate(entry, element);
        committed = accused.bytesAt(accused.descriptor().position(element));
    }

    /// @notice Σ (x − zeroX)(y − zeroY).
    function dot(bytes calldata x, bytes calldata y, int256 zeroX, int256 zeroY)
        external
        view
        returns (int256, uint256)
    {
        uint256 first;
        uint256 second;
        assembly ("memory-safe") {
            first := x.offset
            second := y.offset
        }
        uint256 gas = gasleft();
        int256 sum = DotProduct.int8s(first, second, x.length, zeroX, zeroY);
        return (sum, gas - gasleft());
    }

    function rootOf(bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata proof)
        external
        pure
        returns (bytes32)
    {
        return MerkleTree.rootOf(leaf, index, count, proof);
    }

    function rootOfAll(bytes32[] memory leaves) external pure returns (bytes32) {
        return MerkleTree.rootOfAll(leaves);
    }

    function chunkRoot(bytes calldata data) external pure returns (bytes32) {
        return MerkleTree.chunkRoot(data);
    }

    /// @return root the root
    /// @return used words of the stream that were consumed
    function multiproof(uint256[] memory indices, bytes32[] memory leaves, uint256 count, bytes32[] calldata stream)
        external
        pure
        returns (bytes32 root, uint256 used)
    {
        uint256 start;
        assembly ("memory-safe") {
            start := stream.offset
        }
        uint256 next;
        (root, next) = MerkleTree.multiproof(indices, leaves, 0, leaves.length, MerkleTree.depthOf(count), start);
        used = (next - start) / 32;
    }

    /// @notice The same for the leaves from `first` on.
    function rangeproof(bytes32[] calldata leaves, uint256 first, uint256 count, bytes32[] calldata stream)
        external
        pure
        returns (bytes32 root, uint256 used)
    {
        bytes32[] memory nodes = new bytes32[](leaves.length + 1);
        for (uint256 i; i < leaves.length; ++i) {
            nodes[i] = leaves[i];
        }
        uint256 start;
        assembly ("memory-safe") {
            start := stream.offset
        }
        uint256 next;
        (root, next) = MerkleTree.rangeproof(nodes, first, MerkleTree.depthOf(count), start);
        used = (next - start) / 32;
    }
}
