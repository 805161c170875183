// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITraceVerifier} from "../interfaces/ITraceVerifier.sol";
import {MerkleTree} from "../libraries/MerkleTree.sol";
import {Descriptor} from "./Descriptor.sol";
import {DType} from "./DType.sol";

/// @notice An opened entry of the program: the position in memory of
/// | 0x00 | its position in the calldata
/// | 0x20 | how deep an evaluation of it nests, as counted by `Linking`
/// | 0x40 | where each of its inputs comes from
/// @dev A word and not a struct: a function that returns a struct in memory allocates one first.
type Entry is uint256;

/// @notice An opened tensor of the trace or of the weights: the position in memory of
/// | 0x00 | its descriptor, zero until something is linked to it
/// | 0x20 | tree << 16 | slot
/// | 0x40 | number of runs
/// | 0x60 | runs of opened chunks, ascending: first chunk << 128 | chunk after the last << 64 | position in the calldata
type Tensor is uint256;

/// @notice Where the elements of an operator's input come from: how << 128 | an opened entry or tensor.
type Source is uint256;

using EntryLibrary for Entry global;
using TensorLibrary for Tensor global;
using SourceLibrary for Source global;

/// @title EntryLibrary
library EntryLibrary {
    /// @notice The entry at a position of the calldata, with nothing linked.
    function open(uint256 data) internal pure returns (Entry self) {
        assembly ("memory-safe") {
            self := mload(0x40)
            mstore(self, data)
            mstore(0x40, add(add(self, 0x40), shl(5, byte(1, calldataload(data)))))
        }
    }

    /// @notice Leaf in the program tree, which stands before the entry.
    function index(Entry self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(240, calldataload(sub(mload(self), 2)))
        }
    }

    /// @notice Opcode, number of inputs and attributes.
    function word(Entry self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(mload(self))
        }
    }

    function opcode(Entry self) internal pure returns (uint256) {
        return self.word() >> 248;
    }

    function inputs(Entry self) internal pure returns (uint256) {
        return Attributes.u8(self.word(), 1);
    }

    function output(Entry self) internal pure returns (Descriptor value) {
        assembly ("memory-safe") {
            value := calldataload(add(mload(self), 0x20))
        }
    }

    /// @dev WARNING: `which` must be below the number of inputs, here and below: see `requireInputs`.
    function input(Entry self, uint256 which) internal pure returns (Descriptor value) {
        assembly ("memory-safe") {
            value := calldataload(add(mload(self), add(0x40, shl(5, which))))
        }
    }

    /// @notice What the evidence says of input `which`: the place in its lists of what answers it.
    function link(Entry self, uint256 which) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            let data := mload(self)
            let end := add(add(data, 0x40), shl(5, byte(1, calldataload(data))))
            value := shr(240, calldataload(add(end, shl(1, which))))
        }
    }

    function source(Entry self, uint256 which) internal pure returns (Source value) {
        assembly ("memory-safe") {
            value := mload(add(self, add(0x40, shl(5, which))))
        }
    }

    function setSource(Entry self, uint256 which, Source value) internal pure {
        assembly ("memory-safe") {
            mstore(add(self, add(0x40, shl(5, which))), value)
        }
    }

    function depth(Entry self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(self, 0x20))
        }
    }

    function setDepth(Entry self, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(add(self, 0x20), value)
        }
    }

    /// @notice Reverts unless the entry has `count` inputs.
    function requireInputs(Entry self, uint256 count) internal pure {
        if (self.inputs() != count) revert ITraceVerifier.Trace_Inputs(self.opcode(), self.inputs());
    }

    /// @notice Leaf of the program tree.
    function hash(Entry self) internal pure returns (bytes32 leaf) {
        assembly ("memory-safe") {
            let data := mload(self)
            let length := add(0x40, shl(5, byte(1, calldataload(data))))
            let copy := mload(0x40)
            calldatacopy(copy, data, length)
            leaf := keccak256(copy, length)
        }
    }
}

/// @title Attributes
/// @notice Reads the attributes in word 0 of an entry by their offsets in docs/trace.md, 1.
library Attributes {
    function u8(uint256 word, uint256 offset) internal pure returns (uint256) {
        unchecked {
            return (word >> (248 - 8 * offset)) & 0xff;
        }
    }

    function u16(uint256 word, uint256 offset) internal pure returns (uint256) {
        unchecked {
            return (word >> (240 - 8 * offset)) & 0xffff;
        }
    }

    function i16(uint256 word, uint256 offset) internal pure returns (int256) {
        return int16(uint16(u16(word, offset)));
    }

    function u32(uint256 word, uint256 offset) internal pure returns (uint256) {
        unchecked {
            return (word >> (224 - 8 * offset)) & 0xffffffff;
        }
    }

    function i32(uint256 word, uint256 offset) internal pure returns (int256) {
        unchecked {
            return int32(uint32(u32(word, offset)));
        }
    }
}

