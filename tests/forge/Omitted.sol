// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOmissions} from "../../contracts/interfaces/IOmissions.sol";
import {BURNED, accountOf} from "../../contracts/types/Accounts.sol";
import {RECEIPT_TYPEHASH, Receipt} from "../../contracts/types/Messages.sol";
import {Omission, OmissionStatus} from "../../contracts/types/Omission.sol";
import {Params} from "../../contracts/types/Params.sol";
import {Fights} from "./Fights.sol";
import {Fault, Tab} from "./Town.sol";
import {vm} from "./Vm.sol";

/// @notice E13: receipts that are in no batch, and claims that they are not.
abstract contract Omitted is Fights {
    uint256[] internal _liveClaims;
    uint40[] internal _addedAt = [0, START];

    function claim(uint256 seed) external step {
        if (_tabs.length == 0) return;
        // One of the last: the others are too old.
        uint256 i = _tabs.length - 1 - seed % (_tabs.length < 6 ? _tabs.length : 6);
        Tab storage tab = _tabs[i];
        Receipt memory receipt = receiptOf(i, (seed >> 16) % tab.count);
        uint32 set = _setAt(tab.servedAt);
        Params memory params = parameters.paramsOf(set);
        bytes32 hash = keccak256(abi.encode(RECEIPT_TYPEHASH, receipt));
        vm.prank(receipt.payer);
        escrow.deposit(receipt.payer, params.omissionBond);
        bool expected = omissions.omissionOf(hash).status == OmissionStatus.Null && clock > tab.commitBy
            && clock < tab.commitBy + params.omissionWindow && tab.commitBy - tab.servedAt <= params.maxCommitDelay
            && !parameters.wereCommitmentsClosed(tab.servedAt, tab.commitBy)
            && !models.wasStopped(receipt.modelId, tab.servedAt, tab.commitBy);
        bytes memory signature = _sign(_signerKeys[tab.operator], settlement.digestOf(hash));
        bytes memory data = abi.encodeCall(IOmissions.claim, (receipt, signature, set));
        if (!_expect(expected, receipt.payer, address(omissions), data, "claim")) return;
        _liveClaims.push(_receipts.length);
        _receipts.push(hash);
        _claims.push([i, (seed >> 16) % tab.count]);
    }

    function answer(uint256 seed) external step {
        if (_liveClaims.length != 0) _answer(_liveClaims[seed % _liveClaims.length]);
    }

    function punish(uint256 seed) external step {
        if (_liveClaims.length != 0) _punish(_liveClaims[seed % _liveClaims.length]);
    }

    function _answer(uint256 c) internal {
        (uint256 i, uint256 leaf) = (_claims[c][0], _claims[c][1]);
        Tab storage tab = _tabs[i];
        if (!tab.committed) return;
        Omission memory omission = omissions.omissionOf(_receipts[c]);
        bool expected = omission.status == OmissionStatus.Claimed && clock < omission.deadline
            && !_isFaulty(tab, leaf, Fault.HiddenLeaf);
        uint256[] memory before = balances();
        if (expected) {
            uint256 bond = parameters.paramsOf(omission.set).omissionBond;
            _owe(accountOf(operatorAt[tab.operator]), bond / 2);
            _owe(BURNED, bond - bond / 2);
        }
        bytes memory data = abi.encodeCall(IOmissions.answer, (receiptOf(i, leaf), headerOf(i), proofOf(i, leaf)));
        bool ok = _expect(expected, operatorAt[tab.operator], address(omissions), data, "answer a claim");
        if (ok) _removeFrom(_liveClaims, c);
        _checkPaid(before);
    }

    function _punish(uint256 c) internal {
        (uint256 i, uint256 leaf) = (_claims[c][0], _claims[c][1]);
        Tab storage tab = _tabs[i];
        address operator = operatorAt[tab.operator];
        Omission memory omission = omissions.omissionOf(_receipts[c]);
        bool expected = omission.status == OmissionStatus.Claimed && clock >= omission.deadline;
        uint256[] memory before = balances();
        if (expected) {
            require(tab.operator != 0, "G1: who is honest loses its reserve");
            uint256 reserve = operators.stateOf(operator).reserve;
            uint256 penalty = tab.stake < reserve ? tab.stake : reserve;
            fined[operator] += penalty;
            _owe(accountOf(_payerOf(tab, leaf)), parameters.paramsOf(omission.set).omissionBond + penalty / 2);
            _owe(BURNED, penalty - penalty / 2);
        }
        bytes memory data = abi.encodeCall(IOmissions.punish, (receiptOf(i, leaf)));
        if (_expect(expected, provider, address(omissions), data, "punish")) _removeFrom(_liveClaims, c);
        _checkPaid(before);
    }

    /// @dev The newest set at a time; of two in one second the later.
    function _setAt(uint40 time) private view returns (uint32 set) {
        set = uint32(_addedAt.length - 1);
        while (_addedAt[set] > time) {
            set--;
        }
    }
}
