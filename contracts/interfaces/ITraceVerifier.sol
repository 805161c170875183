// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IVerifier} from "./IVerifier.sol";

/// @title ITraceVerifier
/// @notice Judges an execution of a TOSA program by recomputing one element of its trace, or by holding its input and
/// output roots against its trace root (docs/trace.md).
/// @dev Assumes that whoever relies on a model has recompiled its file to the registered roots. Of a program that no
/// compiler made, the verifier promises only that it terminates within the gas it is given and changes nothing.
///
/// WARNING: evaluation is total. A fault is a difference between committed bytes and the one value that docs/trace.md
/// gives, also where an operator's data leaves the range that TOSA defines.
interface ITraceVerifier is IVerifier {
    // ---- No fault ---------------------------------------------------------------------------------------------------

    /// @notice The evidence is sound, and what it shows is right.
    error Trace_NoFault();

    // ---- The model --------------------------------------------------------------------------------------------------

    /// @notice The counts of the model contradict each other.
    error Trace_Counts(uint256 inputs, uint256 outputs, uint256 slots);

    // ---- The form of the evidence -----------------------------------------------------------------------------------

    /// @notice The first byte is none of 1, 2, 3.
    error Trace_EvidenceKind(uint256 kind);
    /// @notice The evidence has `given` bytes; what it announces needs `needed`, exactly or at least.
    error Trace_EvidenceLength(uint256 needed, uint256 given);
    /// @notice A list that needs an item has none: entries, tensors, runs of a tensor, chunks of a run, inputs of an entry.
    error Trace_Empty();

    // ---- Opened entries ---------------------------------------------------------------------------------------------

    /// @notice The program has only `entries` entries, or the opened ones do not ascend.
    error Trace_EntryIndex(uint256 index, uint256 entries);
    /// @notice The output of the opened entry is not the tensor that an entry of this index has.
    error Trace_EntryOutput(uint256 index, uint256 descriptor);
    /// @notice The first opened entry does not produce a materialised tensor, or a further one does.
    error Trace_EntryKind(uint256 index);
    /// @notice The link of an input leads to nothing that can answer it.
    error Trace_Link(uint256 index, uint256 input, uint256 link);
    /// @notice The evaluation of the entry would nest deeper than the stack has room for.
    error Trace_Depth(uint256 index, uint256 limit);

    // ---- Opened tensors ---------------------------------------------------------------------------------------------

    /// @notice The tree is neither 0 nor 1, has only `count` leaves, or the opened tensors do not ascend.
    error Trace_TensorSlot(uint256 tree, uint256 slot, uint256 count);
    /// @notice No input of an opened entry, nor the accusation, leads to this opened tensor.
    error Trace_TensorUnlinked(uint256 tree, uint256 slot);
    /// @notice A run of chunks reaches beyond the tensor, which ends at chunk `bound`; or it begins before `bound`, which
    /// is one chunk after the end of the previous run.
    error Trace_Run(uint256 slot, uint256 first, uint256 count, uint256 bound);
    /// @notice The accused tensor is not the output of the first opened entry.
    error Trace_Accused(uint256 accused);
    /// @notice The accused tensor has only `size` elements.
    error Trace_Element(uint256 element, uint256 size);
    /// @notice The evaluation needs bytes of a tensor that were not opened.
    error Trace_ChunkMissing(uint256 tree, uint256 slot, uint256 chunk);

    // ---- Roots ------------------------------------------------------------------------------------------------------

    /// @notice The opened entries are not those of the model.
    error Trace_ProgramRoot(bytes32 computed);
    /// @notice The opened constants are not those of the model.
    error Trace_WeightsRoot(bytes32 computed);
    /// @notice The opened tensors, inputs or outputs are not those of the execution.
    error Trace_TraceRoot(bytes32 computed);

    // ---- Evaluation -------------------------------------------------------------------------------------------------

    /// @notice No such operator.
    error Trace_Opcode(uint256 opcode);
    /// @notice The operator does not have this number of inputs.
    error Trace_Inputs(uint256 opcode, uint256 inputs);
    /// @notice No such element type.
    error Trace_Type(uint256 dtype);
}
