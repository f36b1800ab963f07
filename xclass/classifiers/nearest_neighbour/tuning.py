"""How much of the exact answer an index finds, and the least search effort that finds enough."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from xclass.classifiers.nearest_neighbour.class_vectors import ClassVectors
from xclass.classifiers.nearest_neighbour.config import ADD_CLASSES, TUNING_K
from xclass.classifiers.nearest_neighbour.server import FaissServer
from xclass.data.base import FloatArray, IntArray, batch_ranges


class ExactAnswers:
    """Queries and their exact first ten among all classes, by which an index is judged.

    The queries are training examples: each was averaged into its own class mean, so that the first of the
    ten is a little nearer than for a held-out example.
    """

    def __init__(
        self, queries_QD: FloatArray, vectors: ClassVectors, num_classes: int, *, is_l2: bool
    ) -> None:
        """Search exactly, block by block of class vectors.

        Memory:
            O(Q) and one block.
        """
        self.queries_QD = queries_QD
        k = min(TUNING_K, num_classes)
        metric = faiss.METRIC_L2 if is_l2 else faiss.METRIC_INNER_PRODUCT
        scores_QK = np.zeros((len(queries_QD), 0), dtype=np.float32)
        rows_QK = np.zeros((len(queries_QD), 0), dtype=np.int64)
        for start, stop in batch_ranges(num_classes, ADD_CLASSES):
            block = np.ascontiguousarray(vectors.read(start, stop))
            scores, rows = faiss.knn(queries_QD, block, min(k, stop - start), metric=metric)
            scores_QK = np.concatenate((scores_QK, scores if is_l2 else -scores), axis=1)
            rows_QK = np.concatenate((rows_QK, rows + start), axis=1)
            order = np.argsort(scores_QK, axis=1, kind="stable")[:, :k]
            scores_QK = np.take_along_axis(scores_QK, order, axis=1)
            rows_QK = np.take_along_axis(rows_QK, order, axis=1)
        self._rows_QK: IntArray = rows_QK

    def recall(self, server: FaissServer) -> float:
        """Share of the exact first ten that a server finds among its first ten."""
        k = self._rows_QK.shape[1]
        found_QK = server.search(self.queries_QD, k).classes_QK
        hits = (found_QK[:, :, None] == self._rows_QK[:, None, :]).any(axis=1)
        return float(hits.mean())


def tune(server: FaissServer, answers: ExactAnswers, target: float) -> dict[str, Any]:
    """Raise the search effort until the target is met; the server keeps the least one that meets it.

    Efforts are powers of two. Where none meets the target the greatest is kept, and the facts say so.

    Returns:
        Facts for the record: target, measured recall, queries, and the effort chosen.
    """
    recall = 0.0
    efforts = server.efforts()
    for effort in efforts:
        server.set_effort(effort)
        recall = answers.recall(server)
        if recall >= target:
            break
    return {
        "target_recall": target,
        "measured_recall_at_10": recall,
        "is_target_met": recall >= target,
        "recall_queries": len(answers.queries_QD),
    } | effort
