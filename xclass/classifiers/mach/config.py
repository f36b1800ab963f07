"""Settings of MACH, its closed forms of memory and work. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from xclass.classifiers.init import check_positive, check_share
from xclass.classifiers.schedule import Schedule
from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.work import (
    BATCH_QUERY,
    LOGIT_VALUES,
    OPEN,
    QUERY,
    SAVE,
    STEP,
    Work,
    batch_work,
    example_values,
    open_work,
    query_work,
    save_work,
)
from xclass.errors import check_range
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, MAPPED, MemoryLaw, ProblemShape, Regime

KIND = "hashed"
"""In the manifest of a saved model."""
QUERIES = 32
"""Queries whose probabilities of all buckets are held at a time."""
FIRST_BUCKETS = 2
"""Best buckets of each head whose classes are scored at first."""
SCORED_CLASSES = 1 << 16
"""Classes scored at a time where all are."""
_MAX_CLASSES = (1 << 31) - 1
_CLASS_VALUES = 60
"""Multiply-adds that hashing and scoring one class for one head costs."""


@dataclass(kw_only=True, slots=True)
class MachConfig(MethodTraits):
    """Small softmax heads over hashed classes: memory that ignores C; for encoders that are trained."""

    name: ClassVar[str] = "mach"
    implementation: ClassVar[str] = "xclass.classifiers.mach.classifier:Mach"
    server: ClassVar[str] = "xclass.classifiers.mach.server:MachServer"
    learns_by_encoder: ClassVar[bool] = True
    engine: ClassVar[str] = "scipy"
    server_engine: ClassVar[str] = "scipy"
    fit_phase: ClassVar[str] = "train"
    sections: ClassVar[tuple[str, ...]] = ()

    num_heads: int = 8
    """R, heads, each with a hash of its own; 1 to 1024. A class is told from another by the heads in which
    they do not share a bucket."""
    num_buckets: int = 1024
    """M, buckets of each head; 2 to 2**24. After 600,000 examples of 1e4 classes of lemmas (dim 64,
    learning_rate 0.4, encoder.learning_rate 0.1) 8 heads of 1024 give 88.7 %, 8 of 512 82.8 %, 16 of 256
    71.1 %."""
    learning_rate: float = 1.0
    """Step of row-wise Adagrad on the vectors of buckets. As above with 512 buckets 1.0 gives 85.8 %, 0.4
    82.8 %."""
    schedule: Schedule = Schedule.constant
    """constant, linear or cosine: how the learning rate falls while the budget is spent."""
    warm_up_share: float = 0.0
    """Share of the budget during which the learning rate rises from 0, 0 to below 1."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        key = f"method.{self.name}"
        check_positive(f"{key}.learning_rate", self.learning_rate, remedy="1.0 is the default")
        check_share(f"{key}.warm_up_share", self.warm_up_share, remedy="0 starts at the full rate")
        for name, low, high, default in (("num_heads", 1, 1024, 8), ("num_buckets", 2, 1 << 24, 1024)):
            remedy = f"{default} is the default"
            check_range(f"{key}.{name}", getattr(self, name), low, high, remedy=remedy)

    def memory_law(self, shape: ProblemShape, **_: Any) -> MemoryLaw:
        """Peak of the train phase, whatever C is.

        Memory:
            ``4 R M (D + 1)`` and for a step ``4 (M (B + D) + 4 B D)`` and ``16 R B``.
        """
        batch, dim, buckets = shape.batch_size, shape.dim, self.num_buckets
        scratch = FLOAT32_BYTES * (buckets * (batch + dim) + 4 * batch * dim)
        components = {
            "hashed heads": self._heads_bytes(shape),
            "bucket state": FLOAT32_BYTES * self.num_heads * buckets,
            "scratch of a step": scratch + 2 * INT64_BYTES * self.num_heads * batch,
        }
        return MemoryLaw(regimes=(Regime(name="step", components=components),))

    def model_bytes(self, shape: ProblemShape, **_: Any) -> int:
        """Bytes of the saved heads."""
        return self._heads_bytes(shape)

    def served_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """The mapped heads."""
        return {f"hashed heads{MAPPED}": self._heads_bytes(shape)}

    def opened_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """Nothing of them is touched."""
        return dict.fromkeys(self.served_terms(shape), 0)

    def search_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """Probabilities of a block of queries, twice, and the classes of each head's two best buckets."""
        shares = 2 * FLOAT32_BYTES * min(QUERIES, shape.query_batch_size) * self.num_heads * self.num_buckets
        return {"search scratch": shares + round(5 * INT64_BYTES * self._scored_classes(shape))}

    def refusal(self, shape: ProblemShape, **_: Any) -> str | None:
        """More classes than its hashes can name."""
        if shape.num_classes <= _MAX_CLASSES:
            return None
        return f"hashes at most {_MAX_CLASSES} classes, so that products of class numbers stay below 2**63"

    def works(self, shape: ProblemShape, num_examples: int, **_: Any) -> dict[str, Work]:
        """Of a step ``R M B (D + 24)`` and its examples; of a query all buckets and the classes of a few."""
        batch, dim, buckets = shape.batch_size, shape.dim, self.num_heads * self.num_buckets
        amount = float(buckets) * batch * (dim + LOGIT_VALUES) + example_values(shape, FLOAT32_BYTES)
        asked = buckets * (dim + LOGIT_VALUES) + _CLASS_VALUES * self.num_heads * self._scored_classes(shape)
        form = "linear in heads x buckets x dim, and in classes / buckets"
        step = Work(
            meaning=f"a gradient step of {batch} examples",
            amount=amount,
            form="flat in classes, linear in heads x buckets x dim x batch",
        )
        return {
            STEP: step,
            SAVE: save_work(self.model_bytes(shape)),
            OPEN: open_work(0),
            QUERY: query_work(asked, form),
            BATCH_QUERY: batch_work(shape, asked, form),
        }

    def _heads_bytes(self, shape: ProblemShape) -> int:
        return FLOAT32_BYTES * self.num_heads * self.num_buckets * shape.dim

    def _scored_classes(self, shape: ProblemShape) -> float:
        """Classes that a query scores where the heads agree: those of two buckets of each head."""
        in_buckets = self.num_heads * FIRST_BUCKETS * max(1.0, shape.num_classes / self.num_buckets)
        return min(float(shape.num_classes), in_buckets)
