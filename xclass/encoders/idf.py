"""Inverse document frequency: what is rare says more about the class than what every text has.

Source: Sparck Jones, "A statistical interpretation of term specificity and its application in retrieval",
Journal of Documentation 1972; smoothed as in scikit-learn's ``TfidfTransformer(smooth_idf=True)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from xclass.data.base import FloatArray
from xclass.encoders.idf_config import FEATURE_WEIGHTS, IDF_FILE
from xclass.errors import ModelError
from xclass.npy_file import map_npy
from xclass.shapes import MAPPED

_BLOCK = 1 << 16


def learn_idf(batches: Iterator[csr_array], num_features: int, max_examples: int | None) -> FloatArray:
    """``ln((1 + N) / (1 + n)) + 1`` of each feature that n of N examples have.

    Args:
        batches: rows of features; what a row has twice is counted once.
        num_features: M.
        max_examples: after which no more batches are taken; None: all are.

    Returns:
        Shape (M,), float32, each at least 1.

    Memory:
        4 M bytes, the counts in the place of the weights, and one batch.
    """
    weights_M = np.empty(num_features, np.float32)
    counts_M = weights_M.view(np.int32)
    counts_M[:] = 0
    num_examples = 0
    for rows in batches:
        rows.sum_duplicates()
        np.add.at(counts_M, rows.indices, np.int32(1))
        num_examples += rows.shape[0]
        if max_examples is not None and num_examples >= max_examples:
            break
    for start in range(0, num_features, _BLOCK):
        counts = counts_M[start : start + _BLOCK].astype(np.float64)
        weights_M[start : start + _BLOCK] = np.log((1 + num_examples) / (1 + counts)) + 1
    return weights_M


def save_idf(folder: Path, weights_M: FloatArray | None) -> None:
    """Write ``encoder_idf.npy`` where there are weights."""
    if weights_M is not None:
        np.save(folder / IDF_FILE, weights_M, allow_pickle=False)


def map_idf(folder: Path, num_features: int) -> FloatArray:
    """The saved weights, memory-mapped.

    Raises:
        ModelError: not float32 of shape (M,).
    """
    weights_M = np.asarray(map_npy(folder / IDF_FILE))
    if weights_M.shape != (num_features,) or weights_M.dtype != np.float32:
        raise ModelError(
            f"{folder / IDF_FILE}: {weights_M.dtype} of shape {weights_M.shape}, "
            f"not float32 of {(num_features,)}"
        )
    return weights_M


def held_idf(weights_M: FloatArray | None) -> dict[str, int]:
    """The weights by the name of their component; those of a file are mapped."""
    if weights_M is None:
        return {}
    name = FEATURE_WEIGHTS if weights_M.flags.writeable else f"{FEATURE_WEIGHTS}{MAPPED}"
    return {name: weights_M.nbytes}
