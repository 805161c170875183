// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./Peered.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {Peers} from "./interfaces/IPeers.sol";
import {Closure, Closures} from "./libraries/Closures.sol";
import {ParamRules} from "./libraries/ParamRules.sol";
import {CommitTerms, DemandTerms, DisputeTerms, ParamBounds, Params, PotTerms} from "./types/Params.sol";

/// @title Parameters
/// @notice See IParameters.
contract Parameters is IParameters, Governed {
    using Closures for Closure[];

    /// @dev About 194 days: what a model keeps of its wished window, and far from the end of 40 bits when added up.
    uint40 private constant LONGEST_TIME = type(uint24).max;

    struct Head {
        // slot 0
        uint32 newest;
        uint40 addedAt;
        uint40 previousEndsAt;
        uint40 exitFloor;
        bool closed;
    }

    Head private _head;
    Closure[] private _closures;
    mapping(uint32 set => Params) private _sets;
    mapping(uint32 set => uint40) private _addedAt;

    uint40 private immutable OUTAGE_FLOOR;
    uint40 private immutable MAX_TIME;
    uint96 private immutable MAX_AMOUNT;
    uint40 private immutable COUNCIL_DELAY;

    constructor(Peers memory peers, ParamBounds memory bounds_, Params memory first) Governed(peers) {
        if (peers.parameters != address(this)) revert Peers_BadWiring("parameters");
        if (bounds_.maxTime == 0 || bounds_.maxTime > LONGEST_TIME) revert Parameters_BrokenRelation("bounds");
        OUTAGE_FLOOR = bounds_.outageFloor;
        MAX_TIME = bounds_.maxTime;
        MAX_AMOUNT = bounds_.maxAmount;
        COUNCIL_DELAY = bounds_.councilDelay;
        ParamRules.check(first, bounds_);
        _append(first);
    }

    /// @inheritdoc IParameters
    function add(Params calldata params) external restricted returns (uint32 set) {
        // Check:
        // The set before the newest lives out its time first: nobody's receipts are cut off.
        if (block.timestamp < _head.previousEndsAt) revert Parameters_TooSoon(_head.previousEndsAt);
        ParamRules.check(params, bounds());
        // Effect:
        return _append(params);
    }

    /// @inheritdoc IParameters
    function closeCommitments() external restricted {
        if (_head.closed) revert Parameters_Unchanged();
        _head.closed = true;
        _closures.push(Closure({from: uint40(block.timestamp), to: type(uint40).max}));
        emit CommitmentsClosed();
    }

    /// @inheritdoc IParameters
    function openCommitments() external restricted {
        if (!_head.closed) revert Parameters_Unchanged();
        _head.closed = false;
        _closures[_closures.length - 1].to = uint40(block.timestamp);
        emit CommitmentsOpened();
    }

    /// @inheritdoc IParameters
    function commitTerms(uint32 set) external view returns (CommitTerms memory terms) {
        Head memory head = _head;
        if (head.closed) revert Parameters_CommitmentsClosed();
        Params storage params = _sets[set];
        if (set != head.newest) {
            // The set before the newest still takes what was served under it.
            if (set == 0 || set != head.newest - 1 || block.timestamp >= head.previousEndsAt) {
                revert Parameters_SetNotInForce(set, head.newest);
            }
        }
        terms.reserve = params.reserve;
        terms.minBatchStake = params.minBatchStake;
        terms.minStakePerInference = params.minStakePerInference;
        terms.maxBatchCount = params.maxBatchCount;
        terms.maxDemands = params.maxDemands;
        terms.minChallengeWindow = params.minChallengeWindow;
        terms.maxChallengeWindow = params.maxChallengeWindow;
        terms.maxInputBytes = params.maxInputBytes;
    }

    /// @inheritdoc IParameters
    function feeTerms(uint32 set) external view returns (uint16 protocolFeeBps, uint96 minBatchStake) {
        Params storage params = _known(set);
        return (params.protocolFeeBps, params.minBatchStake);
    }

    /// @inheritdoc IParameters
    function disputeTerms(uint32 set) external view returns (DisputeTerms memory terms) {
        Params storage params = _known(set);
        terms.challengeBond = params.challengeBond;
        terms.challengerTime = params.challengerTime;
        terms.unjailAfter = params.unjailAfter;
        terms.faultsToBan = params.faultsToBan;
        terms.minBatchStake = params.minBatchStake;
    }

    /// @inheritdoc IParameters
    function demandTerms(uint32 set) external view returns (DemandTerms memory terms) {
        Params storage params = _known(set);
        terms.challengeBond = params.challengeBond;
        terms.operatorTime = params.operatorTime;
        terms.maxDemands = params.maxDemands;
    }

    /// @inheritdoc IParameters
    function potTerms(uint32 set) external view returns (PotTerms memory terms) {
        Params storage params = _known(set);
        terms.minBatchStake = params.minBatchStake;
        terms.challengeBond = params.challengeBond;
        terms.earningDelay = params.earningDelay;
        terms.rewardBps = params.rewardBps;
        terms.restitutionBps = params.restitutionBps;
    }

    /// @inheritdoc IParameters
    function minBatchStakeOf(uint32 set) external view returns (uint96) {
        return _known(set).minBatchStake;
    }

    /// @inheritdoc IParameters
    function paramsOf(uint32 set) external view returns (Params memory) {
        return _known(set);
    }

    /// @inheritdoc IParameters
    function current() external view returns (uint32 set, Params memory) {
        set = _head.newest;
        return (set, _sets[set]);
    }

    /// @inheritdoc IParameters
    function exitTime() external view returns (uint40) {
        return _later(_sets[_head.newest].unbondingDelay, _head.exitFloor);
    }

    /// @inheritdoc IParameters
    function thawTime() external view returns (uint40) {
        return _later(_sets[_head.newest].thawing, _head.previousEndsAt);
    }

    /// @inheritdoc IParameters
    function lastCommitTime() external view returns (uint40) {
        return _later(_commitPhase(_sets[_head.newest]), _head.previousEndsAt);
    }

    /// @inheritdoc IParameters
    function keyTime() external view returns (uint40) {
        return _later(_sets[_head.newest].keyDelay, 0);
    }

    /// @inheritdoc IParameters
    function requireNewestAt(uint32 set, uint40 time) external view {
        uint40 addedAt = _addedAt[set];
        if (addedAt == 0 || set == type(uint32).max) revert Parameters_UnknownSet(set);
        bool replaced = set != _head.newest && time >= _addedAt[set + 1];
        if (time < addedAt || replaced) revert Parameters_NotNewestAt(set, time);
    }

    /// @inheritdoc IParameters
    function wereCommitmentsClosed(uint40 from, uint40 to) external view returns (bool) {
        return _closures.meet(from, to);
    }

    /// @inheritdoc IParameters
    function commitmentsClosed() external view returns (bool) {
        return _head.closed;
    }

    /// @inheritdoc IParameters
    function newestAddedAt() external view returns (uint40) {
        return _head.addedAt;
    }

    /// @inheritdoc IParameters
    function bounds() public view returns (ParamBounds memory) {
        return
            ParamBounds({
                outageFloor: OUTAGE_FLOOR, maxTime: MAX_TIME, maxAmount: MAX_AMOUNT, councilDelay: COUNCIL_DELAY
            });
    }

    function _append(Params memory params) private returns (uint32 set) {
        Head storage head = _head;
        Params storage previous = _sets[head.newest];
        set = head.newest + 1;
        if (set > 1) {
            head.previousEndsAt = _later(_commitPhase(previous), 0);
            head.exitFloor = _later(previous.unbondingDelay, head.exitFloor);
        }
        head.newest = set;
        head.addedAt = uint40(block.timestamp);
        _addedAt[set] = uint40(block.timestamp);
        _sets[set] = params;
        emit ParamSetAdded(set, params);
    }

    /// @dev `delay` from now, or `floor` if that is later.
    function _later(uint40 delay, uint40 floor) private view returns (uint40) {
        uint40 time = uint40(block.timestamp) + delay;
        return time > floor ? time : floor;
    }

    function _commitPhase(Params storage params) private view returns (uint40) {
        return params.maxCommitDelay + params.grace;
    }

    /// @dev Every set has a maxCommitDelay, so one without does not exist.
    function _known(uint32 set) private view returns (Params storage params) {
        params = _sets[set];
        if (params.maxCommitDelay == 0) revert Parameters_UnknownSet(set);
    }
}
