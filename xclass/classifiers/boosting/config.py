"""Settings of boosting with LightGBM, and its closed forms. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xclass.classifiers.example_terms import (
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
from xclass.shapes import MemoryLaw, ProblemShape, Regime
from xclass.units import MIB

TREES = "trees"
BYTES_PER_TREE, BYTES_PER_LEAF = 250, 90
"""In memory. Source: models of 600 and 1800 trees of 7 to 8 leaves, resident bytes after loading; the
arrays of include/LightGBM/tree.h come to 82 bytes per leaf."""
_FILE_BYTES_PER_TREE, _FILE_BYTES_PER_LEAF, _FILE_BYTES_PER_COLUMN = 270, 90, 25
"""Of LightGBM's text. Source: models of 100 to 600 classes, 2 to 8 leaves per tree, to 5 %."""
_SCORE_BYTES = 33
"""Of an example and a class: its score as double, gradient and hessian as float, and copies of them.

Source: growth of the peak from 100 to 600 classes of synthetic data, 4 examples each, and to 1000 of lemmas.
"""
_BIN_BYTES, _HISTOGRAM_BYTES = 16, 110
"""Of a bin, sums of gradients and hessians as doubles; and of a column, whatever its bins: both per leaf.

Source: LightGBM 4.7, src/treelearner/feature_histogram.hpp; peaks with 8 and 31 leaves.
"""
_FIXED_BYTES = 5 * MIB
"""Buffers of a training that do not depend on its size. Source: 100 classes of synthetic data."""
_DENSE_SECONDS, _SPARSE_SECONDS = 1e-8, 5e-8
"""Of a value of the examples, a class and a round; of sparse ones nearly every column has a value or two.

Source: 600 classes of synthetic data, 1000 of lemmas_1e4 of benchmarks/rivals_data, on two shared cores.
"""


