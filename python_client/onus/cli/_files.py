"""Files named on the command line: read within bounds, and refused with a reason.

::

    FileError (OnusError)
    ├── Unreadable      there is none, it is no file, or it is too large
    └── NotAnArray      not a `.npy` file of integers
"""

from __future__ import annotations

import io
import math
import tokenize
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from onus.protocol import OnusError

__all__ = ["FileError", "NotAnArray", "Unreadable", "read_array", "read_bytes"]

MAX_BYTES: Final = 1 << 30
"""Of a file."""


class FileError(OnusError):
    """A file that was named cannot be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Unreadable(FileError):
    """It cannot be read."""


class NotAnArray(FileError):
    """It is no `.npy` file, or a damaged one."""


def read_bytes(path: Path) -> bytes:
    """Contents of a file.

    Raises:
        Unreadable: there is none, it is no regular file, or it has more than `MAX_BYTES`.
    """
    try:
        if not path.is_file():
            raise Unreadable(path, "no such file" if not path.exists() else "not a file")
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(path, f"{path.stat().st_size} bytes, above {MAX_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(path, error.strerror or str(error)) from error


def read_array(path: Path) -> NDArray[Any]:
    """The array in a `.npy` file; objects, archives and anything else are refused.

    Raises:
        FileError: one of its subclasses.
    """
    data = read_bytes(path)
    stream = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            # numpy warns about files of Python 2, and reads them all the same.
            warnings.simplefilter("ignore")
            version = npy.read_magic(stream)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"version {version[0]}.{version[1]} of the format")
            shape, is_fortran, dtype = read_header(stream)
        # By the size of the file, before anything of the size that it claims is made.
        count = math.prod(shape)
        if dtype.hasobject or dtype.itemsize == 0 or count * dtype.itemsize != len(data) - stream.tell():
            raise ValueError(f"its header says {dtype} of shape {shape}, its length says otherwise")
        flat = np.frombuffer(data, dtype, count, stream.tell())
        return flat.reshape(shape, order="F" if is_fortran else "C")
    except (
        *(ValueError, TypeError, KeyError, OverflowError, EOFError, SyntaxError),
        *(RecursionError, MemoryError, tokenize.TokenError),
    ) as error:
        raise NotAnArray(path, f"not a .npy file: {str(error) or type(error).__name__}"[:300]) from error
