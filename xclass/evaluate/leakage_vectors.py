"""Which queries are, or nearly are, training vectors or sparse rows: by their distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from xclass.data.base import Inputs, SparseRows
from xclass.evaluate.leakage_found import Matches

NEAR_SHARE = 0.25
"""Of the median distance between a query and a training example: closer is a near copy. Between unrelated
vectors of one length it means a cosine above 0.93; examples of one class are seldom as close."""
_ROUNDING = 1e-5
"""Of the squared lengths: what float32 products may be wrong by, so that closer pairs are counted exactly."""
_MAX_PAIRS = 1 << 14


class VectorMatcher:
    """Looks for some queries in batches of training examples, all of them vectors or all sparse rows.

    Memory: the queries; in :meth:`look` ``12 B Q`` bytes and the batch.
    """

    def __init__(self, queries: Inputs) -> None:
        """Take the queries."""
        self._queries = _matrix(queries)
        self._squares_Q = _squares(self._queries)
        self._near_square: float | None = None

    def look(self, inputs: Inputs) -> Matches:
        """Pairs of a query and an example of this batch; the first batch sets what is near."""
        examples = _matrix(inputs)
        squares_B = _squares(examples)
        products = examples @ self._queries.T
        products_BQ = products.toarray() if isinstance(products, csr_array) else products
        sums_BQ = squares_B[:, None] + self._squares_Q
        distances_BQ = sums_BQ - 2 * products_BQ
        if self._near_square is None:
            self._near_square = NEAR_SHARE**2 * max(0.0, float(np.median(distances_BQ)))
        example, query = np.nonzero(distances_BQ <= self._near_square + _ROUNDING * sums_BQ)
        example, query = example[:_MAX_PAIRS], query[:_MAX_PAIRS]
        true_P = _squares(examples[example] - self._queries[query])
        is_near = true_P <= self._near_square
        return Matches(
            queries=query[is_near].astype(np.int64),
            examples=example[is_near].astype(np.int64),
            is_exact=true_P[is_near] == 0,
        )


def _matrix(inputs: Inputs) -> Any:
    """float32 vectors, or a scipy CSR matrix of the rows."""
    if isinstance(inputs, SparseRows):
        shape = (len(inputs), inputs.num_columns)
        return csr_array((inputs.values, inputs.columns, inputs.starts), shape=shape)
    assert isinstance(inputs, np.ndarray)
    return inputs


def _squares(matrix: Any) -> npt.NDArray[np.float64]:
    """Squared length of each row."""
    if isinstance(matrix, csr_array):
        return np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel()
    squares_B: npt.NDArray[np.float64] = np.einsum("bd,bd->b", matrix, matrix, dtype=np.float64)
    return squares_B
