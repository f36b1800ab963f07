"""Settings of the frozen class vectors, their closed forms of memory and work. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from xclass.classifiers.init import check_positive, check_share
from xclass.classifiers.schedule import Schedule
from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.weights.config import WeightsConfig
from xclass.classifiers.weights.serving import block_classes, search_terms
from xclass.classifiers.work import (
    BATCH_QUERY,
    LOGIT_VALUES,
    OPEN,
    QUERY,
    SAVE,
    STEP,
    Work,
    batch_work,
    example_values,
    open_work,
    query_work,
    save_work,
)
from xclass.errors import check_range
from xclass.shapes import FLOAT32_BYTES, MAPPED, MemoryLaw, ProblemShape, Regime

KIND = "frozen"
"""In the manifest of a saved model."""
MAP_FILE = "map.npy"
_WORD_BITS = 64
_WORD_BYTES = 32
"""While a word of signs is made: its class, its counter, the word, and the scratch of mixing it."""
_SIGN_VALUES = 12
"""Multiply-adds that making one sign of a class vector costs."""
_MAX_SAMPLES = 1 << 20


@dataclass(kw_only=True, slots=True)
class FrozenVectorsConfig(MethodTraits):
    """Class vectors of random signs, computed from the class id: 0 bytes; for encoders that are trained."""

    name: ClassVar[str] = "frozen_vectors"
    implementation: ClassVar[str] = "xclass.classifiers.frozen_vectors.classifier:FrozenVectors"
    server: ClassVar[str] = "xclass.classifiers.frozen_vectors.server:FrozenServer"
    learns_by_encoder: ClassVar[bool] = True
    engine: ClassVar[str] = "scipy"
    server_engine: ClassVar[str] = "faiss"
    fit_phase: ClassVar[str] = "train"
    sections: ClassVar[tuple[str, ...]] = ()

    num_samples: int = 2048
    """Classes drawn evenly per batch, with replacement, shared by its examples; 1 to 2**20."""
    learning_rate: float = 0.1
    """Step of row-wise Adagrad on the D x D map that is trained where the data is vectors; without effect on
    texts and rows, whose table has ``encoder.learning_rate``."""
    schedule: Schedule = Schedule.constant
    """constant, linear or cosine: how the map's learning rate falls while the budget is spent."""
    warm_up_share: float = 0.0
    """Share of the budget during which that rate rises from 0, 0 to below 1."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        key = f"method.{self.name}"
        check_positive(f"{key}.learning_rate", self.learning_rate, remedy="0.1 is the default")
        check_share(f"{key}.warm_up_share", self.warm_up_share, remedy="0 starts at the full rate")
        check_range(f"{key}.num_samples", self.num_samples, 1, _MAX_SAMPLES, remedy="2048 is the default")

    def memory_law(self, shape: ProblemShape, **_: Any) -> MemoryLaw:
        """Peak of the train phase, whatever C is.

        Memory:
            ``4 D (D + 1)``; a step with S samples ``4 S D + 5 B S + 20 B D`` and the words of S classes.
        """
        batch, dim, samples = shape.batch_size, shape.dim, self.num_samples
        words = -(-dim // _WORD_BITS)
        scratch = (FLOAT32_BYTES + 1) * batch * samples + 5 * FLOAT32_BYTES * batch * dim
        scratch += samples * max(FLOAT32_BYTES * dim, dim + _WORD_BYTES * words)
        components = {
            "map of inputs": FLOAT32_BYTES * dim * dim,
            "map state": FLOAT32_BYTES * dim,
            "scratch of a step": scratch,
        }
        return MemoryLaw(regimes=(Regime(name="step", components=components),))

    def model_bytes(self, shape: ProblemShape, **_: Any) -> int:
        """Bytes of the saved map: ``4 D**2``."""
        return FLOAT32_BYTES * shape.dim * shape.dim

    def served_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """The mapped map."""
        return {f"map of inputs{MAPPED}": self.model_bytes(shape)}

    def opened_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """It is not touched."""
        return dict.fromkeys(self.served_terms(shape), 0)

    def search_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """A block of P class vectors, ``4 P D``, what it is made of, and FAISS's product with a batch."""
        block, dim = min(shape.num_classes, block_classes(shape.dim)), shape.dim
        made = block * ((FLOAT32_BYTES + 1) * dim + _WORD_BYTES * -(-dim // _WORD_BITS))
        return search_terms(WeightsConfig(), shape) | {"class vectors being made": made}

    def works(self, shape: ProblemShape, num_examples: int, **_: Any) -> dict[str, Work]:
        """Of a step ``S (B (2 D + 24) + 12 D)`` and its examples; of a query ``C (13 D + 24)``."""
        batch, dim, samples = shape.batch_size, shape.dim, self.num_samples
        amount = float(samples) * (batch * (2 * dim + LOGIT_VALUES) + _SIGN_VALUES * dim)
        step = Work(
            meaning=f"a gradient step of {batch} examples",
            amount=amount + example_values(shape, FLOAT32_BYTES),
            form="flat in classes, linear in batch x samples x dim",
        )
        made = float(shape.num_classes) * _SIGN_VALUES * dim
        asked = float(shape.num_classes) * (dim + LOGIT_VALUES)
        form = "linear in classes x dim"
        return {
            STEP: step,
            SAVE: save_work(self.model_bytes(shape)),
            OPEN: open_work(0),
            QUERY: query_work(made + asked, form),
            BATCH_QUERY: batch_work(shape, made / shape.query_batch_size + asked, form),
        }
