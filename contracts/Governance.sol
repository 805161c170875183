// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Governance
/// @notice Who may change what, and after which delay: OpenZeppelin's AccessManager with a floor under the delays.
/// @dev Every grant except the guardian's carries at least `COUNCIL_DELAY`, the admin role included: once the deployer
/// has renounced, nothing of the council's or the admin's can happen sooner than that.
contract Governance is AccessManager {
    /// @notice A role other than the guardian's needs at least `least` seconds of execution delay.
    error Governance_DelayTooShort(uint64 roleId, uint32 delay, uint32 least);
    /// @notice The function has its role already: nobody can move it to one with a shorter delay.
    error Governance_RoleFixed(address target, bytes4 selector, uint64 roleId);

    /// @notice Adds parameter sets, allows verifiers, opens commitments, confirms quarantines; behind the delay.
    uint64 public constant COUNCIL = 1;
    /// @notice Stops new commitments and quarantines verifiers; without delay.
    uint64 public constant GUARDIAN = 2;
    uint32 public immutable COUNCIL_DELAY;

    /// @param deployer admin without delay, to set the roles up; renounces when it has handed over
    constructor(address deployer, uint32 councilDelay) AccessManager(deployer) {
        COUNCIL_DELAY = councilDelay;
    }

    /// @inheritdoc AccessManager
    function grantRole(uint64 roleId, address account, uint32 executionDelay) public override {
        if (roleId != GUARDIAN && executionDelay < COUNCIL_DELAY) {
            revert Governance_DelayTooShort(roleId, executionDelay, COUNCIL_DELAY);
        }
        super.grantRole(roleId, account, executionDelay);
    }

    /// @inheritdoc AccessManager
    /// @dev A function leaves the admin's role once, at deployment, for the one that it then keeps.
    function setTargetFunctionRole(address target, bytes4[] calldata selectors, uint64 roleId) public override {
        for (uint256 i = 0; i < selectors.length; i++) {
            uint64 current = getTargetFunctionRole(target, selectors[i]);
            if (current != ADMIN_ROLE) revert Governance_RoleFixed(target, selectors[i], current);
        }
        super.setTargetFunctionRole(target, selectors, roleId);
    }
}
