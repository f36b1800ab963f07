"""Settings of Parabel with omikuji, and its closed forms. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from xclass.classifiers.example_terms import (
    features_per_example,
    is_dense,
    num_entries,
    num_examples,
    num_features,
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
_ENTRY_BYTES, _CENTROID_ENTRY_BYTES = 42, 16
"""Of a value of the examples: its text, the parsed and the normalised value; of sparse ones besides in the
centroids of the classes. Source: peaks at 300 and 3000 classes of synthetic data, 1000 and 10,000 of
lemmas_1e4 of benchmarks/rivals_data; at 100,000 with one tree 662 MB for 705 (research/data_peers.md)."""
_FEATURE_BYTES = 24
"""Of a feature: dense vectors of the solver. Source: the same, 2**18 features."""
_FIXED_BYTES = 2 * MIB
_DENSE_FILE_BYTES, _SPARSE_FILE_BYTES = 5.1, 42.0
"""Of a class, tree and feature of an example: what is above ``prune_below``, as CBOR.

Source: 4.9 to 5.3 of synthetic data; 34, 50 and 45 at 300, 1000 and 10,000 classes of lemmas, 33 at 100,000.
"""
_HELD_SHARE = 1.41
"""Of trees in memory over their files: vectors of 8 bytes per weight that grow by doubling.

Source: resident bytes after loading 4.8 MB and 45 MB of files.
"""
_WRITTEN_BYTES = 200
"""Of a value of a batch on its way into text: numbers of Python, their places in lists, and the text."""
_LISTED_BYTES = 72
"""Of a value of a query as two numbers of Python in lists."""
_SECONDS_PER_VALUE = 3.5e-7
"""Of a value of the examples, a tree and a level of it.

Source: 1.6, 25.8 and 105 s for one tree at 1e4, 1e5 and 3e5 classes in research/data_peers.md: 3.0 to 3.7e-7.
"""


@dataclass(kw_only=True, slots=True)
class ParabelConfig(MethodTraits):
    """Balanced trees over the classes, an L2 hinge classifier for every branch."""

    name: ClassVar[str] = "parabel"
    implementation: ClassVar[str] = "xclass.classifiers.parabel.classifier:Parabel"
    server: ClassVar[str] = "xclass.classifiers.parabel.server:ParabelServer"
    engine: ClassVar[str] = "omikuji"
    server_engine: ClassVar[str] = "omikuji"
    takes: ClassVar[Takes] = Takes.features
    libraries: ClassVar[tuple[str, ...]] = ("omikuji",)
    extra: ClassVar[str | None] = "trees"
    is_estimate: ClassVar[bool] = True
    is_seeded: ClassVar[bool] = False
    fit_phase: ClassVar[str] = "build"
    sections: ClassVar[tuple[str, ...]] = ()

    num_trees: int = 3
    """Trees whose scores are averaged, 1 to 100."""
    num_children: int = 2
    """Clusters that a node's classes are parted into, 2 to 1024."""
    leaf_classes: int = 100
    """Classes from which on they are parted no more, 2 to 1e6."""
    regularisation: float = 1.0
    """C: what a training example on the wrong side costs; 1e-6 to 1e6."""
    prune_below: float = 0.1
    """Weights smaller than this in magnitude are dropped, 0 to 1."""
    max_iterations: int = 20
    """Of the solver, 1 to 1e6."""
    beam_size: int = 10
    """Nodes of a level that are followed when it answers, 1 to 1e4."""
    folder: str | None = None
    """For the examples as text, which omikuji reads; gone with the process. null: the working folder."""
    max_hours: float = MAX_HOURS
    """A size whose closed form of time says more is refused; 0.001 to 1e5."""

    def __post_init__(self) -> None:
        """Refuse what omikuji would not take.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        for key, low, high, default in (
            ("num_trees", 1, 100, 3),
            ("num_children", 2, 1024, 2),
            ("leaf_classes", 2, 10**6, 100),
            ("regularisation", 1e-6, 1e6, 1.0),
            ("prune_below", 0.0, 1.0, 0.1),
            ("max_iterations", 1, 10**6, 20),
            ("beam_size", 1, 10**4, 10),
            ("max_hours", 1e-3, 1e5, MAX_HOURS),
        ):
            check_setting(self.name, key, getattr(self, key), low, high, default)

    def memory_law(self, shape: ProblemShape) -> MemoryLaw:
        """Peak of the build phase: omikuji holds all examples; writing them for it is done by then.

        Memory: an estimate; ``42`` bytes per value of an example (58 of sparse ones), the trees, ``24 M``.
        """
        batch = shape.scan_batch_size * features_per_example(shape)
        writing = Regime(name="writing", components={"text": round(_WRITTEN_BYTES * batch)})
        per_entry = _ENTRY_BYTES + (0 if is_dense(shape) else _CENTROID_ENTRY_BYTES)
        examples = round(num_entries(shape) * per_entry) + _FIXED_BYTES
        solver = _FEATURE_BYTES * num_features(shape)
        learning = Regime(
            name="learning",
            components={"examples": examples, "solver": solver, TREES: self._tree_bytes(shape)},
            is_fed=False,
        )
        return MemoryLaw(regimes=(writing, learning))

    def model_bytes(self, shape: ProblemShape) -> int:
        """Of omikuji's files, an estimate."""
        per_feature = _DENSE_FILE_BYTES if is_dense(shape) else _SPARSE_FILE_BYTES
        return round(self.num_trees * shape.num_classes * per_feature * features_per_example(shape))

    def served_terms(self, shape: ProblemShape) -> dict[str, int]:
        """All trees."""
        return {TREES: self._tree_bytes(shape)}

    def opened_terms(self, shape: ProblemShape) -> dict[str, int]:
        """All trees."""
        return {TREES: self._tree_bytes(shape)}

    def search_terms(self, shape: ProblemShape) -> dict[str, int]:
        """A batch as lists of Python."""
        listed = _LISTED_BYTES * shape.query_batch_size * features_per_example(shape)
        return {"queries as lists": round(listed)}

    def works(self, shape: ProblemShape, num_examples: int) -> dict[str, Work]:
        """Learning, saving, opening, asking."""
        followed = self.num_children * self._levels(shape) + min(self.leaf_classes, shape.num_classes)
        asked = float(self.num_trees * self.beam_size * followed)
        form = "linear in trees x beam x (levels + classes of a leaf)"
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
        values = self.num_trees * num_entries(shape) * self._levels(shape)
        form = "linear in trees x values of all examples x levels of a tree"
        return learn_work(num_examples(shape), values, form)

    def _levels(self, shape: ProblemShape) -> float:
        """Of a tree down to the classes."""
        parted = max(1.0, shape.num_classes / self.leaf_classes)
        return 1.0 + math.log(parted, self.num_children)

    def _tree_bytes(self, shape: ProblemShape) -> int:
        return held_in_memory(self.model_bytes(shape))


def held_in_memory(file_bytes: int) -> int:
    """Of trees, from the bytes of their files."""
    return round(_HELD_SHARE * file_bytes)
