"""The synthetic data set: Zipf frequencies, two-level clusters on the sphere, noise of known Bayes accuracy.

Nothing is stored: class vectors and examples are functions of (seed, id), so the data adds O(batch) bytes to
what is measured. Class vectors are as described in :mod:`xclass.data.synthetic.bayes`.
"""

from __future__ import annotations

import numpy as np

from xclass.data.base import Batch, FloatArray, IntArray, batch_ranges
from xclass.data.counter_rng import add_normals, stream_key, uniforms
from xclass.data.permutation import EpochOrder
from xclass.data.synthetic.bayes import num_groups
from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.frequencies import class_probabilities, zipf_class

_GROUP_STREAM, _CLASS_STREAM, _NOISE_STREAM, _ZIPF_STREAM, _SHARE_STREAM = range(5)
FIRST_TEST_ID = 1 << 40
"""Held-out examples have ids from here on; :func:`xclass.data.synthetic.entry.prepare` refuses more training
examples."""
_BLOCK_CLASSES = 1 << 16
"""Classes counted at a time."""


class SyntheticSource:
    """See the module docstring; a :class:`xclass.data.base.DataSource`.

    Memory:
        three float32 matrices of the batch's shape (B, D) while a batch is made; O(1) between batches.
    """

    num_test = 1 << 40
    group_noun = "cluster"

    def __init__(
        self, config: SyntheticConfig, *, num_classes: int, dim: int, seed: int, sigma: float
    ) -> None:
        """Set up the streams.

        Args:
            config: settings.
            num_classes: C, at least 2.
            dim: D, at least 4.
            seed: any integer.
            sigma: standard deviation of the noise, per coordinate.
        """
        self.num_classes = num_classes
        self.num_train = self.num_examples = num_classes * config.examples_per_class
        assert self.num_train <= FIRST_TEST_ID
        self._config = config
        self._dim = dim
        self._order = EpochOrder(self.num_train, (seed,))
        self._sigma = sigma
        self._num_groups = num_groups(config, num_classes)
        self._num_even = round(self.num_train * config.uniform_share)
        self._keys = [stream_key(seed, stream) for stream in range(5)]

    def class_vectors(self, classes: IntArray) -> FloatArray:
        """True class vectors, shape (B, D), float32, each of length 1."""
        shape = (len(classes), self._dim)
        centres_BD = np.zeros(shape, dtype=np.float32)
        add_normals(centres_BD, self._keys[_GROUP_STREAM], self.groups_of(classes), 1.0)
        _normalise(centres_BD)
        own_BD = np.zeros(shape, dtype=np.float32)
        add_normals(own_BD, self._keys[_CLASS_STREAM], classes, 1.0)
        own_BD -= centres_BD * np.einsum("bd,bd->b", own_BD, centres_BD)[:, None]
        _normalise(own_BD)
        centres_BD *= np.float32(np.sqrt(self._config.group_share))
        own_BD *= np.float32(np.sqrt(1.0 - self._config.group_share))
        centres_BD += own_BD
        return centres_BD

    def scan_batch(self, start: int, stop: int) -> Batch:
        """Training examples by id: first the even share, class after class, then the Zipf share."""
        return self._examples(np.arange(start, stop, dtype=np.int64))

    def train_batch(self, epoch: int, start: int, stop: int) -> Batch:
        """Training examples in this epoch's pseudo-random order."""
        return self._examples(self._order.of(epoch)(np.arange(start, stop, dtype=np.int64)))

    def example_batch(self, start: int, stop: int) -> Batch:
        """As for a scan: every example has one class."""
        return self.scan_batch(start, stop)

    def examples_of(self, class_id: int, limit: int) -> Batch:
        """Of the even share, which has the same number of each class; the Zipf share is not searched."""
        return self._examples(np.arange(class_id, self._num_even, self.num_classes, dtype=np.int64)[:limit])

    def queries(self, num_queries: int, seed: int) -> Batch:
        """Held-out examples: classes drawn from the mixture, noise never seen in training."""
        first = FIRST_TEST_ID + (seed % 1024) * (1 << 30)
        ids = first + np.arange(num_queries, dtype=np.int64)
        is_even = uniforms(self._keys[_SHARE_STREAM], ids) < self._config.uniform_share
        position = uniforms(self._keys[_ZIPF_STREAM], ids)
        even = np.minimum((position * self.num_classes).astype(np.int64), self.num_classes - 1)
        zipf = zipf_class(position, self.num_classes, self._config.zipf_exponent)
        return self._noisy(np.where(is_even, even, zipf), ids)

    def class_counts(self) -> IntArray:
        """Expected training examples per class, rounded up, shape (C,).

        Memory:
            the 8 C bytes that it returns.
        """
        counts: IntArray = np.empty(self.num_classes, dtype=np.int64)
        for start, stop in batch_ranges(self.num_classes, _BLOCK_CLASSES):
            expected = self.num_train * class_probabilities(
                np.arange(start, stop, dtype=np.float64),
                self.num_classes,
                self._config.zipf_exponent,
                self._config.uniform_share,
            )
            # Less what rounding adds to a whole number.
            counts[start:stop] = np.ceil(expected * (1.0 - 1e-12))
        return counts

    def groups_of(self, classes: IntArray) -> IntArray:
        """Classes that share a cluster centre."""
        groups: IntArray = classes % self._num_groups
        return groups

    def group_name(self, group: int) -> str:
        """Its number: clusters have no other name."""
        return f"cluster {group}"

    def class_name(self, class_id: int) -> str:
        """Its number."""
        return f"class {class_id}"

    def class_names(self, start: int, stop: int) -> list[str]:
        """Their numbers."""
        return [self.class_name(class_id) for class_id in range(start, stop)]

    def _examples(self, ids: IntArray) -> Batch:
        zipf = zipf_class(
            uniforms(self._keys[_ZIPF_STREAM], ids), self.num_classes, self._config.zipf_exponent
        )
        return self._noisy(np.where(ids < self._num_even, ids % self.num_classes, zipf), ids)

    def _noisy(self, classes_B: IntArray, ids: IntArray) -> Batch:
        vectors_BD = self.class_vectors(classes_B)
        add_normals(vectors_BD, self._keys[_NOISE_STREAM], ids, self._sigma)
        return Batch(inputs=vectors_BD, classes_B=classes_B)


def _normalise(vectors_BD: FloatArray) -> None:
    """Scale each row to length 1, in place."""
    lengths = np.sqrt(np.einsum("bd,bd->b", vectors_BD, vectors_BD))
    vectors_BD /= lengths[:, None]
