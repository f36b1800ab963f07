"""Answers from the saved heads: probabilities of all buckets, then the classes that most heads agree on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from xclass.classifiers.base import Answers
from xclass.classifiers.mach.config import KIND, QUERIES
from xclass.classifiers.mach.hashing import BucketHashes
from xclass.classifiers.mach.search import best_classes
from xclass.classifiers.mach.step import softmax
from xclass.classifiers.model_folder import MANIFEST, WEIGHTS, map_array, read_manifest
from xclass.data.base import FloatArray, IntArray, batch_ranges
from xclass.errors import ModelError
from xclass.shapes import MAPPED

_FACTS = ("num_heads", "num_buckets", "seed", "num_hashed_classes")


class MachServer:
    """Scores are mean probabilities of buckets. numpy only.

    Memory:
        ``4 R M D`` bytes of file pages, whatever C is; per call ``12 R M`` for each of up to 32 queries, and
        see :func:`xclass.classifiers.mach.search.best_classes`.
    """

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._weights_RMD: npt.NDArray[Any] | None = None
        self._hashes: BucketHashes | None = None
        self._num_heads = 0

    def warm_up(self) -> None:
        """One search among four classes."""
        hashes = BucketHashes(num_classes=4, num_heads=1, num_buckets=2, seed=0)
        best_classes(softmax(np.ones((1, 4), np.float32) @ np.ones((4, 2), np.float32)), hashes, 1)

    def load(self, folder: Path) -> None:
        """Map the heads; numpy's products have ``threads`` threads from here on.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        threadpool_limits(self._threads, user_api="blas")
        manifest = read_manifest(folder, kind=KIND, facts=_FACTS)
        facts = manifest["facts"]
        if manifest["num_classes"] != facts["num_hashed_classes"]:
            raise ModelError(
                f"{folder / MANIFEST}: {manifest['num_classes']} classes, of which "
                f"{facts['num_hashed_classes']} were hashed; the model is damaged, train it again"
            )
        self._num_heads = int(facts["num_heads"])
        self._hashes = BucketHashes(
            num_classes=int(manifest["num_classes"]),
            num_heads=self._num_heads,
            num_buckets=int(facts["num_buckets"]),
            seed=int(facts["seed"]),
        )
        size = self._num_heads, self._hashes.num_buckets, manifest["dim"]
        self._weights_RMD = map_array(folder / WEIGHTS, size)

    def search(self, queries_QD: FloatArray, k: int) -> Answers:
        """The k classes with the largest mean probability of their buckets, exact."""
        assert self._weights_RMD is not None, "load() comes first"
        assert self._hashes is not None
        classes_QK = np.full((len(queries_QD), k), -1, np.int64)
        scores_QK = np.full((len(queries_QD), k), -np.inf, np.float32)
        weights_ND = self._weights_RMD.reshape(-1, self._weights_RMD.shape[2])
        num_found = min(k, self._hashes.num_classes)
        for start, stop in batch_ranges(len(queries_QD), QUERIES):
            logits = np.ascontiguousarray(queries_QD[start:stop]) @ weights_ND.T
            shares_QRM = softmax(logits.reshape(stop - start, self._num_heads, -1))
            shares_QRM /= np.float32(self._num_heads)
            for row, shares_RM in enumerate(shares_QRM, start):
                classes_K, scores_K = best_classes(shares_RM, self._hashes, num_found)
                # None where weights that were damaged make every share nan.
                classes_QK[row, : len(classes_K)], scores_QK[row, : len(classes_K)] = classes_K, scores_K
        return Answers(classes_QK=classes_QK, scores_QK=scores_QK)

    def class_vectors(self, classes_B: IntArray) -> None:
        """None: a class has no vector of its own."""
        return

    def held_bytes(self) -> dict[str, int]:
        """The mapped heads."""
        return {} if self._weights_RMD is None else {f"hashed heads{MAPPED}": self._weights_RMD.nbytes}