@dataclass(kw_only=True, slots=True)
class BoostingConfig(MethodTraits):
    """Some rounds of a tree per class; for hundreds of classes."""

    name: ClassVar[str] = "boosting"
    implementation: ClassVar[str] = "xclass.classifiers.boosting.classifier:Boosting"
    server: ClassVar[str] = "xclass.classifiers.boosting.server:BoostingServer"
    engine: ClassVar[str] = "lightgbm"
    server_engine: ClassVar[str] = "lightgbm"
    takes: ClassVar[Takes] = Takes.features
    libraries: ClassVar[tuple[str, ...]] = ("lightgbm",)
    extra: ClassVar[str | None] = "boosting"
    is_estimate: ClassVar[bool] = True
    fit_phase: ClassVar[str] = "build"
    sections: ClassVar[tuple[str, ...]] = ()

    num_rounds: int = 10
    """Trees per class, 1 to 10000."""
    num_leaves: int = 31
    """Most leaves of a tree, 2 to 1024."""
    learning_rate: float = 0.3
    """Of what a tree says, the share that is added; 1e-4 to 1."""
    regularisation: float = 1.0
    """L2 on the values of leaves, 1e-3 to 1e6; classes with few examples make them very large otherwise."""
    min_examples: int = 1
    """Fewest examples of a leaf, 1 to 1e6."""
    num_bins: int = 255
    """Steps that a feature's values are told apart in, 2 to 255."""
    use_random_splits: bool = True
    """One threshold drawn for each feature instead of all tried: faster, and better for few examples."""
    max_hours: float = MAX_HOURS
    """A size whose closed form of time says more is refused; 0.001 to 1e5."""

    def __post_init__(self) -> None:
        """Refuse what LightGBM would not take.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        for key, low, high, default in (
            ("num_rounds", 1, 10**4, 10),
            ("num_leaves", 2, 1024, 31),
            ("learning_rate", 1e-4, 1.0, 0.3),
            ("regularisation", 1e-3, 1e6, 1.0),
            ("min_examples", 1, 10**6, 1),
            ("num_bins", 2, 255, 255),
            ("max_hours", 1e-3, 1e5, MAX_HOURS),
        ):
            check_setting(self.name, key, getattr(self, key), low, high, default)

    def memory_law(self, shape: ProblemShape) -> MemoryLaw:
        """Peak of the build phase: every example has a score for every class.

        Memory: ``33 N C`` for scores, gradients and hessians; a byte per value of an example (4 for sparse
        ones); histograms of every leaf; the trees. An estimate.
        """
        rows = {"examples": rows_bytes(shape), "classes of examples": sets_bytes(shape)}
        joining = Regime(name="joining", components=rows | {"joining": joining_bytes(shape)})
        trees = self._num_trees(shape)
        # While it is trained, a tree has room for as many leaves as it may have.
        grown = (BYTES_PER_TREE + BYTES_PER_LEAF * self.num_leaves) * trees
        learning = Regime(
            name="boosting",
            components={
                **rows,
                **self._column_terms(shape),
                TREES: grown,
                "scores and gradients": _SCORE_BYTES * num_examples(shape) * shape.num_classes,
                "binned examples": round(num_entries(shape)) * (1 if is_dense(shape) else 4),
                "histograms": _FIXED_BYTES + self.num_leaves * self._histogram_bytes(shape),
            },
            is_fed=False,
        )
        return MemoryLaw(regimes=(joining, learning))

    def model_bytes(self, shape: ProblemShape) -> int:
        """Of LightGBM's text, an estimate."""
        trees = self._num_trees(shape)
        text = trees * (_FILE_BYTES_PER_TREE + _FILE_BYTES_PER_LEAF * self._leaves_per_tree(shape))
        names = _FILE_BYTES_PER_COLUMN * self._num_columns(shape)
        return round(text + names) + sum(self._column_terms(shape).values())

    def served_terms(self, shape: ProblemShape) -> dict[str, int]:
        """All trees, and which columns they know."""
        per_tree = BYTES_PER_TREE + BYTES_PER_LEAF * self._leaves_per_tree(shape)
        return {TREES: round(self._num_trees(shape) * per_tree)} | self._column_terms(shape)

    def opened_terms(self, shape: ProblemShape) -> dict[str, int]:
        """All trees, and their text three times while they are read: as bytes, as text, and in LightGBM."""
        return self.served_terms(shape) | {"text of the trees": 3 * self.model_bytes(shape)}

    def search_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Scores of a batch as doubles, their negatives and places."""
        return {"scores": 32 * shape.query_batch_size * shape.num_classes}

    def works(self, shape: ProblemShape, num_examples: int) -> dict[str, Work]:
        """Learning, saving, opening, asking."""
        trees = float(self.num_rounds) * shape.num_classes
        return {
            LEARN: self._learning(shape),
            SAVE: save_work(self.model_bytes(shape)),
            OPEN: open_work(self.model_bytes(shape)),
            QUERY: query_work(trees, "linear in trees"),
            BATCH_QUERY: batch_work(shape, trees, "linear in trees"),
        }

    def refusal(self, shape: ProblemShape) -> str | None:
        """Where learning would take longer than ``max_hours``."""
        seconds = _DENSE_SECONDS if is_dense(shape) else _SPARSE_SECONDS
        return too_long(self.name, self._learning(shape), seconds, self.max_hours)

    def _learning(self, shape: ProblemShape) -> Work:
        values = float(self.num_rounds) * shape.num_classes * num_entries(shape)
        return learn_work(num_examples(shape), values, "linear in rounds x classes x values of all examples")

    def _num_trees(self, shape: ProblemShape) -> int:
        return self.num_rounds * shape.num_classes

    def _leaves_per_tree(self, shape: ProblemShape) -> float:
        """As many as tell the examples of a class from the others.

        Source: 2 examples of a class of lemmas give trees of 2 leaves, 4 of synthetic data 5 to 8.
        """
        per_class = num_examples(shape) / shape.num_classes / self.min_examples
        return min(float(self.num_leaves), max(2.0, 1.5 * per_class))

    def _num_columns(self, shape: ProblemShape) -> float:
        """Columns that two examples or more have.

        Source: 2441, 6618 and 18315 of 8120, 24900 and 81000 values of lemmas: ``0.9 values ** 0.877``.
        """
        if is_dense(shape):
            return float(num_features(shape))
        return float(min(float(num_features(shape)), 0.9 * num_entries(shape) ** 0.877))

    def _column_terms(self, shape: ProblemShape) -> dict[str, int]:
        return {} if is_dense(shape) else {"columns": round(4 * self._num_columns(shape))}

    def _histogram_bytes(self, shape: ProblemShape) -> int:
        """Of one leaf."""
        columns = self._num_columns(shape)
        bins = min(columns * min(self.num_bins, num_examples(shape)), num_entries(shape))
        return round(_BIN_BYTES * bins + _HISTOGRAM_BYTES * columns)
