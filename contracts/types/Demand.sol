// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What can be demanded of an operator, all of it below the batch root (docs/protocol.md, Forced reveals).
/// Receipt: the opened leaf's receipt with its path. Request: the preimage of its request id.
/// TraceNodes: nodes of the trace tree. TensorNodes, Chunks: of the tensor in a trace slot.
/// InputNodes, InputChunks: of an input tensor, below the receipt's inputRoot.
enum DemandKind {
    None,
    Receipt,
    Request,
    TraceNodes,
    TensorNodes,
    Chunks,
    InputNodes,
    InputChunks
}

/// @notice Names what is wanted; the answer brings its own path.
/// @param kind what
/// @param slot trace slot of the tensor; 0 for Receipt, Request and TraceNodes
/// @param level nodes: level of the node (leaves are 0, at least 1 here) whose descendants are wanted, six levels
/// below it or its leaves; chunks: 0
/// @param index nodes: index of that node in its level; chunks: the first one of the run, a multiple of 64
struct Position {
    DemandKind kind;
    uint16 slot;
    uint8 level;
    uint32 index;
}

/// @notice Shows the size of a tensor: an entry of the model's program in which it stands.
/// @param entry bytes of the entry; empty where no tensor is named
/// @param entryIndex leaf of the program tree
/// @param operand 0: the output, otherwise the input with this number, from 1
/// @param path of the entry in the program tree
struct TensorWitness {
    bytes entry;
    uint16 entryIndex;
    uint8 operand;
    bytes32[] path;
}

/// @notice What is stored while an operator has to answer.
/// @param size bytes of the tensor; for TraceNodes the number of slots
/// @param above levels from the tensor's root up to the root of the trace or of the inputs; for TraceNodes 0
struct Demand {
    DemandKind kind;
    uint8 level;
    uint16 slot;
    uint32 index;
    uint32 size;
    uint8 above;
}
