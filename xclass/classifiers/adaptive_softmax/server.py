"""Answers from the saved layers: the head, then each cluster that can still hold a better class. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from xclass.classifiers.adaptive_softmax.clusters import Clusters
from xclass.classifiers.adaptive_softmax.config import KIND, NORMALISED_CLASSES
from xclass.classifiers.adaptive_softmax.layers import Layers
from xclass.classifiers.base import Answers
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.log_total import log_total
from xclass.classifiers.model_folder import MANIFEST, WEIGHTS, map_array, read_manifest
from xclass.data.base import FloatArray, IntArray
from xclass.errors import ModelError
from xclass.shapes import MAPPED


class AdaptiveServer:
    """Scores are logs of probabilities; exact.

    Memory:
        file pages of the layers that are touched; per call ``8 Q`` bytes for each of 4096 classes.
    """

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._weights: npt.NDArray[Any] | None = None
        self._layers: Layers | None = None
        self._cutoffs: tuple[int, ...] = ()

    def warm_up(self) -> None:
        """Load faiss's kernels and start its threads on a toy problem."""
        warm_up_faiss(self._threads)

    def load(self, folder: Path) -> None:
        """Map the layers.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind=KIND, facts=("cutoffs", "dims"))
        cutoffs, dims = manifest["facts"]["cutoffs"], manifest["facts"]["dims"]
        if not cutoffs or len(cutoffs) != len(dims):
            raise ModelError(f"{folder / MANIFEST}: cutoffs and dims do not fit; train the model again")
        clusters = Clusters(
            num_classes=manifest["num_classes"],
            dim=manifest["dim"],
            cutoffs=tuple(cutoffs),
            dims=tuple(dims),
        )
        self._weights = map_array(folder / WEIGHTS, (clusters.num_weights,))
        self._layers = Layers.of(self._weights, clusters)
        self._cutoffs = clusters.cutoffs

    def search(self, queries_QD: FloatArray, k: int) -> Answers:
        """The k most probable classes.

        A class is at most as probable as its cluster: where the k best so far are more probable, a cluster is
        left aside.
        """
        assert self._layers is not None, "load() comes first"
        head_ND = self._layers.head_ND
        queries_QD = np.ascontiguousarray(queries_QD)
        num_frequent = self._cutoffs[0]
        total_Q = _log_total(queries_QD, head_ND)
        gates_QT = queries_QD @ head_ND[num_frequent:].T - total_Q[:, None]
        classes_QK, scores_QK = _best(queries_QD, head_ND[:num_frequent], k)
        scores_QK -= total_Q[:, None]
        best = Answers(classes_QK=classes_QK, scores_QK=scores_QK)
        for number, (down_WD, up_NW) in enumerate(self._layers.tails):
            asked = np.flatnonzero(gates_QT[:, number] >= best.scores_QK[:, -1])
            if len(asked) == 0:
                continue
            inputs_QW = queries_QD[asked] @ down_WD.T
            rows_QK, found_QK = _best(inputs_QW, up_NW, k)
            found_QK += (gates_QT[asked, number] - _log_total(inputs_QW, up_NW))[:, None]
            named_QK = np.where(rows_QK < 0, np.int64(-1), rows_QK + self._cutoffs[number])
            _merge(best, asked, named_QK, found_QK)
        return best

    def class_vectors(self, classes_B: IntArray) -> None:
        """None: vectors of clusters are of other dimensions."""
        return

    def held_bytes(self) -> dict[str, int]:
        """The mapped layers."""
        if self._weights is None:
            return {}
        return {f"class vectors of clusters{MAPPED}": self._weights.nbytes}


def _best(queries_QD: FloatArray, rows_ND: npt.NDArray[Any], k: int) -> tuple[IntArray, FloatArray]:
    """Rows with the k largest inner products, best first; -1 and -inf where there are fewer."""
    scores_QK, rows_QK = faiss.knn(queries_QD, rows_ND, k, metric=faiss.METRIC_INNER_PRODUCT)
    scores_QK[rows_QK < 0] = -np.inf
    return rows_QK, scores_QK


def _log_total(queries_QD: FloatArray, rows_ND: npt.NDArray[Any]) -> FloatArray:
    """Log of the sum of exponentials of all products of each query."""
    return log_total(
        queries_QD,
        num_rows=len(rows_ND),
        block_size=NORMALISED_CLASSES,
        block=lambda start, stop: rows_ND[start:stop],
    )


def _merge(best: Answers, asked: IntArray, classes_QK: IntArray, scores_QK: FloatArray) -> None:
    """The best of what is known and of what was found for some queries, in place."""
    k = scores_QK.shape[1]
    both = np.concatenate([best.scores_QK[asked], scores_QK], axis=1)
    order = np.argsort(-both, axis=1, kind="stable")[:, :k]
    best.scores_QK[asked] = np.take_along_axis(both, order, axis=1)
    classes = np.concatenate([best.classes_QK[asked], classes_QK], axis=1)
    best.classes_QK[asked] = np.take_along_axis(classes, order, axis=1)
