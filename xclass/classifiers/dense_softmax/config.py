"""Settings of the streamed dense softmax and its closed-form memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xclass.classifiers.init import Init, check_positive, saving_regime, starting_regime
from xclass.classifiers.weights.config import WeightsConfig
from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, MemoryLaw, ProblemShape, Regime
from xclass.units import MIB


@dataclass(kw_only=True, slots=True)
class DenseSoftmaxConfig:
    """Exact softmax, streamed over class blocks, plain SGD in place: no logits matrix, no gradient."""

    name: ClassVar[str] = "dense_softmax"
    implementation: ClassVar[str] = "xclass.classifiers.dense_softmax.classifier:DenseSoftmax"
    server: ClassVar[str] = "xclass.classifiers.linear_server:LinearServer"
    engine: ClassVar[str] = "torch"
    fit_phase: ClassVar[str] = "train"
    is_mapped: ClassVar[bool] = True
    sections: ClassVar[tuple[str, ...]] = ("weights",)

    learning_rate: float = 1.0
    """Step per example: multiplies the gradient of the loss summed over the batch."""
    init: Init = Init.means
    """means or random."""
    block_mebibytes: int = 8
    """Budget of one block of logits, 1 to 4096 MiB; sets how many classes a block has."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        check_positive("method.dense_softmax.learning_rate", self.learning_rate, remedy="1.0 is the default")
        if not 1 <= self.block_mebibytes <= 4096:
            raise ConfigError(
                "method.dense_softmax.block_mebibytes",
                self.block_mebibytes,
                allowed="1 to 4096",
                remedy="8 is the default",
            )

    def block_classes(self, shape: ProblemShape) -> int:
        """Classes of one block: as many as keep B logits each within the budget, at least 1."""
        fitting = self.block_mebibytes * MIB // (FLOAT32_BYTES * shape.batch_size)
        return max(1, min(shape.num_classes, fitting))

    def memory_law(self, shape: ProblemShape, *, weights: WeightsConfig | None = None) -> MemoryLaw:
        """Peak of the train phase: ``4 C D`` and one block of logits; no term grows with B C."""
        step = {
            "class vectors": shape.class_vectors_bytes,
            "block of logits": FLOAT32_BYTES * shape.batch_size * self.block_classes(shape),
            "inputs and their gradient": 3 * FLOAT32_BYTES * shape.batch_size * shape.dim,
        }
        return MemoryLaw(
            regimes=(
                starting_regime(shape, self.init),
                Regime(name="step", components=step),
                saving_regime(shape),
            )
        )

    def model_bytes(self, shape: ProblemShape, *, weights: WeightsConfig | None = None) -> int:
        """Bytes of the saved class vectors: ``4 C D``."""
        return (weights or WeightsConfig()).model_bytes(shape)
