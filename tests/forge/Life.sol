// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../../contracts/interfaces/ISettlement.sol";
import {IReputation} from "../../contracts/interfaces/IReputation.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {BURNED, accountOf, royaltyAccountOf} from "../../contracts/types/Accounts.sol";
import {BatchHeader, BatchState, BatchStatus, Claim} from "../../contracts/types/Batch.sol";
import {ChallengeKey} from "../../contracts/types/Challenge.sol";
import {BPS, Params} from "../../contracts/types/Params.sol";
import {Parent} from "../../contracts/types/Model.sol";
import {Inference} from "./Inference.sol";
import {Payers} from "./Payers.sol";
import {Fault, Fight, Tab} from "./Town.sol";
import {vm} from "./Vm.sol";

/// @notice A batch from the first receipt to the last payment.
abstract contract Life is Payers {
    mapping(uint256 tab => uint256 fight) internal _winnerOf;
    mapping(uint256 tab => mapping(uint256 leaf => bool)) internal _published;

    function serve(uint256 seed) external step {
        uint8 operator = uint8(seed % OPERATORS);
        if (_openTab[operator] != 0 || (operator != 0 && operators.stateOf(operatorAt[operator]).faults > 4)) return;
        Tab memory tab = _draw(uint256(keccak256(abi.encode(seed, "tab"))), operator);
        (, bool stopped,) = models.clockOf(modelAt[tab.model]);
        // Nobody honest serves what it cannot commit.
        if (operator == 0 && (stopped || models.deprecatedAt(modelAt[tab.model]) != 0)) return;
        uint256 i = _tabs.length;
        _tabs.push(tab);
        _openTab[operator] = i + 1;
        if (operator == 0 || seed % 5 != 0) _topUp(i);
        Claim[] memory claims = _claimsOf(i);
        uint256 together = claims.length == 2 && claims[0].payer == claims[1].payer ? tab.count : 0;
        for (uint256 k = 0; k < claims.length; k++) {
            uint256 receipts = together == 0 ? claims[k].receipts : together;
            _cover(claims[k].payer, operatorAt[operator], receipts * tab.fee);
        }
        done["serve"]++;
    }

    function commit(uint256 seed) external step {
        uint256 operator = seed % OPERATORS;
        if (_openTab[operator] == 0) return;
        uint256 i = _openTab[operator] - 1;
        if (operator != 0 && seed % 3 == 0) _topUp(i);
        _commit(i);
    }

    /// @notice A cheat signed and does not commit.
    function abandon(uint256 seed) external step {
        uint256 operator = 1 + seed % (OPERATORS - 1);
        if (_openTab[operator] == 0) return;
        _tabs[_openTab[operator] - 1].abandoned = true;
        _openTab[operator] = 0;
    }

    /// @notice D8, D13: what is final becomes it, whatever else is in the list.
    function finalize(uint256 seed) external step {
        if (_pending.length == 0) return;
        uint256 a = _pending[seed % _pending.length];
        uint256 b = _pending[(seed / 997) % _pending.length];
        _finalize(a, b);
    }

    /// @notice C11, C16, E2: a pot pays everybody to the wei, once, and half of it burns.
    function settle(uint256 seed) external step {
        if (_tabs.length != 0) _settle(seed % _tabs.length);
    }

    /// @notice C15: after a confirmed quarantine everything returns.
    function refund(uint256 seed) external step {
        if (_tabs.length != 0) _refund(seed % _tabs.length);
    }

    /// @notice E15: in the first half of the window, once.
    function publish(uint256 seed) external step {
        if (_tabs.length == 0) return;
        uint256 i = seed % _tabs.length;
        Tab storage tab = _tabs[i];
        if (!tab.committed) return;
        uint256 leaf = (seed / 7919) % tab.count;
        if (_isFaulty(tab, leaf, Fault.HiddenLeaf)) return;
        BatchState memory batch = settlement.batchOf(idOf[i]);
        (uint40 time, bool stopped,) = models.clockOf(modelAt[tab.model]);
        uint40 opened = batch.committedAt - batch.frozenAtCommit;
        bool expected = batch.status == BatchStatus.Pending && !stopped && !_published[i][leaf]
            && time < opened + (batch.windowEndsAt - opened) / 2;
        bytes[] memory inputs = new bytes[](1);
        inputs[0] = Inference.inputOf(_seedOf(i, leaf));
        bytes memory data = abi.encodeCall(ISettlement.publish, (headerOf(i), proofOf(i, leaf), inputs));
        if (_expect(expected, payerAt[0], address(settlement), data, "publish")) _published[i][leaf] = true;
    }

    function record(uint256 seed) external step {
        if (_tabs.length == 0) return;
        uint256 i = seed % _tabs.length;
        if (!_tabs[i].committed) return;
        BatchHeader[] memory headers = new BatchHeader[](1);
        headers[0] = headerOf(i);
        BatchStatus status = _statusOf(idOf[i]);
        bool ended = status == BatchStatus.Final || status == BatchStatus.Settled || status == BatchStatus.Refunded;
        bool expected = ended && !reputation.isRecorded(headers[0].operator, headers[0].sequence);
        bytes memory data = abi.encodeCall(IReputation.record, (headers));
        _expect(expected, provider, address(reputation), data, "record");
    }

    /// @notice E7, E10.
    function distribute(uint256 seed) external step {
        _distribute(seed % modelAt.length);
    }

    function sweepBurned(uint256) external step {
        _sweepBurned();
    }

    /// @notice A12: tokens that nobody asked for.
    function give(uint256 seed) external step {
        uint256 amount = seed % 1000;
        vm.prank(payerAt[0]);
        bool given = token.transfer(seed % 2 == 0 ? address(operators) : address(escrow), amount);
        require(given, "a plain token");
        gifts[seed % 2] += amount;
    }

    function _draw(uint256 seed, uint8 operator) private view returns (Tab memory tab) {
        tab.operator = operator;
        tab.model = uint8(seed % modelAt.length);
        tab.count = uint8(1 + (seed >> 8) % 5);
        tab.first = uint8(1 + (seed >> 16) % tab.count);
        tab.payers = [uint8((seed >> 24) % PAYERS), uint8((seed >> 32) % PAYERS)];
        // Two thirds of the cheats' batches are wrong.
        if (operator != 0 && (seed >> 40) % 3 != 0) tab.fault = Fault(1 + (seed >> 48) % 6);
        // Whoever is under a claim of its own is under the right one.
        bool own = tab.payers[0] == PAYERS - 1 || tab.payers[1] == PAYERS - 1;
        if (tab.fault == Fault.Claim && own) tab.payers = [0, 1];
        tab.faultyLeaf = uint32((seed >> 56) % tab.count);
        tab.served = (seed >> 64) % 2 == 0;
        (uint32 set,) = parameters.current();
        tab.set = set;
        tab.servedAt = clock;
        tab.commitBy = clock + parameters.paramsOf(set).maxCommitDelay;
        tab.fee = uint128((seed >> 72) % 4 == 0 ? 0 : (seed >> 80) % 10_000);
        uint256 least = parameters.paramsOf(set).minStakePerInference;
        tab.stake = uint128(least + ((seed >> 96) % 2 == 0 ? 0 : (seed >> 104) % 100_000));
    }

    /// @dev Whoever is honest must succeed; a cheat may be refused for many reasons.
    function _commit(uint256 i) internal {
        Tab storage tab = _tabs[i];
        BatchHeader memory header = _newHeader(i);
        (bool ok, bytes memory result) = _call(header.operator, address(settlement), _commitData(i, header));
        if (!ok) {
            (, bool stopped,) = models.clockOf(header.modelId);
            bool mayFail = tab.operator != 0 || stopped || parameters.commitmentsClosed();
            if (!mayFail) {
                assembly ("memory-safe") {
                    revert(add(result, 0x20), mload(result))
                }
            }
            done["commit, refused"]++;
            return;
        }
        tab.committed = true;
        tab.sequence = header.sequence;
        _openTab[tab.operator] = 0;
        _keep(i, header);
        _pending.push(i);
        if (tab.fault == Fault.Execution) {
            verifiers[_verifierOf[tab.model]].accept(
                Inference.commitment(), Inference.executionOf(_seedOf(i, tab.faultyLeaf)), "shown", 1, 7
            );
        }
        done["commit"]++;
    }

    function _canFinalize(uint256 i) internal view returns (bool) {
        BatchState memory batch = settlement.batchOf(idOf[i]);
        (uint40 time, bool stopped,) = models.clockOf(modelAt[_tabs[i].model]);
        if (batch.status != BatchStatus.Pending || stopped || time < batch.windowEndsAt) return false;
        for (uint256 k = 0; k < _live.length; k++) {
            if (_fights[_live[k]].tab == i) return false;
        }
        return true;
    }

    function _finalize(uint256 a, uint256 b) internal {
        uint256[] memory before = balances();
        uint256 expected = _payFees(a);
        if (a != b) expected += _payFees(b);
        BatchHeader[] memory headers = new BatchHeader[](2);
        (headers[0], headers[1]) = (headerOf(a), headerOf(b));
        bytes memory data = abi.encodeCall(ISettlement.finalize, (headers));
        _expect(expected != 0, provider, address(settlement), data, "finalize");
        _checkPaid(before);
    }

    /// @dev E1: what a final batch pays, 1 if it is final.
    function _payFees(uint256 i) private returns (uint256) {
        if (!_canFinalize(i)) return 0;
        Tab storage tab = _tabs[i];
        require(tab.fault == Fault.None, "G2: a wrong batch becomes final");
        require(tab.windfall == 0, "E1: paid or refunded before");
        tab.windfall = 1;
        uint256 fees = uint256(tab.fee) * tab.count;
        uint256 protocolFee = fees * parameters.paramsOf(tab.set).protocolFeeBps / BPS;
        uint256 royalty = fees * models.royaltyBpsOf(modelAt[tab.model]) / BPS;
        _owe(accountOf(TREASURY), protocolFee);
        _owe(royaltyAccountOf(modelAt[tab.model]), royalty);
        _owe(accountOf(operatorAt[tab.operator]), fees - protocolFee - royalty);
        _removeFrom(_pending, i);
        return 1;
    }

    function _settle(uint256 i) internal {
        Tab storage tab = _tabs[i];
        if (_winnerOf[i] == 0) return;
        Fight storage winner = _fights[_winnerOf[i] - 1];
        BatchState memory batch = settlement.batchOf(idOf[i]);
        Params memory terms = parameters.paramsOf(tab.set);
        (uint40 time, bool stopped,) = models.clockOf(modelAt[tab.model]);
        bool expected = batch.status == BatchStatus.Faulty && !stopped && time >= batch.endedAt + terms.earningDelay;
        uint256[] memory before = balances();
        if (expected) {
            uint256 penalty = _lockOf(tab);
            uint256 reward = penalty * terms.rewardBps / BPS;
            uint256 restitution = _refundFees(i, penalty * terms.restitutionBps / BPS);
            require(2 * (reward + restitution) <= penalty, "C11: more than half comes back");
            _owe(accountOf(winner.by), reward + terms.challengeBond);
            _owe(BURNED, penalty - reward - restitution);
        }
        bytes memory data = abi.encodeCall(ISettlement.settle, (headerOf(i), _claimsOf(i), keyOf(_winnerOf[i] - 1)));
        _expect(expected, provider, address(settlement), data, "settle");
        _checkPaid(before);
    }

    function _refund(uint256 i) internal {
        Tab storage tab = _tabs[i];
        if (!tab.committed) return;
        BatchStatus status = _statusOf(idOf[i]);
        bool expected = (status == BatchStatus.Pending || status == BatchStatus.Faulty) && _isDead(tab.model);
        uint256[] memory before = balances();
        if (expected) {
            _refundFees(i, 0);
            // A verdict that was none: the penalty is stake again.
            if (status == BatchStatus.Faulty) fined[operatorAt[tab.operator]] -= _lockOf(tab);
            else _removeFrom(_pending, i);
        }
        bytes memory data = abi.encodeCall(ISettlement.refund, (headerOf(i), _claimsOf(i)));
        _expect(expected, provider, address(settlement), data, "refund");
        _checkPaid(before);
    }

    function _refundFees(uint256 i, uint256 pool) private returns (uint256 restitution) {
        Tab storage tab = _tabs[i];
        require(tab.windfall == 0, "E1: paid or refunded before");
        tab.windfall = 2;
        Claim[] memory claims = _claimsOf(i);
        for (uint256 k = 0; k < claims.length; k++) {
            uint256 share = pool * claims[k].receipts / tab.count;
            restitution += share;
            _owe(accountOf(claims[k].payer), uint256(tab.fee) * claims[k].receipts + share);
        }
    }

    function _distribute(uint256 model) internal {
        uint256 amount = _royalties(model);
        uint256[] memory before = balances();
        uint256 rest = amount;
        if (amount != 0) {
            (, Parent[] memory parents) = models.lineageOf(modelAt[model]);
            for (uint256 k = 0; k < parents.length; k++) {
                uint256 share = amount * parents[k].shareBps / BPS;
                rest -= share;
                _owe(royaltyAccountOf(parents[k].modelId), share);
            }
            _owe(accountOf(provider), rest);
        }
        bytes memory data = abi.encodeCall(ISettlement.distribute, (modelAt[model]));
        bool ok = _expect(amount != 0, provider, address(settlement), data, "distribute");
        // The account it came from is the only one that has less.
        if (ok) before[_accountIndexOfRoyalties(model)] = 0;
        _checkPaid(before);
    }

    function _sweepBurned() internal {
        uint256 amount = _burned();
        bytes memory data = abi.encodeCall(IEscrow.sweepBurned, ());
        if (_expect(amount != 0, provider, address(escrow), data, "sweep burned")) swept += amount;
    }

    function keyOf(uint256 fight) public view returns (ChallengeKey memory) {
        Fight storage it = _fights[fight];
        return ChallengeKey({challenger: it.by, seal: keccak256(abi.encode(it.by, it.leaf, it.salt))});
    }

    function _accountIndexOfRoyalties(uint256 model) private pure returns (uint256) {
        return OPERATORS + 4 + model;
    }
}
