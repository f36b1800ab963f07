"""Settings of the sparse class means and their closed-form memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xclass.classifiers.inverted.memory import (
    BLOCK_ROWS,
    PENDING_ENTRIES,
    PENDING_ROW_BYTES,
    PENDING_SHARE,
    SUM_ENTRY_BYTES,
    TURNED_ENTRIES,
    TURNED_ENTRY_BYTES,
    UNIT_ROWS,
    features_per_class,
    posting_terms,
    search_scratch,
    search_works,
)
from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.work import CLASS_MEANS, INDEX, Work
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
    lists shorter: on 1e5 lemmas 32 keep the accuracy in two thirds of the bytes, 16 cost half a point."""
    count_power: float = 0.05
    """The length of a class's vector is its number of examples to this power, 0 to 1: frequent classes are
    asked for more often. 0: all have length 1.

    P@1 with 0, 0.05 and 0.1: bibtex 58.7, 64.7, 63.2 %; delicious 28.5, 42.8, 49.5 %; but 30 000 lemmas,
    asked for equally often, 99.28, 99.25, 99.13 %. Where classes have equally many examples it changes
    nothing."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_features < float("inf"):
            raise ConfigError(
                "method.sparse_means.max_features",
                self.max_features,
                allowed="0 or more",
                remedy="0 keeps all",
            )
        if not 0 <= self.count_power <= 1:
            raise ConfigError(
                "method.sparse_means.count_power", self.count_power, allowed="0 to 1", remedy="try 0.1"
            )

    def memory_law(self, shape: ProblemShape) -> MemoryLaw:
        """Peak of the build phase.

        Sums take ``8 E`` bytes for the E (class, feature) pairs that occur, by ``feature_growth``; of
        data that comes class after class only those of 65 536 classes at a time;
        examples that wait an eighth of it and 8 MiB, twice while they are joined. Blocks that are
        finished take ``3 E`` + ``4 M`` per 65 536 classes.
        """
        num_classes = shape.num_classes
        counts = {"class counts": 4 * FLOAT32_BYTES * num_classes}
        open_classes = min(num_classes, BLOCK_ROWS) if shape.is_by_class else num_classes
        summed = features_per_class(shape) * open_classes
        examples = shape.features_per_example * shape.num_examples * shape.classes_per_example
        batch = shape.features_per_example * shape.scan_batch_size
        waiting = min(examples, PENDING_ENTRIES + PENDING_SHARE * summed + batch)
        sums = {"sums of features": round(SUM_ENTRY_BYTES * summed)}
        # The last that wait are no sums yet: of few examples these are all.
        before = (1 - waiting / max(1.0, examples)) ** shape.feature_growth
        earlier = {"sums of features": round(SUM_ENTRY_BYTES * summed * before)}
        rows = waiting / max(1.0, shape.features_per_example)
        joined = SUM_ENTRY_BYTES * waiting + PENDING_ROW_BYTES * rows
        unit = SUM_ENTRY_BYTES * summed * min(1.0, UNIT_ROWS / open_classes)
        # As they came and in one matrix; then that and what they add to a unit, and the unit as it becomes.
        adding = {"examples that wait": round(joined + max(SUM_ENTRY_BYTES * waiting, 2 * unit))}
        turned = min(unit / SUM_ENTRY_BYTES, TURNED_ENTRIES)
        turning = {"features being turned": round(TURNED_ENTRY_BYTES * turned)}
        return MemoryLaw(
            regimes=(
                Regime(name="adding examples", components=counts | earlier | adding),
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
        turned = Work(
            meaning="turning the class means round",
            amount=shape.num_classes * features_per_class(shape),
            form="linear in classes x features per class",
        )
        return asked | {CLASS_MEANS: means, INDEX: turned}

    def _parts(self, shape: ProblemShape) -> dict[str, int]:
        num_entries = features_per_class(shape, self.max_features) * shape.num_classes
        return posting_terms(shape.num_classes, num_entries, shape.num_features)
