// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {BURNED, accountOf} from "../../contracts/types/Accounts.sol";
import {BatchState, BatchStatus} from "../../contracts/types/Batch.sol";
import {
    Answer,
    ChallengeStatus,
    FaultKind,
    Opening,
    ReceiptProof,
    Reply,
    Turn
} from "../../contracts/types/Challenge.sol";
import {DemandKind, Position, TensorWitness} from "../../contracts/types/Demand.sol";
import {ChallengeId} from "../../contracts/types/Ids.sol";
import {Params} from "../../contracts/types/Params.sol";
import {Inference} from "./Inference.sol";
import {Life} from "./Life.sol";
import {Fault, Fight, Tab} from "./Town.sol";
import {vm} from "./Vm.sol";

/// @notice Challenges by anybody on anything. Each move is tried at any time, and must go through exactly when it may.
abstract contract Fights is Life {
    mapping(uint256 tab => uint256) private _ordinals;
    mapping(uint256 tab => mapping(uint256 leaf => uint256 fight)) private _firstOn;

    function challenge(uint256 seed) external step {
        if (_tabs.length == 0) return;
        // Pending ones mostly, for the others only refuse; and often one that is challenged already, on the same leaf.
        uint256 i = seed % 4 != 0 && _pending.length != 0 ? _pending[seed % _pending.length] : seed % _tabs.length;
        if (seed % 4 > 1 && _live.length != 0) i = _fights[_live[seed % _live.length]].tab;
        if (!_tabs[i].committed) return;
        address by = challengerAt[1 + (seed >> 16) % (challengerAt.length - 1)];
        bool same = (seed >> 24) % 2 == 0 && _tabs[i].fault != Fault.None;
        _challenge(i, by, same ? _tabs[i].faultyLeaf : uint32((seed >> 32) % _tabs[i].count), false);
    }

    /// @notice C4, C18: a place is held by who sealed it first, for a while.
    function open(uint256 seed) external step {
        if (_live.length == 0) return;
        uint256 f = _live[seed % _live.length];
        if (!_fights[f].honest) _open(f);
    }

    /// @notice D11, G5.
    function demand(uint256 seed) external step {
        if (_live.length == 0) return;
        uint256 f = _live[seed % _live.length];
        (Position memory position, TensorWitness memory witness) = Inference.positionAt(seed >> 16);
        if (!_fights[f].honest) _demand(f, position, witness);
    }

    /// @notice A cheat answers what it can and wants to; nobody can answer wrongly.
    function reveal(uint256 seed) external step {
        if (_live.length == 0) return;
        uint256 f = _live[seed % _live.length];
        bool wrong = (seed >> 16) % 4 == 0;
        if (wrong || _tabs[_fights[f].tab].operator != 0) _reveal(f, wrong, (seed >> 20) % 2 == 0);
    }

    /// @notice C2: self-accusation, and evidence of what is right, which is none (G1).
    function prove(uint256 seed) external step {
        if (_live.length == 0) return;
        uint256 f = _live[seed % _live.length];
        if (!_fights[f].honest) _prove(f);
    }

    /// @notice D3: whoever is out of time loses, whoever says so.
    function timeout(uint256 seed) external step {
        if (_live.length != 0) _timeout(_live[seed % _live.length]);
    }

    function close(uint256 seed) external step {
        if (_fights.length != 0) {
            _close(seed % 2 == 0 || _live.length == 0 ? seed % _fights.length : _live[seed % _live.length]);
        }
    }

    function idOfFight(uint256 f) public view returns (ChallengeId) {
        return disputes.challengeIdOf(headerOf(_fights[f].tab), keyOf(f));
    }

    function _challenge(uint256 i, address by, uint32 leaf, bool honest) internal {
        uint256 f = _fights.length;
        Fight storage fight = _fights.push();
        (fight.tab, fight.by, fight.leaf, fight.honest) = (i, by, leaf, honest);
        fight.salt = keccak256(abi.encode("salt", f));
        BatchState memory batch = settlement.batchOf(idOf[i]);
        (uint40 time, bool stopped,) = models.clockOf(modelAt[_tabs[i].model]);
        bool expected = batch.status == BatchStatus.Pending && !stopped && time < batch.windowEndsAt;
        Params memory terms = parameters.paramsOf(_tabs[i].set);
        vm.prank(by);
        escrow.deposit(by, terms.challengeBond);
        uint256 before = _free(by);
        bytes memory data = abi.encodeCall(IDisputes.challenge, (headerOf(i), keyOf(f).seal));
        if (!_expect(expected, by, address(disputes), data, "challenge")) {
            _fights.pop();
            return;
        }
        require(_free(by) == before - terms.challengeBond, "C6: the bond is exact");
        _live.push(f);
        fight.ordinal = ++_ordinals[i];
        (fight.sealedAt, fight.movedAt) = (time, time);
        (fight.challengerLeft, fight.operatorLeft) = (terms.challengerTime, terms.operatorTime);
    }

    function _open(uint256 f) internal {
        Fight storage fight = _fights[f];
        // Opened, it may come again for a place that its holder has lost.
        bool expected = _mayMove(fight) && (!fight.opened || _holder(fight, fight.ordinal + 1) == 0);
        bytes memory data = abi.encodeCall(IDisputes.open, (headerOf(fight.tab), _openingOf(fight)));
        if (_expect(expected, fight.by, address(disputes), data, "open")) _take(f);
    }

    function _demand(uint256 f, Position memory position, TensorWitness memory witness) internal {
        Fight storage fight = _fights[f];
        bool expected = _mayMove(fight) && fight.demands < parameters.paramsOf(_tabs[fight.tab].set).maxDemands
            && !disputes.isRevealed(idOf[fight.tab], fight.leaf, position);
        bytes memory data =
            abi.encodeCall(IDisputes.demand, (headerOf(fight.tab), _openingOf(fight), position, witness));
        if (!_expect(expected, fight.by, address(disputes), data, "demand")) return;
        if (!fight.opened) _take(f);
        uint40 time = _timeOf(fight.tab);
        fight.challengerLeft -= time - fight.movedAt;
        (fight.movedAt, fight.asked, fight.wanted) = (time, true, position);
        fight.demands++;
    }

    function _reveal(uint256 f, bool wrong, bool many) internal {
        Fight storage fight = _fights[f];
        uint256 i = fight.tab;
        (, bool stopped,) = models.clockOf(modelAt[_tabs[i].model]);
        // After a verdict by another challenge an answer changes nobody's lot.
        bool expected = !wrong && !stopped && !fight.over && fight.asked && _canAnswer(fight)
            && _timeOf(i) < fight.movedAt + fight.operatorLeft;
        bytes memory request = abi.encode(_requestOf(i, fight.leaf));
        Answer memory answer = Inference.answer(_seedOf(i, fight.leaf), proofOf(i, fight.leaf), request, fight.wanted);
        if (wrong) answer.data = abi.encodePacked(answer.data, uint8(0));
        bytes memory data = abi.encodeCall(IDisputes.reveal, (headerOf(i), fight.by, _openingOf(fight), answer));
        if (many) {
            Reply[] memory replies = new Reply[](1);
            replies[0] = Reply(headerOf(i), fight.by, _openingOf(fight), answer);
            data = abi.encodeCall(IDisputes.revealMany, (replies));
        }
        if (!_expect(expected, operatorAt[_tabs[i].operator], address(disputes), data, "reveal")) return;
        fight.operatorLeft -= _timeOf(i) - fight.movedAt;
        (fight.movedAt, fight.asked) = (_timeOf(i), false);
        fight.answers++;
        require(disputes.isRevealed(idOf[i], fight.leaf, fight.wanted), "D11: revealed and not on record");
    }

    function _prove(uint256 f) internal {
        Fight storage fight = _fights[f];
        Tab storage tab = _tabs[fight.tab];
        bool shows = tab.fault == Fault.Claim
            || (tab.fault >= Fault.Header && tab.fault <= Fault.Execution && tab.faultyLeaf == fight.leaf);
        uint256 holder = _holder(fight, fight.ordinal);
        ReceiptProof memory proof = proofOf(fight.tab, fight.leaf);
        (FaultKind kind, bytes memory evidence) = _evidenceOf(fight.tab, fight.leaf);
        bytes memory data = abi.encodeCall(IDisputes.prove, (headerOf(fight.tab), fight.salt, proof, kind, evidence));
        bool ok = _expect(_mayMove(fight) && shows, fight.by, address(disputes), data, "prove");
        if (ok) _convicted(fight.tab, holder == 0 ? f : holder - 1);
    }

    function _timeout(uint256 f) internal {
        Fight storage fight = _fights[f];
        (, bool stopped,) = models.clockOf(modelAt[_tabs[fight.tab].model]);
        bool expected = _isOn(fight) && !stopped && _timeOf(fight.tab) >= _deadlineOf(fight);
        uint256[] memory before = balances();
        bool lost = expected && !fight.asked;
        string memory what = fight.asked ? "timeout of an operator" : "timeout of a challenger";
        if (lost) _lose(f);
        bytes memory data = abi.encodeCall(IDisputes.timeout, (headerOf(fight.tab), keyOf(f)));
        if (_expect(expected, provider, address(disputes), data, what) && !lost) _convicted(fight.tab, f);
        _checkPaid(before);
    }

    function _close(uint256 f) internal {
        Fight storage fight = _fights[f];
        BatchState memory batch = settlement.batchOf(idOf[fight.tab]);
        bool refunded = batch.status == BatchStatus.Refunded;
        bool won = _winnerOf[fight.tab] == f + 1;
        bool expected = (won && refunded && !fight.over)
            || (!won && !fight.over && (batch.status != BatchStatus.Pending || _isDead(_tabs[fight.tab].model)));
        // A verdict that was confirmed to be none takes no bond.
        bool decided = batch.status == BatchStatus.Settled
            || (batch.status == BatchStatus.Faulty && !_isDead(_tabs[fight.tab].model));
        uint256[] memory before = balances();
        if (expected && decided && !fight.asked && _deadlineOf(fight) <= batch.endedAt) {
            _lose(f);
        } else if (expected) {
            _owe(accountOf(fight.by), parameters.paramsOf(_tabs[fight.tab].set).challengeBond);
            _over(f);
        }
        bytes memory data = abi.encodeCall(IDisputes.close, (headerOf(fight.tab), keyOf(f)));
        _expect(expected, provider, address(disputes), data, "close");
        _checkPaid(before);
    }

    function _convicted(uint256 i, uint256 winner) internal {
        Tab storage tab = _tabs[i];
        require(tab.operator != 0, "G1: who is honest lost");
        require(tab.fault != Fault.None || !_fights[winner].honest, "an honest watcher accuses nobody of nothing");
        require(disputes.challengeOf(idOfFight(winner)).status == ChallengeStatus.Won, "C5: another one won");
        _winnerOf[i] = winner + 1;
        fined[operatorAt[tab.operator]] += _lockOf(tab);
        _removeFrom(_pending, i);
        _removeFrom(_live, winner);
        done[_fights[winner].honest ? "a watcher wins" : "an accomplice wins"]++;
    }

    /// @dev C1: at most half of a lost bond pays the answers.
    function _lose(uint256 f) private {
        Fight storage fight = _fights[f];
        require(!fight.honest, "G3: an honest watcher loses its bond");
        Tab storage tab = _tabs[fight.tab];
        uint256 bond = parameters.paramsOf(tab.set).challengeBond;
        uint256 paid = bond / 2 * fight.answers / parameters.paramsOf(tab.set).maxDemands;
        require(2 * paid <= bond, "C1: more than half of the bond");
        _owe(accountOf(operatorAt[tab.operator]), paid);
        _owe(BURNED, bond - paid);
        _over(f);
        done["a bond is lost"]++;
    }

    function _over(uint256 f) private {
        _fights[f].over = true;
        _removeFrom(_live, f);
    }

    function _evidenceOf(uint256 i, uint256 leaf) private view returns (FaultKind kind, bytes memory evidence) {
        Fault fault = _tabs[i].fault;
        if (fault == Fault.Header) return (FaultKind.Header, "");
        if (fault == Fault.Request) return (FaultKind.Request, abi.encode(_requestOf(i, leaf)));
        if (fault == Fault.Claim) return (FaultKind.Claim, abi.encode(_claimsOf(i)));
        return (FaultKind.Execution, "shown");
    }

    function _canAnswer(Fight storage fight) internal view returns (bool) {
        Tab storage tab = _tabs[fight.tab];
        if (_isFaulty(tab, fight.leaf, Fault.HiddenLeaf)) return false;
        DemandKind kind = fight.wanted.kind;
        bool belowTrace = kind == DemandKind.TraceNodes || kind == DemandKind.TensorNodes || kind == DemandKind.Chunks;
        return !(belowTrace && _isFaulty(tab, fight.leaf, Fault.HiddenTrace));
    }

    function _openingOf(Fight storage fight) internal view returns (Opening memory) {
        return Opening({leafIndex: fight.leaf, salt: fight.salt});
    }

    /// @dev The verifier's clock.
    function _timeOf(uint256 i) internal view returns (uint40 time) {
        (time,,) = models.clockOf(modelAt[_tabs[i].model]);
    }

    function _deadlineOf(Fight storage fight) internal view returns (uint40) {
        return fight.movedAt + (fight.asked ? fight.operatorLeft : fight.challengerLeft);
    }

    /// @dev Alive, on a batch that is, under a verifier that judges.
    function _isOn(Fight storage fight) internal view returns (bool) {
        (, bool stopped,) = models.clockOf(modelAt[_tabs[fight.tab].model]);
        return !fight.over && !stopped && _statusOf(idOf[fight.tab]) == BatchStatus.Pending;
    }

    function _mayMove(Fight storage fight) internal view returns (bool) {
        uint40 time = _timeOf(fight.tab);
        return _isOn(fight) && !fight.asked && time > fight.sealedAt && time < _deadlineOf(fight);
    }

    /// @dev The place, unless an earlier one holds it.
    function _take(uint256 f) private {
        Fight storage fight = _fights[f];
        if (_holder(fight, fight.ordinal + 1) == 0) _firstOn[fight.tab][fight.leaf] = f + 1;
        fight.opened = true;
    }

    /// @dev 1 + the fight that holds the place, if it was sealed before `ordinal`, lately, and is alive.
    function _holder(Fight storage fight, uint256 ordinal) internal view returns (uint256 holder) {
        holder = _firstOn[fight.tab][fight.leaf];
        if (holder == 0) return 0;
        Fight storage first = _fights[holder - 1];
        uint40 lasts = parameters.paramsOf(_tabs[fight.tab].set).challengerTime;
        bool holds = !first.over && first.ordinal < ordinal && _timeOf(fight.tab) < first.sealedAt + lasts;
        return holds ? holder : 0;
    }
}
