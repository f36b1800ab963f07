"""Which bucket of each head a class falls into, and which classes a bucket holds: computed, never stored.

``bucket = ((a c + b) mod p) mod M`` with a prime ``p >= C`` and a pair (a, b) per head. Modulo p it is a
bijection, so that the classes of a bucket can be counted off: ``c = (y - b) / a`` for ``y = bucket + i M``.

Source: Carter & Wegman, "Universal Classes of Hash Functions", JCSS 18 (1979): two classes share a bucket of
a head with probability 1 / M at most; as the hashes of MACH: Medini et al., NeurIPS 2019, section 3.
"""

from __future__ import annotations

import math

import numpy as np

from xclass.data.base import IntArray

MAX_CLASSES = (1 << 31) - 1
"""So that ``a c + b`` stays below 2**63."""


class BucketHashes:
    """The hashes of R heads."""

    def __init__(self, *, num_classes: int, num_heads: int, num_buckets: int, seed: int) -> None:
        """Draw the pairs.

        Args:
            num_classes: C, at most :data:`MAX_CLASSES`.
            num_heads: R.
            num_buckets: M.
            seed: of the pairs.
        """
        assert num_classes <= MAX_CLASSES
        self.num_classes = num_classes
        self.num_buckets = num_buckets
        self._prime = _prime_from(num_classes)
        generator = np.random.Generator(np.random.Philox(key=seed & 0xFFFFFFFFFFFFFFFF))
        self._factors = [int(generator.integers(1, self._prime)) for _ in range(num_heads)]
        self._offsets = [int(generator.integers(0, self._prime)) for _ in range(num_heads)]

    def buckets(self, head: int, classes_B: IntArray) -> IntArray:
        """The bucket of each class in one head, int64, below M."""
        buckets_B: IntArray = self._factors[head] * classes_B + self._offsets[head]
        buckets_B %= self._prime
        buckets_B %= self.num_buckets
        return buckets_B

    def all_buckets(self, classes_B: IntArray) -> IntArray:
        """The same in every head, shape (R, B)."""
        return np.stack([self.buckets(head, classes_B) for head in range(len(self._factors))])

    def members(self, head: int, buckets: IntArray) -> IntArray:
        """All classes of some buckets of one head, each once where the buckets are; in no order."""
        places = np.arange(0, self._prime, self.num_buckets, dtype=np.int64)
        values = (buckets[:, None] + places).ravel()
        values = values[values < self._prime]
        inverse = pow(self._factors[head], -1, self._prime)
        classes: IntArray = (
            (values + (self._prime - self._offsets[head])) % self._prime * inverse % self._prime
        )
        return classes[classes < self.num_classes]


def _prime_from(number: int) -> int:
    """The smallest prime that is not below a number; at most 2**31 - 1 for what is at most that."""
    candidate = max(2, number)
    while any(candidate % divisor == 0 for divisor in range(2, math.isqrt(candidate) + 1)):
        candidate += 1
    return candidate
