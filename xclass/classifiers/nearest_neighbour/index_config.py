"""The index of class vectors: kind, search effort, second stage, and where its parts lie. Stdlib only."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from xclass.classifiers.class_slices import class_slice, largest_slice
from xclass.classifiers.nearest_neighbour.index_kind import (
    INDEX_STRUCTURE,
    LEVEL_BYTES,
    IndexKind,
    parse_index_kind,
)
from xclass.classifiers.nearest_neighbour.index_training import (
    LIST_OBJECT_BYTES,
    product_bytes,
    visited_terms,
)
from xclass.errors import ConfigError
from xclass.shapes import INT64_BYTES, MAPPED, ProblemShape

_LISTS = "{lists}"
_LISTS_PER_ROOT = 4
"""Source: faiss wiki, "Guidelines to choose an index": between 4 sqrt(N) and 16 sqrt(N) lists."""
_MAX_LISTS = 1 << 16
MAX_SHARDS = 4096
_POINTS_PER_LIST = 39
"""FAISS warns below: ``ClusteringParameters::min_points_per_centroid``."""

CLASS_IDS_MAPPED = f"class ids{MAPPED}"
"""Name of the ids of a model's rows, where they are not 0 to C - 1."""
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
    shards: int = 1
    """Indexes that the classes are divided into, 1 to 4096: built one after the other, so that one at a time
    is in memory, and searched together, each with the same effort; their answers are merged exactly."""
    shard: int | None = None
    """Only this one of the shards is built, 0 to shards - 1: a model of its classes alone, which
    python -m xclass.merge joins with those from other machines; null: all of them."""
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
            "shards": (1, 1),
        }
        for name, (least, default) in defaults.items():
            most = {"tuning_queries": 100_000, "shards": MAX_SHARDS}.get(name, 1 << 16)
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

        self._check_shards()

    def _check_shards(self) -> None:
        if self.shard is not None and not 0 <= self.shard < self.shards:
            most = "null" if self.shards == 1 else f"0 to {self.shards - 1}"
            allowed = f"{most} with index.shards={self.shards}"
            self._refuse("shard", allowed=allowed, remedy="raise index.shards, or take index.shard out")
        if self.target_recall is not None and (
            self.shard is not None or (self.shards > 1 and self.means_storage is MeansStorage.memory)
        ):
            # The exact first ten are found among the means of all classes, which must be there together.
            self._refuse(
                "target_recall",
                allowed="null with index.shard, or with several shards and index.means_storage=memory",
                remedy="set index.num_probes or index.search_width, or take index.means_storage=file",
            )

    def _refuse(self, name: str, *, allowed: str, remedy: str) -> None:
        raise ConfigError(f"index.{name}", getattr(self, name), allowed=allowed, remedy=remedy)

    @property
    def num_indexes(self) -> int:
        """That the model has."""
        return 1 if self.shard is not None else self.shards

    def slices(self, num_classes: int) -> list[range]:
        """Classes of each index of the model."""
        built = range(self.shards) if self.shard is None else [self.shard]
        return [class_slice(num_classes, number, self.shards) for number in built]

    def model_shape(self, shape: ProblemShape) -> ProblemShape:
        """The problem with the classes of the model: all, but where one shard alone is built."""
        return shape if self.shard is None else self.shard_shape(shape)

    def shard_shape(self, shape: ProblemShape) -> ProblemShape:
        """The problem with the classes of the largest shard; all examples, all queries."""
        return replace(shape, num_classes=largest_slice(shape.num_classes, self.shards))

    def misfit(self, num_classes: int, dim: int) -> str | None:
        """Why no such index can be built over C vectors of D values; None: it can."""
        if self.shards > num_classes:
            return f"at most as many shards as classes: {num_classes}, not {self.shards}"
        return self.kind(num_classes).misfit(num_classes // self.shards, dim)

    def factory_for(self, num_classes: int) -> str:
        """The factory string of each shard, with the number of lists filled in.

        Args:
            num_classes: C, of all shards.
        """
        if _LISTS not in self.factory:
            return self.factory
        num_classes = largest_slice(num_classes, self.shards)
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
        kind, num_classes = self.kind(shape.num_classes), self.model_shape(shape).num_classes
        parts = self.model_parts(shape)
        copied = LEVEL_BYTES * num_classes if kind.num_links else 0
        if kind.is_fast_scan:
            copied = parts["index codes"] + parts.get("index ids", 0)
        # Candidates that are read leave nothing resident: benchmarks/records/heads/index_frontier, "read".
        exact = self.exact_bytes(shape) if self.is_rerank_mapped else 0
        terms = {
            INDEX_MAPPED: sum(parts.values()) - (copied if kind.is_fast_scan else 0),
            INDEX_COPIED: copied,
            EXACT_MAPPED: exact,
            "list objects": self.num_indexes * LIST_OBJECT_BYTES * kind.num_lists,
            CLASS_IDS_MAPPED: INT64_BYTES * num_classes if self.shard is not None else 0,
        }
        tables = kind.table_terms(is_l2=is_l2)
        terms |= {name: self.num_indexes * size for name, size in tables.items()}
        return {name: size for name, size in terms.items() if size}

    def opened_terms(self, shape: ProblemShape, *, is_l2: bool) -> dict[str, int]:
        """What of them is resident once the index is open: what is copied or made, and a graph's pages.

        Source: faiss/impl/index_read.cpp, ``validate_HNSW`` looks at every link.
        """
        graph = self.model_parts(shape).get("index graph", 0)
        touched = {INDEX_MAPPED: graph, EXACT_MAPPED: 0, CLASS_IDS_MAPPED: 0}
        return {name: touched.get(name, size) for name, size in self.served_terms(shape, is_l2=is_l2).items()}

    def search_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Scratch of a search: a block of products, a graph's marks of what was seen, the second stage.

        Source: faiss/impl/VisitedTable.h, ``get_reusable``: kept by each thread.
        """
        part = self.shard_shape(shape)
        terms = {"search scratch": product_bytes(shape.query_batch_size, part.num_classes)}
        terms |= visited_terms(self.kind(shape.num_classes), part)
        return terms | ({"second stage": SECOND_STAGE_BYTES} if self.rerank else {})

    def scratch_bytes(self, shape: ProblemShape) -> int:
        """Bytes of the disk that are taken while the index is built, the saved model not counted."""
        return self.model_shape(shape).class_vectors_bytes if self.has_means_file(shape.num_classes) else 0

    def has_means_file(self, num_classes: int) -> bool:
        """Means of all classes of the model are taken in one pass, into a file; else one shard after another.

        Those of a single Flat index are summed in it.
        """
        is_wanted = self.vectors is VectorSource.means and self.means_storage is MeansStorage.file
        return is_wanted and (self.num_indexes > 1 or not self.kind(num_classes).is_flat)

    def model_parts(self, shape: ProblemShape) -> dict[str, int]:
        """Bytes by part: codes, ids and links of all classes of the model, and structure of each index."""
        parts = self.kind(shape.num_classes).parts(self.model_shape(shape).num_classes, shape.dim)
        return parts | {INDEX_STRUCTURE: self.num_indexes * parts[INDEX_STRUCTURE]}

    def exact_bytes(self, shape: ProblemShape) -> int:
        """Bytes of the file of the second stage, ``2 C D``; 0 where there is none."""
        return self.model_shape(shape).class_vectors_bytes // 2 if self.rerank else 0

    def kind(self, num_classes: int) -> IndexKind:
        """The parsed factory string of each shard.

        Args:
            num_classes: C, of all shards.

        Raises:
            ConfigError: a kind without a closed form here.
        """
        return parse_index_kind(self.factory_for(num_classes))
