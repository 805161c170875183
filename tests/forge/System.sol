// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {IModels} from "../../contracts/interfaces/IModels.sol";
import {IOmissions} from "../../contracts/interfaces/IOmissions.sol";
import {IOperators} from "../../contracts/interfaces/IOperators.sol";
import {IParameters} from "../../contracts/interfaces/IParameters.sol";
import {Peers} from "../../contracts/interfaces/IPeers.sol";
import {IReputation} from "../../contracts/interfaces/IReputation.sol";
import {ISettlement} from "../../contracts/interfaces/ISettlement.sol";
import {Execution} from "../../contracts/interfaces/IVerifier.sol";
import {ModelCommitment} from "../../contracts/types/Model.sol";
import {ParamBounds, Params} from "../../contracts/types/Params.sol";
import {vm} from "./Vm.sol";

/// @notice TestToken, as far as it is used here.
interface IToken is IERC20 {
    function mint(address to, uint256 amount) external;
}

/// @notice TestVerifier, as far as it is used here.
interface ITold {
    function accept(
        ModelCommitment calldata model,
        Execution calldata execution,
        bytes calldata evidence,
        uint64 slot,
        uint64 element
    ) external;
}

/// @notice The real contracts with their real wiring and roles, from the build. Only the verifier is told what a fault
/// is; what it says of reveals is real.
abstract contract System {
    uint40 internal constant START = 1_800_000_000;
    uint40 internal constant COUNCIL_DELAY = 40;
    uint64 private constant COUNCIL_ROLE = 1;
    uint64 private constant GUARDIAN_ROLE = 2;

    address internal immutable COUNCIL = vm.addr(0xc0);
    address internal immutable GUARDIAN = vm.addr(0x6a);
    address internal immutable TREASURY = vm.addr(0x7e);

    IAccessManager public governance;
    IToken public token;
    IParameters public parameters;
    IModels public models;
    IOperators public operators;
    IEscrow public escrow;
    ISettlement public settlement;
    IDisputes public disputes;
    IOmissions public omissions;
    IReputation public reputation;
    /// @notice The council may confirm the quarantine of the first one only.
    ITold[2] public verifiers;

    constructor() {
        vm.warp(START);
        string memory build = vm.readFile(".build/onus-artifacts.json");
        governance = IAccessManager(_deploy(build, "Governance", abi.encode(address(this), COUNCIL_DELAY)));
        token = IToken(_deploy(build, "TestToken", ""));
        Peers memory peers = _peers();
        bytes memory wired = abi.encode(peers);
        bytes memory first = abi.encode(peers, _bounds(), startParams());
        parameters = IParameters(_deploy(build, "Parameters", first));
        models = IModels(_deploy(build, "Models", wired));
        operators = IOperators(_deploy(build, "Operators", wired));
        escrow = IEscrow(_deploy(build, "Escrow", wired));
        settlement = ISettlement(_deploy(build, "Settlement", wired));
        disputes = IDisputes(_deploy(build, "Disputes", wired));
        omissions = IOmissions(_deploy(build, "Omissions", wired));
        reputation = IReputation(_deploy(build, "Reputation", abi.encode(peers, uint40(3200))));
        for (uint256 i = 0; i < 2; i++) {
            verifiers[i] = ITold(_deploy(build, "TestVerifier", ""));
            models.allowVerifier(address(verifiers[i]));
        }
        _handOver();
    }

    /// @notice The first set: small numbers that do not divide, so that rounding shows.
    function startParams() public pure returns (Params memory p) {
        p.reserve = 1_000_003;
        p.minStakePerInference = 51;
        p.maxBatchCount = 5;
        p.maxDemands = 6;
        p.minBatchStake = 150_007;
        p.minChallengeWindow = 220;
        p.maxChallengeWindow = 300;
        p.maxCommitDelay = 20;
        p.maxInputBytes = 8_192;
        p.protocolFeeBps = 213;
        p.challengeBond = 25_003;
        p.challengerTime = 100;
        p.operatorTime = 60;
        p.unjailAfter = 100;
        p.faultsToBan = 6;
        p.rewardBps = 1_999;
        p.restitutionBps = 3_001;
        p.omissionBond = 2_001;
        p.omissionWindow = 150;
        p.grace = 30;
        p.keyDelay = 10;
        p.earningDelay = 30;
        p.unbondingDelay = 490;
        p.thawing = 50;
        p.maxQuarantine = 150;
    }

    function _deploy(string memory build, string memory name, bytes memory arguments) private returns (address made) {
        bytes memory code = vm.parseJsonBytes(build, string.concat(".", name, ".bytecode"));
        code = bytes.concat(code, arguments);
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
        }
        require(made != address(0), string.concat("not deployed: ", name));
    }

    function _bounds() private pure returns (ParamBounds memory) {
        return ParamBounds({outageFloor: 20, maxTime: 10_000, maxAmount: 1e12, councilDelay: COUNCIL_DELAY});
    }

    /// @dev Predicted: the contracts are created one after the other.
    function _peers() private view returns (Peers memory) {
        uint256 nonce = vm.getNonce(address(this));
        address[7] memory places;
        for (uint256 i = 0; i < 7; i++) {
            places[i] = vm.computeCreateAddress(address(this), nonce + i);
        }
        return Peers({
            authority: address(governance),
            token: address(token),
            treasury: TREASURY,
            parameters: places[0],
            models: places[1],
            operators: places[2],
            escrow: places[3],
            settlement: places[4],
            disputes: places[5],
            omissions: places[6]
        });
    }

    function _handOver() private {
        bytes4[] memory selectors = new bytes4[](2);
        (selectors[0], selectors[1]) = (IParameters.add.selector, IParameters.openCommitments.selector);
        governance.setTargetFunctionRole(address(parameters), selectors, COUNCIL_ROLE);
        selectors = new bytes4[](4);
        (selectors[0], selectors[1]) = (IModels.allowVerifier.selector, IModels.disallowVerifier.selector);
        (selectors[2], selectors[3]) = (IModels.confirmQuarantine.selector, IModels.allowQuarantine.selector);
        governance.setTargetFunctionRole(address(models), selectors, COUNCIL_ROLE);
        selectors = new bytes4[](1);
        selectors[0] = IParameters.closeCommitments.selector;
        governance.setTargetFunctionRole(address(parameters), selectors, GUARDIAN_ROLE);
        selectors[0] = IModels.quarantine.selector;
        governance.setTargetFunctionRole(address(models), selectors, GUARDIAN_ROLE);
        governance.grantRole(COUNCIL_ROLE, COUNCIL, uint32(COUNCIL_DELAY));
        governance.grantRole(GUARDIAN_ROLE, GUARDIAN, 0);
        governance.renounceRole(0, address(this));
    }
}
