"""Settings of the probabilistic label tree with napkinXC, and its closed forms. Standard library only."""

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

TREES = "trees"
_SPARSE_ENTRY_BYTES, _DENSE_ENTRY_BYTES = 75, 88
"""Of a value of the examples, all copies of it together: of ours 8, of napkinXC's own rows 8, of LIBLINEAR's
16 in the nodes that are trained just then, and the labels with their paths.

Source: peaks at 1000, 3000 and 10,000 classes of lemmas_1e4 of benchmarks/rivals_data, 74, 77 and 72; 3000 of
synthetic data; at 100,000 classes about 86 (research/data_peers.md).
"""
_SPARSE_FILE_BYTES, _DENSE_FILE_BYTES = 61.0, 6.5
"""Of a class and feature of an example: what is above ``prune_below``, with its path's share.

Source: 63, 59 and 63 of lemmas as above, 58 at 100,000 classes; 5.9 to 7.8 of synthetic data.
"""
_NODE_FILE_BYTES = 24
"""Of a class in the tree's own two files. Source: 24 at 1000 classes."""
_LISTED_BYTES = 128
"""Of an answer as a pair of Python in a list of a list."""
_SECONDS_PER_VALUE = 4e-6
"""Of a value of the examples and a level of the tree.

Source: 33 and 220 s at 1e4 and 1e5 classes in research/data_peers.md: 5.4e-6 and 2.5e-6.
"""


@dataclass(kw_only=True, slots=True)
class PltConfig(MethodTraits):
    """A balanced tree over the classes, a logistic classifier for every branch."""

    name: ClassVar[str] = "plt"
    implementation: ClassVar[str] = "xclass.classifiers.plt.classifier:Plt"
    server: ClassVar[str] = "xclass.classifiers.plt.server:PltServer"
    engine: ClassVar[str] = "napkinxc"
    server_engine: ClassVar[str] = "napkinxc"
    takes: ClassVar[Takes] = Takes.features
    libraries: ClassVar[tuple[str, ...]] = ("napkinxc",)
    extra: ClassVar[str | None] = "trees"
    is_estimate: ClassVar[bool] = True
    fit_phase: ClassVar[str] = "build"
    sections: ClassVar[tuple[str, ...]] = ()

    num_children: int = 2
    """Clusters that a node's classes are parted into, 2 to 1024."""
    leaf_classes: int = 100
    """Classes from which on they are parted no more, 2 to 1e6."""
    regularisation: float = 10.0
    """C: what a training example on the wrong side costs; 1e-6 to 1e6."""
    prune_below: float = 0.1
    """Weights smaller than this in magnitude are dropped, 0 to 1."""
    max_iterations: int = 100
    """Of the solver, 1 to 1e6."""
    folder: str | None = None
    """For weights on their way into the model, as large as it is; null: that of temporary files (TMPDIR)."""
    max_hours: float = MAX_HOURS
    """A size whose closed form of time says more is refused; 0.001 to 1e5."""

    def __post_init__(self) -> None:
        """Refuse what napkinxc would not take.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        for key, low, high, default in (
            ("num_children", 2, 1024, 2),
            ("leaf_classes", 2, 10**6, 100),
            ("regularisation", 1e-6, 1e6, 10.0),
            ("prune_below", 0.0, 1.0, 0.1),
            ("max_iterations", 1, 10**6, 100),
            ("max_hours", 1e-3, 1e5, MAX_HOURS),
        ):
            check_setting(self.name, key, getattr(self, key), low, high, default)

    def memory_law(self, shape: ProblemShape) -> MemoryLaw:
        """Peak of the build phase: all examples, several times; the weights are in a file by then.

        Memory: an estimate; ``75`` bytes per value of an example, 88 where these are vectors.
        """
        rows = {"examples": rows_bytes(shape), "classes of examples": sets_bytes(shape)}
        joining = Regime(name="joining", components=rows | {"joining": joining_bytes(shape)})
        per_entry = _DENSE_ENTRY_BYTES if is_dense(shape) else _SPARSE_ENTRY_BYTES
        examples = {"examples": round(num_entries(shape) * per_entry)}
        learning = Regime(name="learning", components=examples, is_fed=False)
        return MemoryLaw(regimes=(joining, learning))

    def model_bytes(self, shape: ProblemShape) -> int:
        """Of napkinXC's files, an estimate."""
        return self._weight_bytes(shape) + _NODE_FILE_BYTES * shape.num_classes

    def served_terms(self, shape: ProblemShape) -> dict[str, int]:
        """All weights: 8 bytes each, as in their file."""
        return {TREES: self._weight_bytes(shape)}

    def opened_terms(self, shape: ProblemShape) -> dict[str, int]:
        """All weights."""
        return {TREES: self._weight_bytes(shape)}

    def search_terms(self, shape: ProblemShape) -> dict[str, int]:
        """A batch of answers as lists of Python, and its rows once more."""
        rows = 8 * features_per_example(shape)
        return {"answers as lists": round(shape.query_batch_size * (_LISTED_BYTES * shape.top_k + rows))}

    def works(self, shape: ProblemShape, num_examples: int) -> dict[str, Work]:
        """Learning, saving, opening, asking."""
        followed = self.num_children * self._levels(shape) + min(self.leaf_classes, shape.num_classes)
        asked = float(followed)
        form = "linear in levels of the tree + classes of a leaf"
        return {
            LEARN: self._learning(shape),
            SAVE: save_work(self.model_bytes(shape)),
            OPEN: open_work(self.model_bytes(shape)),
            QUERY: query_work(asked, form),
            BATCH_QUERY: batch_work(shape, asked, form),
        }

    def refusal(self, shape: ProblemShape) -> str | None:
        """Where learning would take longer than ``max_hours``."""
        return too_long(self.name, self._learning(shape), _SECONDS_PER_VALUE, self.max_hours)

    def _learning(self, shape: ProblemShape) -> Work:
        values = num_entries(shape) * self._levels(shape)
        form = "linear in values of all examples x levels of the tree"
        return learn_work(num_examples(shape), values, form)

    def _levels(self, shape: ProblemShape) -> float:
        """Of a tree down to the classes."""
        parted = max(1.0, shape.num_classes / self.leaf_classes)
        return 1.0 + math.log(parted, self.num_children)

    def _weight_bytes(self, shape: ProblemShape) -> int:
        per_feature = _DENSE_FILE_BYTES if is_dense(shape) else _SPARSE_FILE_BYTES
        return round(shape.num_classes * per_feature * features_per_example(shape))
