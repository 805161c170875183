// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Expected} from "../../contracts/interfaces/ISettlement.sol";
import {BatchStatus} from "../../contracts/types/Batch.sol";
import {ChallengeStatus, ReceiptProof, Turn} from "../../contracts/types/Challenge.sol";
import {ModelId} from "../../contracts/types/Ids.sol";
import {OperatorState} from "../../contracts/types/Operator.sol";
import {Handler} from "./Handler.sol";
import {Fight, Tab} from "./Town.sol";

/// @notice What the invariants read.
abstract contract Views {
    Handler internal handler;

    /// @notice Everything that anybody may try: the ways of the world more often than the rest.
    function actions() internal pure returns (bytes4[] memory selectors) {
        string[10] memory often =
            ["jump", "jump", "serve", "serve", "commit", "commit", "challenge", "demand", "reveal", "finalize"];
        string[39] memory all = [
            "jump",
            "serve",
            "commit",
            "abandon",
            "finalize",
            "settle",
            "refund",
            "publish",
            "record",
            "distribute",
            "sweepBurned",
            "give",
            "stake",
            "fundReserve",
            "requestUnbond",
            "cancelUnbond",
            "withdraw",
            "requestReserveExit",
            "cancelReserveExit",
            "withdrawReserve",
            "deposit",
            "withdrawBalance",
            "reserve",
            "requestRelease",
            "cancelRelease",
            "release",
            "challenge",
            "open",
            "demand",
            "reveal",
            "prove",
            "timeout",
            "close",
            "claim",
            "answer",
            "punish",
            "watch",
            "act",
            "settle"
        ];
        string[7] memory ofCouncil = [
            "addSet",
            "quarantine",
            "allowQuarantine",
            "confirmQuarantine",
            "closeCommitments",
            "openCommitments",
            "deprecate"
        ];
        selectors = new bytes4[](often.length + all.length + ofCouncil.length);
        uint256 next = 0;
        for (uint256 i = 0; i < often.length; i++) {
            selectors[next++] = _selector(often[i]);
        }
        for (uint256 i = 0; i < all.length; i++) {
            selectors[next++] = _selector(all[i]);
        }
        for (uint256 i = 0; i < ofCouncil.length; i++) {
            selectors[next++] = _selector(ofCouncil[i]);
        }
    }

    function _selector(string memory name) private pure returns (bytes4) {
        return bytes4(keccak256(bytes(string.concat(name, "(uint256)"))));
    }

    function callViews() internal view {
        (uint256 tabs, uint256 fights, uint256 claims) = handler.sizes();
        for (uint256 i = 0; i < 4; i++) {
            address operator = handler.operatorAt(i);
            handler.operators().availableOf(operator);
            handler.operators().signerAt(operator, handler.clock());
            handler.operators().signersOf(operator);
            handler.reputation().ofOperator(operator);
        }
        for (uint256 m = 0; m < 3; m++) {
            ModelId model = handler.modelAt(m);
            handler.models().clockOf(model);
            handler.models().finalityInfo(model);
            handler.models().inputInfo(model);
            handler.models().lineageOf(model);
            handler.models().wasStopped(model, 0, handler.clock());
            handler.reputation().scoreOf(handler.reputation().ofModel(model));
        }
        handler.reputation().ofProvider(handler.provider());
        handler.parameters().current();
        handler.parameters().exitTime();
        handler.parameters().thawTime();
        handler.parameters().lastCommitTime();
        handler.parameters().keyTime();
        // The last ones: the others were asked when they were.
        for (uint256 i = tabs > 3 ? tabs - 3 : 0; i < tabs; i++) {
            if (_statusOf(i) == BatchStatus.Null) continue;
            ReceiptProof memory proof = handler.proofOf(i, 0);
            handler.settlement().statusOf(handler.headerOf(i), proof);
            handler.settlement().isPublished(handler.idOf(i), 0);
            handler.disputes().firstOn(handler.idOf(i), 0);
            bool isFinal = _statusOf(i) == BatchStatus.Final;
            try handler.settlement().requireFinal(handler.headerOf(i), proof, _anything()) {
                require(isFinal, "G15: relied on what is not final");
            } catch {
                require(!isFinal, "F8: a final inference is refused");
            }
        }
        for (uint256 f = fights > 3 ? fights - 3 : 0; f < fights; f++) {
            Fight memory fight = handler.fightOf(f);
            if (!_isLive(f)) continue;
            (Turn turn, uint40 deadline) = handler.disputes().clockOf(handler.headerOf(fight.tab), handler.keyOf(f));
            require(turn == (fight.asked ? Turn.Operator : Turn.Challenger), "D1: whose turn it is");
            uint40 left = fight.asked ? fight.operatorLeft : fight.challengerLeft;
            require(deadline == fight.movedAt + left, "D2: a chess clock");
        }
        for (uint256 c = claims > 3 ? claims - 3 : 0; c < claims; c++) {
            (bytes32 receiptHash,,) = handler.claimAt(c);
            handler.omissions().omissionOf(receiptHash);
        }
    }

    function _anything() private pure returns (Expected memory expected) {}

    function _stateOf(uint256 operator) internal view returns (OperatorState memory) {
        return handler.operators().stateOf(handler.operatorAt(operator));
    }

    function _statusOf(uint256 tab) internal view returns (BatchStatus) {
        return handler.settlement().batchOf(handler.idOf(tab)).status;
    }

    function _isLive(uint256 f) internal view returns (bool) {
        ChallengeStatus status = _fightStatusOf(f);
        return status != ChallengeStatus.Null && status < ChallengeStatus.Won;
    }

    function _fightStatusOf(uint256 fight) internal view returns (ChallengeStatus) {
        return handler.disputes().challengeOf(handler.idOfFight(fight)).status;
    }

    function _lockOf(uint256 i) internal view returns (uint256) {
        Tab memory tab = handler.tabOf(i);
        uint256 all = uint256(tab.stake) * tab.count;
        uint256 least = handler.parameters().paramsOf(tab.set).minBatchStake;
        return all > least ? all : least;
    }

    function _feesOf(uint256 i) internal view returns (uint256) {
        Tab memory tab = handler.tabOf(i);
        return uint256(tab.fee) * tab.count;
    }

    /// @dev The bond of a challenge, while it is nobody's: alive, or won and not paid yet.
    function _heldBondOf(uint256 f) internal view returns (uint256) {
        Fight memory fight = handler.fightOf(f);
        ChallengeStatus status = _fightStatusOf(f);
        BatchStatus batch = _statusOf(fight.tab);
        bool unpaid = status == ChallengeStatus.Won && (batch == BatchStatus.Faulty || batch == BatchStatus.Refunded);
        return unpaid || _isLive(f) ? handler.parameters().paramsOf(handler.tabOf(fight.tab).set).challengeBond : 0;
    }

    function _held(address owner) internal view returns (uint256) {
        return handler.token().balanceOf(owner);
    }

    function _sum(uint256[] memory amounts) internal pure returns (uint256 total) {
        for (uint256 i = 0; i < amounts.length; i++) {
            total += amounts[i];
        }
    }
}
