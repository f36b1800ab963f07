"""Which examples are held out for testing, where a data set comes in one piece: decided by their text alone.

An example is held out if the hash of its normalised text falls below the share. So exact duplicates fall on
one side, whatever their classes, every class gives up about that share, and an example keeps its side when
others are added.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

HashArray = npt.NDArray[np.uint64]


def normalised(text: str) -> str:
    """The text as duplicates are found by: compatibility forms, case and white space made one."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def hash_texts(texts: Sequence[str]) -> HashArray:
    """64 bits of BLAKE2b of each normalised text, shape (len(texts),), uint64.

    Not a checksum: CRC-32 of texts that differ in a counter are spread too evenly or not at all.
    """
    # A lone surrogate, which JSON may hold, has no UTF-8.
    digests = [blake2b(normalised(text).encode(), digest_size=8).digest() for text in texts]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def is_held_out(hashes: HashArray, share: float) -> npt.NDArray[np.bool_]:
    """Whether each example is held out.

    Args:
        hashes: of :func:`hash_texts`.
        share: of the examples, 0 to below 1.
    """
    held_out: npt.NDArray[np.bool_] = hashes < np.uint64(share * 2.0**64)
    return held_out
