"""Sorts the classes by how many training examples they have; looks at no example."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.prior.config import FREQUENT, MOST_CLASSES, PriorConfig
from xclass.classifiers.prior.server import CLASSES_FILE, KIND, SHARES_FILE
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape


class Prior:
    """The most frequent classes; of equal ones the smaller id comes first."""

    def __init__(self, config: PriorConfig, *, shape: ProblemShape, encoder: Encoder, seed: int) -> None:
        """Keep the sizes; nothing here is random."""
        self._num_classes = shape.num_classes
        self._dim = encoder.dim
        self._classes: IntArray = np.zeros(0, np.int64)
        self._shares: FloatArray = np.zeros(0, np.float32)

    def warm_up(self) -> None:
        """Sort a toy."""
        np.argsort(np.zeros(4, np.int64), kind="stable")

    def fit(self, feed: Feed) -> FitReport:
        """Count and sort."""
        counts_C = feed.class_counts()
        order_C = np.argsort(-counts_C, kind="stable")
        self._classes = order_C[:MOST_CLASSES].copy()
        total = int(counts_C.sum())
        self._shares = (counts_C[self._classes] / max(1, total)).astype(np.float32)
        return FitReport(examples_seen=total, facts={"largest_class_share": float(self._shares[0])})

    def save(self, folder: Path) -> None:
        """Write two arrays and the manifest."""
        save_array(folder / CLASSES_FILE, self._classes)
        save_array(folder / SHARES_FILE, self._shares)
        write_manifest(
            folder, kind=KIND, shape={"num_classes": self._num_classes, "dim": self._dim},
            facts={"num_kept": len(self._classes), "of_classes": self._num_classes},
        )  # fmt: skip

    def held_bytes(self) -> dict[str, int]:
        """Of the classes that are kept."""
        return {FREQUENT: self._classes.nbytes + self._shares.nbytes}
