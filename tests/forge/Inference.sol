// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Execution} from "../../contracts/interfaces/IVerifier.sol";
import {Answer, ReceiptProof} from "../../contracts/types/Challenge.sol";
import {DemandKind, Position, TensorWitness} from "../../contracts/types/Demand.sol";
import {Receipt} from "../../contracts/types/Messages.sol";
import {ModelCommitment} from "../../contracts/types/Model.sol";
import {Trees} from "./Trees.sol";

/// @notice One inference of the test model (one input, one output, one entry), and everything that can be demanded of it.
library Inference {
    uint256 internal constant INPUT_BYTES = 300;
    uint256 internal constant OUTPUT_BYTES = 130;

    /// @notice Bytes that follow from a seed.
    function dataOf(bytes32 seed, uint256 length) internal pure returns (bytes memory data) {
        for (uint256 i = 0; i * 32 < length; i++) {
            data = abi.encodePacked(data, keccak256(abi.encode(seed, i)));
        }
        assembly ("memory-safe") {
            mstore(data, length)
        }
    }

    function inputOf(bytes32 seed) internal pure returns (bytes memory) {
        return dataOf(seed, INPUT_BYTES);
    }

    function outputOf(bytes32 seed) internal pure returns (bytes memory) {
        return dataOf(~seed, OUTPUT_BYTES);
    }

    function slotsOf(bytes32 seed) internal pure returns (bytes32[] memory slots) {
        slots = new bytes32[](2);
        slots[0] = Trees.root(Trees.chunks(inputOf(seed)));
        slots[1] = Trees.root(Trees.chunks(outputOf(seed)));
    }

    function executionOf(bytes32 seed) internal pure returns (Execution memory) {
        bytes32[] memory slots = slotsOf(seed);
        return Execution({inputRoot: slots[0], outputRoot: slots[1], traceRoot: Trees.root(slots)});
    }

    /// @notice The only entry of the program: its output, then its input.
    function entry() internal pure returns (bytes memory) {
        return abi.encode(bytes32(0), _descriptor(2, 1, OUTPUT_BYTES), _descriptor(1, 0, INPUT_BYTES));
    }

    function commitment() internal pure returns (ModelCommitment memory) {
        return ModelCommitment({
            programRoot: keccak256(entry()), weightsRoot: 0, inputs: 1, outputs: 1, slots: 2, entries: 1, constants: 0
        });
    }

    /// @notice A position that exists, and its witness.
    function positionAt(uint256 seed) internal pure returns (Position memory position, TensorWitness memory witness) {
        position.kind = DemandKind(1 + seed % 7);
        seed /= 7;
        if (position.kind <= DemandKind.Request) return (position, witness);
        if (position.kind == DemandKind.TraceNodes) {
            position.level = 1;
            return (position, witness);
        }
        bool ofInput = position.kind == DemandKind.InputNodes || position.kind == DemandKind.InputChunks;
        position.slot = ofInput ? 0 : uint16(seed % 2);
        witness.entry = entry();
        witness.operand = position.slot == 0 ? 1 : 0;
        if (position.kind == DemandKind.TensorNodes || position.kind == DemandKind.InputNodes) {
            // Three chunks of input, two of output.
            uint256 depth = position.slot == 0 ? 2 : 1;
            position.level = uint8(1 + (seed / 2) % depth);
            position.index = uint32((seed / 4) % (uint256(1) << (depth - position.level)));
        }
    }

    /// @notice What stands at a position below an inference.
    function answer(bytes32 seed, ReceiptProof memory proof, bytes memory request, Position memory position)
        internal
        pure
        returns (Answer memory result)
    {
        result.proof = new ReceiptProof[](1);
        result.proof[0] = proof;
        DemandKind kind = position.kind;
        if (kind == DemandKind.Receipt) return result;
        if (kind == DemandKind.Request) {
            result.data = request;
            return result;
        }
        bytes32[] memory slots = slotsOf(seed);
        if (kind == DemandKind.TraceNodes) {
            result.data = Trees.descendants(slots, position.level, position.index);
            return result;
        }
        bool ofInput = kind == DemandKind.InputNodes || kind == DemandKind.InputChunks;
        bytes memory tensor = position.slot == 0 ? inputOf(seed) : outputOf(seed);
        bytes32[] memory leaves = Trees.chunks(tensor);
        bool run = kind == DemandKind.Chunks || kind == DemandKind.InputChunks;
        uint256 level = run ? (position.slot == 0 ? 2 : 1) : position.level;
        result.data = run ? tensor : Trees.descendants(leaves, level, position.index);
        result.path = Trees.path(leaves, level, position.index, ofInput ? 0 : 1);
        if (!ofInput) result.path[result.path.length - 1] = slots[1 - position.slot];
    }

    /// @dev A vector of bytes.
    function _descriptor(uint256 kind, uint256 ref, uint256 length) private pure returns (uint256) {
        return kind << 248 | 3 << 240 | ref << 224 | 1 << 216 | length << 160;
    }
}
