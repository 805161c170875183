// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Peered} from "./Peered.sol";
import {IModels} from "./interfaces/IModels.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {Peers} from "./interfaces/IPeers.sol";
import {IReputation} from "./interfaces/IReputation.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {BatchHeader, BatchState, BatchStatus, lockOf} from "./types/Batch.sol";
import {BatchId, ModelId} from "./types/Ids.sol";
import {BPS} from "./types/Params.sol";
import {History} from "./types/Reputation.sol";

/// @title Reputation
/// @notice See IReputation.
/// @dev Reads the other contracts and is called by none: settlement costs nothing more for it, and cannot be stopped by it.
contract Reputation is IReputation, Peered {
    /// @dev Decay goes in equal steps at fixed times, so that it does not depend on how often it is applied.
    uint40 private constant EPOCHS_PER_HALF_LIFE = 32;
    /// @dev 2^(-2^k/32) in 64 bits after the point, k = 0 … 4.
    uint256 private constant STEP_1 = 18051468387014017850;
    uint256 private constant STEP_2 = 17664662643191237676;
    uint256 private constant STEP_4 = 16915738899553466670;
    uint256 private constant STEP_8 = 15511800964685064948;
    uint256 private constant STEP_16 = 13043817825332782212;

    /// @dev What a batch adds to the histories of its three.
    struct Outcome {
        BatchStatus status;
        uint64 epoch;
        uint256 inferences;
        uint256 challenges;
        uint256 protocolFee;
        uint256 penalty;
    }

    /// @inheritdoc IReputation
    uint40 public immutable halfLife;
    IParameters private immutable PARAMETERS;
    IModels private immutable MODELS;
    ISettlement private immutable SETTLEMENT;

    mapping(address operator => History) private _operators;
    mapping(address provider => History) private _providers;
    mapping(ModelId modelId => History) private _models;
    mapping(address operator => mapping(uint256 word => uint256 bits)) private _recorded;

    constructor(Peers memory peers, uint40 halfLife_) Peered(peers) {
        if (halfLife_ < EPOCHS_PER_HALF_LIFE) revert Reputation_ZeroHalfLife();
        halfLife = halfLife_;
        PARAMETERS = IParameters(peers.parameters);
        MODELS = IModels(peers.models);
        SETTLEMENT = ISettlement(peers.settlement);
    }

    /// @inheritdoc IReputation
    function record(BatchHeader[] calldata headers) external returns (uint256 recorded) {
        bytes memory first;
        for (uint256 i = 0; i < headers.length; i++) {
            BatchHeader calldata header = headers[i];
            BatchId id = SETTLEMENT.batchIdOf(header);
            BatchState memory batch = SETTLEMENT.batchOf(id);
            bytes memory reason = _obstacle(id, header, batch.status);
            if (reason.length == 0) {
                _record(id, header, batch);
                recorded++;
            } else {
                if (first.length == 0) first = reason;
                emit RecordSkipped(id, reason);
            }
        }
        if (recorded == 0) revert Reputation_NothingRecorded(first);
    }

    /// @inheritdoc IReputation
    function ofOperator(address operator) external view returns (History memory) {
        return _now(_operators[operator]);
    }

    /// @inheritdoc IReputation
    function ofProvider(address provider) external view returns (History memory) {
        return _now(_providers[provider]);
    }

    /// @inheritdoc IReputation
    function ofModel(ModelId modelId) external view returns (History memory) {
        return _now(_models[modelId]);
    }

    /// @inheritdoc IReputation
    function scoreOf(History memory history) external pure returns (uint16 scoreBps) {
        uint256 all = uint256(history.earned) + history.lost;
        return all == 0 ? 0 : uint16(history.earned * BPS / all);
    }

    /// @inheritdoc IReputation
    function isRecorded(address operator, uint64 sequence) public view returns (bool) {
        return _recorded[operator][sequence >> 8] & (1 << (sequence & 0xff)) != 0;
    }

    /// @dev The encoded error of what stands in the way, empty if nothing does.
    function _obstacle(BatchId id, BatchHeader calldata header, BatchStatus status)
        private
        view
        returns (bytes memory reason)
    {
        // A Faulty batch may still be refunded: its history is written when its pot is.
        bool ended = status == BatchStatus.Final || status == BatchStatus.Settled || status == BatchStatus.Refunded;
        if (!ended) return abi.encodeWithSelector(Reputation_NotEnded.selector, id);
        // A committed header names its operator's batch of this sequence, and there is only one.
        if (isRecorded(header.operator, header.sequence)) {
            return abi.encodeWithSelector(Reputation_AlreadyRecorded.selector, id);
        }
    }

    function _record(BatchId id, BatchHeader calldata header, BatchState memory batch) private {
        (uint16 protocolFeeBps, uint96 minBatchStake) = PARAMETERS.feeTerms(header.paramSet);
        Outcome memory outcome = Outcome({
            status: batch.status,
            epoch: _epochAt(batch.endedAt),
            inferences: header.count,
            challenges: batch.challenges,
            protocolFee: uint256(header.fee) * header.count * protocolFeeBps / BPS,
            penalty: lockOf(header, minBatchStake)
        });
        address provider = MODELS.providerOf(header.modelId);
        _recorded[header.operator][header.sequence >> 8] |= 1 << (header.sequence & 0xff);
        _add(_operators[header.operator], outcome);
        _add(_models[header.modelId], outcome);
        _add(_providers[provider], outcome);
        emit BatchRecorded(id, header.operator, header.modelId, provider);
    }

    function _add(History storage stored, Outcome memory outcome) private {
        History memory history = _now(stored);
        // What ended earlier has decayed since, whenever it is read.
        uint64 age = history.epoch - outcome.epoch;
        if (outcome.status == BatchStatus.Final) {
            history.earned = uint96(_sum(history.earned, _decayed(outcome.protocolFee, age), type(uint96).max));
            history.inferences = uint56(_sum(history.inferences, outcome.inferences, type(uint56).max));
            history.finalBatches = uint32(_sum(history.finalBatches, 1, type(uint32).max));
            history.withstood = uint24(_sum(history.withstood, outcome.challenges, type(uint24).max));
        } else if (outcome.status == BatchStatus.Settled) {
            history.lost = uint96(_sum(history.lost, _decayed(outcome.penalty, age), type(uint96).max));
            history.faultyBatches = uint24(_sum(history.faultyBatches, 1, type(uint24).max));
            history.slashed = uint96(_sum(history.slashed, outcome.penalty, type(uint96).max));
        } else {
            history.refundedBatches = uint24(_sum(history.refundedBatches, 1, type(uint24).max));
        }
        stored.earned = history.earned;
        stored.lost = history.lost;
        stored.epoch = history.epoch;
        stored.inferences = history.inferences;
        stored.finalBatches = history.finalBatches;
        stored.faultyBatches = history.faultyBatches;
        stored.refundedBatches = history.refundedBatches;
        stored.withstood = history.withstood;
        stored.slashed = history.slashed;
    }

    function _now(History memory history) private view returns (History memory) {
        uint64 epoch = _epochAt(uint40(block.timestamp));
        uint64 age = epoch - history.epoch;
        history.earned = uint96(_decayed(history.earned, age));
        history.lost = uint96(_decayed(history.lost, age));
        history.epoch = epoch;
        return history;
    }

    function _epochAt(uint40 time) private view returns (uint64) {
        return uint64(time) * EPOCHS_PER_HALF_LIFE / halfLife;
    }

    /// @dev value * 2^(-epochs / 32), rounded down: never above it, below it by at most 6 + 5 * (value / 2^64 + 1).
    function _decayed(uint256 value, uint64 epochs) private pure returns (uint256) {
        uint256 halvings = epochs / EPOCHS_PER_HALF_LIFE;
        if (halvings >= 256) return 0;
        value >>= halvings;
        // Nothing that is paid in one token comes near 2^192 base units.
        if (value > type(uint192).max) value = type(uint192).max;
        if (epochs & 16 != 0) value = value * STEP_16 >> 64;
        if (epochs & 8 != 0) value = value * STEP_8 >> 64;
        if (epochs & 4 != 0) value = value * STEP_4 >> 64;
        if (epochs & 2 != 0) value = value * STEP_2 >> 64;
        if (epochs & 1 != 0) value = value * STEP_1 >> 64;
        return value;
    }

    function _sum(uint256 a, uint256 b, uint256 most) private pure returns (uint256) {
        return b > most - a ? most : a + b;
    }
}
