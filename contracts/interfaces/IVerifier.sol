// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Demand, DemandKind, Position, TensorWitness} from "../types/Demand.sol";
import {ModelCommitment} from "../types/Model.sol";

/// @notice The three roots of a receipt that a verifier judges.
/// @param inputRoot what the operator says went in
/// @param outputRoot what the operator says came out
/// @param traceRoot what the operator says happened in between
struct Execution {
    bytes32 inputRoot;
    bytes32 outputRoot;
    bytes32 traceRoot;
}

/// @title IVerifier
/// @notice Decides whether evidence shows that an execution contradicts the model. Holds nothing, decides nothing else.
/// @dev A call that returns means: fault shown. Everything else, malformed evidence and evidence that shows no fault
/// alike, reverts with a typed error; no caller may treat a revert as a fault.
interface IVerifier {
    /// @notice No such place: level, index, slot or kind beyond what the model has.
    error Verifier_BadPosition(DemandKind kind, uint16 slot, uint8 level, uint32 index);
    /// @notice The witness does not show the tensor, or is given where none is asked for.
    error Verifier_BadWitness(uint16 slot);
    /// @notice `actual` bytes were given where `expected` stand.
    error Verifier_WrongLength(uint256 expected, uint256 actual);
    /// @notice The data and its path do not lead to the root.
    error Verifier_WrongData(bytes32 expected, bytes32 actual);

    /// @notice Returns if `evidence` shows a fault of `execution`, reverts otherwise.
    /// @param model what was registered
    /// @param execution what was committed
    /// @param evidence encoded as in docs/trace.md, 4
    /// @return slot the trace slot of the accused element; for kind 2 and 3 the first input or output slot
    /// @return element row-major index of the accused element; 0 for kind 2 and 3
    function fault(ModelCommitment calldata model, Execution calldata execution, bytes calldata evidence)
        external
        view
        returns (uint256 slot, uint256 element);

    /// @notice Reverts unless the position exists below an execution of the model; only real nodes can be demanded.
    /// @param position not Receipt or Request, which lie above what a verifier knows
    /// @param witness shows the size of the tensor
    /// @return size bytes of the tensor; for TraceNodes the number of slots
    /// @return above levels from the tensor's root up to the root of the trace or of the inputs; for TraceNodes 0
    function demandSize(ModelCommitment calldata model, Position calldata position, TensorWitness calldata witness)
        external
        view
        returns (uint32 size, uint8 above);

    /// @notice Reverts unless the data is what stands at the demanded place.
    /// @dev It is folded with zero words and zero bytes beyond the real range: a tree that is not canonical cannot be
    /// answered.
    /// @param root of the trace, or of the inputs if the demand is for one of them
    function checkAnswer(bytes32 root, Demand calldata demand, bytes calldata data, bytes32[] calldata path)
        external
        view;
}
