"""All training examples in memory at once, for libraries that cannot learn from a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, issparse

from xclass.classifiers.base import Feed
from xclass.data.base import ClassSets, IntArray

Rows = Any
"""A CSR matrix of scipy, or a dense matrix where the data is vectors; shape (N, M), float32."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeData:
    """N examples with their classes.

    Attributes:
        rows_NM: see :data:`Rows`.
        sets: the classes of each.
    """

    rows_NM: Rows
    sets: ClassSets

    def __len__(self) -> int:
        """N."""
        return len(self.sets)

    def repeated(self) -> tuple[Rows, IntArray]:
        """Each example once for each of its classes, and that class: the rows themselves where it is one."""
        counts_N = np.diff(self.sets.starts)
        if (counts_N == 1).all():
            return self.rows_NM, self.sets.classes
        return self.rows_NM[np.repeat(np.arange(len(self)), counts_N)], self.sets.classes

    def members(self, num_classes: int) -> tuple[IntArray, IntArray]:
        """The examples of each class, the inverse of ``sets``.

        Returns:
            ``starts`` of shape (C + 1,), and numbers of examples: those of class c at
            ``starts[c]:starts[c + 1]``.
        """
        rows = np.repeat(np.arange(len(self)), np.diff(self.sets.starts))
        order = np.argsort(self.sets.classes, kind="stable")
        starts = np.searchsorted(self.sets.classes[order], np.arange(num_classes + 1))
        return starts.astype(np.int64), rows[order]


def drop_unused(rows_NM: csr_matrix) -> tuple[csr_matrix, npt.NDArray[np.int32]]:
    """The same without columns that no row uses, for what costs time or memory per column.

    Returns:
        The rows, their places changed in place; and the number that each kept column had.
    """
    is_used_M = np.zeros(rows_NM.shape[1], dtype=bool)
    is_used_M[rows_NM.indices] = True
    used = np.flatnonzero(is_used_M).astype(np.int32)
    places_M = np.cumsum(is_used_M, dtype=np.int32) - np.int32(1)
    np.take(places_M, rows_NM.indices, out=rows_NM.indices, mode="clip")
    return csr_matrix((rows_NM.data, rows_NM.indices, rows_NM.indptr), (rows_NM.shape[0], len(used))), used


def gather(feed: Feed, dtype: npt.DTypeLike = np.float32) -> WholeData:
    """Every training example.

    Args:
        feed: read once, in its cheapest order.
        dtype: of the values of the rows.

    Memory:
        The rows, and while they are joined once more their values: of CSR ``(4 + v) nnz`` bytes with values
        of v bytes, at its peak ``4 nnz`` more.
    """
    chunks: list[Rows] = []
    sets: list[ClassSets] = []
    for encoded, classes in feed.examples():
        chunks.append(encoded.astype(dtype, copy=False))
        sets.append(classes)
    return WholeData(rows_NM=_joined(chunks), sets=_joined_sets(sets))


def _joined(chunks: list[Rows]) -> Rows:
    """The chunks as one; the list is emptied on the way, so that not all of it is there twice."""
    if not issparse(chunks[0]):
        rows = np.empty((sum(len(chunk) for chunk in chunks), chunks[0].shape[1]), chunks[0].dtype)
        end = len(rows)
        while chunks:
            last = chunks.pop()
            rows[end - len(last) : end] = last
            end -= len(last)
        return rows
    num_columns = chunks[0].shape[1]
    lengths = np.concatenate([np.diff(chunk.indptr) for chunk in chunks])
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    parts = [(chunk.data, chunk.indices) for chunk in chunks]
    chunks.clear()
    indices = np.concatenate([indices for _, indices in parts]).astype(np.int32, copy=False)
    values = [data for data, _ in parts]
    parts.clear()
    # libraries know csr_matrix, and 32 bit for its starts as long as these are enough
    kind = np.int32 if starts[-1] < 2**31 else np.int64
    return csr_matrix(
        (np.concatenate(values), indices, starts.astype(kind)), shape=(len(lengths), num_columns)
    )


def _joined_sets(sets: list[ClassSets]) -> ClassSets:
    lengths = np.concatenate([np.diff(one.starts) for one in sets])
    return ClassSets(
        starts=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        classes=np.concatenate([one.classes for one in sets]),
    )
