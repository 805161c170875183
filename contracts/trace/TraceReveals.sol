// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IVerifier} from "../interfaces/IVerifier.sol";
import {MerkleTree} from "../libraries/MerkleTree.sol";
import {Demand, DemandKind, Position, TensorWitness} from "../types/Demand.sol";
import {ModelCommitment} from "../types/Model.sol";
import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";

/// @title TraceReveals
/// @notice Which positions below a batch root exist, and whether an answer is what stands there.
/// @dev Only real nodes can be demanded, and an answer is folded with zero words and zero bytes beyond the real range:
/// a tree that is not canonical cannot be answered.
abstract contract TraceReveals is IVerifier {
    using DescriptorLibrary for Descriptor;

    /// @dev Levels that one answer spans: 64 children.
    uint256 private constant SPAN = 6;

    /// @inheritdoc IVerifier
    function demandSize(ModelCommitment calldata model, Position calldata position, TensorWitness calldata witness)
        external
        pure
        returns (uint32 size, uint8 above)
    {
        DemandKind kind = position.kind;
        if (kind == DemandKind.TraceNodes) {
            if (position.slot != 0) _badPosition(position);
            _requireNone(position, witness);
            _checkNode(position, model.slots);
            return (model.slots, 0);
        }
        if (kind < DemandKind.TraceNodes) _badPosition(position);
        bool ofInput = kind == DemandKind.InputNodes || kind == DemandKind.InputChunks;
        uint16 width = ofInput ? model.inputs : model.slots;
        if (position.slot >= width) _badPosition(position);
        above = uint8(MerkleTree.depthOf(width));
        size = _sizeOf(model, position.slot, witness);
        uint256 chunks = chunksOf(size);
        if (kind == DemandKind.TensorNodes || kind == DemandKind.InputNodes) {
            _checkNode(position, chunks);
        } else if (position.level > SPAN || position.index >= chunks || position.index % _run(position.level) != 0) {
            _badPosition(position);
        }
    }

    /// @inheritdoc IVerifier
    function checkAnswer(bytes32 root, Demand calldata demand, bytes calldata data, bytes32[] calldata path)
        external
        pure
    {
        bool ofTrace = demand.kind == DemandKind.TraceNodes;
        uint256 leaves = ofTrace ? demand.size : chunksOf(demand.size);
        uint256 depth = MerkleTree.depthOf(leaves);
        (bytes32 node, uint256 level, uint256 index) = _top(demand, leaves, depth, data);
        uint256 used = depth - level;
        node = _climb(node, index, path, 0, used);
        node = _climb(node, demand.slot, path, used, demand.above);
        used += demand.above;
        if (path.length != used) revert Verifier_WrongLength(used * 32, path.length * 32);
        if (node != root) revert Verifier_WrongData(root, node);
    }

    /// @dev The node that was demanded, or the one over the run of chunks, and where it stands.
    function _top(Demand calldata demand, uint256 leaves, uint256 depth, bytes calldata data)
        private
        pure
        returns (bytes32 node, uint256 level, uint256 index)
    {
        if (demand.kind == DemandKind.Chunks || demand.kind == DemandKind.InputChunks) {
            level = SPAN - demand.level;
            if (depth < level) level = depth;
            return (_foldChunks(demand, data, level), level, demand.index >> level);
        }
        return (_foldNodes(leaves, demand.level, demand.index, data), demand.level, demand.index);
    }

    /// @dev Chunks of a run.
    function _run(uint256 level) private pure returns (uint256) {
        return (1 << SPAN) >> level;
    }

    /// @notice Chunks of a tensor of `size` bytes.
    function chunksOf(uint256 size) private pure returns (uint256) {
        return (size + MerkleTree.CHUNK - 1) / MerkleTree.CHUNK;
    }

    /// @dev The node over the given descendants, zero words beyond the real ones.
    function _foldNodes(uint256 leaves, uint256 level, uint256 index, bytes calldata data)
        private
        pure
        returns (bytes32)
    {
        uint256 below = level < SPAN ? 0 : level - SPAN;
        uint256 span = level - below;
        uint256 first = index << span;
        // Nodes of that level with a real leaf below them.
        uint256 width = ((leaves - 1) >> below) + 1;
        uint256 count = width - first < (1 << span) ? width - first : 1 << span;
        if (data.length != count * 32) revert Verifier_WrongLength(count * 32, data.length);
        bytes32[] memory nodes = new bytes32[](count);
        assembly ("memory-safe") {
            calldatacopy(add(nodes, 0x20), data.offset, data.length)
        }
        bytes32 padding = 0;
        for (uint256 i = 0; i < below; i++) {
            padding = MerkleTree.node(padding, padding);
        }
        return MerkleTree.fold(nodes, span, padding);
    }

    /// @dev The node over a run of chunks, zero bytes and zero words beyond the real ones.
    function _foldChunks(Demand calldata demand, bytes calldata data, uint256 level) private pure returns (bytes32) {
        uint256 start = uint256(demand.index) * MerkleTree.CHUNK;
        uint256 most = _run(demand.level) * MerkleTree.CHUNK;
        uint256 length = demand.size - start < most ? demand.size - start : most;
        if (data.length != length) revert Verifier_WrongLength(length, data.length);
        return MerkleTree.fold(MerkleTree.chunkHashes(data), level, 0);
    }

    function _climb(bytes32 node, uint256 index, bytes32[] calldata path, uint256 from, uint256 levels)
        private
        pure
        returns (bytes32)
    {
        if (path.length < from + levels) revert Verifier_WrongLength((from + levels) * 32, path.length * 32);
        for (uint256 i = 0; i < levels; i++) {
            bytes32 sibling = path[from + i];
            node = (index >> i) & 1 == 0 ? MerkleTree.node(node, sibling) : MerkleTree.node(sibling, node);
        }
        return node;
    }

    /// @dev A node above leaves, with a real leaf below it.
    function _checkNode(Position calldata position, uint256 leaves) private pure {
        uint256 level = position.level;
        if (level == 0 || level > MerkleTree.depthOf(leaves) || position.index > (leaves - 1) >> level) {
            _badPosition(position);
        }
    }

    function _sizeOf(ModelCommitment calldata model, uint16 slot, TensorWitness calldata witness)
        private
        pure
        returns (uint32)
    {
        uint256 place = 32 + 32 * uint256(witness.operand);
        if (witness.entry.length < place + 32) revert Verifier_BadWitness(slot);
        bytes32 leaf = keccak256(witness.entry);
        bytes32 root = MerkleTree.rootOf(leaf, witness.entryIndex, model.entries, witness.path);
        Descriptor descriptor = Descriptor.wrap(uint256(bytes32(witness.entry[place:place + 32])));
        uint256 kind = slot < model.inputs ? DescriptorLibrary.INPUT : DescriptorLibrary.MATERIALISED;
        uint256 size = descriptor.byteSize();
        if (root != model.programRoot || !descriptor.refersTo(kind, slot) || size == 0 || size > type(uint32).max) {
            revert Verifier_BadWitness(slot);
        }
        return uint32(size);
    }

    function _requireNone(Position calldata position, TensorWitness calldata witness) private pure {
        if (witness.entry.length != 0 || witness.path.length != 0) revert Verifier_BadWitness(position.slot);
    }

    function _badPosition(Position calldata position) private pure {
        revert Verifier_BadPosition(position.kind, position.slot, position.level, position.index);
    }
}
