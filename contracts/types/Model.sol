// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ModelId} from "./Ids.sol";

/// @notice How an inference is secured. The first three are numbered as in OpenGradient's SDK.
/// @dev This release settles TRACE; registering another mode reverts until its verifier exists.
enum InferenceMode {
    VANILLA,
    ZKML,
    TEE,
    TRACE
}

/// @notice What a program and its weights are, as far as a verifier needs it (docs/trace.md, 3).
/// @param programRoot root of the program tree
/// @param weightsRoot root of the weights tree; zero if the program has no constants
/// @param inputs number of input slots, at least 1
/// @param outputs number of output slots, the last ones of the trace, at least 1
/// @param slots number of leaves of the trace tree: inputs and materialised tensors
/// @param entries number of leaves of the program tree, at least `slots - inputs`
/// @param constants number of leaves of the weights tree
struct ModelCommitment {
    bytes32 programRoot;
    bytes32 weightsRoot;
    uint16 inputs;
    uint16 outputs;
    uint16 slots;
    uint16 entries;
    uint16 constants;
}

/// @notice Everything that identifies the file and its compilation.
/// @param sourceHash keccak256 of the `.tosa` file
/// @param commitment roots and counts
/// @param inputBytes size of all inputs together, in bytes
/// @param traceBytes size of all committed tensors of one execution, in bytes
/// @param depthBudget number of demands that suffice to reach the deepest step, without those for the input
/// @param compilerVersion version of the program format, 1
struct Manifest {
    bytes32 sourceHash;
    ModelCommitment commitment;
    uint32 inputBytes;
    uint64 traceBytes;
    uint16 depthBudget;
    uint16 compilerVersion;
}

/// @notice A verifier's standing and its clock, which stands still under quarantine.
/// @param allowed new models may name it
/// @param confirmed the council confirmed the quarantine: it judges nothing any more
/// @param spent the guardian has used its quarantine; only the council gives it another
/// @param frozen seconds of all quarantines before the last one
/// @param stoppedAt when the last quarantine began; 0: there was none
/// @param lapsesAt when it ends by itself
struct VerifierState {
    // slot 0
    bool allowed;
    bool confirmed;
    bool spent;
    uint40 frozen;
    uint40 stoppedAt;
    uint40 lapsesAt;
}

/// @notice A model this one was made from, and its share of this model's royalties.
/// @param modelId an already registered model
/// @param shareBps share of this model's royalty, in basis points
struct Parent {
    ModelId modelId;
    uint16 shareBps;
}

/// @notice What a provider registers.
/// @param name human readable name, not unique
/// @param version human readable version
/// @param uri where the `.tosa` file can be had
/// @param mode must be TRACE in this release
/// @param verifier an allowed verifier contract
/// @param manifest identity of the file, its program and weights
/// @param royaltyBps share of the fees, at most 5,000
/// @param royaltyReceiver gets the royalty that does not go to parents
/// @param challengeWindow wished window in seconds, clamped to the batch's parameter set at commit
/// @param parents at most 4, shares at most 10,000 together, at most 4 levels
struct ModelSpec {
    string name;
    string version;
    string uri;
    InferenceMode mode;
    address verifier;
    Manifest manifest;
    uint16 royaltyBps;
    address royaltyReceiver;
    uint40 challengeWindow;
    Parent[] parents;
}
