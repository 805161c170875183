"""The six steps.

Everything goes the way it goes in earnest: real HTTP between payers, operators and watcher, real
transactions, a database for each node. Only time is short: the local parameter set has windows of seconds,
and once nobody has anything to do but wait, the chain's clock is moved forward.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from onus.inference import Inference, Session
from onus.operator import CommitPolicy, Offer
from onus.protocol import BatchStatus
from onus.store import BatchStage, ChallengeStage, ReceiptStage, SeenStage, StoredChallenge, VerdictKind
from onus.trace import Alteration
from onus.watcher import Sampling, Watcher
from scripts.anvil import Anvil
from scripts.build import load
from scripts.demo.books import Standing, accounts
from scripts.demo.dishonest import DishonestExecutor, alter_hidden, report_another_class
from scripts.demo.show import Show
from scripts.demo.world import DOLLAR, OPERATORS, PAYERS, WITHHOLDER, World, heldout, in_parallel

__all__ = ["Asked", "DemoFailed", "Options", "Story", "play"]

FEE: Final = DOLLAR // 100
STAKE: Final = 10 * DOLLAR
OPERATOR_STAKE: Final = 10_000 * DOLLAR
DEPOSIT: Final = 20 * DOLLAR
RESERVATION: Final = 5 * DOLLAR
WATCHER_DEPOSIT: Final = 100 * DOLLAR
ROYALTY_BPS: Final = 1_000
CHEAT: Final = "operator C"
HIDDEN_SLOT: Final = 2
HIDDEN_ELEMENT: Final = 517


class DemoFailed(Exception):
    """Something that should have happened did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What can be chosen.

    Attributes:
        images: held-out images that are served.
        batch: receipts of a batch.
        threads: requests under way at a time.
    """

    images: int = 300
    batch: int = 25
    threads: int = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """One image: who asked whom, and what came back."""

    image: int
    payer: str
    operator: str
    inference: Inference


@dataclass(slots=True)
class Story:
    """What happened, as far as the program itself knows; `scripts.demo.books` asks the chain."""

    options: Options
    asked: list[Asked] = field(default_factory=list)
    altered: dict[int, Alteration] = field(default_factory=dict)
    withheld: Asked | None = None
    before: dict[str, Standing] = field(default_factory=dict)
    challenges: list[StoredChallenge] = field(default_factory=list)
    seconds: dict[int, float] = field(default_factory=dict)


def play(
    options: Options, show: Show, *, books: Callable[[World, Story], dict[str, object]]
) -> dict[str, object]:
    """Runs everything, and leaves nothing behind.

    Args:
        options: what was chosen.
        show: progress.
        books: makes the report from the world as it is at the end.

    Raises:
        DemoFailed: something did not happen that should have.
        OnusError: something went wrong.
    """
    with tempfile.TemporaryDirectory(prefix="onus-demo-") as folder, Anvil.start() as chain:
        story = Story(options)
        world: World | None = None
        try:
            with _Timed(story, show, 1):
                world = _deploy(chain, Path(folder), show)
            with _Timed(story, show, 2):
                _register(world, show)
            with _Timed(story, show, 3):
                _serve(world, story, show)
            with _Timed(story, show, 4):
                watcher = _watch(world, story, show)
            with _Timed(story, show, 5):
                _finish(world, story, watcher, show)
            with _Timed(story, show, 6):
                return books(world, story)
        finally:
            if world is not None:
                world.close()


class _Timed:
    def __init__(self, story: Story, show: Show, number: int) -> None:
        self._story, self._number = story, number
        show.step(number)

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._story.seconds[self._number] = round(time.monotonic() - self._began, 2)


def _until(done: Callable[[], bool], *, seconds: float, what: str) -> None:
    ends = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends:
            raise DemoFailed(f"{what}: not within {seconds:g} seconds")
        time.sleep(0.05)


# ---- 1 and 2 ----------------------------------------------------------------------------------------------


def _deploy(chain: Anvil, folder: Path, show: Show) -> World:
    artifacts = load()
    world = World.deploy(chain, folder, artifacts, say=lambda _: None)
    for name, contract in world.manifest.contracts.items():
        show.say(f"{name:<14}{contract.address}")
    show.say(
        f"chain {world.manifest.chain_id} at {chain.url}; code, wiring and roles verified, manifest written"
    )
    return world


def _register(world: World, show: Show) -> None:
    model_id = world.register_model(royalty_bps=ROYALTY_BPS)
    manifest = world.library().secure(model_id, models=world.reader.models).program.manifest
    commitment = manifest.commitment
    show.say(f"digits.tosa is model 0x{model_id.hex()}")
    show.say(
        f"{commitment.entries} operators, {commitment.slots} tensors committed ({manifest.trace_bytes:,} B), "
        f"royalty {ROYALTY_BPS / 100:g} %; recompiled from its file to the registered roots"
    )


# ---- 3 ----------------------------------------------------------------------------------------------------


def _serve(world: World, story: Story, show: Show) -> None:
    executor = _plan_cheating(world, story)
    withheld = _alter_last(world)
    offer = Offer(model_id=world.model_id, fee=FEE, stake=STAKE)
    policy = CommitPolicy(max_receipts=story.options.batch)
    amount = OPERATOR_STAKE + world.manifest.first_params.reserve
    for name in (*OPERATORS, WITHHOLDER):
        world.mint(name, amount)
    for name in PAYERS:
        world.mint(name, DEPOSIT)
    world.mint("watcher", WATCHER_DEPOSIT)
    world.clients["watcher"].escrow.deposit(WATCHER_DEPOSIT)
    in_parallel(
        {
            name: lambda name=name: world.start_operator(  # type: ignore[misc]
                name,
                stake=OPERATOR_STAKE,
                offer=offer,
                policy=policy,
                executor={CHEAT: executor, WITHHOLDER: withheld}.get(name),
            )
            for name in (*OPERATORS, WITHHOLDER)
        }
    )
    for name in PAYERS:
        escrow = world.clients[name].escrow
        escrow.deposit(DEPOSIT)
        for operator in (*OPERATORS, WITHHOLDER):
            escrow.reserve(world.address(operator), RESERVATION)
    show.say(
        f"4 operators stake {OPERATOR_STAKE // DOLLAR:,} oUSD each, 2 payers reserve for them; "
        f"{FEE / DOLLAR:g} a request, {STAKE // DOLLAR} of stake behind each"
    )
    story.before = accounts(world)
    _ask_all(world, story, show)
    _ask_withholder(world, story, show)
    _until(
        lambda: all(
            node.store.count(ReceiptStage.SERVED, ReceiptStage.BATCHED) == 0 for node in world.nodes.values()
        ),
        seconds=20,
        what="commits",
    )
    batches = {name: node.store.batches(BatchStage.COMMITTED) for name, node in world.nodes.items()}
    counts = ", ".join(
        f"{name} {[batch.header.count for batch in committed]}" for name, committed in batches.items()
    )
    show.say(f"committed: {counts}")


def _plan_cheating(world: World, story: Story) -> DishonestExecutor:
    """Operator C cheats on an image of one of its first batches, and on one of its last."""
    inputs, _ = heldout()
    mine = [image for image in range(story.options.images) if _operator_of(image) == CHEAT]
    first, second = len(mine) // 3, len(mine) - len(mine) // 10 - 1
    # Requests under way may overtake one another.
    if second - first < story.options.batch + story.options.threads // len(OPERATORS) + 1:
        raise DemoFailed("the cheat needs two batches: more images, or smaller batches")
    hidden, reported = mine[first], mine[second]
    model = world.library().secure(world.model_id, models=world.reader.models)
    story.altered = {
        hidden: alter_hidden(model, inputs[hidden].tobytes(), slot=HIDDEN_SLOT, element=HIDDEN_ELEMENT),
        reported: report_another_class(model, inputs[reported].tobytes()),
    }
    return DishonestExecutor({inputs[image].tobytes(): how for image, how in story.altered.items()})


def _alter_last(world: World) -> DishonestExecutor:
    """Operator D alters a hidden element of the only answer that it gives."""
    model = world.library().secure(world.model_id, models=world.reader.models)
    data = heldout()[0][-1].tobytes()
    return DishonestExecutor({data: alter_hidden(model, data, slot=HIDDEN_SLOT, element=HIDDEN_ELEMENT)})


def _operator_of(image: int) -> str:
    return OPERATORS[image % len(OPERATORS)]


def _payer_of(image: int) -> str:
    return PAYERS[image // len(OPERATORS) % len(PAYERS)]


def _ask_all(world: World, story: Story, show: Show) -> None:
    inputs, _ = heldout()
    sessions = {
        (payer, operator): Session(world.clients[payer], world.address(operator))
        for payer in PAYERS
        for operator in OPERATORS
    }

    def ask(image: int) -> Asked:
        payer, operator = _payer_of(image), _operator_of(image)
        inference = sessions[payer, operator].infer(
            world.model_id, [inputs[image].tobytes()], max_fee=FEE, min_stake=STAKE
        )
        return Asked(image, payer, operator, inference)

    images = range(story.options.images)
    try:
        with (
            ThreadPoolExecutor(story.options.threads) as pool,
            show.track("inferences over HTTP", len(images)) as advance,
        ):
            for asked in pool.map(ask, images):
                story.asked.append(asked)
                advance()
    finally:
        for session in sessions.values():
            session.close()


def _ask_withholder(world: World, story: Story, show: Show) -> None:
    """Operator D answers, commits, and is not to be reached any more."""
    payer = PAYERS[0]
    data = heldout()[0][-1].tobytes()
    with Session(world.clients[payer], world.address(WITHHOLDER)) as session:
        inference = session.infer(world.model_id, [data], max_fee=FEE, min_stake=STAKE)
    story.withheld = Asked(-1, payer, WITHHOLDER, inference)
    world.nodes[WITHHOLDER].flush()
    world.clients[WITHHOLDER].operators.set_endpoint("http://127.0.0.1:9")
    show.say(f"{WITHHOLDER} commits an answer, and serves nobody the data of it")


# ---- 4 ----------------------------------------------------------------------------------------------------


def _watch(world: World, story: Story, show: Show) -> Watcher:
    # Of what is withheld, one leaf is looked into at once; its bond is all that is risked.
    watcher = world.watcher(sampling=Sampling(bonds=1, wait_bps=0))
    ends = time.monotonic() + 60
    told: set[bytes] = set()
    sealed: set[bytes] = set()
    while not _all_convicted(watcher):
        if time.monotonic() > ends:
            raise DemoFailed("the watcher did not convict what it found within 60 seconds")
        report = watcher.step()
        if any(batch.stage is not SeenStage.WITHHELD for batch in report.examined):
            _tell_examined(watcher, show)
        for challenge in report.moved:
            if challenge.stage is ChallengeStage.SEALED and challenge.challenge_id not in sealed:
                sealed.add(challenge.challenge_id)
                place = f"leaf {challenge.opening.leaf_index} of batch 0x{challenge.batch_id.hex()[:8]}…"
                show.say(f"challenged {place}")
            if challenge.stage is ChallengeStage.WON and challenge.challenge_id not in told:
                told.add(challenge.challenge_id)
                show.say(f"proved on chain: {challenge.note}")
        if report.is_idle and not watcher.store.challenges():
            raise DemoFailed("the watcher found nothing wrong")
        if any(challenge.stage is ChallengeStage.LOST for challenge in report.moved):
            raise DemoFailed("the watcher lost a challenge: what it looked into was right")
        if report.is_idle:
            time.sleep(0.1)
    story.challenges = watcher.store.challenges()
    (sample,) = [challenge for challenge in story.challenges if challenge.sampled]
    demanded = world.reader.disputes.Demanded.logs(
        from_block=world.manifest.first_block, batch_id=sample.batch_id
    )
    what = ", ".join(each.event.position.kind.name.lower().replace("_", " ") for each in demanded)
    show.say(f"{WITHHOLDER} was made to reveal on chain: {what}")
    state = world.reader.operators.state_of(world.address(CHEAT))
    show.say(f"{CHEAT}: {state.faults} faults, slashed and jailed until {state.jailed_until}")
    return watcher


def _all_convicted(watcher: Watcher) -> bool:
    batches = watcher.store.batches()
    challenges = watcher.store.challenges()
    examined = bool(batches) and not any(batch.stage is SeenStage.SEEN for batch in batches)
    # Those that were proved first may be settled before the last one is revealed.
    convicted = (ChallengeStage.WON, ChallengeStage.SETTLED)
    return examined and bool(challenges) and all(each.stage in convicted for each in challenges)


def _tell_examined(watcher: Watcher, show: Show) -> None:
    batches = watcher.store.batches()
    verdicts = [verdict for batch in batches for verdict in watcher.store.verdicts(batch.batch_id)]
    wrong = sum(verdict.kind is not VerdictKind.RIGHT for verdict in verdicts)
    show.say(f"executed {len(verdicts)} inferences of {len(batches)} batches again: {wrong} are wrong")


# ---- 5 ----------------------------------------------------------------------------------------------------


def _finish(world: World, story: Story, watcher: Watcher, show: Show) -> None:
    settlement = world.reader.settlement
    params = world.manifest.first_params
    ended = max(settlement.batch_of(each.batch_id).ended_at for each in story.challenges)
    jumped = world.jump(ended + params.earning_delay)
    show.say(f"moved the clock {jumped} s forward: the pots of the faulty batches open")
    _until(lambda: _is_settled(watcher), seconds=20, what="settling the faulty batches")

    committed = [
        batch
        for node in world.nodes.values()
        for batch in node.store.batches(BatchStage.COMMITTED, BatchStage.FINAL)
    ]
    last = max(batch.window_ends_at for batch in committed)
    jumped = world.jump(last)
    show.say(f"moved the clock {jumped} s forward: the challenge windows are over")
    _until(
        lambda: all(settlement.batch_of(batch.batch_id).status.is_decided for batch in committed),
        seconds=20,
        what="finality",
    )
    final = sum(settlement.batch_of(batch.batch_id).status is BatchStatus.FINAL for batch in committed)
    royalty = world.clients["provider"].settlement.distribute(world.model_id).value
    burned = world.reader.escrow.sweep_burned().value
    show.say(
        f"{final} batches are final, operators paid; royalties {royalty / DOLLAR:g} oUSD; "
        f"{burned / DOLLAR:g} oUSD burned"
    )


def _is_settled(watcher: Watcher) -> bool:
    watcher.step()
    return all(each.stage is ChallengeStage.SETTLED for each in watcher.store.challenges())
