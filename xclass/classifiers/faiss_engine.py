"""FAISS as an engine: set up once per process, before anything is measured."""

from __future__ import annotations

import faiss
import numpy as np


def warm_up_faiss(threads: int) -> None:
    """Load FAISS's kernels, start its threads and let its BLAS take its buffers, on a toy problem.

    Both ways of searching are taken, one query and a batch, over enough vectors for every thread: the
    OpenBLAS inside the wheel maps 128 MiB of address space for each thread at its first product
    (``blas_memory_alloc``), which a heap trace would otherwise charge to the method's first search.
    """
    faiss.omp_set_num_threads(threads)
    toy = np.ones((1 << 16, 64), dtype=np.float32)
    for num_queries in (1, 1, 1, 256):
        faiss.knn(toy[:num_queries], toy, 2, metric=faiss.METRIC_INNER_PRODUCT)
