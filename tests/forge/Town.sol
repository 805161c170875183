// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BURNED, accountOf, royaltyAccountOf} from "../../contracts/types/Accounts.sol";
import {BatchHeader, BatchState, BatchStatus} from "../../contracts/types/Batch.sol";
import {Account, BatchId, ChallengeId, ModelId} from "../../contracts/types/Ids.sol";
import {InferenceMode, ModelSpec, Parent} from "../../contracts/types/Model.sol";
import {Position} from "../../contracts/types/Demand.sol";
import {Params} from "../../contracts/types/Params.sol";
import {Inference} from "./Inference.sol";
import {System} from "./System.sol";
import {vm} from "./Vm.sol";

/// @notice What is wrong with a batch, at one of its leaves. The last two cannot be shown, only demanded.
enum Fault {
    None,
    Header,
    Request,
    Claim,
    Execution,
    HiddenLeaf,
    HiddenTrace
}

/// @notice What an operator signed for, and the batch that it may have become.
struct Tab {
    uint8 operator;
    uint8 model;
    uint8 count;
    uint8 first; // leaves of the first payer; the others are the second's
    uint8[2] payers;
    Fault fault;
    uint32 faultyLeaf;
    bool served; // the watcher has the data without asking
    bool committed;
    bool abandoned;
    uint40 servedAt;
    uint40 commitBy;
    uint128 fee;
    uint128 stake;
    uint32 set;
    uint64 sequence;
    uint8 windfall; // 1: paid, 2: refunded
}

/// @notice A challenge, and what its clocks must be.
struct Fight {
    uint256 tab;
    address by;
    uint32 leaf;
    bytes32 salt;
    bool honest;
    bool opened;
    bool asked; // it is the operator's turn
    bool over;
    uint256 ordinal;
    uint40 sealedAt;
    uint40 movedAt;
    uint40 challengerLeft;
    uint40 operatorLeft;
    uint256 demands;
    uint256 answers;
    Position wanted;
}

