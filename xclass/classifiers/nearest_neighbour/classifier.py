"""Class means in a FAISS index: nothing is trained but, for some index kinds, the quantiser."""

from __future__ import annotations

import ctypes
import mmap
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.class_means import CountArray, accumulate_means, scale_rows
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.model_folder import write_manifest
from xclass.classifiers.nearest_neighbour.config import Metric, NearestNeighbourConfig
from xclass.classifiers.nearest_neighbour.index_kind import INDEX_KEY
from xclass.classifiers.nearest_neighbour.server import INDEX_FILE, faiss_index_bytes
from xclass.data.base import FloatArray
from xclass.encoders.base import Encoder
from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, ProblemShape

_ADD_CLASSES = 1 << 16
"""Classes added at a time; their means' pages are given back right after."""
_PLACED_CLASSES = 1 << 14
"""Classes looked through at a time for those without examples."""


class NearestNeighbour:
    """The method ``nearest_neighbour``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(
        self, config: NearestNeighbourConfig, *, shape: ProblemShape, encoder: Encoder, seed: int
    ) -> None:
        """Keep the settings.

        Raises:
            ConfigError: the index cannot be built over this many classes or dimensions.
        """
        misfit = config.kind.misfit(shape.num_classes, shape.dim)
        if misfit:
            raise ConfigError(INDEX_KEY, config.index, allowed=misfit, remedy="Flat is exact and the default")
        self._config = config
        self._shape = shape
        self._seed = seed
        self._index: Any = None

    def warm_up(self) -> None:
        """Load faiss's kernels and start its threads on a toy problem."""
        warm_up_faiss(self._shape.threads)

    def fit(self, feed: Feed) -> FitReport:
        """Accumulate the means and build the index.

        Memory:
            see :meth:`NearestNeighbourConfig.memory_law`.
        """
        begun = time.perf_counter()
        if self._config.kind.is_flat:
            examples = self._fit_in_place(feed)
            means_seconds = time.perf_counter() - begun
        else:
            self._index = self._make_index()
            means = _ReleasableMatrix(self._shape.num_classes, self._shape.dim)
            examples = self._accumulate(means.array_CD, feed)
            means_seconds = time.perf_counter() - begun
            self._train(means.array_CD)
            self._add(means)
        facts = {
            "index": self._config.index,
            "metric": self._config.metric.value,
            "means_seconds": means_seconds,
            "index_seconds": time.perf_counter() - begun - means_seconds,
        }
        return FitReport(examples_seen=examples, facts=facts)

    def save(self, folder: Path) -> None:
        """Write the index file."""
        faiss.write_index(self._index, str(folder / INDEX_FILE))
        write_manifest(
            folder,
            kind="faiss",
            shape={"num_classes": self._shape.num_classes, "dim": self._shape.dim},
            facts={
                "normalise": self._config.metric is Metric.cosine,
                "num_probes": self._config.num_probes,
                "search_width": self._config.search_width,
            },
        )

    def held_bytes(self) -> dict[str, int]:
        """The index: codes, ids, links, centroids."""
        return {} if self._index is None else {"index": faiss_index_bytes(self._index)}

    def _make_index(self) -> faiss.Index:
        kind = self._config.kind
        # On vectors of equal length the order by L2 is the order by inner product, and graphs need a metric:
        # HNSW on raw inner products finds 6 % of what it should (milvus #51821, hnswlib #74).
        is_l2 = self._config.metric is Metric.l2 or bool(kind.num_links)
        metric = faiss.METRIC_L2 if is_l2 else faiss.METRIC_INNER_PRODUCT
        index = faiss.index_factory(self._shape.dim, self._config.index, metric)
        _skip_polysemous_training(index)
        if hasattr(index, "codes"):
            # faiss doubles its array on chunked add (peak 1.67x); shrinking a vector keeps its room. Growing
            # it wrote zeros, whose pages would stay beside the means (SQfp16: peak 1.5x of the means).
            num_bytes = self._shape.num_classes * index.code_size
            index.codes.resize(num_bytes)
            _drop_pages(faiss.rev_swig_ptr(index.codes.data(), num_bytes))
            index.codes.resize(0)
        return index

    def _accumulate(self, means_CD: FloatArray, feed: Feed) -> int:
        counts_C, spread = accumulate_means(means_CD, feed.scan())
        self._place_unseen(means_CD, counts_C, spread.mean_length)
        if self._config.metric is Metric.cosine:
            scale_rows(means_CD, 1.0)
        return spread.num_examples

    def _place_unseen(self, means_CD: FloatArray, counts_C: CountArray, length: float) -> None:
        """Put classes without examples in random directions, where they are as far as any unrelated class.

        Left at zero they are near to everything by L2, and in a graph index they link to nothing but each
        other: with half of 400 classes unseen, HNSW found 24 % of the rest.
        """
        generator = np.random.default_rng(self._seed)
        for start in range(0, len(means_CD), _PLACED_CLASSES):
            unseen = start + np.flatnonzero(counts_C[start : start + _PLACED_CLASSES] == 0)
            if len(unseen):
                rows = generator.standard_normal((len(unseen), means_CD.shape[1]), dtype=np.float32)
                scale_rows(rows, length)
                means_CD[unseen] = rows

    def _fit_in_place(self, feed: Feed) -> int:
        """Accumulate in the storage of a Flat index: 1.0x its bytes instead of 2.0x."""
        num_classes, dim = self._shape.num_classes, self._shape.dim
        is_l2 = self._config.metric is Metric.l2
        index = faiss.IndexFlat(dim, faiss.METRIC_L2 if is_l2 else faiss.METRIC_INNER_PRODUCT)
        num_bytes = num_classes * dim * FLOAT32_BYTES
        index.codes.resize(num_bytes)  # std::vector zeroes what it grows by: sums start at 0
        storage = faiss.rev_swig_ptr(index.codes.data(), num_bytes)
        examples = self._accumulate(storage.view(np.float32).reshape(num_classes, dim), feed)
        index.ntotal = num_classes
        self._index = index
        return examples

    def _train(self, means_CD: FloatArray) -> None:
        kind = self._config.kind
        if not kind.needs_training:
            return
        points = kind.training_points(len(means_CD))
        generator = np.random.default_rng(self._seed)
        chosen = np.sort(generator.choice(len(means_CD), points, replace=False, shuffle=False))
        self._index.train(means_CD[chosen])

    def _add(self, means: _ReleasableMatrix) -> None:
        for start in range(0, self._shape.num_classes, _ADD_CLASSES):
            stop = min(start + _ADD_CLASSES, self._shape.num_classes)
            self._index.add(means.array_CD[start:stop])
            means.release(stop)


