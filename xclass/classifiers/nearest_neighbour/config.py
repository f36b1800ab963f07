"""Settings of the nearest-neighbour classifier and its closed-form memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, MeansStorage, VectorSource
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, MAPPED, MemoryLaw, ProblemShape, Regime
from xclass.units import MIB

PROJECTION = "projection"
"""Name of the training-free encoder: a fixed random projection of the hashed features."""
RESIDENT_MEANS_BYTES = 24 * MIB
"""Pages of the file of class means that are let become resident before they are left to the kernel."""
ADD_CLASSES = 1 << 13
"""Classes added to an index, or read from a model, at a time."""
TUNING_K = 10
"""Neighbours that recall is measured on."""


class Metric(StrEnum):
    """What near means, among class means. The class vectors of a head are compared by inner product."""

    cosine = "cosine"
    l2 = "l2"


@dataclass(kw_only=True, slots=True)
class NearestNeighbourConfig:
    """One vector per class, searched with a FAISS index."""

    name: ClassVar[str] = "nearest_neighbour"
    implementation: ClassVar[str] = "xclass.classifiers.nearest_neighbour.classifier:NearestNeighbour"
    server: ClassVar[str] = "xclass.classifiers.nearest_neighbour.server:FaissServer"
    engine: ClassVar[str] = "faiss"
    fit_phase: ClassVar[str] = "build"
    is_mapped: ClassVar[bool] = True
    sections: ClassVar[tuple[str, ...]] = ("index",)

    metric: Metric = Metric.cosine
    """cosine or l2."""
    encoder: str = PROJECTION
    """For text: ``projection`` (training-free) or the name of a trained method of this run, whose encoder is
    then used."""

    def memory_law(self, shape: ProblemShape, *, index: IndexConfig | None = None) -> MemoryLaw:
        """Peak of the build phase.

        Flat: the means are accumulated in the index's own storage, ``4 C D + 4 C``. Others: the means lie in
        a file of which a bounded number of pages is resident, or (``index.means_storage=memory``) in memory,
        whose pages are given back as the index grows: then the peak lies at the start (means) or the end
        (index) of adding, or in training.
        """
        index = index or IndexConfig()
        kind = index.kind(shape.num_classes)
        is_of_means = index.vectors is VectorSource.means
        counts = {"class counts": FLOAT32_BYTES * shape.num_classes} if is_of_means else {}
        if kind.is_flat and is_of_means:
            regimes = [Regime(name="class means", components={"index": shape.class_vectors_bytes} | counts)]
            return MemoryLaw(regimes=(*regimes, *_tuning(index, shape, self.model_bytes(shape, index=index))))
        means = _means(index, shape)
        codes = kind.code_bytes(shape.dim) * shape.num_classes
        structure = kind.structure_bytes(shape.num_classes, shape.dim)
        lists = f"index codes{MAPPED}" if index.on_disk_lists else "index codes"
        added = {lists: codes, "index structure": structure}
        sample = kind.training_bytes(shape.num_classes, shape.dim, index.training_points)
        training = {"training sample": sample}
        # A flat array is reserved before adding; lists grow by doubling, so some are half empty at the end.
        growth = {"room to grow": 0 if kind.is_reserved else (codes + structure) // 3}
        block = {"classes being added": 2 * FLOAT32_BYTES * min(ADD_CLASSES, shape.num_classes) * shape.dim}
        is_read = is_of_means and index.means_storage is MeansStorage.file
        return MemoryLaw(
            regimes=(
                Regime(name="class means", components=means | counts),
                # Means in a file are read into memory block by block: none of it is mapped any more.
                Regime(name="index training", components=(block if is_read else means) | training),
                Regime(name="adding", components=added | growth | block),
                *_tuning(index, shape, self.model_bytes(shape, index=index)),
            )
        )

    def model_bytes(self, shape: ProblemShape, *, index: IndexConfig | None = None) -> int:
        """Bytes of the index file, and of the float16 vectors of a second stage."""
        index = index or IndexConfig()
        kind = index.kind(shape.num_classes)
        codes = kind.code_bytes(shape.dim) * shape.num_classes
        exact = shape.class_vectors_bytes // 2 if index.rerank else 0
        return codes + kind.structure_bytes(shape.num_classes, shape.dim) + exact


def _means(index: IndexConfig, shape: ProblemShape) -> dict[str, int]:
    if index.means_storage is MeansStorage.memory and index.vectors is VectorSource.means:
        return {"class means": shape.class_vectors_bytes}
    return {f"class vectors{MAPPED}": min(shape.class_vectors_bytes, RESIDENT_MEANS_BYTES)}


def _tuning(index: IndexConfig, shape: ProblemShape, model_bytes: int) -> list[Regime]:
    """Search in the index as it is served, the one that was built gone."""
    if index.target_recall is None:
        return []
    queries = index.tuning_queries * (FLOAT32_BYTES * shape.dim + 2 * TUNING_K * INT64_BYTES)
    components = index.serving_terms(shape, model_bytes) | {"tuning queries": queries}
    return [Regime(name="tuning", components=components)]
