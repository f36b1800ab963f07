"""The most frequent classes: no settings. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.work import (
    BATCH_QUERY,
    OPEN,
    QUERY,
    SAVE,
    Work,
    batch_work,
    open_work,
    query_work,
    save_work,
)
from xclass.encoders.kinds import Takes
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, MemoryLaw, ProblemShape, Regime

MOST_CLASSES = 1000
"""Classes that are kept: more than evaluate.top_k may ask for."""
FREQUENT = "frequent classes"
"""Name of the component."""


@dataclass(kw_only=True, slots=True)
class PriorConfig(MethodTraits):
    """The classes with the most training examples, in this order, for every query."""

    name: ClassVar[str] = "prior"
    implementation: ClassVar[str] = "xclass.classifiers.prior.classifier:Prior"
    server: ClassVar[str] = "xclass.classifiers.prior.server:PriorServer"
    engine: ClassVar[str] = "numpy"
    server_engine: ClassVar[str] = "numpy"
    fit_phase: ClassVar[str] = "build"
    sections: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[Takes] = Takes.inputs

    def memory_law(self, shape: ProblemShape) -> MemoryLaw:
        """The counts of all classes and their order: ``16 C``."""
        counts = {"class counts": 2 * INT64_BYTES * shape.num_classes}
        return MemoryLaw(
            regimes=(
                Regime(name="sorting classes", components=counts | self.served_terms(shape), is_fed=False),
            )
        )

    def model_bytes(self, shape: ProblemShape) -> int:
        """12 bytes for each class that is kept."""
        return (INT64_BYTES + FLOAT32_BYTES) * min(MOST_CLASSES, shape.num_classes)

    def served_terms(self, shape: ProblemShape) -> dict[str, int]:
        """The classes that are kept, in memory."""
        return {FREQUENT: self.model_bytes(shape)}

    def opened_terms(self, shape: ProblemShape) -> dict[str, int]:
        """They are read at once."""
        return self.served_terms(shape)

    def search_terms(self, shape: ProblemShape) -> dict[str, int]:
        """The answers themselves are counted by the plan."""
        return {}

    def works(self, shape: ProblemShape, num_examples: int) -> dict[str, Work]:
        """Of sorting nothing is told: it is seconds at 1e8 classes."""
        kept = self.model_bytes(shape)
        return {
            SAVE: save_work(kept),
            OPEN: open_work(kept),
            QUERY: query_work(float(shape.top_k), "linear in classes asked for"),
            BATCH_QUERY: batch_work(shape, float(shape.top_k), "linear in classes asked for"),
        }
