"""Samplers of negative classes, in float64, right at any number of classes.

``torch.multinomial`` refuses more than 2**24 categories, and below that its float32 table silently never
draws half of the classes of a Zipf law over 5 million; hence our own.

Source: TensorFlow's ``log_uniform_candidate_sampler`` for the log-uniform law; inverse-CDF sampling for the
rest (Devroye, "Non-Uniform Random Variate Generation", 1986, II.2).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray

Float64Array = npt.NDArray[np.float64]


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
    """P(c) proportional to (training examples of c) ** power, by binary search in a float64 CDF.

    Memory:
        8 C bytes held; 16 C more while the table is made.
    """

    def __init__(self, counts_C: IntArray, power: float) -> None:
        """Build the table.

        Args:
            counts_C: shape (C,), int64; a class with 0 is never drawn (unless power is 0).
            power: 0 to 1.

        Raises:
            ValueError: no class has examples.
        """
        weights = counts_C.astype(np.float64)
        np.power(weights, power, out=weights)
        self._cdf_C: Float64Array = np.cumsum(weights, out=weights)
        self._total = float(self._cdf_C[-1])
        if not self._total > 0.0:
            raise ValueError("a frequency sampler needs at least one class with examples")

    def sample(self, num_samples: int, generator: np.random.Generator) -> IntArray:
        """Draw classes, shape (S,), int64."""
        position = generator.random(num_samples) * self._total
        classes: IntArray = np.searchsorted(self._cdf_C, position, side="right").astype(np.int64)
        return np.minimum(classes, len(self._cdf_C) - 1)

    def log_probability(self, classes: IntArray) -> Float64Array:
        """Differences of the CDF; -inf for a class that is never drawn."""
        below = np.where(classes > 0, self._cdf_C[np.maximum(classes - 1, 0)], 0.0)
        with np.errstate(divide="ignore"):
            log_probability: Float64Array = np.log((self._cdf_C[classes] - below) / self._total)
        return log_probability

    def held_bytes(self) -> int:
        """The CDF."""
        return self._cdf_C.nbytes
