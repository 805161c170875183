// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {Reservation} from "../../contracts/types/Accounts.sol";
import {Stakes} from "./Stakes.sol";
import {vm} from "./Vm.sol";

/// @notice Payers deposit, reserve, release and withdraw, also while their inferences are under way (E3).
abstract contract Payers is Stakes {
    function deposit(uint256 seed) external step {
        // A13: also for somebody else.
        address from = payerAt[seed % PAYERS];
        address to = payerAt[(seed / PAYERS) % PAYERS];
        vm.prank(from);
        escrow.deposit(to, 1 + (seed / 9) % 1e6);
    }

    function withdrawBalance(uint256 seed) external step {
        address owner = payerAt[seed % PAYERS];
        uint256 amount = (seed / PAYERS) % (2 * _free(owner) + 2);
        bool expected = amount != 0 && amount <= _free(owner);
        bytes memory data = abi.encodeCall(IEscrow.withdraw, (owner, amount));
        _expect(expected, owner, address(escrow), data, "withdraw balance");
    }

    function reserve(uint256 seed) external step {
        address payer = payerAt[seed % PAYERS];
        uint256 amount = (seed / 12) % (2 * _free(payer) + 2);
        bool expected = amount != 0 && amount <= _free(payer);
        bytes memory data = abi.encodeCall(IEscrow.reserve, (operatorAt[(seed / 3) % OPERATORS], amount));
        _expect(expected, payer, address(escrow), data, "reserve");
    }

    function requestRelease(uint256 seed) external step {
        (address payer, address operator) = _pair(seed);
        uint256 cover = escrow.coverOf(payer, operator);
        uint256 amount = (seed / 12) % (cover + 3);
        bool expected = amount != 0 && amount <= cover;
        bytes memory data = abi.encodeCall(IEscrow.requestRelease, (operator, amount));
        _expect(expected, payer, address(escrow), data, "request release");
    }

    function cancelRelease(uint256 seed) external step {
        (address payer, address operator) = _pair(seed);
        bool expected = escrow.reservationOf(payer, operator).thawing != 0;
        bytes memory data = abi.encodeCall(IEscrow.cancelRelease, (operator));
        _expect(expected, payer, address(escrow), data, "cancel release");
    }

    function release(uint256 seed) external step {
        (address payer, address operator) = _pair(seed);
        Reservation memory reservation = escrow.reservationOf(payer, operator);
        bool expected = reservation.thawing != 0 && clock >= reservation.thawsAt;
        uint256 amount = reservation.thawing < reservation.reserved ? reservation.thawing : reservation.reserved;
        uint256 before = _free(payer);
        bytes memory data = abi.encodeCall(IEscrow.release, (operator));
        if (_expect(expected, payer, address(escrow), data, "release")) {
            require(_free(payer) == before + amount, "a release pays what was thawing");
        }
    }

    function _pair(uint256 seed) private view returns (address payer, address operator) {
        return (payerAt[seed % PAYERS], operatorAt[(seed / PAYERS) % OPERATORS]);
    }

    /// @dev A reservation that covers `amount` whatever is thawing.
    function _cover(address payer, address operator, uint256 amount) internal {
        uint256 cover = escrow.coverOf(payer, operator);
        if (amount <= cover) return;
        vm.prank(payer);
        escrow.depositAndReserve(operator, amount - cover);
    }
}
