"""Settings of the sparse bag of n-grams, and its closed form of memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from xclass.encoders.idf_config import FEATURE_WEIGHTS, Weighting, check_weighting, idf_bytes
from xclass.encoders.kinds import InputKind
from xclass.errors import ConfigError
from xclass.shapes import ProblemShape

_MAX_POWER = 30
_CHARACTERS_PER_TEXT = 16
"""As in :mod:`xclass.encoders.config`."""


@dataclass(kw_only=True, slots=True)
class BagConfig:
    """Which character n-grams of a text are counted into a sparse row."""

    min_n: int = 2
    """Shortest n-gram in characters, the word boundaries ``<`` and ``>`` counted; 1 to 3."""
    max_n: int = 5
    """Longest n-gram in characters; min_n to 8."""
    num_buckets: int = 1 << 18
    """M, columns of a row: a power of two from 2**8 to 2**30."""
    use_context: bool = True
    """Hash the context into each n-gram, so that languages share buckets only by collision."""
    weighting: Weighting = Weighting.idf
    """How much each n-gram of a text counts: equal, or idf."""
    row_weighting: Weighting = Weighting.equal
    """The same of data that comes as sparse rows, whose values may be weighted already."""
    idf_examples: int | None = 1 << 20
    """Training examples, in pseudo-random order, that idf counts features in; null: all."""

    def __post_init__(self) -> None:
        self.weighting = check_weighting("bag", self.weighting, self.idf_examples)
        self.row_weighting = check_weighting("bag", self.row_weighting, self.idf_examples)
        if not 1 <= self.min_n <= 3:
            raise ConfigError(
                "bag.min_n", self.min_n, allowed="1 to 3", remedy="longer ones would miss the shortest words"
            )
        if not self.min_n <= self.max_n <= 8:
            raise ConfigError(
                "bag.max_n", self.max_n, allowed=f"min_n={self.min_n} to 8", remedy="the default is 5"
            )
        if self.num_buckets not in (1 << power for power in range(8, _MAX_POWER + 1)):
            raise ConfigError(
                "bag.num_buckets",
                self.num_buckets,
                allowed=f"a power of two from 256 to {1 << _MAX_POWER}",
                remedy=f"the default is {1 << 18}",
            )

    def features_per_text(self, characters: float = _CHARACTERS_PER_TEXT) -> float:
        """n-grams of a text of so many characters with its boundaries: the most entries of its row."""
        return sum(max(0.0, characters - n + 1) for n in range(self.min_n, self.max_n + 1))

    def weighting_of(self, inputs: InputKind) -> Weighting:
        """Of texts or of sparse rows."""
        return self.weighting if inputs is InputKind.texts else self.row_weighting

    def memory_terms(self, shape: ProblemShape, *, inputs: InputKind) -> dict[str, int]:
        """Bytes that making rows adds over the base.

        Memory: ``4 M`` of weights with idf; ``12`` bytes per entry that is held and 60 per text and
        character while it is made, for each thread's batch and one that waits.
        """
        held = round(12 * shape.features_per_example)
        made = _CHARACTERS_PER_TEXT * (15 + 8 * (self.max_n - self.min_n + 1))
        return {
            "bag batches": shape.scan_batch_size * (shape.threads * made + (shape.threads + 1) * held),
            FEATURE_WEIGHTS: idf_bytes(self.weighting_of(inputs), shape.num_features),
        }
