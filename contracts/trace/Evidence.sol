// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITraceVerifier} from "../interfaces/ITraceVerifier.sol";
import {MerkleTree} from "../libraries/MerkleTree.sol";
import {ModelCommitment} from "../types/Model.sol";
import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {Linking} from "./Linking.sol";
import {Reader} from "./Reader.sol";
import {Entry, EntryLibrary, Tensor, TensorLibrary} from "./Step.sol";

/// @title Evidence
/// @notice Reads the evidence for one element and proves that all of it belongs to the model and the execution
/// (docs/trace.md, 4).
/// @dev Nothing in it is believed: lengths are held against what is there, indices against the model's counts, depths
/// follow from the program and the counts, and everything read ends up under one of three roots.
library Evidence {
    /// @dev Bytes of an opened entry with one input, of an opened tensor with one chunk, and of a run of one chunk.
    uint256 private constant LEAST_ENTRY = 100;
    uint256 private constant LEAST_TENSOR = 139;
    uint256 private constant LEAST_RUN = 134;

    uint256 private constant TRACE = 0;
    uint256 private constant WEIGHTS = 1;

    /// @notice Opens evidence of kind 1. When it returns, everything read is proven and linked.
    /// @param reader after the first byte
    /// @return entry the entry that produces the accused tensor
    /// @return accused the accused tensor
    /// @return element row-major index in it of the accused element
    function open(ModelCommitment calldata model, bytes32 traceRoot, Reader memory reader)
        internal
        pure
        returns (Entry entry, Tensor accused, uint256 element)
    {
        uint256 head = reader.number(10);
        element = uint32(head >> 16);
        Entry[] memory entries = readEntries(model, reader, head >> 64);
        Tensor[] memory tensors = readTensors(model, reader, uint16(head >> 48));
        entry = entries[0];
        accused = Linking.link(entries, tensors, uint16(head));
        uint256 size = accused.descriptor().size();
        if (element >= size) revert ITraceVerifier.Trace_Element(element, size);
        proveTensors(model, traceRoot, reader, tensors);
        proveEntries(model, reader, entries);
        reader.requireEnd();
    }

    // ---- Reading ----------------------------------------------------------------------------------------------------

    /// @dev The producer of slot s is entry s − inputs and no other; all further entries are virtual.
    function readEntries(ModelCommitment calldata model, Reader memory reader, uint256 count)
        private
        pure
        returns (Entry[] memory entries)
    {
        if (count == 0) revert ITraceVerifier.Trace_Empty();
        reader.requireLeft(count, LEAST_ENTRY);
        entries = new Entry[](count);
        uint256 limit = model.entries;
        uint256 inputs = model.inputs;
        uint256 slots = model.slots;
        uint256 least;
        unchecked {
            for (uint256 i; i < count; ++i) {
                Entry entry = readEntry(reader);
                uint256 index = entry.index();
                if (index < least || index >= limit) revert ITraceVerifier.Trace_EntryIndex(index, limit);
                if ((index + inputs < slots) != (i == 0)) revert ITraceVerifier.Trace_EntryKind(index);
                bool sound = i == 0
                    ? entry.output().refersTo(DescriptorLibrary.MATERIALISED, index + inputs)
                    : entry.output().refersTo(DescriptorLibrary.VIRTUAL, index);
                if (!sound) revert ITraceVerifier.Trace_EntryOutput(index, Descriptor.unwrap(entry.output()));
                entries[i] = entry;
                least = index + 1;
            }
        }
    }

    function readEntry(Reader memory reader) private pure returns (Entry entry) {
        unchecked {
            entry = EntryLibrary.open(reader.skip(2) + 2);
            uint256 inputs = entry.inputs();
            if (inputs == 0) revert ITraceVerifier.Trace_Empty();
            reader.skip(64 + 34 * inputs);
        }
    }

    function readTensors(ModelCommitment calldata model, Reader memory reader, uint256 count)
        private
        pure
        returns (Tensor[] memory tensors)
    {
        if (count == 0) revert ITraceVerifier.Trace_Empty();
        reader.requireLeft(count, LEAST_TENSOR);
        tensors = new Tensor[](count);
        uint256 least;
        unchecked {
            for (uint256 i; i < count; ++i) {
                uint256 head = reader.number(5);
                uint256 place = head >> 16;
                (uint256 tree, uint256 slot) = (place >> 16, uint16(place));
                uint256 leaves = tree == TRACE ? model.slots : model.constants;
                if (place < least || tree > WEIGHTS || slot >= leaves) {
                    revert ITraceVerifier.Trace_TensorSlot(tree, slot, leaves);
                }
                tensors[i] = readTensor(reader, tree, slot, uint16(head));
                least = place + 1;
            }
        }
    }

    function readTensor(Reader memory reader, uint256 tree, uint256 slot, uint256 runs)
        private
        pure
        returns (Tensor tensor)
    {
        if (runs == 0) revert ITraceVerifier.Trace_Empty();
        reader.requireLeft(runs, LEAST_RUN);
        tensor = TensorLibrary.create(tree, slot, runs);
        uint256 least;
        unchecked {
            for (uint256 i; i < runs; ++i) {
                uint256 head = reader.number(6);
                (uint256 first, uint256 count) = (head >> 16, uint16(head));
                if (count == 0) revert ITraceVerifier.Trace_Empty();
                if (first < least) revert ITraceVerifier.Trace_Run(slot, first, count, least);
                tensor.setRun(i, first, first + count, reader.skip(count * MerkleTree.CHUNK));
                least = first + count + 1;
            }
        }
    }

    // ---- Proving ----------------------------------------------------------------------------------------------------

    function proveTensors(
        ModelCommitment calldata model,
        bytes32 traceRoot,
        Reader memory reader,
        Tensor[] memory tensors
    ) private pure {
        uint256[] memory slots = new uint256[](tensors.length);
        bytes32[] memory roots = new bytes32[](tensors.length);
        uint256 inTrace;
        unchecked {
            for (uint256 i; i < tensors.length; ++i) {
                Tensor tensor = tensors[i];
                slots[i] = tensor.slot();
                roots[i] = tensorRoot(reader, tensor);
                if (tensor.tree() == TRACE) ++inTrace;
            }
        }
        bytes32 root = fold(reader, slots, roots, 0, inTrace, model.slots);
        if (root != traceRoot) revert ITraceVerifier.Trace_TraceRoot(root);
        if (inTrace == tensors.length) return;
        root = fold(reader, slots, roots, inTrace, tensors.length, model.constants);
        if (root != model.weightsRoot) revert ITraceVerifier.Trace_WeightsRoot(root);
    }

    /// @dev Root of a tensor tree from the opened chunks.
    function tensorRoot(Reader memory reader, Tensor tensor) private pure returns (bytes32) {
        unchecked {
            uint256 runs = tensor.runs();
            uint256 chunks = (tensor.descriptor().byteSize() + MerkleTree.CHUNK - 1) / MerkleTree.CHUNK;
            if (runs == 1) return runRoot(reader, tensor, chunks);
            uint256 count;
            for (uint256 i; i < runs; ++i) {
                (uint256 first, uint256 end,) = tensor.run(i);
                if (end > chunks) revert ITraceVerifier.Trace_Run(tensor.slot(), first, end - first, chunks);
                count += end - first;
            }
            uint256[] memory indices = new uint256[](count);
            bytes32[] memory nodes = new bytes32[](count);
            count = 0;
            for (uint256 i; i < runs; ++i) {
                (uint256 first, uint256 end, uint256 data) = tensor.run(i);
                MerkleTree.hashChunks(nodes, count, data, end - first);
                while (first < end) indices[count++] = first++;
            }
            return fold(reader, indices, nodes, 0, count, chunks);
        }
    }

    /// @dev The same for a tensor of which one run was opened.
    function runRoot(Reader memory reader, Tensor tensor, uint256 chunks) private pure returns (bytes32) {
        (uint256 first, uint256 end, uint256 data) = tensor.run(0);
        unchecked {
            uint256 count = end - first;
            if (end > chunks) revert ITraceVerifier.Trace_Run(tensor.slot(), first, count, chunks);
            bytes32[] memory nodes = new bytes32[](count + 1);
            MerkleTree.hashChunks(nodes, 0, data, count);
            return foldRange(reader, nodes, first, chunks);
        }
    }

    function proveEntries(ModelCommitment calldata model, Reader memory reader, Entry[] memory entries) private pure {
        uint256[] memory indices = new uint256[](entries.length);
        bytes32[] memory nodes = new bytes32[](entries.length);
        unchecked {
            for (uint256 i; i < entries.length; ++i) {
                indices[i] = entries[i].index();
                nodes[i] = entries[i].hash();
            }
        }
        bytes32 root = fold(reader, indices, nodes, 0, entries.length, model.entries);
        if (root != model.programRoot) revert ITraceVerifier.Trace_ProgramRoot(root);
    }

    /// @notice Root of a tree of `leaves` leaves, from the given ones in places `from` to `to` and the siblings that come
    /// next in the evidence.
    function fold(
        Reader memory reader,
        uint256[] memory indices,
        bytes32[] memory nodes,
        uint256 from,
        uint256 to,
        uint256 leaves
    ) internal pure returns (bytes32 root) {
        uint256 depth = MerkleTree.depthOf(leaves);
        uint256 next;
        (root, next) = MerkleTree.multiproof(indices, nodes, from, to, depth, reader.next);
        reader.moveTo(next);
    }

    /// @notice The same from leaves that stand side by side, the first at `first`; the last place of `nodes` is room.
    function foldRange(Reader memory reader, bytes32[] memory nodes, uint256 first, uint256 leaves)
        internal
        pure
        returns (bytes32 root)
    {
        uint256 next;
        (root, next) = MerkleTree.rangeproof(nodes, first, MerkleTree.depthOf(leaves), reader.next);
        reader.moveTo(next);
    }
}
