// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

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
}
