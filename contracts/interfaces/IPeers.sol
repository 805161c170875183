// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Where the contracts of one deployment are. The same struct is given to every constructor; each checks its
/// own place in it, and each can be asked for it.
struct Peers {
    address authority;
    address token;
    address treasury;
    address parameters;
    address models;
    address operators;
    address escrow;
    address settlement;
    address disputes;
    address omissions;
}

/// @title IPeers
/// @notice The wiring of a contract, fixed at deployment.
interface IPeers {
    /// @notice The constructor was given zero for a peer, or another address than its own for itself.
    error Peers_BadWiring(string peer);
    /// @notice The authority is fixed.
    error Peers_AuthorityFixed();

    /// @notice keccak256(abi.encode(peers)): equal for all contracts of one deployment.
    function wiring() external view returns (bytes32);
}
