"""Answers queries from the saved class vectors of a softmax head: exact top-k, numpy and FAISS, no torch.

The class vectors stay in the file and are mapped: resident file pages, which the kernel may drop.
"""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from xclass.classifiers.base import Answers
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.model_folder import WEIGHTS, map_array, read_manifest
from xclass.data.base import FloatArray


class LinearServer:
    """Exact maximum inner product over all classes, by ``faiss.knn`` on the mapped file.

    Memory:
        4 C D bytes of file pages once every class has been touched; per call the scratch of faiss's
        blocked product, 4096 x 1024 floats = 16 MiB per thread at most, and O(Q k).

    Source: faiss/utils/distances.cpp, ``distance_compute_blas_query_bs`` and ``..._database_bs``.
    """

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._weights_CD: FloatArray | None = None

    def warm_up(self) -> None:
        """Load faiss's kernels and start its threads on a toy problem."""
        warm_up_faiss(self._threads)

    def load(self, folder: Path) -> None:
        """Map the class vectors.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind="linear")
        self._weights_CD = map_array(folder / WEIGHTS, (manifest["num_classes"], manifest["dim"]))

    def search(self, vectors_QD: FloatArray, k: int) -> Answers:
        """The k classes with the largest inner products, exact."""
        assert self._weights_CD is not None, "load() comes first"
        scores_QK, classes_QK = faiss.knn(
            np.ascontiguousarray(vectors_QD), self._weights_CD, k, metric=faiss.METRIC_INNER_PRODUCT
        )
        return Answers(classes_QK=classes_QK, scores_QK=scores_QK)

    def held_bytes(self) -> dict[str, int]:
        """The mapped class vectors."""
        return {} if self._weights_CD is None else {"class vectors (mapped)": self._weights_CD.nbytes}
