"""Answers from pruned linear weights kept by feature and mapped: a query reads those of its own features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, issparse

from xclass.classifiers.base import Answers
from xclass.classifiers.linear_svm.config import SCORES_BYTES
from xclass.classifiers.model_folder import map_array, read_manifest
from xclass.classifiers.top_k import best_classes
from xclass.data.base import FloatArray, IntArray
from xclass.encoders.base import Encoded
from xclass.errors import ModelError

KIND = "linear_by_feature"
STARTS, SCORED_CLASSES, VALUES = "weight_starts.npy", "weight_classes.npy", "weight_values.npy"
INTERCEPTS = "intercepts.npy"


class SparseLinearServer:
    """Exact scores of all classes by one sparse product."""

    def __init__(self, *, threads: int) -> None:
        """One thread: a sparse product of scipy has no more."""
        self._weights_MC: csr_matrix | None = None
        self._intercepts_C: FloatArray | None = None
        self._held: dict[str, int] = {}

    def warm_up(self) -> None:
        """A product of a toy size."""
        (csr_matrix(np.eye(2)) @ csr_matrix(np.eye(2))).toarray()

    def load(self, folder: Path) -> None:
        """Map the weights.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind=KIND, facts=("num_weights", "starts_dtype"))
        num_classes, num_features = manifest["num_classes"], manifest["dim"]
        num_weights = manifest["facts"]["num_weights"]
        starts = map_array(folder / STARTS, (num_features + 1,), manifest["facts"]["starts_dtype"])
        classes = map_array(folder / SCORED_CLASSES, (num_weights,), np.int32)
        values = map_array(folder / VALUES, (num_weights,), np.float32)
        self._intercepts_C = np.asarray(map_array(folder / INTERCEPTS, (num_classes,), np.float32))
        if starts[0] != 0 or starts[-1] != num_weights:
            raise ModelError(f"{folder / STARTS}: does not end at {num_weights} weights; train it again")
        self._weights_MC = csr_matrix(
            (values, classes, starts), shape=(num_features, num_classes), copy=False
        )
        num_bytes = values.nbytes + classes.nbytes + starts.nbytes
        self._held = {"weights (mapped)": num_bytes, "intercepts (mapped)": self._intercepts_C.nbytes}

    def search(self, queries_QD: Encoded, k: int) -> Answers:
        """The k classes with the highest scores, of some queries at a time."""
        assert self._intercepts_C is not None, "load() comes first"
        num_queries = queries_QD.shape[0]
        step = max(1, SCORES_BYTES // (4 * len(self._intercepts_C)))
        found = [
            best_classes(self._scores(queries_QD[start : start + step]), k)
            for start in range(0, num_queries, step)
        ]
        return Answers(
            classes_QK=np.concatenate([one.classes_QK for one in found]),
            scores_QK=np.concatenate([one.scores_QK for one in found]),
        )

    def _scores(self, queries_QM: Encoded) -> FloatArray:
        assert self._weights_MC is not None
        assert self._intercepts_C is not None
        product = queries_QM @ self._weights_MC
        scores_QC: FloatArray = product.toarray() if issparse(product) else np.asarray(product)
        scores_QC += self._intercepts_C
        return scores_QC

    def class_vectors(self, classes_B: IntArray) -> FloatArray | None:
        """None: by feature, the weights of one class are spread over the whole file."""
        return None

    def held_bytes(self) -> dict[str, int]:
        """The mapped files."""
        return dict(self._held)
