"""Class vectors in a FAISS index: nothing is trained but, for some index kinds, the quantiser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.class_means import CountArray, accumulate_means, scale_rows
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.model_folder import write_manifest
from xclass.classifiers.nearest_neighbour.build import (
    DiskLists,
    add_classes,
    make_flat,
    make_index,
    train_index,
)
from xclass.classifiers.nearest_neighbour.class_vectors import (
    ClassVectors,
    HeadVectors,
    MeansInFile,
    MeansInMemory,
)
from xclass.classifiers.nearest_neighbour.config import Metric, NearestNeighbourConfig
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, MeansStorage, VectorSource
from xclass.classifiers.nearest_neighbour.index_kind import INDEX_KEY
from xclass.classifiers.nearest_neighbour.second_stage import ExactVectorsWriter
from xclass.classifiers.nearest_neighbour.server import (
    ADDED_LENGTH,
    INDEX_FILE,
    FaissServer,
    faiss_index_parts,
)
from xclass.classifiers.nearest_neighbour.tuning import ExactAnswers, tune
from xclass.classifiers.weights.rows import FloatRows, Rows
from xclass.data.base import FloatArray, batch_ranges
from xclass.encoders.base import Encoder
from xclass.errors import ConfigError
from xclass.shapes import ProblemShape

_PLACED_CLASSES = 1 << 12
"""Classes looked through at a time for those without examples: 1 MiB of values at 64 dimensions."""


class NearestNeighbour:
    """The method ``nearest_neighbour``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(
        self,
        config: NearestNeighbourConfig,
        *,
        shape: ProblemShape,
        encoder: Encoder,
        seed: int,
        index: IndexConfig | None = None,
    ) -> None:
        """Keep the settings.

        Raises:
            ConfigError: the index cannot be built over this many classes or dimensions.
        """
        self._settings = index or IndexConfig()
        self._kind = self._settings.kind(shape.num_classes)
        self._factory = self._settings.factory_for(shape.num_classes)
        misfit = self._kind.misfit(shape.num_classes, shape.dim)
        if misfit:
            raise ConfigError(
                INDEX_KEY, self._factory, allowed=misfit, remedy="Flat is exact and the default"
            )
        self._is_of_means = self._settings.vectors is VectorSource.means
        self._normalise = self._is_of_means and config.metric is Metric.cosine
        # On vectors of equal length the order by L2 is the order by inner product.
        self._is_l2 = (self._is_of_means and config.metric is Metric.l2) or self._kind.needs_distances
        self._metric = config.metric.value if self._is_of_means else "inner_product"
        self._shape = shape
        self._seed = seed
        self._index: Any = None
        self._parts: dict[str, int] = {}
        self._added_length: float | None = 1.0 if self._normalise else None
        self._lists: DiskLists | None = None
        self._writer: ExactVectorsWriter | None = None
        self._exact: ExactAnswers | None = None
        self._report = FitReport(examples_seen=0, facts={})

    def warm_up(self) -> None:
        """Load faiss's kernels and start its threads on a toy problem."""
        warm_up_faiss(self._shape.threads)

    def fit(self, feed: Feed) -> FitReport:
        """Take the class vectors and build the index.

        Memory:
            see :meth:`NearestNeighbourConfig.memory_law`.
        """
        begun = time.perf_counter()
        facts: dict[str, Any] = {
            "index": self._factory,
            "metric": self._metric,
            "threads": self._shape.threads,
        }
        examples = 0
        is_filled = self._kind.is_flat and self._is_of_means
        if not is_filled:
            # Before there are means in memory: taking room writes zeros, if only for a moment.
            self._index = make_index(
                self._factory, dim=self._shape.dim, num_classes=self._shape.num_classes, is_l2=self._is_l2
            )
        if is_filled:
            self._index, means_CD = make_flat(self._shape.num_classes, self._shape.dim, is_l2=self._is_l2)
            examples = self._accumulate(FloatRows(means_CD), feed)
            vectors: ClassVectors = _View(means_CD)
        elif self._is_of_means:
            vectors, rows = self._make_means()
            examples = self._accumulate(rows, feed)
        else:
            assert self._settings.model is not None
            vectors = head = HeadVectors(Path(self._settings.model), self._shape)
            lengths = head.lengths()
            # As amending a head does: an example as it is, beside longer vectors, would never be the answer.
            self._added_length = lengths["median"]
            facts |= {"vectors": self._settings.vectors.value, "lengths": lengths}
        facts["means_seconds"] = time.perf_counter() - begun
        if self._settings.target_recall is not None:
            self._exact = self._answer_exactly(vectors, feed)
        if not is_filled:
            facts["training_points"] = self._build(vectors)
        facts["index_seconds"] = time.perf_counter() - begun - facts["means_seconds"]
        self._report = FitReport(examples_seen=examples, facts=facts)
        return self._report

    def save(self, folder: Path) -> None:
        """Write the index and what goes with it; with a target recall, tune it as it will be served."""
        if self._lists is not None:
            self._lists.save(self._index, folder)
        faiss.write_index(self._index, str(folder / INDEX_FILE))
        if self._writer is not None:
            self._writer.save(folder)
        settings = self._settings
        facts = {
            "normalise": self._normalise,
            ADDED_LENGTH: self._added_length,
            "num_probes": settings.num_probes,
            "search_width": settings.search_width,
            "rerank": settings.rerank,
            "is_rerank_mapped": settings.is_rerank_mapped,
        }
        self._write_manifest(folder, facts)
        if self._exact is not None:
            self._parts = faiss_index_parts(self._index)
            self._index = None  # else it would be resident beside its own file
            server = FaissServer(threads=self._shape.threads)
            server.load(folder)
            assert settings.target_recall is not None
            tuned = tune(server, self._exact, settings.target_recall)
            self._report.facts |= tuned
            self._write_manifest(folder, {name: tuned.get(name, value) for name, value in facts.items()})

    def held_bytes(self) -> dict[str, int]:
        """The index: codes, ids, links, centroids."""
        if self._index is not None:
            self._parts = faiss_index_parts(self._index)
        return dict(self._parts)

    def _write_manifest(self, folder: Path, facts: dict[str, Any]) -> None:
        shape = {"num_classes": self._shape.num_classes, "dim": self._shape.dim}
        write_manifest(folder, kind="faiss", shape=shape, facts=facts)

    def _folder(self) -> str:
        return self._settings.folder or "."

    def _make_means(self) -> tuple[ClassVectors, Rows]:
        size = self._shape.num_classes, self._shape.dim
        if self._settings.means_storage is MeansStorage.file:
            in_file = MeansInFile(*size, self._folder())
            return in_file, in_file
        in_memory = MeansInMemory(*size)
        return in_memory, FloatRows(in_memory.array_CD)

    def _accumulate(self, rows: Rows, feed: Feed) -> int:
        length = 1.0 if self._normalise else None
        counts_C, spread = accumulate_means(rows, feed.scan(), length=length)
        self._place_unseen(rows, counts_C, length or spread.mean_length)
        return spread.num_examples

    def _place_unseen(self, rows: Rows, counts_C: CountArray, length: float) -> None:
        """Put classes without examples in random directions, where they are as far as any unrelated class.

        Left at zero they are near to everything by L2, and in a graph index they link to nothing but each
        other: with half of 400 classes unseen, HNSW found 24 % of the rest.
        """
        generator = np.random.default_rng(self._seed)
        for start, stop in batch_ranges(self._shape.num_classes, _PLACED_CLASSES):
            unseen = np.flatnonzero(counts_C[start:stop] == 0)
            if len(unseen):
                placed = generator.standard_normal((len(unseen), self._shape.dim), dtype=np.float32)
                scale_rows(placed, length)
                with rows.block(start, stop) as block:
                    block[unseen] = placed
                del placed  # else it lies beside the next one

    def _answer_exactly(self, vectors: ClassVectors, feed: Feed) -> ExactAnswers:
        queries_QD = np.ascontiguousarray(feed.sample(self._settings.tuning_queries), dtype=np.float32)
        if self._normalise:
            scale_rows(queries_QD, 1.0)
        return ExactAnswers(queries_QD, vectors, self._shape.num_classes, is_l2=self._is_l2)

    def _build(self, vectors: ClassVectors) -> int:
        """Train, then add; how many vectors training had."""
        shape, settings = self._shape, self._settings
        wanted = settings.training_points
        points = train_index(
            self._index, vectors, self._kind, shape.num_classes, seed=self._seed, wanted=wanted
        )
        if settings.on_disk_lists:
            self._lists = DiskLists(self._folder())
            self._lists.attach(self._index)
        if settings.rerank:
            self._writer = ExactVectorsWriter((shape.num_classes, shape.dim), self._folder())
        try:
            add_classes(self._index, vectors, shape.num_classes, self._writer)
        except BaseException:
            if self._lists is not None:
                self._lists.discard()
            raise
        return points


class _View:
    """Class vectors that are a matrix already."""

    def __init__(self, array_CD: FloatArray) -> None:
        self._array_CD = array_CD

    def read(self, start: int, stop: int) -> FloatArray:
        """The rows themselves."""
        return self._array_CD[start:stop]

    def release(self, stop: int) -> None:
        """They are the index; nothing is given back."""
