"""Settings of the sparse class means and their closed-form memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xclass.classifiers.inverted.memory import (
    PENDING_ENTRIES,
    PENDING_SHARE,
    SUM_ENTRY_BYTES,
    TURNED_ENTRY_BYTES,
    UNIT_ROWS,
    features_per_class,
    posting_terms,
    search_scratch,
    search_works,
)
from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.work import CLASS_MEANS, Work
from xclass.encoders.kinds import Takes
from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, MAPPED, MemoryLaw, ProblemShape, Regime


@dataclass(kw_only=True, slots=True)
class SparseMeansConfig(MethodTraits):
    """The mean of each class's examples in the features themselves, compared by cosine."""

    name: ClassVar[str] = "sparse_means"
    implementation: ClassVar[str] = "xclass.classifiers.sparse_means.classifier:SparseMeans"
    server: ClassVar[str] = "xclass.classifiers.sparse_means.server:SparseMeansServer"
    engine: ClassVar[str] = "scipy"
    server_engine: ClassVar[str] = "scipy"
    fit_phase: ClassVar[str] = "build"
    sections: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[Takes] = Takes.features

    max_features: int = 0
    """Features kept of each class, those of the largest weight; 0: all. Fewer make the index smaller and its
    lists shorter."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_features < float("inf"):
            raise ConfigError(
                "method.sparse_means.max_features",
                self.max_features,
                allowed="0 or more",
                remedy="0 keeps all",
            )

    def memory_law(self, shape: ProblemShape) -> MemoryLaw:
        """Peak of the build phase, for examples in any order of their classes.

        Sums take ``8 E`` bytes for the E (class, feature) pairs that occur, an estimate by Heaps' law;
        examples that wait a quarter of it or 8 MiB, three times while they are added. Blocks that are
        finished take ``3 E`` + ``4 M`` per 65 536 classes.
        """
        num_classes = shape.num_classes
        counts = {"class counts": 4 * FLOAT32_BYTES * num_classes}
        summed = features_per_class(shape) * num_classes
        examples = shape.features_per_example * shape.num_examples
        waiting = min(examples, PENDING_ENTRIES + PENDING_SHARE * summed)
        unit = features_per_class(shape) * min(UNIT_ROWS, num_classes)
        sums = {"sums of features": round(SUM_ENTRY_BYTES * summed)}
        adding = {"examples that wait": round(2 * SUM_ENTRY_BYTES * waiting)}
        turning = {"features being turned": round(TURNED_ENTRY_BYTES * unit)}
        return MemoryLaw(
            regimes=(
                Regime(name="adding examples", components=counts | sums | adding),
                Regime(
                    name="turning round",
                    components=counts | sums | turning | self._parts(shape),
                    is_fed=False,
                ),
            )
        )

    def model_bytes(self, shape: ProblemShape) -> int:
        """Bytes of the index files."""
        return sum(self._parts(shape).values())

    def served_terms(self, shape: ProblemShape) -> dict[str, int]:
        """The mapped index."""
        return {f"{name}{MAPPED}": size for name, size in self._parts(shape).items()}

    def opened_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Nothing is read yet."""
        return dict.fromkeys(self.served_terms(shape), 0)

    def search_terms(self, shape: ProblemShape) -> dict[str, int]:
        """See :func:`xclass.classifiers.inverted.memory.search_scratch`."""
        return search_scratch(shape, shape.top_k)

    def works(self, shape: ProblemShape, num_examples: int) -> dict[str, Work]:
        """Of the pass over the examples, saving, opening and asking."""
        per_class = features_per_class(shape, self.max_features)
        asked = search_works(shape, shape.num_classes, per_class, self.model_bytes(shape))
        means = Work(
            meaning=f"the pass over {num_examples:,} examples that takes class means",
            amount=num_examples * shape.features_per_example,
            form="linear in examples x features",
        )
        return asked | {CLASS_MEANS: means}

    def _parts(self, shape: ProblemShape) -> dict[str, int]:
        num_entries = features_per_class(shape, self.max_features) * shape.num_classes
        return posting_terms(shape.num_classes, num_entries, shape.num_features)
