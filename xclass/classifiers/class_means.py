"""Class means in one pass over the examples, in place, and the scale at which they make a softmax head."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.ranks.ranks import SINGLE_RANK, Ranks
from xclass.classifiers.weights.rows import FloatRows, Rows
from xclass.data.base import FloatArray, IntArray, batch_ranges

_BLOCK_CLASSES = 1 << 13
"""Classes normalised at a time: bounds the scratch to a few times 8192 D floats."""

CountArray = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How far examples lie from their class means: all that the softmax scale needs."""

    num_examples: int
    num_seen_classes: int
    within_variance: float
    """Pooled variance of examples about their class mean, per coordinate; 0 where no class has two."""
    mean_length: float
    """Root mean square length of the true class means, noise of the estimate removed."""

    @property
    def softmax_scale(self) -> float:
        """Length of a class vector at which inner products are log posteriors: ``|mu| / sigma^2``.

        Source: linear discriminant analysis with a shared isotropic covariance, e.g. Hastie, Tibshirani,
        Friedman, "The Elements of Statistical Learning", 4.3; direction as in weight imprinting (Qi, Brown,
        Lowe, CVPR 2018). Where no class has two examples the variance is unknown, and the scale is the least
        at which a softmax over C classes can give one of them 0.9: Wang et al., "CosFace", CVPR 2018, 3.2.
        """
        if self.num_examples <= self.num_seen_classes:
            return math.log(9.0 * max(1, self.num_seen_classes - 1)) / self.mean_length
        return self.mean_length / max(self.within_variance, 1e-12)


def accumulate_means(
    sums_CD: FloatArray | Rows,
    batches: Iterator[tuple[FloatArray, IntArray]],
    *,
    length: float | None = None,
    ranks: Ranks = SINGLE_RANK,
) -> tuple[CountArray, Spread]:
    """Add every example to the row of its class and divide by the counts, in place.

    Args:
        sums_CD: shape (C, D), float32 or rows of another format, zeros on entry, class means on return; rows
            without examples stay 0.
        batches: vectors (B, D) and classes (B,).
        length: that the means are given in the same pass over the rows; None: they keep their own.
        ranks: that have the other classes and their examples; the spread is that of all.

    Returns:
        Examples per class, shape (C,), int32, and their spread.

    Memory:
        4 C bytes of counts, and O(B D) for one batch.
    """
    rows_CD = _as_rows(sums_CD)
    num_classes, dim = rows_CD.shape
    counts_C: CountArray = np.zeros(num_classes, dtype=np.int32)
    squares = 0.0
    for vectors_BD, classes_B in batches:
        squares += float(np.einsum("bd,bd->", vectors_BD, vectors_BD, dtype=np.float64))
        _add_rows(rows_CD, counts_C, vectors_BD, classes_B)
    between = 0.0
    for start, stop in batch_ranges(num_classes, _BLOCK_CLASSES):
        counts = counts_C[start:stop]
        with rows_CD.block(start, stop) as block:
            block /= np.maximum(counts, 1).astype(np.float32)[:, None]
            squares_C = np.einsum("cd,cd->c", block, block, dtype=np.float64)
            between += float(squares_C @ counts)
            if length is not None:
                _scale_block(block, squares_C, length)
    seen = [counts_C.sum(dtype=np.int64), np.count_nonzero(counts_C)]
    num_examples, num_seen, squares, between = ranks.sum_numbers([*map(int, seen), squares, between])
    return counts_C, _spread(int(num_examples), int(num_seen), dim, squares, between)


def scale_rows(vectors_CD: FloatArray | Rows, length: float) -> None:
    """Give each non-zero row this length, in place, block by block."""
    rows_CD = _as_rows(vectors_CD)
    for start, stop in batch_ranges(rows_CD.shape[0], _BLOCK_CLASSES):
        with rows_CD.block(start, stop) as block:
            _scale_block(block, np.einsum("cd,cd->c", block, block), length)


def _scale_block(block: FloatArray, squares_C: npt.NDArray[np.floating[Any]], length: float) -> None:
    block *= (length / np.maximum(np.sqrt(squares_C), 1e-12))[:, None].astype(np.float32)


def _as_rows(vectors_CD: FloatArray | Rows) -> Rows:
    return FloatRows(vectors_CD) if isinstance(vectors_CD, np.ndarray) else vectors_CD


def _add_rows(sums_CD: Rows, counts_C: CountArray, vectors_BD: FloatArray, classes_B: IntArray) -> None:
    """Scatter-add with repeated classes: sort, sum runs, touch each row of the big matrix once.

    Classes that rise already, as where the catalogue itself is scanned, are their own runs.
    """
    if np.all(classes_B[1:] > classes_B[:-1]):
        sums_CD.add(classes_B, vectors_BD)
        counts_C[classes_B] += 1
        return
    order = np.argsort(classes_B, kind="stable")
    ordered = classes_B[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    rows = ordered[starts]
    sums_CD.add(rows, np.add.reduceat(vectors_BD[order], starts, axis=0))
    counts_C[rows] += np.diff(starts, append=len(ordered)).astype(np.int32)


def _spread(num_examples: int, num_seen: int, dim: int, squares: float, between: float) -> Spread:
    freedom = dim * (num_examples - num_seen)
    within = max(0.0, squares - between) / freedom if freedom else 0.0
    mean_square = squares / max(1, num_examples) - dim * within
    return Spread(
        num_examples=num_examples,
        num_seen_classes=num_seen,
        within_variance=within,
        mean_length=float(np.sqrt(max(mean_square, 1e-12))),
    )
