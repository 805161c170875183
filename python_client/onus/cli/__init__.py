"""The `onus` command: one module a group of commands.

::

    onus model check FILE.tosa          can every step of it be proven, and at what cost
    onus model run FILE.tosa --input X  one execution, and what it is committed to by
    onus drill FILE.tosa --input X      a wrong execution, found and proven on a chain of its own

Every command takes ``--json``, and ends with 0 only if it did what was asked: 1 says that the answer is no,
2 that the command itself was wrong. What is wrong with a file is said in a line, never with a traceback.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command that `sys.argv` names."""
    try:
        from onus.cli._app import app
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "onus":
            raise
        sys.exit(f"the command line needs {error.name}: pip install 'onus[node]'")
    app()
