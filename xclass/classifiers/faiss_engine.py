"""FAISS as an engine: set up once per process, before anything is measured."""

from __future__ import annotations

import faiss
import numpy as np


def warm_up_faiss(threads: int) -> None:
    """Load FAISS's kernels, start its threads and let its BLAS take its buffers, on a toy problem.

    The toy is large enough for a threaded matrix product: the OpenBLAS inside the wheel asks for 128 MiB of
    address space at its first one, which a heap trace would otherwise charge to the first search.
    """
    faiss.omp_set_num_threads(threads)
    toy = np.ones((4096, 64), dtype=np.float32)
    faiss.knn(toy[:256], toy, 2, metric=faiss.METRIC_INNER_PRODUCT)
