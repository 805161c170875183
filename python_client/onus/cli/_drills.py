"""The work behind `onus drill`.

The contracts are compiled from their sources, so it needs a checkout of the project; the package alone has no
bytecode.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onus
from onus.cli._files import read_bytes
from onus.cli._models import read_inputs
from onus.protocol import OnusError
from onus.trace import compile_tosa, encode_inputs

if TYPE_CHECKING:
    from scripts.drill import Round

__all__ = ["ChainUnavailable", "TooManyInferences", "document", "run"]


class ChainUnavailable(OnusError):
    """No local chain, or no contracts to put on it."""


class TooManyInferences(OnusError):
    """A drill is about one inference."""


def run(
    file: Path,
    inputs: list[Path],
    *,
    place: tuple[int, int] | None,
    rounds: int,
    seed: int,
    is_honest: bool,
    withholds: bool,
    tell: Callable[[str], object] | None,
) -> list[Round]:
    """Holds drills.

    Args:
        file: the model.
        inputs: one inference.
        place: slot and element to alter; anywhere if None.
        rounds: how many.
        seed: of what is random.
        is_honest: whether nothing is altered.
        withholds: whether the operator answers forced reveals only.
        tell: is given a line after each round.

    Raises:
        OnusError: a file cannot be used, or there is no chain.
    """
    drills = _drills()
    content = read_bytes(file)
    program = compile_tosa(content)
    arrays, _ = read_inputs(program, inputs)
    encoded = encode_inputs(program, arrays)
    if len(encoded) != 1:
        raise TooManyInferences(f"the input has {len(encoded)} inferences, a drill is about one")
    from scripts.anvil import AnvilError
    from scripts.build import BuildError

    done: list[Round] = []
    try:
        with drills.open_field(content, name=file.stem) as field:
            drill = drills.Drill(field, encoded[0], seed=seed)
            for number in range(rounds):
                if is_honest:
                    ended = drill.unaltered(withholds=withholds)
                else:
                    made = drill.alteration(*place) if place else drill.random_alteration()
                    ended = drill.altered(made, withholds=withholds)
                done.append(ended)
                if tell:
                    tell(_line(number + 1, rounds, ended))
    except (AnvilError, BuildError) as error:
        raise ChainUnavailable(str(error)) from error
    if tell:
        tell(drills.summary(done))
    return done


def document(file: Path, rounds: Sequence[Round]) -> dict[str, Any]:
    """For machines."""
    return {
        "ok": all(each.won for each in rounds),
        "file": str(file),
        "won": sum(each.won for each in rounds),
        "mostDemands": max(len(each.demands) for each in rounds),
        "mostGas": max(each.gas for each in rounds),
        "rounds": [each.to_json() for each in rounds],
    }


def _line(number: int, total: int, ended: Round) -> str:
    winner = "won" if ended.won else "LOST"
    moves = ", ".join(f"{move.function.partition('.')[2]} {move.gas:,}" for move in ended.moves)
    return (
        f"{number}/{total}  {winner}  {ended.verdict}\n"
        f"{'':<6}{len(ended.moves)} transactions, {ended.rounds} of {len(ended.demands)} demands answered, "
        f"{ended.gas:,} gas: {moves}"
    )


def _drills() -> Any:
    """`scripts.drill`, of the checkout that this package lies in."""
    checkout = Path(onus.__file__).resolve().parents[2]
    if not (checkout / "scripts" / "drill").is_dir():
        raise ChainUnavailable("a drill compiles the contracts: it needs a checkout of the project")
    if str(checkout) not in sys.path:
        sys.path.append(str(checkout))
    import scripts.drill

    return scripts.drill
