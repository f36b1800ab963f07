"""Answers from LightGBM's saved trees, each of which is asked for every query."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from xclass.classifiers.base import Answers
from xclass.classifiers.boosting.config import BYTES_PER_LEAF, BYTES_PER_TREE, TREES
from xclass.classifiers.model_folder import read_manifest
from xclass.classifiers.top_k import best_classes
from xclass.classifiers.whole_data import select_columns
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoded
from xclass.npy_file import map_npy

KIND = "lightgbm"
MODEL, COLUMNS = "lightgbm.txt", "columns.npy"
_LEAVES = re.compile(rb"^num_leaves=([0-9]+)$", re.MULTILINE)


class BoostingServer:
    """All trees in memory: LightGBM maps nothing."""

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._booster: lightgbm.Booster | None = None
        self._columns: npt.NDArray[np.int32] | None = None
        self._held: dict[str, int] = {}

    def warm_up(self) -> None:
        """A tree of a toy size, asked once."""
        rows = np.eye(4, dtype=np.float32)
        settings: dict[str, Any] = {"objective": "binary", "verbosity": -1, "num_threads": self._threads}
        data = lightgbm.Dataset(rows, np.array([0, 1, 0, 1]), params=settings)
        trained = lightgbm.train(settings, data, num_boost_round=1)
        lightgbm.Booster(model_str=trained.model_to_string()).predict(csr_matrix(rows))

    def load(self, folder: Path) -> None:
        """Read LightGBM's file.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind=KIND)
        # Not by the name of the file: LightGBM reads one through a buffer of 16 MiB.
        text = (folder / MODEL).read_bytes()
        self._held = {TREES: tree_bytes(text)}
        if COLUMNS in manifest["files"]:
            self._columns = np.array(map_npy(folder / COLUMNS))
            self._held["columns"] = self._columns.nbytes
        self._booster = lightgbm.Booster(model_str=text.decode())

    def search(self, queries_QD: Encoded, k: int) -> Answers:
        """The k classes with the highest sums of leaves."""
        assert self._booster is not None, "load() comes first"
        if self._columns is not None:
            queries_QD = select_columns(queries_QD, self._columns)
        # Waking threads for one query takes longer than its trees.
        threads = self._threads if queries_QD.shape[0] > 1 else 1
        scores_QC = self._booster.predict(queries_QD, raw_score=True, num_threads=threads)
        return best_classes(np.asarray(scores_QC), k)

    def class_vectors(self, classes_B: IntArray) -> FloatArray | None:
        """None: a class is trees here."""
        return None

    def held_bytes(self) -> dict[str, int]:
        """The trees, by the number of their leaves."""
        return dict(self._held)


def tree_bytes(model: bytes) -> int:
    """Of trees in memory: by closed form from the leaves that LightGBM's text names."""
    leaves = [int(number) for number in _LEAVES.findall(model)]
    return BYTES_PER_TREE * len(leaves) + BYTES_PER_LEAF * sum(leaves)
