"""`make conformance SEED=n`: TOSA's own tests of the integer profile; exit 0 only if all of them pass.

A test may be refused only for what its proof would cost; what TOSA does not define is counted as that.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from scripts.anvil import AnvilError
from scripts.build import BuildError
from scripts.conformance.generate import OPERATORS, GeneratorFailed, generate
from scripts.conformance.report import as_json, print_report
from scripts.conformance.run import judge_all


def main() -> int:
    """Generates, judges, reports."""
    parser = argparse.ArgumentParser(prog="python -m scripts.conformance", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the generator and the samples (default: 0)")
    parser.add_argument(
        "--count", type=int, default=2, help="tests of an operator, type and range of ranks (default: 2)"
    )
    parser.add_argument("--operators", nargs="+", metavar="NAME", default=OPERATORS, help="default: all")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the generated tests there")
    parser.add_argument("--json", action="store_true", help="the report as JSON on stdout, nothing else")
    args = parser.parse_args()
    operators = [name.upper() for name in args.operators]
    if unknown := sorted(set(operators) - set(OPERATORS)):
        parser.error(f"not in the integer profile: {', '.join(unknown)}")
    if args.count < 1 or args.seed < 0:
        parser.error("a count is at least 1, a seed at least 0")
    if args.keep is not None and args.keep.exists() and any(args.keep.iterdir()):
        parser.error(f"{args.keep} is not empty")
    console = Console(stderr=args.json)
    began = time.monotonic()
    place: Any = tempfile.TemporaryDirectory(prefix="onus-conformance-")
    with place if args.keep is None else nullcontext(args.keep) as folder:
        try:
            with console.status(f"generating tests from seed {args.seed}"):
                cases = generate(Path(folder), seed=args.seed, count=args.count, operators=operators)
            verdicts = judge_all(cases, seed=args.seed, console=console)
        except (GeneratorFailed, AnvilError, BuildError) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return 130
    if args.json:
        seconds = time.monotonic() - began
        print(json.dumps(as_json(verdicts, seed=args.seed, count=args.count, seconds=seconds), indent=1))
    else:
        print_report(console, verdicts)
    return 0 if all(verdict.is_conformant for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