def _skip_polysemous_training(index: Any) -> None:
    """Leave out the annealing that renumbers PQ centroids for a Hamming pre-filter that is never used here.

    It takes 26 s on one core whatever the number of classes, and changes no distance.

    Source: faiss/IndexPQ.h, ``do_polysemous_training`` (on by default), ``search_type`` (default ST_PQ).
    """
    inner = index
    while isinstance(inner, faiss.IndexPreTransform | faiss.IndexHNSW):
        inner = faiss.downcast_index(inner.index if hasattr(inner, "index") else inner.storage)
    if hasattr(inner, "do_polysemous_training"):
        inner.do_polysemous_training = False


def _drop_pages(array: npt.NDArray[np.uint8]) -> None:
    """Give the pages that lie wholly inside a private array back to the kernel; they read as zeros then."""
    start, size = array.ctypes.data, mmap.PAGESIZE
    first, last = -(-start // size) * size, (start + array.nbytes) // size * size
    if last > first:
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)


class _ReleasableMatrix:
    """A zeroed float32 matrix on pages of its own, whose front can be given back to the kernel.

    Memory:
        4 rows D bytes, less what was released.
    """

    def __init__(self, rows: int, dim: int) -> None:
        self._row_bytes = dim * FLOAT32_BYTES
        self._map = mmap.mmap(-1, rows * self._row_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._released = 0
        self.array_CD: FloatArray = np.frombuffer(self._map, dtype=np.float32).reshape(rows, dim)

    def release(self, stop: int) -> None:
        """Drop the pages of all rows before ``stop``; they must not be read again."""
        end = stop * self._row_bytes // mmap.PAGESIZE * mmap.PAGESIZE
        if end > self._released:
            self._map.madvise(mmap.MADV_DONTNEED, self._released, end - self._released)
            self._released = end
