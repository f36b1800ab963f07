"""Settings of the linear support vector machines, and their closed forms. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from xclass.classifiers.example_terms import (
    features_per_example,
    is_dense,
    joining_bytes,
    num_entries,
    num_examples,
    num_features,
    rows_bytes,
    sets_bytes,
)
from xclass.classifiers.learning_time import MAX_HOURS, check_setting, learn_work, too_long
from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.work import (
    BATCH_QUERY,
    LEARN,
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
from xclass.shapes import FLOAT32_BYTES, MemoryLaw, ProblemShape, Regime

_FLOAT64_BYTES, _INDEX_BYTES = 8, 4
_NODE_BYTES = 16
"""Of a value in LIBLINEAR's own rows: ``struct feature_node {int index; double value;}``, padded.

Source: sklearn/svm/src/liblinear/linear.h; its rows are made anew for every class.
"""
_OBJECT_BYTES = 300
"""Of a class whose weights were kept: a tuple and two arrays. Source: sys.getsizeof: 56 and twice 112."""
SCORES_BYTES = 8 << 20
"""Of the scores of as many queries as are answered at once."""
_SCORE_BYTES = 17
"""Of a score while the best are found: sparse product, dense form, negative, and a place of 8 bytes."""
_SECONDS_PER_VALUE = 3e-8
"""Of a value of the examples and a class, with LIBLINEAR's copying: 2e-8 on a quiet core, 6e-8 on a busy one.

