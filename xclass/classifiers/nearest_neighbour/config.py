"""Settings of the nearest-neighbour classifier and its closed-form memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, MeansStorage, VectorSource
from xclass.classifiers.nearest_neighbour.index_kind import IndexKind
from xclass.classifiers.nearest_neighbour.index_training import list_terms, training_regimes, visited_terms
from xclass.classifiers.nearest_neighbour.index_work import build_amount, build_form, search_works
from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.work import CLASS_MEANS, INDEX, OPEN, SAVE, Work, means_work, open_work, save_work
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, MAPPED, MemoryLaw, ProblemShape, Regime
from xclass.units import MIB

PROJECTION = "projection"
"""Name of the training-free encoder: a fixed random projection of the hashed features."""
RESIDENT_MEANS_BYTES = 24 * MIB
"""Pages of the file of class means that are let become resident before they are left to the kernel."""
ADD_CLASSES = 1 << 13
"""Classes added to an index, or read from a model, at a time."""
_CODE = {f"code of indexes{MAPPED}": 3 * MIB // 2}
"""Pages of code that run first when an index is trained and filled, with or without lists.

Source: growth of RssFile until the phase ends in benchmarks/records/projection, the same at all sizes: 2.1 MB
for Flat, 3.1 (HNSW), 3.5 (SQ8, RaBitQ), 3.7 (PQ fast-scan) and up to 4.1 MB (inverted lists).
"""
_GAPS_SHARE = 0.9
"""Of lists that grow in a file: each doubles its place and leaves the old one free. Measured at 1e6 classes
in 4096 lists; from 0.4 to 1.9 by how far the lengths are below a power of two.

