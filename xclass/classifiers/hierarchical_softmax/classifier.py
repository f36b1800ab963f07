"""Hierarchical softmax: a step costs as many products as a class has bits; no torch anywhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.hierarchical_softmax.config import (
    CHILDREN_FILE,
    KIND,
    VECTORS_FILE,
    HierarchicalSoftmaxConfig,
)
from xclass.classifiers.hierarchical_softmax.step import tree_step
from xclass.classifiers.hierarchical_softmax.tree import build_tree, children_of, paths_of
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.stepping import take_steps
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape


class HierarchicalSoftmax:
    """The method ``hierarchical_softmax``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(
        self, config: HierarchicalSoftmaxConfig, *, shape: ProblemShape, encoder: Encoder, seed: int, **_: Any
    ) -> None:
        """Keep the settings; nothing is drawn, so that the seed is without effect."""
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._parents = np.zeros(0, np.int32)
        self._vectors_ID = np.zeros((0, shape.dim), np.float32)
        self._state_I = np.zeros(0, np.float32)

    def warm_up(self) -> None:
        """One step on a tree of four classes loads the sparse products."""
        parents = build_tree(np.array([4, 3, 2, 1]))
        vectors, state = np.zeros((3, 8), np.float32), np.zeros(3, np.float32)
        paths = paths_of(parents, np.arange(4))
        inputs = np.ones((4, 8), np.float32)
        tree_step(vectors, state, inputs, paths, learning_rate=0.1, needs_input_gradient=True)

    def fit(self, feed: Feed) -> FitReport:
        """Build the tree over the class counts, then step until the feed ends.

        Questions start at 0: every answer is as likely as the other, and a class as its depth says.

        Memory:
            see :meth:`HierarchicalSoftmaxConfig.memory_law`.
        """
        begun = time.perf_counter()
        self._parents = build_tree(feed.class_counts())
        tree_seconds = time.perf_counter() - begun
        num_questions = self._shape.num_classes - 1
        # calloc: a question that nobody asks never becomes resident.
        self._vectors_ID = np.zeros((num_questions, self._shape.dim), np.float32)
        self._state_I = np.zeros(num_questions, np.float32)
        report = take_steps(feed, self._encoder, self._config, self._step)
        report.facts["tree_seconds"] = tree_seconds
        return report

    def save(self, folder: Path) -> None:
        """Write the questions and the tree from the root down."""
        save_array(folder / VECTORS_FILE, self._vectors_ID)
        save_array(folder / CHILDREN_FILE, children_of(self._parents))
        shape = {"num_classes": self._shape.num_classes, "dim": self._shape.dim}
        write_manifest(folder, kind=KIND, shape=shape, facts={"num_kept": self._config.num_kept})

    def held_bytes(self) -> dict[str, int]:
        """A vector and one value of state per question, and the tree from the leaves up."""
        return {
            "question vectors": self._vectors_ID.nbytes,
            "question state": self._state_I.nbytes,
            "tree": self._parents.nbytes,
        }

    def _step(
        self, vectors_BD: FloatArray, classes_B: IntArray, learning_rate: float
    ) -> tuple[float, FloatArray | None]:
        return tree_step(
            self._vectors_ID,
            self._state_I,
            vectors_BD,
            paths_of(self._parents, classes_B),
            learning_rate=learning_rate,
            needs_input_gradient=self._encoder.is_trainable,
        )
