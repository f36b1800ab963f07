"""The index of class vectors: kind, search effort, second stage, and where its parts lie. Stdlib only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from xclass.classifiers.nearest_neighbour.index_kind import LEVEL_BYTES, IndexKind, parse_index_kind
from xclass.classifiers.nearest_neighbour.index_training import (
    LIST_OBJECT_BYTES,
    product_bytes,
    visited_terms,
)
from xclass.errors import ConfigError
from xclass.shapes import MAPPED, ProblemShape

_LISTS = "{lists}"
_LISTS_PER_ROOT = 4
"""Source: faiss wiki, "Guidelines to choose an index": between 4 sqrt(N) and 16 sqrt(N) lists."""
_MAX_LISTS = 1 << 16
_POINTS_PER_LIST = 39
"""FAISS warns below: ``ClusteringParameters::min_points_per_centroid``."""

INDEX_MAPPED, INDEX_COPIED, EXACT_MAPPED = f"index{MAPPED}", "index", f"exact vectors{MAPPED}"
"""Names of what a server holds: mapped parts of the index, copied ones, and vectors of the second stage."""
SECOND_STAGE_BYTES = 8 << 20
"""Scratch in which candidates are ranked again; 1 to 32 MiB are equally fast."""


class VectorSource(StrEnum):
    """What is indexed."""

    means = "means"
    """Class means, taken in one pass over the examples."""
    dense_softmax = "dense_softmax"
    """The class vectors of that method of this run, searched by inner product."""
    sampled_softmax = "sampled_softmax"
    """The same of that method."""


class MeansStorage(StrEnum):
    """Where class means lie until they are in the index; without effect on Flat, in which they are summed."""

    file = "file"
    """In a file that is gone with the process: only the index is resident, at the price of the disk."""
    memory = "memory"
    """In memory: faster on a slow disk, and 4 C D bytes beside the index."""


@dataclass(kw_only=True, slots=True)
class IndexConfig:
    """The root section ``index``; ``index=NAME`` takes a choice of conf/index."""

    factory: str = "Flat"
    """FAISS factory string: Flat, SQ8, PQ16, IVF4096,SQ8, OPQ16_64,IVF4096,PQ16, HNSW32, RaBitQ4, ...
    ``{lists}`` stands for the power of two nearest to 4 sqrt(classes)."""
    num_probes: int = 16
    """Lists searched per query by IVF indexes, 1 to 65536."""
    search_width: int = 64
    """efSearch of HNSW indexes, 1 to 65536."""
    rerank: int = 0
    """Classes that the index finds per query, to be ranked again by their float16 vectors in a mapped file;
    0: the index has the last word; to 65536."""
    is_rerank_mapped: bool = True
    """Whether the server maps that file, whose pages then stay resident until the kernel wants them, or reads
    each candidate, which costs about a microsecond and leaves nothing resident."""
    target_recall: float | None = None
    """Search effort is raised until so much of the exact first ten is found, on training examples at the
    size that is served; above 0 to 1. null: num_probes and search_width as they are set."""
    tuning_queries: int = 1000
    """Examples that target_recall is measured on, 10 to 100000."""
    training_points: int | None = None
    """Class vectors that centroids and codes are trained on, 256 to 16777216, raised to one per centroid;
    null: 256 per list, at least 65536. They lie in memory twice while an index is trained."""
    vectors: VectorSource = VectorSource.means
    """means, dense_softmax or sampled_softmax."""
    means_storage: MeansStorage = MeansStorage.file
    """file or memory."""
    on_disk_lists: bool = False
    """Inverted lists are built in a file instead of in memory; only IVF."""
    folder: str | None = None
    """Where files lie while the index is built; null: where the run saves its models."""
    model: str | None = None
    """Folder of the softmax head whose class vectors are indexed; null: the one of this run."""

    def __post_init__(self) -> None:
        """Refuse an index that has no closed form here, and efforts that FAISS cannot take.

        Raises:
            ConfigError: naming key, value, what is allowed and remedy.
        """
        kind = self.kind(1 << 20)
        defaults = {
            "num_probes": (1, 16),
            "search_width": (1, 64),
            "rerank": (0, 0),
            "tuning_queries": (10, 1000),
        }
        for name, (least, default) in defaults.items():
            most = 100_000 if name == "tuning_queries" else 1 << 16
            if not least <= getattr(self, name) <= most:
                self._refuse(name, allowed=f"{least} to {most}", remedy=f"{default} is the default")
        if self.target_recall is not None and not 0.0 < self.target_recall <= 1.0:
            self._refuse("target_recall", allowed="above 0 to 1, or null", remedy="0.95 is usual")
        if self.training_points is not None and not 256 <= self.training_points <= 1 << 24:
            self._refuse("training_points", allowed="256 to 16777216, or null", remedy="null is the default")
        if self.rerank and kind.is_flat:
            self._refuse(
                "rerank", allowed="0 with Flat, which is exact", remedy="choose index=ivf_pq or another"
            )
        if self.on_disk_lists and (not kind.num_lists or kind.is_fast_scan):
            self._refuse(
                "on_disk_lists",
                allowed="false without inverted lists, or with those of PQ fast-scan",
                remedy="choose index=ivf_sq8",
            )
        if self.vectors is not VectorSource.means and kind.needs_distances:
            # Nearness by inner product is no metric, and trained class vectors differ in length: what a graph
            # can reach then depends on the data; down to 6 % was found (milvus #51821, hnswlib #74).
            self._refuse(
                "vectors",
                allowed="means with a graph (HNSW) or RaBitQ in lists",
                remedy="choose index=ivf_sq8 or flat",
            )

    def _refuse(self, name: str, *, allowed: str, remedy: str) -> None:
        raise ConfigError(f"index.{name}", getattr(self, name), allowed=allowed, remedy=remedy)

    def factory_for(self, num_classes: int) -> str:
        """The factory string with the number of lists filled in."""
        if _LISTS not in self.factory:
            return self.factory
        wanted = min(_LISTS_PER_ROOT * math.sqrt(num_classes), num_classes / _POINTS_PER_LIST)
        lists = 1 << max(0, round(math.log2(max(1.0, wanted))))
        return self.factory.replace(_LISTS, str(min(_MAX_LISTS, lists)))

    def served_terms(self, shape: ProblemShape, *, is_l2: bool) -> dict[str, int]:
        """Bytes of the opened model: mapped, copied, and rebuilt.

        FAISS maps codes, ids and links. It copies the levels and offsets of a graph, whose pages in the file
        then are resident besides, and codes of PQ fast-scan, which are read and not mapped. It makes two
        objects per inverted list, and for PQ in lists by L2 a table of the products of list centroids and
        codebook, which is in no file and left out above 2 GiB.

        Source: faiss/impl/index_read.cpp, ``READVECTOR`` copies and ``read_vector`` maps;
        faiss/IndexIVFPQ.cpp, ``initialize_IVFPQ_precomputed_table``.
        """
        kind, num_classes = self.kind(shape.num_classes), shape.num_classes
        parts = kind.parts(num_classes, shape.dim)
        copied = LEVEL_BYTES * num_classes if kind.num_links else 0
        if kind.is_fast_scan:
            copied = parts["index codes"] + parts.get("index ids", 0)
        # Candidates that are read leave nothing resident: benchmarks/records/heads/index_frontier, "read".
        exact = shape.class_vectors_bytes // 2 if self.rerank and self.is_rerank_mapped else 0
        terms = {
            INDEX_MAPPED: sum(parts.values()) - (copied if kind.is_fast_scan else 0),
            INDEX_COPIED: copied,
            EXACT_MAPPED: exact,
            "list objects": LIST_OBJECT_BYTES * kind.num_lists,
        }
        terms |= kind.table_terms(is_l2=is_l2)
        return {name: size for name, size in terms.items() if size}

    def opened_terms(self, shape: ProblemShape, *, is_l2: bool) -> dict[str, int]:
        """What of them is resident once the index is open: what is copied or made, and a graph's pages.

        Source: faiss/impl/index_read.cpp, ``validate_HNSW`` looks at every link.
        """
        graph = self.kind(shape.num_classes).parts(shape.num_classes, shape.dim).get("index graph", 0)
        touched = {INDEX_MAPPED: graph, EXACT_MAPPED: 0}
        return {name: touched.get(name, size) for name, size in self.served_terms(shape, is_l2=is_l2).items()}

    def search_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Scratch of a search: a block of products, a graph's marks of what was seen, the second stage.

        Source: faiss/impl/VisitedTable.h, ``get_reusable``: kept by each thread.
        """
        terms = {"search scratch": product_bytes(shape.query_batch_size, shape.num_classes)}
        terms |= visited_terms(self.kind(shape.num_classes), shape)
        return terms | ({"second stage": SECOND_STAGE_BYTES} if self.rerank else {})

    def scratch_bytes(self, shape: ProblemShape) -> int:
        """Bytes of the disk that are taken while the index is built, the saved model not counted."""
        is_in_file = self.vectors is VectorSource.means and self.means_storage is MeansStorage.file
        return shape.class_vectors_bytes if is_in_file and not self.kind(shape.num_classes).is_flat else 0

    def kind(self, num_classes: int) -> IndexKind:
        """The parsed factory string.

        Raises:
            ConfigError: a kind without a closed form here.
        """
        return parse_index_kind(self.factory_for(num_classes))
