// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

import {IModels} from "../../contracts/interfaces/IModels.sol";
import {IParameters} from "../../contracts/interfaces/IParameters.sol";
import {VerifierState} from "../../contracts/types/Model.sol";
import {Params} from "../../contracts/types/Params.sol";
import {Omitted} from "./Omitted.sol";
import {vm} from "./Vm.sol";

/// @notice What council, guardian and provider can do, at the worst moment.
abstract contract Council is Omitted {
    uint40 private _previousEndsAt;

    function closeCommitments(uint256 seed) external step {
        if (seed % 4 != 0) return;
        bytes memory data = abi.encodeCall(IParameters.closeCommitments, ());
        _expect(!parameters.commitmentsClosed(), GUARDIAN, address(parameters), data, "close commitments");
    }

    function openCommitments(uint256) external step {
        if (!parameters.commitmentsClosed()) return;
        bytes memory data = abi.encodeCall(IParameters.openCommitments, ());
        _schedule(address(parameters), data);
        _execute(true, address(parameters), data, "open commitments");
    }

    /// @notice B8, D6, F4: old batches keep their set.
    function addSet(uint256 seed) external step {
        seed = uint256(keccak256(abi.encode(seed, "set")));
        Params memory params = startParams();
        params.reserve += uint96(seed % 1_000_000);
        params.minBatchStake += uint96((seed >> 24) % 100_000);
        params.challengeBond -= uint96((seed >> 48) % 20_000);
        params.omissionBond += uint96((seed >> 72) % 5_000);
        params.rewardBps = uint16(2_001 + (seed >> 96) % 1_000);
        params.restitutionBps = uint16((seed >> 104) % 2_000);
        params.protocolFeeBps = uint16((seed >> 112) % 5_001);
        params.maxCommitDelay += uint40((seed >> 120) % 10);
        params.operatorTime += uint40((seed >> 128) % 20);
        params.minChallengeWindow += 60;
        params.challengerTime += uint40((seed >> 136) % 50);
        params.earningDelay += uint40((seed >> 144) % 100);
        params.unbondingDelay += 100 + uint40((seed >> 152) % 100);
        params.thawing += uint40(10 + (seed >> 160) % 30);
        params.faultsToBan = uint8(4 + (seed >> 168) % 5);
        (uint32 before, Params memory old) = parameters.current();
        bytes memory data = abi.encodeCall(IParameters.add, (params));
        _schedule(address(parameters), data);
        if (!_execute(clock >= _previousEndsAt, address(parameters), data, "add a set")) return;
        _previousEndsAt = clock + old.maxCommitDelay + old.grace;
        _addedAt.push(clock);
        (uint32 set,) = parameters.current();
        require(set == before + 1, "sets are numbered");
    }

    /// @notice C15: clocks and locks stand still.
    function quarantine(uint256 seed) external step {
        if (seed % 4 != 0) return;
        address verifier = address(verifiers[(seed >> 8) % 2]);
        VerifierState memory state = models.verifierOf(verifier);
        bool expected = !state.spent && !state.confirmed && clock >= state.lapsesAt;
        _expect(expected, GUARDIAN, address(models), abi.encodeCall(IModels.quarantine, (verifier)), "quarantine");
    }

    function allowQuarantine(uint256 seed) external step {
        address verifier = address(verifiers[seed % 2]);
        if (!models.verifierOf(verifier).spent) return;
        bytes memory data = abi.encodeCall(IModels.allowQuarantine, (verifier));
        _schedule(address(models), data);
        _execute(true, address(models), data, "allow quarantine");
    }

    /// @notice Of the first verifier only, and seldom: its models are dead then.
    function confirmQuarantine(uint256 seed) external step {
        address verifier = address(verifiers[0]);
        VerifierState memory state = models.verifierOf(verifier);
        if (seed % 3 != 0 || clock >= state.lapsesAt || state.confirmed) return;
        bytes memory data = abi.encodeCall(IModels.confirmQuarantine, (verifier));
        _schedule(address(models), data);
        _execute(clock < state.lapsesAt, address(models), data, "confirm a quarantine");
    }

    function deprecate(uint256 seed) external step {
        uint256 model = seed % 64;
        if (model >= 2) return;
        bool expected = models.deprecatedAt(modelAt[model]) == 0;
        bytes memory data = abi.encodeCall(IModels.deprecate, (modelAt[model]));
        _expect(expected, provider, address(models), data, "deprecate");
    }

    function _schedule(address target, bytes memory data) private {
        vm.prank(COUNCIL);
        governance.schedule(target, data, 0);
        _advance(clock + COUNCIL_DELAY);
    }

    function _execute(bool expected, address target, bytes memory data, string memory what) private returns (bool ok) {
        bytes memory execution = abi.encodeCall(IAccessManager.execute, (target, data));
        ok = _expect(expected, COUNCIL, address(governance), execution, what);
        if (ok) return true;
        vm.prank(COUNCIL);
        governance.cancel(COUNCIL, target, data);
    }
}
