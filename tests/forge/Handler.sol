// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchState, BatchStatus} from "../../contracts/types/Batch.sol";
import {DemandKind, Position, TensorWitness} from "../../contracts/types/Demand.sol";
import {OperatorState} from "../../contracts/types/Operator.sol";
import {Council} from "./Council.sol";
import {Fault, Fight, Tab} from "./Town.sol";

/// @notice Time, and who is honest in it. One operator and one watcher do what is due, at the last second if nothing
/// made them do it before; everybody else does what the fuzzer likes.
contract Handler is Council {
    enum Duty {
        None,
        Commit,
        Watch,
        Move,
        Timeout,
        Reveal,
        AnswerClaim
    }

    mapping(uint256 tab => BatchStatus) private _lastStatus;

    /// @notice D1: to one of the deadlines, a second before it, or a second after.
    function jump(uint256 seed) external step {
        uint40 target = _deadline(uint256(keccak256(abi.encode(seed, "deadline")))) + uint40(seed % 3);
        if (target <= clock + 1 || target > clock + 1_000) target = clock + 2 + uint40((seed >> 8) % 9);
        _advance(target - 1);
    }

    /// @notice Who is honest may also act early.
    function act(uint256) external step {
        (, Duty duty, uint256 id) = _next();
        _do(duty, id);
    }

    function watch(uint256 seed) external step {
        if (_pending.length == 0) return;
        uint256 i = _pending[seed % _pending.length];
        if (_tabs[i].fault != Fault.None && !_isWatched(i)) _do(Duty.Watch, i);
    }

    /// @notice D4: everything ends, and everybody takes out what is theirs.
    function endOfDays() external {
        for (uint256 round = 0; round < 3; round++) {
            _advance(clock + 3_000);
            _endFights();
            for (uint256 i = 0; i < _tabs.length; i++) {
                _end(i);
            }
            while (_liveClaims.length != 0) {
                _punish(_liveClaims[_liveClaims.length - 1]);
            }
        }
        require(_pending.length == 0 && _live.length == 0, "D4: something never ends");
        _leave();
    }

    function _advance(uint40 target) internal override {
        for (uint256 guard = 0; guard < 500; guard++) {
            (uint40 when, Duty duty, uint256 id) = _next();
            if (when >= target) {
                _setTime(target);
                return;
            }
            if (when > clock) _setTime(when);
            _do(duty, id);
        }
        revert("duties without end");
    }

    /// @dev D12: nothing goes back.
    function _afterStep() internal override {
        for (uint256 i = 0; i < _tabs.length; i++) {
            if (!_tabs[i].committed) continue;
            (BatchStatus was, BatchStatus now_) = (_lastStatus[i], _statusOf(idOf[i]));
            if (was == now_) continue;
            bool forward = was == BatchStatus.Null || was == BatchStatus.Pending
                || (was == BatchStatus.Faulty && (now_ == BatchStatus.Settled || now_ == BatchStatus.Refunded));
            require(forward && now_ != BatchStatus.Null, "D12: a batch goes back");
            _lastStatus[i] = now_;
        }
    }

    /// @dev What is due first, and the last second for it.
    function _next() private view returns (uint40 when, Duty duty, uint256 id) {
        when = type(uint40).max;
        if (_openTab[0] != 0) (when, duty, id) = (_tabs[_openTab[0] - 1].commitBy, Duty.Commit, _openTab[0] - 1);
        for (uint256 k = 0; k < _pending.length; k++) {
            uint256 i = _pending[k];
            if (_tabs[i].fault == Fault.None || _isWatched(i)) continue;
            uint40 last = _wall(_tabs[i].model, settlement.batchOf(idOf[i]).windowEndsAt - 1);
            if (last < when) (when, duty, id) = (last, Duty.Watch, i);
        }
        for (uint256 k = 0; k < _live.length; k++) {
            (uint40 last, Duty due) = _dutyIn(_live[k]);
            if (last < when) (when, duty, id) = (last, due, _live[k]);
        }
        for (uint256 k = 0; k < _liveClaims.length; k++) {
            if (_tabs[_claims[_liveClaims[k]][0]].operator != 0) continue;
            uint40 last = omissions.omissionOf(_receipts[_liveClaims[k]]).deadline - 1;
            if (last < when) (when, duty, id) = (last, Duty.AnswerClaim, _liveClaims[k]);
        }
    }

    function _dutyIn(uint256 f) private view returns (uint40 last, Duty duty) {
        Fight storage fight = _fights[f];
        Tab storage tab = _tabs[fight.tab];
        if (!fight.honest && tab.operator != 0) return (type(uint40).max, Duty.None);
        if (_statusOf(idOf[fight.tab]) != BatchStatus.Pending) return (type(uint40).max, Duty.None);
        uint40 deadline = _deadlineOf(fight);
        if (fight.asked && tab.operator == 0) return (_wall(tab.model, deadline - 1), Duty.Reveal);
        if (!fight.honest) return (type(uint40).max, Duty.None);
        if (!fight.asked) return (_wall(tab.model, deadline - 1), Duty.Move);
        // Later is late for nobody.
        uint40 time = _timeOf(fight.tab);
        return (_wall(tab.model, time > deadline ? time : deadline), Duty.Timeout);
    }

    function _do(Duty duty, uint256 id) private {
        if (duty == Duty.Commit) {
            _commit(id);
            // Closed at its last second: nobody can hold it against the operator.
            if (!_tabs[id].committed && clock == _tabs[id].commitBy) _openTab[0] = 0;
        } else if (duty == Duty.Watch) {
            _challenge(id, challengerAt[0], _tabs[id].faultyLeaf, true);
        } else if (duty == Duty.Move) {
            _move(id);
        } else if (duty == Duty.Timeout) {
            _timeout(id);
        } else if (duty == Duty.Reveal) {
            _reveal(id, false, clock % 2 == 0);
        } else if (duty == Duty.AnswerClaim) {
            _answer(id);
        }
    }

    /// @dev A watcher that was served proves; one that was not demands until it can, or until the operator is silent.
    function _move(uint256 f) private {
        Fight storage fight = _fights[f];
        Tab storage tab = _tabs[fight.tab];
        Position memory position;
        TensorWitness memory none;
        position.kind = DemandKind.Receipt;
        bool known =
            tab.fault != Fault.HiddenLeaf && (tab.served || disputes.isRevealed(idOf[fight.tab], fight.leaf, position));
        if (known && tab.fault != Fault.HiddenTrace) {
            _prove(f);
            return;
        }
        if (known) (position.kind, position.level) = (DemandKind.TraceNodes, 1);
        _demand(f, position, none);
    }

    function _isWatched(uint256 i) private view returns (bool) {
        for (uint256 k = 0; k < _live.length; k++) {
            if (_fights[_live[k]].tab == i && _fights[_live[k]].honest) return true;
        }
        return false;
    }

    function _deadline(uint256 seed) private view returns (uint40) {
        (uint256 kind, uint256 pick) = (seed % 10, seed >> 8);
        OperatorState memory state = operators.stateOf(operatorAt[pick % OPERATORS]);
        if (kind == 0) return state.exitAt;
        if (kind == 1) return state.reserveExitAt;
        if (kind == 2) return state.jailedUntil;
        if (kind == 3) return models.verifierOf(address(verifiers[pick % 2])).lapsesAt;
        if (kind == 4) {
            return escrow.reservationOf(payerAt[pick % PAYERS], operatorAt[(pick >> 8) % OPERATORS]).thawsAt;
        }
        if (kind == 5 && _liveClaims.length != 0) {
            return omissions.omissionOf(_receipts[_liveClaims[pick % _liveClaims.length]]).deadline;
        }
        if (_tabs.length == 0) return 0;
        uint256 i = _tabs.length - 1 - pick % (_tabs.length < 8 ? _tabs.length : 8);
        if (kind == 6) return _tabs[i].commitBy + (pick % 2 == 0 ? 1 : startParams().omissionWindow);
        if (_live.length != 0 && kind == 7) {
            uint256 f = _live[pick % _live.length];
            (uint40 last, uint40 time) = (_deadlineOf(_fights[f]), _timeOf(_fights[f].tab));
            return last < time ? 0 : clock + last - time;
        }
        if (!_tabs[i].committed) return 0;
        BatchState memory batch = settlement.batchOf(idOf[i]);
        uint40 end = batch.status == BatchStatus.Faulty
            ? batch.endedAt + parameters.paramsOf(_tabs[i].set).earningDelay
            : kind == 8 ? (batch.windowEndsAt + batch.committedAt) / 2 : batch.windowEndsAt;
        return end < _timeOf(i) ? 0 : clock + end - _timeOf(i);
    }

    function _endFights() private {
        for (uint256 k = _live.length; k > 0; k--) {
            if (k > _live.length) continue;
            uint256 f = _live[k - 1];
            bool pending = _statusOf(idOf[_fights[f].tab]) == BatchStatus.Pending;
            if (pending && !_isDead(_tabs[_fights[f].tab].model)) _timeout(f);
            else _close(f);
        }
        // A winner whose batch is refunded after all.
        for (uint256 f = 0; f < _fights.length; f++) {
            bool refunded = _statusOf(idOf[_fights[f].tab]) == BatchStatus.Refunded;
            if (refunded && !_fights[f].over) _close(f);
        }
    }

    function _end(uint256 i) private {
        if (!_tabs[i].committed) return;
        BatchStatus status = _statusOf(idOf[i]);
        if (status != BatchStatus.Pending && status != BatchStatus.Faulty) return;
        if (_isDead(_tabs[i].model)) _refund(i);
        else if (status == BatchStatus.Faulty) _settle(i);
        else if (_canFinalize(i)) _finalize(i, i);
    }

    function _leave() private {
        for (uint256 k = 0; k < OPERATORS; k++) {
            OperatorState memory state = operators.stateOf(operatorAt[k]);
            require(state.locked == 0, "D4: a lock stays");
            if (state.stake != state.unbonding) {
                _callOperators(k, abi.encodeCall(operators.requestUnbond, (state.stake - state.unbonding)));
            }
            if (state.reserve != 0 && !state.reserveLeaving) _requestReserveExit(operatorAt[k]);
            for (uint256 p = 0; p < PAYERS; p++) {
                uint256 cover = escrow.coverOf(payerAt[p], operatorAt[k]);
                if (cover != 0) _callEscrow(payerAt[p], abi.encodeCall(escrow.requestRelease, (operatorAt[k], cover)));
            }
        }
        _advance(clock + 3_000);
        for (uint256 k = 0; k < OPERATORS; k++) {
            OperatorState memory state = operators.stateOf(operatorAt[k]);
            if (state.unbonding != 0) _withdraw(operatorAt[k]);
            if (state.reserveLeaving) _withdrawReserve(operatorAt[k]);
            for (uint256 p = 0; p < PAYERS; p++) {
                bool thawing = escrow.reservationOf(payerAt[p], operatorAt[k]).thawing != 0;
                if (thawing) _callEscrow(payerAt[p], abi.encodeCall(escrow.release, (operatorAt[k])));
            }
        }
        for (uint256 m = modelAt.length; m > 0; m--) {
            if (_royalties(m - 1) != 0) _distribute(m - 1);
        }
        if (_burned() != 0) _sweepBurned();
        address[10] memory all = [
            operatorAt[0],
            operatorAt[1],
            operatorAt[2],
            operatorAt[3],
            payerAt[0],
            payerAt[1],
            challengerAt[0],
            challengerAt[1],
            provider,
            TREASURY
        ];
        for (uint256 k = 0; k < all.length; k++) {
            if (_free(all[k]) != 0) _callEscrow(all[k], abi.encodeCall(escrow.withdraw, (all[k], _free(all[k]))));
        }
    }

    function _callOperators(uint256 k, bytes memory data) private {
        _expect(true, operatorAt[k], address(operators), data, "leave");
    }

    function _callEscrow(address by, bytes memory data) private {
        _expect(true, by, address(escrow), data, "leave");
    }
}
