"""Which examples are held out for testing, where a data set comes in one piece: decided by their text alone.

An example is held out if the hash of its normalised text falls below the share. So exact duplicates fall on
one side, whatever their classes, every class gives up about that share, and an example keeps its side when
others are added.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

HashArray = npt.NDArray[np.uint64]


def normalised(text: str) -> str:
    """The text as duplicates are found by: compatibility forms, case and white space made one."""
    return " ".join(_folded(text).split())


def hash_texts(texts: Sequence[str]) -> HashArray:
    """64 bits of each normalised text, shape (len(texts),), uint64, the same on every machine.

    CRC-32, then the finaliser of splitmix64: a checksum alone spreads texts that differ in a counter too
    evenly.
    """
    # One call for all of them: no rule of Unicode joins what stands on both sides of a zero.
    parts = _folded("\0".join(texts)).split("\0")
    if len(parts) != len(texts):  # a text holds a zero itself
        parts = [_folded(text) for text in texts]
    sums = [crc32(" ".join(part.split()).encode()) for part in parts]
    x = np.array(sums, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _folded(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return text.casefold()


def is_held_out(hashes: HashArray, share: float) -> npt.NDArray[np.bool_]:
    """Whether each example is held out.

    Args:
        hashes: of :func:`hash_texts`.
        share: of the examples, 0 to below 1.
    """
    held_out: npt.NDArray[np.bool_] = hashes < np.uint64(share * 2.0**64)
    return held_out
