"""Laws that negative classes are drawn from at random, in float64, right at any number of classes.

``torch.multinomial`` refuses more than 2**24 categories, and below that its float32 table silently never
draws half of the classes of a Zipf law over 5 million; hence our own.

Source: TensorFlow's ``log_uniform_candidate_sampler`` for the log-uniform law; Walker's alias table for
frequencies (alias.py).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from xclass.classifiers.sampled_softmax.alias import AliasTable, Float64Array
from xclass.data.base import IntArray


class Sampler(Protocol):
    """Draws classes with replacement and knows the probability of each."""

    def sample(self, num_samples: int, generator: np.random.Generator) -> IntArray:
        """Draw classes, shape (S,), int64."""
        ...

    def log_probability(self, classes: IntArray) -> Float64Array:
        """Log q of each given class, float64, shape of ``classes``."""
        ...

    def held_bytes(self) -> int:
        """Bytes of the sampler's tables."""
        ...


class UniformSampler:
    """Each class with probability 1 / C."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes

    def sample(self, num_samples: int, generator: np.random.Generator) -> IntArray:
        """Draw classes, shape (S,), int64."""
        return generator.integers(0, self._num_classes, num_samples, dtype=np.int64)

    def log_probability(self, classes: IntArray) -> Float64Array:
        """-log C for each."""
        return np.full(classes.shape, -np.log(self._num_classes))

    def held_bytes(self) -> int:
        """No table."""
        return 0


class LogUniformSampler:
    """P(c) = log((c + 2) / (c + 1)) / log(C + 1): Zipf's law for classes in order of falling frequency."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._log_range = float(np.log1p(num_classes))

    def sample(self, num_samples: int, generator: np.random.Generator) -> IntArray:
        """Draw classes, shape (S,), int64."""
        position = np.exp(generator.random(num_samples) * self._log_range)
        classes: IntArray = np.clip(position.astype(np.int64) - 1, 0, self._num_classes - 1)
        return classes

    def log_probability(self, classes: IntArray) -> Float64Array:
        """Closed form; log1p keeps the digits that a difference of logarithms would lose at large c."""
        log_probability: Float64Array = np.log(np.log1p(1.0 / (classes + 1.0)) / self._log_range)
        return log_probability

    def held_bytes(self) -> int:
        """No table."""
        return 0


class FrequencySampler:
    """P(c) proportional to (training examples of c) ** power, by Walker's alias table.

    Memory:
        see :class:`xclass.classifiers.sampled_softmax.alias.AliasTable`.
    """

    def __init__(self, counts_C: IntArray, power: float) -> None:
        """Build the table.

        Args:
            counts_C: shape (C,), int64, left untouched; a class with 0 is never drawn (unless power is 0).
            power: 0 to 1.

        Raises:
            ValueError: no class has examples.
        """
        weights_C = counts_C.astype(np.float64)
        if power != 1.0:
            np.power(weights_C, power, out=weights_C)
        self._table = AliasTable(weights_C)

    def sample(self, num_samples: int, generator: np.random.Generator) -> IntArray:
        """Draw classes, shape (S,), int64."""
        return self._table.draw(num_samples, generator)

    def log_probability(self, classes: IntArray) -> Float64Array:
        """Of the stored probability; -inf for a class that is never drawn."""
        with np.errstate(divide="ignore"):
            log_probability: Float64Array = np.log(self._table.probability_C[classes].astype(np.float64))
        return log_probability

    def held_bytes(self) -> int:
        """The alias table."""
        return self._table.nbytes
