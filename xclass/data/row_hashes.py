"""64 bits for each row of numbers, so that equal rows can be told without comparing them.

Source: the finaliser of splitmix64, Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

HashArray = npt.NDArray[np.uint64]


def hash_entries(elements: HashArray, num_elements: npt.NDArray[np.integer[Any]]) -> HashArray:
    """Of rows of any length: each element is mixed, and the sum of a row once more; of an empty row 0 is.

    Args:
        elements: of all rows behind each other; their order within a row does not matter.
        num_elements: shape (B,); of each row.

    Returns:
        Shape (B,), uint64.
    """
    ends = np.cumsum(num_elements)
    sums = np.append(np.uint64(0), np.cumsum(mixed(elements), dtype=np.uint64))
    return mixed(sums[ends] - sums[ends - num_elements])


def hash_words(words_BD: npt.NDArray[np.uint32]) -> HashArray:
    """Of rows of one length, in order: the sum of the words times odd numbers, mixed.

    Source: multilinear hashing, Lemire and Kaser, "Strongly universal string hashing is fast", Computer
    Journal 2014.

    Memory: 8 B per word.
    """
    multipliers_D = mixed(np.arange(words_BD.shape[1], dtype=np.uint64)) | np.uint64(1)
    return mixed(words_BD.astype(np.uint64) @ multipliers_D)


def mixed(words: HashArray) -> HashArray:
    """A permutation of uint64, every bit of which depends on all."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: HashArray = words ^ (words >> np.uint64(31))
    return result
