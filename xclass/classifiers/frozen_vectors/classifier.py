"""Frozen class vectors: the encoder's table, or a D x D map where there is none, learns to point at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.frozen_vectors.config import KIND, MAP_FILE, FrozenVectorsConfig
from xclass.classifiers.frozen_vectors.signs import SignVectors
from xclass.classifiers.frozen_vectors.step import input_gradient
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.row_adagrad import adagrad_rows
from xclass.classifiers.sampled_softmax.samplers import UniformSampler
from xclass.classifiers.stepping import take_steps
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape


class FrozenVectors:
    """The method ``frozen_vectors``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(
        self, config: FrozenVectorsConfig, *, shape: ProblemShape, encoder: Encoder, seed: int, **_: Any
    ) -> None:
        """Keep the settings."""
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._seed = seed
        self._map_DD = np.zeros((0, shape.dim), np.float32)
        self._state_D = np.zeros(0, np.float32)

    def warm_up(self) -> None:
        """One step on a toy size loads the products and starts their threads."""
        input_gradient(
            SignVectors(dim=64, seed=0),
            np.ones((256, 64), np.float32),
            np.arange(256),
            sampler=UniformSampler(256),
            num_samples=256,
            generator=np.random.default_rng(0),
        )

    def fit(self, feed: Feed) -> FitReport:
        """Step until the feed ends.

        Memory:
            see :meth:`FrozenVectorsConfig.memory_law`; nothing grows with C.
        """
        self._map_DD = np.eye(self._shape.dim, dtype=np.float32)
        self._state_D = np.zeros(self._shape.dim, np.float32)
        with threadpool_limits(self._shape.threads, user_api="blas"):
            return self._train(feed)

    def save(self, folder: Path) -> None:
        """Write the map; the class vectors follow from the seed."""
        save_array(folder / MAP_FILE, self._map_DD)
        shape = {"num_classes": self._shape.num_classes, "dim": self._shape.dim}
        facts = {"seed": self._seed, "num_named_classes": self._shape.num_classes}
        write_manifest(folder, kind=KIND, shape=shape, facts=facts)

    def held_bytes(self) -> dict[str, int]:
        """The map and its state: no class vectors."""
        return {"map of inputs": self._map_DD.nbytes, "map state": self._state_D.nbytes}

    def _train(self, feed: Feed) -> FitReport:
        vectors = SignVectors(dim=self._shape.dim, seed=self._seed)
        sampler = UniformSampler(self._shape.num_classes)
        generator = np.random.Generator(np.random.Philox(key=self._seed & 0xFFFFFFFFFFFFFFFF))
        learns_map = not self._encoder.is_trainable

        def step(
            inputs_BD: FloatArray, classes_B: IntArray, learning_rate: float
        ) -> tuple[float, FloatArray | None]:
            loss, gradient_BD = input_gradient(
                vectors,
                inputs_BD @ self._map_DD.T if learns_map else inputs_BD,
                classes_B,
                sampler=sampler,
                num_samples=self._config.num_samples,
                generator=generator,
            )
            if not learns_map:
                return loss, gradient_BD
            self._learn_map(inputs_BD, gradient_BD, learning_rate)
            return loss, None

        return take_steps(feed, self._encoder, self._config, step, loss_name="last_sampled_loss")

    def _learn_map(self, inputs_BD: FloatArray, gradient_BD: FloatArray, learning_rate: float) -> None:
        adagrad_rows(self._map_DD, self._state_D, slice(None), gradient_BD.T @ inputs_BD, learning_rate)
