// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Expected, ISettlement} from "../interfaces/ISettlement.sol";
import {MerkleTree} from "../libraries/MerkleTree.sol";
import {BatchHeader} from "../types/Batch.sol";
import {ReceiptProof} from "../types/Challenge.sol";
import {ModelId} from "../types/Ids.sol";

/// @title AnswerConsumer
/// @notice Example: asks one model one question and acts on the answer, once, when the answer can be relied on.
/// @dev The three lines that matter are in `act`. Never deployed by scripts.
contract AnswerConsumer {
    /// @notice Only its owner decides what it wants to know.
    error AnswerConsumer_NotOwner(address caller);
    /// @notice The receipt answers somebody else's request.
    error AnswerConsumer_OtherRequest(bytes32 expected, bytes32 actual);
    /// @notice These bytes are not what the operator computed.
    error AnswerConsumer_WrongOutput(bytes32 expected, bytes32 actual);
    /// @notice A root does not say where the bytes end: zeros could be added to them or left out.
    error AnswerConsumer_WrongLength(uint256 length);
    error AnswerConsumer_AlreadyAnswered(bytes32 requestId);

    event Acted(bytes32 indexed requestId, uint256 class);

    /// @dev Bytes of the model's output: one int8 a class.
    uint256 private constant CLASSES = 10;

    address private immutable OWNER;
    ISettlement private immutable SETTLEMENT;
    ModelId private immutable MODEL_ID;
    uint128 private immutable MIN_STAKE;

    mapping(bytes32 requestId => bytes32 inputRoot) public asked;
    mapping(bytes32 requestId => bool) public answered;

    /// @param minStake at least twice what a wrong answer is worth to whoever could cause it
    constructor(ISettlement settlement, ModelId modelId, uint128 minStake) {
        OWNER = msg.sender;
        SETTLEMENT = settlement;
        MODEL_ID = modelId;
        MIN_STAKE = minStake;
    }

    /// @notice Notes what this contract wants to know: the request was signed off chain.
    function ask(bytes32 requestId, bytes32 inputRoot) external {
        if (msg.sender != OWNER) revert AnswerConsumer_NotOwner(msg.sender);
        asked[requestId] = inputRoot;
    }

    /// @notice Acts on an answer. Anyone may bring it.
    /// @param output the bytes of the model's one output
    function act(BatchHeader calldata header, ReceiptProof calldata proof, bytes calldata output)
        external
        returns (uint256 class)
    {
        bytes32 requestId = proof.receipt.requestId;
        bytes32 inputRoot = asked[requestId];
        if (inputRoot == 0) revert AnswerConsumer_OtherRequest(0, requestId);
        if (answered[requestId]) revert AnswerConsumer_AlreadyAnswered(requestId);

        // Final, of the right model, on the right input, with enough behind it, and with an input that everybody could see in time.
        SETTLEMENT.requireFinal(
            header, proof, Expected({modelId: MODEL_ID, inputRoot: inputRoot, minStake: MIN_STAKE, published: true})
        );
        if (output.length != CLASSES) revert AnswerConsumer_WrongLength(output.length);
        bytes32 outputRoot = MerkleTree.chunkRoot(output);
        if (outputRoot != proof.receipt.outputRoot) {
            revert AnswerConsumer_WrongOutput(proof.receipt.outputRoot, outputRoot);
        }

        answered[requestId] = true;
        class = _largest(output);
        emit Acted(requestId, class);
    }

    /// @dev Index of the largest int8.
    function _largest(bytes calldata output) private pure returns (uint256 class) {
        for (uint256 i = 1; i < CLASSES; i++) {
            if (int8(uint8(output[i])) > int8(uint8(output[class]))) class = i;
        }
    }
}
