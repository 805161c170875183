// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperators} from "../../contracts/interfaces/IOperators.sol";
import {OperatorState} from "../../contracts/types/Operator.sol";
import {Batches} from "./Batches.sol";
import {vm} from "./Vm.sol";

/// @notice Stake and reserve come and go. Exits are tried at any time, and must go through exactly when they may.
abstract contract Stakes is Batches {
    function stake(uint256 seed) external step {
        _stake(operatorAt[seed % OPERATORS], 1 + (seed / OPERATORS) % 1e6);
    }

    function fundReserve(uint256 seed) external step {
        address operator = operatorAt[seed % OPERATORS];
        if (!operators.stateOf(operator).reserveLeaving) _fundReserve(operator, 1 + (seed / OPERATORS) % 1e6);
    }

    function requestUnbond(uint256 seed) external step {
        uint256 i = seed % OPERATORS;
        OperatorState memory state = operators.stateOf(operatorAt[i]);
        uint256 amount = 1 + (seed / OPERATORS) % (uint256(state.stake) + 1);
        // Who is honest keeps what it signed for.
        if (i == 0 && amount > _spare()) return;
        _expect(
            amount <= state.stake - state.unbonding,
            operatorAt[i],
            address(operators),
            abi.encodeCall(IOperators.requestUnbond, (amount)),
            "request unbond"
        );
    }

    function cancelUnbond(uint256 seed) external step {
        address operator = operatorAt[seed % OPERATORS];
        bool expected = operators.stateOf(operator).unbonding != 0;
        _expect(expected, operator, address(operators), abi.encodeCall(IOperators.cancelUnbond, ()), "cancel unbond");
    }

    /// @notice B1, B4: at most what backs nothing, and not before its time.
    function withdraw(uint256 seed) external step {
        _withdraw(operatorAt[seed % OPERATORS]);
    }

    function requestReserveExit(uint256 seed) external step {
        uint256 i = seed % OPERATORS;
        if (i == 0 && _openTab[0] != 0) return;
        _requestReserveExit(operatorAt[i]);
    }

    function cancelReserveExit(uint256 seed) external step {
        address operator = operatorAt[seed % OPERATORS];
        bool expected = operators.stateOf(operator).reserveLeaving;
        bytes memory data = abi.encodeCall(IOperators.cancelReserveExit, ());
        _expect(expected, operator, address(operators), data, "cancel reserve exit");
    }

    /// @notice B14.
    function withdrawReserve(uint256 seed) external step {
        _withdrawReserve(operatorAt[seed % OPERATORS]);
    }

    function _requestReserveExit(address operator) internal {
        OperatorState memory state = operators.stateOf(operator);
        bool expected = state.locked == 0 && state.reserve != 0 && !state.reserveLeaving;
        bytes memory data = abi.encodeCall(IOperators.requestReserveExit, ());
        _expect(expected, operator, address(operators), data, "request reserve exit");
    }

    function _withdrawReserve(address operator) internal {
        OperatorState memory state = operators.stateOf(operator);
        bool expected = state.reserveLeaving && clock >= state.reserveExitAt;
        bytes memory data = abi.encodeCall(IOperators.withdrawReserve, (operator));
        if (_expect(expected, operator, address(operators), data, "withdraw reserve")) {
            paidOut[operator] += state.reserve;
        }
    }

    function _withdraw(address operator) internal {
        OperatorState memory state = operators.stateOf(operator);
        uint256 free = state.stake - state.locked;
        uint256 amount = state.unbonding < free ? state.unbonding : free;
        bool expected = amount != 0 && clock >= state.exitAt;
        uint256 before = token.balanceOf(operator);
        bytes memory data = abi.encodeCall(IOperators.withdraw, (operator));
        if (!_expect(expected, operator, address(operators), data, "withdraw stake")) return;
        require(token.balanceOf(operator) == before + amount, "A2: paid what was free");
        paidOut[operator] += amount;
    }

    function _stake(address operator, uint256 amount) internal {
        vm.prank(operator);
        operators.stake(amount);
        paidIn[operator] += amount;
    }

    function _fundReserve(address operator, uint256 amount) internal {
        vm.prank(operator);
        operators.fundReserve(amount);
        paidIn[operator] += amount;
    }

    /// @dev So that a batch of this tab can be committed.
    function _topUp(uint256 i) internal {
        address operator = operatorAt[_tabs[i].operator];
        uint256 needed = _lockOf(_tabs[i]);
        OperatorState memory state = operators.stateOf(operator);
        // What is leaving may be locked too: then new stake makes up for it first.
        needed += uint256(state.locked) + state.unbonding;
        if (state.stake < needed) _stake(operator, needed - state.stake);
        if (state.reserveLeaving) {
            vm.prank(operator);
            operators.cancelReserveExit();
        }
        uint256 reserve = parameters.paramsOf(_tabs[i].set).reserve;
        if (state.reserve < reserve) _fundReserve(operator, reserve - state.reserve);
    }

    /// @dev What the honest operator does not need for what it signed.
    function _spare() private view returns (uint256) {
        uint256 needed = _openTab[0] == 0 ? 0 : _lockOf(_tabs[_openTab[0] - 1]);
        uint256 available = operators.availableOf(operatorAt[0]);
        return available > needed ? available - needed : 0;
    }
}
