"""Settings of the nearest training examples and their closed-form memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xclass.classifiers.inverted.memory import (
    BLOCK_ROWS,
    SUM_ENTRY_BYTES,
    TURNED_ENTRY_BYTES,
    posting_terms,
    search_scratch,
    search_works,
)
from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.work import (
    BATCH_QUERY,
    INDEX,
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
from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, MAPPED, MemoryLaw, ProblemShape, Regime

EXAMPLES, CLASSES_OF_EXAMPLES = "examples", "classes of examples"
"""Names of the components; with xclass.shapes.MAPPED where they are opened from a file."""


@dataclass(kw_only=True, slots=True)
class KnnConfig(MethodTraits):
    """Every training example is kept; the nearest ones vote with their cosines."""

    name: ClassVar[str] = "knn"
    implementation: ClassVar[str] = "xclass.classifiers.knn.classifier:Knn"
    server: ClassVar[str] = "xclass.classifiers.knn.server:KnnServer"
    engine: ClassVar[str] = "faiss"
    fit_phase: ClassVar[str] = "build"
    sections: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[Takes] = Takes.features

    neighbours: int = 10
    """Training examples that vote."""

    def __post_init__(self) -> None:
        if not 1 <= self.neighbours <= 10_000:
            raise ConfigError(
                "method.knn.neighbours", self.neighbours, allowed="1 to 10000", remedy="10 is the default"
            )

    def memory_law(self, shape: ProblemShape) -> MemoryLaw:
        """Peak of the build phase, one class per example.

        Dense: ``4 N D``. Sparse: ``3 N F`` for F features per example and ``4 M`` per 65 536 examples, with
        8 bytes per entry of the block that is being filled and 24 of the batch that is turned round. Both:
        4 N of classes.
        """
        filled = shape.features_per_example * min(BLOCK_ROWS, shape.num_examples)
        block = {} if _is_dense(shape) else {"block being filled": round(SUM_ENTRY_BYTES * filled)}
        batch = shape.features_per_example * shape.scan_batch_size
        turned = {} if _is_dense(shape) else {"batch being turned": round(TURNED_ENTRY_BYTES * batch)}
        return MemoryLaw(
            regimes=(Regime(name="keeping examples", components=self._parts(shape) | block | turned),)
        )

    def model_bytes(self, shape: ProblemShape) -> int:
        """Bytes of the examples and of their classes."""
        return sum(self._parts(shape).values())

    def served_terms(self, shape: ProblemShape) -> dict[str, int]:
        """The mapped examples."""
        return {f"{name}{MAPPED}": size for name, size in self._parts(shape).items()}

    def opened_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Nothing is read yet."""
        return dict.fromkeys(self.served_terms(shape), 0)

    def search_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Of a block's scores, or of faiss's blocked product; and the votes."""
        votes = {"votes": 8 * INT64_BYTES * shape.query_batch_size * self.neighbours}
        if _is_dense(shape):
            return votes
        return votes | search_scratch(shape, self.neighbours)

    def works(self, shape: ProblemShape, num_examples: int) -> dict[str, Work]:
        """Of keeping the examples, saving, opening and asking."""
        keeping = {
            INDEX: Work(
                meaning=f"keeping {num_examples:,} examples",
                amount=num_examples * shape.features_per_example,
                form="linear in examples x features",
            )
        }
        if not _is_dense(shape):
            return keeping | search_works(
                shape, num_examples, shape.features_per_example, self.model_bytes(shape)
            )
        amount, form = float(num_examples) * shape.num_features, "linear in examples x dim"
        return keeping | {
            SAVE: save_work(self.model_bytes(shape)),
            OPEN: open_work(0),
            QUERY: query_work(amount, form),
            BATCH_QUERY: batch_work(shape, amount, form),
        }

    def _parts(self, shape: ProblemShape) -> dict[str, int]:
        classes = {CLASSES_OF_EXAMPLES: FLOAT32_BYTES * shape.num_examples}
        if _is_dense(shape):
            return classes | {EXAMPLES: FLOAT32_BYTES * shape.num_examples * shape.num_features}
        num_entries = shape.features_per_example * shape.num_examples
        return classes | posting_terms(shape.num_examples, num_entries, shape.num_features)


def _is_dense(shape: ProblemShape) -> bool:
    """Of data that is vectors the features are these."""
    return shape.features_per_example >= shape.num_features
