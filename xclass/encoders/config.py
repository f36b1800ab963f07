"""Settings of the text encoder, and its closed form of memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from xclass.encoders.idf_config import FEATURE_WEIGHTS, IDF_FILE, Weighting, check_weighting, idf_bytes
from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, ProblemShape

ENCODER_JSON = "encoder.json"
TABLE_FILE = "encoder_table.npy"
ENCODER_FILES = frozenset({ENCODER_JSON, TABLE_FILE, IDF_FILE})
"""What an encoder leaves in the folder of a model."""
NGRAMS, PROJECTION = "n-gram", "projection"
"""What the ledger calls an encoder: ``<name> table``, ``<name> optimiser``, ``<name> batches``."""
NGRAM_TABLE, PROJECTION_TABLE = f"{NGRAMS} table", f"{PROJECTION} table"
"""Names of the components; with xclass.shapes.MAPPED where they are opened from a file."""
FORMAT_VERSION = 1
"""Of the folder that an encoder saves."""

_CHARACTERS_PER_TEXT = 16
"""Mean of lemmas: 13.6 bytes, at most as many characters, and two boundaries, rounded up."""


@dataclass(kw_only=True, slots=True)
class NgramConfig:
    """Which character n-grams are hashed, into how many buckets, and how the table is trained."""

    min_n: int = 2
    """Shortest n-gram in characters, the word boundaries ``<`` and ``>`` counted; 1 to 3."""
    max_n: int = 3
    """Longest n-gram in characters; min_n to 8. On lemmas, class means at dim 64 do best with 3 (1e5 classes:
    93.8 % against 92.8 % with 4 and 91.4 % with 5): fewer n-grams disturb each other less in few dimensions.
    Trained jointly, 3, 4 and 5 end equal; 3 costs half of 5."""
    num_buckets: int = 1 << 18
    """M, rows of the table: a power of two from 2**8 to 2**26."""
    use_context: bool = True
    """Hash the context into each n-gram, so that languages share buckets only by collision."""
    learning_rate: float = 0.01
    """Step of row-wise Adagrad, where the encoder is trained jointly with a head."""
    weighting: Weighting = Weighting.equal
    """equal, or idf: rare n-grams count more."""
    idf_examples: int | None = 1 << 20
    """Training examples, in pseudo-random order, that idf counts n-grams in; null: all."""

    def __post_init__(self) -> None:
        self.weighting = check_weighting("encoder", self.weighting, self.idf_examples)
        if not 1 <= self.min_n <= 3:
            raise ConfigError(
                "encoder.min_n",
                self.min_n,
                allowed="1 to 3",
                remedy="longer ones would miss the shortest words",
            )
        if not self.min_n <= self.max_n <= 8:
            raise ConfigError(
                "encoder.max_n",
                self.max_n,
                allowed=f"min_n={self.min_n} to 8",
                remedy="the default is 3",
            )
        if self.num_buckets not in (1 << power for power in range(8, 27)):
            raise ConfigError(
                "encoder.num_buckets",
                self.num_buckets,
                allowed="a power of two from 256 to 67108864",
                remedy=f"the default is {1 << 18}",
            )
        if not 0 < self.learning_rate < float("inf"):
            raise ConfigError(
                "encoder.learning_rate", self.learning_rate, allowed="a positive number", remedy="try 0.01"
            )

    def memory_terms(self, shape: ProblemShape, *, is_trainable: bool) -> dict[str, int]:
        """Bytes that the encoder adds over the base, for texts as long as those of lemmas.

        With N = max_n - min_n + 1 and 16 characters per text, features of one text take ``8 * 16 N`` bytes,
        and ``16 (15 + 8 N)`` while they are made. A scan has one such batch per thread and its vectors in
        two more. A step has the features of two batches waiting, those of one being made, and the gradient
        of its U <= min(16 N B, M) rows twice with 12 B per n-gram.

        Memory: table ``4 M D``; optimiser ``8 M``; idf ``4 M``; the larger of scan and step as above.
        """
        num_lengths = self.max_n - self.min_n + 1
        made = _CHARACTERS_PER_TEXT * (15 + 8 * num_lengths)
        held = _CHARACTERS_PER_TEXT * 8 * num_lengths
        vector = FLOAT32_BYTES * shape.dim
        scan = shape.scan_batch_size * (shape.threads * made + (shape.threads + 2) * vector)
        step = 0
        if is_trainable:
            num_ngrams = _CHARACTERS_PER_TEXT * num_lengths * shape.batch_size
            num_rows = min(num_ngrams, self.num_buckets)
            step = shape.batch_size * (made + 2 * held + vector) + 2 * vector * num_rows + 12 * num_ngrams
        return {
            NGRAM_TABLE: FLOAT32_BYTES * self.num_buckets * shape.dim,
            "n-gram optimiser": 2 * FLOAT32_BYTES * self.num_buckets if is_trainable else 0,
            "n-gram batches": max(scan, step),
            FEATURE_WEIGHTS: idf_bytes(self.weighting, self.num_buckets),
        }
