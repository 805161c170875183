"""All commands together."""

from __future__ import annotations

import typer

from onus.cli import model
from onus.cli.drill import drill

__all__ = ["app"]

app = typer.Typer(
    name="onus",
    help="Settlement and slashing for verifiable AI inference.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(model.app, name="model")
app.command()(drill)


@app.callback()
def onus() -> None:
    """Settlement and slashing for verifiable AI inference."""
