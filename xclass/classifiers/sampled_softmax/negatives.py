"""Which classes a step takes as negatives, and how often each was to be expected among them.

The loss estimates the sum over all classes by the sum over negatives of ``times drawn / expected times`` x
exp(logit). That is unbiased for whatever was drawn at random, so laws can be put together: expected counts
add.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from xclass.classifiers.sampled_softmax.alias import Float64Array
from xclass.classifiers.sampled_softmax.samplers import Sampler
from xclass.classifiers.sampled_softmax.streaming import StreamingFrequency
from xclass.data.base import FloatArray, IntArray


class Negatives(Protocol):
    """Where the negatives of each step come from."""

    def draw(self, classes_B: IntArray, inputs_BD: FloatArray, generator: np.random.Generator) -> IntArray:
        """Classes for one step, int64, in no order and with repeats.

        Args:
            classes_B: true classes of the batch.
            inputs_BD: its encoded examples.
            generator: of the random part.
        """
        ...

    def log_expected_counts(self, classes_K: IntArray) -> Float64Array:
        """Log of how often each of these drawn classes was to be expected in the last draw."""
        ...

    def held_bytes(self) -> dict[str, int]:
        """Component -> bytes of its tables."""
        ...


class RandomNegatives:
    """S classes drawn with replacement: class c is expected S q(c) times."""

    def __init__(self, sampler: Sampler, num_samples: int) -> None:
        """Keep the law and S."""
        self._sampler = sampler
        self._num_samples = num_samples

    def draw(self, classes_B: IntArray, inputs_BD: FloatArray, generator: np.random.Generator) -> IntArray:
        """S draws from the law; the batch plays no part."""
        return self._sampler.sample(self._num_samples, generator)

    def log_expected_counts(self, classes_K: IntArray) -> Float64Array:
        """``log(S q)``."""
        log_counts: Float64Array = self._sampler.log_probability(classes_K) + np.log(self._num_samples)
        return log_counts

    def held_bytes(self) -> dict[str, int]:
        """The sampler's table."""
        size = self._sampler.held_bytes()
        return {"sampler table": size} if size else {}


class InBatchNegatives:
    """The classes of the other examples of the batch, each once: expected as often as a batch holds it.

    The estimated probability of a class includes the step it is used in, and that the example whose negatives
    they are is itself in the batch is left out of account: both are of the order 1 / B.
    """

    def __init__(self, frequency: StreamingFrequency) -> None:
        """Keep the estimate, which each draw carries on."""
        self._frequency = frequency

    def draw(self, classes_B: IntArray, inputs_BD: FloatArray, generator: np.random.Generator) -> IntArray:
        """The distinct classes of the batch; nothing is random."""
        distinct: IntArray = np.unique(classes_B)
        self._frequency.observe(distinct)
        return distinct

    def log_expected_counts(self, classes_K: IntArray) -> Float64Array:
        """Log of the estimated probability that a batch holds the class."""
        return self._frequency.log_inclusion(classes_K)

    def held_bytes(self) -> dict[str, int]:
        """The streaming estimate."""
        return {"streaming frequencies": self._frequency.held_bytes()}


class MixedNegatives:
    """In-batch and random negatives together; a class that both give counts as often as it came.

    Source: Yang et al., "Mixed Negative Sampling for Learning Two-tower Neural Networks in Recommendations",
    WWW 2020 companion, section 3; here with added expected counts, so that the sum stays unbiased.
    """

    def __init__(self, in_batch: InBatchNegatives, random: RandomNegatives) -> None:
        """Keep both."""
        self._in_batch = in_batch
        self._random = random

    def draw(self, classes_B: IntArray, inputs_BD: FloatArray, generator: np.random.Generator) -> IntArray:
        """The distinct classes of the batch, and S draws."""
        parts = (part.draw(classes_B, inputs_BD, generator) for part in (self._in_batch, self._random))
        return np.concatenate(tuple(parts))

    def log_expected_counts(self, classes_K: IntArray) -> Float64Array:
        """Log of the sum of both expected counts."""
        log_counts: Float64Array = np.logaddexp(
            self._in_batch.log_expected_counts(classes_K), self._random.log_expected_counts(classes_K)
        )
        return log_counts

    def held_bytes(self) -> dict[str, int]:
        """Both tables."""
        return self._in_batch.held_bytes() | self._random.held_bytes()
