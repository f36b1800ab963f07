"""MACH: R softmax heads over M buckets each, trained beside each other; no torch anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.mach.config import KIND, MachConfig
from xclass.classifiers.mach.hashing import BucketHashes
from xclass.classifiers.mach.step import heads_step
from xclass.classifiers.model_folder import WEIGHTS, save_array, write_manifest
from xclass.classifiers.stepping import take_steps
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape


class Mach:
    """The method ``mach``; a :class:`xclass.classifiers.base.Classifier`.

    Source: Medini et al., "Extreme Classification in Log Memory using Count-Min Sketch", NeurIPS 2019.
    """

    def __init__(
        self, config: MachConfig, *, shape: ProblemShape, encoder: Encoder, seed: int, **_: Any
    ) -> None:
        """Keep the settings."""
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._seed = seed
        self._weights_RMD = np.zeros((0, 0, shape.dim), np.float32)
        self._state_RM = np.zeros((0, 0), np.float32)

    def warm_up(self) -> None:
        """One step on a toy size loads the products and starts their threads."""
        heads_step(
            np.zeros((1, 256, 64), np.float32),
            np.zeros((1, 256), np.float32),
            np.ones((256, 64), np.float32),
            np.zeros((1, 256), np.int64),
            learning_rate=0.1,
            needs_input_gradient=True,
        )

    def fit(self, feed: Feed) -> FitReport:
        """Step until the feed ends; buckets start at 0.

        Memory:
            see :meth:`MachConfig.memory_law`; nothing grows with C.
        """
        config = self._config
        hashes = BucketHashes(
            num_classes=self._shape.num_classes,
            num_heads=config.num_heads,
            num_buckets=config.num_buckets,
            seed=self._seed,
        )
        self._state_RM = np.zeros((config.num_heads, config.num_buckets), np.float32)
        self._weights_RMD = np.zeros((*self._state_RM.shape, self._shape.dim), np.float32)
        # Many small products: more threads than were asked for would wait for each other most of the time.
        with threadpool_limits(self._shape.threads, user_api="blas"):
            return self._train(hashes, feed)

    def save(self, folder: Path) -> None:
        """Write the heads; the hashes follow from the seed."""
        save_array(folder / WEIGHTS, self._weights_RMD)
        num_classes = self._shape.num_classes
        facts = {
            "num_heads": self._config.num_heads,
            "num_buckets": self._config.num_buckets,
            "seed": self._seed,
            "num_hashed_classes": num_classes,
        }
        shape = {"num_classes": num_classes, "dim": self._shape.dim}
        write_manifest(folder, kind=KIND, shape=shape, facts=facts)

    def held_bytes(self) -> dict[str, int]:
        """The heads, and one value of state per bucket."""
        return {"hashed heads": self._weights_RMD.nbytes, "bucket state": self._state_RM.nbytes}

    def _train(self, hashes: BucketHashes, feed: Feed) -> FitReport:
        def step(
            vectors_BD: FloatArray, classes_B: IntArray, learning_rate: float
        ) -> tuple[float, FloatArray | None]:
            return heads_step(
                self._weights_RMD,
                self._state_RM,
                vectors_BD,
                hashes.all_buckets(classes_B),
                learning_rate=learning_rate,
                needs_input_gradient=self._encoder.is_trainable,
            )

        return take_steps(feed, self._encoder, self._config, step)
