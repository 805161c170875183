// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IPeers, Peers} from "./interfaces/IPeers.sol";

/// @title Peered
/// @notice Fixes the wiring of a contract at deployment.
abstract contract Peered is IPeers {
    /// @inheritdoc IPeers
    bytes32 public immutable wiring;

    constructor(Peers memory peers) {
        if (peers.authority == address(0)) revert Peers_BadWiring("authority");
        if (peers.token == address(0)) revert Peers_BadWiring("token");
        if (peers.treasury == address(0)) revert Peers_BadWiring("treasury");
        if (peers.parameters == address(0)) revert Peers_BadWiring("parameters");
        if (peers.models == address(0)) revert Peers_BadWiring("models");
        if (peers.operators == address(0)) revert Peers_BadWiring("operators");
        if (peers.escrow == address(0)) revert Peers_BadWiring("escrow");
        if (peers.settlement == address(0)) revert Peers_BadWiring("settlement");
        if (peers.disputes == address(0)) revert Peers_BadWiring("disputes");
        if (peers.omissions == address(0)) revert Peers_BadWiring("omissions");
        wiring = keccak256(abi.encode(peers));
    }
}

/// @title Governed
/// @notice A peer with functions for the council or the guardian, whose authority cannot be re-pointed.
abstract contract Governed is Peered, AccessManaged {
    constructor(Peers memory peers) Peered(peers) AccessManaged(peers.authority) {}

    /// @notice Always reverts: the authority is fixed.
    function setAuthority(address) public pure override {
        revert Peers_AuthorityFixed();
    }
}
