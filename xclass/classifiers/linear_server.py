"""Answers queries from the saved class vectors of a softmax head: exact top-k, numpy and FAISS, no torch.

The class vectors stay in the file and are mapped: resident file pages, which the kernel may drop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from xclass.classifiers.base import Answers
from xclass.classifiers.bfloat16_search import Bfloat16Search
from xclass.classifiers.class_ids import ClassIds, open_class_ids
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.log_total import log_total
from xclass.classifiers.model_folder import map_class_vectors, read_manifest
from xclass.classifiers.weights.bfloat16 import to_float32
from xclass.classifiers.weights.serving import SERVED_VECTORS
from xclass.data.base import FloatArray, IntArray

_NORMALISED_CLASSES = 4096


class LinearServer:
    """Exact maximum inner product over all classes, by ``faiss.knn`` on the mapped file.

    Memory:
        4 C D bytes of file pages once every class has been touched; per call the scratch of faiss's
        blocked product, 4096 x 1024 floats = 16 MiB per thread at most, and O(Q k). For bfloat16 2 C D,
        and the scratch of :class:`xclass.classifiers.bfloat16_search.Bfloat16Search`.

    Source: faiss/utils/distances.cpp, ``distance_compute_blas_query_bs`` and ``..._database_bs``.
    """

    def __init__(self, *, threads: int) -> None:
        """Keep the settings."""
        self._threads = threads
        self._weights_CD: npt.NDArray[Any] | None = None
        self._bfloat16: Bfloat16Search | None = None
        self._class_ids = ClassIds(ids_C=None, next_id=0)

    def warm_up(self) -> None:
        """Load faiss's kernels and start its threads on a toy problem."""
        warm_up_faiss(self._threads)

    def load(self, folder: Path) -> None:
        """Map the class vectors.

        Raises:
            ModelError: the folder is incomplete, damaged or of another kind.
        """
        manifest = read_manifest(folder, kind="linear")
        self._weights_CD = map_class_vectors(folder, manifest)
        self._bfloat16 = Bfloat16Search(self._weights_CD) if self._weights_CD.dtype == np.uint16 else None
        self._class_ids = open_class_ids(folder, manifest)

    def search(self, queries_QD: FloatArray, k: int) -> Answers:
        """The k classes with the largest inner products, exact."""
        assert self._weights_CD is not None, "load() comes first"
        queries_QD = np.ascontiguousarray(queries_QD)
        if self._bfloat16 is not None:
            scores_QK, rows_QK = self._bfloat16.search(queries_QD, k)
        else:
            scores_QK, rows_QK = faiss.knn(queries_QD, self._weights_CD, k, metric=faiss.METRIC_INNER_PRODUCT)
        return Answers(classes_QK=self._class_ids.name(rows_QK), scores_QK=scores_QK)

    def log_totals(self, queries_QD: FloatArray) -> FloatArray:
        """Log of the sum of exponentials of the scores of all classes, shape (Q,).

        Takes as long as a search. Memory: ``8 Q`` bytes for each of 4096 classes, for bfloat16 ``4 D`` more.
        """
        weights_CD = self._weights_CD
        assert weights_CD is not None, "load() comes first"

        def block(start: int, stop: int) -> FloatArray:
            rows_PD = weights_CD[start:stop]
            return to_float32(rows_PD) if self._bfloat16 is not None else rows_PD

        return log_total(
            np.ascontiguousarray(queries_QD),
            num_rows=len(weights_CD),
            block_size=_NORMALISED_CLASSES,
            block=block,
        )

    def class_vectors(self, classes_B: IntArray) -> FloatArray:
        """Rows of the mapped file, shape (B, D), float32.

        Memory: 4 B D bytes, 6 for bfloat16.
        """
        assert self._weights_CD is not None, "load() comes first"
        rows_BD = np.asarray(self._weights_CD[self._class_ids.rows(classes_B)])
        return to_float32(rows_BD) if self._bfloat16 is not None else rows_BD

    def held_bytes(self) -> dict[str, int]:
        """The mapped class vectors, and ids where they are kept."""
        if self._weights_CD is None:
            return {}
        return {SERVED_VECTORS: self._weights_CD.nbytes} | self._class_ids.held_bytes()
