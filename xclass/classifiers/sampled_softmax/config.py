"""Settings of the sampled softmax. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from xclass.classifiers.device import Device
from xclass.classifiers.init import Init, check_not_negative, check_positive, check_share
from xclass.classifiers.nearest_neighbour.index_kind import IndexKind, parse_index_kind
from xclass.classifiers.ranks.traffic import found_bytes, step_bytes
from xclass.classifiers.schedule import Schedule
from xclass.classifiers.weights.config import WeightsConfig
from xclass.classifiers.weights.serving import ServedHead
from xclass.classifiers.work import Work
from xclass.errors import ConfigError, check_range
from xclass.shapes import MemoryLaw, ProblemShape

HARD_INDEX_KEY = "method.sampled_softmax.hard_index"
_MAX_SAMPLES = 1 << 20


class SamplerKind(StrEnum):
    """Where negatives come from."""

    uniform = "uniform"
    log_uniform = "log_uniform"
    """Zipf's law over the class numbers, which are in order of falling frequency."""
    frequency = "frequency"
    """Training frequency to the power ``frequency_power``, from an alias table."""
    in_batch = "in_batch"
    """The classes of the other examples; their frequency is estimated while batches stream by."""
    mixed_uniform = "mixed_uniform"
    """in_batch and uniform."""
    mixed_frequency = "mixed_frequency"
    """in_batch and frequency."""

    @property
    def has_batch(self) -> bool:
        """The classes of the batch are negatives."""
        return self in (SamplerKind.in_batch, SamplerKind.mixed_uniform, SamplerKind.mixed_frequency)

    @property
    def has_table(self) -> bool:
        """Draws from an alias table."""
        return self in (SamplerKind.frequency, SamplerKind.mixed_frequency)


