"""Sparse rows as a matrix of scipy, and the length of its rows."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from xclass.data.base import SparseRows


def unit_rows(rows: SparseRows, num_columns: int) -> csr_array:
    """The rows as CSR of shape (B, M), float32, each of length 1 unless it is empty; copied.

    Args:
        rows: what the data gives.
        num_columns: M, columns of the matrix: at least those of the rows.

    Memory:
        12 bytes per entry.
    """
    matrix = csr_array((rows.values.copy(), rows.columns, rows.starts), shape=(len(rows), num_columns))
    normalise_rows(matrix)
    return matrix


def normalise_rows(matrix: csr_array) -> None:
    """Give each row that is not empty or zero length 1, in place."""
    sizes_B = np.diff(matrix.indptr)
    is_filled_B = sizes_B > 0
    # Of the rows that are not empty: reduceat would give an empty one the next row's first value.
    starts = matrix.indptr[:-1][is_filled_B]
    squares = np.add.reduceat(matrix.data**2, starts) if len(starts) else matrix.data
    scales = (1 / np.sqrt(np.maximum(squares, 1e-24))).astype(np.float32)
    matrix.data *= np.repeat(scales, sizes_B[is_filled_B])
