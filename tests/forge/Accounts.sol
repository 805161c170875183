// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BURNED, accountOf, royaltyAccountOf} from "../../contracts/types/Accounts.sol";
import {Account} from "../../contracts/types/Ids.sol";
import {Town} from "./Town.sol";

/// @notice Every account of Escrow, and what is due to each in the call that comes: nobody else's may change.
abstract contract Accounts is Town {
    Account[] internal _accounts;
    mapping(Account account => uint256) private _due;

    constructor() {
        for (uint256 i = 0; i < OPERATORS; i++) {
            _accounts.push(accountOf(operatorAt[i]));
        }
        // The third payer and the last two challengers are others already.
        for (uint256 i = 0; i < 2; i++) {
            _accounts.push(accountOf(payerAt[i]));
            _accounts.push(accountOf(challengerAt[i]));
        }
        for (uint256 i = 0; i < modelAt.length; i++) {
            _accounts.push(royaltyAccountOf(modelAt[i]));
        }
        _accounts.push(accountOf(provider));
        _accounts.push(accountOf(TREASURY));
        _accounts.push(BURNED);
    }

    function balances() public view returns (uint256[] memory result) {
        result = new uint256[](_accounts.length);
        for (uint256 i = 0; i < result.length; i++) {
            result[i] = escrow.balanceOf(_accounts[i]);
        }
    }

    function _owe(Account account, uint256 amount) internal {
        _due[account] += amount;
        if (account == BURNED) burnedDue += amount;
    }

    function _checkPaid(uint256[] memory before) internal {
        for (uint256 i = 0; i < before.length; i++) {
            Account account = _accounts[i];
            require(escrow.balanceOf(account) == before[i] + _due[account], "an account got something else");
            _due[account] = 0;
        }
    }
}
