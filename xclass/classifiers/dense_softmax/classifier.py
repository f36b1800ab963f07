"""The exact softmax as a method: feed in, class vectors out. The step itself is in ``streamed.py``."""

from __future__ import annotations

from pathlib import Path

import torch

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.dense_softmax.config import DenseSoftmaxConfig
from xclass.classifiers.dense_softmax.streamed import StepSettings, StreamedHead
from xclass.classifiers.device import Device
from xclass.classifiers.gpu import GpuMeter
from xclass.classifiers.kernels.base import TrueClasses
from xclass.classifiers.kernels.load import kernel_facts, load_kernels
from xclass.classifiers.products import single_threaded_products
from xclass.classifiers.schedule import rate_factor
from xclass.classifiers.weights.config import Rounding, WeightsConfig
from xclass.classifiers.weights.table import TORCH_DTYPE, allocate_class_vectors, no_class_vectors
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape

_WARM_UP_VALUES = 1 << 20
"""Of the class vectors that warming up takes a step over, at most, per thread."""


class DenseSoftmax:
    """The method ``dense_softmax``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(
        self,
        config: DenseSoftmaxConfig,
        *,
        shape: ProblemShape,
        encoder: Encoder,
        seed: int,
        weights: WeightsConfig | None = None,
        device: Device = Device.cpu,
    ) -> None:
        """Keep the settings."""
        self._config = config
        self._device = device
        self._weights = weights or WeightsConfig()
        self._shape = shape
        self._encoder = encoder
        self._seed = seed
        self._vectors = no_class_vectors(self._weights, shape.dim)

    def warm_up(self) -> None:
        """One step over a block per thread compiles the kernels, loads the BLAS and starts the threads.

        Blocks of the real size: what the libraries take for their products does not depend on C.
        """
        device = self._device.value
        block_classes = min(self._block_classes(), max(1, _WARM_UP_VALUES // self._shape.dim))
        toy = torch.ones(
            2 * block_classes, self._shape.dim, dtype=TORCH_DTYPE[self._weights.dtype], device=device
        )
        size = self._shape.batch_size
        inputs = torch.ones(size, self._shape.dim, device=device)
        with single_threaded_products():
            head = self._make_head(toy, None, block_classes=block_classes)
            true = TrueClasses.one_each(torch.zeros(size, dtype=torch.int64, device=device), inputs.dtype)
            head.step(inputs, true, StepSettings(learning_rate=0.1))
            head.close()

    def fit(self, feed: Feed) -> FitReport:
        """Start the class vectors, then step until the feed ends.

        Memory:
            the class vectors and one block per thread (see :meth:`DenseSoftmaxConfig.memory_law`).
        """
        self._vectors = allocate_class_vectors(self._weights, self._shape)
        facts = self._vectors.start(self._config.init, feed=feed, seed=self._seed)
        meter = GpuMeter(self._device)
        self._vectors.move_to(self._device)
        block_classes = self._block_classes()
        with single_threaded_products():
            head = self._make_head(
                self._vectors.tensor_CD, self._vectors.lost_KD, block_classes=block_classes
            )
            try:
                report = self._train(head, feed)
            finally:
                head.close()
        report.facts = facts | report.facts | {"block_classes": block_classes}
        report.facts |= {"product_library": head.product_library} | kernel_facts(
            load_kernels(self._device.value)
        )
        report.facts |= meter.facts(
            self._config.gpu_bytes(self._shape, weights=self._weights, device=self._device)
        )
        self._vectors.bring_back()
        return report

    def save(self, folder: Path) -> None:
        """Write the class vectors."""
        self._vectors.save(folder)

    def held_bytes(self) -> dict[str, int]:
        """The class vectors."""
        return self._vectors.held_bytes()

    def _block_classes(self) -> int:
        value_bytes = self._weights.value_bytes
        return self._config.block_classes(self._shape, value_bytes=value_bytes, device=self._device)

    def _make_head(
        self, weights_CD: torch.Tensor, lost_KD: torch.Tensor | None, *, block_classes: int
    ) -> StreamedHead:
        is_stochastic = self._weights.rounding is Rounding.stochastic
        return StreamedHead(
            weights_CD,
            batch_size=self._shape.batch_size,
            block_classes=block_classes,
            threads=self._shape.threads if self._device is Device.cpu else 1,
            kernels=load_kernels(self._device.value)[0],
            loss=self._config.loss,
            lost_KD=lost_KD,
            seed=self._seed if is_stochastic else None,
        )

    def _train(self, head: StreamedHead, feed: Feed) -> FitReport:
        config = self._config
        examples_seen = steps = 0
        loss = float("nan")
        for features, classes in feed.steps():
            inputs_BD = torch.from_numpy(self._encoder.encode(features)).to(self._device.value)
            factor = rate_factor(config.schedule, feed.share_spent(), config.warm_up_share)
            losses_B, gradient_BD = head.step(
                inputs_BD,
                TrueClasses.one_each(torch.from_numpy(classes).to(self._device.value), inputs_BD.dtype),
                StepSettings(
                    learning_rate=config.learning_rate * factor,
                    weight_decay=config.weight_decay,
                    label_smoothing=config.label_smoothing,
                    needs_input_gradient=self._encoder.is_trainable,
                ),
            )
            if gradient_BD is not None:
                self._encoder.apply_gradient(features, gradient_BD.cpu().numpy())
            examples_seen += len(classes)
            steps += 1
            loss = float(losses_B.mean())
        facts = {"loss": config.loss.value, "steps": steps, "last_loss": loss if steps else None}
        return FitReport(examples_seen=examples_seen, facts=facts)
