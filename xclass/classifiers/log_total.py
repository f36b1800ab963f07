"""Log of the sum of exponentials of a query's products with all class vectors: what a softmax divides by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xclass.data.base import FloatArray, batch_ranges


def log_total(
    queries_QD: FloatArray, *, num_rows: int, block_size: int, block: Callable[[int, int], FloatArray]
) -> FloatArray:
    """Stable, block by block; shape (Q,), float32.

    Args:
        queries_QD: left untouched.
        num_rows: N.
        block_size: P, rows that are multiplied at a time.
        block: gives vectors ``start <= n < stop``, shape (stop - start, D), valid until it is asked again.

    Memory: twice ``4 Q P`` bytes.
    """
    total_Q = np.full(len(queries_QD), -np.inf, np.float32)
    for start, stop in batch_ranges(num_rows, block_size):
        logits = queries_QD @ block(start, stop).T
        highest_Q = np.maximum(total_Q, logits.max(axis=1))
        logits -= highest_Q[:, None]
        np.exp(logits, out=logits)
        total_Q = highest_Q + np.log(logits.sum(axis=1) + np.exp(total_Q - highest_Q))
    return total_Q
