"""Settings of the sampled softmax and its closed-form memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from xclass.classifiers.init import Init, check_positive, saving_regime, starting_regime
from xclass.classifiers.weights.config import WeightsConfig
from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, MemoryLaw, ProblemShape, Regime


class SamplerKind(StrEnum):
    """The law that negatives are drawn from."""

    uniform = "uniform"
    log_uniform = "log_uniform"
    frequency = "frequency"


@dataclass(kw_only=True, slots=True)
class SampledSoftmaxConfig:
    """Negatives shared by the batch, logQ on negatives, row-wise Adagrad on the touched rows only."""

    name: ClassVar[str] = "sampled_softmax"
    implementation: ClassVar[str] = "xclass.classifiers.sampled_softmax.classifier:SampledSoftmax"
    server: ClassVar[str] = "xclass.classifiers.linear_server:LinearServer"
    engine: ClassVar[str] = "torch"
    fit_phase: ClassVar[str] = "train"
    is_mapped: ClassVar[bool] = True
    sections: ClassVar[tuple[str, ...]] = ("weights",)

    learning_rate: float = 0.1
    """Step of row-wise Adagrad: about the root-mean-square change of a row's values at its first touch."""
    init: Init = Init.means
    """means or random."""
    sampler: SamplerKind = SamplerKind.log_uniform
    """uniform, log_uniform or frequency (training frequency to the power ``frequency_power``)."""
    frequency_power: float = 0.75
    """Only for sampler=frequency, 0 to 1."""
    num_samples: int = 4096
    """Negatives per batch, shared by its examples, drawn with replacement; 1 to 2**20."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        check_positive(
            "method.sampled_softmax.learning_rate", self.learning_rate, remedy="0.1 is the default"
        )
        if not 1 <= self.num_samples <= 1 << 20:
            raise ConfigError(
                "method.sampled_softmax.num_samples",
                self.num_samples,
                allowed="1 to 1048576",
                remedy="4096 is the default",
            )
        if not 0.0 <= self.frequency_power <= 1.0:
            raise ConfigError(
                "method.sampled_softmax.frequency_power",
                self.frequency_power,
                allowed="0 (uniform) to 1 (as in training)",
                remedy="0.75 is the default",
            )

    def memory_law(self, shape: ProblemShape, *, weights: WeightsConfig | None = None) -> MemoryLaw:
        """Peak of the train phase: ``4 C D + 4 C``, and scratch of the touched rows that ignores C."""
        rows = min(shape.num_classes, shape.batch_size + self.num_samples)
        weights = weights or WeightsConfig()
        kept = weights.memory_terms(shape)
        if self.sampler is SamplerKind.frequency:
            kept["sampler table"] = INT64_BYTES * shape.num_classes
        step = {
            **kept,
            "row state": FLOAT32_BYTES * shape.num_classes,
            "touched rows": 4 * FLOAT32_BYTES * rows * shape.dim,
            "sampled logits and hit mask": (FLOAT32_BYTES + 1) * shape.batch_size * self.num_samples,
        }
        regimes = [starting_regime(shape, self.init, weights), Regime(name="step", components=step)]
        if self.sampler is SamplerKind.frequency:
            table = {**kept, "class counts and their powers": 2 * INT64_BYTES * shape.num_classes}
            regimes.append(Regime(name="sampler table", components=table))
        return MemoryLaw(regimes=(*regimes, saving_regime(shape, weights)))

    def model_bytes(self, shape: ProblemShape, *, weights: WeightsConfig | None = None) -> int:
        """Bytes of the saved class vectors: ``4 C D``."""
        return (weights or WeightsConfig()).model_bytes(shape)
