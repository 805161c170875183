// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITraceVerifier} from "../interfaces/ITraceVerifier.sol";
import {Descriptor, DescriptorLibrary} from "./Descriptor.sol";
import {Movement} from "./Movement.sol";
import {Opcode} from "./Opcode.sol";
import {Entry, Source, SourceLibrary, Tensor} from "./Step.sol";

/// @title Linking
/// @notice Connects each input of each opened entry with what answers it: another opened entry or an opened tensor.
library Linking {
    /// @dev Most evaluations below one another, of which a window counts three times. One takes 5 to 9 words of the
    /// stack (a window 12 to 25), which has 1,024.
    uint256 internal constant MAX_DEPTH = 72;

    /// @notice Fills in the sources of all entries and the descriptors of all tensors.
    /// @param target place of the accused tensor
    /// @return accused the accused tensor
    function link(Entry[] memory entries, Tensor[] memory tensors, uint256 target)
        internal
        pure
        returns (Tensor accused)
    {
        if (!bind(tensors, target, entries[0].output())) revert ITraceVerifier.Trace_Accused(target);
        accused = tensors[target];
        unchecked {
            // The first entry is the only one that reads entries after it.
            for (uint256 i = 1; i < entries.length; ++i) {
                linkEntry(entries, tensors, entries[i], i);
            }
            linkEntry(entries, tensors, entries[0], entries.length);
            for (uint256 i; i < tensors.length; ++i) {
                Tensor tensor = tensors[i];
                if (Descriptor.unwrap(tensor.descriptor()) == 0) {
                    revert ITraceVerifier.Trace_TensorUnlinked(tensor.tree(), tensor.slot());
                }
            }
        }
    }

    /// @dev Links the inputs of an entry; virtual ones to the entries in places 1 to `end` − 1, which are linked already.
    function linkEntry(Entry[] memory entries, Tensor[] memory tensors, Entry entry, uint256 end) private pure {
        uint256 inputs = entry.inputs();
        uint256 depth;
        unchecked {
            for (uint256 i; i < inputs; ++i) {
                Descriptor wanted = entry.input(i);
                uint256 target = entry.link(i);
                Source source;
                if (wanted.kind() == DescriptorLibrary.VIRTUAL && target != 0 && target < end) {
                    Entry producer = entries[target];
                    if (producer.output().eq(wanted)) source = through(producer);
                } else if (bind(tensors, target, wanted)) {
                    source = SourceLibrary.fromTensor(tensors[target], wanted.storageOrder() == 0);
                }
                if (Source.unwrap(source) == 0) revert ITraceVerifier.Trace_Link(entry.index(), i, target);
                entry.setSource(i, source);
                if (source.isComputed()) {
                    uint256 below = source.entry().depth();
                    if (below > depth) depth = below;
                }
            }
            depth += Opcode.isIn(entry.opcode(), Opcode.WINDOW) ? 3 : 1;
        }
        if (depth > MAX_DEPTH) revert ITraceVerifier.Trace_Depth(entry.index(), MAX_DEPTH);
        entry.setDepth(depth);
    }

    /// @dev Whether the tensor in place `target` is the one described; two descriptions of one tensor must not differ.
    function bind(Tensor[] memory tensors, uint256 target, Descriptor wanted) private pure returns (bool) {
        if (target >= tensors.length) return false;
        Tensor tensor = tensors[target];
        Descriptor known = tensor.descriptor();
        if (Descriptor.unwrap(known) != 0) return known.eq(wanted);
        uint256 kind = wanted.kind();
        if (kind > DescriptorLibrary.MATERIALISED || wanted.ref() != tensor.slot()) return false;
        if ((kind == DescriptorLibrary.CONSTANT) != (tensor.tree() == 1)) return false;
        tensor.setDescriptor(wanted);
        return true;
    }

    /// @dev The output of an entry, or what lies below it if the entry only renames elements: RESHAPE, IDENTITY, and a
    /// TRANSPOSE that undoes the layout of a tensor. Changes what an element costs, not what it is.
    function through(Entry producer) private pure returns (Source) {
        uint256 opcode = producer.opcode();
        if (opcode >= Opcode.RESHAPE && producer.inputs() == 1) {
            Source below = producer.source(0);
            if (opcode == Opcode.RESHAPE || opcode == Opcode.IDENTITY) return below;
            if (opcode == Opcode.TRANSPOSE && below.isIndexed()) {
                Tensor tensor = below.tensor();
                if (Movement.followsStorage(producer, tensor.descriptor())) {
                    return SourceLibrary.fromTensor(tensor, true);
                }
            }
        }
        return SourceLibrary.fromEntry(producer);
    }
}