Source: faiss/invlists/OnDiskInvertedLists.cpp, ``resize_locked``.
"""
TUNING_K = 10
"""Neighbours that recall is measured on."""


class Metric(StrEnum):
    """What near means, among class means. The class vectors of a head are compared by inner product."""

    cosine = "cosine"
    l2 = "l2"


@dataclass(kw_only=True, slots=True)
class NearestNeighbourConfig(MethodTraits):
    """One vector per class, searched with a FAISS index."""

    name: ClassVar[str] = "nearest_neighbour"
    implementation: ClassVar[str] = "xclass.classifiers.nearest_neighbour.classifier:NearestNeighbour"
    server: ClassVar[str] = "xclass.classifiers.nearest_neighbour.server:FaissServer"
    engine: ClassVar[str] = "faiss"
    fit_phase: ClassVar[str] = "build"
    sections: ClassVar[tuple[str, ...]] = ("index",)

    metric: Metric = Metric.cosine
    """cosine or l2."""
    encoder: str = PROJECTION
    """For text: ``projection`` (training-free) or the name of a trained method of this run, whose encoder is
    then used."""

    def memory_law(self, shape: ProblemShape, *, index: IndexConfig | None = None) -> MemoryLaw:
        """Peak of the build phase.

        Flat: the means are accumulated in the index's own storage, ``4 C D + 4 C``. Others: the means lie in
        a file of which a bounded number of pages is resident, or (``index.means_storage=memory``) in memory
        until the index is full. Room for the index is taken at once: nothing grows but lists in a file and
        lists of PQ fast-scan.

        Of N shards one at a time is in memory, ``ceil(C / N)`` classes: in the terms above C is that, but for
        the file of means and its counts, which one pass takes for all.
        """
        index = index or IndexConfig()
        kind, is_of_means = index.kind(shape.num_classes), index.vectors is VectorSource.means
        is_read = index.has_means_file(shape.num_classes)
        part = index.shard_shape(shape)
        whole = index.model_shape(shape) if is_read else part
        counts = {"class counts": FLOAT32_BYTES * whole.num_classes} if is_of_means else {}
        parts = _parts(index, kind, part)
        tuning = _tuning(index, shape, self.served_terms(shape, index=index))
        if kind.is_flat and is_of_means and not is_read:
            return MemoryLaw(regimes=(Regime(name="class means", components=parts | counts), *tuning))
        means, is_l2 = _means(index, whole), self.metric is Metric.l2
        # Means in a file are read into memory block by block: none of it is mapped any more.
        kept = {} if is_read else means
        return MemoryLaw(
            regimes=(
                Regime(name="class means", components=means | counts),
                *_unfed(_training(index, kind, part, kept, is_l2=is_l2)),
                *_unfed(_adding(index, kind, part, kept, kind.table_terms(is_l2=is_l2))),
                *tuning,
            )
        )

    def model_bytes(self, shape: ProblemShape, *, index: IndexConfig | None = None) -> int:
        """Bytes of the index file, and of the float16 vectors of a second stage."""
        index = index or IndexConfig()
        ids = INT64_BYTES * index.model_shape(shape).num_classes if index.shard is not None else 0
        return sum(index.model_parts(shape).values()) + index.exact_bytes(shape) + ids

    def served_terms(self, shape: ProblemShape, *, index: IndexConfig | None = None) -> dict[str, int]:
        """See :meth:`IndexConfig.served_terms`."""
        return (index or IndexConfig()).served_terms(shape, is_l2=self.metric is Metric.l2)

    def opened_terms(self, shape: ProblemShape, *, index: IndexConfig | None = None) -> dict[str, int]:
        """See :meth:`IndexConfig.opened_terms`."""
        return (index or IndexConfig()).opened_terms(shape, is_l2=self.metric is Metric.l2)

    def search_terms(self, shape: ProblemShape, *, index: IndexConfig | None = None) -> dict[str, int]:
        """See :meth:`IndexConfig.search_terms`."""
        return (index or IndexConfig()).search_terms(shape)

    def works(
        self, shape: ProblemShape, num_examples: int, *, index: IndexConfig | None = None
    ) -> dict[str, Work]:
        """Of the pass for the class means, the index, saving, opening and asking it."""
        index = index or IndexConfig()
        kind, is_of_means = index.kind(shape.num_classes), index.vectors is VectorSource.means
        copied = sum(self.opened_terms(shape, index=index).values())
        works = {
            SAVE: save_work(self.model_bytes(shape, index=index)),
            OPEN: open_work(copied),
        } | search_works(kind, index, shape)
        if is_of_means:
            works[CLASS_MEANS] = _means_work(index, shape, num_examples)
        if not (kind.is_flat and is_of_means) or index.num_indexes > 1:
            part, wanted = index.shard_shape(shape), index.training_points
            amount = build_amount(kind, part, wanted=wanted, has_rerank=index.rerank > 0)
            amount *= index.num_indexes
            works[INDEX] = Work(meaning="making the index", amount=amount, form=build_form(kind))
        return works


def _unfed(regimes: list[Regime]) -> list[Regime]:
    """Moments after the means: the last example was made, and its memory given back.

    Source: benchmarks/records/projection: at 250,000 x 512 batches would be 17 of 165 MB.
    """
    return [replace(regime, is_fed=False) for regime in regimes]


def _parts(index: IndexConfig, kind: IndexKind, shape: ProblemShape) -> dict[str, int]:
    """Of one index over all classes of the shape."""
    parts = kind.parts(shape.num_classes, shape.dim)
    in_file = ("index codes", "index ids") if index.on_disk_lists else ()
    return {f"{name}{MAPPED}" if name in in_file else name: size for name, size in parts.items()}


def _means(index: IndexConfig, shape: ProblemShape) -> dict[str, int]:
    if index.means_storage is MeansStorage.memory and index.vectors is VectorSource.means:
        return {"class means": shape.class_vectors_bytes}
    return {f"class vectors{MAPPED}": min(shape.class_vectors_bytes, RESIDENT_MEANS_BYTES)}


def _means_work(index: IndexConfig, shape: ProblemShape, num_examples: int) -> Work:
    """One pass into a file, whose pages come and go beyond those that stay resident; else one per shard."""
    if not index.has_means_file(shape.num_classes):
        return means_work(shape, num_examples * index.num_indexes)
    dropped = max(0, index.model_shape(shape).class_vectors_bytes - RESIDENT_MEANS_BYTES)
    return means_work(shape, num_examples, filed_values=dropped / FLOAT32_BYTES)


def _block_bytes(shape: ProblemShape) -> int:
    """Of a block that is read."""
    return FLOAT32_BYTES * min(ADD_CLASSES, shape.num_classes) * shape.dim


def _training(
    index: IndexConfig, kind: IndexKind, shape: ProblemShape, kept: dict[str, int], *, is_l2: bool
) -> list[Regime]:
    """The sample on its way out of the blocks that it is taken from, and what FAISS makes of it.

    Source: :func:`~xclass.classifiers.nearest_neighbour.class_vectors.sample_rows` holds the block before
    while it reads one, then a copy of the rows that it takes (numpy.take: "out is always buffered if
    mode='raise'"); the highest moment of small SQ8, PQ and RaBitQ in benchmarks/records/projection.
    """
    regimes = list(
        training_regimes(
            kind, shape.num_classes, shape.dim, index.training_points, threads=shape.threads, is_l2=is_l2
        )
    )
    regimes = [replace(regime, components={**regime.components, **_CODE}) for regime in regimes]
    if regimes:
        points = kind.training_points(shape.num_classes, index.training_points)
        share = points / shape.num_classes
        read = round(max(1.0 + share, 2.0 - share) * _block_bytes(shape))
        sample = {"training sample": FLOAT32_BYTES * points * shape.dim, "classes being read": read}
        regimes.insert(0, Regime(name="sampling", components=sample))
    return [replace(regime, components={**kept, **regime.components}) for regime in regimes]


def _adding(
    index: IndexConfig,
    kind: IndexKind,
    shape: ProblemShape,
    kept: dict[str, int],
    tables: dict[str, int],
) -> list[Regime]:
    """The full index, the last block, and what finds each class its place.

    Source: faiss/impl/hnsw/LockVector.h: an ``omp_lock_t``, 4 bytes in libgomp, per vector of a graph.
    """
    parts, num_classes = _parts(index, kind, shape), shape.num_classes
    is_reserved = kind.is_reserved and not index.on_disk_lists
    places = visited_terms(kind, shape) | ({"locks": 4 * num_classes} if kind.num_links else {})
    if kind.num_lists:
        lists = {"list of each class": 4 * num_classes} if is_reserved else {}
        places = lists | list_terms(kind, kind.rotated_dim or shape.dim, shape.threads)
    growth = {} if is_reserved or index.on_disk_lists else {"room to grow": sum(parts.values()) // 3}
    # Lists are taken whole before the first class; one array grows page by page as means are given back.
    beside = kept if kind.num_lists else {}
    # The one before it, or what FAISS makes of it (residuals, rotated rows), or its clipped copy on the way
    # to the second stage, which is then narrowed to float16.
    num_bytes = (5 if index.rerank else 4) * _block_bytes(shape) // 2
    blocks = {"classes being added": num_bytes} | _CODE
    adding = Regime(name="adding", components=beside | parts | tables | places | growth | blocks)
    return [adding, *_packing(index, parts)]


def _packing(index: IndexConfig, parts: dict[str, int]) -> list[Regime]:
    """Lists in a file, with the gaps that growing left, beside their copy without gaps: pages of files."""
    if not index.on_disk_lists:
        return []
    lists = sum(size for name, size in parts.items() if name.endswith(MAPPED))
    copies = {f"gaps of lists{MAPPED}": round(_GAPS_SHARE * lists), f"packed lists{MAPPED}": lists}
    return [Regime(name="packing lists", components=parts | copies)]


def _tuning(index: IndexConfig, shape: ProblemShape, served: dict[str, int]) -> list[Regime]:
    """Search in the index as it is served, the one that was built gone."""
    if index.target_recall is None:
        return []
    queries = index.tuning_queries * (FLOAT32_BYTES * shape.dim + 2 * TUNING_K * INT64_BYTES)
    components = served | index.search_terms(shape) | {"tuning queries": queries}
    return [Regime(name="tuning", components=components)]
