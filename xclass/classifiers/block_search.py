"""Exact top-k over class vectors that exist in float32 only block by block. No torch."""

from __future__ import annotations

from collections.abc import Callable

import faiss

from xclass.data.base import FloatArray, IntArray, batch_ranges


def search_blocks(
    queries_QD: FloatArray,
    k: int,
    *,
    num_classes: int,
    block_size: int,
    block: Callable[[int, int], FloatArray],
) -> tuple[FloatArray, IntArray]:
    """Scores and rows of the k largest inner products; row -1 where there are fewer classes than k.

    Args:
        queries_QD: contiguous, left untouched.
        k: at least 1.
        num_classes: C.
        block_size: P, vectors of one block.
        block: gives vectors ``start <= c < stop``, shape (stop - start, D), valid until it is asked again.

    Memory: one block, faiss's product of a batch with 1024 classes, and O(Q k).
    """
    best = faiss.ResultHeap(len(queries_QD), k, keep_max=True)
    for start, stop in batch_ranges(num_classes, block_size):
        few = min(k, stop - start)
        scores_QK, rows_QK = faiss.knn(queries_QD, block(start, stop), few, metric=faiss.METRIC_INNER_PRODUCT)
        rows_QK += start
        best.add_result(scores_QK, rows_QK)
    best.finalize()
    return best.D, best.I
