"""Gives every query the same classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xclass.classifiers.base import Answers
from xclass.classifiers.model_folder import check_num_classes, map_array, read_manifest
from xclass.classifiers.prior.config import FREQUENT
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoded
from xclass.errors import ModelError

KIND = "prior"
CLASSES_FILE, SHARES_FILE = "frequent_classes.npy", "class_shares.npy"


class PriorServer:
    """Scores are shares of the training examples."""

    def __init__(self, *, threads: int) -> None:
        """Nothing to keep."""
        self._classes: IntArray = np.zeros(0, np.int64)
        self._shares: FloatArray = np.zeros(0, np.float32)

    def warm_up(self) -> None:
        """No engine."""

    def load(self, folder: Path) -> None:
        """Read the classes.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind=KIND, facts=("num_kept", "of_classes"))
        check_num_classes(folder, manifest)
        shape = (manifest["facts"]["num_kept"],)
        self._classes = np.array(map_array(folder / CLASSES_FILE, shape, np.int64))
        self._shares = np.array(map_array(folder / SHARES_FILE, shape, np.float32))
        if not ((self._classes >= 0) & (self._classes < manifest["num_classes"])).all():
            raise ModelError(
                f"{folder / CLASSES_FILE}: a class that is not one of {manifest['num_classes']}; the model "
                "is damaged, train it again"
            )

    def search(self, queries: Encoded, k: int) -> Answers:
        """The k most frequent classes, -1 where fewer are kept."""
        shape, kept = (len(queries), k), len(self._classes[:k])
        classes_QK = np.full(shape, -1, np.int64)
        scores_QK = np.zeros(shape, np.float32)
        classes_QK[:, :kept] = self._classes[:k]
        scores_QK[:, :kept] = self._shares[:k]
        return Answers(classes_QK=classes_QK, scores_QK=scores_QK)

    def class_vectors(self, classes_B: IntArray) -> None:
        """It has none."""

    def held_bytes(self) -> dict[str, int]:
        """The classes that are kept, read into memory."""
        return {FREQUENT: self._classes.nbytes + self._shares.nbytes} if len(self._classes) else {}