@dataclass(kw_only=True, slots=True)
class SampledSoftmaxConfig(ServedHead):
    """Negatives shared by the batch, logQ on negatives, row-wise Adagrad on the touched rows only."""

    name: ClassVar[str] = "sampled_softmax"
    implementation: ClassVar[str] = "xclass.classifiers.sampled_softmax.classifier:SampledSoftmax"
    server: ClassVar[str] = "xclass.classifiers.linear_server:LinearServer"
    engine: ClassVar[str] = "torch"
    fit_phase: ClassVar[str] = "train"
    sections: ClassVar[tuple[str, ...]] = ("weights", "device")
    can_shard: ClassVar[bool] = True

    learning_rate: float = 0.1
    """Step of row-wise Adagrad: about the root-mean-square change of a row's values at its first touch."""
    schedule: Schedule = Schedule.constant
    """constant, linear or cosine: how the learning rate falls while the budget is spent."""
    warm_up_share: float = 0.0
    """Share of the budget during which the learning rate rises from 0, 0 to below 1."""
    weight_decay: float = 0.0
    """Each step takes learning_rate * weight_decay of the rows it touches; rows that are not touched do not
    decay."""
    init: Init = Init.means
    """means or random."""
    sampler: SamplerKind = SamplerKind.log_uniform
    """uniform, log_uniform, frequency, in_batch, mixed_uniform or mixed_frequency."""
    frequency_power: float = 0.75
    """Only where the sampler has ``frequency`` in its name, 0 to 1."""
    streaming_rate: float = 0.05
    """Only for in_batch and mixed_*: weight of the newest gap in the average of steps between two batches
    that hold a class, above 0 to 1."""
    num_samples: int = 4096
    """Negatives drawn at random per batch, with replacement, shared by its examples; 1 to 2**20. Without
    effect on in_batch."""
    num_hard: int = 0
    """Hard negatives per batch besides, from an index of the class vectors; 0 to 2**16, 0: none."""
    hard_index: str = "IVF1024,SQ8"
    """FAISS factory string of that index; graphs (HNSW) are not offered, they fail on raw inner products."""
    hard_refresh_steps: int = 1000
    """Steps after which that index is built anew, at least 1."""
    hard_num_probes: int = 8
    """Lists of that index searched per query, 1 to 65536."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        key = f"method.{self.name}"
        check_positive(f"{key}.learning_rate", self.learning_rate, remedy="0.1 is the default")
        check_share(f"{key}.warm_up_share", self.warm_up_share, remedy="0 starts at the full rate")
        check_not_negative(f"{key}.weight_decay", self.weight_decay, remedy="0 is the default")
        check_positive(f"{key}.streaming_rate", self.streaming_rate, remedy="0.05 is the default")
        self._check("streaming_rate", 0.0, 1.0, default="0.05", words="above 0 to 1")
        self._check("frequency_power", 0.0, 1.0, default="0.75", words="0 (uniform) to 1 (as in training)")
        self._check("num_samples", 1, _MAX_SAMPLES, default="4096")
        self._check("num_hard", 0, 1 << 16, default="0")
        self._check("hard_refresh_steps", 1, 1 << 31, default="1000")
        self._check("hard_num_probes", 1, 1 << 16, default="8")
        if self.hard_kind.num_links:
            raise ConfigError(
                HARD_INDEX_KEY, self.hard_index, allowed="an index without a graph", remedy="use IVF1024,SQ8"
            )

    def _check(self, name: str, low: float, high: float, *, default: str, words: str | None = None) -> None:
        remedy = f"{default} is the default"
        check_range(
            f"method.{self.name}.{name}", getattr(self, name), low, high, remedy=remedy, allowed=words
        )

    @property
    def hard_kind(self) -> IndexKind:
        """The parsed factory string.

        Raises:
            ConfigError: a kind without a closed form here.
        """
        return parse_index_kind(self.hard_index, key=HARD_INDEX_KEY)

    def memory_law(
        self, shape: ProblemShape, *, weights: WeightsConfig | None = None, device: Device = Device.cpu
    ) -> MemoryLaw:
        """Peak of the host: see :func:`xclass.classifiers.sampled_softmax.memory.training_law`."""
        from xclass.classifiers.sampled_softmax.memory import training_law

        return training_law(self, shape, weights or WeightsConfig(), device)

    def gpu_bytes(
        self, shape: ProblemShape, *, weights: WeightsConfig | None = None, device: Device = Device.cpu
    ) -> int:
        """Bytes of a step on the GPU; 0 on the CPU."""
        from xclass.classifiers.sampled_softmax.memory import step_terms

        if device is Device.cpu:
            return 0
        return sum(step_terms(self, shape, weights or WeightsConfig()).values())

    def rank_law(
        self,
        shape: ProblemShape,
        ranks: int,
        *,
        weights: WeightsConfig | None = None,
        device: Device = Device.cpu,
    ) -> MemoryLaw:
        """See :func:`xclass.classifiers.sampled_softmax.memory.rank_law`."""
        from xclass.classifiers.sampled_softmax.memory import rank_law

        return rank_law(self, shape, ranks, weights or WeightsConfig(), device)

    def traffic_bytes(
        self, shape: ProblemShape, ranks: int, *_: Any, is_trained: bool = False, **sections: Any
    ) -> int:
        """Maxima, sums of exponentials and own logits; with hard negatives also what each rank finds."""
        from xclass.classifiers.sampled_softmax.memory import num_found

        traffic = step_bytes(shape, ranks, num_sums=2, has_maximum=True, is_trained=is_trained)
        return traffic + found_bytes(ranks, num_found(self, shape.batch_size))

    def model_bytes(self, shape: ProblemShape, *, weights: WeightsConfig | None = None, **_: Any) -> int:
        """Bytes of the saved class vectors."""
        return (weights or WeightsConfig()).model_bytes(shape)

    def works(
        self,
        shape: ProblemShape,
        num_examples: int,
        *,
        weights: WeightsConfig | None = None,
        device: Device = Device.cpu,
    ) -> dict[str, Work]:
        """See :func:`xclass.classifiers.sampled_softmax.work.training_works`."""
        from xclass.classifiers.sampled_softmax.work import training_works

        weights = weights or WeightsConfig()
        return self.saved_works(shape, weights=weights) | training_works(self, shape, num_examples, weights)
