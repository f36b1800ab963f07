"""The size of a problem, the letters for its axes, and the memory law over both.

Legend for shape suffixes (``weights_CD``, ``classes_BK``):

    C classes   D dimensions   B batch   S sampled negatives   K top-k   Q queries   N examples
    M buckets of a hashed embedding table, features   U unique rows touched by one batch   P class block
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

FLOAT32_BYTES = 4
INT64_BYTES = 8
DATA_BATCHES = "data batches"
"""Component of a data source that is gone when no more examples are wanted."""
MAPPED = " (mapped)"
"""Ends the name of a component that is pages of a file: the kernel may drop them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProblemShape:
    """What a closed form of memory may depend on."""

    num_classes: int
    """C, at least 2."""
    dim: int
    """D, dimensions of an encoded example and of a class vector."""
    batch_size: int
    """B, examples of one gradient step."""
    scan_batch_size: int
    """Examples of one chunk of the pass that accumulates class means."""
    num_queries: int
    """Q, evaluation queries answered by the serve phase."""
    query_batch_size: int
    """Queries of one batch of the serve phase."""
    top_k: int
    """K, classes returned per query."""
    threads: int
    """Threads that encode examples beside each other."""
    num_examples: int = 0
    """N, training examples, each counted once; 0 where nobody knows yet."""
    num_features: int = 0
    """M, columns of the features of an example: buckets of texts, numbered features, or ``dim``."""
    features_per_example: float = 0.0
    """Of those, the mean number that an example has."""
    feature_growth: float = 0.5
    """Exponent with which the distinct features of a class grow with its examples."""
    characters_per_text: float = 16.0
    """Mean of the texts, both boundaries counted; as long as nobody knows that of lemmas: 13.6 bytes, at most
    as many characters, and two boundaries, rounded up."""
    classes_per_example: float = 1.0
    """True classes of a training example in the mean."""
    is_by_class: bool = False
    """A pass over the examples comes class after class."""

    @property
    def class_vectors_bytes(self) -> int:
        """Bytes of one float32 vector for each class: ``4 C D``."""
        return FLOAT32_BYTES * self.num_classes * self.dim


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """One moment of a phase at which its peak can lie."""

    name: str
    """What happens at this moment, e.g. ``optimiser step``."""
    components: Mapping[str, int] = field(default_factory=dict)
    """Component -> bytes alive at this moment, over the base."""
    is_fed: bool = True
    """Examples are still being made: their batches are alive too."""

    @property
    def total_bytes(self) -> int:
        """Sum over the components."""
        return sum(self.components.values())

    @property
    def mapped_bytes(self) -> int:
        """Part of them that is pages of files."""
        return sum(size for name, size in self.components.items() if name.endswith(MAPPED))


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryLaw:
    """Closed-form peak of one phase: the maximum over its regimes, never their sum.

    Source: measured for Adam on a dense layer, where the peak is max(3P+3L, 6P) and every
    plain sum is wrong by 20 % to 56 %; tests/run/test_memory_laws.py measures it.
    """

    regimes: tuple[Regime, ...]

    @property
    def peak(self) -> Regime:
        """The regime with the most bytes; what is alive only in others stands there with 0 bytes.

        So that what is held when the phase ends always has its line, also where the peak comes before.
        """
        worst = max(self.regimes, key=lambda regime: regime.total_bytes)
        elsewhere = {name: 0 for regime in self.regimes for name in regime.components}
        return Regime(
            name=worst.name, components={**worst.components, **_without(elsewhere, worst.components)}
        )

    def plus(self, components: Mapping[str, int], *, only_fed: bool = False) -> MemoryLaw:
        """The same law with ``components`` alive in every regime, or in those that examples are made for."""
        return MemoryLaw(
            regimes=tuple(
                replace(regime, components={**regime.components, **components})
                if regime.is_fed or not only_fed
                else regime
                for regime in self.regimes
            )
        )


def _without(components: Mapping[str, int], others: Mapping[str, int]) -> dict[str, int]:
    return {name: size for name, size in components.items() if name not in others}
