"""LIBLINEAR through scikit-learn, one class against all others at a time: no dense matrix ever exists.

Source: Babbar & Schoelkopf, "DiSMEC", WSDM 2017, section 2.2: weights below 0.01 in magnitude are dropped as
soon as a class is learnt, so that what is kept grows with what matters and not with ``C M``.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.linear_svm.config import LinearSvmConfig
from xclass.classifiers.linear_svm.server import INTERCEPTS, KIND, SCORED_CLASSES, STARTS, VALUES
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.whole_data import WholeData, drop_unused, gather
from xclass.data.base import FloatArray
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape

_NO_EXAMPLES_SCORE = -1.0
"""Of a class without examples, or that all have: what the hinge loss would draw every score to."""


class LinearSvm:
    """The method ``linear_svm``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(self, config: LinearSvmConfig, *, shape: ProblemShape, encoder: Encoder, seed: int) -> None:
        """Keep the settings."""
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._seed = seed % 2**31
        self._weights_MC: csr_matrix | None = None
        self._intercepts_C: FloatArray | None = None

    def warm_up(self) -> None:
        """One class of a toy problem, so that LIBLINEAR is loaded."""
        self._machine().fit(np.eye(2), np.array([0, 1]))

    def fit(self, feed: Feed) -> FitReport:
        """Gather the examples, learn one class after the other."""
        begun = time.perf_counter()
        # scikit-learn would copy float32 into float64 again for every class.
        data = gather(feed, np.float64)
        num_short = self._learn(data)
        seconds = time.perf_counter() - begun
        assert self._weights_MC is not None
        facts: dict[str, Any] = {
            "learn_seconds": seconds,
            "num_weights": int(self._weights_MC.nnz),
            "unconverged_classes": num_short,
        }
        return FitReport(examples_seen=len(data), facts=facts)

    def _machine(self) -> LinearSVC:
        config = self._config
        return LinearSVC(
            C=config.regularisation, tol=config.tolerance, max_iter=config.max_iterations,
            dual="auto", random_state=self._seed,
        )  # fmt: skip

    def _learn(self, data: WholeData) -> int:
        """Weights and intercepts of every class; how many did not converge within the iterations."""
        num_classes, num_features = self._shape.num_classes, data.rows_NM.shape[1]
        rows_NM, used = data.rows_NM, np.arange(num_features, dtype=np.int32)
        if issparse(rows_NM):
            # LIBLINEAR makes and clears a dense vector of all columns for every class.
            rows_NM, used = drop_unused(rows_NM)
        starts_C, members = data.members(num_classes)
        # 32 bits: of an int8 target scikit-learn 1.9 makes a model of noise (research/data_peers.md).
        targets_N = np.zeros(len(data), dtype=np.int32)
        intercepts_C = np.full(num_classes, _NO_EXAMPLES_SCORE, dtype=np.float32)
        kept: list[tuple[npt.NDArray[np.int32], FloatArray]] = []
        machine, num_short = self._machine(), 0
        for class_id in range(num_classes):
            own = members[starts_C[class_id] : starts_C[class_id + 1]]
            if not 0 < len(own) < len(data):
                kept.append((np.empty(0, np.int32), np.empty(0, np.float32)))
                continue
            targets_N[own] = 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                machine.fit(rows_NM, targets_N)
            targets_N[own] = 0
            num_short += int(machine.n_iter_ >= self._config.max_iterations)
            intercepts_C[class_id] = machine.intercept_[0]
            weights = machine.coef_[0]
            columns = np.flatnonzero(np.abs(weights) >= self._config.prune_below)
            kept.append((used[columns], weights[columns].astype(np.float32)))
        self._intercepts_C = intercepts_C
        self._weights_MC = _by_feature(kept, num_features)
        return num_short

    def save(self, folder: Path) -> None:
        """Write the weights by feature, so that a query reads those of its own features alone."""
        weights_MC = self._weights_MC
        assert weights_MC is not None
        assert self._intercepts_C is not None
        save_array(folder / STARTS, weights_MC.indptr)
        save_array(folder / SCORED_CLASSES, weights_MC.indices)
        save_array(folder / VALUES, weights_MC.data)
        save_array(folder / INTERCEPTS, self._intercepts_C)
        shape = {"num_classes": self._shape.num_classes, "dim": int(weights_MC.shape[0])}
        facts = {"num_weights": int(weights_MC.nnz), "starts_dtype": str(weights_MC.indptr.dtype)}
        write_manifest(folder, kind=KIND, shape=shape, facts=facts)

    def held_bytes(self) -> dict[str, int]:
        """The kept weights with their places, and the intercepts."""
        weights_MC = self._weights_MC
        if weights_MC is None or self._intercepts_C is None:
            return {}
        num_bytes = weights_MC.data.nbytes + weights_MC.indices.nbytes + weights_MC.indptr.nbytes
        return {"weights": num_bytes, "intercepts": self._intercepts_C.nbytes}


def _by_feature(kept: list[tuple[npt.NDArray[np.int32], FloatArray]], num_features: int) -> csr_matrix:
    """Rows of classes turned into rows of features; the list is emptied."""
    starts = np.concatenate([[0], np.cumsum([len(columns) for columns, _ in kept], dtype=np.int64)])
    columns = np.concatenate([columns for columns, _ in kept])
    values = np.concatenate([values for _, values in kept])
    num_classes = len(kept)
    kept.clear()
    by_class_CM = csr_matrix((values, columns, starts), shape=(num_classes, num_features))
    return by_class_CM.T.tocsr()