/// @notice Who lives here, what they remember, and the clock.
abstract contract Town is System {
    uint256 internal constant WEALTH = 1e15;
    uint256 internal constant OPERATORS = 4;
    uint256 internal constant PAYERS = 3;

    /// @notice The first one is honest.
    address[] public operatorAt;
    uint256[] internal _signerKeys;
    /// @notice The last one is an operator too.
    address[] public payerAt;
    uint256[] internal _payerKeys;
    /// @notice The first one is honest.
    address[] public challengerAt;
    ModelId[] public modelAt;
    uint8[3] internal _verifierOf = [0, 0, 1];
    address public provider = vm.addr(0x9909);

    uint40 public clock = START;
    Tab[] internal _tabs;
    uint256[] internal _openTab; // of each operator: 1 + index of what it has not committed yet
    Fight[] internal _fights;
    uint256[] internal _pending; // tabs whose batch is pending
    uint256[] internal _live; // fights that have not ended
    bytes32[] internal _receipts; // claimed as omitted
    uint256[2][] internal _claims; // tab and leaf of each

    // What no contract counts.
    mapping(address operator => uint256) public paidIn;
    mapping(address operator => uint256) public paidOut;
    mapping(address operator => uint256) public fined;
    mapping(string what => uint256) public done;
    uint256 public burnedDue;
    uint256 public swept;
    uint256[2] public gifts; // to Operators, to Escrow

    modifier step() {
        vm.warp(clock);
        _;
        _afterStep();
    }

    constructor() {
        vm.warp(clock);
        for (uint256 i = 0; i < OPERATORS; i++) {
            operatorAt.push(vm.addr(0x100 + i));
            _signerKeys.push(0x200 + i);
            _openTab.push(0);
        }
        for (uint256 i = 0; i < PAYERS; i++) {
            _payerKeys.push(i < 2 ? 0x300 + i : 0x101);
            payerAt.push(vm.addr(_payerKeys[i]));
        }
        // A watcher, an accomplice, an operator, a payer.
        challengerAt = [vm.addr(0x400), vm.addr(0x401), operatorAt[2], payerAt[0]];
        for (uint256 i = 0; i < OPERATORS; i++) {
            _enrich(operatorAt[i]);
            vm.prank(operatorAt[i]);
            operators.register("https://operator.example", vm.addr(_signerKeys[i]));
        }
        _enrich(payerAt[0]);
        _enrich(payerAt[1]);
        _enrich(challengerAt[0]);
        _enrich(challengerAt[1]);
        Parent[] memory parents = new Parent[](0);
        modelAt.push(_register(0, 0, 1_003, parents));
        parents = new Parent[](1);
        parents[0] = Parent({modelId: modelAt[0], shareBps: 2_507});
        modelAt.push(_register(0, 1, 5_000, parents));
        parents = new Parent[](2);
        parents[0] = Parent({modelId: modelAt[0], shareBps: 3_333});
        parents[1] = Parent({modelId: modelAt[1], shareBps: 6_667});
        modelAt.push(_register(1, 2, 777, parents));
    }

    function tabOf(uint256 i) external view returns (Tab memory) {
        return _tabs[i];
    }

    function fightOf(uint256 i) external view returns (Fight memory) {
        return _fights[i];
    }

    function claimAt(uint256 i) external view returns (bytes32 receiptHash, uint256 tab, uint256 leaf) {
        return (_receipts[i], _claims[i][0], _claims[i][1]);
    }

    function sizes() external view returns (uint256 tabs, uint256 fights, uint256 claims) {
        return (_tabs.length, _fights.length, _receipts.length);
    }

    /// @dev Lets time pass; who is honest does in it what is due.
    function _advance(uint40 target) internal virtual;

    function _afterStep() internal virtual;

    function _call(address by, address target, bytes memory data) internal returns (bool ok, bytes memory result) {
        vm.prank(by);
        (ok, result) = target.call(data);
    }

    /// @dev Calls, and holds the outcome against what it must be.
    function _expect(bool expected, address by, address target, bytes memory data, string memory what)
        internal
        returns (bool ok)
    {
        bytes memory result;
        (ok, result) = _call(by, target, data);
        if (ok != expected) {
            if (ok) revert(string.concat(what, ": should have been refused"));
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
        done[string.concat(what, ok ? "" : ", refused")]++;
    }

    function _statusOf(BatchId id) internal view returns (BatchStatus) {
        return settlement.batchOf(id).status;
    }

    function _isDead(uint256 model) internal view returns (bool confirmed) {
        (,, confirmed) = models.clockOf(modelAt[model]);
    }

    /// @dev The second of the block's clock at which the verifier's clock shows `time`.
    function _wall(uint256 model, uint40 time) internal view returns (uint40) {
        (uint40 now_, bool stopped, bool confirmed) = models.clockOf(modelAt[model]);
        if (confirmed) return type(uint40).max;
        require(time >= now_, "a deadline of somebody honest was missed");
        uint40 from = stopped ? models.verifierOf(address(verifiers[_verifierOf[model]])).lapsesAt : clock;
        return from + time - now_;
    }

    function _setTime(uint40 time) internal {
        require(time >= clock, "time goes on");
        clock = time;
        vm.warp(time);
    }

    function _removeFrom(uint256[] storage list, uint256 value) internal {
        for (uint256 i = 0; i < list.length; i++) {
            if (list[i] != value) continue;
            list[i] = list[list.length - 1];
            list.pop();
            return;
        }
    }

    function _free(address who) internal view returns (uint256) {
        return escrow.freeBalanceOf(who);
    }

    function _burned() internal view returns (uint256) {
        return escrow.balanceOf(BURNED);
    }

    function _royalties(uint256 model) internal view returns (uint256) {
        return escrow.balanceOf(royaltyAccountOf(modelAt[model]));
    }

    function _enrich(address who) private {
        token.mint(who, WEALTH);
        vm.prank(who);
        token.approve(address(operators), type(uint256).max);
        vm.prank(who);
        token.approve(address(escrow), type(uint256).max);
    }

    function _register(uint8 verifier, uint256 number, uint16 royaltyBps, Parent[] memory parents)
        private
        returns (ModelId)
    {
        ModelSpec memory spec;
        spec.name = "model";
        spec.mode = InferenceMode.TRACE;
        spec.verifier = address(verifiers[verifier]);
        spec.manifest.sourceHash = keccak256(abi.encode(number));
        spec.manifest.commitment = Inference.commitment();
        spec.manifest.inputBytes = uint32(Inference.INPUT_BYTES);
        spec.manifest.traceBytes = 1_000;
        spec.manifest.depthBudget = 5;
        spec.manifest.compilerVersion = 1;
        spec.royaltyBps = royaltyBps;
        spec.royaltyReceiver = provider;
        spec.challengeWindow = uint40(220 + 40 * number);
        spec.parents = parents;
        vm.prank(provider);
        return models.register(spec);
    }
}
