// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParameters} from "../interfaces/IParameters.sol";
import {BPS, ParamBounds, Params} from "../types/Params.sol";

/// @title ParamRules
/// @notice The relations that every parameter set keeps, each with its name (docs/protocol.md, Parameters).
library ParamRules {
    /// @dev Half of a penalty at most can come back to who caused it.
    uint256 internal constant MAX_RECOVERABLE_BPS = 5_000;
    /// @dev Largest royalty of a model, see Models.
    uint256 internal constant MAX_ROYALTY_BPS = 5_000;
    /// @dev An input is published in one transaction.
    uint256 internal constant MAX_INPUT_BYTES = 96 * 1024;

    /// @notice Reverts with the name of the first relation that does not hold.
    function check(Params memory p, ParamBounds memory b) internal pure {
        _checkBounds(p, b);
        _checkTimes(p);
        _checkMoney(p);
        _require(p.maxQuarantine >= uint256(b.councilDelay) + p.grace, "maxQuarantine");
    }

    function _checkBounds(Params memory p, ParamBounds memory b) private pure {
        _require(p.grace >= b.outageFloor && p.grace > 0, "grace");
        _require(p.operatorTime >= b.outageFloor && p.operatorTime > 0, "operatorTime");
        _require(p.challengerTime >= b.outageFloor && p.challengerTime > 0, "challengerTime");
        _require(p.maxChallengeWindow <= b.maxTime, "maxChallengeWindow");
        _require(p.challengerTime <= b.maxTime && p.operatorTime <= b.maxTime, "maxTime");
        _require(p.unbondingDelay <= b.maxTime && p.thawing <= b.maxTime, "maxTime");
        _require(p.earningDelay <= b.maxTime && p.omissionWindow <= b.maxTime, "maxTime");
        _require(p.keyDelay <= b.maxTime && p.unjailAfter <= b.maxTime, "maxTime");
        _require(p.maxQuarantine <= b.maxTime && p.maxCommitDelay <= b.maxTime, "maxTime");
        _require(p.reserve <= b.maxAmount && p.minBatchStake <= b.maxAmount, "maxAmount");
        _require(p.challengeBond <= b.maxAmount && p.omissionBond <= b.maxAmount, "maxAmount");
        _require(p.minStakePerInference <= b.maxAmount, "maxAmount");
        _require(p.maxBatchCount > 0, "maxBatchCount");
        _require(p.maxDemands > 0, "maxDemands");
        _require(p.maxInputBytes > 0 && p.maxInputBytes <= MAX_INPUT_BYTES, "maxInputBytes");
        _require(p.faultsToBan > 0, "faultsToBan");
        _require(p.maxCommitDelay > 0, "maxCommitDelay");
        _require(p.keyDelay > 0, "keyDelay");
        _require(p.earningDelay > 0, "earningDelay");
        _require(p.omissionWindow > 0, "omissionWindow");
    }

    function _checkTimes(Params memory p) private pure {
        uint256 commitPhase = uint256(p.maxCommitDelay) + p.grace;
        _require(p.thawing >= commitPhase, "thawing");
        _require(p.minChallengeWindow >= 2 * (commitPhase + p.operatorTime), "minChallengeWindow");
        _require(p.minChallengeWindow <= p.maxChallengeWindow, "maxChallengeWindow");
        uint256 dispute = uint256(p.maxChallengeWindow) + p.challengerTime + p.operatorTime;
        uint256 omission = uint256(p.maxCommitDelay) + p.omissionWindow + p.operatorTime;
        uint256 longest = dispute > omission ? dispute : omission;
        _require(p.unbondingDelay >= longest + p.grace, "unbondingDelay");
    }

    function _checkMoney(Params memory p) private pure {
        _require(p.protocolFeeBps + MAX_ROYALTY_BPS <= BPS, "protocolFeeBps");
        _require(uint256(p.rewardBps) + p.restitutionBps <= MAX_RECOVERABLE_BPS, "recoverable");
        _require(p.challengeBond > 0, "challengeBond");
        _require(p.omissionBond > 0, "omissionBond");
        // Even a batch with one faulty receipt is worth challenging.
        _require(uint256(p.rewardBps) * p.minBatchStake >= uint256(p.challengeBond) * BPS, "minBatchStake");
    }

    function _require(bool holds, string memory rule) private pure {
        if (!holds) revert IParameters.Parameters_BrokenRelation(rule);
    }
}
