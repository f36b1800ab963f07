"""A vector of random signs for each class, computed from its id: nothing is stored.

Two of them have the cosine 0 with standard deviation ``1 / sqrt(D)``.

Source: predefined class vectors: Gabdullin, arXiv 2510.04090, 2025; random codes for classes: Dietterich &
Bakiri, "Solving Multiclass Learning Problems via Error-Correcting Output Codes", JAIR 2 (1995).
"""

from __future__ import annotations

import numpy as np

from xclass.data.base import FloatArray, IntArray
from xclass.data.counter_rng import random_bits, stream_key

_STREAM = 1 << 40
"""Apart from the streams of made data with the same seed."""
_WORD_BITS = 64


class SignVectors:
    """The vectors of one seed: values -1 and 1."""

    def __init__(self, *, dim: int, seed: int) -> None:
        """Keep the key."""
        self._dim = dim
        self._key = stream_key(seed, _STREAM)

    def of(self, classes_B: IntArray, out: FloatArray | None = None) -> FloatArray:
        """Vectors of some classes, shape (B, D), float32.

        Args:
            classes_B: int64, below 2**50.
            out: to write into; None: a new array.

        Memory: ``9 B D / 8`` bytes rounded up to words, twice that for the words, and the result.
        """
        num_words = -(-self._dim // _WORD_BITS)
        counters = classes_B[:, None] * num_words + np.arange(num_words)
        words = random_bits(self._key, counters).astype("<u8", copy=False)
        bits_BD = np.unpackbits(words.view(np.uint8), axis=1, count=self._dim, bitorder="little")
        vectors_BD = np.empty(bits_BD.shape, np.float32) if out is None else out
        np.multiply(bits_BD, np.float32(2), out=vectors_BD, casting="unsafe")
        vectors_BD -= np.float32(1)
        return vectors_BD
