"""The best of some scores: for methods that score every class."""

from __future__ import annotations

import numpy as np

from xclass.classifiers.base import Answers
from xclass.data.base import FloatArray


def best_classes(scores_QC: FloatArray, k: int) -> Answers:
    """The k classes with the highest scores, best first; among equal scores the lower class.

    Args:
        scores_QC: shape (Q, C); where k is more than C, what is missing is -1 with a score of -inf.
        k: answers per query.

    Memory:
        8 Q C bytes for a moment where k is less than C.
    """
    num_classes = scores_QC.shape[1]
    found = min(k, num_classes)
    if found < num_classes:
        classes_QK = np.sort(np.argpartition(-scores_QC, found - 1, axis=1)[:, :found], axis=1)
    else:
        classes_QK = np.broadcast_to(np.arange(num_classes), scores_QC.shape)
    scores_QK = np.take_along_axis(scores_QC, classes_QK, axis=1)
    order_QK = np.argsort(-scores_QK, axis=1, kind="stable")
    return padded(
        np.take_along_axis(classes_QK, order_QK, axis=1), np.take_along_axis(scores_QK, order_QK, axis=1), k
    )


def padded(classes_QK: np.ndarray, scores_QK: np.ndarray, k: int) -> Answers:
    """Answers with exactly k columns of the stated types."""
    missing = ((0, 0), (0, k - classes_QK.shape[1]))
    return Answers(
        classes_QK=np.pad(classes_QK.astype(np.int64, copy=False), missing, constant_values=-1),
        scores_QK=np.pad(scores_QK.astype(np.float32, copy=False), missing, constant_values=-np.inf),
    )
