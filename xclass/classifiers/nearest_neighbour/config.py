"""Settings of the nearest-neighbour classifier and its closed-form memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from xclass.classifiers.nearest_neighbour.index_kind import IndexKind, parse_index_kind
from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, MemoryLaw, ProblemShape, Regime

PROJECTION = "projection"
"""Name of the training-free encoder: a fixed random projection of the hashed features."""


class Metric(StrEnum):
    """What near means. A raw inner product is not offered: graph indexes fail on unequal lengths."""

    cosine = "cosine"
    l2 = "l2"


@dataclass(kw_only=True, slots=True)
class NearestNeighbourConfig:
    """One mean per class, accumulated in one pass, searched with a FAISS index."""

    name: ClassVar[str] = "nearest_neighbour"
    implementation: ClassVar[str] = "xclass.classifiers.nearest_neighbour.classifier:NearestNeighbour"
    server: ClassVar[str] = "xclass.classifiers.nearest_neighbour.server:FaissServer"
    engine: ClassVar[str] = "faiss"
    fit_phase: ClassVar[str] = "build"
    is_mapped: ClassVar[bool] = True
    sections: ClassVar[tuple[str, ...]] = ()

    index: str = "Flat"
    """FAISS factory string: Flat, SQ8, SQfp16, PQ16, IVF4096,Flat, IVF4096,SQ8, OPQ16_64,IVF4096,PQ16,
    HNSW32, HNSW32,SQ8, ..."""
    metric: Metric = Metric.cosine
    """cosine or l2."""
    num_probes: int = 16
    """Lists searched per query by IVF indexes, 1 to 65536."""
    search_width: int = 64
    """efSearch of HNSW indexes, 1 to 65536."""
    encoder: str = PROJECTION
    """For text: ``projection`` (training-free) or the name of a trained method of this run, whose encoder is
    then used."""

    def __post_init__(self) -> None:
        """Refuse an index that has no closed form here, and efforts that FAISS cannot take.

        Raises:
            ConfigError: naming key, value, what is allowed and remedy.
        """
        parse_index_kind(self.index)
        for name, default in (("num_probes", 16), ("search_width", 64)):
            value = getattr(self, name)
            if not 1 <= value <= 1 << 16:
                raise ConfigError(
                    f"method.nearest_neighbour.{name}",
                    value,
                    allowed="1 to 65536",
                    remedy=f"{default} is the default",
                )

    @property
    def kind(self) -> IndexKind:
        """The parsed factory string."""
        return parse_index_kind(self.index)

    def memory_law(self, shape: ProblemShape) -> MemoryLaw:
        """Peak of the build phase.

        Flat: the means are accumulated in the index's own storage, ``4 C D + 4 C``. Others: means and index
        exist beside each other, but the pages of means already added are given back as the index grows, so
        the peak lies at the start (means) or the end (index) of adding, or in training.
        """
        means = {"class means": shape.class_vectors_bytes}
        counts = {"class counts": FLOAT32_BYTES * shape.num_classes}
        kind = self.kind
        if kind.is_flat:
            return MemoryLaw(regimes=(Regime(name="class means", components=means | counts),))
        codes = kind.code_bytes(shape.dim) * shape.num_classes
        structure = kind.structure_bytes(shape.num_classes, shape.dim)
        added = {"index codes": codes, "index structure": structure}
        training = {"training sample": kind.training_bytes(shape.num_classes, shape.dim)}
        # A flat array is reserved before adding; lists grow by doubling, so some are half empty at the end.
        growth = {"room to grow": 0 if kind.is_reserved else (codes + structure) // 3}
        return MemoryLaw(
            regimes=(
                Regime(name="class means", components=means | counts),
                Regime(name="index training", components=means | training),
                Regime(name="adding", components=added | growth),
            )
        )

    def model_bytes(self, shape: ProblemShape) -> int:
        """Bytes of the index file."""
        kind = self.kind
        codes = kind.code_bytes(shape.dim) * shape.num_classes
        return codes + kind.structure_bytes(shape.num_classes, shape.dim)
