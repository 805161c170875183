// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title MerkleTree
/// @notice The one tree shape of the protocol: positional, node = keccak256(left ‖ right), leaves padded with zero words
/// to a power of two, depth = ⌈log2 count⌉; the root of one leaf is the leaf (docs/trace.md, 3).
/// @dev Positions count: a proof shows a leaf *at an index*, which sorted-pair trees do not. A leaf must not be the hash
/// of 64 bytes that somebody can choose, or an inner node passes for one; every leaf of the protocol keeps to that.
library MerkleTree {
    /// @notice A tree has at least one leaf.
    error MerkleTree_Empty();
    /// @notice There are only `count` leaves.
    error MerkleTree_Index(uint256 index, uint256 count);
    /// @notice A tree of this many leaves has proofs of exactly `depth` words.
    error MerkleTree_ProofLength(uint256 length, uint256 depth);

    /// @dev Bytes in one chunk of a tensor tree.
    uint256 internal constant CHUNK = 128;

    /// @notice The root of the tree of `count` leaves that has `leaf` at `index`.
    function rootOf(bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata proof)
        internal
        pure
        returns (bytes32 root)
    {
        if (index >= count) revert MerkleTree_Index(index, count);
        uint256 depth = depthOf(count);
        if (proof.length != depth) revert MerkleTree_ProofLength(proof.length, depth);
        root = leaf;
        assembly ("memory-safe") {
            let end := add(proof.offset, shl(5, depth))
            for { let next := proof.offset } lt(next, end) { next := add(next, 0x20) } {
                // Left half if the index is even, right half if it is odd.
                let half := shl(5, and(index, 1))
                mstore(half, root)
                mstore(xor(half, 0x20), calldataload(next))
                root := keccak256(0, 0x40)
                index := shr(1, index)
            }
        }
    }

    /// @notice Number of levels above `count` leaves: ⌈log2 count⌉.
    function depthOf(uint256 count) internal pure returns (uint256 depth) {
        if (count == 0) revert MerkleTree_Empty();
        assembly ("memory-safe") {
            depth := sub(256, clz(sub(count, 1)))
        }
    }

    /// @notice The root of the tree of `nodes`.
    /// @dev Overwrites `nodes`.
    function rootOfAll(bytes32[] memory nodes) internal pure returns (bytes32) {
        return fold(nodes, depthOf(nodes.length), 0);
    }

    /// @notice The node `levels` above `nodes`, filled up with `padding` on the right.
    /// @dev Overwrites `nodes`. Nodes above nothing but padding are not stored: each level has one known value for them.
    /// WARNING: the caller has made sure that there are between 1 and 2^levels nodes.
    function fold(bytes32[] memory nodes, uint256 levels, bytes32 padding) internal pure returns (bytes32 root) {
        assembly ("memory-safe") {
            let count := mload(nodes)
            let first := add(nodes, 0x20)
            for {} levels { levels := sub(levels, 1) } {
                // Pairs stand side by side, and each parent's place is one whose children were read.
                let from := first
                let end := add(first, shl(5, shr(1, count)))
                let to := first
                for {} lt(to, end) { to := add(to, 0x20) } {
                    mstore(to, keccak256(from, 0x40))
                    from := add(from, 0x40)
                }
                mstore(0x20, padding)
                if and(count, 1) {
                    mstore(0, mload(from))
                    mstore(to, keccak256(0, 0x40))
                }
                mstore(0, padding)
                padding := keccak256(0, 0x40)
                count := shr(1, add(count, 1))
            }
            root := mload(first)
        }
    }

    /// @notice The tensor tree's root of `data`: chunks of 128 bytes, the last one filled with zero bytes.
    function chunkRoot(bytes calldata data) internal pure returns (bytes32) {
        return rootOfAll(chunkHashes(data));
    }

    /// @notice The leaves of the tensor tree of `data`.
    function chunkHashes(bytes calldata data) internal pure returns (bytes32[] memory leaves) {
        uint256 whole = data.length / CHUNK;
        uint256 rest = data.length % CHUNK;
        leaves = new bytes32[](rest == 0 ? whole : whole + 1);
        uint256 position;
        assembly ("memory-safe") {
            position := data.offset
        }
        hashChunks(leaves, 0, position, whole);
        if (rest != 0) {
            assembly ("memory-safe") {
                let chunk := mload(0x40)
                // The rest of the chunk is zero: copying from beyond the calldata writes zeros.
                calldatacopy(chunk, calldatasize(), CHUNK)
                calldatacopy(chunk, add(position, mul(whole, CHUNK)), rest)
                mstore(add(add(leaves, 0x20), mul(whole, 0x20)), keccak256(chunk, CHUNK))
            }
        }
    }

    /// @notice Writes the hashes of `count` chunks that begin at calldata position `position` to `nodes`, from place `from` on.
    /// @dev WARNING: the caller has made sure that `nodes` is long enough and the chunks lie in the calldata.
    function hashChunks(bytes32[] memory nodes, uint256 from, uint256 position, uint256 count) internal pure {
        assembly ("memory-safe") {
            let chunk := mload(0x40)
            let to := add(add(nodes, 0x20), mul(from, 0x20))
            for { let end := add(to, mul(count, 0x20)) } lt(to, end) { to := add(to, 0x20) } {
                calldatacopy(chunk, position, CHUNK)
                mstore(to, keccak256(chunk, CHUNK))
                position := add(position, CHUNK)
            }
        }
    }

    /// @notice Root of a tree of `depth` levels, from some of its leaves (docs/trace.md, 4, Multiproof).
    /// @dev Overwrites both arrays. WARNING: the caller has made sure that `from` < `to` and both arrays reach that far,
    /// that indices ascend strictly and lie below 2^depth. A stream that ends too early is read as whatever follows it:
    /// the caller must compare the position returned with the end of what it was given.
    /// @param indices positions of the leaves, ascending
    /// @param nodes the leaves
    /// @param from place in both arrays of the first leaf
    /// @param to place after the last leaf
    /// @param depth number of levels
    /// @param stream position in the calldata of the sibling words
    /// @return root the root
    /// @return next position in the calldata after the last word consumed
    function multiproof(
        uint256[] memory indices,
        bytes32[] memory nodes,
        uint256 from,
        uint256 to,
        uint256 depth,
        uint256 stream
    ) internal pure returns (bytes32 root, uint256 next) {
        assembly ("memory-safe") {
            next := stream
            indices := sub(indices, nodes) // from the place of a hash to the place of its index
            let first := add(add(nodes, 0x20), shl(5, from))
            let end := add(add(nodes, 0x20), shl(5, to))
            for {} depth { depth := sub(depth, 1) } {
                to := first
                from := first
                for {} lt(from, end) { to := add(to, 0x20) } {
                    let index := mload(add(from, indices))
                    mstore(add(to, indices), shr(1, index))
                    let sibling := add(from, 0x20)
                    // The next one is to its right: both lie side by side.
                    if lt(sibling, end) {
                        if eq(mload(add(sibling, indices)), or(index, 1)) {
                            mstore(to, keccak256(from, 0x40))
                            from := add(sibling, 0x20)
                            continue
                        }
                    }
                    index := shl(5, and(index, 1))
                    mstore(index, mload(from))
                    mstore(xor(index, 0x20), calldataload(next))
                    mstore(to, keccak256(0, 0x40))
                    next := add(next, 0x20)
                    from := sibling
                }
                end := to
            }
            root := mload(first)
        }
    }

    /// @notice The same for leaves that stand side by side, which costs a third.
    /// @dev Overwrites `nodes`, of which the last place is not a leaf but room for a sibling; likewise its length.
    /// WARNING: as for `multiproof`, and `nodes` has at least one leaf.
    /// @param nodes the leaves, and one place more
    /// @param first position of the first leaf
    function rangeproof(bytes32[] memory nodes, uint256 first, uint256 depth, uint256 stream)
        internal
        pure
        returns (bytes32 root, uint256 next)
    {
        assembly ("memory-safe") {
            next := stream
            let start := add(nodes, 0x20)
            let end := add(nodes, shl(5, mload(nodes)))
            for {} depth { depth := sub(depth, 1) } {
                let from := start
                if and(first, 1) {
                    from := nodes
                    mstore(from, calldataload(next))
                    next := add(next, 0x20)
                }
                if and(sub(end, from), 0x20) {
                    mstore(end, calldataload(next))
                    next := add(next, 0x20)
                    end := add(end, 0x20)
                }
                let to := start
                for {} lt(from, end) { from := add(from, 0x40) } {
                    mstore(to, keccak256(from, 0x40))
                    to := add(to, 0x20)
                }
                end := to
                first := shr(1, first)
            }
            root := mload(start)
        }
    }

    /// @notice The node above two.
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32 parent) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(0x20, right)
            parent := keccak256(0, 0x40)
        }
    }
}
