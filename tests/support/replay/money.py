"""Folds events about operators and accounts, one method each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onus.protocol.ids import BURNED, account_of

if TYPE_CHECKING:
    from tests.support.chain import Event
    from tests.support.replay.state import State

ZERO = "0x" + "00" * 20


class MoneyFolds:
    """Operators and Escrow."""

    state: State

    # ---- Operators ----------------------------------------------------------------------------------------

    def on_OperatorRegistered(self, e: Event) -> None:
        names = ("stake", "locked", "nextSequence", "unbonding", "reserve", "jailedUntil", "faults")
        self.state.operators[e.operator] = dict.fromkeys(names, 0) | {
            "registered": True,
            "reserveLeaving": False,
            "exitAt": 0,
            "reserveExitAt": 0,
        }
        self.state.signers[e.operator] = [(e.signer, e.at)]
        self.state.endpoints[e.operator] = e.endpoint

    def on_EndpointChanged(self, e: Event) -> None:
        self.state.endpoints[e.operator] = e.endpoint

    def on_SignerChanged(self, e: Event) -> None:
        self.state.signers[e.operator].append((e.signer, e.validFrom))

    def on_Staked(self, e: Event) -> None:
        self.state.operators[e.operator]["stake"] += e.amount

    def on_UnbondRequested(self, e: Event) -> None:
        op = self.state.operators[e.operator]
        op["unbonding"] += e.amount
        op["exitAt"] = e.exitAt

    def on_UnbondCancelled(self, e: Event) -> None:
        self.state.operators[e.operator] |= {"unbonding": 0, "exitAt": 0}

    def on_Withdrawn(self, e: Event) -> None:
        op = self.state.operators[e.operator]
        op["stake"] -= e.amount
        op["unbonding"] -= e.amount
        if op["unbonding"] == 0:
            op["exitAt"] = 0

    def on_ReserveFunded(self, e: Event) -> None:
        self.state.operators[e.operator]["reserve"] += e.amount

    def on_ReserveExitRequested(self, e: Event) -> None:
        self.state.operators[e.operator] |= {"reserveLeaving": True, "reserveExitAt": e.exitAt}

    def on_ReserveExitCancelled(self, e: Event) -> None:
        self.state.operators[e.operator] |= {"reserveLeaving": False, "reserveExitAt": 0}

    def on_ReserveWithdrawn(self, e: Event) -> None:
        self.state.operators[e.operator] |= {"reserveLeaving": False, "reserveExitAt": 0, "reserve": 0}

    def on_Slashed(self, e: Event) -> None:
        op = self.state.operators[e.operator]
        op["stake"] -= e.amount
        op["locked"] -= e.amount
        op["unbonding"] = min(op["unbonding"], op["stake"])
        if op["unbonding"] == 0:
            op["exitAt"] = 0
        op["faults"] = min(255, op["faults"] + 1)
        op["jailedUntil"] = e.jailedUntil

    def on_ReserveSlashed(self, e: Event) -> None:
        op = self.state.operators[e.operator]
        assert e.taken == min(e.asked, op["reserve"])
        op["reserve"] -= e.taken

    def on_Restored(self, e: Event) -> None:
        op = self.state.operators[e.operator]
        assert e.faults == op["faults"] - 1
        op["stake"] += e.amount
        op |= {"faults": e.faults, "jailedUntil": e.jailedUntil}

    # ---- Escrow -------------------------------------------------------------------------------------------

    def on_Deposited(self, e: Event) -> None:
        self.state.balances[account_of(e.to)] += e.amount

    def on_FreeWithdrawn(self, e: Event) -> None:
        self.state.balances[account_of(e.owner)] -= e.amount

    def on_Reserved(self, e: Event) -> None:
        self.state.balances[account_of(e.payer)] -= e.amount
        reservation = self.state.reservation(e.payer, e.operator)
        reservation["thawing"] = min(reservation["thawing"], reservation["reserved"])
        reservation["reserved"] += e.amount

    def on_ReleaseRequested(self, e: Event) -> None:
        reservation = self.state.reservation(e.payer, e.operator)
        reservation["thawing"] += e.amount
        reservation["thawsAt"] = e.thawsAt

    def on_ReleaseCancelled(self, e: Event) -> None:
        self.state.reservation(e.payer, e.operator).update(thawing=0, thawsAt=0)

    def on_Released(self, e: Event) -> None:
        reservation = self.state.reservation(e.payer, e.operator)
        reservation["reserved"] -= e.amount
        reservation.update(thawing=0, thawsAt=0)
        self.state.balances[account_of(e.payer)] += e.amount

    def on_VoucherKeySet(self, e: Event) -> None:
        key, from_time, following = self.state.voucher_keys.get(e.payer, (ZERO, 0, ZERO))
        present = following if from_time and e.at >= from_time else key
        waits = e.validFrom > e.at
        self.state.voucher_keys[e.payer] = (present, e.validFrom, e.key) if waits else (e.key, 0, ZERO)

    def on_Held(self, e: Event) -> None:
        self.state.balances[account_of(e.from_)] -= e.amount

    def on_Credited(self, e: Event) -> None:
        self.state.balances[e.account] += e.amount

    def on_Distributed(self, e: Event) -> None:
        self.state.balances[e.from_] -= e.amount

    def on_BurnedSwept(self, e: Event) -> None:
        self.state.balances[BURNED] -= e.amount
