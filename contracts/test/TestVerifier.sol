// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Execution, IVerifier} from "../interfaces/IVerifier.sol";
import {TraceReveals} from "../trace/TraceReveals.sol";
import {ModelCommitment} from "../types/Model.sol";

/// @title TestVerifier
/// @notice A verifier that is told what is a fault: for tests of what happens around a verdict. Never deployed by scripts.
contract TestVerifier is TraceReveals {
    /// @notice Nobody said that this evidence shows a fault of this execution of this model.
    error TestVerifier_NoFault(bytes32 what);

    struct Place {
        bool known;
        uint64 slot;
        uint64 element;
    }

    mapping(bytes32 what => Place) private _faults;

    /// @notice From now on `evidence` shows a fault of this execution at (slot, element).
    function accept(
        ModelCommitment calldata model,
        Execution calldata execution,
        bytes calldata evidence,
        uint64 slot,
        uint64 element
    ) external {
        _faults[_what(model, execution, evidence)] = Place({known: true, slot: slot, element: element});
    }

    /// @inheritdoc IVerifier
    function fault(ModelCommitment calldata model, Execution calldata execution, bytes calldata evidence)
        external
        view
        returns (uint256 slot, uint256 element)
    {
        bytes32 what = _what(model, execution, evidence);
        Place storage place = _faults[what];
        if (!place.known) revert TestVerifier_NoFault(what);
        return (place.slot, place.element);
    }

    function _what(ModelCommitment calldata model, Execution calldata execution, bytes calldata evidence)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(model, execution, evidence));
    }
}
