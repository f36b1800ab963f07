"""torch's adaptive softmax as a method: its layers, the gradient by autograd, row-wise Adagrad in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from xclass.classifiers.adaptive_softmax.clusters import Clusters
from xclass.classifiers.adaptive_softmax.config import KIND, AdaptiveSoftmaxConfig
from xclass.classifiers.adaptive_softmax.layers import Layers
from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.model_folder import WEIGHTS, save_array, write_manifest
from xclass.classifiers.row_adagrad import adagrad_rows
from xclass.classifiers.stepping import take_steps
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape


class AdaptiveSoftmax:
    """The method ``adaptive_softmax``; a :class:`xclass.classifiers.base.Classifier`.

    Classes are in order of falling frequency, as torch wants them.
    """

    def __init__(
        self, config: AdaptiveSoftmaxConfig, *, shape: ProblemShape, encoder: Encoder, seed: int, **_: Any
    ) -> None:
        """Keep the settings."""
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._seed = seed
        self._weights = np.zeros(0, np.float32)
        self._state = np.zeros(0, np.float32)

    def warm_up(self) -> None:
        """One step on a toy size loads autograd and the products."""
        module = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs=[4])
        inputs_BD = torch.ones(12, 8, requires_grad=True)
        (-module(inputs_BD, torch.arange(12)).output.sum()).backward()

    def fit(self, feed: Feed) -> FitReport:
        """Draw the layers, then step until the feed ends.

        Memory:
            see :meth:`AdaptiveSoftmaxConfig.memory_law`.
        """
        config = self._config
        clusters = config.clusters(self._shape.num_classes, self._shape.dim)
        self._weights = np.empty(clusters.num_weights, np.float32)
        self._state = np.zeros(clusters.num_rows, np.float32)
        module = self._make_module(Layers.of(self._weights, clusters), clusters)

        def step(
            vectors_BD: FloatArray, classes_B: IntArray, learning_rate: float
        ) -> tuple[float, FloatArray | None]:
            return self._step(module, vectors_BD, classes_B, learning_rate)

        return take_steps(feed, self._encoder, config, step)

    def save(self, folder: Path) -> None:
        """Write all layers behind each other."""
        save_array(folder / WEIGHTS, self._weights)
        clusters = self._config.clusters(self._shape.num_classes, self._shape.dim)
        shape = {"num_classes": self._shape.num_classes, "dim": self._shape.dim}
        facts = {"cutoffs": list(clusters.cutoffs), "dims": list(clusters.dims)}
        write_manifest(folder, kind=KIND, shape=shape, facts=facts)

    def held_bytes(self) -> dict[str, int]:
        """The layers, and one value of state per row of each."""
        return {
            "class vectors of clusters": self._weights.nbytes,
            "row state": self._state.nbytes,
        }

    def _make_module(self, layers: Layers, clusters: Clusters) -> torch.nn.AdaptiveLogSoftmaxWithLoss:
        """The module over our memory, started as torch starts its layers: evenly within 1 / sqrt(inputs)."""
        generator = np.random.Generator(np.random.Philox(key=self._seed & 0xFFFFFFFFFFFFFFFF))
        for layer in layers.all():
            generator.random(out=layer, dtype=np.float32)
            layer -= np.float32(0.5)
            layer *= np.float32(2 * layer.shape[1] ** -0.5)
        module = torch.nn.AdaptiveLogSoftmaxWithLoss(
            clusters.dim,
            self._shape.num_classes,
            cutoffs=list(clusters.cutoffs),
            div_value=self._config.div_value,
            device="meta",
        )
        module.head.weight = torch.nn.Parameter(torch.from_numpy(layers.head_ND))
        for tail, pair in zip(module.tail.children(), layers.tails, strict=True):
            for linear, layer in zip(tail.children(), pair, strict=True):
                linear.weight = torch.nn.Parameter(torch.from_numpy(layer))
        return module

    def _step(
        self,
        module: torch.nn.AdaptiveLogSoftmaxWithLoss,
        vectors_BD: FloatArray,
        classes_B: IntArray,
        learning_rate: float,
    ) -> tuple[float, FloatArray | None]:
        """One step on the summed loss; the loss per example before it, and the gradient at the inputs."""
        inputs_BD = torch.from_numpy(vectors_BD).requires_grad_(self._encoder.is_trainable)
        loss = -module(inputs_BD, torch.from_numpy(classes_B)).output.sum()
        loss.backward()
        first = 0
        for weights in module.parameters():
            state = self._state[first : first + len(weights)]
            first += len(weights)
            if weights.grad is not None:
                layer, gradient = weights.detach().numpy(), weights.grad.numpy()
                adagrad_rows(layer, state, slice(None), gradient, learning_rate)
                weights.grad = None
        gradient_BD = None if inputs_BD.grad is None else inputs_BD.grad.numpy()
        return float(loss.detach()) / len(classes_B), gradient_BD
