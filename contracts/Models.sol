// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./Peered.sol";
import {IModels} from "./interfaces/IModels.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {Peers} from "./interfaces/IPeers.sol";
import {Closure, Closures} from "./libraries/Closures.sol";
import {ModelId} from "./types/Ids.sol";
import {InferenceMode, Manifest, ModelCommitment, ModelSpec, Parent, VerifierState} from "./types/Model.sol";
import {BPS, Params} from "./types/Params.sol";

/// @title Models
/// @notice See IModels.
contract Models is IModels, Governed {
    using Closures for Closure[];

    uint16 public constant MAX_ROYALTY_BPS = 5_000;
    uint256 public constant MAX_PARENTS = 4;
    /// @notice Level of the deepest model: four levels, counted from 0.
    uint8 public constant MAX_LEVEL = 3;
    uint16 public constant COMPILER_VERSION = 1;
    /// @dev docs/trace.md: at most 4,096 tensors.
    uint16 private constant MAX_TENSORS = 4_096;
    /// @dev What one demand reveals of an input.
    uint32 private constant PAGE_BYTES = 8 * 1024;
    /// @dev An input is published in one transaction.
    uint32 private constant MAX_INPUT_BYTES = 96 * 1024;

    struct Record {
        // slot 0: what a commit and finality need
        address verifier;
        uint24 challengeWindow;
        uint40 deprecatedAt;
        uint8 depthBudget;
        uint8 inputPages;
        uint16 royaltyBps;
        // slot 1
        address provider;
        uint24 inputBytes;
        uint8 level;
        // slot 2
        address royaltyReceiver;
        // slots 3 to 5
        ModelCommitment commitment;
        bytes32 manifestHash;
        Parent[] parents;
    }

    IParameters private immutable PARAMETERS;
    mapping(ModelId modelId => Record) private _records;
    mapping(address verifier => VerifierState) private _verifiers;
    mapping(address verifier => Closure[]) private _closures;

    constructor(Peers memory peers) Governed(peers) {
        if (peers.models != address(this)) revert Peers_BadWiring("models");
        PARAMETERS = IParameters(peers.parameters);
    }

    /// @inheritdoc IModels
    function register(ModelSpec calldata spec) external returns (ModelId modelId) {
        // Check:
        if (bytes(spec.name).length == 0) revert Models_EmptyName();
        if (spec.mode != InferenceMode.TRACE) revert Models_UnsupportedMode(spec.mode);
        if (!_verifiers[spec.verifier].allowed) revert Models_VerifierNotAllowed(spec.verifier);
        if (spec.royaltyBps > MAX_ROYALTY_BPS || spec.royaltyReceiver == address(0)) {
            revert Models_BadRoyalty(spec.royaltyBps, spec.royaltyReceiver);
        }
        _checkManifest(spec.manifest);
        bytes32 hash = manifestHash(spec.manifest);
        modelId = idOf(msg.sender, hash);
        Record storage record = _records[modelId];
        if (record.provider != address(0)) revert Models_Exists(modelId);
        uint8 level = _checkParents(spec.parents);

        // Effect:
        record.verifier = spec.verifier;
        // A wish, clamped again at every commit: no set has a time that is longer.
        record.challengeWindow =
            spec.challengeWindow < type(uint24).max ? uint24(spec.challengeWindow) : type(uint24).max;
        record.depthBudget = uint8(spec.manifest.depthBudget);
        record.inputPages = uint8((spec.manifest.inputBytes + PAGE_BYTES - 1) / PAGE_BYTES);
        record.provider = msg.sender;
        record.inputBytes = uint24(spec.manifest.inputBytes);
        record.royaltyBps = spec.royaltyBps;
        record.level = level;
        record.royaltyReceiver = spec.royaltyReceiver;
        record.commitment = spec.manifest.commitment;
        record.manifestHash = hash;
        for (uint256 i = 0; i < spec.parents.length; i++) {
            record.parents.push(spec.parents[i]);
        }
        emit ModelRegistered(modelId, msg.sender, hash, spec);
    }

    /// @inheritdoc IModels
    function deprecate(ModelId modelId) external {
        Record storage record = _known(modelId);
        if (record.provider != msg.sender) revert Models_NotProvider(modelId, msg.sender);
        if (record.deprecatedAt != 0) revert Models_AlreadyDeprecated(modelId);
        // What was served before this call can still be committed.
        uint40 effectiveAt = PARAMETERS.lastCommitTime();
        record.deprecatedAt = effectiveAt;
        emit ModelDeprecated(modelId, effectiveAt);
    }

    /// @inheritdoc IModels
    function allowVerifier(address verifier) external restricted {
        if (verifier == address(0)) revert Models_ZeroAddress();
        VerifierState storage state = _verifiers[verifier];
        if (state.allowed || state.confirmed) revert Models_VerifierUnchanged(verifier);
        state.allowed = true;
        emit VerifierAllowed(verifier);
    }

    /// @inheritdoc IModels
    function disallowVerifier(address verifier) external restricted {
        VerifierState storage state = _verifiers[verifier];
        if (!state.allowed) revert Models_VerifierUnchanged(verifier);
        state.allowed = false;
        emit VerifierDisallowed(verifier);
    }

    /// @inheritdoc IModels
    function quarantine(address verifier) external restricted {
        // Check:
        VerifierState storage state = _verifiers[verifier];
        if (state.spent) revert Models_QuarantineSpent(verifier);
        if (_isStopped(state)) revert Models_VerifierStopped(verifier);
        // Effect:
        (, Params memory params) = PARAMETERS.current();
        state.frozen = _frozen(state);
        state.spent = true;
        state.stoppedAt = uint40(block.timestamp);
        state.lapsesAt = uint40(block.timestamp) + params.maxQuarantine;
        _closures[verifier].push(Closure({from: state.stoppedAt, to: state.lapsesAt}));
        emit VerifierQuarantined(verifier, state.lapsesAt);
    }

    /// @inheritdoc IModels
    function confirmQuarantine(address verifier) external restricted {
        VerifierState storage state = _verifiers[verifier];
        if (state.confirmed || !_isStopped(state)) revert Models_NotQuarantined(verifier);
        state.confirmed = true;
        state.allowed = false;
        Closure[] storage closures = _closures[verifier];
        closures[closures.length - 1].to = type(uint40).max;
        emit QuarantineConfirmed(verifier);
    }

    /// @inheritdoc IModels
    function allowQuarantine(address verifier) external restricted {
        VerifierState storage state = _verifiers[verifier];
        if (!state.spent) revert Models_VerifierUnchanged(verifier);
        state.spent = false;
        emit QuarantineAllowed(verifier);
    }

    /// @inheritdoc IModels
    function commitInfo(ModelId modelId)
        external
        view
        returns (uint40 challengeWindow, uint256 depthBudget, uint256 inputPages, uint40 frozen)
    {
        Record storage record = _records[modelId];
        // In the word that is read anyway: a registered model has a verifier.
        if (record.verifier == address(0)) revert Models_Unknown(modelId);
        uint40 endsAt = record.deprecatedAt;
        if (endsAt != 0 && block.timestamp >= endsAt) revert Models_Deprecated(modelId, endsAt);
        VerifierState storage state = _verifiers[record.verifier];
        if (_isStopped(state)) revert Models_VerifierStopped(record.verifier);
        return (record.challengeWindow, record.depthBudget, record.inputPages, _frozen(state));
    }

    /// @inheritdoc IModels
    function timeOf(ModelId modelId) external view returns (uint40) {
        return _timeOf(_records[modelId].verifier);
    }

    /// @inheritdoc IModels
    function clockOf(ModelId modelId) external view returns (uint40 time, bool stopped, bool confirmed) {
        VerifierState storage state = _verifiers[_known(modelId).verifier];
        return (uint40(block.timestamp) - _frozen(state), _isStopped(state), state.confirmed);
    }

    /// @inheritdoc IModels
    function finalityInfo(ModelId modelId) external view returns (uint40 time, bool stopped, uint16 royaltyBps) {
        Record storage record = _records[modelId];
        VerifierState storage state = _verifiers[record.verifier];
        return (uint40(block.timestamp) - _frozen(state), _isStopped(state), record.royaltyBps);
    }

    /// @inheritdoc IModels
    function wasStopped(ModelId modelId, uint40 from, uint40 to) external view returns (bool) {
        return _closures[_known(modelId).verifier].meet(from, to);
    }

    /// @inheritdoc IModels
    function verifierOf(address verifier) external view returns (VerifierState memory) {
        return _verifiers[verifier];
    }

    /// @inheritdoc IModels
    function isVerifierAllowed(address verifier) external view returns (bool) {
        return _verifiers[verifier].allowed;
    }

    /// @inheritdoc IModels
    function verdictInfo(ModelId modelId)
        external
        view
        returns (address verifier, ModelCommitment memory commitment, uint40 time)
    {
        Record storage record = _records[modelId];
        verifier = record.verifier;
        if (verifier == address(0)) revert Models_Unknown(modelId);
        return (verifier, record.commitment, _timeOf(verifier));
    }

    /// @inheritdoc IModels
    function judgeOf(ModelId modelId) external view returns (address verifier, uint40 time) {
        verifier = _records[modelId].verifier;
        if (verifier == address(0)) revert Models_Unknown(modelId);
        return (verifier, _timeOf(verifier));
    }

    /// @inheritdoc IModels
    function inputInfo(ModelId modelId) external view returns (uint256 inputs, uint256 inputBytes) {
        Record storage record = _known(modelId);
        return (record.commitment.inputs, record.inputBytes);
    }

    /// @inheritdoc IModels
    function royaltyBpsOf(ModelId modelId) external view returns (uint16) {
        return _known(modelId).royaltyBps;
    }

    /// @inheritdoc IModels
    function lineageOf(ModelId modelId) external view returns (address royaltyReceiver, Parent[] memory parents) {
        Record storage record = _known(modelId);
        return (record.royaltyReceiver, record.parents);
    }

    /// @inheritdoc IModels
    function providerOf(ModelId modelId) external view returns (address) {
        return _known(modelId).provider;
    }

    /// @inheritdoc IModels
    function levelOf(ModelId modelId) external view returns (uint8) {
        return _known(modelId).level;
    }

    /// @inheritdoc IModels
    function deprecatedAt(ModelId modelId) external view returns (uint40) {
        return _known(modelId).deprecatedAt;
    }

    /// @inheritdoc IModels
    function manifestHashOf(ModelId modelId) external view returns (bytes32) {
        return _known(modelId).manifestHash;
    }

    /// @inheritdoc IModels
    function manifestHash(Manifest calldata manifest) public pure returns (bytes32) {
        return keccak256(abi.encode(manifest));
    }

    /// @inheritdoc IModels
    function idOf(address provider, bytes32 manifestHash_) public view returns (ModelId) {
        return ModelId.wrap(keccak256(abi.encode(block.chainid, address(this), provider, manifestHash_)));
    }

    function _checkManifest(Manifest calldata manifest) private pure {
        ModelCommitment calldata c = manifest.commitment;
        if (manifest.sourceHash == 0) revert Models_BadManifest("sourceHash");
        if (c.programRoot == 0) revert Models_BadManifest("programRoot");
        if ((c.constants == 0) != (c.weightsRoot == 0)) revert Models_BadManifest("weightsRoot");
        if (c.inputs == 0) revert Models_BadManifest("inputs");
        // Every output slot is produced by an entry.
        if (c.outputs == 0 || uint256(c.inputs) + c.outputs > c.slots) revert Models_BadManifest("outputs");
        if (c.slots > MAX_TENSORS) revert Models_BadManifest("slots");
        if (c.entries < c.slots - c.inputs || c.entries > MAX_TENSORS) revert Models_BadManifest("entries");
        if (c.constants > MAX_TENSORS) revert Models_BadManifest("constants");
        if (manifest.inputBytes == 0 || manifest.inputBytes > MAX_INPUT_BYTES) {
            revert Models_BadManifest("inputBytes");
        }
        if (manifest.traceBytes < manifest.inputBytes) revert Models_BadManifest("traceBytes");
        if (manifest.depthBudget == 0 || manifest.depthBudget > type(uint8).max) {
            revert Models_BadManifest("depthBudget");
        }
        if (manifest.compilerVersion != COMPILER_VERSION) revert Models_BadManifest("compilerVersion");
    }

    /// @dev Parents exist already, so there can be no cycle.
    function _checkParents(Parent[] calldata parents) private view returns (uint8 level) {
        if (parents.length > MAX_PARENTS) revert Models_TooManyParents(parents.length);
        uint256 sum = 0;
        for (uint256 i = 0; i < parents.length; i++) {
            ModelId parent = parents[i].modelId;
            uint8 parentLevel = _known(parent).level;
            if (parentLevel == MAX_LEVEL) revert Models_TooDeep(parent);
            if (parentLevel + 1 > level) level = parentLevel + 1;
            for (uint256 j = 0; j < i; j++) {
                if (parents[j].modelId == parent) revert Models_RepeatedParent(parent);
            }
            if (parents[i].shareBps == 0) revert Models_BadShares(0);
            sum += parents[i].shareBps;
        }
        if (sum > BPS) revert Models_BadShares(sum);
    }

    function _timeOf(address verifier) private view returns (uint40) {
        VerifierState storage state = _verifiers[verifier];
        if (_isStopped(state)) revert Models_VerifierStopped(verifier);
        return uint40(block.timestamp) - _frozen(state);
    }

    function _isStopped(VerifierState storage state) private view returns (bool) {
        return state.confirmed || block.timestamp < state.lapsesAt;
    }

    /// @dev Seconds of all quarantines up to now.
    function _frozen(VerifierState storage state) private view returns (uint40) {
        uint40 end = _isStopped(state) ? uint40(block.timestamp) : state.lapsesAt;
        return state.frozen + end - state.stoppedAt;
    }

    function _known(ModelId modelId) private view returns (Record storage record) {
        record = _records[modelId];
        if (record.provider == address(0)) revert Models_Unknown(modelId);
    }
}
