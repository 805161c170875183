// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice States of a claimed omission; the last two are the ends.
enum OmissionStatus {
    Null,
    Claimed,
    Answered,
    Punished
}

/// @notice What is stored for a claimed receipt.
/// @param status what calls decided
/// @param set parameter set that it follows
/// @param deadline first second at which the operator is out of time
struct Omission {
    // slot 0
    OmissionStatus status;
    uint32 set;
    uint40 deadline;
}
