// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../../contracts/interfaces/ISettlement.sol";
import {Execution} from "../../contracts/interfaces/IVerifier.sol";
import {BatchHeader, Claim, VoucherSignature} from "../../contracts/types/Batch.sol";
import {ReceiptProof} from "../../contracts/types/Challenge.sol";
import {BatchId} from "../../contracts/types/Ids.sol";
import {
    RECEIPT_TYPEHASH,
    REQUEST_TYPEHASH,
    Receipt,
    Request,
    VOUCHER_TYPEHASH
} from "../../contracts/types/Messages.sol";
import {Accounts} from "./Accounts.sol";
import {Inference} from "./Inference.sol";
import {Fault, Tab} from "./Town.sol";
import {Trees} from "./Trees.sol";
import {vm} from "./Vm.sol";

/// @notice What a tab is on chain: receipts, tree, header, claims and vouchers; all of it follows from the tab.
abstract contract Batches is Accounts {
    mapping(uint256 tab => bytes) private _headers;
    mapping(uint256 tab => BatchId) public idOf;

    function headerOf(uint256 i) public view returns (BatchHeader memory) {
        return abi.decode(_headers[i], (BatchHeader));
    }

    function _keep(uint256 i, BatchHeader memory header) internal {
        _headers[i] = abi.encode(header);
        idOf[i] = settlement.batchIdOf(header);
    }

    function _seedOf(uint256 i, uint256 leaf) internal pure returns (bytes32) {
        return keccak256(abi.encode(i, leaf));
    }

    function _payerOf(Tab storage tab, uint256 leaf) internal view returns (address) {
        return payerAt[tab.payers[leaf < tab.first ? 0 : 1]];
    }

    function _isFaulty(Tab storage tab, uint256 leaf, Fault fault) internal view returns (bool) {
        return tab.fault == fault && tab.faultyLeaf == leaf;
    }

    function _requestOf(uint256 i, uint256 leaf) internal view returns (Request memory request) {
        Tab storage tab = _tabs[i];
        request.payer = _payerOf(tab, leaf);
        request.modelId = modelAt[tab.model];
        request.inputRoot = Inference.slotsOf(_seedOf(i, leaf))[0];
        request.maxFee = tab.fee;
        request.minStake = _isFaulty(tab, leaf, Fault.Request) ? tab.stake + 1 : tab.stake;
        request.nonce = uint256(_seedOf(i, leaf));
        request.expiresAt = tab.servedAt;
    }

    /// @notice What the operator signed.
    function receiptOf(uint256 i, uint256 leaf) public view returns (Receipt memory receipt) {
        Tab storage tab = _tabs[i];
        Execution memory execution = Inference.executionOf(_seedOf(i, leaf));
        receipt.requestId = settlement.digestOf(keccak256(abi.encode(REQUEST_TYPEHASH, _requestOf(i, leaf))));
        receipt.modelId = modelAt[tab.model];
        receipt.operator = operatorAt[tab.operator];
        receipt.payer = _payerOf(tab, leaf);
        receipt.inputRoot = execution.inputRoot;
        receipt.outputRoot = execution.outputRoot;
        receipt.traceRoot =
            _isFaulty(tab, leaf, Fault.HiddenTrace) ? keccak256("nobody has this trace") : execution.traceRoot;
        receipt.fee = _isFaulty(tab, leaf, Fault.Header) ? tab.fee + 1 : tab.fee;
        receipt.stake = tab.stake;
        (receipt.servedAt, receipt.commitBy) = (tab.servedAt, tab.commitBy);
    }

    function _leavesOf(uint256 i) internal view returns (bytes32[] memory leaves) {
        Tab storage tab = _tabs[i];
        leaves = new bytes32[](tab.count);
        for (uint256 leaf = 0; leaf < tab.count; leaf++) {
            leaves[leaf] = _isFaulty(tab, leaf, Fault.HiddenLeaf)
                ? keccak256(abi.encode("nobody has this receipt", i))
                : keccak256(abi.encode(RECEIPT_TYPEHASH, receiptOf(i, leaf)));
        }
    }

    function proofOf(uint256 i, uint256 leaf) public view returns (ReceiptProof memory) {
        return ReceiptProof({
            receipt: receiptOf(i, leaf), leafIndex: uint32(leaf), path: Trees.path(_leavesOf(i), 0, leaf, 0)
        });
    }

    function _claimsOf(uint256 i) internal view returns (Claim[] memory claims) {
        Tab storage tab = _tabs[i];
        // The operator pays for others: their leaves lie under its own claim.
        if (tab.fault == Fault.Claim) {
            claims = new Claim[](1);
            claims[0] = Claim({payer: payerAt[PAYERS - 1], receipts: tab.count});
            return claims;
        }
        claims = new Claim[](tab.first == tab.count ? 1 : 2);
        claims[0] = Claim({payer: payerAt[tab.payers[0]], receipts: tab.first});
        if (claims.length == 2) {
            claims[1] = Claim({payer: payerAt[tab.payers[1]], receipts: uint32(tab.count) - tab.first});
        }
    }

    function _newHeader(uint256 i) internal view returns (BatchHeader memory header) {
        Tab storage tab = _tabs[i];
        header.operator = operatorAt[tab.operator];
        header.modelId = modelAt[tab.model];
        header.root = Trees.root(_leavesOf(i));
        header.count = tab.count;
        (header.fee, header.stake) = (tab.fee, tab.stake);
        header.claimsHash = keccak256(abi.encode(_claimsOf(i)));
        header.paramSet = tab.set;
        header.sequence = operators.stateOf(header.operator).nextSequence;
    }

    function _lockOf(Tab storage tab) internal view returns (uint256) {
        uint256 all = uint256(tab.stake) * tab.count;
        uint256 least = parameters.paramsOf(tab.set).minBatchStake;
        return all > least ? all : least;
    }

    /// @dev Each payer signs what it was told: everything so far, and this batch.
    function _vouchersOf(uint256 i, Claim[] memory claims) internal view returns (VoucherSignature[] memory vouchers) {
        Tab storage tab = _tabs[i];
        address operator = operatorAt[tab.operator];
        vouchers = new VoucherSignature[](claims.length);
        uint256 before = 0;
        for (uint256 k = 0; k < claims.length; k++) {
            address payer = claims[k].payer;
            if (k == 1 && claims[0].payer != payer) before = 0;
            before += uint256(tab.fee) * claims[k].receipts;
            uint128 cumulative = uint128(escrow.reservationOf(payer, operator).redeemed + before);
            vouchers[k] = VoucherSignature({cumulative: cumulative, signature: _voucher(payer, operator, cumulative)});
        }
    }

    function _voucher(address payer, address operator, uint128 cumulative) private view returns (bytes memory) {
        bytes32 digest = settlement.digestOf(keccak256(abi.encode(VOUCHER_TYPEHASH, payer, operator, cumulative)));
        for (uint256 p = 0; p < PAYERS; p++) {
            if (payerAt[p] == payer) return _sign(_payerKeys[p], digest);
        }
        revert("no such payer");
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _commitData(uint256 i, BatchHeader memory header) internal view returns (bytes memory) {
        Claim[] memory claims = _claimsOf(i);
        return abi.encodeCall(ISettlement.commit, (header, claims, _vouchersOf(i, claims)));
    }
}
