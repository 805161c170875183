// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Execution, IVerifier} from "../interfaces/IVerifier.sol";
import {TraceReveals} from "../trace/TraceReveals.sol";
import {ModelCommitment} from "../types/Model.sol";

/// @title NullVerifier
/// @notice Calls everything a fault, at almost no cost: what `prove` costs with it is what it costs without a verifier.
/// Never deployed by scripts.
contract NullVerifier is TraceReveals {
    /// @inheritdoc IVerifier
    function fault(ModelCommitment calldata, Execution calldata, bytes calldata)
        external
        pure
        returns (uint256 slot, uint256 element)
    {
        return (0, 0);
    }
}
