"""From class vectors to a FAISS index whose parts appear once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from xclass.classifiers.nearest_neighbour.class_vectors import ClassVectors, sample_rows
from xclass.classifiers.nearest_neighbour.config import ADD_CLASSES
from xclass.classifiers.nearest_neighbour.index_kind import IndexKind
from xclass.classifiers.nearest_neighbour.index_parts import innermost
from xclass.classifiers.nearest_neighbour.room import (
    assign_lists,
    has_plain_lists,
    reserve_arrays,
    reserve_lists,
    rotate,
)
from xclass.classifiers.nearest_neighbour.second_stage import ExactVectorsWriter
from xclass.data.base import FloatArray, IntArray, batch_ranges
from xclass.shapes import FLOAT32_BYTES


class DiskLists:
    """Inverted lists in a mapped file, growing as classes are added.

    FAISS opens the file by name whenever it grows, so it needs one: a killed run leaves it behind, hidden.
    """

    def __init__(self, folder: str) -> None:
        """Choose a name."""
        self._path = Path(folder) / f".lists-{os.getpid()}.ivfdata"

    def attach(self, index: Any) -> None:
        """Give an empty, trained index these lists."""
        inner = innermost(index)
        lists = faiss.OnDiskInvertedLists(inner.nlist, inner.code_size, str(self._path))
        inner.replace_invlists(lists, True)
        lists.this.disown()

    def save(self, index: Any, path: Path) -> None:
        """Copy them into a model's file without the gaps that growing left: a sixth of the bytes."""
        inner = innermost(index)
        packed = faiss.OnDiskInvertedLists(inner.nlist, inner.code_size, str(path))
        packed.merge_from_1(inner.invlists)
        inner.replace_invlists(packed, True)
        packed.this.disown()
        self.discard()

    def discard(self) -> None:
        """Leave nothing behind."""
        self._path.unlink(missing_ok=True)


def make_index(factory: str, *, dim: int, num_classes: int, is_l2: bool) -> Any:
    """An empty index with the room it will need.

    Args:
        factory: FAISS factory string.
        dim: D.
        num_classes: C.
        is_l2: order by L2 distance, else by inner product.
    """
    index = faiss.index_factory(dim, factory, faiss.METRIC_L2 if is_l2 else faiss.METRIC_INNER_PRODUCT)
    skip_polysemous_training(index)
    reserve_arrays(index, num_classes)
    return index


def make_flat(num_classes: int, dim: int, *, is_l2: bool) -> tuple[Any, FloatArray]:
    """A full Flat index of zeros, and its own storage as a matrix (C, D)."""
    index = faiss.IndexFlat(dim, faiss.METRIC_L2 if is_l2 else faiss.METRIC_INNER_PRODUCT)
    num_bytes = num_classes * dim * FLOAT32_BYTES
    index.codes.resize(num_bytes)  # std::vector zeroes what it grows by: sums start at 0
    index.ntotal = num_classes
    storage = faiss.rev_swig_ptr(index.codes.data(), num_bytes)
    return index, storage.view(np.float32).reshape(num_classes, dim)


def train_index(
    index: Any,
    vectors: ClassVectors,
    kind: IndexKind,
    num_classes: int,
    *,
    seed: int,
    wanted: int | None = None,
) -> int:
    """Train quantisers on a sample of bounded size; how many vectors it had."""
    if not kind.needs_training:
        return 0
    points = kind.training_points(num_classes, wanted)
    _train(index, _training_sample(vectors, num_classes, points, seed))
    return points


def _train(index: Any, sample_ND: FloatArray) -> None:
    """What ``index.train`` does, but the sample is rotated block by block, in place where it can be.

    ``IndexPreTransform::train`` rotates it in one product, beside itself: OpenBLAS packs all of it into a
    buffer that it keeps. At 200,000 x 64 that was 108 MB more.
    """
    inner = faiss.downcast_index(index)
    while isinstance(inner, faiss.IndexPreTransform):
        for place in range(inner.chain.size()):
            transform = inner.chain.at(place)
            transform.train(sample_ND)
            is_square = transform.d_in == transform.d_out
            rotated_ND = sample_ND if is_square else np.empty((len(sample_ND), transform.d_out), np.float32)
            for start, stop in batch_ranges(len(sample_ND), ADD_CLASSES):
                rotated_ND[start:stop] = transform.apply(sample_ND[start:stop])
            sample_ND = rotated_ND
        inner = faiss.downcast_index(inner.index)
    inner.train(sample_ND)
    index.is_trained = True


def _training_sample(vectors: ClassVectors, num_classes: int, points: int, seed: int) -> FloatArray:
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.choice(num_classes, points, replace=False, shuffle=False))
    return sample_rows(vectors, chosen, num_classes)


def add_classes(
    index: Any, vectors: ClassVectors, num_classes: int, writer: ExactVectorsWriter | None = None
) -> None:
    """Add every class in order, each block's memory given back right after."""
    # A block of scalar codes takes half a millisecond, less than waking threads and waiting for the last of
    # them: one thread adds twice as fast as two, and 17 times where other processes want the cores too.
    before = faiss.omp_get_max_threads()
    if isinstance(index, faiss.IndexScalarQuantizer):
        faiss.omp_set_num_threads(1)
    # Lists are found in a pass of their own, so that each gets its full length before the first class.
    lists_C = assign_lists(index, vectors, num_classes) if has_plain_lists(index) else None
    if lists_C is not None:
        reserve_lists(index, lists_C)
    for start, stop in batch_ranges(num_classes, ADD_CLASSES):
        rows = vectors.read(start, stop)
        if lists_C is None:
            index.add(rows)
        else:
            _add_to_lists(index, rows, lists_C[start:stop].astype(np.int64))
        if writer is not None:
            writer.append(rows)
        vectors.release(stop)
    faiss.omp_set_num_threads(before)


def _add_to_lists(index: Any, rows: FloatArray, lists_B: IntArray) -> None:
    """Add a block whose lists are known: what ``index.add`` does once it has found them."""
    inner, rotated = innermost(index), rotate(index, rows)
    inner.add_core(len(rows), faiss.swig_ptr(rotated), None, faiss.swig_ptr(lists_B))
    index.ntotal = inner.ntotal  # of a rotation around it


def skip_polysemous_training(index: Any) -> None:
    """Leave out the annealing that renumbers PQ centroids for a Hamming pre-filter that is never used here.

    It takes 26 s on one core whatever the number of classes, and changes no distance.

    Source: faiss/IndexPQ.h, ``do_polysemous_training`` (on by default), ``search_type`` (default ST_PQ).
    """
    inner = index
    while isinstance(inner, faiss.IndexPreTransform | faiss.IndexHNSW):
        inner = faiss.downcast_index(inner.index if hasattr(inner, "index") else inner.storage)
    if hasattr(inner, "do_polysemous_training"):
        inner.do_polysemous_training = False
