// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITraceVerifier} from "../interfaces/ITraceVerifier.sol";
import {Execution, IVerifier} from "../interfaces/IVerifier.sol";
import {MerkleTree} from "../libraries/MerkleTree.sol";
import {ModelCommitment} from "../types/Model.sol";
import {DType} from "./DType.sol";
import {Evaluation} from "./Evaluation.sol";
import {Evidence} from "./Evidence.sol";
import {Reader, ReaderLibrary} from "./Reader.sol";
import {Entry, Tensor} from "./Step.sol";
import {TraceReveals} from "./TraceReveals.sol";

/// @title TraceVerifier
/// @notice The verdict on an execution of a TOSA program. Pure: no state, no calls.
contract TraceVerifier is ITraceVerifier, TraceReveals {
    uint256 private constant ELEMENT = 1;
    uint256 private constant INPUT = 2;
    uint256 private constant OUTPUT = 3;

    /// @inheritdoc IVerifier
    function fault(ModelCommitment calldata model, Execution calldata execution, bytes calldata evidence)
        external
        pure
        returns (uint256 slot, uint256 element)
    {
        Reader memory reader = ReaderLibrary.over(evidence);
        uint256 kind = reader.number(1);
        if (kind == ELEMENT) return _element(model, execution.traceRoot, reader);
        if (kind == INPUT) return _ends(model, execution.traceRoot, execution.inputRoot, 0, model.inputs, reader);
        if (kind != OUTPUT) revert Trace_EvidenceKind(kind);
        if (model.outputs > model.slots) revert Trace_Counts(model.inputs, model.outputs, model.slots);
        uint256 first = model.slots - model.outputs;
        return _ends(model, execution.traceRoot, execution.outputRoot, first, model.outputs, reader);
    }

    /// @dev A committed element is not what its operator gives.
    function _element(ModelCommitment calldata model, bytes32 traceRoot, Reader memory reader)
        private
        pure
        returns (uint256, uint256)
    {
        (Entry entry, Tensor accused, uint256 element) = Evidence.open(model, traceRoot, reader);
        int256 right = Evaluation.evaluate(entry, element);
        uint256 committed = accused.bytesAt(accused.descriptor().position(element));
        if (DType.encode(accused.descriptor().dtype(), right) == committed) revert Trace_NoFault();
        return (accused.slot(), element);
    }

    /// @dev The `count` tensors from slot `first` on are not those whose root the receipt names.
    function _ends(
        ModelCommitment calldata model,
        bytes32 traceRoot,
        bytes32 named,
        uint256 first,
        uint256 count,
        Reader memory reader
    ) private pure returns (uint256, uint256) {
        if (count == 0 || first + count > model.slots) {
            revert Trace_Counts(model.inputs, model.outputs, model.slots);
        }
        reader.requireLeft(count, 32);
        bytes32[] memory roots = new bytes32[](count);
        bytes32[] memory nodes = new bytes32[](count + 1);
        for (uint256 i; i < count; ++i) {
            roots[i] = nodes[i] = bytes32(reader.number(32));
        }
        bytes32 root = Evidence.foldRange(reader, nodes, first, model.slots);
        reader.requireEnd();
        if (root != traceRoot) revert Trace_TraceRoot(root);
        if (MerkleTree.rootOfAll(roots) == named) revert Trace_NoFault();
        return (first, 0);
    }
}
