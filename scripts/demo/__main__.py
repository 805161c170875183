"""`make demo`: the whole life of an inference on a local chain, or `make demo ARGS=--json` for machines."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time
from typing import Any, NoReturn

from rich.console import Console

from onus.protocol import OnusError
from scripts.anvil import AnvilError
from scripts.build import BuildError
from scripts.demo import books
from scripts.demo.run import DemoFailed, Options, play
from scripts.demo.show import Show
from scripts.demo.tables import print_tables


def main() -> int:
    """Runs it; 0 only if everything happened."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the report as JSON on stdout, nothing else")
    parser.add_argument("--images", type=int, default=300, help="held-out images to serve (default: 300)")
    parser.add_argument("--batch", type=int, default=25, help="receipts of a batch (default: 25)")
    parser.add_argument("--verbose", action="store_true", help="what the nodes log, on stderr")
    args = parser.parse_args()
    if not 1 <= args.images <= 599 or args.batch < 1:
        parser.error("there are 599 images, and a batch has at least one")
    logging.basicConfig(level=logging.INFO if args.verbose else logging.ERROR, stream=sys.stderr)
    for noisy in ("httpx", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, _terminate)

    console = Console()
    began = time.monotonic()
    try:
        report = play(
            Options(images=args.images, batch=args.batch),
            Show(None if args.json else console),
            books=books.make,
        )
    except (DemoFailed, OnusError, AnvilError, BuildError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    report["seconds"] = round(time.monotonic() - began, 1)
    if args.json:
        print(json.dumps(_amounts_as_text(report), indent=1))
    else:
        print_tables(console, report)
    return 0 if report["ok"] else 1


def _amounts_as_text(report: dict[str, Any]) -> dict[str, Any]:
    """Amounts are wider than a JSON number is exact: decimal text, as everywhere in the protocol's JSON."""

    def text(value: Any) -> Any:
        return {key: text(each) for key, each in value.items()} if isinstance(value, dict) else str(value)

    return report | {key: text(report[key]) for key in ("accounts", "burned", "solvency")}


def _terminate(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
