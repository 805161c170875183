// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice An operator's stake and standing. Amounts in token base units.
/// @param stake slashable stake, locked and unbonding included, reserve excluded
/// @param locked part of it that backs batches which are not final
/// @param nextSequence sequence that its next batch must have
/// @param unbonding part of the stake that is leaving; slashable until it has left
/// @param reserve bucket of its own that backs no batch
/// @param jailedUntil no commit before; type(uint40).max: banned
/// @param faults number of faulty batches, stops at 255
/// @param registered whether it ever registered
/// @param reserveLeaving whether the exit of the reserve was requested
/// @param exitAt when the unbonding stake may leave
/// @param reserveExitAt when the reserve may leave, if it is leaving
struct OperatorState {
    // slot 0: read and written by a commit
    uint96 stake;
    uint96 locked;
    uint64 nextSequence;
    // slot 1: read by a commit
    uint96 unbonding;
    uint96 reserve;
    uint40 jailedUntil;
    uint8 faults;
    bool registered;
    bool reserveLeaving;
    // slot 2
    uint40 exitAt;
    uint40 reserveExitAt;
}

/// @notice A signing key and the time from which it holds (until the next one does).
struct SigningKey {
    address key;
    uint40 validFrom;
}
