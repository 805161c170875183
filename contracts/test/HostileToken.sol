// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title HostileToken
/// @notice Every way in which a settlement token can misbehave, by mode; it can also act as an account itself.
/// Never deployed by scripts.
contract HostileToken is ERC20 {
    enum Mode {
        Honest,
        TakesFee, // a tenth of what is moved vanishes
        GivesMore, // one more arrives than was sent
        ReturnsFalse, // and moves nothing
        LiesTrue, // returns true and moves nothing
        ReturnsNothing, // moves, without a return value
        ReturnsBomb, // moves nothing, returns a megabyte
        Reverts,
        CallsBefore, // calls back, then moves
        CallsAfter // moves, then calls back
    }

    error HostileToken_Refused();

    Mode public mode;
    address private target;
    bytes private data;
    bool private called;
    bool private succeeded;
    bytes private answer;

    constructor() ERC20("Hostile", "HOSTILE") {}

    /// @notice Gives `amount` to `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice How it behaves from now on.
    function setMode(Mode mode_) external {
        mode = mode_;
    }

    /// @notice Calls `outer` with `outerData`, and from within the first transfer `target_` with `data_`, as this contract.
    /// @return whether the second call was made, whether it succeeded, and what it returned
    function attack(Mode mode_, address outer, bytes calldata outerData, address target_, bytes calldata data_)
        external
        returns (bool, bool, bytes memory)
    {
        (mode, target, data, called, succeeded) = (mode_, target_, data_, false, false);
        act(outer, outerData);
        mode = Mode.Honest;
        return (called, succeeded, answer);
    }

    /// @notice Calls as this contract: so it can be an operator, a payer, a challenger.
    function act(address to, bytes calldata data_) public {
        (bool success, bytes memory returned) = to.call(data_);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(returned, 0x20), mload(returned))
            }
        }
    }

    /// @inheritdoc ERC20
    function transfer(address to, uint256 amount) public override returns (bool) {
        return _misbehave(msg.sender, to, amount);
    }

    /// @inheritdoc ERC20
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return _misbehave(from, to, amount);
    }

    function _misbehave(address from, address to, uint256 amount) private returns (bool) {
        Mode how = mode;
        if (how == Mode.Reverts) revert HostileToken_Refused();
        if (how == Mode.ReturnsFalse) return false;
        if (how == Mode.LiesTrue) return true;
        if (how == Mode.ReturnsBomb) {
            assembly ("memory-safe") {
                return(0, 0x100000)
            }
        }
        if (how == Mode.CallsBefore) _callBack();
        _transfer(from, to, amount);
        if (how == Mode.CallsAfter) _callBack();
        if (how == Mode.TakesFee) _burn(to, amount / 10 + 1);
        if (how == Mode.GivesMore) _mint(to, 1);
        if (how == Mode.ReturnsNothing) {
            assembly ("memory-safe") {
                return(0, 0)
            }
        }
        return true;
    }

    function _callBack() private {
        if (called) return;
        called = true;
        (succeeded, answer) = target.call(data);
    }
}
