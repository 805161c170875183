// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BURNED} from "../../contracts/types/Accounts.sol";
import {BatchStatus} from "../../contracts/types/Batch.sol";
import {OmissionStatus} from "../../contracts/types/Omission.sol";
import {OperatorState} from "../../contracts/types/Operator.sol";
import {Handler} from "./Handler.sol";
import {Fault} from "./Town.sol";
import {Views} from "./Views.sol";
import {vm} from "./Vm.sol";

/// @notice What holds after every call, whatever anybody does. What a single call must do, its handler holds against it:
/// each outcome is predicted, and every account is compared to the wei (C1, C6, C11, C16, E1, E2, E7, D1, D8, D13).
contract InvariantsTest is Views {
    uint256 private constant OPERATORS = 4;
    uint256 private constant PAYERS = 3;
    uint256 private constant WEALTH = 1e15;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() external {
        handler = new Handler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector({addr: address(handler), selectors: actions()});
    }

    /// @notice D4: at the end of every run everything ends, everybody leaves, and nothing is left but gifts.
    function afterInvariant() external {
        vm.warp(handler.clock());
        handler.endOfDays();
        require(_held(address(handler.operators())) == handler.gifts(0), "D4: stake is stuck");
        require(_held(address(handler.escrow())) == handler.gifts(1), "D4: money is stuck");
    }

    /// @notice A1, A12: tokens held are the sum of all buckets, in Operators and in Escrow.
    function invariant_A1_solvency() external view {
        (uint256 tabs, uint256 fights, uint256 claims) = handler.sizes();
        uint256 stake = 0;
        uint256 money = _sum(handler.balances());
        for (uint256 i = 0; i < OPERATORS; i++) {
            OperatorState memory state = _stateOf(i);
            stake += uint256(state.stake) + state.reserve;
            for (uint256 p = 0; p < PAYERS; p++) {
                money += handler.escrow().reservationOf(handler.payerAt(p), handler.operatorAt(i)).reserved;
            }
        }
        for (uint256 i = 0; i < tabs; i++) {
            BatchStatus status = _statusOf(i);
            if (status == BatchStatus.Faulty) stake += _lockOf(i);
            if (status == BatchStatus.Faulty || status == BatchStatus.Pending) money += _feesOf(i);
        }
        for (uint256 f = 0; f < fights; f++) {
            money += _heldBondOf(f);
        }
        for (uint256 c = 0; c < claims; c++) {
            (bytes32 receiptHash,,) = handler.claimAt(c);
            if (handler.omissions().omissionOf(receiptHash).status == OmissionStatus.Claimed) {
                uint32 set = handler.omissions().omissionOf(receiptHash).set;
                money += handler.parameters().paramsOf(set).omissionBond;
            }
        }
        require(_held(address(handler.operators())) == stake + handler.gifts(0), "A1: Operators");
        require(_held(address(handler.escrow())) == money + handler.gifts(1), "A1: Escrow");
    }

    /// @notice A2, B11, B12: what an operator paid in is what it got out, what was taken, and what it has.
    function invariant_A2_conservation_of_stake() external view {
        for (uint256 i = 0; i < OPERATORS; i++) {
            address operator = handler.operatorAt(i);
            OperatorState memory state = _stateOf(i);
            uint256 there = handler.paidOut(operator) + handler.fined(operator) + state.stake + state.reserve;
            require(handler.paidIn(operator) == there, "A2: stake appears or vanishes");
        }
    }

    /// @notice B1, B4, B7, B15, B16: the stake covers every batch that may still fail, beside the reserve.
    function invariant_B1_exit_safety() external view {
        (uint256 tabs,,) = handler.sizes();
        uint256[OPERATORS] memory needed;
        for (uint256 i = 0; i < tabs; i++) {
            if (_statusOf(i) == BatchStatus.Pending) needed[handler.tabOf(i).operator] += _lockOf(i);
        }
        for (uint256 i = 0; i < OPERATORS; i++) {
            OperatorState memory state = _stateOf(i);
            require(state.locked == needed[i], "B16: locks are those of pending batches");
            require(state.stake >= needed[i], "B1: a batch is not covered");
            require(state.unbonding <= state.stake, "A7: more is leaving than there is");
        }
    }

    /// @notice C16: what burned is what every outcome said, and no more.
    function invariant_C16_burned() external view {
        uint256 burned = handler.escrow().balanceOf(BURNED) + handler.swept();
        require(burned == handler.burnedDue(), "C16: burned");
        require(_held(handler.escrow().burnAddress()) == handler.swept(), "C16: swept");
    }

    /// @notice E1: fees are paid once a batch is final, refunded once it is settled or refunded, and never both.
    function invariant_E1_paid_or_refunded() external view {
        (uint256 tabs,,) = handler.sizes();
        for (uint256 i = 0; i < tabs; i++) {
            BatchStatus status = _statusOf(i);
            uint8 windfall = handler.tabOf(i).windfall;
            bool refunded = status == BatchStatus.Settled || status == BatchStatus.Refunded;
            require(windfall == (status == BatchStatus.Final ? 1 : refunded ? 2 : 0), "E1");
        }
    }

    /// @notice F8: every getter answers, whatever the state.
    function invariant_F8_views() external view {
        callViews();
    }

    /// @notice G1: the operator that is right and answers in time loses nothing, neither stake nor reserve.
    function invariant_G1_honest_operator() external view {
        address operator = handler.operatorAt(0);
        OperatorState memory state = _stateOf(0);
        require(handler.fined(operator) == 0 && state.faults == 0 && state.jailedUntil == 0, "G1");
        uint256 there = handler.paidOut(operator) + state.stake + state.reserve;
        require(handler.paidIn(operator) == there, "G1: it lost something");
    }

    /// @notice G2: nothing wrong is ever final, as one watcher acts in time.
    function invariant_G2_wrong_is_never_final() external view {
        (uint256 tabs,,) = handler.sizes();
        for (uint256 i = 0; i < tabs; i++) {
            require(handler.tabOf(i).fault == Fault.None || _statusOf(i) != BatchStatus.Final, "G2");
        }
    }

    /// @notice G3: and the watcher loses nothing by it.
    function invariant_G3_watcher() external view {
        (, uint256 fights,) = handler.sizes();
        address watcher = handler.challengerAt(0);
        uint256 wealth = _held(watcher) + handler.escrow().freeBalanceOf(watcher);
        for (uint256 f = 0; f < fights; f++) {
            if (handler.fightOf(f).honest) wealth += _heldBondOf(f);
        }
        require(wealth >= WEALTH, "G3: the watcher is poorer");
    }

    /// @notice That the handlers get everywhere: fixed walks through the town.
    function test_every_outcome_is_reached() external {
        bytes4[] memory selectors = actions();
        string[33] memory outcomes = [
            "commit",
            "commit, refused",
            "finalize",
            "finalize, refused",
            "settle",
            "settle, refused",
            "refund",
            "publish",
            "record",
            "distribute",
            "sweep burned",
            "challenge",
            "open",
            "demand",
            "reveal",
            "reveal, refused",
            "prove, refused",
            "timeout of a challenger",
            "timeout of an operator",
            "close",
            "a watcher wins",
            "an accomplice wins",
            "a bond is lost",
            "claim",
            "answer a claim",
            "punish",
            "withdraw stake",
            "withdraw reserve",
            "add a set",
            "add a set, refused",
            "quarantine",
            "confirm a quarantine",
            "deprecate"
        ];
        bool[33] memory reached;
        for (uint256 walk = 0; walk < 16; walk++) {
            handler = new Handler();
            for (uint256 n = 0; n < 250; n++) {
                bytes32 random = keccak256(abi.encode(walk, n));
                bytes4 selector = selectors[uint256(random) % selectors.length];
                (bool ok, bytes memory result) =
                    address(handler).call(abi.encodeWithSelector(selector, keccak256(abi.encode(random))));
                if (!ok) {
                    assembly ("memory-safe") {
                        revert(add(result, 0x20), mload(result))
                    }
                }
            }
            for (uint256 k = 0; k < outcomes.length; k++) {
                if (handler.done(outcomes[k]) != 0) reached[k] = true;
            }
            this.afterInvariant();
        }
        for (uint256 k = 0; k < outcomes.length; k++) {
            require(reached[k], string.concat("never happened: ", outcomes[k]));
        }
    }
}
