"""The sender: every way a transaction can go wrong, and never two calls with one nonce."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from onus.chain import LocalSigner, Manifest, Rpc, Sender, create_address
from onus.chain.contracts import Operators, Token
from onus.chain.errors import (
    EndpointFailed,
    EndpointUnreachable,
    FeeTooHigh,
    GasTooHigh,
    InsufficientFunds,
    NonceTaken,
    NotConfirmed,
    OperatorsAlreadyRegistered,
    TransactionRejected,
)
from onus.protocol import Address
from tests.client.conftest import UNIT, Chain, key

GWEI = 10**9


class Clock:
    """Time that passes only when somebody sleeps; `then` happens at the first sleep after a moment."""

    def __init__(self) -> None:
        self.now = 0.0
        self.plans: list[tuple[float, Callable[[], Any]]] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        due = [plan for plan in self.plans if plan[0] <= self.now]
        self.plans = [plan for plan in self.plans if plan[0] > self.now]
        for _, act in due:
            act()

    def at(self, seconds: float, act: Callable[[], Any]) -> None:
        self.plans.append((seconds, act))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def token(chain: Chain, manifest: Manifest) -> Token:
    return Token(chain.rpc, manifest.token.address)


@pytest.fixture
def operators(chain: Chain, manifest: Manifest) -> Operators:
    return Operators(chain.rpc, manifest.address("Operators"))


def sender_of(rpc: Rpc, name: str, clock: Clock, **options: Any) -> Sender:
    fields = {"timeout_seconds": 30, "bump_seconds": 10, "clock": clock, "sleep": clock.sleep}
    return Sender(rpc, key(name), **fields | options)


def stranger() -> Address:
    return key("stranger").address


# ---- Refused before money is spent -----------------------------------------------------------------------


def test_send__refused_in_the_dry_run__typed_and_nothing_sent(
    chain: Chain, operators: Operators, clock: Clock
) -> None:
    sender = sender_of(chain.rpc, "operator", clock)
    mined = sender.send(operators.register("http://operator", signer=key("signer").address))
    assert mined.receipt.succeeded
    nonce = chain.rpc.nonce(sender.address)
    with pytest.raises(OperatorsAlreadyRegistered) as refused:
        sender.send(operators.register("http://operator", signer=key("signer").address))
    assert refused.value.operator == sender.address
    assert refused.value.transaction is None
    assert chain.rpc.nonce(sender.address, "pending") == nonce


def test_send__reverts_only_on_chain__the_same_typed_error_with_its_transaction(
    chain: Chain, operators: Operators, clock: Clock
) -> None:
    sender = sender_of(chain.rpc, "operator", clock)
    chain.automine(False)
    first = sender.submit(operators.register("http://a", signer=key("signer").address))
    second = sender.submit(operators.register("http://b", signer=key("signer").address), gas=500_000)
    assert (second.nonce, chain.waiting()) == (first.nonce + 1, 2)
    chain.mine()
    assert first.wait().receipt.succeeded
    with pytest.raises(OperatorsAlreadyRegistered) as refused:
        second.wait()
    assert refused.value.transaction is not None
    assert refused.value.transaction.hash == second.hashes[0]
    assert operators.endpoint_of(sender.address) == "http://a"


def test_send__account_without_ether__typed_and_the_nonce_is_free(
    chain: Chain, token: Token, clock: Clock
) -> None:
    sender = sender_of(chain.rpc, "poor", clock)
    with pytest.raises(InsufficientFunds):
        sender.send(token.approve(stranger(), value=1))
    with pytest.raises(InsufficientFunds):
        sender.send(token.approve(stranger(), value=1), gas=60_000)
    chain.fund("poor")
    sender.send(token.approve(stranger(), value=1))
    assert chain.rpc.nonce(sender.address) == 1


def test_send__more_gas_than_a_transaction_may_have__typed(chain: Chain, token: Token, clock: Clock) -> None:
    rpc, endpoint = chain.hooked()
    sender = sender_of(rpc, "payer", clock)
    with pytest.raises(GasTooHigh):
        sender.send(token.approve(stranger(), value=1), gas=16_777_217)
    endpoint.hook = lambda method, _, forward: (
        {"result": hex(16_777_217)} if method == "eth_estimateGas" else forward()
    )
    with pytest.raises(GasTooHigh) as refused:
        sender.send(token.approve(stranger(), value=1))
    assert refused.value.needed == 16_777_217
    # Just below: the margin stops at the limit.
    endpoint.hook = lambda method, _, forward: (
        {"result": hex(16_777_215)} if method == "eth_estimateGas" else forward()
    )
    mined = sender.send(token.approve(stranger(), value=1))
    limit = chain.do("eth_getTransactionByHash", mined.hash)["gas"]
    assert int(limit, 16) == 16_777_216
    assert "eth_sendRawTransaction" in endpoint.calls


def test_send__gas_dearer_than_allowed__typed(chain: Chain, token: Token, clock: Clock) -> None:
    sender = sender_of(chain.rpc, "payer", clock, max_fee_per_gas=1)
    with pytest.raises(FeeTooHigh):
        sender.send(token.approve(stranger(), value=1))


def test_send__refused_by_the_endpoint_for_certain__typed_and_the_nonce_is_free(
    chain: Chain, token: Token, clock: Clock
) -> None:
    rpc, endpoint = chain.hooked()
    sender = sender_of(rpc, "payer", clock)
    nonce = sender.pending_nonce()
    endpoint.hook = lambda method, _, forward: (
        {"error": {"code": -32000, "message": "intrinsic gas too low"}}
        if method == "eth_sendRawTransaction"
        else forward()
    )
    with pytest.raises(TransactionRejected, match="intrinsic"):
        sender.send(token.approve(stranger(), value=1))
    endpoint.hook = None
    assert sender.pending_nonce() == nonce
    assert sender.send(token.approve(stranger(), value=1)).receipt.succeeded


# ---- Dropped, underpriced, replaced ----------------------------------------------------------------------


def test_wait__dropped_from_the_pool__sent_again_with_its_nonce(
    chain: Chain, token: Token, clock: Clock
) -> None:
    sender = sender_of(chain.rpc, "payer", clock)
    chain.automine(False)
    pending = sender.submit(token.approve(stranger(), value=7))
    chain.do("anvil_dropTransaction", pending.hashes[0])
    assert chain.waiting() == 0
    clock.at(3, chain.mine)
    mined = pending.wait()
    assert mined.hash == pending.hashes[0]
    assert token.allowance(sender.address, spender=stranger()) == 7


def test_wait__dropped_and_no_money_left__not_confirmed_and_the_nonce_stays_taken(
    chain: Chain, token: Token, clock: Clock
) -> None:
    sender = sender_of(chain.rpc, "payer", clock)
    chain.automine(False)
    pending = sender.submit(token.approve(stranger(), value=7))
    chain.do("anvil_dropTransaction", pending.hashes[0])
    chain.do("anvil_setBalance", sender.address, "0x0")
    with pytest.raises(NotConfirmed, match=r"(?i)insufficient funds"):
        pending.wait()
    chain.fund("payer")
    chain.automine(True)
    # It goes first, with its nonce, as soon as anything is sent.
    sender.send(token.approve(stranger(), value=8))
    assert pending.wait().receipt.succeeded
    assert token.allowance(sender.address, spender=stranger()) == 8


def test_submit__while_an_older_one_was_dropped__the_older_one_goes_first(
    chain: Chain, token: Token, clock: Clock
) -> None:
    sender = sender_of(chain.rpc, "payer", clock)
    chain.automine(False)
    first = sender.submit(token.approve(stranger(), value=1))
    chain.do("anvil_dropTransaction", first.hashes[0])
    second = sender.submit(token.approve(stranger(), value=2))
    assert (second.nonce, chain.waiting()) == (first.nonce + 1, 2)
    chain.mine()
    assert first.wait().block_number == second.wait().block_number
    assert token.allowance(sender.address, spender=stranger()) == 2


def test_wait__priced_too_low__replaced_by_itself_until_it_is_mined(
    chain: Chain, token: Token, clock: Clock
) -> None:
    sender = sender_of(chain.rpc, "payer", clock)
    chain.automine(False)
    pending = sender.submit(token.approve(stranger(), value=7))
    fee = int(chain.do("eth_getTransactionByHash", pending.hashes[0])["maxFeePerGas"], 16)

    def dearer() -> None:
        chain.do("anvil_setNextBlockBaseFeePerGas", hex(fee + 1))
        chain.mine()

    clock.at(1, dearer)
    clock.at(25, chain.mine)
    nonce = pending.nonce
    mined = pending.wait()
    assert len(pending.hashes) > 1
    assert mined.hash in pending.hashes[1:]
    raw = chain.do("eth_getTransactionByHash", mined.hash)
    assert int(raw["nonce"], 16) == nonce
    assert int(raw["maxFeePerGas"], 16) >= fee * 1.1
    assert chain.rpc.nonce(sender.address) == nonce + 1
    assert token.allowance(sender.address, spender=stranger()) == 7


def test_submit__underpriced_at_once__sent_with_more(chain: Chain, token: Token, clock: Clock) -> None:
    rpc, endpoint = chain.hooked()
    refusals = [{"error": {"code": -32000, "message": "transaction underpriced"}}]
    endpoint.hook = lambda method, _, forward: (
        refusals.pop() if method == "eth_sendRawTransaction" and refusals else forward()
    )
    sender = sender_of(rpc, "payer", clock)
    pending = sender.submit(token.approve(stranger(), value=7))
    mined = pending.wait()
    assert len(pending.hashes) == 2
    assert mined.hash == pending.hashes[1]


def test_wait__fees_at_the_cap__waits_with_what_it_has(chain: Chain, token: Token, clock: Clock) -> None:
    base = chain.rpc.block().base_fee
    sender = sender_of(chain.rpc, "payer", clock, max_fee_per_gas=base + 2 * GWEI, timeout_seconds=60)
    chain.automine(False)
    pending = sender.submit(token.approve(stranger(), value=7))
    clock.at(50, chain.mine)
    pending.wait()
    for hash in pending.hashes:
        raw = chain.do("eth_getTransactionByHash", hash)
        assert raw is None or int(raw["maxFeePerGas"], 16) <= base + 2 * GWEI


def test_wait__nonce_used_by_somebody_with_the_same_key__typed(
    chain: Chain, token: Token, clock: Clock
) -> None:
    chain.automine(False)
    sender = sender_of(chain.rpc, "payer", clock)
    pending = sender.submit(token.approve(stranger(), value=7))
    chain.do("anvil_dropTransaction", pending.hashes[0])
    # Another process with the same key knows nothing of it.
    other = sender_of(chain.rpc, "payer", clock)
    stolen = other.submit(token.approve(stranger(), value=8))
    assert stolen.nonce == pending.nonce
    chain.mine()
    stolen.wait()
    with pytest.raises(NonceTaken) as taken:
        pending.wait()
    assert taken.value.nonce == stolen.nonce
    chain.automine(True)
    assert sender.send(token.approve(stranger(), value=9)).receipt.succeeded


# ---- An endpoint that fails ------------------------------------------------------------------------------


def test_send__nobody_listens__typed(clock: Clock, manifest: Manifest) -> None:
    dead = Rpc("http://127.0.0.1:9", timeout_seconds=1)
    with pytest.raises(EndpointUnreachable):
        dead.block()
    sender = sender_of(dead, "payer", clock)
    with pytest.raises(EndpointUnreachable):
        sender.send(Token(dead, manifest.token.address).approve(stranger(), value=1))


def test_send__answer_lost_after_it_was_taken__one_transaction(
    chain: Chain, token: Token, clock: Clock
) -> None:
    rpc, endpoint = chain.hooked()
    lost: list[Any] = []

    def hook(method: str, _: Any, forward: Callable[[], Any]) -> Any:
        if method == "eth_sendRawTransaction" and not lost:
            lost.append(forward())
            raise ConnectionError("cut off")
        return forward()

    endpoint.hook = hook
    sender = sender_of(rpc, "payer", clock)
    nonce = sender.pending_nonce()
    mined = sender.send(token.transfer(stranger(), value=5))
    assert mined.hash == lost[0]["result"]
    assert chain.rpc.nonce(sender.address) == nonce + 1
    assert token.balance_of(stranger()) == 100_000 * UNIT + 5


def test_send__lost_before_it_was_taken__sent_again(chain: Chain, token: Token, clock: Clock) -> None:
    rpc, endpoint = chain.hooked()
    lost: list[int] = []

    def hook(method: str, _: Any, forward: Callable[[], Any]) -> Any:
        if method == "eth_sendRawTransaction" and len(lost) < 3:
            lost.append(1)
            raise ConnectionError("cut off")
        return forward()

    endpoint.hook = hook
    sender = sender_of(rpc, "payer", clock)
    assert sender.send(token.transfer(stranger(), value=5)).receipt.succeeded
    assert len(lost) == 3


def test_wait__endpoint_stops_answering__typed_and_the_wait_can_go_on(
    chain: Chain, token: Token, clock: Clock
) -> None:
    rpc, endpoint = chain.hooked()
    sender = sender_of(rpc, "payer", clock)
    chain.automine(False)
    pending = sender.submit(token.transfer(stranger(), value=5))

    def dead(*_: Any) -> Any:
        raise ConnectionError("refused")

    endpoint.hook = dead
    with pytest.raises(NotConfirmed, match="refused") as given_up:
        pending.wait()
    assert given_up.value.hashes == pending.hashes
    assert given_up.value.nonce == pending.nonce
    with pytest.raises(EndpointUnreachable):
        sender.submit(token.transfer(stranger(), value=6))
    endpoint.hook = None
    chain.mine()
    assert pending.wait().receipt.succeeded
    # The next one does not take the nonce of the one given up.
    chain.automine(True)
    assert sender.send(token.transfer(stranger(), value=6)).receipt.succeeded


def test_wait__never_mined__typed_and_the_next_one_keeps_off_its_nonce(
    chain: Chain, token: Token, clock: Clock
) -> None:
    sender = sender_of(chain.rpc, "payer", clock, bump_seconds=1_000)
    chain.automine(False)
    pending = sender.submit(token.transfer(stranger(), value=5))
    with pytest.raises(NotConfirmed, match="not mined"):
        pending.wait()
    assert sender.pending_nonce() == pending.nonce + 1
    for hash in pending.hashes:
        chain.do("anvil_dropTransaction", hash)
    assert sender.pending_nonce() == pending.nonce + 1


def test_wait__confirmations__as_many_blocks_as_asked(chain: Chain, token: Token, clock: Clock) -> None:
    sender = sender_of(chain.rpc, "payer", clock, confirmations=3)
    pending = sender.submit(token.transfer(stranger(), value=5))
    with pytest.raises(NotConfirmed, match="1 of 3"):
        pending.wait()
    chain.mine()
    with pytest.raises(NotConfirmed, match="2 of 3"):
        pending.wait()
    chain.mine()
    assert pending.wait().receipt.succeeded


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        "text",
        {"result": None},
        {"result": "0xzz"},
        {"result": 5},
        {"result": {"number": 1}},
        {"error": "no"},
        {"error": {"code": "x", "message": None}},
        {"error": {"code": -32603, "message": "internal error", "data": 5}},
    ],
)
def test_rpc__garbage__typed(chain: Chain, token: Token, answer: Any) -> None:
    """G12."""
    rpc, endpoint = chain.hooked()
    endpoint.hook = lambda *_: answer
    asks: list[Callable[[], Any]] = [
        rpc.block,
        lambda: rpc.chain_id,
        lambda: rpc.nonce(stranger()),
        lambda: rpc.balance(stranger()),
        lambda: rpc.code(stranger()),
        lambda: rpc.logs(addresses=[stranger()]),
        lambda: rpc.estimate_gas(stranger(), b"", sender=stranger()),
        lambda: rpc.call(stranger(), b""),
        lambda: Token(rpc, token.address).balance_of(stranger()),
    ]
    for ask in asks:
        with pytest.raises(EndpointFailed):
            ask()


# ---- Threads, addresses, keys ----------------------------------------------------------------------------


def test_send__from_many_threads__each_nonce_once(chain: Chain, token: Token) -> None:
    sender = Sender(chain.rpc, key("payer"), timeout_seconds=60)
    first = sender.pending_nonce()
    found: list[Any] = []

    def work(number: int) -> None:
        for round in range(3):
            try:
                found.append(sender.submit(token.transfer(stranger(), value=1 + number + round)))
            except Exception as error:
                found.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mined = [pending.wait() for pending in found]
    assert sorted(pending.nonce for pending in found) == list(range(first, first + 18))
    assert len({each.hash for each in mined}) == 18
    assert chain.rpc.nonce(sender.address) == first + 18


@pytest.mark.parametrize(
    ("nonce", "address"),
    [
        # web3's own documentation and the yellow paper's rule, by rlp.
        (0, "0xcd234A471b72ba2F1Ccf0A70FCABA648a5eeCD8d"),
        (1, "0x343c43A37D37dfF08AE8C4A11544c718AbB4fCF8"),
        (2, "0xf778B86FA74E846c4f0a1fBd1335FE81c00a0C91"),
        (3, "0xffFd933A0bC612844eaF0C6Fe3E5b8E9B6C1d19c"),
    ],
)
def test_create_address__known_ones(nonce: int, address: str) -> None:
    creator = Address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")  # type: ignore[arg-type]
    assert create_address(creator, nonce) == address


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 2**32])
def test_create_address__any_nonce__by_rlp(nonce: int) -> None:
    import rlp
    from eth_utils import keccak, to_checksum_address

    creator = key("payer").address
    encoded = rlp.encode([bytes.fromhex(creator[2:]), nonce])
    assert create_address(creator, nonce) == to_checksum_address(keccak(encoded)[12:])


def test_signer__shows_nothing_secret(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    from onus.chain.errors import KeystoreUnreadable

    signer = LocalSigner.create()
    secret = signer._account.key.hex()
    path = tmp_path / "key.json"
    signer.save_keystore(path, "password", iterations=2)
    assert path.stat().st_mode & 0o077 == 0
    assert secret not in path.read_text()
    assert LocalSigner.from_keystore(path, "password").address == signer.address
    monkeypatch.setenv("ONUS_KEYSTORE_PASSWORD", "password")
    assert LocalSigner.from_keystore(path).address == signer.address
    with pytest.raises(FileExistsError):
        signer.save_keystore(path, "password")
    for password, where in (("wrong", path), ("password", tmp_path / "none.json")):
        with pytest.raises(KeystoreUnreadable):
            LocalSigner.from_keystore(where, password)
    garbage = tmp_path / "garbage.json"
    for text in ("", "[]", "{}", '{"crypto": 5}', "\0"):
        garbage.write_text(text)
        with pytest.raises(KeystoreUnreadable):
            LocalSigner.from_keystore(garbage, "password")
    with pytest.raises(KeystoreUnreadable) as refused:
        LocalSigner.from_key(secret[:-2])
    assert secret[:-2] not in str(refused.value)
    assert secret not in repr(signer) + str(vars(type(signer)))
    with pytest.raises(TypeError):
        pickle.dumps(signer)
