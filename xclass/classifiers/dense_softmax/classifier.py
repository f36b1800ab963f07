"""The exact softmax as a method: feed in, class vectors out. The step itself is in ``streamed.py``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.dense_softmax.config import DenseSoftmaxConfig
from xclass.classifiers.dense_softmax.state import DenseState
from xclass.classifiers.dense_softmax.streamed import StepSettings, StreamedHead
from xclass.classifiers.device import Device
from xclass.classifiers.gpu import GpuMeter
from xclass.classifiers.kernels.base import TrueClasses
from xclass.classifiers.kernels.load import kernel_facts, load_kernels
from xclass.classifiers.products import single_threaded_products
from xclass.classifiers.ranks.checkpoints import problem_of
from xclass.classifiers.ranks.keeper import Checkpoints, Keeper, open_keeper
from xclass.classifiers.ranks.ranks import SINGLE_RANK, Ranks, own_classes, rank_facts
from xclass.classifiers.stepping import take_steps
from xclass.classifiers.weights.config import Rounding, WeightsConfig, WeightStorage
from xclass.classifiers.weights.table import ClassVectors, allocate_class_vectors, no_class_vectors
from xclass.data.base import FloatArray, IntArray
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
        ranks: Ranks = SINGLE_RANK,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        """Keep the settings."""
        self._ranks = ranks
        self._checkpoints = checkpoints
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
        toy = allocate_class_vectors(
            replace(self._weights, storage=WeightStorage.memory),
            replace(self._shape, num_classes=2 * block_classes),
        )
        toy.move_to(self._device)
        size = self._shape.batch_size
        inputs = torch.ones(size, self._shape.dim, device=device)
        with single_threaded_products():
            head = self._make_head(toy, SINGLE_RANK, block_classes=block_classes)
            true = TrueClasses.one_each(torch.zeros(size, dtype=torch.int64, device=device), inputs.dtype)
            head.step(inputs, true, StepSettings(learning_rate=0.1))
            head.close()

    def fit(self, feed: Feed) -> FitReport:
        """Start the class vectors of this rank, then step until the feed ends.

        Memory:
            the class vectors and one block per thread (see :meth:`DenseSoftmaxConfig.memory_law`).
        """
        ranks, encoder, device = self._ranks, self._encoder, self._device
        keeper = open_keeper(self._checkpoints, encoder=encoder, feed=feed, ranks=ranks, device=device)
        classes = own_classes(ranks, self._shape.num_classes)
        self._vectors = allocate_class_vectors(self._weights, self._shape, classes)
        facts: dict[str, Any] = {}
        if keeper is None or keeper.found is None:
            facts = self._vectors.start(self._config.init, feed=feed, seed=self._seed, ranks=ranks)
        meter = GpuMeter(self._device)
        self._vectors.move_to(self._device)
        block_classes = self._block_classes()
        with single_threaded_products():
            head = self._make_head(self._vectors, ranks, block_classes=block_classes)
            try:
                report = self._train(head, feed, keeper)
            finally:
                head.close()
        report.facts = facts | report.facts | {"block_classes": block_classes} | rank_facts(ranks, classes)
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
        self._vectors.save(folder, self._ranks)

    def held_bytes(self) -> dict[str, int]:
        """The class vectors."""
        return self._vectors.held_bytes()

    def _block_classes(self) -> int:
        value_bytes = self._weights.value_bytes
        return self._config.block_classes(self._shape, value_bytes=value_bytes, device=self._device)

    def _make_head(self, vectors: ClassVectors, ranks: Ranks, *, block_classes: int) -> StreamedHead:
        is_stochastic = self._weights.rounding is Rounding.stochastic
        return StreamedHead(
            vectors.tensor_CD,
            batch_size=self._shape.batch_size,
            block_classes=block_classes,
            threads=self._shape.threads if self._device is Device.cpu else 1,
            kernels=load_kernels(self._device.value)[0],
            loss=self._config.loss,
            lost_KD=vectors.lost_KD,
            seed=self._seed if is_stochastic else None,
            ownership=vectors.ownership(ranks),
        )

    def _train(self, head: StreamedHead, feed: Feed, keeper: Keeper | None) -> FitReport:
        config, device = self._config, self._device.value

        def step(inputs: FloatArray, classes: IntArray, rate: float) -> tuple[float, FloatArray | None]:
            inputs_BD = torch.from_numpy(inputs).to(device)
            settings = StepSettings(
                learning_rate=rate,
                weight_decay=config.weight_decay,
                label_smoothing=config.label_smoothing,
                needs_input_gradient=self._encoder.is_trainable,
            )
            true = TrueClasses.one_each(torch.from_numpy(classes).to(device), inputs_BD.dtype)
            losses_B, gradient_BD = head.step(inputs_BD, true, settings)
            return float(losses_B.mean()), None if gradient_BD is None else gradient_BD.cpu().numpy()

        problem = problem_of(config.name, self._shape, self._weights, self._seed)
        state = DenseState(self._vectors, head, problem)
        report = take_steps(feed, self._encoder, config, step, ranks=self._ranks, keeper=keeper, head=state)
        report.facts["loss"] = config.loss.value
        return report
