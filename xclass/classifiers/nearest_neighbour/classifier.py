"""Class vectors in a FAISS index: nothing is trained but, for some index kinds, the quantiser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.class_ids import CLASS_IDS, NEXT_CLASS
from xclass.classifiers.class_means import CountArray, accumulate_means, scale_rows
from xclass.classifiers.faiss_engine import warm_up_faiss
from xclass.classifiers.model_folder import save_array, write_manifest
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
    MatrixRows,
    MeansInFile,
    MeansInMemory,
    RowsOfSlice,
)
from xclass.classifiers.nearest_neighbour.config import Metric, NearestNeighbourConfig
from xclass.classifiers.nearest_neighbour.finished_shards import FinishedShards, write_shard
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, VectorSource
from xclass.classifiers.nearest_neighbour.index_kind import INDEX_KEY
from xclass.classifiers.nearest_neighbour.index_parts import faiss_index_parts
from xclass.classifiers.nearest_neighbour.second_stage import ExactVectorsWriter
from xclass.classifiers.nearest_neighbour.server import ADDED_LENGTH, FaissServer
from xclass.classifiers.nearest_neighbour.shards import NUM_SHARDS, shard_files
from xclass.classifiers.nearest_neighbour.tuning import ExactAnswers, tune
from xclass.classifiers.weights.rows import FloatRows, Rows
from xclass.data.base import FloatArray, IntArray, batch_ranges
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
        misfit = self._settings.misfit(shape.num_classes, shape.dim)
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
        self._slices = self._settings.slices(shape.num_classes)
        self._files = shard_files(len(self._slices))
        self._finished: FinishedShards | None = None
        self._is_filled = self._is_of_means and self._kind.is_flat
        self._seed = seed
        self._placing = np.random.default_rng(seed)
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
        """Take the class vectors and build the index, or one shard after the other.

        Memory:
            see :meth:`NearestNeighbourConfig.memory_law`.
        """
        begun = time.perf_counter()
        settings = self._settings
        self._report = FitReport(examples_seen=0)
        facts: dict[str, Any] = self._report.facts
        facts |= {
            "index": self._factory,
            "metric": self._metric,
            "threads": self._shape.threads,
            "means_seconds": 0.0,
        }
        if len(self._slices) > 1:
            facts["shards"] = len(self._slices)
            self._finished = FinishedShards(self._folder())
        if settings.rerank:
            size = sum(map(len, self._slices)), self._shape.dim
            self._writer = ExactVectorsWriter(size, self._folder())
        if not self._is_of_means:
            self._fit_slices(self._open_head(facts), feed)
        elif settings.has_means_file(self._shape.num_classes):
            whole = range(self._slices[0].start, self._slices[-1].stop)
            in_file = MeansInFile(len(whole), self._shape.dim, self._folder())
            self._accumulate(in_file, feed, whole)
            self._fit_slices(in_file, feed, first=whole.start)
        else:
            for number in range(len(self._slices)):
                self._fit_from_examples(number, feed)
        facts["index_seconds"] = time.perf_counter() - begun - facts["means_seconds"]
        return self._report

    def save(self, folder: Path) -> None:
        """Write the index and what goes with it; with a target recall, tune it as it will be served."""
        if self._finished is not None:
            self._finished.save(folder)
        write_shard(self._index, self._lists, self._files[-1], folder)
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
        if len(self._slices) > 1:
            facts[NUM_SHARDS] = len(self._slices)
        if settings.shard is not None:
            (part,) = self._slices
            save_array(folder / CLASS_IDS, np.arange(part.start, part.stop, dtype=np.int64))
            facts[NEXT_CLASS] = self._shape.num_classes
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
        """The index, of several shards the last one: codes, ids, links, centroids."""
        if self._index is not None:
            self._parts = faiss_index_parts(self._index)
        return dict(self._parts)

    def _write_manifest(self, folder: Path, facts: dict[str, Any]) -> None:
        shape = {"num_classes": sum(map(len, self._slices)), "dim": self._shape.dim}
        write_manifest(folder, kind="faiss", shape=shape, facts=facts)

    def _folder(self) -> str:
        return self._settings.folder or "."

    def _open_head(self, facts: dict[str, Any]) -> ClassVectors:
        assert self._settings.model is not None
        head = HeadVectors(Path(self._settings.model), self._shape)
        lengths = head.lengths()
        # As amending a head does: an example as it is, beside longer vectors, would never be the answer.
        self._added_length = lengths["median"]
        facts |= {"vectors": self._settings.vectors.value, "lengths": lengths}
        return head

    def _fit_slices(self, vectors: ClassVectors, feed: Feed, *, first: int = 0) -> None:
        """Every shard from class vectors that are there.

        Args:
            vectors: of all classes of the model; row 0 is class ``first``.
            feed: for the queries that recall is measured on.
            first: class.
        """
        if self._settings.target_recall is not None:
            self._exact = self._answer_exactly(vectors, feed)
        for number, part in enumerate(self._slices):
            # Taking room writes zeros, if only for a moment: not beside pages that are not needed.
            vectors.release(part.start - first)
            self._index = self._make_index(len(part))
            self._build(RowsOfSlice(vectors, part.start - first), len(part))
            self._put_away(number)

    def _fit_from_examples(self, number: int, feed: Feed) -> None:
        """One shard, its means taken in a pass of its own, into a Flat index itself or beside another one."""
        part, dim = self._slices[number], self._shape.dim
        if self._is_filled:
            self._index, means_CD = make_flat(len(part), dim, is_l2=self._is_l2)
            self._accumulate(FloatRows(means_CD), feed, part)
            vectors: ClassVectors = MatrixRows(means_CD)
        else:
            # Before there are means in memory: taking room writes zeros, if only for a moment.
            self._index = self._make_index(len(part))
            vectors = in_memory = MeansInMemory(len(part), dim)
            self._accumulate(FloatRows(in_memory.array_CD), feed, part)
        if self._settings.target_recall is not None:
            self._exact = self._answer_exactly(vectors, feed)
        if not self._is_filled:
            self._build(vectors, len(part))
        self._put_away(number)

    def _make_index(self, num_classes: int) -> Any:
        return make_index(self._factory, dim=self._shape.dim, num_classes=num_classes, is_l2=self._is_l2)

    def _put_away(self, number: int) -> None:
        """Write a finished shard; the last one stays in memory until the model is saved."""
        if self._finished is not None and number < len(self._slices) - 1:
            self._finished.put(self._index, self._lists, self._files[number])
            self._index = self._lists = None

    def _accumulate(self, rows: Rows, feed: Feed, part: range) -> None:
        """Class means of a slice of the classes, normalised where they are to be."""
        begun = time.perf_counter()
        length = 1.0 if self._normalise else None
        examples = feed.scan() if len(part) == self._shape.num_classes else _of_slice(feed.scan(), part)
        counts_C, spread = accumulate_means(rows, examples, length=length)
        self._place_unseen(rows, counts_C, length or spread.mean_length)
        self._report.examples_seen += spread.num_examples
        self._report.facts["means_seconds"] += time.perf_counter() - begun

    def _place_unseen(self, rows: Rows, counts_C: CountArray, length: float) -> None:
        """Put classes without examples in random directions, where they are as far as any unrelated class.

        Left at zero they are near to everything by L2, and in a graph index they link to nothing but each
        other: with half of 400 classes unseen, HNSW found 24 % of the rest.
        """
        for start, stop in batch_ranges(len(counts_C), _PLACED_CLASSES):
            unseen = np.flatnonzero(counts_C[start:stop] == 0)
            if len(unseen):
                placed = self._placing.standard_normal((len(unseen), self._shape.dim), dtype=np.float32)
                scale_rows(placed, length)
                with rows.block(start, stop) as block:
                    block[unseen] = placed
                del placed  # else it lies beside the next one

    def _answer_exactly(self, vectors: ClassVectors, feed: Feed) -> ExactAnswers:
        queries_QD = np.ascontiguousarray(feed.sample(self._settings.tuning_queries), dtype=np.float32)
        if self._normalise:
            scale_rows(queries_QD, 1.0)
        num_classes = sum(map(len, self._slices))
        return ExactAnswers(queries_QD, vectors, num_classes, is_l2=self._is_l2)

    def _build(self, vectors: ClassVectors, num_classes: int) -> None:
        """Train an index, then add to it."""
        wanted = self._settings.training_points
        points = train_index(self._index, vectors, self._kind, num_classes, seed=self._seed, wanted=wanted)
        self._report.facts["training_points"] = points
        if self._settings.on_disk_lists:
            self._lists = DiskLists(self._folder())
            self._lists.attach(self._index)
        try:
            add_classes(self._index, vectors, num_classes, self._writer)
        except BaseException:
            if self._lists is not None:
                self._lists.discard()
            raise


def _of_slice(
    scan: Iterator[tuple[FloatArray, IntArray]], part: range
) -> Iterator[tuple[FloatArray, IntArray]]:
    """The examples of some classes, these numbered from 0."""
    for vectors_BD, classes_B in scan:
        is_here = (classes_B >= part.start) & (classes_B < part.stop)
        yield vectors_BD[is_here], classes_B[is_here] - part.start
