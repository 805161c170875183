"""`make devnet`: contracts, the digits model, an operator and a watcher on a local chain, until Ctrl-C.

Writes `.build/devnet.json`: what somebody who wants to use it has to know. The keys are those of Anvil, which
everybody knows.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Final

from onus.operator import CommitPolicy, Offer
from onus.protocol import OnusError
from scripts.anvil import Anvil, AnvilError
from scripts.build import ROOT, BuildError, load
from scripts.demo.world import DOLLAR, World

__all__ = ["describe", "run"]

OUTPUT: Final = ROOT / ".build" / "devnet.json"
OPERATOR: Final = "operator A"
PAYER: Final = "payer 1"
OFFER_FEE: Final = DOLLAR // 100
OFFER_STAKE: Final = 10 * DOLLAR


def describe(world: World, manifest: Path) -> dict[str, str]:
    """What a payer needs: endpoint, manifest, model, whom to ask, and a key with money."""
    payer = next(each for each in world.chain.accounts if each.address == world.address(PAYER))
    return {
        "rpc": world.chain.url,
        "manifest": str(manifest),
        "modelId": "0x" + world.model_id.hex(),
        "operator": world.address(OPERATOR),
        "payerKey": payer.key,
    }


def run(stop: threading.Event, *, output: Path = OUTPUT) -> None:
    """Starts everything, writes `output`, and stops everything when `stop` is set.

    Raises:
        OnusError: something did not start.
        AnvilError: the chain did not start.
        BuildError: the contracts do not compile.
    """
    with tempfile.TemporaryDirectory(prefix="onus-devnet-") as folder, Anvil.start() as chain:
        world = World.deploy(chain, Path(folder), load(), say=print)
        try:
            for name in (OPERATOR, PAYER, "watcher"):
                world.mint(name, 100_000 * DOLLAR)
            model_id = world.register_model(royalty_bps=1_000)
            world.start_operator(
                OPERATOR,
                stake=10_000 * DOLLAR,
                offer=Offer(model_id=model_id, fee=OFFER_FEE, stake=OFFER_STAKE),
                policy=CommitPolicy(max_receipts=256),
            )
            world.clients["watcher"].escrow.deposit(1_000 * DOLLAR)
            world.watcher().start()
            facts = describe(world, Path(folder) / "deployments" / "31337.json")
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf8")
            print(f"running at {chain.url}; wrote {output.name}; Ctrl-C stops it", flush=True)
            stop.wait()
        finally:
            output.unlink(missing_ok=True)
            world.close()


def main() -> int:
    """Runs until SIGINT or SIGTERM."""
    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    try:
        run(stop)
    except (OnusError, AnvilError, BuildError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
