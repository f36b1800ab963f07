"""Settings of the plain torch softmax and its closed-form memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from xclass.classifiers.device import Device, law_on
from xclass.classifiers.init import Init, check_positive, saving_regime, starting_regime
from xclass.classifiers.weights.config import WeightsConfig
from xclass.classifiers.weights.serving import ServedHead
from xclass.classifiers.work import CLASS_MEANS, DENSE_FORM, STEP, Work, means_work
from xclass.shapes import FLOAT32_BYTES, MemoryLaw, ProblemShape, Regime

_VALUE_PRODUCTS = 90
"""Multiply-adds that moving one value to or from memory costs.

Source: steps with batches of 16 to 128 in benchmarks/records/projection.
"""
_LOGIT_MOVES = 28
"""Of one logit: logits, log-probabilities and their gradient are written and read by operations of torch."""


class Optimizer(StrEnum):
    """torch.optim's optimiser with its default settings but for the learning rate."""

    adam = "adam"
    sgd = "sgd"


@dataclass(kw_only=True, slots=True)
class DenseSoftmaxAutogradConfig(ServedHead):
    """Linear layer, cross_entropy, backward, optimiser step: all logits, gradients and state are held."""

    name: ClassVar[str] = "dense_softmax_autograd"
    implementation: ClassVar[str] = (
        "xclass.classifiers.dense_softmax_autograd.classifier:DenseSoftmaxAutograd"
    )
    server: ClassVar[str] = "xclass.classifiers.linear_server:LinearServer"
    engine: ClassVar[str] = "torch"
    fit_phase: ClassVar[str] = "train"
    sections: ClassVar[tuple[str, ...]] = ("device",)

    optimizer: Optimizer = Optimizer.adam
    """adam or sgd."""
    learning_rate: float = 0.01
    """adam: its own; sgd: step per example, multiplies the gradient of the summed loss."""
    init: Init = Init.means
    """means or random."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        check_positive(
            "method.dense_softmax_autograd.learning_rate", self.learning_rate, remedy="0.01 is the default"
        )

    def memory_law(self, shape: ProblemShape, *, device: Device = Device.cpu) -> MemoryLaw:
        """Peak of the host's memory in the train phase: with device=cuda without :meth:`step_regimes`."""
        weights = WeightsConfig()
        starting, saving = starting_regime(shape, self.init, weights), saving_regime(shape, weights)
        law = MemoryLaw(regimes=(starting, *self.step_regimes(shape), saving))
        return law_on(device, law, starting, saving)

    def step_regimes(self, shape: ProblemShape) -> tuple[Regime, Regime]:
        """Bytes of a step where it runs, with P = 4 C D and L = 4 B C.

        adam: max(3P + 3L, 6P); sgd: max(P + 3L, 2P + L).

        Source: measured on torch 2.13 CPU in 11 (D, B, optimiser) cases within 1.5 % by the authors of this
        project; tests/run/test_memory_laws.py repeats it. 3L: logits, log-probabilities, their gradient.
        6P: weights, gradient, two moments and two temporaries of the for-loop Adam step.
        """
        p_bytes = shape.class_vectors_bytes
        l_bytes = FLOAT32_BYTES * shape.batch_size * shape.num_classes
        is_adam = self.optimizer is Optimizer.adam
        backward = {"class vectors": p_bytes, "logits, log-probabilities, gradient": 3 * l_bytes}
        if is_adam:
            backward["Adam moments"] = 2 * p_bytes
            step = {"class vectors": p_bytes, "gradient": p_bytes, "Adam moments": 2 * p_bytes}
            step["temporaries of the Adam step"] = 2 * p_bytes
        else:
            step = {"class vectors": p_bytes, "gradient": p_bytes, "logits": l_bytes}
        return (Regime(name="backward", components=backward), Regime(name="optimiser step", components=step))

    def gpu_bytes(self, shape: ProblemShape, *, device: Device = Device.cpu) -> int:
        """Bytes of a step on the GPU; 0 on the CPU."""
        if device is Device.cpu:
            return 0
        return max(regime.total_bytes for regime in self.step_regimes(shape))

    def model_bytes(self, shape: ProblemShape, **_: Any) -> int:
        """Bytes of the saved class vectors: ``4 C D``."""
        return shape.class_vectors_bytes

    def works(self, shape: ProblemShape, num_examples: int, **_: Any) -> dict[str, Work]:
        """Of a step ``3 B C D`` multiply-adds, and values moved: 28 per logit, 20 (sgd: 5) per class value.

        Source: torch/optim/adam.py, ``_single_tensor_adam``: eight operations, each reads and writes whole
        tensors; sgd has one.
        """
        logits = float(shape.batch_size) * shape.num_classes
        values = float(shape.num_classes) * shape.dim
        moved = _LOGIT_MOVES * logits + (20 if self.optimizer is Optimizer.adam else 5) * values
        step = Work(
            meaning=f"a gradient step of {shape.batch_size} examples",
            amount=3 * logits * shape.dim + _VALUE_PRODUCTS * moved,
            form=DENSE_FORM,
        )
        works = self.saved_works(shape) | {STEP: step}
        return works | ({CLASS_MEANS: means_work(shape, num_examples)} if self.init is Init.means else {})
