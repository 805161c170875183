"""`onus model …`: what a model file is, and what it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onus.cli._output import AsJson, print_json, refusals

__all__ = ["app", "check", "run"]

app = typer.Typer(no_args_is_help=True, help="What a model file is, and what it computes.")

ModelFile = Annotated[Path, typer.Argument(metavar="FILE.tosa", help="TOSA 1.0, integer profile.")]
InputFiles = Annotated[
    list[Path],
    typer.Option(
        "--input", metavar="X.npy", help="Integers; once for each input of the model, in its order."
    ),
]


@app.command()
def check(file: ModelFile, as_json: AsJson = False) -> None:
    """Say whether every step of a model can be proven on chain, and at what cost; if not, why."""
    from onus.cli import _models

    with refusals(as_json):
        report = _models.check(file)
    if as_json:
        print_json({"ok": True, "file": str(file), **report})
    else:
        _models.print_check(file, report)


@app.command()
def run(
    file: ModelFile,
    inputs: InputFiles,
    output: Annotated[
        list[Path] | None,
        typer.Option("--output", metavar="Y.npy", help="Write the result there; once for each output."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a model on one inference or a batch, and say by what each execution is committed to."""
    from onus.cli import _models

    with refusals(as_json):
        report, results = _models.run(file, inputs, output or [])
    if as_json:
        print_json({"ok": True, "file": str(file), **report})
    else:
        _models.print_run(report, results)
