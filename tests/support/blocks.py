"""Several transactions in one block, in a given order."""

from __future__ import annotations

from typing import Any

from tests.support.chain import GAS, Chain, Method, Revert, Tx, address_of

_PRIORITY_STEP = 10**9


def one_block(
    chain: Chain, *calls: tuple[Method, tuple[Any, ...], Any], at: int | None = None
) -> list[Tx | Revert]:
    """Mines the calls `(method, args, sender)` in one block, in this order.

    Args:
        chain: where.
        *calls: what; a sender of several sends them in order.
        at: time of the block.

    Returns:
        for each call its transaction, or why it reverted.
    """
    # A fresh chain would put the next block a second later: that is the rule here too.
    chain.rpc("evm_setAutomine", False)
    try:
        hashes = []
        for place, (method, args, sender) in enumerate(calls):
            # Anvil orders by what is paid.
            tip = _PRIORITY_STEP * (len(calls) - place)
            request = {
                "from": address_of(sender),
                "to": method.contract.address,
                "data": method.data(*args),
                "gas": hex(GAS // len(calls)),
                "maxPriorityFeePerGas": hex(tip),
                "maxFeePerGas": hex(tip + 10**12),
            }
            hashes.append(chain.rpc("eth_sendTransaction", request))
        if at is not None:
            chain.rpc("evm_setNextBlockTimestamp", at)
        chain.rpc("evm_mine")
    finally:
        chain.rpc("evm_setAutomine", True)
    receipts = [chain.rpc("eth_getTransactionReceipt", each) for each in hashes]
    assert len({receipt["blockNumber"] for receipt in receipts}) == 1
    assert [int(receipt["transactionIndex"], 16) for receipt in receipts] == list(range(len(calls)))
    return [_outcome(chain, receipt) for receipt in receipts]


def _outcome(chain: Chain, receipt: dict[str, Any]) -> Tx | Revert:
    if int(receipt["status"], 16) != 1:
        trace = chain.rpc("debug_traceTransaction", receipt["transactionHash"], {"tracer": "callTracer"})
        return chain.codec.revert(bytes.fromhex(trace.get("output", "0x")[2:]))
    tx = Tx(
        hash=receipt["transactionHash"],
        gas_used=int(receipt["gasUsed"], 16),
        block_number=int(receipt["blockNumber"], 16),
        timestamp=chain.now,
        logs=tuple(event for log in receipt["logs"] if (event := chain.codec.event(log))),
    )
    for listener in chain.listeners:
        listener(tx)
    return tx
