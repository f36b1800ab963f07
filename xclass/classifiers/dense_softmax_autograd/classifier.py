"""Exact softmax with torch.autograd: short, and the yardstick for what streaming saves."""

from __future__ import annotations

from pathlib import Path

import torch

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.dense_softmax_autograd.config import DenseSoftmaxAutogradConfig, Optimizer
from xclass.classifiers.device import Device
from xclass.classifiers.gpu import GpuMeter
from xclass.classifiers.weights.config import WeightsConfig
from xclass.classifiers.weights.table import allocate_class_vectors, no_class_vectors
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape


class DenseSoftmaxAutograd:
    """The method ``dense_softmax_autograd``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(
        self,
        config: DenseSoftmaxAutogradConfig,
        *,
        shape: ProblemShape,
        encoder: Encoder,
        seed: int,
        device: Device = Device.cpu,
    ) -> None:
        """Keep the settings."""
        self._config = config
        self._device = device
        self._shape = shape
        self._encoder = encoder
        self._seed = seed
        self._vectors = no_class_vectors(WeightsConfig(), shape.dim)

    def warm_up(self) -> None:
        """One step on a toy size loads the kernels and the autograd engine."""
        device = self._device.value
        weights = torch.ones(512, 64, requires_grad=True, device=device)
        optimizer = self._optimizer(weights)
        self._step(weights, optimizer, torch.ones(64, 64, device=device), torch.arange(64, device=device))

    def fit(self, feed: Feed) -> FitReport:
        """Start the class vectors, then step until the feed ends.

        Memory:
            see :meth:`DenseSoftmaxAutogradConfig.memory_law`.
        """
        self._vectors = allocate_class_vectors(WeightsConfig(), self._shape)
        facts = self._vectors.start(self._config.init, feed=feed, seed=self._seed)
        meter, device = GpuMeter(self._device), self._device.value
        self._vectors.move_to(self._device)
        weights_CD = self._vectors.tensor_CD.requires_grad_()
        optimizer = self._optimizer(weights_CD)
        examples_seen = steps = 0
        loss = float("nan")
        for features, classes in feed.steps():
            inputs_BD = torch.from_numpy(self._encoder.encode(features)).to(device)
            inputs_BD.requires_grad_(self._encoder.is_trainable)
            loss = self._step(weights_CD, optimizer, inputs_BD, torch.from_numpy(classes).to(device))
            if inputs_BD.grad is not None:
                self._encoder.apply_gradient(features, inputs_BD.grad.cpu().numpy())
            examples_seen += len(classes)
            steps += 1
        facts |= {"steps": steps, "last_loss": loss if steps else None}
        facts["optimizer"] = self._config.optimizer.value
        weights_CD.requires_grad_(False)
        weights_CD.grad = None  # else it stays for as long as the class vectors do
        facts |= meter.facts(self._config.gpu_bytes(self._shape, device=self._device))
        self._vectors.bring_back()
        return FitReport(examples_seen=examples_seen, facts=facts)

    def save(self, folder: Path) -> None:
        """Write the class vectors."""
        self._vectors.save(folder)

    def held_bytes(self) -> dict[str, int]:
        """The class vectors; gradient and optimiser state are gone when the fit ends."""
        return self._vectors.held_bytes()

    def _optimizer(self, weights_CD: torch.Tensor) -> torch.optim.Optimizer:
        kind = torch.optim.Adam if self._config.optimizer is Optimizer.adam else torch.optim.SGD
        return kind([weights_CD], lr=self._config.learning_rate)

    def _step(
        self,
        weights_CD: torch.Tensor,
        optimizer: torch.optim.Optimizer,
        inputs_BD: torch.Tensor,
        classes_B: torch.Tensor,
    ) -> float:
        logits_BC = torch.nn.functional.linear(inputs_BD, weights_CD)
        loss = torch.nn.functional.cross_entropy(logits_BC, classes_B, reduction="sum")
        optimizer.zero_grad(set_to_none=True)
        del logits_BC
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach()) / len(classes_B)
