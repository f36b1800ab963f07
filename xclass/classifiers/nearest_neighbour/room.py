"""Room for all that will be added to an index, taken before: FAISS's arrays then never grow.

A std::vector that is added to in chunks doubles, and old and new lie side by side: peak 1.67 x for one array,
2.5 x for the many short lists of IVF, whose freed halves stay in the heap. Shrinking keeps the room.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from xclass.classifiers.nearest_neighbour.class_vectors import ClassVectors
from xclass.classifiers.nearest_neighbour.config import ADD_CLASSES
from xclass.classifiers.nearest_neighbour.index_parts import innermost
from xclass.data.base import FloatArray, batch_ranges

_SPARE_SHARE = 0.01
"""Levels of a graph are drawn: at 1e6 classes and M = 32 the links vary by 0.01 %."""

ListNumbers = npt.NDArray[np.int32]


def reserve_arrays(index: Any, num_classes: int) -> None:
    """Room for codes and graph in an empty index; for inverted lists see :func:`reserve_lists`."""
    inner = innermost(index)
    if isinstance(inner, faiss.IndexHNSW):
        _reserve_graph(inner.hnsw, num_classes)
        inner = faiss.downcast_index(inner.storage)
    if isinstance(inner, faiss.IndexPQFastScan):
        _reserve_fast_scan(inner, num_classes)
    elif hasattr(inner, "codes"):
        _reserve(inner.codes, num_classes * inner.code_size)


def assign_lists(index: Any, vectors: ClassVectors, num_classes: int) -> ListNumbers:
    """The inverted list of every class, shape (C,)."""
    quantizer = innermost(index).quantizer
    lists_C: ListNumbers = np.empty(num_classes, dtype=np.int32)
    for start, stop in batch_ranges(num_classes, ADD_CLASSES):
        lists_C[start:stop] = quantizer.assign(rotate(index, vectors.read(start, stop)), 1)[:, 0]
    return lists_C


def reserve_lists(index: Any, lists_C: ListNumbers) -> None:
    """Room in the inverted lists of an empty index, each as long as it will be."""
    inner = innermost(index)
    lists = faiss.downcast_InvertedLists(inner.invlists)
    for number, length in enumerate(np.bincount(lists_C, minlength=inner.nlist).tolist()):
        lists.resize(number, length)
        lists.resize(number, 0)


def has_plain_lists(index: Any) -> bool:
    """Whether there are inverted lists in memory whose codes are not packed in blocks."""
    inner = innermost(index)
    return isinstance(inner, faiss.IndexIVF) and isinstance(
        faiss.downcast_InvertedLists(inner.invlists), faiss.ArrayInvertedLists
    )


def rotate(index: Any, rows: FloatArray) -> FloatArray:
    """The rows as the index below a rotation gets them."""
    inner = faiss.downcast_index(index)
    while isinstance(inner, faiss.IndexPreTransform):
        for place in range(inner.chain.size()):
            rows = inner.chain.at(place).apply(rows)
        inner = faiss.downcast_index(inner.index)
    return rows


def drop_pages(array: npt.NDArray[np.uint8]) -> None:
    """Give the pages that lie wholly inside a private array back to the kernel; they read as zeros then."""
    start, size = array.ctypes.data, mmap.PAGESIZE
    first, last = -(-start // size) * size, (start + array.nbytes) // size * size
    if last > first:
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)


def _reserve(vector: Any, length: int) -> None:
    """Grow, give the zeros back whose pages would stay (SQfp16: peak 1.5 x of the means), shrink."""
    vector.resize(length)
    drop_pages(faiss.rev_swig_ptr(vector.data(), length).view(np.uint8))
    vector.resize(0)


def _reserve_graph(hnsw: Any, num_classes: int) -> None:
    at_base = hnsw.nb_neighbors(0)
    above = hnsw.nb_neighbors(1)
    expected = num_classes * (at_base + above / (above - 1))
    _reserve(hnsw.neighbors, int((1 + _SPARE_SHARE) * expected) + at_base)
    _reserve(hnsw.levels, num_classes)
    hnsw.offsets.resize(num_classes + 1)
    hnsw.offsets.resize(1)  # the first is 0


def _reserve_fast_scan(index: Any, num_classes: int) -> None:
    """Blocks of codes stay as long as they will be: FAISS extends them only where they are too short.

    Source: ``IndexFastScan::add``; it zeroes what it extends by, so here that is zero too.
    """
    num_blocks = -(-num_classes // index.bbs)
    num_bytes = num_blocks * index.get_block_stride()
    index.codes.resize(num_bytes)
    codes = faiss.rev_swig_ptr(index.codes.data(), num_bytes)
    codes[:] = 0
    drop_pages(codes)
