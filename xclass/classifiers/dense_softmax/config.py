"""Settings of the streamed dense softmax and its closed-form memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from xclass.classifiers.device import Device, law_on
from xclass.classifiers.init import (
    Init,
    check_not_negative,
    check_positive,
    check_share,
    saving_regime,
    starting_regime,
)
from xclass.classifiers.ranks.memory import exchange_terms, kahan_terms, slice_shape
from xclass.classifiers.ranks.traffic import step_bytes
from xclass.classifiers.schedule import Schedule
from xclass.classifiers.weights.config import WeightsConfig
from xclass.classifiers.weights.serving import ServedHead
from xclass.classifiers.work import (
    CLASS_MEANS,
    DENSE_FORM,
    STEP,
    Work,
    example_values,
    logit_values,
    means_work,
)
from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, MemoryLaw, ProblemShape, Regime
from xclass.units import MIB


class Loss(StrEnum):
    """What is minimised."""

    softmax = "softmax"
    """Cross-entropy of the softmax over all classes."""
    one_vs_all = "one_vs_all"
    """Binary cross-entropy of each class on its own: one pass, no normaliser. A logit of 0 means 1 / C."""


_UPDATE_VALUES = 28
"""Multiply-adds that reading a value of the class vectors twice and writing it costs, whatever the batch.
Source: steps with batches of 128 to 1024 in benchmarks/records/projection."""
_BLOCK_MEBIBYTES = {Device.cpu: 4, Device.cuda: 256}


@dataclass(kw_only=True, slots=True)
class DenseSoftmaxConfig(ServedHead):
    """Exact softmax, streamed over class blocks, plain SGD in place: no logits matrix, no gradient."""

    name: ClassVar[str] = "dense_softmax"
    implementation: ClassVar[str] = "xclass.classifiers.dense_softmax.classifier:DenseSoftmax"
    server: ClassVar[str] = "xclass.classifiers.linear_server:LinearServer"
    engine: ClassVar[str] = "torch"
    fit_phase: ClassVar[str] = "train"
    sections: ClassVar[tuple[str, ...]] = ("weights", "device")
    can_shard: ClassVar[bool] = True

    loss: Loss = Loss.softmax
    """softmax or one_vs_all."""
    learning_rate: float = 1.0
    """Step per example: multiplies the gradient of the loss summed over the batch."""
    schedule: Schedule = Schedule.constant
    """constant, linear or cosine: how the learning rate falls while the budget is spent."""
    warm_up_share: float = 0.0
    """Share of the budget during which the learning rate rises from 0, 0 to below 1."""
    weight_decay: float = 0.0
    """L2 penalty of the summed loss: each step takes learning_rate * weight_decay of every class vector."""
    label_smoothing: float = 0.0
    """Share of the true distribution that is spread evenly over all classes, 0 to below 1; softmax only."""
    init: Init = Init.means
    """means or random."""
    block_mebibytes: int | None = None
    """Budget of each thread's block of logits, 1 to 4096 MiB; sets how many classes a block has. null: 4 on a
    CPU, whose caches should hold it, 256 on a GPU, whose products should be large."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        key = f"method.{self.name}"
        check_positive(f"{key}.learning_rate", self.learning_rate, remedy="1.0 is the default")
        check_share(f"{key}.warm_up_share", self.warm_up_share, remedy="0 starts at the full rate")
        check_not_negative(f"{key}.weight_decay", self.weight_decay, remedy="0 is the default")
        check_share(f"{key}.label_smoothing", self.label_smoothing, remedy="0 is the default")
        if self.label_smoothing and self.loss is not Loss.softmax:
            raise ConfigError(
                f"{key}.label_smoothing",
                self.label_smoothing,
                allowed="0 with loss=one_vs_all",
                remedy="smoothing spreads a distribution over classes; use loss=softmax",
            )
        if self.block_mebibytes is not None and not 1 <= self.block_mebibytes <= 4096:
            raise ConfigError(
                f"{key}.block_mebibytes",
                self.block_mebibytes,
                allowed="1 to 4096, or null",
                remedy="null takes what was found best",
            )

    def block_classes(
        self, shape: ProblemShape, *, value_bytes: int = FLOAT32_BYTES, device: Device = Device.cpu
    ) -> int:
        """Classes of one block: as many as keep B logits each within the budget, at least 1."""
        budget = self.block_mebibytes or _BLOCK_MEBIBYTES[device]
        fitting = budget * MIB // (value_bytes * shape.batch_size)
        return max(1, min(shape.num_classes, fitting))

    def memory_law(
        self, shape: ProblemShape, *, weights: WeightsConfig | None = None, device: Device = Device.cpu
    ) -> MemoryLaw:
        """Peak of the host's memory in the train phase: with device=cuda without :meth:`step_terms`."""
        weights = weights or WeightsConfig()
        starting, saving = starting_regime(shape, self.init, weights), saving_regime(shape, weights)
        step = Regime(name="step", components=self.step_terms(shape, weights))
        return law_on(device, MemoryLaw(regimes=(starting, step, saving)), starting, saving)

    def step_terms(
        self, shape: ProblemShape, weights: WeightsConfig, device: Device = Device.cpu
    ) -> dict[str, int]:
        """Bytes of a step where it runs: class vectors and one block per thread; no term grows with B C.

        With V bytes per value, P classes per block and T threads:
        ``V C D + T (V P B + V P D + (V + 4) B D) + 2 * 4 B D``. On a GPU there is one thread, and up to three
        more blocks, in float32, exist while plain torch works on one.
        """
        value = weights.value_bytes
        block = self.block_classes(shape, value_bytes=value, device=device)
        is_cpu = device is Device.cpu
        threads = max(1, min(shape.threads, -(-shape.num_classes // block))) if is_cpu else 1
        batch = shape.batch_size
        per_thread = value * block * (batch + shape.dim) + (value + FLOAT32_BYTES) * batch * shape.dim
        temporary = {} if is_cpu else {"float32 blocks": 3 * FLOAT32_BYTES * block * batch}
        return (
            weights.memory_terms(shape)
            | temporary
            | {
                "blocks of logits and gradient": threads * per_thread,
                "inputs and their gradient": 2 * FLOAT32_BYTES * batch * shape.dim + INT64_BYTES * batch,
            }
        )

    def gpu_bytes(
        self, shape: ProblemShape, *, weights: WeightsConfig | None = None, device: Device = Device.cpu
    ) -> int:
        """Bytes of a step on the GPU; 0 on the CPU."""
        if device is Device.cpu:
            return 0
        return sum(self.step_terms(shape, weights or WeightsConfig(), device).values())

    def rank_law(
        self,
        shape: ProblemShape,
        ranks: int,
        *,
        weights: WeightsConfig | None = None,
        device: Device = Device.cpu,
    ) -> MemoryLaw:
        """The law of the largest slice, and what ranks exchange."""
        weights = weights or WeightsConfig()
        law = self.memory_law(slice_shape(shape, ranks), weights=weights, device=device)
        return law.plus(kahan_terms(weights, shape, ranks) | exchange_terms(shape, ranks))

    def traffic_bytes(
        self, shape: ProblemShape, ranks: int, *_: Any, is_trained: bool = False, **sections: Any
    ) -> int:
        """Sums of exponentials and own logits (with smoothing also of all logits), and for softmax maxima."""
        return step_bytes(
            shape,
            ranks,
            num_sums=3 if self.label_smoothing else 2,
            has_maximum=self.loss is Loss.softmax,
            is_trained=is_trained,
        )

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
        """Of a step ``C (B (D + 24) + 28 D)`` and its examples: products, exponentials, updates."""
        weights = weights or WeightsConfig()
        classes, dim, batch = shape.num_classes, shape.dim, shape.batch_size
        logit = logit_values(weights.value_bytes)
        amount = float(classes) * (batch * (dim + logit) + _UPDATE_VALUES * dim)
        amount += example_values(shape, weights.value_bytes)
        step = Work(meaning=f"a gradient step of {batch} examples", amount=amount, form=DENSE_FORM)
        works = self.saved_works(shape, weights=weights) | {STEP: step}
        return works | ({CLASS_MEANS: means_work(shape, num_examples)} if self.init is Init.means else {})