/// @title TensorLibrary
library TensorLibrary {
    /// @notice A tensor with room for runs.
    function create(uint256 tree_, uint256 slot_, uint256 runs_) internal pure returns (Tensor self) {
        assembly ("memory-safe") {
            self := mload(0x40)
            mstore(self, 0)
            mstore(add(self, 0x20), or(shl(16, tree_), slot_))
            mstore(add(self, 0x40), runs_)
            mstore(0x40, add(add(self, 0x60), shl(5, runs_)))
        }
    }

    function descriptor(Tensor self) internal pure returns (Descriptor value) {
        assembly ("memory-safe") {
            value := mload(self)
        }
    }

    function setDescriptor(Tensor self, Descriptor value) internal pure {
        assembly ("memory-safe") {
            mstore(self, value)
        }
    }

    function tree(Tensor self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(16, mload(add(self, 0x20)))
        }
    }

    function slot(Tensor self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := and(mload(add(self, 0x20)), 0xffff)
        }
    }

    function runs(Tensor self) internal pure returns (uint256 count) {
        assembly ("memory-safe") {
            count := mload(add(self, 0x40))
        }
    }

    /// @dev WARNING: `which` must be below the number of runs, here and below.
    function run(Tensor self, uint256 which) internal pure returns (uint256 first, uint256 end, uint256 data) {
        assembly ("memory-safe") {
            data := mload(add(self, add(0x60, shl(5, which))))
            first := shr(128, data)
            end := and(shr(64, data), 0xffffffffffffffff)
            data := and(data, 0xffffffffffffffff)
        }
    }

    function setRun(Tensor self, uint256 which, uint256 first, uint256 end, uint256 data) internal pure {
        assembly ("memory-safe") {
            mstore(add(self, add(0x60, shl(5, which))), or(or(shl(128, first), shl(64, end)), data))
        }
    }

    /// @notice Position in the calldata of byte `start` of the tensor, and the number of bytes from there to the end of
    /// its run.
    function open(Tensor self, uint256 start) internal pure returns (uint256 position, uint256 left) {
        unchecked {
            uint256 chunk = start / MerkleTree.CHUNK;
            (uint256 first, uint256 end, uint256 data) = self.run(self.runBefore(chunk));
            if (chunk < first || chunk >= end) {
                revert ITraceVerifier.Trace_ChunkMissing(self.tree(), self.slot(), chunk);
            }
            return (data + start - first * MerkleTree.CHUNK, end * MerkleTree.CHUNK - start);
        }
    }

    /// @notice Position in the calldata of `length` bytes of the tensor that begin at byte `start`.
    /// @dev Reverts unless all of them lie in one run: runs do not touch, so between two of them something is missing.
    function span(Tensor self, uint256 start, uint256 length) internal pure returns (uint256 position) {
        uint256 left;
        (position, left) = self.open(start);
        unchecked {
            if (length > left) {
                uint256 end = (start + left) / MerkleTree.CHUNK;
                revert ITraceVerifier.Trace_ChunkMissing(self.tree(), self.slot(), end);
            }
        }
    }

    /// @dev The last run that does not begin after the chunk; the first if all do.
    function runBefore(Tensor self, uint256 chunk) internal pure returns (uint256 low) {
        unchecked {
            uint256 high = self.runs();
            while (high - low > 1) {
                uint256 middle = (low + high) / 2;
                (uint256 first,,) = self.run(middle);
                if (first > chunk) high = middle;
                else low = middle;
            }
        }
    }

    /// @notice The stored bytes of the element at a place in storage, as a number.
    function bytesAt(Tensor self, uint256 place) internal pure returns (uint256 value) {
        unchecked {
            uint256 size = DType.byteSize(self.descriptor().dtype());
            uint256 position = self.span(place * size, size);
            assembly ("memory-safe") {
                value := shr(sub(256, shl(3, size)), calldataload(position))
            }
        }
    }

    /// @notice The element at a place in storage.
    function element(Tensor self, uint256 place) internal pure returns (int256) {
        return DType.wrap(self.descriptor().dtype(), int256(self.bytesAt(place)));
    }
}

/// @title SourceLibrary
library SourceLibrary {
    /// @dev How: an element of a tensor by its row-major index, or by its place in storage; or an element of an entry.
    uint256 private constant INDEXED = 0;
    uint256 private constant STORED = 1;
    uint256 private constant COMPUTED = 2;

    function fromEntry(Entry entry_) internal pure returns (Source) {
        return Source.wrap((COMPUTED << 128) | Entry.unwrap(entry_));
    }

    function fromTensor(Tensor tensor_, bool stored) internal pure returns (Source) {
        return Source.wrap(((stored ? STORED : INDEXED) << 128) | Tensor.unwrap(tensor_));
    }

    function isIndexed(Source self) internal pure returns (bool) {
        return Source.unwrap(self) >> 128 == INDEXED;
    }

    function isStored(Source self) internal pure returns (bool) {
        return Source.unwrap(self) >> 128 == STORED;
    }

    function isComputed(Source self) internal pure returns (bool) {
        return Source.unwrap(self) >> 128 == COMPUTED;
    }

    /// @dev WARNING: only of a source that is computed.
    function entry(Source self) internal pure returns (Entry) {
        return Entry.wrap(uint128(Source.unwrap(self)));
    }

    /// @dev WARNING: only of a source that is not computed.
    function tensor(Source self) internal pure returns (Tensor) {
        return Tensor.wrap(uint128(Source.unwrap(self)));
    }
}
