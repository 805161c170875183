// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title TestToken
/// @notice A settlement token for local chains: anyone may mint.
contract TestToken is ERC20, ERC20Permit {
    constructor() ERC20("Onus Test Dollar", "oUSD") ERC20Permit("Onus Test Dollar") {}

    /// @notice Gives `amount` to `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
