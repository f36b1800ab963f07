"""Exact search in an inverted index: compiled C, or scipy where there is no compiler."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from xclass.classifiers.inverted.memory import BLOCK_ROWS
from xclass.classifiers.inverted.postings import Postings
from xclass.classifiers.kernels.library import CompileError, load_library
from xclass.data.base import FloatArray, IntArray

_SOURCES = ("inverted.c",)
_LINES = BLOCK_ROWS // 64
_PLAIN_QUERIES = 64
"""Queries that scipy multiplies at a time: 32 MiB of scores of a block at most."""
NOTHING = np.finfo(np.float32).min
"""The score where fewer rows were found than asked for."""
_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_ssize_t


class InvertedSearch:
    """The rows with the largest inner products; a row that shares no feature with a query is not found.

    Memory:
        257 KiB per thread, and 12 bytes per query and row asked for.
    """

    def __init__(self, *, threads: int, cache: Path | None = None) -> None:
        """Compile, or take what was compiled before.

        Args:
            threads: that share the queries of a batch.
            cache: folder of the compiled file; None: the user's.
        """
        try:
            self._library: ctypes.CDLL | None = load_library(_SOURCES, cache)
        except CompileError:
            self._library = None
        self._threads = threads
        self._scores = [np.zeros(BLOCK_ROWS, np.float32) for _ in range(threads)]
        self._is_touched = [np.zeros(_LINES, np.uint8) for _ in range(threads)]

    def search(self, postings: Postings, queries: csr_array, k: int) -> tuple[FloatArray, IntArray]:
        """The k best rows of each query.

        Args:
            postings: the index.
            queries: shape (Q, M), float32, no column twice in a row.
            k: 1 or more.

        Returns:
            Scores, shape (Q, k), float32, falling, NOTHING where fewer were found; rows, int64, -1 there. Of
            equal scores the smaller row comes first.
        """
        num_queries = queries.shape[0]
        queries, tails = _by_weight(queries)
        scores_QK = np.full((num_queries, k), NOTHING, np.float32)
        rows_QK = np.full((num_queries, k), -1, np.int64)
        share = -(-num_queries // self._threads)
        bounds = [(at, min(at + share, num_queries)) for at in range(0, num_queries, share or 1)]

        def part(thread: int) -> None:
            start, stop = bounds[thread]
            if self._library is None:
                _search_plain(postings, queries[start:stop], scores_QK[start:stop], rows_QK[start:stop])
            else:
                self._search_part(postings, queries, tails, (start, stop), thread, scores_QK, rows_QK)

        if len(bounds) == 1:
            part(0)
        elif bounds:
            with ThreadPoolExecutor(len(bounds), thread_name_prefix="search") as pool:
                list(pool.map(part, range(len(bounds))))
        return scores_QK, rows_QK

    def _search_part(
        self,
        postings: Postings,
        queries: csr_array,
        tails: FloatArray,
        bounds: tuple[int, int],
        thread: int,
        scores_QK: FloatArray,
        rows_QK: IntArray,
    ) -> None:
        assert self._library is not None
        (start, stop), k = bounds, scores_QK.shape[1]
        assert queries.indices.dtype == queries.indptr.dtype == np.int32
        index = (
            postings.starts, postings.offsets, postings.rows, postings.codes, postings.weights,
            postings.lengths,
        )  # fmt: skip
        self._library["search_blocks"](
            _SIZE(stop - start), _address(queries.indptr, start), _address(queries.indices),
            _address(queries.data), _address(tails), _SIZE(postings.num_blocks),
            _SIZE(postings.num_columns), *(_address(array) for array in index), _SIZE(k),
            _address(scores_QK, start * k), _address(rows_QK, start * k), _address(self._scores[thread]),
            _address(self._is_touched[thread]),
        )  # fmt: skip


def as_queries(features: Any) -> csr_array:
    """Sparse queries as they are, dense ones with all of their columns; float32 with int32 indices."""
    queries = features if isinstance(features, csr_array) else csr_array(np.asarray(features, np.float32))
    if queries.indices.dtype != np.int32 or queries.indptr.dtype != np.int32:
        parts = queries.data, queries.indices.astype(np.int32), queries.indptr.astype(np.int32)
        queries = csr_array(parts, shape=queries.shape)
    return queries


def _by_weight(queries: csr_array) -> tuple[csr_array, FloatArray]:
    """The queries with the columns of each by falling weight, and the length of what is left from each on.

    Returns:
        A copy; and float32 per entry, rounded up.
    """
    sizes = np.diff(queries.indptr)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((-np.abs(queries.data), owners))
    values = queries.data[order]
    squares = np.cumsum(values.astype(np.float64) ** 2)
    ends = np.repeat(squares[queries.indptr[1:] - 1], sizes) if len(values) else squares
    tails = np.sqrt(np.maximum(ends - squares + values.astype(np.float64) ** 2, 0)) * (1 + 1e-5)
    ordered = csr_array((values, queries.indices[order], queries.indptr), shape=queries.shape)
    return ordered, tails.astype(np.float32)


def _search_plain(postings: Postings, queries: csr_array, scores_QK: FloatArray, rows_QK: IntArray) -> None:
    """The same by scipy: the lists of the queries' features as a sparse matrix, block by block."""
    k = scores_QK.shape[1]
    for first in range(0, queries.shape[0], _PLAIN_QUERIES):
        part = queries[first : first + _PLAIN_QUERIES]
        columns, places = np.unique(part.indices, return_inverse=True)
        picked = csr_array((part.data, places.astype(np.int32), part.indptr), (part.shape[0], len(columns)))
        for block in range(postings.num_blocks):
            products = picked @ _lists(postings, block, columns)
            for at, (start, stop) in enumerate(zip(products.indptr[:-1], products.indptr[1:], strict=True)):
                found = np.concatenate(
                    [rows_QK[first + at], products.indices[start:stop] + block * BLOCK_ROWS]
                )
                scores = np.concatenate([scores_QK[first + at], products.data[start:stop]])
                scores[len(rows_QK[first + at]) :][products.data[start:stop] == 0] = NOTHING
                best = np.lexsort((np.where(scores == NOTHING, np.iinfo(np.int64).max, found), -scores))[:k]
                scores_QK[first + at] = scores[best]
                rows_QK[first + at] = np.where(scores[best] == NOTHING, -1, found[best])


def _lists(postings: Postings, block: int, columns: npt.NDArray[np.int32]) -> csr_array:
    """The lists of some columns in one block, shape (columns, BLOCK_ROWS)."""
    starts = postings.starts[block][columns].astype(np.int64)
    sizes = postings.starts[block][columns + 1] - starts
    ends = np.cumsum(sizes)
    places = np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)
    places += postings.offsets[block]
    weights = postings.weights[block][postings.codes[places]]
    indptr = np.concatenate([[0], ends])
    return csr_array((weights, postings.rows[places].astype(np.int32), indptr), (len(columns), BLOCK_ROWS))


def _address(array: npt.NDArray[Any], start: int = 0) -> ctypes.c_void_p:
    assert array.flags.c_contiguous
    return _POINTER(array.ctypes.data + start * array.itemsize)
