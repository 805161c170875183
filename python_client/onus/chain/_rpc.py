"""JSON-RPC with typed errors: the one place that talks to an endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import requests
from eth_typing import URI
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception
from web3.providers.rpc.utils import ExceptionRetryConfiguration
from web3.types import RPCEndpoint

from onus.chain._errors import EndpointFailed, EndpointUnreachable
from onus.protocol import Address, InvalidField, to_address

__all__ = ["LATEST", "Block", "BlockTag", "RawLog", "Rpc", "TransactionReceipt"]

BlockTag: TypeAlias = int | Literal["latest", "pending", "safe", "finalized", "earliest"]
LATEST: Final = "latest"


@dataclass(frozen=True, slots=True)
class Block:
    """What is used of a block header."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    base_fee: int


@dataclass(frozen=True, slots=True)
class RawLog:
    """An event before it is decoded."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: str
    log_index: int


@dataclass(frozen=True, slots=True)
class TransactionReceipt:
    """What a mined transaction left."""

    hash: str
    succeeded: bool
    block_number: int
    block_hash: bytes
    gas_used: int
    effective_gas_price: int
    contract_address: Address | None
    logs: tuple[RawLog, ...]


class Rpc:
    """An endpoint.

    Safe to share between threads.

    Args:
        endpoint: URL, or a `Web3` whose provider is used.
        timeout_seconds: of one HTTP request, for a URL.
    """

    def __init__(self, endpoint: str | Web3, *, timeout_seconds: float = 20) -> None:
        if isinstance(endpoint, Web3):
            self.web3 = endpoint
        else:
            retry = ExceptionRetryConfiguration(
                errors=(ConnectionError, requests.HTTPError, requests.Timeout), retries=2, backoff_factor=0.2
            )
            kwargs = {"timeout": timeout_seconds}
            self.web3 = Web3(HTTPProvider(URI(endpoint), kwargs, exception_retry_configuration=retry))

    def request(self, method: str, *params: Any) -> Any:
        """One call; the ``result`` of the answer.

        Raises:
            EndpointUnreachable: no answer.
            EndpointFailed: an error, or an answer that is none.
        """
        result, error = self._ask(method, params)
        if error is not None:
            message, code = _describe(error)
            raise EndpointFailed(method, message, code=code)
        return result

    def call(
        self, to: Address, data: bytes, *, sender: Address | None = None, block: BlockTag = LATEST
    ) -> bytes:
        """``eth_call``.

        Raises:
            ContractReverted: a typed subclass, see `onus.chain.errors`.
            EndpointError: no answer, or none that makes sense.
        """
        return self._execute("eth_call", _transaction(to, data, sender), block_tag(block))

    def estimate_gas(self, to: Address | None, data: bytes, *, sender: Address) -> int:
        """``eth_estimateGas``; raises like `call`."""
        result, error = self._ask("eth_estimateGas", (_transaction(to, data, sender),))
        if error is not None:
            raise self._refusal("eth_estimateGas", error)
        return self._quantity("eth_estimateGas", result)

    def _execute(self, method: str, *params: Any) -> bytes:
        result, error = self._ask(method, params)
        if error is not None:
            raise self._refusal(method, error)
        return self._parse(method, result, _bytes)

    def _refusal(self, method: str, error: Any) -> Exception:
        from onus.chain.errors import decode_revert

        message, code = _describe(error)
        data = error.get("data") if isinstance(error, dict) else None
        # Nodes differ in where they put it: the text itself, or in an object with "data" or "result".
        if isinstance(data, dict):
            data = next(
                (data[key] for key in ("data", "result", "output") if isinstance(data.get(key), str)), None
            )
        if isinstance(data, str):
            # Some put words in front of it.
            start = data.find("0x")
            try:
                return decode_revert(bytes.fromhex(data[start + 2 :]) if start >= 0 else b"", message=message)
            except ValueError:
                pass
        if code == 3 or "revert" in message.lower():
            return decode_revert(b"", message=message)
        return EndpointFailed(method, message, code=code)

    @property
    def chain_id(self) -> int:
        """Of the chain that the endpoint serves."""
        return self._quantity("eth_chainId", self.request("eth_chainId"))

    def block(self, tag: BlockTag = LATEST) -> Block:
        """A block's header."""
        raw = self.request("eth_getBlockByNumber", block_tag(tag), False)
        return self._parse("eth_getBlockByNumber", raw, _block)

    def nonce(self, account: Address, tag: BlockTag = LATEST) -> int:
        """Number of transactions of an account."""
        method = "eth_getTransactionCount"
        return self._quantity(method, self.request(method, account, block_tag(tag)))

    def balance(self, account: Address, tag: BlockTag = LATEST) -> int:
        """Of an account, in wei."""
        return self._quantity("eth_getBalance", self.request("eth_getBalance", account, block_tag(tag)))

    def code(self, account: Address, tag: BlockTag = LATEST) -> bytes:
        """Of a contract; empty if there is none."""
        return self._parse("eth_getCode", self.request("eth_getCode", account, block_tag(tag)), _bytes)

    def priority_fee(self) -> int:
        """What the endpoint suggests as a tip, in wei per gas."""
        try:
            return self._quantity("eth_maxPriorityFeePerGas", self.request("eth_maxPriorityFeePerGas"))
        except EndpointFailed:
            return 1_000_000

    def send_raw(self, raw: bytes) -> str:
        """``eth_sendRawTransaction``; the hash."""
        return str(self.request("eth_sendRawTransaction", "0x" + raw.hex()))

    def receipt(self, hash: str) -> TransactionReceipt | None:
        """Of a mined transaction; None if it is not mined."""
        raw = self.request("eth_getTransactionReceipt", hash)
        return None if raw is None else self._parse("eth_getTransactionReceipt", raw, _receipt)

    def knows_transaction(self, hash: str) -> bool:
        """Whether the endpoint has it, mined or waiting."""
        return self.request("eth_getTransactionByHash", hash) is not None

    def logs(
        self,
        *,
        addresses: Sequence[Address],
        topics: Sequence[bytes | None] = (),
        from_block: BlockTag = "earliest",
        to_block: BlockTag = LATEST,
    ) -> list[RawLog]:
        """``eth_getLogs``, in chain order."""
        query = {
            "address": list(addresses),
            "topics": [None if topic is None else "0x" + topic.hex() for topic in topics],
            "fromBlock": block_tag(from_block),
            "toBlock": block_tag(to_block),
        }
        raw = self.request("eth_getLogs", query)
        return self._parse("eth_getLogs", raw, lambda logs: [_log(each) for each in logs])

    def _ask(self, method: str, params: Sequence[Any]) -> tuple[Any, Any]:
        try:
            answer: Any = self.web3.provider.make_request(RPCEndpoint(method), list(params))
        except (requests.exceptions.JSONDecodeError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise EndpointFailed(method, f"not JSON: {error}") from error
        except (requests.RequestException, OSError, TimeoutError) as error:
            raise EndpointUnreachable(f"{method}: {error}") from error
        except Web3Exception as error:
            raise EndpointFailed(method, str(error)) from error
        if not isinstance(answer, dict) or ("result" not in answer and not answer.get("error")):
            raise EndpointFailed(method, f"not an answer: {answer!r:.200}")
        return answer.get("result"), answer.get("error")

    def _quantity(self, method: str, value: Any) -> int:
        return int(self._parse(method, value, _int))

    @staticmethod
    def _parse(method: str, value: Any, parse: Callable[[Any], Any]) -> Any:
        try:
            return parse(value)
        except (KeyError, TypeError, ValueError, AttributeError, InvalidField) as error:
            raise EndpointFailed(method, f"cannot read {value!r:.200}") from error


def block_tag(block: BlockTag) -> str:
    """A block as JSON-RPC takes it."""
    return hex(block) if isinstance(block, int) else block


def _transaction(to: Address | None, data: bytes, sender: Address | None) -> dict[str, str]:
    return {
        **({"to": to} if to else {}),
        **({"from": sender} if sender else {}),
        "data": "0x" + data.hex(),
    }


def _describe(error: Any) -> tuple[str, int]:
    if not isinstance(error, dict):
        return str(error), 0
    code = error.get("code")
    return str(error.get("message", "")), code if isinstance(code, int) else 0


def _int(value: Any) -> int:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(value)
    return int(value, 16)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(value)
    return bytes.fromhex(value[2:])


def _word(value: Any) -> bytes:
    data = _bytes(value)
    if len(data) != 32:
        raise ValueError(value)
    return data


def _block(raw: Any) -> Block:
    return Block(
        number=_int(raw["number"]),
        hash=_word(raw["hash"]),
        parent=_word(raw["parentHash"]),
        timestamp=_int(raw["timestamp"]),
        base_fee=_int(raw.get("baseFeePerGas") or "0x0"),
    )


def _log(raw: Any) -> RawLog:
    return RawLog(
        address=to_address(raw["address"]),
        topics=tuple(_word(topic) for topic in raw["topics"]),
        data=_bytes(raw["data"]),
        block_number=_int(raw["blockNumber"]),
        block_hash=_word(raw["blockHash"]),
        transaction_hash=str(raw["transactionHash"]),
        log_index=_int(raw["logIndex"]),
    )


def _receipt(raw: Any) -> TransactionReceipt:
    return TransactionReceipt(
        hash=raw["transactionHash"],
        succeeded=_int(raw["status"]) == 1,
        block_number=_int(raw["blockNumber"]),
        block_hash=_word(raw["blockHash"]),
        gas_used=_int(raw["gasUsed"]),
        effective_gas_price=_int(raw.get("effectiveGasPrice") or "0x0"),
        contract_address=to_address(raw["contractAddress"]) if raw.get("contractAddress") else None,
        logs=tuple(_log(each) for each in raw["logs"]),
    )
