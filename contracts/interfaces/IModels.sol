// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ModelId} from "../types/Ids.sol";
import {InferenceMode, Manifest, ModelCommitment, ModelSpec, Parent} from "../types/Model.sol";

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

    event ModelRegistered(
        ModelId indexed modelId, address indexed provider, bytes32 indexed manifestHash, ModelSpec spec
    );
    event ModelDeprecated(ModelId indexed modelId, uint40 effectiveAt);
    event VerifierAllowed(address indexed verifier);
    event VerifierDisallowed(address indexed verifier);

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

    /// @notice What a commit needs; reverts if the model is unknown or its deprecation is in effect.
    /// @return challengeWindow wished window, seconds
    /// @return depthBudget demands that reach the deepest step
    /// @return inputPages demands that reveal the input: its size in units of 8 KiB, rounded up
    function commitInfo(ModelId modelId)
        external
        view
        returns (uint40 challengeWindow, uint256 depthBudget, uint256 inputPages);

    /// @notice What a verdict needs.
    function verdictInfo(ModelId modelId) external view returns (address verifier, ModelCommitment memory commitment);

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
