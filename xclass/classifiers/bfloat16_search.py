"""Exact top-k over class vectors kept as bfloat16 bits, without torch and without a float32 copy of them.

Two ways, because neither is good at both ends. Milliseconds, 2 cores (Zen 5, faiss 1.15, AVX-512), best of 3:

    classes x dim      one query: scan | blocks      256 queries: scan | blocks
    1e6 x 64                       4.1 | 27                        618 | 551
    2e5 x 256                      4.6 | 34                        592 | 467
    1e5 x 768                      5.5 | 49                        772 | 205
    5e5 x 100                       23 | 22                       2932 | 400

The scan reads each value once per query, and only where D is a multiple of 16 with vector instructions; the
blocks are converted once per call for all queries.
"""

from __future__ import annotations

import faiss
import numpy as np

from xclass.classifiers.block_search import search_blocks
from xclass.classifiers.weights.bfloat16 import BitsArray, to_float32
from xclass.classifiers.weights.serving import block_classes
from xclass.data.base import FloatArray, IntArray

_SCAN_MULTIPLE = 16
"""Values that faiss decodes at a time with AVX-512; other dimensions fall back to scalar code.

Source: faiss/impl/ScalarQuantizer.cpp, ``select_distance_computer``: ``d % 16 == 0``, else ``d % 8 == 0``.
"""
_SCAN_QUERIES = 20
"""Fewer queries than this are scanned for.

Source: faiss's own bound between scanning and matrix products, ``distance_compute_blas_threshold`` in
faiss/utils/distances.cpp.
"""


class Bfloat16Search:
    """Maximum inner product over C class vectors of bfloat16 bits.

    Memory:
        ``block_classes(D) * 4 D`` of scratch, untouched until the first batch (4 MiB up to D = 256), faiss's
        product of one batch with 1024 classes, and O(Q k).
    """

    def __init__(self, bits_CD: BitsArray) -> None:
        """Keep the array, which may be mapped, and look at none of it."""
        self._bits_CD = bits_CD
        num_classes, dim = bits_CD.shape
        self._scratch_PD = np.empty((min(num_classes, block_classes(dim)), dim), dtype=np.float32)
        self._scanner = _make_scanner(bits_CD) if dim % _SCAN_MULTIPLE == 0 else None

    def search(self, queries_QD: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Scores and rows of the k largest inner products; row -1 where there are fewer classes than k."""
        if self._scanner is not None and len(queries_QD) < _SCAN_QUERIES:
            scores_QK, rows_QK = self._scanner.search(queries_QD, k)
            return scores_QK, rows_QK

        def block(start: int, stop: int) -> FloatArray:
            return to_float32(self._bits_CD[start:stop], out=self._scratch_PD[: stop - start])

        return search_blocks(
            queries_QD,
            k,
            num_classes=len(self._bits_CD),
            block_size=len(self._scratch_PD),
            block=block,
        )


def _make_scanner(bits_CD: BitsArray) -> faiss.Index:
    """FAISS's bfloat16 index over the caller's array: its codes are those very bits, nothing is copied.

    The caller keeps the array alive. The owner taken from the empty index is a null pointer, which Python's
    None cannot stand for.
    """
    index = faiss.IndexScalarQuantizer(
        bits_CD.shape[1], faiss.ScalarQuantizer.QT_bf16, faiss.METRIC_INNER_PRODUCT
    )
    codes = bits_CD.view(np.uint8).reshape(-1)
    view = faiss.MaybeOwnedVectorUInt8.create_view(faiss.swig_ptr(codes), codes.nbytes, index.codes.owner)
    index.codes = view
    index.is_trained = True
    index.ntotal = len(bits_CD)
    return index