Source: lemmas_1e4 of benchmarks/rivals_data, 1000 and 2000 of its classes.
"""


@dataclass(kw_only=True, slots=True)
class LinearSvmConfig(MethodTraits):
    """One machine per class against all others, squared hinge loss, L2."""

    name: ClassVar[str] = "linear_svm"
    implementation: ClassVar[str] = "xclass.classifiers.linear_svm.classifier:LinearSvm"
    server: ClassVar[str] = "xclass.classifiers.linear_svm.server:SparseLinearServer"
    engine: ClassVar[str] = "sklearn"
    server_engine: ClassVar[str] = "scipy"
    takes: ClassVar[Takes] = Takes.features
    is_estimate: ClassVar[bool] = True
    fit_phase: ClassVar[str] = "build"
    sections: ClassVar[tuple[str, ...]] = ()

    regularisation: float = 1.0
    """C: what a training example on the wrong side costs; 1e-6 to 1e6."""
    prune_below: float = 0.01
    """Weights smaller than this in magnitude are dropped, 0 to 1; 0 keeps all."""
    tolerance: float = 1e-4
    """At which LIBLINEAR stops, 1e-8 to 1."""
    max_iterations: int = 1000
    """At which it stops anyway; 1 to 1e6."""
    max_hours: float = MAX_HOURS
    """A size whose closed form of time says more is refused; 0.001 to 1e5."""

    def __post_init__(self) -> None:
        """Refuse what LIBLINEAR would not take.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        for key, low, high, default in (
            ("regularisation", 1e-6, 1e6, 1.0),
            ("prune_below", 0.0, 1.0, 0.01),
            ("tolerance", 1e-8, 1.0, 1e-4),
            ("max_iterations", 1, 10**6, 1000),
            ("max_hours", 1e-3, 1e5, MAX_HOURS),
        ):
            check_setting(self.name, key, getattr(self, key), low, high, default)

    def memory_law(self, shape: ProblemShape) -> MemoryLaw:
        """Peak of the build phase: one machine at work beside what was kept of the others.

        Memory: rows in float64, LIBLINEAR's copy of them, 3 vectors of M and 6 of N doubles for a machine;
        once all are learnt, the kept weights three times while they are turned to lie by feature: one by one,
        joined, and turned.
        """
        rows = {"examples": rows_bytes(shape, _FLOAT64_BYTES), "classes of examples": 2 * sets_bytes(shape)}
        kept = _OBJECT_BYTES * shape.num_classes + self._weight_bytes(shape)
        machine = round(_NODE_BYTES * (num_entries(shape) + 2 * num_examples(shape)))
        # Columns that no example uses are left out.
        used = min(float(num_features(shape)), num_entries(shape))
        machine += round(_FLOAT64_BYTES * (6 * num_examples(shape) + 3 * used))
        joining = Regime(name="joining", components=rows | {"joining": joining_bytes(shape)})
        weights = {"weights": kept, "intercepts": FLOAT32_BYTES * shape.num_classes}
        learning = Regime(name="learning", components=rows | weights | {"one machine": machine}, is_fed=False)
        turning = Regime(
            name="turning",
            components=rows | weights | {"turning": 2 * self._weight_bytes(shape)},
            is_fed=False,
        )
        return MemoryLaw(regimes=(joining, learning, turning))

    def model_bytes(self, shape: ProblemShape) -> int:
        """Kept weights, an estimate, and an intercept per class."""
        return self._weight_bytes(shape) + FLOAT32_BYTES * shape.num_classes

    def served_terms(self, shape: ProblemShape) -> dict[str, int]:
        """All of it is mapped."""
        intercepts = FLOAT32_BYTES * shape.num_classes
        return {"weights (mapped)": self._weight_bytes(shape), "intercepts (mapped)": intercepts}

    def opened_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Opening looks at the starts alone, which scipy checks."""
        starts = _INDEX_BYTES * (num_features(shape) + 1)
        return {"weights (mapped)": min(starts, self._weight_bytes(shape)), "intercepts (mapped)": 0}

    def search_terms(self, shape: ProblemShape) -> dict[str, int]:
        """The scores of as many queries as are answered at once, and what finding the best takes of them."""
        row = FLOAT32_BYTES * shape.num_classes
        step = max(1, min(shape.query_batch_size, SCORES_BYTES // row))
        return {"scores": _SCORE_BYTES * shape.num_classes * step}

    def works(self, shape: ProblemShape, num_examples: int) -> dict[str, Work]:
        """Learning, saving, opening, asking."""
        classes = float(shape.num_classes)
        asked = classes * (1.0 + features_per_example(shape) * self._kept_share(shape))
        form = "linear in classes"
        return {
            LEARN: self._learning(shape),
            SAVE: save_work(self.model_bytes(shape)),
            OPEN: open_work(0),
            QUERY: query_work(asked, form),
            BATCH_QUERY: batch_work(shape, asked, form),
        }

    def refusal(self, shape: ProblemShape) -> str | None:
        """Where learning would take longer than ``max_hours``."""
        return too_long(self.name, self._learning(shape), _SECONDS_PER_VALUE, self.max_hours)

    def _learning(self, shape: ProblemShape) -> Work:
        values = shape.num_classes * num_entries(shape)
        return learn_work(num_examples(shape), values, "linear in classes x values of all examples")

    def _kept_share(self, shape: ProblemShape) -> float:
        """Of the M weights of a class, those that are kept: an estimate for sparse rows.

        Source: lemmas_1e4 of benchmarks/rivals_data, 2 examples per class: 281, 331 and 374 weights of a
        class among 300, 1000 and 2000, of 41 n-grams of 2 to 5: ``0.3 + 1.14 ln C`` per feature, to 3 %; of
        32 n-grams of 2 to 4, which is the default, 386 among 1000: 3.9 more.
        """
        if is_dense(shape) or self.prune_below == 0.0:
            return 1.0
        per_feature = 4.2 + 1.14 * math.log(shape.num_classes)
        return min(1.0, per_feature * features_per_example(shape) / num_features(shape))

    def _weight_bytes(self, shape: ProblemShape) -> int:
        kept = shape.num_classes * num_features(shape) * self._kept_share(shape)
        return round(kept * (FLOAT32_BYTES + _INDEX_BYTES)) + _INDEX_BYTES * (num_features(shape) + 1)
