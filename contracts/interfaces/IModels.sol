// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ModelId} from "../types/Ids.sol";
import {InferenceMode, Manifest, ModelCommitment, ModelSpec, Parent, VerifierState} from "../types/Model.sol";

/// @title IModels
/// @notice Model versions, their lineage, their status, and the verifiers that may judge them.
interface IModels {
    error Models_Exists(ModelId modelId);
    error Models_Unknown(ModelId modelId);
    error Models_NotProvider(ModelId modelId, address caller);
    error Models_UnsupportedMode(InferenceMode mode);
    error Models_VerifierNotAllowed(address verifier);
    /// @notice Too large, or its receiver is zero.
    error Models_BadRoyalty(uint16 royaltyBps, address receiver);
    error Models_TooManyParents(uint256 count);
    error Models_TooDeep(ModelId parent);
    /// @notice The shares of the parents are above 10,000 together, or one is zero.
    error Models_BadShares(uint256 sumBps);
    error Models_RepeatedParent(ModelId parent);
    /// @notice A root or count of the manifest cannot be; `field` says which.
    error Models_BadManifest(string field);
    error Models_EmptyName();
    error Models_AlreadyDeprecated(ModelId modelId);
    /// @notice No new batches since `endsAt`.
    error Models_Deprecated(ModelId modelId, uint40 endsAt);
    error Models_VerifierUnchanged(address verifier);
    error Models_ZeroAddress();
    /// @notice The verifier is under quarantine: no commits, verdicts, timeouts or finality, and its clock stands still.
    error Models_VerifierStopped(address verifier);
    /// @notice The guardian has used its quarantine of this verifier.
    error Models_QuarantineSpent(address verifier);
    error Models_NotQuarantined(address verifier);

    event ModelRegistered(
        ModelId indexed modelId, address indexed provider, bytes32 indexed manifestHash, ModelSpec spec
    );
    event ModelDeprecated(ModelId indexed modelId, uint40 effectiveAt);
    event VerifierAllowed(address indexed verifier);
    event VerifierDisallowed(address indexed verifier);
    event VerifierQuarantined(address indexed verifier, uint40 lapsesAt);
    event QuarantineConfirmed(address indexed verifier);
    event QuarantineAllowed(address indexed verifier);

    /// @notice Registers a model version of the caller.
    /// @return modelId keccak256(abi.encode(chainid, Models, provider, manifestHash)); the same file can be registered
    /// once by each provider
    function register(ModelSpec calldata spec) external returns (ModelId modelId);

    /// @notice No new batches after maxCommitDelay + grace of the set in force; old ones stay payable and disputable.
    function deprecate(ModelId modelId) external;

    /// @notice Lets models name this verifier. Restricted to the council.
    function allowVerifier(address verifier) external;

    /// @notice No new models with it; registered ones go on. Restricted to the council.
    function disallowVerifier(address verifier) external;

    /// @notice Stops a verifier for at most maxQuarantine, once. Restricted to the guardian.
    function quarantine(address verifier) external;

    /// @notice Makes a running quarantine final: its batches are refunded. Restricted to the council.
    function confirmQuarantine(address verifier) external;

    /// @notice Gives the guardian another quarantine of this verifier. Restricted to the council.
    function allowQuarantine(address verifier) external;

    /// @notice What a commit needs; reverts if the model is unknown or its deprecation is in effect.
    /// @return challengeWindow wished window, seconds
    /// @return depthBudget demands that reach the deepest step
    /// @return inputPages demands that reveal the input: its size in units of 8 KiB, rounded up
    /// @return frozen seconds by which the verifier's clock is behind
    function commitInfo(ModelId modelId)
        external
        view
        returns (uint40 challengeWindow, uint256 depthBudget, uint256 inputPages, uint40 frozen);

    /// @notice The clock of the model's verifier: block time less all quarantines. Reverts while it is stopped.
    function timeOf(ModelId modelId) external view returns (uint40);

    /// @notice The same, and whether it is stopped or stopped for good; never reverts for a registered model.
    function clockOf(ModelId modelId) external view returns (uint40 time, bool stopped, bool confirmed);

    /// @notice What finality needs: the verifier's clock, whether it is stopped, and the royalty.
    function finalityInfo(ModelId modelId) external view returns (uint40 time, bool stopped, uint16 royaltyBps);

    /// @notice Whether the model's verifier was under quarantine at any second from `from` to `to`.
    function wasStopped(ModelId modelId, uint40 from, uint40 to) external view returns (bool);

    /// @notice What is stored for a verifier.
    function verifierOf(address verifier) external view returns (VerifierState memory);

    /// @notice What a verdict needs; reverts while the verifier is stopped.
    /// @return verifier who judges it
    /// @return commitment what it judges by
    /// @return time the verifier's clock
    function verdictInfo(ModelId modelId)
        external
        view
        returns (address verifier, ModelCommitment memory commitment, uint40 time);

    /// @notice What checking an answer needs; reverts while the verifier is stopped.
    /// @return verifier who judges it
    /// @return time the verifier's clock
    function judgeOf(ModelId modelId) external view returns (address verifier, uint40 time);

    /// @notice Number of its inputs, and their size in bytes together.
    function inputInfo(ModelId modelId) external view returns (uint256 inputs, uint256 inputBytes);

    /// @notice Share of the fees that goes to the model's royalty account.
    function royaltyBpsOf(ModelId modelId) external view returns (uint16);

    /// @notice Parents with their shares, and who gets the rest.
    function lineageOf(ModelId modelId) external view returns (address royaltyReceiver, Parent[] memory parents);

    /// @notice Who registered it.
    function providerOf(ModelId modelId) external view returns (address);

    /// @notice 0 for a model without parents, otherwise one more than its deepest parent; at most 3.
    function levelOf(ModelId modelId) external view returns (uint8);

    /// @notice 0, or when it stops taking batches.
    function deprecatedAt(ModelId modelId) external view returns (uint40);

    function manifestHashOf(ModelId modelId) external view returns (bytes32);
    function isVerifierAllowed(address verifier) external view returns (bool);

    /// @notice keccak256(abi.encode(manifest)).
    function manifestHash(Manifest calldata manifest) external pure returns (bytes32);

    /// @notice The id that `provider` gets for a manifest.
    function idOf(address provider, bytes32 manifestHash_) external view returns (ModelId);
}
