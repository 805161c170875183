"""`onus drill`: a wrong execution, found and proven on a chain of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from onus.cli._output import AsJson, print_json, refusals
from onus.cli.model import InputFiles, ModelFile

__all__ = ["drill"]


def drill(
    file: ModelFile,
    inputs: InputFiles,
    slot: Annotated[int | None, typer.Option(help="Alter an element of this tensor of the trace.")] = None,
    element: Annotated[int | None, typer.Option(help="Its row-major index; with --slot.")] = None,
    random: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="That many rounds; without --honest, any elements.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is random.")] = 0,
    honest: Annotated[
        bool, typer.Option("--honest", help="Alter nothing, and accuse the operator all the same.")
    ] = False,
    withhold: Annotated[
        bool, typer.Option("--withhold", help="The operator answers forced reveals only.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let an operator commit to a wrong execution, and the watcher find and prove it on a local chain.

    0 only if the honest side wins every round.
    """
    if (slot is None) != (element is None):
        raise typer.BadParameter("--slot and --element go together")
    if slot is not None and (honest or random is not None):
        raise typer.BadParameter("--slot names one alteration: not with --random or --honest")
    from onus.cli import _drills

    with refusals(as_json):
        rounds = _drills.run(
            file,
            inputs,
            place=None if slot is None or element is None else (slot, element),
            rounds=random or 1,
            seed=seed,
            is_honest=honest,
            withholds=withhold,
            tell=None if as_json else print,
        )
    if as_json:
        print_json(_drills.document(file, rounds))
    if not all(each.won for each in rounds):
        raise typer.Exit(1)
