"""An array from a .npy file that nobody vouches for: mapped, never unpickled, one kind of error."""

from __future__ import annotations

import tokenize
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_UNREADABLE = (
    EOFError, SyntaxError, TypeError, OverflowError, tokenize.TokenError, RecursionError, MemoryError,
)  # fmt: skip
"""What numpy raises, besides OSError and ValueError, of a file that is no .npy (found by tests/fuzz)."""


def map_npy(path: Path | str) -> npt.NDArray[Any]:
    """Map one array, read-only; its pages come when touched.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is no .npy file, of Python objects, or its array does not lie in it whole.
    """
    try:
        # Not np.load: of a file that begins as a ZIP archive it gives an archive, and of others an unpickler.
        array: npt.NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except _UNREADABLE as error:
        raise ValueError(f"no .npy file: {error}") from error
    return array
